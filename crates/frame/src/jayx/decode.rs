//! The decoder of JayX's messages, in both envelopes.

use std::fmt;

use ticklot_book::{BookError, Level, Lots, MAX_LEVELS, Scale, Ticks};

use super::account::{AccountBuffer, OpenOrders, Positions, open_orders, positions};
use super::kline::{Kline, kline};
use super::packet::{self, Json, Packet};
use super::pull::{self, Framing, KLINE, OPEN_ORDERS, ORDER_BOOK, POSITIONS, ParsedMessage};
use super::schema::{FRAMES, OrderBookSchema, PACKETS};
use crate::error::{DecodeError, DecodeFailure, ErrorKind, Skipped, SkippedItems, VenueName};
use crate::fast::{DecodeBackend, DecodePath, ListCache, Shared, SimdBackend, Templates};
use crate::json::{Extra, FieldSlot, Parser, Value, read_fields};
use crate::levels::{LevelBuffer, Levels, ListOffsets};
use crate::record::{Field, record};
use crate::thread_local::ThreadLocal;
use crate::units::Trade;

/// How payloads are framed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Envelope {
    /// Socket.IO 4 over Engine.IO 4: the more likely one.
    SocketIo,
    /// Plain JSON: the bare payload, `{"event":..., "message":...}`, or `{"event":..., "data":...}`.
    Plain,
    /// The default. A decoder detects the envelope by the first byte of each frame: a digit starts a packet. Requests
    /// are written as Socket.IO packets.
    #[default]
    Auto,
}

/// The ping interval of a server that sends no valid one, in milliseconds: Engine.IO's default.
pub const PING_INTERVAL_MS: u32 = 25_000;

/// The ping timeout of a server that sends no valid one, in milliseconds: Engine.IO's default.
pub const PING_TIMEOUT_MS: u32 = 20_000;

/// A message from the server, borrowed from the frame and the decoder.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// A packet of the Socket.IO session.
    Control(Control<'a>),
    /// The complete book of the connection's symbol, and recent trades.
    OrderBook(OrderBook<'a>),
    /// Candles.
    Kline(Kline<'a>),
    /// The account's balances.
    Positions(Positions<'a>),
    /// Changes of the user's own orders.
    OpenOrders(OpenOrders<'a>),
    /// The server rejected a request. The venue documents no such event. This is the event `error`, or a bare payload
    /// whose only known key is `error`.
    Error {
        /// The server's reason: the payload itself if it is a string, or its `message`. Empty if neither is valid.
        message: &'a str,
    },
    /// An event that this version does not support.
    Unknown {
        /// The event's name. For a bare payload, the event that its keys identify, or an empty string.
        kind: &'a str,
    },
}

/// A packet of the Socket.IO session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control<'a> {
    /// The server's handshake.
    Open {
        /// The interval of the server's pings, in milliseconds. Not zero.
        ping_interval_ms: u32,
        /// The time limit for the reply to a ping, in milliseconds. Not zero.
        ping_timeout_ms: u32,
    },
    /// The default namespace was joined.
    Connected,
    /// The server refused to join the default namespace.
    Refused {
        /// The server's reason, or an empty string.
        message: &'a str,
    },
    /// The server removed the client from the namespace.
    Disconnected,
    /// The server closes the session.
    Close,
    /// A ping. Reply with [`PONG`](super::PONG) within the ping timeout.
    Ping,
    /// The reply to a ping of the client.
    Pong,
    /// A noop packet, which has no effect.
    Noop,
    /// The acknowledgement of an event that the client sent.
    Ack {
        /// The id of the event.
        id: u64,
    },
}

/// The order book of the connection's symbol: a snapshot of both sides.
///
/// The payload contains no symbol, so a connection can subscribe to only one book. The levels are in the order of the
/// message. [`Book::apply_snapshot`](ticklot_book::Book::apply_snapshot) sorts and validates them.
#[derive(Clone, Copy, Debug)]
pub struct OrderBook<'a> {
    /// The bids.
    pub bids: &'a [Level],
    /// The asks.
    pub asks: &'a [Level],
    /// Recent trades, newest first. Whether a message repeats trades of earlier messages is not documented.
    pub trades: &'a [Trade],
    /// The skipped trades, which have an invalid field. If `trades` is not a list, it counts as one skipped item.
    pub skipped: Option<&'a Skipped>,
    /// The path that decoded the book.
    pub path: DecodePath,
    levels: Levels<'a>,
}

impl<'a> Message<'a> {
    /// The skipped items of the message's lists, which are invalid. The rest of the message is not affected.
    #[must_use]
    pub fn skipped(&self) -> Option<&'a Skipped> {
        match self {
            Self::OrderBook(book) => book.skipped,
            Self::OpenOrders(orders) => orders.skipped,
            _ => None,
        }
    }
}

impl OrderBook<'_> {
    /// Converts an error of the book for this message to a decoding error with the byte offset of the level.
    #[must_use]
    pub fn refusal(&self, error: BookError) -> DecodeError {
        self.levels.refusal(VenueName::JAYX, error)
    }
}

