//! Those who behave, and what they were told.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use ticklot_sim::jayx::{Candle, Exchange};
use ticklot_sim::{Outgoing, Session};

use super::BACKLOG;
use super::asks::{INTERVALS, KEYS, SYMBOLS};
use crate::servers::{Clock, Sent, json as parsed, lines};

/// What the witnesses were told, and what the market shows of candles.
#[derive(Default)]
pub(super) struct Log {
    /// The orders of an account in a symbol, by their number: the step of the last change, and how it is.
    pub(super) orders: BTreeMap<(usize, usize), BTreeMap<u64, (u64, Value)>>,
    /// The step in which balances last changed.
    pub(super) balances: [u64; 2],
    /// Candles by when they begin: the steps in which they began and last changed.
    pub(super) candles: BTreeMap<(usize, usize), BTreeMap<u64, (u64, u64, Candle)>>,
}

impl Log {
    pub(super) fn note(&mut self, account: usize, outgoing: &[Outgoing], step: u64) {
        for sent in lines(outgoing, |_| Value::Null) {
            let Sent::Line(line, _) = sent else {
                panic!("{sent:?} to one who behaves");
            };
            // Books and candles are held to the market where clients are told of them.
            let is_told = |event| line.starts_with(event);
            if !["42[\"positions\"", "42[\"openorders\"", "42[\"error\""]
                .iter()
                .any(|it| is_told(*it))
            {
                continue;
            }
            let event = parsed(&line[2..]);
            let payload = &event[1];
            match event[0].as_str().expect("a name") {
                "positions" => self.balances[account] = step,
                "openorders" => {
                    for order in ["cancel", "modify"]
                        .iter()
                        .flat_map(|it| items(payload, it))
                    {
                        let symbol = SYMBOLS.iter().position(|it| order["symbol"] == *it);
                        let id = order["id"].as_u64().expect("a number");
                        let place = (account, symbol.expect("known"));
                        let orders = self.orders.entry(place).or_default();
                        orders.insert(id, (step, order.clone()));
                    }
                }
                "error" => panic!("{event}"),
                _ => {}
            }
        }
    }

    /// What the market shows of its candles: new ones, and changed ones.
    pub(super) fn candles(&mut self, exchange: &Exchange, step: u64) {
        for (symbol, name) in SYMBOLS.iter().enumerate() {
            for (interval, minutes) in INTERVALS.iter().enumerate() {
                let shown = exchange.truth().candles(name, minutes).expect("known");
                assert!(shown.len() <= BACKLOG);
                let known = self.candles.entry((symbol, interval)).or_default();
                for candle in shown {
                    let begun = known
                        .get(&candle.created)
                        .map_or(step, |(begun, ..)| *begun);
                    let is_old = known
                        .get(&candle.created)
                        .is_some_and(|(.., known)| *known == candle);
                    if !is_old {
                        known.insert(candle.created, (begun, step, candle));
                    }
                }
            }
        }
    }
}

pub(super) fn witnesses(exchange: &mut Exchange, clock: Clock) -> Vec<Box<dyn Session>> {
    let mut asks = [Vec::new(), Vec::new(), Vec::new()];
    for (place, key) in KEYS.iter().enumerate() {
        asks[place].push(json!(["positions", {"apiKey": key, "category": "spot"}]));
        for symbol in SYMBOLS {
            let message = json!({"apiKey": key, "category": "spot", "symbol": symbol});
            asks[place].push(json!(["openorders", message]));
        }
    }
    for symbol in SYMBOLS {
        for interval in INTERVALS {
            let message = json!({"category": "spot", "symbol": symbol, "interval": interval});
            asks[2].push(json!(["kline", message]));
        }
    }
    asks[2].push(json!(["orderbook", {"category": "spot", "symbol": SYMBOLS[0], "precise": "1"}]));
    let witness = |asks: Vec<Value>| {
        let target = "/socket.io/?EIO=4&transport=websocket";
        let mut session = exchange.upgrade(target, clock.now()).expect("let in");
        session.text("40", clock.now());
        for ask in asks {
            session.text(&format!("42{ask}"), clock.now());
        }
        session
    };
    asks.into_iter().map(witness).collect()
}

pub(super) fn is_open(order: &Value) -> bool {
    matches!(order["state"].as_str(), Some("NEW" | "PARTIALLY_FILLED"))
}

fn items<'a>(payload: &'a Value, name: &str) -> &'a [Value] {
    payload[name].as_array().map_or(&[], Vec::as_slice)
}
