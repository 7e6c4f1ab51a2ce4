//! JayX: payloads, and the envelopes around them.

mod account;
mod candle;

use std::time::Duration;

use ticklot_book::{Level, Side};

pub use self::account::{Amount, Balance, OrderState, OwnOrder, open_orders, positions};
pub use self::candle::{Candle, kline};
use super::text::{number, string};
use crate::market::{Trade, View};

/// How the plain mode wraps an answer. Which one the venue uses is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PlainForm {
    /// The payload alone.
    #[default]
    Bare,
    /// `{"event":"orderbook","message":payload}`.
    Message,
    /// `{"event":"orderbook","data":payload}`.
    Data,
}

/// Appends an order book payload: `{"orderBook":{"asks":[...],"bids":[...]},"trades":[...]}`.
pub fn order_book(out: &mut String, view: &View) {
    out.push_str("{\"orderBook\":{\"asks\":");
    list(out, &view.asks, level);
    out.push_str(",\"bids\":");
    list(out, &view.bids, level);
    out.push_str("},\"trades\":");
    list(out, &view.trades, trade);
    out.push('}');
}

/// Appends a Socket.IO event packet: `42["<event>",<payload>]`.
pub fn packet(out: &mut String, event: &str, payload: &str) {
    out.push_str("42[");
    string(out, event);
    out.push(',');
    out.push_str(payload);
    out.push(']');
}

/// Appends a Socket.IO answer to an event that asked for one: `43<id>[<payload>]`.
pub fn ack(out: &mut String, id: &str, payload: &str) {
    out.push_str("43");
    out.push_str(id);
    out.push('[');
    out.push_str(payload);
    out.push(']');
}

/// Appends an answer of the plain mode.
pub fn plain(out: &mut String, form: PlainForm, event: &str, payload: &str) {
    let key = match form {
        PlainForm::Bare => return out.push_str(payload),
        PlainForm::Message => "message",
        PlainForm::Data => "data",
    };
    out.push_str("{\"event\":");
    string(out, event);
    out.push(',');
    string(out, key);
    out.push(':');
    out.push_str(payload);
    out.push('}');
}

/// Appends `{"message":"..."}`, the inside of an error. How the venue words its errors is not
/// known: this form is the simulator's own.
pub fn message(out: &mut String, text: &str) {
    out.push_str("{\"message\":");
    string(out, text);
    out.push('}');
}

/// Appends `{"error":{"message":"..."}}`: the simulator's own form, as [`message`].
pub fn error(out: &mut String, text: &str) {
    out.push_str("{\"error\":");
    message(out, text);
    out.push('}');
}

/// Appends the Engine.IO open packet, `0{...}`: the transports that the client may change to, how often
/// the server pings, how long the pong may take, both in whole milliseconds, and the largest message in
/// bytes.
pub fn open(
    out: &mut String,
    sid: &str,
    upgrades: &[&str],
    interval: Duration,
    timeout: Duration,
    max_payload: usize,
) {
    out.push_str("0{\"sid\":");
    string(out, sid);
    out.push_str(",\"upgrades\":");
    list(out, upgrades, |out, name| string(out, name));
    out.push_str(",\"pingInterval\":");
    number(out, interval.as_millis());
    out.push_str(",\"pingTimeout\":");
    number(out, timeout.as_millis());
    out.push_str(",\"maxPayload\":");
    number(out, max_payload);
    out.push('}');
}

/// Appends the Socket.IO answer to a client that asked for a namespace that there is not:
/// `44/<name>,{"message":"Invalid namespace"}`.
pub fn wrong_namespace(out: &mut String, namespace: &str) {
    out.push_str("44");
    out.push_str(namespace);
    out.push(',');
    message(out, "Invalid namespace");
}

/// Appends the Socket.IO answer to a client that joined the default namespace: `40{"sid":"..."}`.
pub fn joined(out: &mut String, sid: &str) {
    out.push_str("40{\"sid\":");
    string(out, sid);
    out.push('}');
}

