use ticklot_frame::bayse::{
    Auth, Channel, Currency, Endpoint, Ids, MAX_MARKETS, Request, RequestError, Room, Symbol,
    subscribe_order_book, unsubscribe,
};

use crate::json::Json;

/// What stands in the buffer before a message is appended.
const BEFORE: &[u8] = b"before";

/// `data` is pieces with the byte 0xFF between them, which no UTF-8 holds. The first is a choice a
/// byte, digits or any others: the message, the endpoint, the credentials, who owns the ids, the
/// currency, the room, how many of a list are taken. Then a secret, a device, and the texts. From the
/// ninth on, messages are JayX'.
pub fn requests(data: &[u8]) {
    let mut pieces = data.split(|&byte| byte == 0xff);
    let mut choices = pieces.next().unwrap_or_default().iter();
    let mut choice = |among: u8| choices.next().map_or(0, |byte| usize::from(byte % among));
    let texts: Vec<String> = pieces
        .map(|piece| String::from_utf8_lossy(piece).into_owned())
        .collect();
    let text = |index: usize| texts.get(index).map_or("", String::as_str);
    let ids = texts.get(2..).unwrap_or_default();

    let kind = choice(12);
    let endpoint = ENDPOINTS[choice(3)];
    let (auth, credentials) = auth(choice(4), text(0), text(1));
    let owner = choice(3);
    let currency = [Currency::Usd, Currency::Ngn][choice(2)];
    let room_kind = choice(8);
    let taken = choice(16);

    let strs: Vec<&str> = ids.iter().map(String::as_str).collect();
    let boxes: Vec<Box<str>> = ids.iter().map(|id| id.as_str().into()).collect();
    let markets: Ids<'_> = match owner {
        0 => strs.as_slice().into(),
        1 => ids.into(),
        _ => boxes.as_slice().into(),
    };
    let symbols: Vec<Symbol> = ids.iter().map(|id| SYMBOLS[id.len() % 7].0).collect();
    let room = room(room_kind, text(2), ids.get(1).map(String::as_str), currency);
    check_room(&room, text(0));

    if kind >= 8 {
        return crate::jayx::requests(kind - 8, text(0), text(1), text(2));
    }
    let request = match kind {
        0 => Request::Activity {
            event_id: text(2),
            market_id: ids.get(1).map(String::as_str),
        },
        1 => Request::Prices { event_id: text(2) },
        2 => Request::OrderBook { markets, currency },
        3 => Request::UserTrades { user_id: text(2) },
        4 => Request::AssetPrices { symbols: &symbols },
        5 => Request::Orders { markets },
        6 => Request::Unsubscribe { room },
        _ => Request::Ping,
    };
    check(request, endpoint, auth.as_ref(), credentials.as_ref());
    check_rest(request, taken);
    check_rooms(request);
    if let Request::OrderBook { .. } = request {
        check_shorthand(&strs, currency);
    }
}

const ENDPOINTS: [Endpoint; 3] = [Endpoint::Markets, Endpoint::Realtime, Endpoint::User];

const SYMBOLS: [(Symbol, &str); 7] = [
    (Symbol::BtcUsdt, "BTCUSDT"),
    (Symbol::EthUsdt, "ETHUSDT"),
    (Symbol::SolUsdt, "SOLUSDT"),
    (Symbol::XauUsd, "XAUUSD"),
    (Symbol::EurUsd, "EURUSD"),
    (Symbol::GbpUsd, "GBPUSD"),
    (Symbol::UsdNgn, "USDNGN"),
];

fn code(currency: Currency) -> &'static str {
    match currency {
        Currency::Usd => "USD",
        Currency::Ngn => "NGN",
    }
}

fn symbol_name(symbol: Symbol) -> &'static str {
    let known = SYMBOLS.iter().find(|(known, _)| *known == symbol);
    known.expect("a symbol of the contract").1
}

