//! The server: a random market for each symbol, and the connections of clients.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use ticklot_book::{Level, Lots, Nanos, Ticks};
use ticklot_sim::{Outgoing, Session, Timestamps};

use super::{CHECKSUM_LEVELS, DELTA, SYMBOLS};

/// The minimum and maximum number of levels of a side.
const DEPTH: std::ops::Range<usize> = 20..40;

/// At least one change of a delta is among this many best levels. The checksum covers it even if the delta's other changes
/// insert better levels.
const NEAR: usize = 5;

/// The maximum number of changes in a step.
const CHANGES: u32 = 5;

/// A quiet market moves once in this many steps on average.
const QUIET: u32 = 40;

/// The configuration of a server.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Config {
    pub(in super::super) seed: u64,
    /// The update id of its markets at the start.
    pub(in super::super) number: u64,
    /// Which markets move rarely.
    pub(in super::super) quiet: [bool; 2],
    /// Snapshots are served over HTTP and not on the connection.
    pub(in super::super) by_http: bool,
    /// The interval of its WebSocket pings.
    pub(in super::super) ping_every: Duration,
}

type Markets = Rc<RefCell<[Market; 2]>>;

/// The exchange: the two markets, shared by all clients.
#[derive(Debug)]
pub(in super::super) struct Exchange {
    config: Config,
    markets: Markets,
}

impl Exchange {
    pub(in super::super) fn new(config: Config) -> Self {
        let market = |index| Market::new(index, &config);
        Self {
            markets: Rc::new(RefCell::new([0, 1].map(market))),
            config,
        }
    }

    /// Advances the markets by a step.
    pub(in super::super) fn step(&mut self) {
        self.markets.borrow_mut().iter_mut().for_each(Market::step);
    }

    /// Accepts a connection.
    pub(in super::super) fn upgrade(&self, now: Timestamps) -> Box<dyn Session> {
        Box::new(Client {
            markets: Rc::clone(&self.markets),
            config: self.config,
            next: [None; 2],
            queue: VecDeque::new(),
            ping_at: now.at.after(self.config.ping_every),
        })
    }

    /// The response to an HTTP request.
    pub(in super::super) fn get(&self, target: &str) -> Option<String> {
        let markets = self.markets.borrow();
        let query = target.strip_prefix("/depth?symbol=")?;
        let index = index_of(query.split('&').next()?)?;
        Some(markets[index].snapshot())
    }

    /// Calls `each` with each symbol, its update id and its levels, best first.
    pub(in super::super) fn books(&self, mut each: impl FnMut(&'static str, u64, [Vec<Level>; 2])) {
        for market in self.markets.borrow().iter() {
            let level = |(ticks, lots)| Level::new(Ticks(ticks), Lots(lots));
            let side = |side| market.levels(side).map(level).collect();
            each(market.symbol, market.number, [0, 1].map(side));
        }
    }
}

fn index_of(symbol: &str) -> Option<usize> {
    SYMBOLS.iter().position(|it| *it == symbol)
}

/// A market: bids and asks that never cross.
#[derive(Debug)]
struct Market {
    symbol: &'static str,
    rng: fastrand::Rng,
    is_quiet: bool,
    /// The lots at each price.
    sides: [BTreeMap<i64, i64>; 2],
    number: u64,
    /// The messages of all deltas, by update id.
    log: BTreeMap<u64, String>,
}

impl Market {
    fn new(index: usize, config: &Config) -> Self {
        let mut rng = fastrand::Rng::with_seed(config.seed ^ index as u64);
        let middle = rng.i64(50_000..60_000);
        let mut side = |sign: i64| {
            let levels = (1..30).map(|n| (middle + sign * 2 * n, rng.i64(1..1_000)));
            levels.collect()
        };
        Self {
            symbol: SYMBOLS[index],
            sides: [side(-1), side(1)],
            rng,
            is_quiet: config.quiet[index],
            number: config.number,
            log: BTreeMap::new(),
        }
    }

    /// The levels of a side, best first.
    fn levels(&self, side: usize) -> Box<dyn Iterator<Item = (i64, i64)> + '_> {
        let levels = self.sides[side].iter().map(|(ticks, lots)| (*ticks, *lots));
        match side {
            0 => Box::new(levels.rev()),
            _ => Box::new(levels),
        }
    }