/// Decodes one frame at a time, with reused buffers.
///
/// # Allocation
/// The buffers grow to the longest frame and the deepest book seen; after that, decoding does not allocate. They are
/// bounded: 4 MiB per frame, 64 levels of nesting, [`MAX_LEVELS`] price levels per side and as many trades. A list of
/// trades of up to 64 KiB of text is cached for the comparison with the next one, in 256 KiB.
///
/// # Shapes
/// The decoder learns the shape of order books (key order, spacing, further fields) from the first one, which takes the
/// general path and allocates a few kilobytes. Later order books of that shape are decoded several times faster. The
/// result does not depend on the path.
pub struct Decoder {
    envelope: Envelope,
    backend: Option<SimdBackend>,
    parser: Parser,
    buffers: MessageBuffers,
}

#[derive(Default)]
struct MessageBuffers {
    levels: LevelBuffer,
    trades: ListCache<Trade>,
    skipped: Option<Skipped>,
    account: AccountBuffer,
}

impl Decoder {
    /// A decoder for one envelope, with empty buffers.
    #[must_use]
    pub fn new(envelope: Envelope) -> Self {
        Self::with_backend(envelope, DecodeBackend::Best)
    }

    /// A decoder with a given backend, for measurements.
    #[must_use]
    pub fn with_backend(envelope: Envelope, backend: DecodeBackend) -> Self {
        Self {
            envelope,
            backend: SimdBackend::new(backend),
            parser: Parser::new(),
            buffers: MessageBuffers::default(),
        }
    }

    /// The envelope of the decoder.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// Whether a frame is decoded as a Socket.IO packet. Any other frame may contain several payloads, one per line:
    /// split it with [`Lines`](crate::Lines).
    #[must_use]
    pub fn is_packet(&self, frame: &[u8]) -> bool {
        match self.envelope {
            Envelope::SocketIo => true,
            Envelope::Plain => false,
            Envelope::Auto => frame.first().is_some_and(u8::is_ascii_digit),
        }
    }

    /// Decodes one packet, or one line of a frame of the plain envelope.
    ///
    /// Unknown fields are skipped. An optional field is `None` if it is absent, null or invalid. The optional fields
    /// are the trades of a book, the `count` of a level (then 0), and the fields of an order other than its number,
    /// state, side, symbol and quantity. Invalid trades and orders are skipped: see [`Message::skipped`]. An invalid or
    /// zero ping interval or timeout is replaced with Engine.IO's default.
    ///
    /// # Errors
    /// The frame is not a packet or not JSON; a field is missing, has the wrong type or occurs twice; a number is not
    /// an integer, out of range or negative; or a limit is exceeded (see [`Decoder`]). The error contains the byte
    /// offset in the frame.
    pub fn decode<'a>(&'a mut self, frame: &'a [u8]) -> Result<Message<'a>, DecodeError> {
        let packets = self.is_packet(frame);
        let backend = self.backend;
        let Self {
            parser, buffers, ..
        } = self;
        let decoded = if packets {
            socket_io(frame, backend, parser, buffers)
        } else {
            let json = Json {
                text: frame,
                offset: 0,
            };
            message(json, Framing::Plain, backend, parser, buffers)
        };
        decoded.map_err(|failure| DecodeError::new(VenueName::JAYX, failure))
    }
}