fn list<T>(out: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    out.push('[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn level(out: &mut String, level: &Level) {
    out.push_str("{\"ticks\":");
    number(out, level.ticks);
    out.push_str(",\"lots\":");
    number(out, level.lots);
    out.push_str(",\"count\":");
    number(out, level.count);
    out.push('}');
}

fn trade(out: &mut String, trade: &Trade) {
    out.push_str("{\"lots\":");
    number(out, trade.lots);
    out.push_str(",\"ticks\":");
    number(out, trade.ticks);
    out.push_str(match trade.taker {
        Side::Bid => ",\"side\":\"BUY\",\"created\":",
        Side::Ask => ",\"side\":\"SELL\",\"created\":",
    });
    number(out, trade.created_ms);
    out.push('}');
}

#[cfg(test)]
mod tests {
    use ticklot_book::{Lots, Ticks};

    use super::*;

    fn view() -> View {
        let level = |ticks, lots, count| Level {
            ticks: Ticks(ticks),
            lots: Lots(lots),
            count,
        };
        let trade = |lots, ticks, taker, created_ms| Trade {
            ticks: Ticks(ticks),
            lots: Lots(lots),
            taker,
            created_ms,
        };
        View {
            asks: vec![
                level(6_684_363, 1_004_817, 1),
                level(6_751_207, 2_993_562, 1),
            ],
            bids: vec![level(6_657_678, 997_207, 1)],
            trades: vec![
                trade(3_779, 6_667_418, Side::Bid, 1_716_136_436_758),
                trade(591, 6_670_338, Side::Ask, 1_716_136_436_747),
            ],
        }
    }

    fn made(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn an_order_book_is_written_as_the_venue_writes_it() {
        assert_eq!(
            made(|out| order_book(out, &view())),
            concat!(
                r#"{"orderBook":{"asks":[{"ticks":6684363,"lots":1004817,"count":1},"#,
                r#"{"ticks":6751207,"lots":2993562,"count":1}],"#,
                r#""bids":[{"ticks":6657678,"lots":997207,"count":1}]},"#,
                r#""trades":[{"lots":3779,"ticks":6667418,"side":"BUY","created":1716136436758},"#,
                r#"{"lots":591,"ticks":6670338,"side":"SELL","created":1716136436747}]}"#,
            )
        );
        assert_eq!(
            made(|out| order_book(out, &View::default())),
            r#"{"orderBook":{"asks":[],"bids":[]},"trades":[]}"#
        );
    }

    #[test]
    fn envelopes_are_exact() {
        assert_eq!(
            made(|out| packet(out, "orderbook", "{}")),
            r#"42["orderbook",{}]"#
        );
        assert_eq!(made(|out| ack(out, "17", "{}")), "4317[{}]");
        assert_eq!(made(|out| joined(out, "s")), r#"40{"sid":"s"}"#);
        assert_eq!(
            made(|out| wrong_namespace(out, "/admin")),
            r#"44/admin,{"message":"Invalid namespace"}"#
        );
        assert_eq!(
            made(|out| open(
                out,
                "s",
                &["a", "b"],
                Duration::from_secs(25),
                Duration::from_secs(20),
                1_000_000
            )),
            r#"0{"sid":"s","upgrades":["a","b"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
        );
        assert_eq!(
            made(|out| error(out, "no \"x\"")),
            r#"{"error":{"message":"no \"x\""}}"#
        );
    }

    #[test]
    fn the_plain_mode_has_three_forms() {
        let form = |form| made(|out| plain(out, form, "orderbook", "{}"));
        assert_eq!(form(PlainForm::Bare), "{}");
        assert_eq!(
            form(PlainForm::Message),
            r#"{"event":"orderbook","message":{}}"#
        );
        assert_eq!(form(PlainForm::Data), r#"{"event":"orderbook","data":{}}"#);
    }
}
