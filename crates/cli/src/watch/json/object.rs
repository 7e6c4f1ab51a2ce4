//! The objects, field by field.

use std::fmt;

use serde::{Serialize, Serializer};
use ticklot::events::{LastTrade, RequestFailure, TradeSide};
use ticklot::{Disconnect, Level, Scale, Side};

/// A line.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) time: Text<humantime::Rfc3339Timestamp>,
    #[serde(flatten)]
    pub(crate) what: Object<'a>,
}

/// What a connection is told by.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Of {
    pub(crate) connection: u32,
    pub(crate) venue: &'static str,
}

/// What a book is told by.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct OfBook<'a> {
    #[serde(flatten)]
    pub(crate) of: Of,
    pub(crate) scope: Option<&'a str>,
    pub(crate) market: &'a str,
    pub(crate) book: &'a str,
}

/// Something that happened.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Object<'a> {
    Start {
        version: &'static str,
        connections: Vec<&'static str>,
    },
    Connected {
        #[serde(flatten)]
        of: Of,
        epoch: u32,
    },
    Welcome {
        #[serde(flatten)]
        of: Of,
        client_id: Option<&'a str>,
        message: Option<&'a str>,
    },
    Disconnected {
        #[serde(flatten)]
        of: Of,
        reason: Text<Shown<'a>>,
        retry_in_ns: Option<u64>,
    },
    Subscribed {
        #[serde(flatten)]
        of: Of,
        room: &'a str,
    },
    Unsubscribed {
        #[serde(flatten)]
        of: Of,
        room: &'a str,
    },
    Protocol {
        #[serde(flatten)]
        of: Of,
        protocol: &'a str,
    },
    Unconfirmed(Unconfirmed<'a>),
    Refused {
        #[serde(flatten)]
        of: Of,
        message: &'a str,
        room: Option<&'a str>,
    },
    RoundTrip {
        #[serde(flatten)]
        of: Of,
        took_ns: u64,
    },
    BadLine {
        #[serde(flatten)]
        of: Of,
        frame: u64,
        line: u32,
        byte: u32,
        error: Text<ticklot::events::ErrorKind>,
    },
    Unknown {
        #[serde(flatten)]
        of: Of,
        kind: &'a str,
    },
    State {
        #[serde(flatten)]
        of: OfBook<'a>,
        old: &'static str,
        new: &'static str,
        cause: &'static str,
    },
    Resync {
        #[serde(flatten)]
        of: OfBook<'a>,
        attempt: u32,
        step: &'static str,
        error: Option<Text<&'a RequestFailure>>,
        retry_in_ns: Option<u64>,
    },
    Scale {
        #[serde(flatten)]
        of: OfBook<'a>,
        old_price_decimals: u8,
        old_quantity_decimals: u8,
        price_decimals: u8,
        quantity_decimals: u8,
    },
    Status {
        #[serde(flatten)]
        of: Of,
        scope: Option<&'a str>,
        market: Option<&'a str>,
        book: Option<&'a str>,
        status: &'static str,
        text: &'a str,
    },
    Book {
        #[serde(flatten)]
        of: OfBook<'a>,
        update: &'static str,
        epoch: u32,
        state: &'static str,
        frame: u64,
        line: u32,
        latency_ns: u64,
        sent_ms: Option<i64>,
        source: &'static str,
        bids: Vec<Pair>,
        asks: Vec<Pair>,
        changes: Vec<Change>,
        last: Option<Last>,
    },
    Trade {
        #[serde(flatten)]
        of: OfBook<'a>,
        price: Number,
        quantity: Number,
        side: &'static str,
        created_ms: i64,
    },
    Prices(super::bayse::Prices<'a>),
    Fill(super::bayse::Fill<'a>),
    AssetPrice(super::bayse::AssetPrice<'a>),
    Order(super::bayse::OrderUpdated<'a>),
    Candle(super::jayx::Candle<'a>),
    Balances(super::jayx::Balances<'a>),
    OpenOrders(super::jayx::OpenOrders<'a>),
    End {
        books: Vec<Totals<'a>>,
        other_messages: u64,
        bad_lines: u64,
        fast_path: u64,
        general_path: u64,
        unconfirmed: Vec<Unconfirmed<'a>>,
    },
}

/// A subscription without a confirmation.
#[derive(Serialize)]
pub(crate) struct Unconfirmed<'a> {
    #[serde(flatten)]
    pub(crate) of: Of,
    pub(crate) room: &'a str,
    pub(crate) attempts: u32,
}

/// What was counted of a book.
#[derive(Serialize)]
pub(crate) struct Totals<'a> {
    #[serde(flatten)]
    pub(crate) of: OfBook<'a>,
    pub(crate) messages: u64,
    pub(crate) not_live: u64,
    pub(crate) p50_ns: Option<u64>,
    pub(crate) p99_ns: Option<u64>,
    pub(crate) max_ns: Option<u64>,
}

/// An exact decimal, as a text.
pub(crate) type Number = Text<ticklot::book::Fixed>;

/// A price and a quantity.
pub(crate) type Pair = [Number; 2];

pub(crate) fn pair(scale: Scale, level: &Level) -> Pair {
    [
        Text(scale.price(level.ticks)),
        Text(scale.quantity(level.lots)),
    ]
}

/// A side, a price, and the quantity that rests there now.
#[derive(Serialize)]
pub(crate) struct Change(&'static str, Number, Number);

impl Change {
    pub(crate) fn new(scale: Scale, change: &ticklot::book::Change) -> Self {
        let side = match change.side {
            Side::Bid => "bid",
            Side::Ask => "ask",
        };
        let (price, quantity) = (scale.price(change.ticks), scale.quantity(change.new_lots));
        Self(side, Text(price), Text(quantity))
    }
}

/// The last trade.
#[derive(Serialize)]
pub(crate) struct Last {
    price: Number,
    side: Option<&'static str>,
}

impl Last {
    pub(crate) fn new(scale: Scale, last: &LastTrade) -> Self {
        Self {
            price: Text(scale.price(last.ticks)),
            side: last.side.map(TradeSide::as_str),
        }
    }
}

/// What is shown, as a text.
pub(crate) struct Text<T>(pub(crate) T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Why a connection ended.
pub(crate) struct Shown<'a>(pub(crate) &'a Disconnect);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)
    }
}
