//! The sessions of the tests, and the texts of their events.

use ticklot::bayse::Bayse;
use ticklot::events::Source;
use ticklot::jayx::{Envelope, JayX};
use ticklot::venue::Venue;
use ticklot::{Books, Disconnect, Event, Options};

pub(crate) use crate::support::{Bench, SECOND, options};

impl<V: Venue> Bench<V> {
    pub(crate) fn new(venue: V, options: Options) -> Self {
        Self::describing(venue, options, describe)
    }

    /// The messages that are sent while the time advances, with their times.
    pub(crate) fn send_for(&mut self, length: u64) -> Vec<(u64, String)> {
        assert!(self.pass(length).is_none());
        self.sent_when()
    }

    /// The messages since the last call.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        self.sent_when().into_iter().map(|(_, text)| text).collect()
    }
}

/// The text of an event.
fn describe(event: &Event<'_>, books: &Books) -> Option<String> {
    Some(match event {
        Event::Connected { epoch, .. } => format!("connected {}", epoch.0),
        Event::Book(update) => {
            let (frame, line, changes) = (update.frame, update.line, update.changes.len());
            let how = if update.source == Source::Request {
                " by request"
            } else {
                ""
            };
            format!(
                "{} {frame}:{line} {changes} {}{how}",
                books.name(update.book),
                books.state(update.book)
            )
        }
        Event::State(change) => {
            assert_eq!(books.state(change.book), change.new, "as the books have it");
            assert_eq!(books.instrument(change.book), Some(change.instrument));
            let (name, old, new) = (change.instrument.name, change.old, change.new);
            format!(
                "{name}: {} to {} by {}",
                old.as_str(),
                new.as_str(),
                change.cause
            )
        }
        Event::Trades(it) => {
            let times = it.trades.iter().map(|trade| trade.created.0.to_string());
            format!("trades {}", times.collect::<Vec<_>>().join(" "))
        }
        Event::Unconfirmed {
            topic: room,
            attempts,
            ..
        } => format!("unconfirmed {room} {attempts}"),
        Event::Subscribed { topic: room, .. } => format!("subscribed {room}"),
        Event::Refused {
            message,
            topic: room,
            ..
        } => match room {
            Some(room) => format!("refused {room}: {message}"),
            None => format!("refused {message}"),
        },
        Event::BadLine { frame, error, .. } => format!("bad {frame}: {error}"),
        Event::Unknown { kind, .. } => format!("unknown {kind}"),
        Event::Disconnected {
            reason, retry_in, ..
        } => {
            format!(
                "{reason}, {}",
                if retry_in.is_some() { "again" } else { "done" }
            )
        }
        Event::RoundTrip { time, .. } => format!("round trip {} ms", time.as_millis()),
        other => format!("{other:?}"),
    })
}

pub(crate) fn jayx(envelope: Envelope) -> Bench<JayX> {
    Bench::new(
        JayX::new("BTCUSDT").envelope(envelope).build().unwrap(),
        options(),
    )
}

impl Bench<JayX> {
    /// Opens the connection and completes the handshake of Socket.IO.
    pub(crate) fn join(&mut self) {
        self.open();
        self.frame(OPEN);
        self.frame("40");
    }
}

pub(crate) fn bayse(markets: &[&str]) -> Bench<Bayse> {
    Bench::new(
        Bayse::new(markets.iter().copied()).build().unwrap(),
        options(),
    )
}

/// The server's close frame, without a reason.
pub(crate) fn closed(code: u16) -> Disconnect {
    let reason = String::new();
    Disconnect::Closed { code, reason }
}

pub(crate) const OPEN: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
pub(crate) const PLAIN_BOOK: &str = r#"{"orderBook":{"asks":[{"ticks":11,"lots":1,"count":1}],"bids":[{"ticks":10,"lots":1,"count":1}]},"trades":[]}"#;

pub(crate) fn packet_book(bid: i64, ask: i64) -> String {
    format!(
        r#"42["orderbook",{{"orderBook":{{"asks":[{{"ticks":{ask},"lots":1}}],"bids":[{{"ticks":{bid},"lots":1}}]}}}}]"#
    )
}

pub(crate) fn bayse_book(market: &str, outcome: &str) -> String {
    format!(
        r#"{{"type":"orderbook_update","data":{{"orderbook":{{"marketId":"{market}","outcomeId":"{outcome}","bids":[{{"price":0.6,"quantity":5}}],"asks":[]}}}}}}"#
    )
}