impl Decoder {
    /// The event of a frame that [`Decoder::decode`] rejected: `orderbook` for an order book, `packet` for a packet of
    /// the session. `None` if it cannot be read. For error handling only, because it parses the frame again.
    pub fn identify<'a>(&'a mut self, frame: &'a [u8]) -> Option<&'a str> {
        if !self.is_packet(frame) {
            return self.parser.parse(frame, plain_event).ok();
        }
        match packet::read(frame).ok()? {
            Packet::Event { json, .. } => self.parser.parse(json.text, event_name).ok(),
            _ => Some("packet"),
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(Envelope::default())
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("envelope", &self.envelope)
            .finish_non_exhaustive()
    }
}

impl MessageBuffers {
    /// The order book that the fast path has read from `text`.
    fn order_book<'a>(&'a self, text: &'a [u8], lists: ListOffsets) -> OrderBook<'a> {
        let levels = self.levels.found(text, lists);
        OrderBook {
            bids: levels.bids,
            asks: levels.asks,
            trades: self.trades.items(),
            skipped: None,
            path: DecodePath::Fast,
            levels,
        }
    }

    /// The order book that the general path has read.
    fn general(&self) -> OrderBook<'_> {
        let levels = self.levels.view();
        OrderBook {
            bids: levels.bids,
            asks: levels.asks,
            trades: self.trades.items(),
            skipped: self.skipped.as_ref(),
            path: DecodePath::General,
            levels,
        }
    }

    /// Reads a message of any shape without a tape.
    fn pull<'a>(&mut self, text: &'a [u8], wrap: Framing) -> Option<ParsedMessage<'a>> {
        self.skipped = None;
        pull::message(
            text,
            wrap,
            &mut self.levels,
            &mut self.trades,
            &mut self.account,
        )
    }

    /// The message that was read without a tape.
    fn message<'a>(&'a self, found: ParsedMessage<'a>) -> Message<'a> {
        match found {
            ParsedMessage::OrderBook => Message::OrderBook(self.general()),
            ParsedMessage::Kline(kline) => Message::Kline(kline),
            ParsedMessage::Positions => Message::Positions(self.account.positions()),
            ParsedMessage::OpenOrders => Message::OpenOrders(self.account.open_orders()),
        }
    }
}

/// The templates for a payload. A packet's JSON differs from a plain frame.
fn templates(wrap: Framing) -> Shared {
    match wrap {
        Framing::Event => &PACKETS,
        Framing::Plain => &FRAMES,
    }
}

/// Decodes an order book by a template.
fn by_template(
    text: &[u8],
    wrap: Framing,
    backend: Option<SimdBackend>,
    buffers: &mut MessageBuffers,
) -> Option<ListOffsets> {
    let backend = backend?;
    let MessageBuffers { levels, trades, .. } = buffers;
    let read = |templates: &mut Templates| templates.read_whole(backend, text, levels, trades);
    ThreadLocal::lend(templates(wrap), read)
}

/// Learns the shape of an order book that was read from a tape.
fn learn(
    message: &Message<'_>,
    root: &Value<'_, '_>,
    text: &[u8],
    wrap: Framing,
    backend: Option<SimdBackend>,
) {
    let is_whole = matches!(message, Message::OrderBook(book) if book.skipped.is_none());
    if is_whole && backend.is_some() {
        Templates::learn_parsed::<OrderBookSchema>(templates(wrap), root, text, Scale::UNIT);
    }
}

/// Decodes the payload of an event, bare or wrapped with the event's name.
fn message<'a>(
    json: Json<'a>,
    wrap: Framing,
    backend: Option<SimdBackend>,
    parser: &'a mut Parser,
    buffers: &'a mut MessageBuffers,
) -> Result<Message<'a>, DecodeFailure> {
    let Json { text, offset } = json;
    let backend = SimdBackend::within_limit(backend, text);
    buffers.levels.starts_at(offset);
    if let Some(lists) = by_template(text, wrap, backend, buffers) {
        return Ok(Message::OrderBook(buffers.order_book(text, lists)));
    }
    any_message(json, wrap, backend, parser, buffers)
}

/// Decodes a message of unknown shape. Out of line, so that its code does not enlarge the hot path.
#[inline(never)]
fn any_message<'a>(
    json: Json<'a>,
    wrap: Framing,
    backend: Option<SimdBackend>,
    parser: &'a mut Parser,
    buffers: &'a mut MessageBuffers,
) -> Result<Message<'a>, DecodeFailure> {
    let Json { text, .. } = json;
    if backend.is_some()
        && let Some(found) = buffers.pull(text, wrap)
    {
        if let ParsedMessage::OrderBook = found {
            Templates::learn_text::<OrderBookSchema>(templates(wrap), parser, text, Scale::UNIT);
        }
        return Ok(buffers.message(found));
    }
    parse(json, parser, |root| {
        let message = match wrap {
            Framing::Event => event(root, buffers)?,
            Framing::Plain => plain(root, buffers)?,
        };
        learn(&message, &root, text, wrap, backend);
        Ok(message)
    })
}