/// Credentials, and what they are on the wire.
fn auth(kind: usize, secret: &str, device: &str) -> (Option<Auth>, Option<Json>) {
    let device_id = (kind == 3).then(|| device.to_owned());
    let (auth, fields, shown) = match kind {
        0 => return (None, None),
        1 => (
            Auth::api_key(secret),
            vec![string("apiKey", secret)],
            "Auth(ApiKey: hidden)",
        ),
        _ => (
            Auth::access_token(secret, device_id.clone()),
            [
                Some(string("accessToken", secret)),
                device_id.map(|id| string("deviceId", &id)),
            ]
            .into_iter()
            .flatten()
            .collect(),
            "Auth(AccessToken: hidden)",
        ),
    };
    assert_eq!(format!("{auth:?}"), shown);
    (Some(auth), Some(Json::Object(fields)))
}

fn room<'a>(kind: usize, first: &'a str, second: Option<&'a str>, currency: Currency) -> Room<'a> {
    match kind {
        1 => Room::OrderBook {
            market_id: first,
            currency,
        },
        2 => Room::Activity {
            event_id: first,
            market_id: second,
        },
        3 => Room::Prices { event_id: first },
        4 => Room::AssetPrices {
            symbol: SYMBOLS[first.len() % 7].0,
        },
        5 => Room::Orders {
            user_id: first,
            market_id: second.unwrap_or_default(),
        },
        6 => Room::Other(first),
        _ => Room::parse(first),
    }
}

/// A room's name, by the contract.
fn name_of(room: &Room<'_>) -> String {
    match *room {
        Room::OrderBook {
            market_id,
            currency: Currency::Usd,
        } => format!("orderbook:{market_id}"),
        Room::OrderBook {
            market_id,
            currency: Currency::Ngn,
        } => format!("orderbook:{market_id}:NGN"),
        Room::Activity {
            event_id,
            market_id: None,
        } => format!("activity:{event_id}"),
        Room::Activity {
            event_id,
            market_id: Some(market_id),
        } => format!("activity:{event_id}:{market_id}"),
        Room::Prices { event_id } => format!("prices:{event_id}"),
        Room::AssetPrices { symbol } => format!("asset_prices:{}", symbol_name(symbol)),
        Room::Orders { user_id, market_id } => format!("orders:{user_id}:{market_id}"),
        Room::Other(name) => name.to_owned(),
        other => panic!("not known here: {other:?}"),
    }
}

/// Writing, parsing and writing again is the identity; a room is named by that name alone.
fn check_room(room: &Room<'_>, other: &str) {
    let mut name = String::new();
    room.write(&mut name);
    assert_eq!(name, name_of(room));
    assert_eq!(name, room.to_string());
    let parsed = Room::parse(&name);
    let mut again = String::new();
    parsed.write(&mut again);
    assert_eq!(again, name);
    // Where no id holds a colon there is one reading only.
    if !other.contains(':') && !other.is_empty() {
        let market_id = other;
        for currency in [Currency::Usd, Currency::Ngn] {
            let room = Room::OrderBook {
                market_id,
                currency,
            };
            assert_eq!(Room::parse(&room.to_string()), room);
        }
        let room = Room::Orders {
            user_id: other,
            market_id,
        };
        assert_eq!(Room::parse(&room.to_string()), room);
    }
    for room in [*room, parsed] {
        assert!(room.is_named(&name));
        assert_eq!(room.is_named(other), other == name);
        assert!(!room.is_named(&format!("{name}:")));
        if let Some((last, _)) = name.char_indices().next_back() {
            assert!(!room.is_named(&name[..last]));
        }
    }
}

fn string(name: &str, value: &str) -> (String, Json) {
    (name.to_owned(), Json::String(value.to_owned()))
}

fn strings<'a>(name: &str, values: impl Iterator<Item = &'a str>) -> (String, Json) {
    let values = values.map(|value| Json::String(value.to_owned()));
    (name.to_owned(), Json::Array(values.collect()))
}

/// The names in a request's list; none for a request without one.
fn names_in<'a>(request: &Request<'a>) -> Option<Vec<&'a str>> {
    match *request {
        Request::OrderBook { markets, .. } | Request::Orders { markets } => {
            let names: Vec<&str> = markets.iter().collect();
            assert_eq!(names.len(), markets.len());
            Some(names)
        }
        Request::AssetPrices { symbols } => {
            Some(symbols.iter().map(|&symbol| symbol_name(symbol)).collect())
        }
        _ => None,
    }
}

