//! [`WithoutOwn`]: a book without the caller's own orders.

use super::{BookView, impl_copy};
use crate::units::{Level, Lots, Side, Ticks};

/// A book without the caller's own resting orders.
///
/// Own orders are given as levels: price, lots and number of orders, where 0 counts as one order if the book
/// has counts. Several entries at one price are added. A level is removed when the own orders have all its
/// lots, or more, because the book may not contain the last fill yet.
///
/// Each level of the iteration scans the own orders of its side, which should be few.
#[derive(Debug)]
pub struct WithoutOwn<'a, V> {
    view: &'a V,
    bids: &'a [Level],
    asks: &'a [Level],
}

impl<'a, V> WithoutOwn<'a, V> {
    pub(super) const fn new(view: &'a V, bids: &'a [Level], asks: &'a [Level]) -> Self {
        Self { view, bids, asks }
    }
}

impl_copy!(WithoutOwn<V>);

impl<V: BookView> BookView for WithoutOwn<'_, V> {
    fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        let own = match side {
            Side::Bid => self.bids,
            Side::Ask => self.asks,
        };
        let levels = self.view.levels(side);
        levels.filter_map(move |level| without(level, own))
    }

    fn covers(&self, side: Side) -> Option<Ticks> {
        self.view.covers(side)
    }
}

/// A level without own orders; `None` if nothing remains.
fn without(level: Level, own: &[Level]) -> Option<Level> {
    let (mut lots, mut count) = (level.lots, level.count);
    // Own orders of zero or negative lots are ignored.
    let here = own
        .iter()
        .filter(|o| o.ticks == level.ticks && o.lots > Lots(0));
    for own in here {
        lots = lots - own.lots;
        count = count.saturating_sub(own.count.max(1));
    }
    (lots > Lots(0)).then_some(Level {
        lots,
        count,
        ..level
    })
}
