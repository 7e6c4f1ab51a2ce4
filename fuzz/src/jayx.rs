//! The decoder of JayX against a naive reader.

mod requests;

use ticklot_book::{Level, Lots, Scale, Ticks};
use ticklot_frame::jayx::{
    Balance, Candle, Control, Decoder, Envelope, Message, Order, PING_INTERVAL_MS, PING_TIMEOUT_MS,
};
use ticklot_frame::{ErrorKind, Trade, UnixMillis};

pub(crate) use self::requests::requests;
use crate::fields::{Spec, fields, read_fields, trade_side};
use crate::json::{
    Json, Refused, array, check_syntax, is_ambiguous, non_null, object, required, string,
};
use crate::oracle::{
    BACKENDS, Decoded, check_backends, check_offsets, compare, level_offsets, refused,
};

/// `data` is frames, separated by the byte 0x1E, which no JSON contains. Each is checked in every envelope.
pub fn jayx(data: &[u8]) {
    if is_ambiguous(data) {
        return;
    }
    for envelope in [Envelope::SocketIo, Envelope::Plain, Envelope::Auto] {
        let frames = data.split(|&byte| byte == 0x1e);
        let decoders = || {
            BACKENDS
                .map(|backend| Decoder::with_backend(envelope, backend))
                .into()
        };
        check_backends(frames, decoders, decode, |decoder, frame, decoded| {
            let refused = refused(frame, decoded);
            check(envelope, frame, decoded, refused);
            let named = named_event(envelope, frame, refused);
            assert_eq!(decoder.identify(frame).map(str::to_owned), named);
        });
    }
}

fn decode(decoder: &mut Decoder, frame: &[u8]) -> Decoded<Owned> {
    let message = decoder.decode(frame)?;
    let levels = match &message {
        Message::OrderBook(book) => level_offsets([book.bids, book.asks], Scale::UNIT, |error| {
            book.refusal(error)
        }),
        _ => Vec::new(),
    };
    Ok((owned(&message), levels))
}

fn check(envelope: Envelope, frame: &[u8], decoded: &Decoded<Owned>, refused: Option<ErrorKind>) {
    let body = if is_packet(envelope, frame) {
        unwrap_packet(frame)
    } else {
        Ok(Body::Json(frame, read_payload))
    };
    let expected = match body {
        Ok(Body::Control(control)) => Some(Ok(control)),
        Ok(Body::Json(text, read)) => check_syntax(text, refused).map(|json| read(&json)),
        Err(Refused) => {
            let is_known = matches!(refused, Some(ErrorKind::Packet | ErrorKind::Binary));
            assert!(is_known, "{refused:?}");
            None
        }
    };
    compare(decoded, expected);
    if let Ok((message, levels)) = decoded {
        check_offsets(frame, levels, |level, _| read_level(level));
        check_round_trip(message);
    }
}

fn is_packet(envelope: Envelope, frame: &[u8]) -> bool {
    match envelope {
        Envelope::SocketIo => true,
        Envelope::Plain => false,
        Envelope::Auto => frame.first().is_some_and(u8::is_ascii_digit),
    }
}

/// The event of a frame, which may be invalid: `packet` for a packet of the session.
fn named_event(envelope: Envelope, frame: &[u8], refused: Option<ErrorKind>) -> Option<String> {
    let is_packet = is_packet(envelope, frame);
    let text = match is_packet {
        false => frame,
        true => match unwrap_packet(frame).ok()? {
            Body::Json(json, _) if frame.starts_with(b"42") => json,
            _ => return Some("packet".to_owned()),
        },
    };
    let json = check_syntax(text, refused)?;
    if is_packet {
        return json.items().ok()?.first()?.text().ok();
    }
    let [event] = json.fields(["event"]).ok()?;
    match non_null(event) {
        Some(name) => name.text().ok(),
        None => bare_event(&json).ok().map(str::to_owned),
    }
}

/// The contents of a frame.
enum Body<'a> {
    /// A packet without JSON.
    Control(Owned),
    /// JSON, and its reader.
    Json(&'a [u8], Reader),
}

type Reader = fn(&Json) -> Result<Owned, Refused>;

