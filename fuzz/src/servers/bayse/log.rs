//! Those who behave, and what they were told.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};
use ticklot_sim::bayse::Exchange;
use ticklot_sim::{Outgoing, Session};

use super::BACKLOG;
use super::asks::{EVENTS, Endpoint, MARKETS, Room, SYMBOLS};
use crate::servers::{Clock, Sent, json as parsed, lines, text};

/// One who is in every room of an endpoint, half of the books apart, and behaves.
pub(super) struct Witness(pub(super) Box<dyn Session>);

/// What the witnesses were told.
#[derive(Default)]
pub(super) struct Log {
    /// Notices, each with its step and its line.
    pub(super) notices: Vec<(u64, String, Value)>,
    /// The step in which an event's prices last changed.
    pub(super) prices: BTreeMap<String, u64>,
    /// The last line of each asset.
    pub(super) assets: BTreeMap<String, Value>,
    pub(super) quotes: u64,
}

impl Log {
    pub(super) fn note(&mut self, outgoing: &[Outgoing], step: u64) {
        // Books are held to the market where clients are told of them.
        let is_book = |line: &str| line.starts_with(r#"{"type":"orderbook_update""#);
        let read = |line: &str| {
            if is_book(line) {
                Value::Null
            } else {
                parsed(line)
            }
        };
        for sent in lines(outgoing, read) {
            let Sent::Line(line, value) = sent else {
                panic!("{sent:?} to one who behaves");
            };
            match text(&value, "type").unwrap_or("") {
                "buy_order" | "sell_order" | "order_updated" => {
                    self.notices.push((step, line, value));
                }
                "price_update" => {
                    let event = text(&value["data"], "id").expect("an id").to_owned();
                    self.prices.insert(event, step);
                }
                "asset_price" => {
                    let symbol = text(&value["data"], "symbol").expect("a symbol").to_owned();
                    self.assets.insert(symbol, value);
                }
                "error" => panic!("{value}"),
                _ => {}
            }
        }
    }

    /// Whether a part of what happened after a step is kept no more.
    pub(super) fn is_gone(&self, after: u64) -> bool {
        let mut steps: Vec<u64> = self.notices.iter().map(|(step, ..)| *step).collect();
        steps.dedup();
        let gone = steps.len().checked_sub(BACKLOG + 1);
        gone.is_some_and(|newest| steps[newest] > after)
    }
}

/// Who behave, one for each endpoint, after their first messages.
pub(super) fn witnesses(exchange: &mut Exchange, clock: Clock) -> Vec<Witness> {
    let auth = json!({"apiKey": "pk_demo_ticklot"});
    let mut asks = [Vec::new(), Vec::new(), Vec::new()];
    // Books are most of what there is to write: of each market those of one currency are compared byte for
    // byte, and all of them as the levels that they are (see `Run::listen`).
    for (market, currency) in MARKETS.iter().zip(["USD", "NGN"]) {
        asks[0].push(json!({"type": "subscribe", "channel": "orderbook", "marketIds": [market], "currency": currency}));
    }
    for event in EVENTS {
        asks[0].push(json!({"type": "subscribe", "channel": "activity", "eventId": event}));
        asks[0].push(json!({"type": "subscribe", "channel": "prices", "eventId": event}));
    }
    asks[1].push(json!({"type": "subscribe", "channel": "asset_prices", "symbols": SYMBOLS}));
    asks[2].push(
        json!({"type": "subscribe", "channel": "orders", "marketIds": MARKETS, "auth": auth}),
    );
    let all = Endpoint::ALL.into_iter().zip(asks);
    let witness = |(endpoint, asks): (Endpoint, Vec<Value>)| {
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
        let now = clock.now();
        let mut session = exchange.upgrade(endpoint.path(), ip, now).expect("let in");
        for ask in asks {
            session.text(&ask.to_string(), now);
        }
        Witness(session)
    };
    all.map(witness).collect()
}

/// Whether a notice is told in a room.
pub(super) fn hears(room: Room, notice: &Value) -> bool {
    let data = &notice["data"];
    let is_own = text(notice, "type") == Some("order_updated");
    match room {
        Room::Activity(event, market) => {
            !is_own
                && data["event"]["id"] == event
                && market.is_none_or(|market| data["market"]["id"] == market)
        }
        Room::UserTrades(user) => !is_own && data["user"]["id"] == user,
        Room::Orders(market) => is_own && data["marketId"] == market,
        _ => false,
    }
}