fn socket_io<'a>(
    frame: &'a [u8],
    backend: Option<SimdBackend>,
    parser: &'a mut Parser,
    buffers: &'a mut MessageBuffers,
) -> Result<Message<'a>, DecodeFailure> {
    let control = match packet::read(frame)? {
        Packet::Event { json, .. } => {
            return message(json, Framing::Event, backend, parser, buffers);
        }
        Packet::Open(json) => parse(json, parser, open)?,
        Packet::ConnectError(json) => parse(json, parser, refusal)?,
        Packet::Connect(_) => Control::Connected,
        Packet::Disconnect => Control::Disconnected,
        Packet::Close => Control::Close,
        Packet::Ping => Control::Ping,
        Packet::Pong => Control::Pong,
        Packet::Noop => Control::Noop,
        Packet::Ack { id } => Control::Ack { id },
    };
    Ok(Message::Control(control))
}

/// Parses the JSON of a packet. Errors contain the byte offset in the frame.
fn parse<'a, R>(
    json: Json<'a>,
    parser: &'a mut Parser,
    read: impl for<'d> FnOnce(Value<'d, 'a>) -> Result<R, DecodeFailure>,
) -> Result<R, DecodeFailure> {
    parser
        .parse(json.text, read)
        .map_err(|failure| failure.shifted(json.offset))
}

fn open<'a>(root: Value<'_, 'a>) -> Result<Control<'a>, DecodeFailure> {
    read_fields!(root, "open", {}, extra { "pingInterval" => interval, "pingTimeout" => timeout });
    let millis = |extra: &Extra<'_, '_>| extra.read(Value::count).filter(|millis| *millis > 0);
    Ok(Control::Open {
        ping_interval_ms: millis(&interval).unwrap_or(PING_INTERVAL_MS),
        ping_timeout_ms: millis(&timeout).unwrap_or(PING_TIMEOUT_MS),
    })
}

fn refusal<'a>(root: Value<'_, 'a>) -> Result<Control<'a>, DecodeFailure> {
    Ok(Control::Refused {
        message: reason(root),
    })
}

/// `["<event>", <message>]`
fn event<'a>(
    root: Value<'_, 'a>,
    buffers: &'a mut MessageBuffers,
) -> Result<Message<'a>, DecodeFailure> {
    let mut items = root.items("event")?;
    let missing = |field| root.error(ErrorKind::Missing { field });
    let name = items
        .next()
        .ok_or_else(|| missing("event name"))?
        .str("event name")?;
    payload(name, buffers, || {
        items.next().ok_or_else(|| missing("event message"))
    })
}

/// Decodes the message of an event by its name. Only the name of an unknown event is read, so the rest cannot cause an
/// error.
fn payload<'d, 'a: 'd>(
    event: &'a str,
    buffers: &'a mut MessageBuffers,
    value: impl FnOnce() -> Result<Value<'d, 'a>, DecodeFailure>,
) -> Result<Message<'a>, DecodeFailure> {
    Ok(match event {
        ORDER_BOOK => Message::OrderBook(order_book(value()?, buffers)?),
        KLINE => Message::Kline(kline(value()?)?),
        POSITIONS => Message::Positions(positions(value()?, &mut buffers.account)?),
        OPEN_ORDERS => {
            let base = buffers.levels.base();
            Message::OpenOrders(open_orders(value()?, &mut buffers.account, base)?)
        }
        ERROR => Message::Error {
            message: value().map_or("", reason),
        },
        kind => Message::Unknown { kind },
    })
}

const ERROR: &str = "error";

/// The reason is for humans, so an invalid one does not cause a second error.
fn reason<'a>(value: Value<'_, 'a>) -> &'a str {
    let text = value.str("error").or_else(|_| {
        read_fields!(value, "error", { "message" => message });
        message.require(&value)?.str("message")
    });
    text.unwrap_or_default()
}

/// Decodes a bare payload, which its keys identify, or one wrapped with its event's name.
fn plain<'a>(
    root: Value<'_, 'a>,
    buffers: &'a mut MessageBuffers,
) -> Result<Message<'a>, DecodeFailure> {
    read_fields!(root, "payload", { "event" => event });
    match event.get() {
        Some(event) => wrapped(root, event.str("event")?, buffers),
        None => bare(root, buffers),
    }
}

