//! Orders, their owners, and what becomes of both when they meet.

use ticklot_book::{Lots, Side, Ticks};

/// Who an order belongs to: a number from 0, below [`MarketConfig::owners`].
///
/// [`MarketConfig::owners`]: super::MarketConfig::owners
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub u32);

/// An order, as it stood at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its number in its market, from 1, in the order of arrival.
    pub id: u64,
    /// Whose it is.
    pub owner: Owner,
    /// Whether it buys or sells.
    pub side: Side,
    /// The worst price that it takes; none for a market order.
    pub limit: Option<Ticks>,
    /// How much was wanted.
    pub lots: Lots,
    /// How much of that was filled so far.
    pub filled: Lots,
    /// The sum of ticks times lots over its fills.
    pub paid: i128,
    /// When it arrived, in milliseconds since the epoch; 0 for one that was there from the start.
    pub created_ms: u64,
}

impl Order {
    /// How much is still wanted.
    #[must_use]
    pub fn left(&self) -> Lots {
        self.lots - self.filled
    }

    pub(super) fn fill(&mut self, ticks: Ticks, lots: Lots) {
        self.filled = self.filled + lots;
        self.paid += i128::from(ticks.0) * i128::from(lots.0);
    }
}

/// A fill: two orders met. Both are as they stood right after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The price: the resting order's.
    pub ticks: Ticks,
    /// The quantity.
    pub lots: Lots,
    /// The order that rested.
    pub maker: Order,
    /// The order that arrived.
    pub taker: Order,
}
