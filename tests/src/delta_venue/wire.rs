//! Reads Binance's messages with serde, without a decoder's limits.

use serde::Deserialize;
use serde_json::value::RawValue;
use ticklot::book::Ids;
use ticklot::events::{DecodeError, ErrorKind, Trade, TradeSide, UnixMillis};
use ticklot::venue::VenueName;
use ticklot::{Level, Scale};

use crate::raw_recordings::Sides;

/// The best prices after update `u`.
#[derive(Clone, Copy, Debug)]
pub struct Ticker {
    /// The id of the update.
    pub u: u64,
    /// The best bid.
    pub bid: Level,
    /// The best ask.
    pub ask: Level,
}

/// A delta or a snapshot.
#[derive(Clone, Debug)]
pub struct Update {
    /// Its ids; for a snapshot its `lastUpdateId`.
    pub ids: Ids,
    /// Its levels.
    pub sides: Sides,
    /// The checksum of the book after it.
    pub checksum: Option<u32>,
    /// When the venue sent it.
    pub sent: Option<UnixMillis>,
}

/// A message of the stream, or the body of a snapshot.
#[derive(Clone, Debug)]
pub enum Message {
    /// A delta.
    Diff(Update),
    /// A snapshot.
    Snapshot(Update),
    /// The best prices after an update.
    Ticker(Ticker),
    /// A trade.
    Trade(Trade),
    /// The subscription to a symbol is confirmed.
    Subscribed,
}

/// All fields of these messages. The present fields determine the kind of message.
#[derive(Deserialize)]
#[allow(non_snake_case)] // the venue's names
struct Text<'a> {
    e: Option<&'a str>,
    s: Option<&'a str>,
    E: Option<i64>,
    U: Option<u64>,
    u: Option<u64>,
    pu: Option<u64>,
    #[serde(borrow)]
    b: Option<&'a RawValue>,
    B: Option<&'a str>,
    #[serde(borrow)]
    a: Option<&'a RawValue>,
    A: Option<&'a str>,
    p: Option<&'a str>,
    q: Option<&'a str>,
    T: Option<i64>,
    m: Option<bool>,
    lastUpdateId: Option<u64>,
    c: Option<u32>,
    #[serde(borrow)]
    bids: Option<&'a RawValue>,
    #[serde(borrow)]
    asks: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Stream<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// A message whose prices and quantities are still text, because its symbol determines the scale.
pub(super) struct Unread<'a>(Text<'a>);

/// Reads a frame, or the body of a snapshot.
///
/// # Errors
/// It is not JSON, or a field has another type.
pub(super) fn read(venue: VenueName, frame: &[u8]) -> Result<Unread<'_>, DecodeError> {
    let error = |_| error(venue, ErrorKind::Json);
    let stream: Stream<'_> = serde_json::from_slice(frame).map_err(error)?;
    let text = match stream.data {
        Some(data) => serde_json::from_str(data.get()),
        None => serde_json::from_slice(frame),
    };
    text.map(Unread).map_err(error)
}

pub(super) fn error(venue: VenueName, kind: ErrorKind) -> DecodeError {
    DecodeError {
        venue,
        line: 0,
        offset: 0,
        kind,
    }
}

impl<'a> Unread<'a> {
    /// The symbol; `None` for a snapshot.
    pub(super) fn symbol(&self) -> Option<&'a str> {
        self.0.s
    }

    /// The venue's name for its kind.
    pub(super) fn kind(&self) -> &'a str {
        self.0.e.unwrap_or("bookTicker")
    }

    /// Whether the kind is one of [`Message`]'s, so that an unreadable message means lost data.
    pub(super) fn is_known(&self) -> bool {
        let kinds = ["depthUpdate", "snapshot", "trade", "bookTicker"];
        kinds.contains(&self.kind())
    }

    /// The message with its levels; `None` if it lacks a field or has a number off the scale.
    pub(super) fn message(&self, scale: Scale) -> Option<Message> {
        let text = &self.0;
        match text.e {
            _ if text.lastUpdateId.is_some() => {
                let ids = Ids::one(text.lastUpdateId?);
                let sides = sides(scale, text.bids?, text.asks?)?;
                Some(Message::Snapshot(self.update(ids, sides)))
            }
            Some("depthUpdate") => {
                let ids = Ids {
                    first: text.U?,
                    last: text.u?,
                    previous: text.pu,
                };
                let sides = sides(scale, text.b?, text.a?)?;
                Some(Message::Diff(self.update(ids, sides)))
            }
            Some("trade") => self.trade(scale),
            Some("subscribed") => Some(Message::Subscribed),
            None | Some("bookTicker") => self.ticker(scale),
            Some(_) => None,
        }
    }

    fn update(&self, ids: Ids, sides: Sides) -> Update {
        Update {
            ids,
            sides,
            checksum: self.0.c,
            sent: self.0.E.map(UnixMillis),
        }
    }

    fn ticker(&self, scale: Scale) -> Option<Message> {
        let price = |raw: &'a RawValue| serde_json::from_str::<&str>(raw.get()).ok();
        Some(Message::Ticker(Ticker {
            u: self.0.u?,
            bid: level(scale, price(self.0.b?)?, self.0.B?)?,
            ask: level(scale, price(self.0.a?)?, self.0.A?)?,
        }))
    }

    fn trade(&self, scale: Scale) -> Option<Message> {
        let level = level(scale, self.0.p?, self.0.q?)?;
        // `m`: the buyer was the maker, so the taker sold.
        let side = match self.0.m? {
            true => TradeSide::Sell,
            false => TradeSide::Buy,
        };
        Some(Message::Trade(Trade {
            ticks: level.ticks,
            lots: level.lots,
            side,
            created: UnixMillis(self.0.T?),
        }))
    }
}

fn sides(scale: Scale, bids: &RawValue, asks: &RawValue) -> Option<Sides> {
    let levels = |raw: &RawValue| -> Option<Vec<Level>> {
        let levels: Vec<[&str; 2]> = serde_json::from_str(raw.get()).ok()?;
        let levels = levels.iter().map(|[price, lots]| level(scale, price, lots));
        levels.collect()
    };
    Some(Sides {
        bids: levels(bids)?,
        asks: levels(asks)?,
    })
}

fn level(scale: Scale, price: &str, quantity: &str) -> Option<Level> {
    let ticks = scale.ticks(price.as_bytes()).ok()?;
    let lots = scale.lots(quantity.as_bytes()).ok()?;
    Some(Level::new(ticks, lots))
}