fn event_name<'a>(root: Value<'_, 'a>) -> Result<&'a str, DecodeFailure> {
    let name = root.items("event")?.next();
    let missing = root.error(ErrorKind::Missing {
        field: "event name",
    });
    name.ok_or(missing)?.str("event name")
}

fn plain_event<'a>(root: Value<'_, 'a>) -> Result<&'a str, DecodeFailure> {
    read_fields!(root, "payload", { "event" => event });
    match event.get() {
        Some(event) => event.str("event"),
        None => bare_event(root),
    }
}

fn wrapped<'a>(
    root: Value<'_, 'a>,
    name: &'a str,
    buffers: &'a mut MessageBuffers,
) -> Result<Message<'a>, DecodeFailure> {
    payload(name, buffers, || {
        read_fields!(root, "payload", { "message" => message, "data" => data });
        if message.is_present() {
            message.require(&root)
        } else {
            data.require(&root)
        }
    })
}

fn bare<'a>(
    root: Value<'_, 'a>,
    buffers: &'a mut MessageBuffers,
) -> Result<Message<'a>, DecodeFailure> {
    let event = bare_event(root)?;
    payload(event, buffers, || {
        if event != ERROR {
            return Ok(root);
        }
        read_fields!(root, "payload", { "error" => error });
        error.require(&root)
    })
}

/// The event that the keys of a bare payload identify; empty for none.
fn bare_event(root: Value<'_, '_>) -> Result<&'static str, DecodeFailure> {
    read_fields!(root, "payload", {
        "orderBook" => order_book_key,
        "spot" => spot,
        "add" => add,
        "modify" => modify,
        "cancel" => cancel,
        "error" => error,
    });
    let holds_array = |slot: &FieldSlot<'_, '_>| slot.get().is_some_and(|value| value.is_array());
    Ok(if order_book_key.is_present() {
        ORDER_BOOK
    } else if spot.is_present() {
        POSITIONS
    } else if holds_array(&cancel) || holds_array(&modify) {
        OPEN_ORDERS
    } else if add.is_present() || modify.is_present() {
        KLINE
    } else if error.get().is_some() {
        ERROR
    } else {
        ""
    })
}

fn order_book<'a>(
    payload: Value<'_, 'a>,
    buffers: &'a mut MessageBuffers,
) -> Result<OrderBook<'a>, DecodeFailure> {
    read_fields!(payload, "orderbook", { "orderBook" => book }, extra { "trades" => trades });
    let book = book.require(&payload)?;
    read_fields!(book, "orderBook", { "asks" => asks, "bids" => bids });
    bids.require(&book)?;
    asks.require(&book)?;
    let MessageBuffers {
        levels,
        trades: trade_space,
        skipped,
        ..
    } = buffers;
    levels.fill(bids.get(), asks.get(), level)?;
    let found = read_trades(&trades, trade_space.uncached());
    *skipped = found.report(VenueName::JAYX, levels.base());
    Ok(buffers.general())
}

fn level(item: Value<'_, '_>) -> Result<Level, DecodeFailure> {
    read_fields!(item, "level", { "ticks" => ticks, "lots" => lots }, extra { "count" => count });
    Ok(Level {
        ticks: Ticks(ticks.require(&item)?.steps("ticks", 0)?),
        lots: Lots(lots.require(&item)?.steps("lots", 0)?),
        count: count.read(Value::count).unwrap_or(0),
    })
}

fn read_trades(list: &Extra<'_, '_>, trades: &mut Vec<Trade>) -> SkippedItems {
    let mut skipped = SkippedItems::default();
    let list = list
        .read(|value, _| Ok(*value))
        .filter(|list| !list.is_null());
    let Some(items) = list.and_then(|list| skipped.keep(list.items("trades"))) else {
        return skipped;
    };
    for item in items {
        let room = item.check_count(trades.len(), MAX_LEVELS, "trades");
        let Some(trade) = skipped.keep(room.and_then(|()| Field::parse(&item, "trade"))) else {
            continue;
        };
        trades.push(trade);
    }
    skipped
}

record! { Trade as "trade" {
    "lots" => lots,
    "ticks" => ticks,
    "side" => side,
    "created" => created,
} }
