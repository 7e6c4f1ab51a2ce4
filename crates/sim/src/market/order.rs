//! Orders, owners and fills.

use ticklot_book::{Lots, Side, Ticks};

/// The owner of an order. Simulated traders have the numbers below
/// [`MarketConfig::owners`](super::MarketConfig::owners).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub u32);

/// The state of an order at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its number in its market, from 1, in the order of arrival.
    pub id: u64,
    /// The owner.
    pub owner: Owner,
    /// The side.
    pub side: Side,
    /// The limit price. `None` for a market order.
    pub limit: Option<Ticks>,
    /// The quantity.
    pub lots: Lots,
    /// The filled quantity.
    pub filled: Lots,
    /// The sum of ticks times lots over its fills.
    pub paid: i128,
    /// When it arrived, in milliseconds since the epoch. 0 for an initial order of the market.
    pub created_ms: u64,
}

impl Order {
    /// The unfilled quantity.
    #[must_use]
    pub fn left(&self) -> Lots {
        self.lots - self.filled
    }

    pub(super) fn fill(&mut self, ticks: Ticks, lots: Lots) {
        self.filled = self.filled + lots;
        self.paid += i128::from(ticks.0) * i128::from(lots.0);
    }
}

/// A fill of two orders, in their states after the fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The price: the resting order's.
    pub ticks: Ticks,
    /// The quantity.
    pub lots: Lots,
    /// The resting order.
    pub maker: Order,
    /// The arriving order.
    pub taker: Order,
}
