//! What a client may ask JayX for, by the contract and by what the simulator says that it chose.

use arbitrary::{Arbitrary, Unstructured};
use serde_json::{Map, Value, json};

use crate::servers::{pick, text as field};

pub(crate) const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];
pub(crate) const KEYS: [&str; 2] = ["ak_demo_ticklot", "ak_other"];
pub(crate) const INTERVALS: [&str; 11] = [
    "1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "1440",
];

/// A subscription, by the places of what it names. In the order in which a step is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Orders(usize, usize),
    Balances(usize),
    Candles(usize, usize),
    Book(usize),
}

impl Want {
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Orders(..) => 0,
            Self::Balances(_) => 1,
            Self::Candles(..) => 2,
            Self::Book(_) => 3,
        }
    }
}

/// A packet of a client.
#[derive(Debug)]
pub(crate) enum Packet {
    Close,
    Pong,
    /// The namespace, empty for the default one.
    Join(String),
    Event {
        id: String,
        name: String,
        message: Value,
    },
    Nothing,
    Broken,
}

/// Reads a packet of Engine.IO 4, and of Socket.IO in it.
pub(crate) fn packet(text: &str) -> Packet {
    match text.as_bytes() {
        [b'1', ..] => Packet::Close,
        [b'3', ..] => Packet::Pong,
        [b'0' | b'2' | b'5' | b'6', ..] => Packet::Nothing,
        [b'4', kind @ b'0'..=b'9', ..] => socket_io(*kind, &text[2..]),
        _ => Packet::Broken,
    }
}

fn socket_io(kind: u8, rest: &str) -> Packet {
    let (namespace, rest) = if rest.starts_with('/') {
        rest.split_once(',').unwrap_or((rest, ""))
    } else {
        ("/", rest)
    };
    let namespace = namespace.split('?').next().expect("there is a first");
    let is_default = namespace == "/";
    match kind {
        b'0' if is_default => Packet::Join(String::new()),
        b'0' => Packet::Join(namespace.to_owned()),
        b'1' if is_default => Packet::Close,
        b'2' if is_default => event(rest).unwrap_or(Packet::Broken),
        _ => Packet::Nothing,
    }
}

fn event(text: &str) -> Option<Packet> {
    let id: String = text.chars().take_while(char::is_ascii_digit).collect();
    let items: Vec<Value> = serde_json::from_str(&text[id.len()..]).ok()?;
    Some(Packet::Event {
        id,
        name: items.first()?.as_str()?.to_owned(),
        message: items.get(1).cloned().unwrap_or_default(),
    })
}

/// Reads a request of the plain mode: the event and the message, or what is wrong.
pub(crate) fn plain(text: &str) -> Result<(String, Value), Vec<String>> {
    let Ok(envelope) = serde_json::from_str::<Value>(text) else {
        return Err(vec!["the message is not valid JSON".to_owned()]);
    };
    let Some(event) = field(&envelope, "event") else {
        return Err(vec!["event is required".to_owned()]);
    };
    let message = envelope.get("message").cloned().unwrap_or_default();
    Ok((event.to_owned(), message))
}

/// What an event asks for, or the texts of what is wrong with it, of which the first found is told.
pub(crate) fn want(event: &str, message: &Value, has_book: bool) -> Result<Want, Vec<String>> {
    let mut wrong = Vec::new();
    let mut say = |is: bool, text: &str| {
        if is {
            wrong.push(text.to_owned());
        }
    };
    let find = |name, all: &[&str]| {
        let text = field(message, name);
        text.map(|text| (text.to_owned(), all.iter().position(|known| *known == text)))
    };
    let mut named = |name, all: &[&str], missing, unknown: &str| {
        let found = find(name, all);
        say(found.is_none(), missing);
        if let Some((text, None)) = &found {
            // A key is repeated to nobody.
            let text = if name == "apiKey" {
                unknown.to_owned()
            } else {
                format!("{unknown}: {text}")
            };
            say(true, &text);
        }
        found.and_then(|(_, place)| place).unwrap_or(0)
    };
    let (needs_symbol, needs_key) = match event {
        "orderbook" | "kline" => (true, false),
        "positions" => (false, true),
        "openorders" => (true, true),
        _ => return Err(vec![format!("unknown event: {event}")]),
    };
    let symbol = if needs_symbol {
        named("symbol", &SYMBOLS, "symbol is required", "unknown symbol")
    } else {
        0
    };
    let account = if needs_key {
        named("apiKey", &KEYS, "apiKey is required", "unknown apiKey")
    } else {
        0
    };
    let want = match event {
        "orderbook" => Want::Book(symbol),
        "kline" => {
            let interval = named(
                "interval",
                &INTERVALS,
                "interval is required",
                "unknown interval",
            );
            Want::Candles(symbol, interval)
        }
        "positions" => Want::Balances(account),
        _ => Want::Orders(account, symbol),
    };
    say(
        field(message, "category") != Some("spot"),
        "category must be spot",
    );
    if event == "orderbook" {
        let precise = message.get("precise").unwrap_or(&Value::Null);
        say(precise.is_null(), "precise is required");
        say(
            has_book,
            "an order book is already subscribed on this connection",
        );
    }
    if wrong.is_empty() {
        Ok(want)
    } else {
        Err(wrong)
    }
}

#[derive(Debug, Arbitrary)]
struct Wish {
    /// Plain or a packet, and with which head.
    form: u8,
    id: Option<u16>,
    event: u8,
    symbol: u8,
    interval: u8,
    key: u8,
    category: u8,
    without: u16,
}

/// A message that is nearly right, in one of the two envelopes.
pub(crate) fn text(u: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    const EVENTS: [&str; 4] = ["orderbook", "kline", "positions", "openorders"];
    const HEADS: [&str; 10] = [
        "40", "41", "2", "3", "1", "42", "45-", "40/x,", "41/x,", "6",
    ];
    let wish = Wish::arbitrary(u)?;
    let fields = [
        ("symbol", pick(wish.symbol, &SYMBOLS)),
        ("interval", pick(wish.interval, &INTERVALS)),
        ("apiKey", pick(wish.key, &KEYS)),
        ("category", pick(wish.category, &["spot"])),
        ("precise", "1".into()),
    ];
    let mut message = Map::new();
    for (place, (name, value)) in fields.into_iter().enumerate() {
        // Few are left out: two bits must agree.
        if wish.without & wish.without.rotate_left(1) & (1 << place) == 0 {
            message.insert(name.to_owned(), value);
        }
    }
    let (event, message) = (pick(wish.event, &EVENTS), Value::Object(message));
    let id = wish.id.map_or(String::new(), |id| id.to_string());
    Ok(match wish.form {
        0..96 => format!("42{id}{}", json!([event, message])),
        96..128 => "40".to_owned(),
        128..160 => HEADS[usize::from(wish.form) % HEADS.len()].to_owned(),
        _ => json!({"event": event, "message": message}).to_string(),
    })
}
