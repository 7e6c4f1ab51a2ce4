//! A market of individual orders, moved by a seed and nothing else.
//!
//! Orders arrive at a geometric distance from a slowly wandering fair value, join prices that are
//! there already, leave again, or come as market orders and trade through the levels. A passive
//! order whose price the other side has already reached trades instead of resting, so that the
//! book never crosses; this is also how prices move: once the fair value has left the old orders
//! behind, new ones trade them away. Every order has an owner; nothing keeps one from trading
//! with himself.
//!
//! Everything is an integer and every draw comes from one generator: two markets with the same
//! configuration, seed and times are the same, order for order.

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
const CROWD: u64 = 0xc20d_0000_0000_c20d;

/// A trade: an arriving order met resting ones at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The price: the resting order's.
    pub ticks: Ticks,
    /// The quantity.
    pub lots: Lots,
    /// The side of the order that arrived: [`Side::Bid`] for a BUY.
    pub taker: Side,
    /// When, in milliseconds since the epoch.
    pub created_ms: u64,
}

/// What a market shows of itself: the top levels and the last trades.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The buyers' levels, highest first.
    pub bids: Vec<Level>,
    /// The sellers' levels, lowest first.
    pub asks: Vec<Level>,
    /// The last trades, newest first.
    pub trades: Vec<Trade>,
}

/// Where all the lots went: what ever rested is resting still, was cancelled or was traded away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Lots that came to rest.
    pub rested: i64,
    /// Lots that left without a trade.
    pub cancelled: i64,
    /// Lots that were traded away.
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
    /// The orders that left in the last step without being filled whole.
    cancelled: Vec<Order>,
    /// How many orders have arrived.
    arrived: u64,
    /// Decides whose an order is: apart from the other draws, so that the number of owners does
    /// not change the market.
    crowd: fastrand::Rng,
}

impl Market {
    /// A market that has its orders resting and has not traded yet.
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
            crowd: fastrand::Rng::with_seed(seed ^ CROWD),
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

    /// Lets a step's worth of things happen, at `now_ms` milliseconds since the epoch. The time
    /// stamps the trades; it moves nothing.
    pub fn step(&mut self, now_ms: u64) {
        self.fair.drift(&mut self.rng);
        self.happen(now_ms);
    }

    /// The fair value, to the tick.
    #[must_use]
    pub fn fair(&self) -> Ticks {
        self.fair.ticks()
    }

    /// The best price of a side; none when the side is empty.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Ticks> {
        self.ladder(side).best()
    }

    /// All that rests on a side, in lots, shown or not.
    #[must_use]
    pub fn resting(&self, side: Side) -> i64 {
        self.ladder(side).lots()
    }

    /// Where all the lots went.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// What was filled since the last step began, in the order it happened: one fill for each
    /// resting order that an arriving one met. A [`Trade`] sums up those of one arriving order at
    /// one price.
    #[must_use]
    pub fn fills(&self) -> &[Fill] {
        &self.fills
    }

    /// The orders that left since the last step began without being filled whole, as they then
    /// stood: taken back by their owners, or pushed out by the limits of a side.
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

    /// What the market shows of itself now.
    #[must_use]
    pub fn view(&self) -> View {
        View {
            bids: self.levels(Side::Bid).collect(),
            asks: self.levels(Side::Ask).collect(),
            trades: self.trades.iter().copied().collect(),
        }
    }

    /// A step whose fair value comes from outside.
    fn follow(&mut self, fair: Ticks, now_ms: u64) {
        self.fair.set(fair);
        self.happen(now_ms);
    }

    fn happen(&mut self, now_ms: u64) {
        self.fills.clear();
        self.cancelled.clear();
        for _ in 0..self.rng.u32(1..=self.config.events.max(1)) {
            self.event(now_ms);
        }
    }

    /// One arrival, cancel or market order. The more orders rest, the likelier a cancel: around
    /// the wanted number arrivals and departures balance.
    fn event(&mut self, now_ms: u64) {
        let side = if self.rng.bool() {
            Side::Bid
        } else {
            Side::Ask
        };
        let dice = self.rng.u32(0..100);
        if dice < self.config.market_orders {
            let lots = self.size();
            let mut order = self.order(side, None, lots, now_ms);
            self.trade(&mut order, now_ms);
        } else if dice
            < self
                .config
                .market_orders
                .saturating_add(self.cancel_chance(side))
        {
            self.cancel(side);
        } else {
            self.arrive(side, now_ms);
        }
    }

    /// Out of a hundred: 45 at the wanted number of orders, never more than 80.
    fn cancel_chance(&self, side: Side) -> u32 {
        let orders = u32::try_from(self.ladder(side).orders()).unwrap_or(u32::MAX);
        (orders.saturating_mul(45) / self.config.orders.max(1)).min(80)
    }

    fn cancel(&mut self, side: Side) {
        let levels = self.ladder(side).len();
        if levels > 0 {
            let (place, order) = (self.cancel_place(levels), self.rng.usize(..));
            if let Some(order) = self.ladder_mut(side).cancel(place, order) {
                self.leave(order);
            }
        }
    }

    /// Keeps account of an order that has left without a trade.
    fn leave(&mut self, order: Order) {
        self.totals.cancelled += order.left().0;
        self.cancelled.push(order);
    }

    /// Half of the cancels are of quotes near the touch, whose owners change their minds most.
    fn cancel_place(&mut self, levels: usize) -> usize {
        if self.rng.bool() {
            return self.rng.usize(0..levels);
        }
        let place = usize::try_from(self.geometric(4)).unwrap_or(0);
        place.min(levels - 1)
    }

    /// A limit order: what the other side meets trades, the rest of it rests.
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

    /// Puts what is left of a limit order into the book.
    fn rest(&mut self, ticks: Ticks, order: Order) {
        let left = order.left();
        if left > Lots(0) {
            self.totals.rested += left.0;
            let mut gone = Vec::new();
            self.ladder_mut(order.side).rest(ticks, order, &mut gone);
            gone.into_iter().for_each(|order| self.leave(order));
        }
    }

    /// A new order of somebody's.
    fn order(&mut self, side: Side, limit: Option<Ticks>, lots: i64, created_ms: u64) -> Order {
        self.arrived += 1;
        Order {
            id: self.arrived,
            owner: Owner(self.crowd.u32(0..self.config.owners.max(1))),
            side,
            limit,
            lots: Lots(lots),
            filled: Lots(0),
            paid: 0,
            created_ms,
        }
    }

    /// Trades an order against the other side. What it met at one price is one trade.
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

    /// Where an arriving order wants to be: a sixth of them join a price near the touch, the
    /// others keep their distance from the fair value.
    fn price(&mut self, side: Side) -> Ticks {
        if self.rng.u32(0..6) == 0 {
            let place = self.geometric(5);
            let place = usize::try_from(place).unwrap_or(0);
            if let Some(ticks) = self.ladder(side).ticks_at(place) {
                return ticks;
            }
        }
        let away = i64::from(self.config.gap) + self.geometric(self.config.reach);
        match side {
            Side::Bid => Ticks(self.fair().0 - away),
            Side::Ask => Ticks(self.fair().0 + away),
        }
    }

    /// A distance: even within a stretch of `reach`, half as likely with each further stretch.
    fn geometric(&mut self, reach: u32) -> i64 {
        let reach = i64::from(reach.max(1));
        let mut distance = self.rng.i64(0..reach);
        while self.rng.bool() {
            distance += reach;
        }
        distance
    }

    /// An order's lots: many small ones, few large ones, most of them round.
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
