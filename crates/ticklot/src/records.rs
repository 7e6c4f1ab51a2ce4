//! Serialisable records of events, with names instead of ids and exact decimals instead of ticks and lots.
//!
//! `ticklot watch --json` prints them. `docs/json.md` specifies their members.
//!
//! ```
//! use ticklot::records::EventRecord;
//! use ticklot::venue::VenueName;
//! use ticklot::{Books, ConnectionId, Epoch, Event};
//!
//! let (connection, epoch) = (ConnectionId(0), Epoch(1));
//! let event = Event::Connected { connection, epoch };
//! let books = Books::new();
//! let record = EventRecord::new(&event, &books).venue(VenueName::JAYX);
//! assert_eq!(
//!     serde_json::to_string(&record).unwrap(),
//!     r#"{"type":"connected","connection":0,"venue":"jayx","epoch":1}"#
//! );
//! ```

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use ticklot_book::{BookRef, Changes, Fixed, Nanos, Scale, Side};
use ticklot_frame::{Trade, TradeSide, UnixMillis, VenueName};

use crate::books::{BookId, Books, ConnectionId, Instrument, nanos};
use crate::event::{
    BalanceUpdate, BookUpdate, CandleUpdate, Event, LastTrade, OrderRef, OrderUpdate,
    ReferencePrice, Resync, ResyncStep, StateChange, StatusUpdate, Trades,
};

/// An event with the books that it refers to. Serialises to a map with the members of `docs/json.md`.
#[derive(Clone, Copy, Debug)]
pub struct EventRecord<'a> {
    event: &'a Event<'a>,
    books: &'a Books,
    venue: VenueName,
    now: Option<Nanos>,
    depth: usize,
}

/// The origin of an event, which determines its first members.
enum Origin<'a> {
    Feed,
    Connection(ConnectionId),
    Instrument(ConnectionId, Option<Instrument<'a>>),
}

impl<'a> EventRecord<'a> {
    /// The record of an event, with all levels of its book.
    #[must_use]
    pub fn new(event: &'a Event<'a>, books: &'a Books) -> Self {
        Self {
            event,
            books,
            venue: VenueName(""),
            now: None,
            depth: usize::MAX,
        }
    }

    /// Sets the venue of the event's connection, for events without an instrument.
    #[must_use]
    pub fn venue(mut self, venue: VenueName) -> Self {
        self.venue = venue;
        self
    }

    /// Sets the time on the feed's clock at which the event is handled. Without it, `latency_ns` is null.
    #[must_use]
    pub fn handled(mut self, now: Nanos) -> Self {
        self.now = Some(now);
        self
    }

    /// Limits the levels of each side of a book.
    #[must_use]
    pub fn depth(mut self, levels: usize) -> Self {
        self.depth = levels;
        self
    }

    /// The event's connection; `None` for a tick.
    #[must_use]
    pub fn connection(&self) -> Option<ConnectionId> {
        match self.origin() {
            Origin::Feed => None,
            Origin::Connection(connection) | Origin::Instrument(connection, _) => Some(connection),
        }
    }

