//! Server messages of JayX, in both envelopes.

use std::fmt;

use ticklot_book::{BookError, Level, Lots, MAX_LEVELS, Scale, Ticks};

use super::account::{AccountBuffer, OpenOrders, Positions, open_orders, positions};
use super::kline::{Kline, kline};
use super::packet::{self, Json, Packet};
use super::pull::{self, Found, KLINE, OPEN_ORDERS, ORDER_BOOK, POSITIONS, Wrap};
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
    /// Socket.IO 4 over Engine.IO 4: the likeliest.
    SocketIo,
    /// Plain JSON: the bare payload, or `{"event":..., "message":...}`, or
    /// `{"event":..., "data":...}`.
    Plain,
    /// The default. A decoder reads it from each frame's first byte: a digit starts a packet. A request is
    /// written as a Socket.IO packet.
    #[default]
    Auto,
}

/// The ping interval of a server that sends none that can be used, in milliseconds: Engine.IO's default.
pub const PING_INTERVAL_MS: u32 = 25_000;

/// The ping timeout of such a server, in milliseconds: Engine.IO's default.
pub const PING_TIMEOUT_MS: u32 = 20_000;

/// A message from the server, borrowed from the frame and the decoder.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// Something of the Socket.IO session, not of the market.
    Control(Control<'a>),
    /// The whole book of the connection's symbol, and recent trades.
    OrderBook(OrderBook<'a>),
    /// Candles.
    Kline(Kline<'a>),
    /// The account's balances.
    Positions(Positions<'a>),
    /// What became of one's own orders.
    OpenOrders(OpenOrders<'a>),
    /// The server refused a request. The venue documents no such event; this reads the event `error`,
    /// and a bare payload whose only known key is `error`.
    Error {
        /// The server's reason: the payload itself when it is a string, or its `message`. Empty when
        /// neither can be read.
        message: &'a str,
    },
    /// An event that this version does not read.
    Unknown {
        /// Its name; for a bare payload, the event that its keys tell, or nothing.
        kind: &'a str,
    },
}

/// A packet of the Socket.IO session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control<'a> {
    /// The server's handshake.
    Open {
        /// The server pings this often, in milliseconds. Not zero.
        ping_interval_ms: u32,
        /// A ping must be answered within this time, in milliseconds. Not zero.
        ping_timeout_ms: u32,
    },
    /// The default namespace is joined.
    Joined,
    /// The default namespace is refused.
    Refused {
        /// The server's reason, or nothing.
        message: &'a str,
    },
    /// The server made us leave the namespace.
    Left,
    /// The server closes the session.
    Close,
    /// To be answered with [`PONG`](super::PONG) within the ping timeout.
    Ping,
    /// The answer to a ping of ours.
    Pong,
    /// Nothing.
    Noop,
    /// The acknowledgement of an event of ours.
    Ack {
        /// Which one.
        id: u64,
    },
}

/// The order book of the connection's symbol: a snapshot, both sides whole.
///
/// The payload names no symbol: a connection carries the book of one only. The levels are in the
/// order of the message; [`Book::apply_snapshot`](ticklot_book::Book::apply_snapshot) sorts and checks them.
#[derive(Clone, Copy, Debug)]
pub struct OrderBook<'a> {
    /// The buyers.
    pub bids: &'a [Level],
    /// The sellers.
    pub asks: &'a [Level],
    /// Recent trades, newest first. Whether a message repeats trades of earlier ones is not
    /// documented.
    pub trades: &'a [Trade],
    /// The trades that were left out, since a field of theirs could not be read, or the whole list, if it is no list.
    pub skipped: Option<&'a Skipped>,
    /// How the decoder read it.
    pub path: DecodePath,
    levels: Levels<'a>,
}

impl<'a> Message<'a> {
    /// The items of a list in it that were left out, since they could not be read. They cost nothing else of it.
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
    /// What the book refused in this message, as a decoding error with the byte of the level.
    #[must_use]
    pub fn refusal(&self, error: BookError) -> DecodeError {
        self.levels.refusal(VenueName::JAYX, error)
    }
}

/// Decodes one frame at a time, with buffers that live on.
///
/// # Allocation
/// Grows its buffers to the longest frame and the deepest book seen, then allocates no more. They
/// are bounded: 4 MiB a frame, 64 levels of nesting, [`MAX_LEVELS`] price levels a side and as many
/// trades; and 256 KiB for a list of trades of up to 64 KiB of text, which is kept to compare the next one with.
///
/// # Shapes
/// The shape of order books (order of keys, spacing, further fields) is learnt from the first one, which takes the general
/// path and allocates a few kilobytes; the following ones in that shape are read several times faster. The result does not
/// depend on the path.
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

    /// A decoder with this backend, to measure it.
    #[must_use]
    pub fn with_backend(envelope: Envelope, backend: DecodeBackend) -> Self {
        Self {
            envelope,
            backend: SimdBackend::new(backend),
            parser: Parser::new(),
            buffers: MessageBuffers::default(),
        }
    }

    /// The envelope it reads.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// Whether a frame is read as a packet of Socket.IO. A frame that is none may hold several payloads, one a line:
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
    /// Unknown fields are passed over. An optional field is none when it is absent, null, or cannot be read: the
    /// trades of a book, the `count` of a level (0 then), all of an order but its number, state, side, symbol and
    /// quantity. A trade or an order that cannot be read is left out: see [`Message::skipped`]. A ping interval or
    /// timeout that is no positive whole number of milliseconds is Engine.IO's default.
    ///
    /// # Errors
    /// The frame is no packet or no JSON, a field is missing or of the wrong type, a number is not
    /// whole, too large or negative, or a limit is passed (see [`Decoder`]). The error names the
    /// byte of the frame.
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
            message(json, Wrap::Plain, backend, parser, buffers)
        };
        decoded.map_err(|fault| DecodeError::new(VenueName::JAYX, fault))
    }
}

