//! The parameters of a market.

use ticklot_book::Ticks;

/// The parameters of a market. Start from one of the presets, [`MarketConfig::btcusdt`] and [`MarketConfig::outcome`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketConfig {
    /// The initial fair value.
    pub fair: Ticks,
    /// The lowest valid price of an order.
    pub min: Ticks,
    /// The highest valid price of an order.
    pub max: Ticks,
    /// The number of published levels per side. Further levels may rest behind them.
    pub depth: usize,
    /// The maximum number of levels per side. Excess levels are evicted from the far end.
    pub max_levels: usize,
    /// The maximum number of orders per level. The oldest excess order is evicted.
    pub max_orders: usize,
    /// The equilibrium number of orders per side.
    pub orders: u32,
    /// The maximum number of events in a step: arrivals, cancels and market orders. The minimum is one.
    pub events: u32,
    /// The percentage of events that are market orders.
    pub market_orders: u32,
    /// The minimum distance of a passive order from the fair value, in ticks.
    pub gap: u32,
    /// The scale of the geometric distance beyond the gap, in ticks: the number of orders halves every `reach` ticks.
    pub reach: u32,
    /// The maximum random change of the fair value's velocity per step, in thousandths of a tick.
    pub volatility: u32,
    /// The smallest order, in lots.
    pub min_lots: u32,
    /// The largest order, in lots.
    pub max_lots: u32,
    /// Most order sizes are multiples of this, in lots.
    pub grain: u32,
    /// The number of trades in a [`View`](super::View).
    pub trades: usize,
    /// The number of simulated traders. Each order belongs to any of them with equal probability. It has no other
    /// effect.
    pub owners: u32,
}

impl MarketConfig {
    /// A busy spot pair: ticks of 0.01 USDT, lots of 0.000001 BTC, a fair value of 66,800, twenty levels per side, and
    /// orders of 0.001 to 3 BTC.
    #[must_use]
    pub fn btcusdt() -> Self {
        Self {
            fair: Ticks(6_680_000),
            min: Ticks(1_000_000),
            max: Ticks(20_000_000),
            depth: 20,
            max_levels: 120,
            max_orders: 40,
            orders: 240,
            events: 32,
            market_orders: 6,
            gap: 2,
            reach: 90,
            volatility: 9_000,
            min_lots: 1_000,
            max_lots: 3_000_000,
            grain: 500,
            trades: 20,
            owners: 6,
        }
    }

    /// One outcome of a prediction market: ticks of 0.01, lots of 0.01 shares, and prices of 1 to 99 ticks. Near an
    /// end of the range, the book may become one-sided.
    #[must_use]
    pub fn outcome(fair: Ticks) -> Self {
        Self {
            fair,
            min: Ticks(1),
            max: Ticks(99),
            depth: 20,
            max_levels: 99,
            max_orders: 40,
            orders: 45,
            events: 8,
            market_orders: 8,
            gap: 1,
            reach: 5,
            volatility: 60,
            min_lots: 100,
            max_lots: 200_000,
            grain: 100,
            trades: 20,
            owners: 6,
        }
    }
}
