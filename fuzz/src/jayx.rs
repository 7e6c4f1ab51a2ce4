use ticklot_book::{BookError, BookErrorKind, Level, Lots, Side, Ticks};
use ticklot_frame::jayx::{Control, Decoder, Envelope, Message};
use ticklot_frame::{DecodeError, ErrorKind, Scan, Trade, UnixMillis};

use crate::bayse::trade_side;
use crate::json::{Json, Refused, is_ambiguous, judge, need, unless_null};
use crate::scans::SCANS;

/// `data` is frames with the byte 0x1E between them, which no JSON holds: each is decoded in every
/// envelope and in every way of scanning, by one decoder for all and by one for itself. The one for
/// all sees them twice: the first time it learns, the second time it knows.
pub fn jayx(data: &[u8]) {
    if is_ambiguous(data) {
        return;
    }
    for envelope in [Envelope::SocketIo, Envelope::Plain, Envelope::Auto] {
        let mut used = SCANS.map(|scan| Decoder::with_scan(envelope, scan));
        let mut all = Vec::new();
        for (place, frame) in data.split(|&byte| byte == 0x1e).enumerate() {
            let mut general = Decoder::with_scan(envelope, Scan::Off);
            let message = general.decode(frame);
            check(envelope, frame, &message);
            check_places(frame, &message);
            let expected = told(&message);
            // At the first frame those for all are fresh themselves.
            if place > 0 {
                let mut fresh = Decoder::new(envelope);
                assert_eq!(told(&fresh.decode(frame)), expected);
            }
            all.push((frame, expected));
        }
        for (frame, expected) in all.iter().chain(&all) {
            for (scan, used) in SCANS.iter().zip(&mut used) {
                assert_eq!(&told(&used.decode(frame)), expected, "{scan:?}");
            }
        }
    }
}

/// All that a decoder tells: the message and the byte of each level, or the refusal.
fn told(message: &Result<Message<'_>, DecodeError>) -> Result<(Owned, Vec<u32>), DecodeError> {
    match message {
        Ok(message) => Ok((owned(message), places(message).map(|(_, at)| at).collect())),
        Err(error) => Err(*error),
    }
}

fn check(envelope: Envelope, frame: &[u8], message: &Result<Message<'_>, DecodeError>) {
    if let Err(error) = message {
        assert!(error.offset as usize <= frame.len(), "{error}");
    }
    let packets = match envelope {
        Envelope::SocketIo => true,
        Envelope::Plain => false,
        Envelope::Auto => frame.first().is_some_and(u8::is_ascii_digit),
    };
    let body = if packets {
        unwrap_packet(frame)
    } else {
        Ok(Body::Json(frame, read_payload))
    };
    let (text, read) = match body {
        Ok(Body::Control(control)) => {
            assert_eq!(message.as_ref().map(owned), Ok(control));
            return;
        }
        Ok(Body::Json(text, read)) => (text, read),
        Err(Refused) => {
            let kind = message.as_ref().err().map(|error| error.kind);
            assert!(
                matches!(kind, Some(ErrorKind::Packet | ErrorKind::Binary)),
                "{kind:?}"
            );
            return;
        }
    };
    let refused = message.as_ref().err().map(|error| error.kind);
    let Some(json) = judge(text, refused) else {
        return;
    };
    match (message.as_ref().map(owned), read(&json)) {
        (_, Ok(Owned::Unread(_))) => {}
        (Ok(message), expected) => assert_eq!(Ok(message), expected),
        (Err(error), expected) => assert_eq!(Err(Refused), expected, "{error}"),
    }
}

/// A refusal by the book names the byte where the level begins.
fn check_places(frame: &[u8], message: &Result<Message<'_>, DecodeError>) {
    for (level, at) in message.iter().flat_map(places) {
        let rest = &frame[at as usize..];
        let there = serde_json::Deserializer::from_slice(rest)
            .into_iter::<Json>()
            .next();
        let there = there.expect("a value").expect("JSON");
        assert_eq!(read_level(&there), Ok(level));
    }
}

/// The levels of a book, each with the byte that a refusal of it by the book names.
fn places(message: &Message<'_>) -> impl Iterator<Item = (Level, u32)> {
    let book = match message {
        Message::OrderBook(book) => Some(*book),
        _ => None,
    };
    book.into_iter().flat_map(|book| {
        let sides = [(Side::Bid, book.bids), (Side::Ask, book.asks)];
        sides.into_iter().flat_map(move |(side, levels)| {
            let levels = levels.iter().enumerate();
            levels.map(move |(index, level)| {
                let kind = BookErrorKind::DuplicatePrice;
                let ticks = level.ticks;
                let error = book.refusal(BookError {
                    kind,
                    side,
                    index,
                    ticks,
                });
                (*level, error.offset)
            })
        })
    })
}

/// What a frame holds.
enum Body<'a> {
    /// All there is to know.
    Control(Owned),
    /// JSON, and how it is to be read.
    Json(&'a [u8], Reader),
}

type Reader = fn(&Json) -> Result<Owned, Refused>;

