//! Levels put together by a price step.

use core::iter::Peekable;

use super::BookView;
use crate::units::{Level, Lots, Side, Ticks};

/// A book whose levels are put together by a price step: each bid at the next multiple of the step
/// that is not above it, each ask at the next one that is not below it, so that a group never
/// shows a better price than its levels have.
///
/// Lots and counts are added; a sum that does not fit stays at the end of its range, and so does
/// the price of a group whose multiple is beyond it. A group of which the book does not cover all prices
/// is still shown, with what is known of it, and is beyond what the view covers.
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

impl<V> Clone for Grouped<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Grouped<'_, V> {}

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
        // The last group is known in part; the one before it is whole.
        Some(match side {
            Side::Bid => group + Ticks(self.step),
            Side::Ask => group - Ticks(self.step),
        })
    }
}

/// The price of the group that a price belongs to.
fn group(side: Side, step: i64, ticks: Ticks) -> Ticks {
    let over = ticks.0.rem_euclid(step);
    Ticks(match side {
        Side::Bid => ticks.0.saturating_sub(over),
        Side::Ask if over == 0 => ticks.0,
        Side::Ask => ticks.0.saturating_add(step - over),
    })
}

/// The levels of a side, put together by a price step, best first.
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