/// Parses the prefix of a packet of Engine.IO 4 and Socket.IO 4.
fn unwrap_packet(frame: &[u8]) -> Result<Body<'_>, Refused> {
    let control = |packet: &str| Ok(Body::Control(Owned::Packet(packet.to_owned())));
    match frame {
        [b'0', json @ ..] => Ok(Body::Json(json, read_open)),
        [b'1', ..] => control("1"),
        [b'2', ..] => control("2"),
        [b'3', ..] => control("3"),
        [b'6', ..] => control("6"),
        [b'4', kind @ b'0'..=b'4', rest @ ..] => {
            let rest = match rest {
                [b'/', b',', rest @ ..] => rest,
                [b'/'] => &[],
                [b'/', ..] => return Err(Refused),
                rest => rest,
            };
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (id, json) = rest.split_at(digits);
            let id = std::str::from_utf8(id).expect("digits");
            let id = if id.is_empty() {
                None
            } else {
                Some(id.parse::<u64>().map_err(|_| Refused)?)
            };
            match (kind, id) {
                (b'0', None) => control("40"),
                (b'1', None) => control("41"),
                (b'2', _) => Ok(Body::Json(json, read_event)),
                (b'3', Some(id)) => control(&acknowledgement(id)),
                (b'4', None) => Ok(Body::Json(json, read_refusal)),
                _ => Err(Refused),
            }
        }
        _ => Err(Refused),
    }
}

/// A message in the venue's format.
#[derive(Debug, PartialEq)]
enum Owned {
    /// A packet of the session.
    Packet(String),
    /// An event and its payload, which is empty for an undocumented event.
    Event(String, Json),
}

impl Owned {
    fn event(name: &str, payload: Vec<(&str, Json)>) -> Self {
        Self::Event(name.to_owned(), object(payload))
    }

    fn open(interval: u32, timeout: u32) -> Self {
        let [interval, timeout] = [interval, timeout].map(|ms| Json::Number(ms.to_string()));
        let json = object(vec![("pingInterval", interval), ("pingTimeout", timeout)]);
        Self::Packet(format!("0{json}"))
    }

    fn refused(why: &str) -> Self {
        Self::Packet(format!("44{}", object(vec![("message", string(why))])))
    }

    fn error(why: &str) -> Self {
        Self::event("error", vec![("message", string(why))])
    }

    fn kline([add, modify]: [Option<Json>; 2]) -> Self {
        let [add, modify] = [add, modify].map(|candle| candle.unwrap_or(Json::Null));
        Self::event("kline", vec![("add", add), ("modify", modify)])
    }

    fn order_book(bids: &[Level], asks: &[Level], trades: &[Trade]) -> Self {
        let integer = |number: i64| Json::Number(number.to_string());
        let level = |it: &Level| {
            let count = integer(it.count.into());
            let (ticks, lots) = (integer(it.ticks.0), integer(it.lots.0));
            object(vec![("ticks", ticks), ("lots", lots), ("count", count)])
        };
        let trade = |it: &Trade| {
            let (lots, ticks) = (integer(it.lots.0), integer(it.ticks.0));
            let (side, created) = (string(it.side.as_str()), integer(it.created.0));
            object(vec![
                ("lots", lots),
                ("ticks", ticks),
                ("side", side),
                ("created", created),
            ])
        };
        let book = object(vec![
            ("asks", array(asks, level)),
            ("bids", array(bids, level)),
        ]);
        let trades = array(trades, trade);
        Self::event("orderbook", vec![("orderBook", book), ("trades", trades)])
    }

