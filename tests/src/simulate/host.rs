//! A simulated venue. Its exchange may go down, and restarts with other books.

use std::net::{IpAddr, Ipv4Addr};

use ticklot_book::{Level, Lots, Nanos};
use ticklot_sim::market::View;
use ticklot_sim::session::Rejection;
use ticklot_sim::{Session, Timestamps, bayse, jayx};

use super::delta::server as delta;
use super::oracle::Book;
use super::plan::{BAYSE, DELTA, JAYX, Plan, SYMBOLS};
use super::subscription;

/// 2026-01-01 in Unix milliseconds.
const START_MS: i64 = 1_767_225_600_000;

/// The server's lot of 0.01 in the client's lots of 0.000001.
const LOT: i64 = 10_000;

#[derive(Debug)]
enum Exchange {
    JayX(jayx::Exchange),
    Bayse(bayse::Exchange),
    Delta(delta::Exchange),
}

/// A server and its wall clock.
#[derive(Debug)]
pub(super) struct Host {
    which: usize,
    /// `None` while it is down.
    exchange: Option<Exchange>,
    /// The number of its starts.
    starts: u64,
    /// The offset of its wall clock in milliseconds.
    pub(super) wall: i64,
}

impl Host {
    /// A server that is up.
    pub(super) fn new(which: usize, plan: &Plan) -> Self {
        let mut host = Self {
            which,
            exchange: None,
            starts: 0,
            wall: 0,
        };
        host.start(plan, Nanos(0));
        host
    }

    pub(super) fn is_up(&self) -> bool {
        self.exchange.is_some()
    }

    pub(super) fn stop(&mut self) {
        self.exchange = None;
    }

    /// Starts, with other books than before.
    pub(super) fn start(&mut self, plan: &Plan, now: Nanos) {
        let now = self.timestamps(now);
        self.starts += 1;
        let n = self.starts;
        const VALID: &str = "a valid configuration";
        self.exchange = Some(match self.which {
            JAYX => Exchange::JayX(jayx::Exchange::new(plan.jayx_server(n), now).expect(VALID)),
            DELTA => Exchange::Delta(delta::Exchange::new(plan.delta_server(n))),
            _ => Exchange::Bayse(bayse::Exchange::new(plan.bayse_server(n), now).expect(VALID)),
        });
    }

    /// The server's clocks at a time.
    pub(super) fn timestamps(&self, now: Nanos) -> Timestamps {
        let passed = i64::try_from(now.0 / 1_000_000).unwrap_or(0);
        Timestamps {
            at: now,
            wall_ms: u64::try_from(START_MS + self.wall + passed).unwrap_or(0),
        }
    }

    /// Advances the market by a step.
    pub(super) fn step(&mut self, now: Nanos) {
        let now = self.timestamps(now);
        match &mut self.exchange {
            Some(Exchange::JayX(exchange)) => exchange.step(now),
            Some(Exchange::Bayse(exchange)) => exchange.step(now),
            Some(Exchange::Delta(exchange)) => exchange.step(),
            None => {}
        }
    }

    /// Responds to an upgrade; `None` while it is down.
    pub(super) fn upgrade(
        &mut self,
        target: &str,
        now: Nanos,
    ) -> Option<Result<Box<dyn Session>, Rejection>> {
        let now = self.timestamps(now);
        let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Some(match self.exchange.as_mut()? {
            Exchange::JayX(exchange) => exchange.upgrade(target, now),
            Exchange::Bayse(exchange) => exchange.upgrade(target, from, now),
            Exchange::Delta(exchange) => Ok(exchange.upgrade(now)),
        })
    }

    /// Responds to a request for books.
    pub(super) fn get(&self, target: &str) -> Option<String> {
        match self.exchange.as_ref()? {
            Exchange::Bayse(exchange) => exchange.get(target).map(|(_, page)| page),
            Exchange::Delta(exchange) => exchange.get(target),
            Exchange::JayX(_) => None,
        }
    }

    /// Calls `each` with every current book of the server.
    pub(super) fn books(&self, mut each: impl FnMut(Book, [Vec<Level>; 2])) {
        match &self.exchange {
            Some(Exchange::JayX(exchange)) => {
                for symbol in SYMBOLS {
                    let view = exchange.market_handle().book(symbol).unwrap_or_default();
                    each(Book::new(JAYX, symbol, 0), [view.bids, view.asks]);
                }
            }
            Some(Exchange::Bayse(exchange)) => {
                let currencies = [bayse::Currency::Usd, bayse::Currency::Ngn];
                let listings = subscription::listings();
                let ids = listings.iter().flat_map(|it| [&it.yes_id, &it.no_id]);
                for id in ids {
                    for (position, currency) in currencies.into_iter().enumerate() {
                        let view = exchange
                            .market_handle()
                            .book(id, currency)
                            .unwrap_or_default();
                        each(Book::new(BAYSE, id, position), in_millionths(view));
                    }
                }
            }
            Some(Exchange::Delta(exchange)) => {
                exchange.books(|symbol, _, sides| each(Book::new(DELTA, symbol, 0), sides));
            }
            None => {}
        }
    }

    /// Calls `each` with the update id of each book that has one.
    pub(super) fn numbers(&self, mut each: impl FnMut(&'static str, u64)) {
        if let Some(Exchange::Delta(exchange)) = &self.exchange {
            exchange.books(|symbol, number, _| each(symbol, number));
        }
    }
}

/// The sides in the client's form for Bayse Markets: without counts and with smaller lots.
fn in_millionths(view: View) -> [Vec<Level>; 2] {
    [view.bids, view.asks].map(|side| {
        let level = |level: Level| Level::new(level.ticks, Lots(level.lots.0 * LOT));
        side.into_iter().map(level).collect()
    })
}