/// Takes the head off a packet of Engine.IO 4 and Socket.IO 4.
fn unwrap_packet(frame: &[u8]) -> Result<Body<'_>, Refused> {
    let control = |name: &str| Ok(Body::Control(Owned::Control(name.to_owned())));
    match frame {
        [b'0', json @ ..] => Ok(Body::Json(json, read_open)),
        [b'1', ..] => control("Close"),
        [b'2', ..] => control("Ping"),
        [b'3', ..] => control("Pong"),
        [b'6', ..] => control("Noop"),
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
                (b'0', None) => control("Joined"),
                (b'1', None) => control("Left"),
                (b'2', _) => Ok(Body::Json(json, read_event)),
                (b'3', Some(id)) => control(&format!("Ack {{ id: {id} }}")),
                (b'4', None) => Ok(Body::Json(json, read_refusal)),
                _ => Err(Refused),
            }
        }
        _ => Err(Refused),
    }
}

/// Documented events that this oracle does not read: whether they are JSON is all it knows of them.
const UNREAD: [&str; 3] = ["kline", "positions", "openorders"];

/// Of an event that is not documented nothing but the name matters.
fn other_event(name: &str) -> Owned {
    if UNREAD.contains(&name) {
        Owned::Unread(String::new())
    } else {
        Owned::Unknown(name.to_owned())
    }
}

/// A message, its strings its own.
#[derive(Debug, PartialEq)]
enum Owned {
    /// As it prints itself.
    Control(String),
    Open(u32, u32),
    Refused(String),
    OrderBook(Vec<Level>, Vec<Level>, Vec<Trade>),
    Unknown(String),
    /// As it prints itself.
    Unread(String),
}

fn owned(message: &Message<'_>) -> Owned {
    match *message {
        Message::Control(Control::Open {
            ping_interval_ms,
            ping_timeout_ms,
        }) => Owned::Open(ping_interval_ms, ping_timeout_ms),
        Message::Control(Control::Refused { message }) => Owned::Refused(message.to_owned()),
        Message::Control(control) => Owned::Control(format!("{control:?}")),
        Message::OrderBook(book) => {
            Owned::OrderBook(book.bids.to_vec(), book.asks.to_vec(), book.trades.to_vec())
        }
        Message::Unknown { kind } => Owned::Unknown(kind.to_owned()),
        ref other => Owned::Unread(format!("{other:?}")),
    }
}

fn read_open(json: &Json) -> Result<Owned, Refused> {
    let [interval, timeout] = json.fields(["pingInterval", "pingTimeout"])?;
    Ok(Owned::Open(
        need(interval)?.count()?,
        need(timeout)?.count()?,
    ))
}

/// A reason that cannot be read is none; only one that stands twice is an error.
fn read_refusal(json: &Json) -> Result<Owned, Refused> {
    let Json::Object(_) = json else {
        return Ok(Owned::Refused(String::new()));
    };
    let [message] = json.fields(["message"])?;
    let message = message.and_then(|message| message.text().ok());
    Ok(Owned::Refused(message.unwrap_or_default()))
}

fn read_event(json: &Json) -> Result<Owned, Refused> {
    let items = json.items()?;
    read_named(need(items.first())?, items.get(1))
}

fn read_named(name: &Json, message: Option<&Json>) -> Result<Owned, Refused> {
    match name.text()?.as_str() {
        "orderbook" => read_book(need(message)?),
        other => Ok(other_event(other)),
    }
}

fn read_payload(json: &Json) -> Result<Owned, Refused> {
    let [event] = json.fields(["event"])?;
    if let Some(name) = unless_null(event) {
        if name.text()? != "orderbook" {
            return read_named(name, None);
        }
        let [message, data] = json.fields(["message", "data"])?;
        return read_named(name, message.or(data));
    }
    let [order_book, spot, add, modify, cancel] =
        json.fields(["orderBook", "spot", "add", "modify", "cancel"])?;
    if order_book.is_some() {
        return read_book(json);
    }
    let is_array = |field: Option<&Json>| matches!(field, Some(Json::Array(_)));
    let kind = if spot.is_some() {
        "positions"
    } else if is_array(cancel) || is_array(modify) {
        "openorders"
    } else if add.is_some() || modify.is_some() {
        "kline"
    } else {
        ""
    };
    Ok(other_event(kind))
}

fn read_book(payload: &Json) -> Result<Owned, Refused> {
    let [book, trades] = payload.fields(["orderBook", "trades"])?;
    let [asks, bids] = need(book)?.fields(["asks", "bids"])?;
    let trades = trades.unwrap_or(&Json::Null);
    Ok(Owned::OrderBook(
        list(need(bids)?, read_level)?,
        list(need(asks)?, read_level)?,
        list(trades, read_trade)?,
    ))
}

/// An array read item by item; null is an empty one.
fn list<T>(json: &Json, read: fn(&Json) -> Result<T, Refused>) -> Result<Vec<T>, Refused> {
    if *json == Json::Null {
        return Ok(Vec::new());
    }
    json.items()?.iter().map(read).collect()
}

fn read_level(level: &Json) -> Result<Level, Refused> {
    let [ticks, lots, count] = level.fields(["ticks", "lots", "count"])?;
    Ok(Level {
        ticks: Ticks(need(ticks)?.steps(0)?),
        lots: Lots(need(lots)?.steps(0)?),
        count: unless_null(count).map_or(Ok(0), Json::count)?,
    })
}

fn read_trade(trade: &Json) -> Result<Trade, Refused> {
    let [lots, ticks, side, created] = trade.fields(["lots", "ticks", "side", "created"])?;
    Ok(Trade {
        ticks: Ticks(need(ticks)?.steps(0)?),
        lots: Lots(need(lots)?.steps(0)?),
        side: trade_side(need(side)?)?,
        created: UnixMillis(need(created)?.integer()?),
    })
}
