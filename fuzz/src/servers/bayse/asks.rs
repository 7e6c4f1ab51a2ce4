//! What a client may ask Bayse Markets for, by the contract and by what the simulator says that it
//! chose.

use arbitrary::{Arbitrary, Unstructured};
use serde_json::{Map, Value};

use crate::servers::{pick, text as field};

pub(crate) const MARKETS: [&str; 2] = ["mkt_us-rate-cut", "mkt_btc-above-1m"];
pub(crate) const OUTCOMES: [&str; 4] = [
    "out_us-rate-cut-yes",
    "out_us-rate-cut-no",
    "out_btc-above-1m-yes",
    "out_btc-above-1m-no",
];
pub(crate) const EVENTS: [&str; 2] = ["evt_us-rate-cut", "evt_btc-above-1m"];
pub(crate) const SYMBOLS: [&str; 7] = [
    "BTCUSDT", "ETHUSDT", "SOLUSDT", "XAUUSD", "EURUSD", "GBPUSD", "USDNGN",
];
pub(crate) const USERS: [&str; 6] = [
    "usr_demo", "usr_ada", "usr_ben", "usr_chi", "usr_dee", "usr_eze",
];
const KEY: &str = "pk_demo_ticklot";
const TOKEN: &str = "demo-header.demo-claims.demo-signature";
const AUTH: &str = r#"auth required: include {"auth":{"accessToken":"..."}} or {"auth":{"apiKey":"..."}} in every message"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Markets,
    Realtime,
    User,
}

impl Endpoint {
    pub(crate) const ALL: [Self; 3] = [Self::Markets, Self::Realtime, Self::User];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Markets => "/ws/v1/markets",
            Self::Realtime => "/ws/v1/realtime",
            Self::User => "/ws/v1/user",
        }
    }

    fn of(channel: &str) -> Option<Self> {
        match channel {
            "activity" | "prices" | "orderbook" | "user_trades" => Some(Self::Markets),
            "asset_prices" => Some(Self::Realtime),
            "orders" => Some(Self::User),
            _ => None,
        }
    }
}

