//! The subscriptions of one connection, and their updates.

use std::sync::Arc;

use serde_json::Value;

use super::candle_store::CandleUpdate;
use super::exchange_state::{ExchangeState, SharedState};
use super::request::{self, Request};
use crate::session::Close;
use crate::wire::jayx as wire;

/// The close of a client that has lost required updates.
pub(super) const TOO_SLOW: Close = Close::new(1008, "too slow: messages were lost");

/// A message to the client, without its envelope.
#[derive(Clone, Debug)]
pub(super) struct Update {
    pub(super) event: &'static str,
    pub(super) payload: Arc<str>,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestError {
    /// The request is rejected with this text.
    Rejected(String),
    /// Required updates are lost.
    Lost,
}

/// The subscriptions of one connection.
pub(super) struct ClientSubscriptions {
    state: SharedState,
    /// In send order: orders, balances, candles, the book.
    active: Vec<Request>,
    /// The last step whose updates were returned.
    step: u64,
}

impl ClientSubscriptions {
    pub(super) fn new(state: &SharedState) -> Self {
        Self {
            state: state.clone(),
            active: Vec::new(),
            step: 0,
        }
    }

    /// Subscribes. Returns the pending updates of earlier subscriptions, then the initial messages of this one, so
    /// that later updates follow them without a gap.
    pub(super) fn subscribe(
        &mut self,
        event: &str,
        message: &Value,
    ) -> Result<Vec<Update>, RequestError> {
        let state = self.state.clone();
        let state = state.lock();
        let request =
            request::read(event, message, &state.config).map_err(RequestError::Rejected)?;
        self.check(request).map_err(RequestError::Rejected)?;
        let mut updates = self.catch_up(&state).ok_or(RequestError::Lost)?;
        initial(request, &state, &mut updates);
        if !self.active.contains(&request) {
            self.active.push(request);
            self.active.sort_by_key(send_order);
        }
        Ok(updates)
    }

    /// The updates since the last call. `None` if required ones were lost.
    pub(super) fn updates(&mut self) -> Option<Vec<Update>> {
        if self.active.is_empty() {
            return Some(Vec::new());
        }
        let state = self.state.clone();
        let state = state.lock();
        self.catch_up(&state)
    }

    /// Rejects a second order book, because the messages do not identify the symbol.
    fn check(&self, request: Request) -> Result<(), String> {
        let is_book = |it: &Request| matches!(it, Request::Book { .. });
        if is_book(&request) && self.active.iter().any(is_book) {
            return Err("an order book is already subscribed on this connection".to_owned());
        }
        Ok(())
    }

    fn catch_up(&mut self, state: &ExchangeState) -> Option<Vec<Update>> {
        let mut updates = Vec::new();
        if state.step > self.step {
            for request in &self.active {
                since(*request, state, self.step, &mut updates)?;
            }
        }
        self.step = state.step;
        Some(updates)
    }
}

fn send_order(request: &Request) -> u8 {
    match request {
        Request::Orders { .. } => 0,
        Request::Balances { .. } => 1,
        Request::Candles { .. } => 2,
        Request::Book { .. } => 3,
    }
}

/// Adds the initial messages of a subscription.
fn initial(request: Request, state: &ExchangeState, updates: &mut Vec<Update>) {
    match request {
        Request::Book { symbol } => updates.push(book(state, symbol)),
        Request::Balances { account } => updates.push(balances(state, account)),
        Request::Orders { account, symbol } => {
            let open = state.accounts[account].open(symbol);
            let open: Vec<_> = open.map(|(_, order)| order).collect();
            updates.push(orders(state, symbol, &open));
        }
        Request::Candles { symbol, interval } => {
            let current = state.symbols[symbol].candles.series(interval).current();
            updates.extend(current.map(|update| candle(state, symbol, &update)));
        }
    }
}

/// Adds the updates of a subscription since a step. `None` if required ones were lost.
fn since(
    request: Request,
    state: &ExchangeState,
    step: u64,
    updates: &mut Vec<Update>,
) -> Option<()> {
    match request {
        Request::Book { symbol } => updates.push(book(state, symbol)),
        Request::Balances { account } => {
            if state.accounts[account].changed() > step {
                updates.push(balances(state, account));
            }
        }
        Request::Orders { account, symbol } => {
            let changed = state.accounts[account].since(symbol, step)?;
            if !changed.is_empty() {
                updates.push(orders(state, symbol, &changed));
            }
        }
        Request::Candles { symbol, interval } => {
            let changed = state.symbols[symbol].candles.series(interval).since(step);
            updates.extend(changed.map(|update| candle(state, symbol, &update)));
        }
    }
    Some(())
}

fn book(state: &ExchangeState, symbol: usize) -> Update {
    Update {
        event: "orderbook",
        payload: Arc::clone(&state.symbols[symbol].payload),
    }
}

fn balances(state: &ExchangeState, account: usize) -> Update {
    let balances = state.accounts[account].balances();
    update("positions", wire::positions(&balances))
}

fn orders(state: &ExchangeState, symbol: usize, orders: &[wire::OwnOrder]) -> Update {
    let (name, scale) = (&state.config.symbols[symbol].name, state.config.scale);
    update("openorders", wire::open_orders(name, scale, orders))
}

fn candle(state: &ExchangeState, symbol: usize, changed: &CandleUpdate) -> Update {
    let name = &state.config.symbols[symbol].name;
    update("kline", wire::kline(name, &changed.candle, changed.is_new))
}

fn update(event: &'static str, payload: String) -> Update {
    Update {
        event,
        payload: payload.into(),
    }
}