/// What is wrong with a message whose list holds `names`: it is refused for one of these.
fn faults(
    request: &Request<'_>,
    names: &[&str],
    endpoint: Endpoint,
    credentials: Option<&Json>,
) -> Vec<RequestError> {
    let mut faults = Vec::new();
    let mut missing = |field, is: bool| {
        if is {
            faults.push(RequestError::Missing { field });
        }
    };
    let home = match *request {
        Request::Activity {
            event_id,
            market_id,
        } => {
            missing("eventId", event_id.is_empty());
            missing("marketId", market_id == Some(""));
            Some((Channel::Activity, Endpoint::Markets))
        }
        Request::Prices { event_id } => {
            missing("eventId", event_id.is_empty());
            Some((Channel::Prices, Endpoint::Markets))
        }
        Request::UserTrades { user_id } => {
            missing("userId", user_id.is_empty());
            Some((Channel::UserTrades, Endpoint::Markets))
        }
        Request::OrderBook { .. } => {
            missing("marketIds", names.is_empty() || names.contains(&""));
            Some((Channel::OrderBook, Endpoint::Markets))
        }
        Request::Orders { .. } => {
            missing("marketIds", names.is_empty() || names.contains(&""));
            Some((Channel::Orders, Endpoint::User))
        }
        Request::AssetPrices { .. } => {
            missing("symbols", names.is_empty());
            Some((Channel::AssetPrices, Endpoint::Realtime))
        }
        Request::Unsubscribe { room } => {
            let parts = match room {
                Room::OrderBook { market_id, .. } => vec![market_id],
                Room::Activity {
                    event_id,
                    market_id,
                } => [Some(event_id), market_id].into_iter().flatten().collect(),
                Room::Prices { event_id } => vec![event_id],
                Room::Orders { user_id, market_id } => vec![user_id, market_id],
                Room::Other(name) => vec![name],
                _ => Vec::new(),
            };
            missing("room", parts.contains(&""));
            None
        }
        _ => None,
    };
    if endpoint == Endpoint::User
        && let Some(Json::Object(fields)) = credentials
    {
        for (field, name) in [
            ("apiKey", "apiKey"),
            ("accessToken", "accessToken"),
            ("deviceId", "deviceId"),
        ] {
            let empty = Json::String(String::new());
            missing(field, fields.contains(&(name.to_owned(), empty)));
        }
    }
    if endpoint == Endpoint::User && credentials.is_none() {
        faults.push(RequestError::AuthRequired { endpoint });
    }
    if let Some((channel, home)) = home {
        assert_eq!(request.channel(), Some(channel));
        if home != endpoint {
            faults.push(RequestError::WrongEndpoint { channel, endpoint });
        }
    }
    faults
}

/// The message, by the contract: these fields, in this order, and no others.
fn message(
    request: &Request<'_>,
    names: &[&str],
    endpoint: Endpoint,
    credentials: Option<&Json>,
) -> Json {
    let subscribe = |channel| vec![string("type", "subscribe"), string("channel", channel)];
    let names = names.iter().copied();
    let mut fields = match *request {
        Request::Activity {
            event_id,
            market_id,
        } => {
            let mut fields = subscribe("activity");
            fields.push(string("eventId", event_id));
            fields.extend(market_id.map(|id| string("marketId", id)));
            fields
        }
        Request::Prices { event_id } => {
            let mut fields = subscribe("prices");
            fields.push(string("eventId", event_id));
            fields
        }
        Request::OrderBook { currency, .. } => {
            let mut fields = subscribe("orderbook");
            fields.push(strings("marketIds", names));
            fields.push(string("currency", code(currency)));
            fields
        }
        Request::UserTrades { user_id } => {
            let mut fields = subscribe("user_trades");
            fields.push(string("userId", user_id));
            fields
        }
        Request::AssetPrices { .. } => {
            let mut fields = subscribe("asset_prices");
            fields.push(strings("symbols", names));
            fields
        }
        Request::Orders { .. } => {
            let mut fields = subscribe("orders");
            fields.push(strings("marketIds", names));
            fields
        }
        Request::Unsubscribe { room } => vec![
            string("type", "unsubscribe"),
            string("room", &name_of(&room)),
        ],
        Request::Ping => vec![string("type", "ping")],
        other => panic!("not known here: {other:?}"),
    };
    if endpoint == Endpoint::User {
        let credentials = credentials.expect("it was not refused");
        fields.push(("auth".to_owned(), credentials.clone()));
    }
    Json::Object(fields)
}

