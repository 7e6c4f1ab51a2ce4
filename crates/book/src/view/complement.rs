//! [`Complement`]: the other outcome of a two-outcome market.

use super::{BookView, impl_copy};
use crate::units::{Level, Side, Ticks};

/// A NO book as a YES book, or the reverse. To buy one outcome at a price is to sell the other at `one` minus
/// that price, so the sides are swapped, and each price is `one - price`.
///
/// A level whose new price does not fit 64 bits is omitted. Prices from 0 to `one` always fit.
#[derive(Debug)]
pub struct Complement<'a, V> {
    view: &'a V,
    one: Ticks,
}

impl<'a, V> Complement<'a, V> {
    pub(super) const fn new(view: &'a V, one: Ticks) -> Self {
        Self { view, one }
    }
}

impl_copy!(Complement<V>);

impl<V: BookView> BookView for Complement<'_, V> {
    fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        let one = self.one.0;
        let levels = self.view.levels(side.opposite());
        levels.filter_map(move |level| {
            Some(Level {
                ticks: Ticks(one.checked_sub(level.ticks.0)?),
                ..level
            })
        })
    }

    fn covers(&self, side: Side) -> Option<Ticks> {
        let covers = self.view.covers(side.opposite())?;
        Some(if covers == side.opposite().worst_price() {
            side.worst_price()
        } else {
            self.one - covers
        })
    }
}