    /// Changes a few levels, each at most once.
    fn step(&mut self) {
        if self.is_quiet && self.rng.u32(0..QUIET) > 0 {
            return;
        }
        let mut changes: [Vec<(i64, i64)>; 2] = Default::default();
        for n in 0..self.rng.u32(1..=CHANGES) {
            let side = self.rng.usize(0..2);
            let (ticks, lots) = self.draw(side, n == 0);
            if changes[side].iter().all(|(other, _)| *other != ticks) {
                self.set(side, ticks, lots);
                changes[side].push((ticks, lots));
            }
        }
        self.number += 1;
        let number = self.number;
        let kind = format!(r#"{DELTA},"U":{number},"u":{number}"#);
        let text = self.message(&kind, ["b", "a"], changes.map(Vec::into_iter));
        self.log.insert(self.number, text);
    }

    fn set(&mut self, side: usize, ticks: i64, lots: i64) {
        match lots {
            0 => self.sides[side].remove(&ticks),
            _ => self.sides[side].insert(ticks, lots),
        };
    }

    /// A random change: of a level's lots, the removal of a level, or a new level.
    fn draw(&mut self, side: usize, is_near: bool) -> (i64, i64) {
        let levels: Vec<_> = self.levels(side).collect();
        let reach = if is_near { NEAR } else { levels.len() };
        let (ticks, old) = levels[self.rng.usize(0..reach)];
        let lots = old % 1_000 + self.rng.i64(1..1_000);
        match self.rng.u32(0..4) {
            0 if levels.len() > DEPTH.start => (ticks, 0),
            1 if levels.len() < DEPTH.end => {
                let new = self.new_price(side, is_near, &levels);
                (new.unwrap_or(ticks), lots)
            }
            _ => (ticks, lots),
        }
    }

    /// A price without a level: inside the spread, or worse than all others, sometimes by far.
    fn new_price(&mut self, side: usize, is_near: bool, levels: &[(i64, i64)]) -> Option<i64> {
        let inward = if side == 0 { 1 } else { -1 };
        if !is_near {
            let most = if self.rng.u32(0..8) == 0 { 5_000 } else { 10 };
            let (worst, _) = levels.last()?;
            return Some(worst - inward * self.rng.i64(1..most));
        }
        let (best, other) = (levels.first()?.0, self.levels(1 - side).next()?.0);
        let room = (other - best).abs() - 1;
        (room > 0).then(|| best + inward * self.rng.i64(1..=room.min(3)))
    }

    fn snapshot(&self) -> String {
        let kind = format!(r#"{{"e":"snapshot","lastUpdateId":{}"#, self.number);
        let sides = [0, 1].map(|side| self.levels(side));
        self.message(&kind, ["bids", "asks"], sides)
    }

    fn message(
        &self,
        kind: &str,
        names: [&str; 2],
        sides: [impl Iterator<Item = (i64, i64)>; 2],
    ) -> String {
        let mut text = format!(r#"{kind},"s":"{}","c":{}"#, self.symbol, self.checksum());
        for (name, side) in names.into_iter().zip(sides) {
            let level = |(ticks, lots)| format!(r#"["{ticks}","{lots}"]"#);
            let levels: Vec<_> = side.map(level).collect();
            text += &format!(r#","{name}":[{}]"#, levels.join(","));
        }
        text + "}"
    }

    fn checksum(&self) -> u32 {
        let mut digits = String::new();
        for side in [1, 0] {
            for (ticks, lots) in self.levels(side).take(CHECKSUM_LEVELS) {
                digits += &format!("{ticks}{lots}");
            }
        }
        crc32fast::hash(digits.as_bytes())
    }
}

/// A client's connection.
struct Client {
    markets: Markets,
    config: Config,
    /// The id of the next delta of each subscribed symbol.
    next: [Option<u64>; 2],
    queue: VecDeque<Outgoing>,
    ping_at: Nanos,
}

impl Client {
    fn send(&mut self, text: String) {
        self.queue.push_back(Outgoing::Text(text));
    }

    fn snapshot(&mut self, index: usize) {
        if !self.config.by_http {
            let text = self.markets.borrow()[index].snapshot();
            self.send(text);
        }
    }

    fn subscribe(&mut self, index: usize) {
        let number = self.markets.borrow()[index].number;
        self.next[index].get_or_insert(number + 1);
        self.send(format!(r#"{{"e":"subscribed","s":"{}"}}"#, SYMBOLS[index]));
        self.snapshot(index);
    }
}

impl Session for Client {
    fn text(&mut self, text: &str, _now: Timestamps) {
        let request: Value = serde_json::from_str(text).unwrap_or_default();
        let index = |action: &str| index_of(request[action].as_str()?);
        if let Some(index) = index("subscribe") {
            self.subscribe(index);
        } else if let Some(index) = index("snapshot") {
            self.snapshot(index);
        }
    }

    fn binary(&mut self, _now: Timestamps) {}

    fn pong(&mut self, _now: Timestamps) {}

    fn deadline(&self) -> Option<Nanos> {
        Some(self.ping_at)
    }

    fn timeout(&mut self, now: Timestamps) {
        if now.at >= self.ping_at {
            self.ping_at = now.at.after(self.config.ping_every);
            self.queue.push_back(Outgoing::Ping);
        }
    }

    /// Sends the new deltas, or a heartbeat if there are none. Both are sent in order, so a heartbeat proves that the client
    /// has received all earlier deltas.
    fn market_changed(&mut self, _now: Timestamps) {
        let markets = Rc::clone(&self.markets);
        let mut is_quiet = true;
        for (next, market) in self.next.iter_mut().zip(markets.borrow().iter()) {
            let Some(next) = next else { continue };
            for (_, text) in market.log.range(*next..) {
                self.queue.push_back(Outgoing::Text(text.clone()));
                is_quiet = false;
            }
            *next = market.number + 1;
        }
        if is_quiet {
            self.send(r#"{"e":"heartbeat"}"#.to_owned());
        }
    }

    fn outgoing(&mut self) -> Option<Outgoing> {
        self.queue.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markets_never_cross() {
        let mut exchange = Exchange::new(Config {
            seed: 7,
            number: 100,
            quiet: [false; 2],
            by_http: false,
            ping_every: Duration::from_secs(1),
        });
        for step in 1..5_000 {
            exchange.step();
            exchange.books(|symbol, number, [bids, asks]| {
                assert_eq!(number, 100 + step, "{symbol}");
                assert!(bids[0].ticks < asks[0].ticks, "{symbol} at step {step}");
                assert!(bids.len().min(asks.len()) >= CHECKSUM_LEVELS + NEAR);
            });
        }
    }
}
