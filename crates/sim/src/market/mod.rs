//! A simulated market of individual orders, which a seed determines.
//!
//! The fair value follows a slow random walk. Limit orders arrive at a geometric distance from it or join existing
//! levels, and random orders are cancelled. Market orders trade against the best levels. A limit order that crosses
//! the other side trades first, so that the book never crosses. When the fair value has moved, new orders trade
//! against old ones, which moves the touch. Every order has an owner, who may trade with itself.
//!
//! All numbers are integers, and all random numbers come from seeded generators. Two markets with equal
//! configurations, seeds and times contain equal orders.
//!
//! ```
//! use ticklot_sim::Market;
//!
//! let mut market = Market::btcusdt(7);
//! market.step(1_700_000_000_000);
//! let view = market.view();
//! assert!(view.bids[0].ticks < view.asks[0].ticks);
//! ```

mod config;
mod external_orders;
mod fair_value;
mod ladder;
mod order;
mod pair;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use ticklot_book::{Level, Lots, Side, Ticks};

pub use self::config::MarketConfig;
pub(crate) use self::fair_value::FairValue;
use self::ladder::Ladder;
pub use self::order::{Fill, Order, Owner};
pub use self::pair::OutcomePair;

/// Separates the random numbers of owners from the others.
const OWNER_SALT: u64 = 0xc20d_0000_0000_c20d;

/// A trade of an arriving order against the resting orders at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The price: the resting order's.
    pub ticks: Ticks,
    /// The quantity.
    pub lots: Lots,
    /// The side of the arriving order: [`Side::Bid`] for a BUY.
    pub taker: Side,
    /// The time of the trade, in milliseconds since the epoch.
    pub created_ms: u64,
}

/// The published state of a market: the top levels and the last trades.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The bid levels, highest first.
    pub bids: Vec<Level>,
    /// The ask levels, lowest first.
    pub asks: Vec<Level>,
    /// The last trades, newest first.
    pub trades: Vec<Trade>,
}

/// The total lots of a market. `rested` is the sum of `cancelled`, `traded` and the lots that still rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Lots of orders that rested.
    pub rested: i64,
    /// Rested lots that were cancelled or evicted.
    pub cancelled: i64,
    /// Rested lots that were traded.
    pub traded: i64,
}

/// One order-driven market. See the [module](self).
#[derive(Clone, Debug)]
pub struct Market {
    config: MarketConfig,
    rng: fastrand::Rng,
    fair: FairValue,
    bids: Ladder,
    asks: Ladder,
    trades: VecDeque<Trade>,
    totals: Totals,
    /// The fills of the last step.
    fills: Vec<Fill>,
    /// The orders that were cancelled or evicted in the last step.
    cancelled: Vec<Order>,
    /// The number of orders so far.
    arrived: u64,
    /// Draws the owners. Independent of `rng`, so that the number of owners does not affect the market.
    owner_rng: fastrand::Rng,
}

impl Market {
    /// Creates a market with resting orders.
    #[must_use]
    pub fn new(config: MarketConfig, seed: u64) -> Self {
        let ladder = |side| Ladder::new(side, config.max_levels, config.max_orders);
        let mut market = Self {
            rng: fastrand::Rng::with_seed(seed),
            fair: FairValue::new(config.fair, config.min, config.max, config.volatility),
            bids: ladder(Side::Bid),
            asks: ladder(Side::Ask),
            trades: VecDeque::new(),
            totals: Totals::default(),
            fills: Vec::new(),
            cancelled: Vec::new(),
            arrived: 0,
            owner_rng: fastrand::Rng::with_seed(seed ^ OWNER_SALT),
            config,
        };
        for _ in 0..market.config.orders {
            market.arrive(Side::Bid, 0);
            market.arrive(Side::Ask, 0);
        }
        market.cancelled.clear();
        market
    }

    /// The preset [`MarketConfig::btcusdt`].
    #[must_use]
    pub fn btcusdt(seed: u64) -> Self {
        Self::new(MarketConfig::btcusdt(), seed)
    }

    /// Makes a step of one or more random events at `now_ms` milliseconds since the epoch. The time only stamps orders
    /// and trades.
    pub fn step(&mut self, now_ms: u64) {
        self.fair.drift(&mut self.rng);
        self.run_events(now_ms);
    }

    /// The fair value, rounded to ticks.
    #[must_use]
    pub fn fair(&self) -> Ticks {
        self.fair.ticks()
    }