/// Writes the request and its rest, message by message: each is what the contract says, or refused
/// with nothing appended; together they hold every id once, in order.
fn check(
    request: Request<'_>,
    endpoint: Endpoint,
    auth: Option<&Auth>,
    credentials: Option<&Json>,
) {
    let all = names_in(&request).unwrap_or_default();
    let most = match request {
        Request::AssetPrices { .. } => all.len(),
        _ => MAX_MARKETS,
    };
    let mut left = all.as_slice();
    let mut next = Some(request);
    let mut messages = 0;
    while let Some(request) = next {
        let (names, rest) = left.split_at(left.len().min(most));
        let faults = faults(&request, names, endpoint, credentials);
        let mut out = BEFORE.to_vec();
        match request.write(endpoint, auth, &mut out) {
            Ok(taken) => {
                assert_eq!(faults, []);
                assert_eq!(taken, names.len());
                let written = out.strip_prefix(BEFORE).expect("it was appended");
                let json: Json = serde_json::from_slice(written).expect("JSON");
                assert_eq!(json, message(&request, names, endpoint, credentials));
                next = request.rest(taken);
            }
            Err(error) => {
                assert!(faults.contains(&error), "{error}: {faults:?}");
                assert_eq!(out, BEFORE);
                return;
            }
        }
        left = rest;
        messages += 1;
    }
    assert!(left.is_empty());
    assert_eq!(messages, all.len().div_ceil(most.max(1)).max(1));
}

/// The rest after any number is what that many leave.
fn check_rest(request: Request<'_>, taken: usize) {
    let names = names_in(&request).unwrap_or_default();
    let left = names.get(taken..).filter(|left| !left.is_empty());
    let rest = request.rest(taken);
    assert_eq!(rest.and_then(|rest| names_in(&rest)).as_deref(), left);
    if let Some(rest) = rest {
        assert_eq!(rest.channel(), request.channel());
    }
}

/// The rooms of a subscription are those of the contract.
fn check_rooms(request: Request<'_>) {
    let names = names_in(&request).unwrap_or_default();
    let expected: Vec<String> = match request {
        Request::Activity {
            event_id,
            market_id,
        } => {
            let market = market_id.map_or(String::new(), |id| format!(":{id}"));
            vec![format!("activity:{event_id}{market}")]
        }
        Request::Prices { event_id } => vec![format!("prices:{event_id}")],
        Request::OrderBook { currency, .. } => {
            let suffix = match currency {
                Currency::Usd => "",
                Currency::Ngn => ":NGN",
            };
            let room = |id: &&str| format!("orderbook:{id}{suffix}");
            names.iter().map(room).collect()
        }
        Request::AssetPrices { .. } => {
            let room = |name: &&str| format!("asset_prices:{name}");
            names.iter().map(room).collect()
        }
        _ => Vec::new(),
    };
    let rooms: Vec<String> = request.rooms().map(|room| room.to_string()).collect();
    assert_eq!(rooms, expected);
}

/// The two functions that check nothing write what the checked ones would.
fn check_shorthand(markets: &[&str], currency: Currency) {
    let mut out = BEFORE.to_vec();
    let taken = subscribe_order_book(&mut out, markets, currency);
    assert_eq!(taken, markets.len().min(MAX_MARKETS));
    let ids = markets.into();
    let request = Request::OrderBook {
        markets: ids,
        currency,
    };
    let mut checked = BEFORE.to_vec();
    if request.write(Endpoint::Markets, None, &mut checked).is_ok() || taken == 0 {
        assert_eq!(out, checked);
    }
    for room in markets {
        let mut out = Vec::new();
        unsubscribe(&mut out, room);
        let json: Json = serde_json::from_slice(&out).expect("JSON");
        let expected = vec![string("type", "unsubscribe"), string("room", room)];
        assert_eq!(json, Json::Object(expected));
    }
}
