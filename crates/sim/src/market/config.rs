//! What a market is like.

use ticklot_book::Ticks;

/// The character of a market. The two presets are [`MarketConfig::btcusdt`] and
/// [`MarketConfig::outcome`]; change single fields of them to get another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketConfig {
    /// The fair value at the start.
    pub fair: Ticks,
    /// The lowest price that an order may have.
    pub min: Ticks,
    /// The highest price that an order may have.
    pub max: Ticks,
    /// How many levels a side are shown. More rest behind them.
    pub depth: usize,
    /// How many levels a side may rest at all; the furthest make room.
    pub max_levels: usize,
    /// How many orders may rest at one price; the oldest makes room.
    pub max_orders: usize,
    /// How many orders a side the market tends to.
    pub orders: u32,
    /// The most things that happen in a step: arrivals, cancels and trades together. At least one
    /// does.
    pub events: u32,
    /// Out of a hundred events, how many are market orders.
    pub market_orders: u32,
    /// How far from the fair value a passive order stays at least, in ticks.
    pub gap: u32,
    /// The scale of the geometric distance beyond the gap, in ticks: with each further stretch of
    /// this length, orders are half as many.
    pub reach: u32,
    /// How hard the fair value is pushed in a step at most, in thousandths of a tick.
    pub volatility: u32,
    /// The smallest order, in lots.
    pub min_lots: u32,
    /// The largest order, in lots.
    pub max_lots: u32,
    /// Most order sizes are a multiple of this, in lots, as people like round numbers.
    pub grain: u32,
    /// How many trades are remembered.
    pub trades: usize,
    /// How many people trade. Each order is equally likely to be anyone's; how many there are
    /// changes nothing else.
    pub owners: u32,
}

impl MarketConfig {
    /// A busy spot pair: ticks of 0.01 USDT, lots of 0.000001 BTC, fair at about 66,800, twenty
    /// levels a side, orders of 0.001 to 3 BTC.
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

    /// One outcome of a prediction market: ticks of 0.01, lots of 0.01 shares, prices of 1 to 99
    /// ticks. Near an end of the range a side runs out of prices and the book becomes one-sided.
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
