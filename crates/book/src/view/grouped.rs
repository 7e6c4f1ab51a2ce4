//! [`Grouped`]: levels aggregated by a price step.

use core::iter::Peekable;

use super::{BookView, impl_copy};
use crate::units::{Level, Lots, Side, Ticks};

/// A book whose levels are aggregated by a price step. Bids round down to a multiple of the step and asks
/// round up, so a group never has a better price than its levels.
///
/// Lots and counts are added. Sums saturate, and so do the prices of groups. A group that the book covers
/// only in part contains the known levels, and is outside the coverage of the view.
#[derive(Debug)]
pub struct Grouped<'a, V> {
    view: &'a V,
    step: i64,
}

impl<'a, V> Grouped<'a, V> {
    pub(super) fn new(view: &'a V, step: Ticks) -> Self {
        Self {
            view,
            step: step.0.max(1),
        }
    }
}

impl_copy!(Grouped<V>);

impl<V: BookView> BookView for Grouped<'_, V> {
    fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        GroupedLevels {
            levels: self.view.levels(side).peekable(),
            side,
            step: self.step,
        }
    }

    fn covers(&self, side: Side) -> Option<Ticks> {
        let covers = self.view.covers(side)?;
        let group = group(side, self.step, covers);
        if group == covers || covers == side.worst_price() {
            return Some(covers);
        }
        // The last group is covered in part, the previous one completely.
        Some(match side {
            Side::Bid => group + Ticks(self.step),
            Side::Ask => group - Ticks(self.step),
        })
    }
}

/// The price of the group that contains a price.
fn group(side: Side, step: i64, ticks: Ticks) -> Ticks {
    let over = ticks.0.rem_euclid(step);
    Ticks(match side {
        Side::Bid => ticks.0.saturating_sub(over),
        Side::Ask if over == 0 => ticks.0,
        Side::Ask => ticks.0.saturating_add(step - over),
    })
}

/// The levels of a side, aggregated by a price step, best first.
#[derive(Clone, Debug)]
pub struct GroupedLevels<I: Iterator<Item = Level>> {
    levels: Peekable<I>,
    side: Side,
    step: i64,
}

impl<I: Iterator<Item = Level>> Iterator for GroupedLevels<I> {
    type Item = Level;

    fn next(&mut self) -> Option<Level> {
        let first = self.levels.next()?;
        let ticks = group(self.side, self.step, first.ticks);
        let mut all = Level { ticks, ..first };
        let same = |level: &Level| group(self.side, self.step, level.ticks) == ticks;
        while let Some(level) = self.levels.next_if(same) {
            all.lots = Lots(all.lots.0.saturating_add(level.lots.0));
            all.count = all.count.saturating_add(level.count);
        }
        Some(all)
    }
}