    /// The member `type`: the name of the event's variant in snake case.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.event {
            Event::Connected { .. } => "connected",
            Event::Welcome { .. } => "welcome",
            Event::State(_) => "state",
            Event::Book(_) => "book",
            Event::Trades(_) => "trades",
            Event::Candle(_) => "candle",
            Event::Balance(_) => "balance",
            Event::Order(_) => "order",
            Event::ReferencePrice(_) => "reference_price",
            Event::Status(_) => "status",
            Event::Scale { .. } => "scale",
            Event::Resync(_) => "resync",
            Event::Subscribed { .. } => "subscribed",
            Event::Unsubscribed { .. } => "unsubscribed",
            Event::Protocol { .. } => "protocol",
            Event::Unconfirmed { .. } => "unconfirmed",
            Event::Refused { .. } => "refused",
            Event::RoundTrip { .. } => "round_trip",
            Event::BadLine { .. } => "bad_line",
            Event::Unknown { .. } => "unknown",
            Event::Timer { .. } => "tick",
            Event::Disconnected { .. } => "disconnected",
        }
    }

    fn origin(&self) -> Origin<'a> {
        match *self.event {
            Event::Timer { .. } => Origin::Feed,
            Event::Connected { connection, .. }
            | Event::Welcome { connection, .. }
            | Event::Subscribed { connection, .. }
            | Event::Unsubscribed { connection, .. }
            | Event::Protocol { connection, .. }
            | Event::Unconfirmed { connection, .. }
            | Event::Refused { connection, .. }
            | Event::RoundTrip { connection, .. }
            | Event::BadLine { connection, .. }
            | Event::Unknown { connection, .. }
            | Event::Balance(BalanceUpdate { connection, .. })
            | Event::Disconnected { connection, .. } => Origin::Connection(connection),
            Event::Status(StatusUpdate {
                connection,
                instrument,
                ..
            }) => Origin::Instrument(connection, instrument),
            Event::Trades(Trades {
                connection,
                instrument,
                ..
            })
            | Event::Candle(CandleUpdate {
                connection,
                instrument,
                ..
            })
            | Event::Order(OrderUpdate {
                connection,
                instrument,
                ..
            })
            | Event::ReferencePrice(ReferencePrice {
                connection,
                instrument,
                ..
            }) => Origin::Instrument(connection, Some(instrument)),
            Event::State(StateChange { book, .. })
            | Event::Book(BookUpdate { book, .. })
            | Event::Scale { book, .. }
            | Event::Resync(Resync { book, .. }) => self.book(book),
        }
    }

    fn book(&self, id: BookId) -> Origin<'a> {
        let connection = self.books.connection(id).unwrap_or_default();
        Origin::Instrument(connection, self.books.instrument(id))
    }

    /// The time from the receipt of a message until it is handled.
    fn latency(&self, received: Nanos) -> Option<u64> {
        self.now.map(|now| nanos(now.since(received)))
    }
}

impl Serialize for EventRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = Members(serializer.serialize_map(None)?);
        out.put("type", self.kind())?;
        match self.origin() {
            Origin::Feed => {}
            Origin::Connection(connection) => {
                out.put("connection", connection)?;
                out.put("venue", self.venue.0)?;
            }
            Origin::Instrument(connection, instrument) => {
                out.put("connection", connection)?;
                out.put("venue", instrument.map_or(self.venue, |it| it.venue).0)?;
                out.put("scope", instrument.and_then(|it| it.scope))?;
                out.put("market", instrument.map(|it| it.market))?;
                out.put("name", instrument.map(|it| it.name))?;
            }
        }
        match self.event {
            Event::Book(update) => self.put_book(update, &mut out)?,
            Event::Trades(trades) => self.put_trades(trades, &mut out)?,
            Event::Candle(update) => self.put_candle(update, &mut out)?,
            Event::Balance(update) => self.put_balance(update, &mut out)?,
            Event::Order(update) => self.put_order(update, &mut out)?,
            Event::ReferencePrice(update) => {
                out.put("price", update.price.0)?;
                out.put("sent_ms", update.sent)?;
                out.put("latency_ns", self.latency(update.received))?;
            }
            Event::Resync(resync) => put_resync(resync, &mut out)?,
            event => put_fields(event, &mut out)?,
        }
        out.0.end()
    }
}

/// The members of a map.
struct Members<M>(M);

impl<M: SerializeMap> Members<M> {
    fn put(&mut self, name: &'static str, value: impl Serialize) -> Result<(), M::Error> {
        self.0.serialize_entry(name, &value)
    }
}

