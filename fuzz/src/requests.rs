//! Requests of Bayse Markets and JayX against the contract.

use ticklot_frame::bayse::{
    Auth, Channel, Currency, Endpoint, Ids, MAX_MARKETS, Request, RequestError, Room, Symbol,
};

use crate::json::{Json, is_empty, object, string, strings};
use crate::oracle::append;

/// `data` is pieces, separated by the byte 0xFF, which no UTF-8 contains. Each byte of the first piece is a
/// choice: the message, the endpoint, the credentials, the type of the ids, the currency, the room, and the number
/// of items taken from a list. The other pieces are a secret, a device, and texts. Messages from the ninth on are
/// JayX's.
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
    check(request, endpoint, auth.as_ref(), &credentials);
    check_rest(request, taken);
    check_rooms(request);
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

fn symbol_name(symbol: Symbol) -> &'static str {
    let known = SYMBOLS.iter().find(|(known, _)| *known == symbol);
    known.expect("a symbol of the contract").1
}

/// The fields of an object, in order.
type Fields = Vec<(&'static str, Json)>;

/// Credentials, and their fields in a request.
fn auth(kind: usize, secret: &str, device: &str) -> (Option<Auth>, Fields) {
    let device_id = (kind == 3).then(|| device.to_owned());
    let (auth, shown, mut fields) = match kind {
        0 => return (None, Vec::new()),
        1 => (
            Auth::api_key(secret),
            "Auth(ApiKey: hidden)",
            vec![("apiKey", string(secret))],
        ),
        _ => (
            Auth::access_token(secret, device_id.clone()),
            "Auth(AccessToken: hidden)",
            vec![("accessToken", string(secret))],
        ),
    };
    fields.extend(device_id.map(|id| ("deviceId", string(&id))));
    assert_eq!(format!("{auth:?}"), shown);
    (Some(auth), fields)
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

/// The parts of a room's name, by the contract.
fn parts_of<'a>(room: &Room<'a>) -> Vec<&'a str> {
    match *room {
        Room::OrderBook {
            market_id,
            currency,
        } => match currency {
            Currency::Usd => vec!["orderbook", market_id],
            Currency::Ngn => vec!["orderbook", market_id, "NGN"],
        },
        Room::Activity {
            event_id,
            market_id,
        } => ["activity", event_id]
            .into_iter()
            .chain(market_id)
            .collect(),
        Room::Prices { event_id } => vec!["prices", event_id],
        Room::AssetPrices { symbol } => vec!["asset_prices", symbol_name(symbol)],
        Room::Orders { user_id, market_id } => vec!["orders", user_id, market_id],
        Room::Other(name) => vec![name],
        other => panic!("unknown room: {other:?}"),
    }
}