    /// The best price of a side. `None` if the side is empty.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Ticks> {
        self.ladder(side).best()
    }

    /// The resting lots of a side, at all levels.
    #[must_use]
    pub fn resting(&self, side: Side) -> i64 {
        self.ladder(side).lots()
    }

    /// The total lots since the market was created.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The fills since the start of the last step, in order: one per matched resting order. A [`Trade`] combines the
    /// fills of one arriving order at one price.
    #[must_use]
    pub fn fills(&self) -> &[Fill] {
        &self.fills
    }

    /// The orders that were cancelled or evicted since the start of the last step, in their final state.
    #[must_use]
    pub fn cancelled(&self) -> &[Order] {
        &self.cancelled
    }

    /// The last trades, newest first.
    pub fn trades(&self) -> impl Iterator<Item = &Trade> {
        self.trades.iter()
    }

    /// The top levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        self.ladder(side).levels().take(self.config.depth)
    }

    /// The published state: the top levels and the last trades.
    #[must_use]
    pub fn view(&self) -> View {
        View {
            bids: self.levels(Side::Bid).collect(),
            asks: self.levels(Side::Ask).collect(),
            trades: self.trades.iter().copied().collect(),
        }
    }

    /// Makes a step with a given fair value.
    fn step_at(&mut self, fair: Ticks, now_ms: u64) {
        self.fair.set(fair);
        self.run_events(now_ms);
    }

    fn run_events(&mut self, now_ms: u64) {
        self.fills.clear();
        self.cancelled.clear();
        for _ in 0..self.rng.u32(1..=self.config.events.max(1)) {
            self.event(now_ms);
        }
    }

    /// One arrival, cancel or market order. The probability of a cancel increases with the number of resting orders,
    /// so that arrivals and departures balance at the configured number.
    fn event(&mut self, now_ms: u64) {
        let side = [Side::Ask, Side::Bid][usize::from(self.rng.bool())];
        let draw = self.rng.u32(0..100);
        let market_orders = self.config.market_orders;
        if draw < market_orders {
            let lots = self.size();
            let mut order = self.order(side, None, lots, now_ms);
            self.trade(&mut order, now_ms);
        } else if draw < market_orders.saturating_add(self.cancel_chance(side)) {
            self.cancel(side);
        } else {
            self.arrive(side, now_ms);
        }
    }

    /// The percentage of events that are cancels: 45 at the configured number of orders, at most 80.
    fn cancel_chance(&self, side: Side) -> u32 {
        let orders = u32::try_from(self.ladder(side).orders()).unwrap_or(u32::MAX);
        (orders.saturating_mul(45) / self.config.orders.max(1)).min(80)
    }

    fn cancel(&mut self, side: Side) {
        let levels = self.ladder(side).len();
        if levels > 0 {
            let (level, order) = (self.cancel_level(levels), self.rng.usize(..));
            if let Some(order) = self.ladder_mut(side).cancel(level, order) {
                self.record_cancel(order);
            }
        }
    }

    /// Records an order that was cancelled or evicted.
    fn record_cancel(&mut self, order: Order) {
        self.totals.cancelled += order.left().0;
        self.cancelled.push(order);
    }

    /// The level of a cancel: near the touch for half of them, uniform for the others.
    fn cancel_level(&mut self, levels: usize) -> usize {
        if self.rng.bool() {
            return self.rng.usize(0..levels);
        }
        let level = usize::try_from(self.geometric(4)).unwrap_or(0);
        level.min(levels - 1)
    }

    /// Adds a limit order. It trades against the other side, and the unfilled part rests.
    fn arrive(&mut self, side: Side, now_ms: u64) {
        let ticks = self.price(side);
        let lots = self.size();
        if ticks < self.config.min || ticks > self.config.max {
            return;
        }
        let mut order = self.order(side, Some(ticks), lots, now_ms);
        self.trade(&mut order, now_ms);
        self.rest(ticks, order);
    }

    /// Adds the unfilled part of a limit order to the book.
    fn rest(&mut self, ticks: Ticks, order: Order) {
        let left = order.left();
        if left > Lots(0) {
            self.totals.rested += left.0;
            let mut evicted = Vec::new();
            self.ladder_mut(order.side).rest(ticks, order, &mut evicted);
            evicted.into_iter().for_each(|it| self.record_cancel(it));
        }
    }

    /// A new order with a random owner.
    fn order(&mut self, side: Side, limit: Option<Ticks>, lots: i64, created_ms: u64) -> Order {
        self.arrived += 1;
        Order {
            id: self.arrived,
            owner: Owner(self.owner_rng.u32(0..self.config.owners.max(1))),
            side,
            limit,
            lots: Lots(lots),
            filled: Lots(0),
            paid: 0,
            created_ms,
        }
    }

    /// Trades an order against the other side. Its fills at one price are one trade.
    fn trade(&mut self, order: &mut Order, now_ms: u64) {
        let mut fills = std::mem::take(&mut self.fills);
        let before = fills.len();
        self.ladder_mut(order.side.opposite())
            .take(order, &mut fills);
        for fills in fills[before..].chunk_by(|a, b| a.ticks == b.ticks) {
            let lots = fills.iter().map(|fill| fill.lots.0).sum();
            self.totals.traded += lots;
            self.trades.push_front(Trade {
                ticks: fills[0].ticks,
                lots: Lots(lots),
                taker: order.side,
                created_ms: now_ms,
            });
        }
        self.trades.truncate(self.config.trades);
        self.fills = fills;
    }

    /// The price of an arriving order. A sixth of them join a level near the touch. The others are placed relative to
    /// the fair value.
    fn price(&mut self, side: Side) -> Ticks {
        if self.rng.u32(0..6) == 0 {
            let level = usize::try_from(self.geometric(5)).unwrap_or(0);
            if let Some(ticks) = self.ladder(side).ticks_at(level) {
                return ticks;
            }
        }
        let away = i64::from(self.config.gap) + self.geometric(self.config.reach);
        match side {
            Side::Bid => Ticks(self.fair().0 - away),
            Side::Ask => Ticks(self.fair().0 + away),
        }
    }

    /// A distance that is uniform within a range of `reach`. Each further range is half as likely.
    fn geometric(&mut self, reach: u32) -> i64 {
        let reach = i64::from(reach.max(1));
        let mut distance = self.rng.i64(0..reach);
        while self.rng.bool() {
            distance += reach;
        }
        distance
    }

    /// The lots of an order. Small ones are more likely than large ones, and most are multiples of the grain.
    fn size(&mut self) -> i64 {
        let (min, max) = (self.config.min_lots.max(1), self.config.max_lots);
        let range = i64::from(max.saturating_sub(min));
        let u = self.rng.i64(0..=1_000);
        let lots = i64::from(min) + range * (u * u * u) / 1_000_000_000;
        let grain = i64::from(self.config.grain.max(1));
        if self.rng.u32(0..4) == 0 || lots < grain {
            lots
        } else {
            lots - lots % grain
        }
    }

    fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }

    fn ladder_mut(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        }
    }
}
