//! A book without one's own orders.

use super::BookView;
use crate::units::{Level, Lots, Side, Ticks};

/// What the others have in the book: one's own resting orders are taken out of it.
///
/// Own orders are levels of their own: price, lots, and how many orders (0 counts as one where the book
/// has counts). Several at one price are added up. Where they are as much as the book shows,
/// or more since the book has not heard of a fill yet, the level is gone.
///
/// Each level read walks the own orders of its side once; they are few.
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

impl<V> Clone for WithoutOwn<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for WithoutOwn<'_, V> {}

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

/// What others have at a level; none when they have nothing.
fn without(level: Level, own: &[Level]) -> Option<Level> {
    let (mut lots, mut count) = (level.lots, level.count);
    // An own order of no lots, or of less, is none.
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