    /// The frames of a message: an event has several formats, and a packet has one.
    fn frames(&self) -> Vec<(Envelope, String)> {
        let (event, payload) = match self {
            Self::Packet(text) => return vec![(Envelope::SocketIo, text.clone())],
            Self::Event(event, payload) => (string(event), payload),
        };
        let mut frames = vec![
            (Envelope::SocketIo, format!("42[{event},{payload}]")),
            (Envelope::Auto, format!("4217[{event},{payload}]")),
        ];
        for field in ["message", "data"] {
            let text = format!(r#"{{"event":{event},"{field}":{payload}}}"#);
            frames.push((Envelope::Plain, text));
        }
        // The keys of an empty message do not identify it.
        let is_documented = DOCUMENTED.iter().any(|name| event == string(name));
        if is_documented && *self != Self::kline([None, None]) {
            frames.push((Envelope::Auto, payload.to_string()));
        }
        frames
    }
}

fn acknowledgement(id: u64) -> String {
    format!("43{id}[]")
}

/// Checks that a message in the venue's formats decodes to the same message.
fn check_round_trip(message: &Owned) {
    for (envelope, frame) in message.frames() {
        let mut decoder = Decoder::new(envelope);
        let again = decoder.decode(frame.as_bytes());
        let again = again.unwrap_or_else(|error| panic!("{error}: {frame}"));
        assert_eq!(owned(&again), *message, "{frame}");
    }
}

fields!(CANDLE, candle_fields(it: Candle<'_>), {
    "_id": Text = it.id;
    "created": Integer = it.opened;
    "o": Steps = it.open;
    "h": Steps = it.high;
    "l": Steps = it.low;
    "c": Steps = it.close;
    "v": Steps = it.volume;
    "m": Integer = it.modified;
    "symbol": Text = it.symbol;
});

fields!(BALANCE, balance_fields(it: Balance<'_>), {
    "asset": Text = it.asset;
    "balance": Number = it.balance;
    "available": Number = it.available;
});

fields!(ORDER, order_fields(it: Order<'_>), {
    "id": Steps = it.id;
    "type": Text? = it.kind;
    "state": Text = it.state;
    "side": Side = it.side;
    "resd": Integer? = it.reserved;
    "exec": Steps? = it.executed;
    "cost": Integer? = it.cost;
    "lastLots": Steps? = it.last_lots;
    "lastTicks": Steps? = it.last_ticks;
    "created": Integer? = it.created;
    "modified": Integer? = it.modified;
    "symbol": Text = it.symbol;
    "price": Number? = it.price;
    "quantity": Number = it.quantity;
});

fn owned(message: &Message<'_>) -> Owned {
    match *message {
        Message::Control(control) => match control {
            Control::Open {
                ping_interval_ms,
                ping_timeout_ms,
            } => Owned::open(ping_interval_ms, ping_timeout_ms),
            Control::Refused { message } => Owned::refused(message),
            Control::Ack { id } => Owned::Packet(acknowledgement(id)),
            Control::Close => Owned::Packet("1".to_owned()),
            Control::Ping => Owned::Packet("2".to_owned()),
            Control::Pong => Owned::Packet("3".to_owned()),
            Control::Noop => Owned::Packet("6".to_owned()),
            Control::Connected => Owned::Packet("40".to_owned()),
            Control::Disconnected => Owned::Packet("41".to_owned()),
            other => panic!("unknown packet: {other:?}"),
        },
        Message::OrderBook(book) => Owned::order_book(book.bids, book.asks, book.trades),
        Message::Kline(kline) => {
            Owned::kline([kline.add, kline.modify].map(|it| it.as_ref().map(candle_fields)))
        }
        Message::Positions(positions) => {
            assert_eq!(positions.len(), positions.iter().count());
            assert_eq!(positions.is_empty(), positions.iter().next().is_none());
            let balances = array(positions.iter(), |it| balance_fields(&it));
            Owned::event("positions", vec![("spot", balances)])
        }
        Message::OpenOrders(orders) => {
            let [cancel, modify] = [orders.cancel, orders.modify].map(|it| {
                assert_eq!(it.len(), it.iter().count());
                assert_eq!(it.is_empty(), it.iter().next().is_none());
                array(it.iter(), |it| order_fields(&it))
            });
            Owned::event("openorders", vec![("cancel", cancel), ("modify", modify)])
        }
        Message::Error { message } => Owned::error(message),
        Message::Unknown { kind } => Owned::event(kind, Vec::new()),
        ref other => panic!("unknown message: {other:?}"),
    }
}

fn read_open(json: &Json) -> Result<Owned, Refused> {
    json.object()?;
    let millis = |name| json.extra(name, Json::count).filter(|millis| *millis > 0);
    Ok(Owned::open(
        millis("pingInterval").unwrap_or(PING_INTERVAL_MS),
        millis("pingTimeout").unwrap_or(PING_TIMEOUT_MS),
    ))
}

fn read_refusal(json: &Json) -> Result<Owned, Refused> {
    Ok(Owned::refused(&reason(Some(json))))
}

/// The reason of a refusal; empty if it is invalid.
fn reason(json: Option<&Json>) -> String {
    let read = |json: &Json| match json {
        Json::Object(_) => required(json.fields(["message"])?[0])?.text(),
        other => other.text(),
    };
    json.and_then(|json| read(json).ok()).unwrap_or_default()
}

fn read_event(json: &Json) -> Result<Owned, Refused> {
    let items = json.items()?;
    read_named(required(items.first())?, items.get(1))
}

/// Only the name of an undocumented event is read.
fn read_named(name: &Json, message: Option<&Json>) -> Result<Owned, Refused> {
    let name = name.text()?;
    match name.as_str() {
        "orderbook" => read_book(required(message)?),
        "kline" => read_kline(required(message)?),
        "positions" => read_positions(required(message)?),
        "openorders" => read_orders(required(message)?),
        "error" => Ok(Owned::error(&reason(message))),
        _ => Ok(Owned::event(&name, Vec::new())),
    }
}

const DOCUMENTED: [&str; 4] = ["orderbook", "kline", "positions", "openorders"];

fn read_payload(json: &Json) -> Result<Owned, Refused> {
    let [event] = json.fields(["event"])?;
    if let Some(name) = non_null(event) {
        if name.text()? == "error" {
            let fields = json.fields(["message", "data"]);
            let message = fields.ok().and_then(|[message, data]| message.or(data));
            return read_named(name, message);
        }
        if !DOCUMENTED.contains(&name.text()?.as_str()) {
            return read_named(name, None);
        }
        let [message, data] = json.fields(["message", "data"])?;
        return read_named(name, message.or(data));
    }
    match bare_event(json)? {
        "orderbook" => read_book(json),
        "positions" => read_positions(json),
        "openorders" => read_orders(json),
        "kline" => read_kline(json),
        "error" => Ok(Owned::error(&reason(json.fields(["error"])?[0]))),
        _ => Ok(Owned::event("", Vec::new())),
    }
}

/// The event that the keys of a bare payload identify; empty for none.
fn bare_event(json: &Json) -> Result<&'static str, Refused> {
    let [order_book, spot, add, modify, cancel, error] =
        json.fields(["orderBook", "spot", "add", "modify", "cancel", "error"])?;
    let is_array = |field: Option<&Json>| matches!(field, Some(Json::Array(_)));
    Ok(if order_book.is_some() {
        "orderbook"
    } else if spot.is_some() {
        "positions"
    } else if is_array(cancel) || is_array(modify) {
        "openorders"
    } else if add.is_some() || modify.is_some() {
        "kline"
    } else if non_null(error).is_some() {
        "error"
    } else {
        ""
    })
}