impl Decoder {
    /// The event of a frame that [`Decoder::decode`] has refused: `orderbook` for an order book, `packet` for a packet
    /// of the session. None when it cannot be read. For the error path: it reads the frame again.
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
    /// The order book that a template has read from `text`.
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

    /// Reads a message in any shape without a tape.
    fn pull<'a>(&mut self, text: &'a [u8], wrap: Wrap) -> Option<Found<'a>> {
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
    fn message<'a>(&'a self, found: Found<'a>) -> Message<'a> {
        match found {
            Found::OrderBook => Message::OrderBook(self.general()),
            Found::Kline(kline) => Message::Kline(kline),
            Found::Positions => Message::Positions(self.account.positions()),
            Found::OpenOrders => Message::OpenOrders(self.account.open_orders()),
        }
    }
}

/// The templates for a payload: a packet's JSON is no frame.
fn templates(wrap: Wrap) -> Shared {
    match wrap {
        Wrap::Event => &PACKETS,
        Wrap::Plain => &FRAMES,
    }
}

/// An order book in the shape of those before it.
fn by_template(
    text: &[u8],
    wrap: Wrap,
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
    wrap: Wrap,
    backend: Option<SimdBackend>,
) {
    let is_whole = matches!(message, Message::OrderBook(book) if book.skipped.is_none());
    if is_whole && backend.is_some() {
        Templates::learn_parsed::<OrderBookSchema>(templates(wrap), root, text, Scale::UNIT);
    }
}

/// Reads the payload of an event, or one with its event's name around it.
fn message<'a>(
    json: Json<'a>,
    wrap: Wrap,
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

/// A message that is in no known shape. Out of line, so that it takes no space where the others are read.
#[inline(never)]
fn any_message<'a>(
    json: Json<'a>,
    wrap: Wrap,
    backend: Option<SimdBackend>,
    parser: &'a mut Parser,
    buffers: &'a mut MessageBuffers,
) -> Result<Message<'a>, DecodeFailure> {
    let Json { text, .. } = json;
    if backend.is_some()
        && let Some(found) = buffers.pull(text, wrap)
    {
        if let Found::OrderBook = found {
            Templates::learn_text::<OrderBookSchema>(templates(wrap), parser, text, Scale::UNIT);
        }
        return Ok(buffers.message(found));
    }
    parse(json, parser, |root| {
        let message = match wrap {
            Wrap::Event => event(root, buffers)?,
            Wrap::Plain => plain(root, buffers)?,
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
        Packet::Event { json, .. } => return message(json, Wrap::Event, backend, parser, buffers),
        Packet::Open(json) => parse(json, parser, open)?,
        Packet::ConnectError(json) => parse(json, parser, refusal)?,
        Packet::Connect(_) => Control::Joined,
        Packet::Disconnect => Control::Left,
        Packet::Close => Control::Close,
        Packet::Ping => Control::Ping,
        Packet::Pong => Control::Pong,
        Packet::Noop => Control::Noop,
        Packet::Ack { id } => Control::Ack { id },
    };
    Ok(Message::Control(control))
}

/// Parses the JSON of a packet; faults are told by the byte of the frame.
fn parse<'a, R>(
    json: Json<'a>,
    parser: &'a mut Parser,
    read: impl for<'d> FnOnce(Value<'d, 'a>) -> Result<R, DecodeFailure>,
) -> Result<R, DecodeFailure> {
    parser
        .parse(json.text, read)
        .map_err(|fault| fault.shifted(json.offset))
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
    let missing = |field| root.fault(ErrorKind::Missing { field });
    let name = items
        .next()
        .ok_or_else(|| missing("event name"))?
        .str("event name")?;
    payload(name, buffers, || {
        items.next().ok_or_else(|| missing("event message"))
    })
}

/// The message of an event by its name. Of an event that is not known nothing but the name is read,
/// so nothing else of it can be wrong.
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

/// A reason is for people to read: one that cannot be read is no second error.
fn reason<'a>(value: Value<'_, 'a>) -> &'a str {
    let text = value.str("error").or_else(|_| {
        read_fields!(value, "error", { "message" => message });
        message.require(&value)?.str("message")
    });
    text.unwrap_or_default()
}

/// A bare payload, told by its keys, or one wrapped with its event's name.
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
    let missing = root.fault(ErrorKind::Missing {
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

/// The event that a bare payload's keys name; empty for none.
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