/// Checks that a room's name survives parsing, and that the room has only this name.
fn check_room(room: &Room<'_>, other: &str) {
    let mut name = String::new();
    room.write(&mut name);
    assert_eq!(name, parts_of(room).join(":"));
    assert_eq!(name, room.to_string());
    let parsed = Room::parse(&name);
    let mut again = String::new();
    parsed.write(&mut again);
    assert_eq!(again, name);
    // Without colons in ids, a name is unambiguous.
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

/// The names in a request's list; `None` for a request without a list.
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

/// A request by the contract, with `names` in its list: its channel and endpoint, and the fields of the message in
/// order, without credentials.
fn contract(request: &Request<'_>, names: &[&str]) -> (Option<(Channel, Endpoint)>, Fields) {
    let (channel, endpoint, name, subject) = match *request {
        Request::Activity {
            event_id,
            market_id,
        } => {
            let event = ("eventId", string(event_id));
            let market = market_id.map(|id| ("marketId", string(id)));
            let subject = [Some(event), market].into_iter().flatten().collect();
            (Channel::Activity, Endpoint::Markets, "activity", subject)
        }
        Request::Prices { event_id } => {
            let subject = vec![("eventId", string(event_id))];
            (Channel::Prices, Endpoint::Markets, "prices", subject)
        }
        Request::OrderBook { currency, .. } => {
            let code = match currency {
                Currency::Usd => "USD",
                Currency::Ngn => "NGN",
            };
            let subject = vec![("marketIds", strings(names)), ("currency", string(code))];
            (Channel::OrderBook, Endpoint::Markets, "orderbook", subject)
        }
        Request::UserTrades { user_id } => {
            let subject = vec![("userId", string(user_id))];
            (
                Channel::UserTrades,
                Endpoint::Markets,
                "user_trades",
                subject,
            )
        }
        Request::AssetPrices { .. } => {
            let subject = vec![("symbols", strings(names))];
            (
                Channel::AssetPrices,
                Endpoint::Realtime,
                "asset_prices",
                subject,
            )
        }
        Request::Orders { .. } => {
            let subject = vec![("marketIds", strings(names))];
            (Channel::Orders, Endpoint::User, "orders", subject)
        }
        Request::Unsubscribe { room } => {
            let name = parts_of(&room).join(":");
            return (
                None,
                vec![("type", string("unsubscribe")), ("room", string(&name))],
            );
        }
        Request::Ping => return (None, vec![("type", string("ping"))]),
        other => panic!("unknown request: {other:?}"),
    };
    let mut fields = vec![("type", string("subscribe")), ("channel", string(name))];
    fields.extend(subject);
    (Some((channel, endpoint)), fields)
}

/// The errors of a message, of which the request may report any.
fn expected_errors(
    request: &Request<'_>,
    names: &[&str],
    endpoint: Endpoint,
    credentials: &Fields,
) -> Vec<RequestError> {
    let (home, mut fields) = contract(request, names);
    if endpoint == Endpoint::User {
        fields.extend(credentials.iter().cloned());
    }
    let mut errors: Vec<_> = fields
        .into_iter()
        .filter(|(_, value)| is_empty(value))
        .map(|(field, _)| RequestError::Missing { field })
        .collect();
    if let Request::Unsubscribe { room } = request
        && parts_of(room).contains(&"")
    {
        errors.push(RequestError::Missing { field: "room" });
    }
    if endpoint == Endpoint::User && credentials.is_empty() {
        errors.push(RequestError::AuthRequired { endpoint });
    }
    if let Some((channel, home)) = home {
        assert_eq!(request.channel(), Some(channel));
        if home != endpoint {
            errors.push(RequestError::WrongEndpoint { channel, endpoint });
        }
    }
    errors
}

/// Writes the request and its rest, message by message. Each message follows the contract, or is rejected and appends
/// nothing. All messages together contain every id once, in order.
fn check(request: Request<'_>, endpoint: Endpoint, auth: Option<&Auth>, credentials: &Fields) {
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
        let errors = expected_errors(&request, names, endpoint, credentials);
        match append(|out| request.write(endpoint, auth, out)) {
            Ok((taken, written)) => {
                assert_eq!(errors, []);
                assert_eq!(taken, names.len());
                let (_, mut fields) = contract(&request, names);
                if endpoint == Endpoint::User {
                    fields.push(("auth", object(credentials.clone())));
                }
                let json: Json = serde_json::from_slice(&written).expect("JSON");
                assert_eq!(json, object(fields));
                next = request.rest(taken);
            }
            Err(error) => {
                assert!(errors.contains(&error), "{error}: {errors:?}");
                return;
            }
        }
        left = rest;
        messages += 1;
    }
    assert!(left.is_empty());
    assert_eq!(messages, all.len().div_ceil(most.max(1)).max(1));
}

/// Checks the rest of a request after any number of items.
fn check_rest(request: Request<'_>, taken: usize) {
    let names = names_in(&request).unwrap_or_default();
    let left = names.get(taken..).filter(|left| !left.is_empty());
    let rest = request.rest(taken);
    assert_eq!(rest.and_then(|rest| names_in(&rest)).as_deref(), left);
    if let Some(rest) = rest {
        assert_eq!(rest.channel(), request.channel());
    }
}

/// Checks the rooms of a subscription against the contract.
fn check_rooms(request: Request<'_>) {
    let each = |kind: &str, suffix: &str| {
        let names = names_in(&request).unwrap_or_default();
        let room = |name| format!("{kind}:{name}{suffix}");
        names.into_iter().map(room).collect()
    };
    let expected: Vec<String> = match request {
        Request::Activity {
            event_id,
            market_id,
        } => {
            let market = market_id.map_or(String::new(), |id| format!(":{id}"));
            vec![format!("activity:{event_id}{market}")]
        }
        Request::Prices { event_id } => vec![format!("prices:{event_id}")],
        Request::OrderBook { currency, .. } => match currency {
            Currency::Usd => each("orderbook", ""),
            Currency::Ngn => each("orderbook", ":NGN"),
        },
        Request::AssetPrices { .. } => each("asset_prices", ""),
        _ => Vec::new(),
    };
    let rooms: Vec<String> = request.rooms().map(|room| room.to_string()).collect();
    assert_eq!(rooms, expected);
}
