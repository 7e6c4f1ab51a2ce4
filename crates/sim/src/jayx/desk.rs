//! One connection's view of the world: what it is subscribed to, and what it has been told.

use std::sync::Arc;

use serde_json::Value;

use super::chart::CandleUpdate;
use super::request::{self, Request};
use super::world::{Shared, World};
use crate::session::Close;
use crate::wire::jayx as wire;

/// How a client is closed that missed what it must not miss.
pub(super) const TOO_SLOW: Close = Close::new(1008, "too slow: messages were lost");

/// A message to the client, without its envelope.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) event: &'static str,
    pub(super) payload: Arc<str>,
}

/// Why a request gets no answer but a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The request is refused, with this text.
    Rejection(String),
    /// Something is lost that the client must not miss.
    Lost,
}

/// The subscriptions of one connection.
pub(super) struct Desk {
    world: Shared,
    /// Orders, balances, candles, the book: the order in which a step is told.
    wants: Vec<Request>,
    /// The step up to which everything was told.
    step: u64,
}

impl Desk {
    pub(super) fn new(world: &Shared) -> Self {
        Self {
            world: world.clone(),
            wants: Vec::new(),
            step: 0,
        }
    }

    /// Subscribes, and returns what there is to say: first all that is new, then what the
    /// subscription gets at once, so that what comes later continues it.
    pub(super) fn ask(&mut self, event: &str, message: &Value) -> Result<Vec<Told>, Trouble> {
        let world = self.world.clone();
        let world = world.lock();
        let request = request::read(event, message, &world.config).map_err(Trouble::Rejection)?;
        self.check(request).map_err(Trouble::Rejection)?;
        let mut told = self.catch_up(&world).ok_or(Trouble::Lost)?;
        at_once(request, &world, &mut told);
        if !self.wants.contains(&request) {
            self.wants.push(request);
            self.wants.sort_by_key(rank);
        }
        Ok(told)
    }

    /// All that is new; none when something was lost.
    pub(super) fn news(&mut self) -> Option<Vec<Told>> {
        if self.wants.is_empty() {
            return Some(Vec::new());
        }
        let world = self.world.clone();
        let world = world.lock();
        self.catch_up(&world)
    }

    /// Nothing in an order book says which symbol it is of.
    fn check(&self, request: Request) -> Result<(), String> {
        let is_book = |it: &Request| matches!(it, Request::Book { .. });
        if is_book(&request) && self.wants.iter().any(is_book) {
            return Err("an order book is already subscribed on this connection".to_owned());
        }
        Ok(())
    }

    fn catch_up(&mut self, world: &World) -> Option<Vec<Told>> {
        let mut told = Vec::new();
        if world.step > self.step {
            for request in &self.wants {
                since(*request, world, self.step, &mut told)?;
            }
        }
        self.step = world.step;
        Some(told)
    }
}

fn rank(request: &Request) -> u8 {
    match request {
        Request::Orders { .. } => 0,
        Request::Balances { .. } => 1,
        Request::Candles { .. } => 2,
        Request::Book { .. } => 3,
    }
}

/// What a subscription gets at once.
fn at_once(request: Request, world: &World, told: &mut Vec<Told>) {
    match request {
        Request::Book { symbol } => told.push(book(world, symbol)),
        Request::Balances { account } => told.push(balances(world, account)),
        Request::Orders { account, symbol } => {
            let open = world.ledgers[account].open(symbol);
            let open: Vec<_> = open.map(|(_, order)| order).collect();
            told.push(orders(world, symbol, &open));
        }
        Request::Candles { symbol, interval } => {
            let current = world.pits[symbol].chart.series(interval).current();
            told.extend(current.map(|news| candle(world, symbol, &news)));
        }
    }
}

/// What a subscription gets after a step; none when a part of it is gone.
fn since(request: Request, world: &World, step: u64, told: &mut Vec<Told>) -> Option<()> {
    match request {
        Request::Book { symbol } => told.push(book(world, symbol)),
        Request::Balances { account } => {
            if world.ledgers[account].changed() > step {
                told.push(balances(world, account));
            }
        }
        Request::Orders { account, symbol } => {
            let changed = world.ledgers[account].since(symbol, step)?;
            if !changed.is_empty() {
                told.push(orders(world, symbol, &changed));
            }
        }
        Request::Candles { symbol, interval } => {
            let news = world.pits[symbol].chart.series(interval).since(step);
            told.extend(news.map(|news| candle(world, symbol, &news)));
        }
    }
    Some(())
}

fn book(world: &World, symbol: usize) -> Told {
    Told {
        event: "orderbook",
        payload: Arc::clone(&world.pits[symbol].payload),
    }
}

fn balances(world: &World, account: usize) -> Told {
    let balances = world.ledgers[account].balances();
    told("positions", wire::positions(&balances))
}

fn orders(world: &World, symbol: usize, orders: &[wire::OwnOrder]) -> Told {
    let (name, scale) = (&world.config.symbols[symbol].name, world.config.scale);
    told("openorders", wire::open_orders(name, scale, orders))
}

fn candle(world: &World, symbol: usize, news: &CandleUpdate) -> Told {
    let name = &world.config.symbols[symbol].name;
    told("kline", wire::kline(name, &news.candle, news.is_new))
}

fn told(event: &'static str, payload: String) -> Told {
    Told {
        event,
        payload: payload.into(),
    }
}