/// What one is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Activity(&'static str, Option<&'static str>),
    Prices(&'static str),
    Books(&'static str, &'static str),
    UserTrades(&'static str),
    Asset(&'static str),
    /// Of the one user that has credentials.
    Orders(&'static str),
}

impl Room {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Activity(event, None) => format!("activity:{event}"),
            Self::Activity(event, Some(market)) => format!("activity:{event}:{market}"),
            Self::Prices(event) => format!("prices:{event}"),
            Self::Books(market, "USD") => format!("orderbook:{market}"),
            Self::Books(market, currency) => format!("orderbook:{market}:{currency}"),
            Self::UserTrades(user) => format!("user_trades:{user}"),
            Self::Asset(symbol) => format!("asset_prices:{symbol}"),
            Self::Orders(market) => format!("orders:usr_demo:{market}"),
        }
    }

    /// Whether what is told here must not be missed.
    pub(crate) fn is_of_fills(self) -> bool {
        matches!(
            self,
            Self::Activity(..) | Self::UserTrades(_) | Self::Orders(_)
        )
    }
}

#[derive(Debug)]
pub(crate) enum Ask {
    Ping,
    Subscribe(Vec<Room>),
    Unsubscribe(String),
}

/// Reads a message: what it asks for, or the texts of what is wrong with it, of which the first found is
/// told.
pub(crate) fn read(message: &str, at: Endpoint) -> Result<Ask, Vec<String>> {
    let no = |text: &str| Err(vec![text.to_owned()]);
    let Ok(Value::Object(message)) = serde_json::from_str(message) else {
        return no("Invalid message format");
    };
    let message = Value::Object(message);
    let is_known = is_user(&message);
    if at == Endpoint::User && !is_known {
        return no(AUTH);
    }
    match field(&message, "type").unwrap_or("") {
        "ping" => Ok(Ask::Ping),
        "unsubscribe" => match field(&message, "room").unwrap_or("") {
            "" => no("Room name is required"),
            room => Ok(Ask::Unsubscribe(room.to_owned())),
        },
        "subscribe" => subscribe(&message, at),
        other => no(&format!("unknown message type: {other}")),
    }
}

/// Whether the message shows that it is of the user with credentials: a token counts alone.
fn is_user(message: &Value) -> bool {
    let auth = message.get("auth").unwrap_or(&Value::Null);
    match field(auth, "accessToken").unwrap_or("") {
        "" => field(auth, "apiKey") == Some(KEY),
        token => token == TOKEN,
    }
}

fn subscribe(message: &Value, at: Endpoint) -> Result<Ask, Vec<String>> {
    let channel = field(message, "channel").unwrap_or("");
    let Some(home) = Endpoint::of(channel) else {
        return Err(vec![format!("unknown channel: {channel}")]);
    };
    if home != at {
        let (here, there) = (at.path(), home.path());
        return Err(vec![format!(
            "channel \"{channel}\" is not available on {here}; use {there} instead"
        )]);
    }
    let mut wrong = Vec::new();
    let rooms = match channel {
        "activity" => {
            let event = known(message, "eventId", &EVENTS, &mut wrong);
            let market = match field(message, "marketId").unwrap_or("") {
                "" => None,
                id => {
                    let place = MARKETS.iter().position(|known| *known == id);
                    let of = place.filter(|place| event == Some(EVENTS[*place]));
                    if of.is_none() {
                        wrong.push(format!("unknown market: {id}"));
                    }
                    of.map(|place| MARKETS[place])
                }
            };
            event
                .map(|event| Room::Activity(event, market))
                .into_iter()
                .collect()
        }
        "prices" => {
            let event = known(message, "eventId", &EVENTS, &mut wrong);
            event.map(Room::Prices).into_iter().collect()
        }
        "user_trades" => {
            let user = known(message, "userId", &USERS, &mut wrong);
            user.map(Room::UserTrades).into_iter().collect()
        }
        "asset_prices" => list(message, "symbols", &SYMBOLS, &mut wrong)
            .into_iter()
            .map(Room::Asset)
            .collect::<Vec<_>>(),
        "orders" => list(message, "marketIds", &MARKETS, &mut wrong)
            .into_iter()
            .map(Room::Orders)
            .collect(),
        _ => {
            let currency = match message.get("currency") {
                None | Some(Value::Null) => "USD",
                Some(code) if *code == "USD" => "USD",
                Some(code) if *code == "NGN" => "NGN",
                Some(_) => {
                    let text = "Unsupported currency. Supported currencies are USD and NGN";
                    wrong.push(text.to_owned());
                    ""
                }
            };
            let markets = list(message, "marketIds", &MARKETS, &mut wrong);
            markets
                .into_iter()
                .map(|id| Room::Books(id, currency))
                .collect()
        }
    };
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut once = Vec::new();
    for room in rooms {
        if !once.contains(&room) {
            once.push(room);
        }
    }
    Ok(Ask::Subscribe(once))
}

/// A field that must name something.
fn known(
    message: &Value,
    name: &str,
    all: &[&'static str],
    wrong: &mut Vec<String>,
) -> Option<&'static str> {
    let id = field(message, name).unwrap_or("");
    let (what, required) = match name {
        "eventId" => ("event", "Event ID is required"),
        _ => ("user", "User ID is required"),
    };
    let found = all.iter().find(|known| **known == id).copied();
    if id.is_empty() {
        wrong.push(required.to_owned());
    } else if found.is_none() {
        wrong.push(format!("unknown {what}: {id}"));
    }
    found
}

/// A list that must name things.
fn list(
    message: &Value,
    name: &str,
    all: &[&'static str],
    wrong: &mut Vec<String>,
) -> Vec<&'static str> {
    let is_symbols = name == "symbols";
    let items = message.get(name).and_then(Value::as_array);
    let texts: Option<Vec<&str>> =
        items.and_then(|items| items.iter().map(Value::as_str).collect());
    let texts = texts.unwrap_or_default();
    if texts.is_empty() {
        let required = if is_symbols {
            "Symbols required to subscribe to asset prices"
        } else {
            "Market IDs are required"
        };
        wrong.push(required.to_owned());
    }
    if !is_symbols && texts.len() > 10 {
        wrong.push("At most 10 market IDs are allowed".to_owned());
    }
    let mut found = Vec::new();
    for id in texts {
        match all.iter().find(|known| **known == id) {
            Some(known) => found.push(*known),
            None if is_symbols => wrong.push(format!(
                "Unsupported symbol: {id}. Supported symbols are {}",
                SYMBOLS.join(", ")
            )),
            None => wrong.push(format!("unknown market: {id}")),
        }
    }
    found
}

#[derive(Debug, Arbitrary)]
struct Wish {
    kind: u8,
    channel: u8,
    event: u8,
    market: Option<u8>,
    markets: Vec<u8>,
    currency: Option<u8>,
    symbols: Vec<u8>,
    room: u8,
    user: u8,
    auth: Option<(u8, bool)>,
    /// A bit for each field that is left out.
    without: u16,
}

/// A message that is nearly right.
pub(crate) fn text(u: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    const KINDS: [&str; 4] = ["subscribe", "subscribe", "unsubscribe", "ping"];
    const CHANNELS: [&str; 6] = [
        "orderbook",
        "activity",
        "prices",
        "user_trades",
        "asset_prices",
        "orders",
    ];
    const ROOMS: [&str; 5] = [
        "orderbook:mkt_us-rate-cut",
        "prices:evt_us-rate-cut",
        "activity:evt_us-rate-cut",
        "orders:usr_demo:mkt_us-rate-cut",
        "asset_prices:BTCUSDT",
    ];
    let wish = Wish::arbitrary(u)?;
    let all = |bytes: &[u8], table: &[&str]| {
        Value::Array(
            bytes
                .iter()
                .take(12)
                .map(|byte| pick(*byte, table))
                .collect(),
        )
    };
    let auth = wish.auth.map(|(byte, is_token)| {
        let (name, secret) = if is_token {
            ("accessToken", TOKEN)
        } else {
            ("apiKey", KEY)
        };
        serde_json::json!({ name: pick(byte, &[secret]) })
    });
    let fields = [
        ("type", Some(pick(wish.kind, &KINDS))),
        ("channel", Some(pick(wish.channel, &CHANNELS))),
        ("eventId", Some(pick(wish.event, &EVENTS))),
        ("marketId", wish.market.map(|byte| pick(byte, &MARKETS))),
        ("marketIds", Some(all(&wish.markets, &MARKETS))),
        (
            "currency",
            wish.currency.map(|byte| pick(byte, &["USD", "NGN"])),
        ),
        ("symbols", Some(all(&wish.symbols, &SYMBOLS))),
        ("room", Some(pick(wish.room, &ROOMS))),
        ("userId", Some(pick(wish.user, &USERS))),
        ("auth", auth),
    ];
    let mut message = Map::new();
    for (place, (name, value)) in fields.into_iter().enumerate() {
        // Few are left out: two bits must agree.
        let is_left_out = wish.without & wish.without.rotate_left(1) & (1 << place) != 0;
        if let Some(value) = value.filter(|_| !is_left_out) {
            message.insert(name.to_owned(), value);
        }
    }
    Ok(Value::Object(message).to_string())
}