/// Writes the members of an event that need no book.
fn put_fields<M: SerializeMap>(event: &Event<'_>, out: &mut Members<M>) -> Result<(), M::Error> {
    match event {
        Event::Connected { epoch, .. } => out.put("epoch", epoch.0),
        Event::Welcome {
            client_id, message, ..
        } => {
            out.put("client_id", client_id)?;
            out.put("message", message)
        }
        Event::State(change) => {
            out.put("old", change.old.as_str())?;
            out.put("new", change.new.as_str())?;
            out.put("cause", change.cause)
        }
        Event::Status(update) => {
            out.put("status", update.status)?;
            out.put("text", update.text)
        }
        Event::Scale { old, new, .. } => {
            out.put("old_price_decimals", old.price_decimals())?;
            out.put("old_quantity_decimals", old.quantity_decimals())?;
            out.put("price_decimals", new.price_decimals())?;
            out.put("quantity_decimals", new.quantity_decimals())
        }
        Event::Subscribed { topic, .. } | Event::Unsubscribed { topic, .. } => {
            out.put("room", topic)
        }
        Event::Protocol { protocol, .. } => out.put("protocol", protocol),
        Event::Unconfirmed {
            topic, attempts, ..
        } => {
            out.put("room", topic)?;
            out.put("attempts", attempts)
        }
        Event::Refused { message, topic, .. } => {
            out.put("message", message)?;
            out.put("room", topic)
        }
        Event::RoundTrip { time, .. } => out.put("took_ns", nanos(*time)),
        Event::BadLine { frame, error, .. } => {
            out.put("frame", frame)?;
            out.put("line", error.line)?;
            out.put("offset", error.offset)?;
            out.put("error", Text(error.kind))
        }
        Event::Unknown { kind, .. } => out.put("kind", kind),
        Event::Timer { now } => out.put("now_ns", now.0),
        Event::Disconnected {
            reason, retry_in, ..
        } => {
            out.put("reason", Text(*reason))?;
            out.put("retry_in_ns", retry_in.map(nanos))
        }
        _ => Ok(()),
    }
}

fn put_resync<M: SerializeMap>(resync: &Resync<'_>, out: &mut Members<M>) -> Result<(), M::Error> {
    let (step, failure) = match resync.step {
        ResyncStep::Requested => ("requested", None),
        ResyncStep::TimedOut => ("timed_out", None),
        ResyncStep::Failed { error, retry_in } => ("failed", Some((error, retry_in))),
        ResyncStep::Unsupported => ("unsupported", None),
    };
    out.put("attempt", resync.attempt)?;
    out.put("step", step)?;
    out.put("error", failure.map(|(error, _)| Text(error)))?;
    out.put("retry_in_ns", failure.map(|(_, retry_in)| nanos(retry_in)))
}