fn read_kline(payload: &Json) -> Result<Owned, Refused> {
    let [add, modify] = payload.fields(["add", "modify"])?;
    let candle = |it| non_null(it).map(|it| read_object(it, CANDLE)).transpose();
    Ok(Owned::kline([candle(add)?, candle(modify)?]))
}

fn read_positions(payload: &Json) -> Result<Owned, Refused> {
    let [spot] = payload.fields(["spot"])?;
    let balances = list(required(spot)?, |it| read_object(it, BALANCE))?;
    Ok(Owned::event(
        "positions",
        vec![("spot", Json::Array(balances))],
    ))
}

fn read_orders(payload: &Json) -> Result<Owned, Refused> {
    let [cancel, modify] = payload.fields(["cancel", "modify"])?;
    let orders = |it: Option<&Json>| {
        let it = it.unwrap_or(&Json::Null);
        let items = list(it, |it| Ok(it.clone()))?;
        let orders = items.iter().filter_map(|it| read_object(it, ORDER).ok());
        Ok(Json::Array(orders.collect()))
    };
    let (cancel, modify) = (orders(cancel)?, orders(modify)?);
    Ok(Owned::event(
        "openorders",
        vec![("cancel", cancel), ("modify", modify)],
    ))
}

/// Reads the fields of an object, which may have none of them.
fn read_object(json: &Json, table: &[Spec]) -> Result<Json, Refused> {
    json.object()?;
    read_fields(json, table)
}

fn read_book(payload: &Json) -> Result<Owned, Refused> {
    let [book] = payload.fields(["orderBook"])?;
    let [asks, bids] = required(book)?.fields(["asks", "bids"])?;
    let trades = payload.extra("trades", |it| it.items().map(<[Json]>::to_vec));
    let trades = trades.unwrap_or_default();
    let bids = list(required(bids)?, read_level)?;
    let asks = list(required(asks)?, read_level)?;
    let trades: Vec<Trade> = trades.iter().filter_map(|it| read_trade(it).ok()).collect();
    Ok(Owned::order_book(&bids, &asks, &trades))
}

/// Reads an array item by item; null is an empty one.
fn list<T>(json: &Json, read: fn(&Json) -> Result<T, Refused>) -> Result<Vec<T>, Refused> {
    if *json == Json::Null {
        return Ok(Vec::new());
    }
    json.items()?.iter().map(read).collect()
}

fn read_level(level: &Json) -> Result<Level, Refused> {
    let [ticks, lots] = level.fields(["ticks", "lots"])?;
    Ok(Level {
        ticks: Ticks(required(ticks)?.steps(0)?),
        lots: Lots(required(lots)?.steps(0)?),
        count: level.extra("count", Json::count).unwrap_or(0),
    })
}

fn read_trade(trade: &Json) -> Result<Trade, Refused> {
    let [lots, ticks, side, created] = trade.fields(["lots", "ticks", "side", "created"])?;
    Ok(Trade {
        ticks: Ticks(required(ticks)?.steps(0)?),
        lots: Lots(required(lots)?.steps(0)?),
        side: trade_side(required(side)?)?,
        created: UnixMillis(required(created)?.integer()?),
    })
}