impl EventRecord<'_> {
    fn put_book<M: SerializeMap>(
        &self,
        update: &BookUpdate<'_>,
        out: &mut Members<M>,
    ) -> Result<(), M::Error> {
        let Some(book) = self.books.last_known(update.book) else {
            return Ok(());
        };
        let (scale, depth) = (book.scale(), self.depth);
        let levels = |side| Levels { book, side, depth };
        out.put("kind", update.kind)?;
        out.put("epoch", book.epoch().0)?;
        out.put("state", book.state().as_str())?;
        out.put("frame", update.frame)?;
        out.put("line", update.line)?;
        out.put("source", update.source)?;
        out.put("bids", levels(Side::Bid))?;
        out.put("asks", levels(Side::Ask))?;
        out.put("changes", ChangedLevels(&update.changes, scale))?;
        let last_trade = update.last_trade.map(|it| LastTradeRecord::new(it, scale));
        out.put("last_trade", last_trade)?;
        out.put("sent_ms", update.sent)?;
        out.put("latency_ns", self.latency(update.received))
    }

    fn put_trades<M: SerializeMap>(
        &self,
        trades: &Trades<'_>,
        out: &mut Members<M>,
    ) -> Result<(), M::Error> {
        out.put("trades", TradeList(trades.trades, trades.scale))?;
        out.put("sent_ms", trades.sent)?;
        out.put("latency_ns", self.latency(trades.received))
    }

    fn put_candle<M: SerializeMap>(
        &self,
        update: &CandleUpdate<'_>,
        out: &mut Members<M>,
    ) -> Result<(), M::Error> {
        let (scale, candle) = (update.scale, &update.candle);
        out.put("interval", update.interval)?;
        out.put("opened_s", candle.opened)?;
        for (name, ticks) in [
            ("open", candle.open),
            ("high", candle.high),
            ("low", candle.low),
            ("close", candle.close),
        ] {
            out.put(name, Text(scale.price(ticks)))?;
        }
        out.put("volume", Text(scale.quantity(candle.volume)))?;
        out.put("modified_s", candle.modified)?;
        out.put("latency_ns", self.latency(update.received))
    }

    fn put_balance<M: SerializeMap>(
        &self,
        update: &BalanceUpdate<'_>,
        out: &mut Members<M>,
    ) -> Result<(), M::Error> {
        out.put("asset", update.asset)?;
        out.put("balance", update.balance.0)?;
        out.put("available", update.available.0)?;
        out.put("sent_ms", update.sent)?;
        out.put("latency_ns", self.latency(update.received))
    }

    fn put_order<M: SerializeMap>(
        &self,
        update: &OrderUpdate<'_>,
        out: &mut Members<M>,
    ) -> Result<(), M::Error> {
        match update.id {
            OrderRef::Number(id) => out.put("id", id)?,
            OrderRef::Text(id) => out.put("id", id)?,
        }
        out.put("is_open", update.is_open)?;
        out.put("kind", update.kind)?;
        out.put("status", update.status)?;
        out.put("side", update.side)?;
        out.put("price", update.price.map(|it| it.0))?;
        out.put("quantity", update.quantity.0)?;
        out.put("filled", update.filled.map(Text))?;
        out.put("reserved", update.reserved)?;
        out.put("cost", update.cost)?;
        out.put("created_ms", update.created)?;
        out.put("modified_ms", update.modified)?;
        out.put("sent_ms", update.sent)?;
        out.put("latency_ns", self.latency(update.received))
    }
}

/// Serialises a value as its `Display` text.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The levels of a side, best first, as pairs of price and quantity.
struct Levels<'a> {
    book: BookRef<'a>,
    side: Side,
    depth: usize,
}

impl Serialize for Levels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scale = self.book.scale();
        let levels = self.book.levels(self.side).take(self.depth);
        let pair = |level: ticklot_book::Level| {
            let (price, quantity) = (scale.price(level.ticks), scale.quantity(level.lots));
            (Text(price), Text(quantity))
        };
        serializer.collect_seq(levels.map(pair))
    }
}

/// The levels that changed, as triples of side, price and new quantity.
struct ChangedLevels<'a>(&'a Changes<'a>, Scale);

impl Serialize for ChangedLevels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(changes, scale) = self;
        let triple = |it: ticklot_book::Change| {
            let (price, quantity) = (scale.price(it.ticks), scale.quantity(it.new_lots));
            (it.side, Text(price), Text(quantity))
        };
        serializer.collect_seq(changes.iter().map(triple))
    }
}

/// Trades, oldest first.
struct TradeList<'a>(&'a [Trade], Scale);

#[derive(Serialize)]
struct TradeRecord {
    price: Text<Fixed>,
    quantity: Text<Fixed>,
    side: TradeSide,
    created_ms: UnixMillis,
}

impl Serialize for TradeList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(trades, scale) = self;
        let record = |trade: &Trade| TradeRecord {
            price: Text(scale.price(trade.ticks)),
            quantity: Text(scale.quantity(trade.lots)),
            side: trade.side,
            created_ms: trade.created,
        };
        serializer.collect_seq(trades.iter().map(record))
    }
}

#[derive(Serialize)]
struct LastTradeRecord {
    price: Text<Fixed>,
    side: Option<TradeSide>,
}

impl LastTradeRecord {
    fn new(last: LastTrade, scale: Scale) -> Self {
        Self {
            price: Text(scale.price(last.ticks)),
            side: last.side,
        }
    }
}
