//! Bayse requests: the documented messages, invalid requests, rooms, and the secrecy of credentials.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use proptest::prelude::*;
use serde_json::{Value, json};
use ticklot_frame::bayse::{
    Auth, Channel, Currency, Endpoint, Ids, Request, RequestError, Room, Symbol,
};

const ENDPOINTS: [Endpoint; 3] = [Endpoint::Markets, Endpoint::Realtime, Endpoint::User];

fn key() -> Auth {
    Auth::api_key("pk_live_...")
}

fn text(request: &Request<'_>, endpoint: Endpoint, auth: Option<&Auth>) -> String {
    let mut out = Vec::new();
    request.write(endpoint, auth, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The error of an invalid request, which must append nothing.
fn refused(request: &Request<'_>, endpoint: Endpoint, auth: Option<&Auth>) -> RequestError {
    let mut out = b"before".to_vec();
    let error = request.write(endpoint, auth, &mut out).unwrap_err();
    assert_eq!(out, b"before", "{request:?}");
    error
}

#[test]
fn documented_messages_match_exactly() {
    let markets = |request: Request<'_>| text(&request, Endpoint::Markets, None);
    assert_eq!(
        markets(Request::OrderBook {
            markets: (&["MARKET_ID"]).into(),
            currency: Currency::Usd
        }),
        r#"{"type":"subscribe","channel":"orderbook","marketIds":["MARKET_ID"],"currency":"USD"}"#
    );
    assert_eq!(
        markets(Request::Prices {
            event_id: "EVENT_ID"
        }),
        r#"{"type":"subscribe","channel":"prices","eventId":"EVENT_ID"}"#
    );
    assert_eq!(
        markets(Request::Activity {
            event_id: "EVENT_ID",
            market_id: Some("MARKET_ID")
        }),
        r#"{"type":"subscribe","channel":"activity","eventId":"EVENT_ID","marketId":"MARKET_ID"}"#
    );
    assert_eq!(
        markets(Request::Activity {
            event_id: "EVENT_ID",
            market_id: None
        }),
        r#"{"type":"subscribe","channel":"activity","eventId":"EVENT_ID"}"#
    );
    let symbols = [Symbol::BtcUsdt, Symbol::EthUsdt];
    assert_eq!(
        text(
            &Request::AssetPrices { symbols: &symbols },
            Endpoint::Realtime,
            None
        ),
        r#"{"type":"subscribe","channel":"asset_prices","symbols":["BTCUSDT","ETHUSDT"]}"#
    );
    assert_eq!(
        markets(Request::UserTrades {
            user_id: "68eea9d8-a0fe-4534-ae88-b71e2f4f5c8f"
        }),
        r#"{"type":"subscribe","channel":"user_trades","userId":"68eea9d8-a0fe-4534-ae88-b71e2f4f5c8f"}"#
    );
    assert_eq!(
        text(
            &Request::Orders {
                markets: (&["M1", "M2"]).into()
            },
            Endpoint::User,
            Some(&key())
        ),
        r#"{"type":"subscribe","channel":"orders","marketIds":["M1","M2"],"auth":{"apiKey":"pk_live_..."}}"#
    );
    assert_eq!(
        markets(Request::Unsubscribe {
            room: "prices:EVENT_ID".into()
        }),
        r#"{"type":"unsubscribe","room":"prices:EVENT_ID"}"#
    );
    assert_eq!(markets(Request::Ping), r#"{"type":"ping"}"#);
}

#[test]
fn only_user_messages_have_credentials() {
    let room = Room::Orders {
        user_id: "u",
        market_id: "m",
    };
    let requests = [
        Request::Orders {
            markets: (&["m"]).into(),
        },
        Request::Unsubscribe { room },
        Request::Ping,
    ];
    for request in requests {
        let endpoint = Endpoint::User;
        let message: Value = serde_json::from_str(&text(&request, endpoint, Some(&key()))).unwrap();
        assert_eq!(message["auth"], json!({"apiKey": "pk_live_..."}));
        let error = RequestError::AuthRequired { endpoint };
        assert_eq!(refused(&request, endpoint, None), error);
        let empty = Auth::api_key("");
        let error = RequestError::Missing { field: "apiKey" };
        assert_eq!(refused(&request, endpoint, Some(&empty)), error);
    }
    for endpoint in [Endpoint::Markets, Endpoint::Realtime] {
        let ping = text(&Request::Ping, endpoint, Some(&key()));
        assert_eq!(ping, r#"{"type":"ping"}"#);
    }
}

#[test]
fn credentials_on_the_wire() {
    let some = |text: &str| Some(text.to_owned());
    let wire = |auth: Auth| -> Value {
        let message = text(&Request::Ping, Endpoint::User, Some(&auth));
        serde_json::from_str::<Value>(&message).unwrap()["auth"].take()
    };
    assert_eq!(wire(Auth::api_key("k\"")), json!({"apiKey": "k\""}));
    assert_eq!(
        wire(Auth::access_token("t", None)),
        json!({"accessToken": "t"})
    );
    assert_eq!(
        wire(Auth::access_token("t", some("d"))),
        json!({"accessToken": "t", "deviceId": "d"})
    );
    // The token takes precedence.
    let both = Auth::from_parts(some("k"), some("t"), some("d")).unwrap();
    assert_eq!(wire(both), json!({"accessToken": "t", "deviceId": "d"}));
    let key = Auth::from_parts(some("k"), None, some("d")).unwrap();
    assert_eq!(wire(key), json!({"apiKey": "k"}));
    assert_eq!(Auth::from_parts(None, None, some("d")), None);
    for (auth, field) in [
        (Auth::api_key(""), "apiKey"),
        (Auth::access_token("", None), "accessToken"),
        (Auth::access_token("t", some("")), "deviceId"),
    ] {
        assert_eq!(auth.check(), Err(RequestError::Missing { field }));
    }
}

#[test]
fn channel_of_other_endpoint_is_rejected() {
    let symbols = [Symbol::UsdNgn];
    let requests = [
        Request::Activity {
            event_id: "e",
            market_id: None,
        },
        Request::Prices { event_id: "e" },
        Request::OrderBook {
            markets: (&["m"]).into(),
            currency: Currency::Ngn,
        },
        Request::UserTrades { user_id: "u" },
        Request::AssetPrices { symbols: &symbols },
        Request::Orders {
            markets: (&["m"]).into(),
        },
    ];
    for request in requests {
        let channel = request.channel().unwrap();
        for endpoint in ENDPOINTS {
            if endpoint == channel.endpoint() {
                text(&request, endpoint, Some(&key()));
            } else {
                let error = RequestError::WrongEndpoint { channel, endpoint };
                assert_eq!(refused(&request, endpoint, Some(&key())), error);
            }
        }
    }
    let (channel, endpoint) = (Channel::AssetPrices, Endpoint::Markets);
    assert_eq!(
        RequestError::WrongEndpoint { channel, endpoint }.to_string(),
        "channel asset_prices is not available on /ws/v1/markets; use /ws/v1/realtime instead"
    );
}

#[test]
fn empty_fields_are_rejected() {
    let none: [&str; 0] = [];
    let table = [
        (
            Request::Activity {
                event_id: "",
                market_id: None,
            },
            "eventId",
        ),
        (
            Request::Activity {
                event_id: "e",
                market_id: Some(""),
            },
            "marketId",
        ),
        (Request::Prices { event_id: "" }, "eventId"),
        (Request::UserTrades { user_id: "" }, "userId"),
        (
            Request::OrderBook {
                markets: (&none).into(),
                currency: Currency::Usd,
            },
            "marketIds",
        ),
        (
            Request::OrderBook {
                markets: (&["m", ""]).into(),
                currency: Currency::Usd,
            },
            "marketIds",
        ),
        (
            Request::Orders {
                markets: (&none).into(),
            },
            "marketIds",
        ),
        (Request::AssetPrices { symbols: &[] }, "symbols"),
        (Request::Unsubscribe { room: "".into() }, "room"),
        (
            Request::Unsubscribe {
                room: Room::Orders {
                    user_id: "",
                    market_id: "m",
                },
            },
            "room",
        ),
    ];
    for (request, field) in table {
        let endpoint = request.channel().map_or(Endpoint::User, Channel::endpoint);
        let error = RequestError::Missing { field };
        assert_eq!(refused(&request, endpoint, Some(&key())), error);
    }
}

#[test]
fn markets_split_into_tens() {
    let owned: Vec<String> = (0..23).map(|n| format!("m{n}")).collect();
    let boxed: Vec<Box<str>> = owned.iter().map(|id| id.as_str().into()).collect();
    let borrowed: Vec<&str> = owned.iter().map(String::as_str).collect();
    let lists: [Ids<'_>; 3] = [(&owned).into(), (&boxed).into(), (&borrowed).into()];
    for markets in lists {
        assert_eq!(markets, lists[0]);
        let mut sent = Vec::new();
        let mut sizes = Vec::new();
        let mut next = Some(Request::Orders { markets });
        while let Some(request) = next {
            let mut out = Vec::new();
            let taken = request
                .write(Endpoint::User, Some(&key()), &mut out)
                .unwrap();
            let message: Value = serde_json::from_slice(&out).unwrap();
            let ids = message["marketIds"].as_array().unwrap();
            sent.extend(ids.iter().map(|id| id.as_str().unwrap().to_owned()));
            sizes.push(taken);
            next = request.rest(taken);
        }
        assert_eq!(sizes, [10, 10, 3]);
        assert_eq!(sent, owned);
    }
    let symbols = &Symbol::ALL;
    let all = Request::AssetPrices { symbols };
    let mut out = Vec::new();
    assert_eq!(all.write(Endpoint::Realtime, None, &mut out), Ok(7));
    assert_eq!(all.rest(7), None);
    assert_eq!(all.rest(99), None);
    assert_eq!(Request::Ping.rest(0), None);
}

#[test]
fn ids_are_checked_per_message() {
    let mut ids = vec!["m"; 11];
    ids[10] = "";
    let request = Request::Orders {
        markets: (&ids).into(),
    };
    text(&request, Endpoint::User, Some(&key()));
    let rest = request.rest(10).unwrap();
    let error = RequestError::Missing { field: "marketIds" };
    assert_eq!(refused(&rest, Endpoint::User, Some(&key())), error);
}

#[test]
fn known_names_and_no_others() {
    for symbol in Symbol::ALL {
        assert_eq!(symbol.as_str().parse(), Ok(symbol));
        assert_eq!(symbol.to_string(), symbol.as_str());
    }
    for name in ["", "DOGEUSDT", "btcusdt", "BTCUSDT "] {
        assert_eq!(name.parse::<Symbol>(), Err(RequestError::UnknownSymbol));
    }
    assert_eq!("NGN".parse(), Ok(Currency::Ngn));
    for code in ["", "EUR", "usd"] {
        assert_eq!(code.parse::<Currency>(), Err(RequestError::UnknownCurrency));
    }
    assert_eq!(
        ENDPOINTS.map(Endpoint::path),
        ["/ws/v1/markets", "/ws/v1/realtime", "/ws/v1/user"]
    );
}

#[test]
fn room_names_both_ways() {
    let (usd, ngn) = (Currency::Usd, Currency::Ngn);
    let book = |market_id, currency| Room::OrderBook {
        market_id,
        currency,
    };
    let activity = |event_id, market_id| Room::Activity {
        event_id,
        market_id,
    };
    let orders = |user_id, market_id| Room::Orders { user_id, market_id };
    let table = [
        ("orderbook:mkt_456", book("mkt_456", usd)),
        ("orderbook:mkt_456:NGN", book("mkt_456", ngn)),
        ("activity:evt_123", activity("evt_123", None)),
        (
            "activity:evt_123:mkt_456",
            activity("evt_123", Some("mkt_456")),
        ),
        (
            "prices:evt_123",
            Room::Prices {
                event_id: "evt_123",
            },
        ),
        (
            "asset_prices:BTCUSDT",
            Room::AssetPrices {
                symbol: Symbol::BtcUsdt,
            },
        ),
        ("orders:68ee:b2c3", orders("68ee", "b2c3")),
        // Colons inside ids: the first id ends at its first colon, the last takes the rest.
        ("orderbook:a:b", book("a:b", usd)),
        ("orderbook:a:b:NGN", book("a:b", ngn)),
        ("orderbook:a:USD", book("a:USD", usd)),
        ("orderbook:NGN", book("NGN", usd)),
        ("orderbook::NGN", book(":NGN", usd)),
        ("activity:a:b:c", activity("a", Some("b:c"))),
        ("prices:a:b", Room::Prices { event_id: "a:b" }),
        ("orders:a:b:c", orders("a", "b:c")),
        // Unknown formats.
        ("", Room::Other("")),
        ("orderbook", Room::Other("orderbook")),
        ("orderbook:", Room::Other("orderbook:")),
        ("Orderbook:m", Room::Other("Orderbook:m")),
        ("activity::m", Room::Other("activity::m")),
        ("activity:e:", Room::Other("activity:e:")),
        ("orders:u", Room::Other("orders:u")),
        (
            "asset_prices:DOGEUSDT",
            Room::Other("asset_prices:DOGEUSDT"),
        ),
        ("user_trades:u", Room::Other("user_trades:u")),
    ];
    for (name, room) in table {
        assert_eq!(Room::parse(name), room, "{name}");
        let mut written = String::new();
        room.write(&mut written);
        assert_eq!((&*written, &*room.to_string()), (name, name));
        assert!(room.is_named(name) && !room.is_named(&format!("{name}x")));
    }
}

#[test]
fn rooms_of_a_subscription() {
    let names = |request: Request<'_>| -> Vec<String> {
        request.rooms().map(|room| room.to_string()).collect()
    };
    let markets = (&["a", "b"]).into();
    let currency = Currency::Ngn;
    assert_eq!(
        names(Request::OrderBook { markets, currency }),
        ["orderbook:a:NGN", "orderbook:b:NGN"]
    );
    assert_eq!(names(Request::Prices { event_id: "e" }), ["prices:e"]);
    let market_id = Some("m");
    let event_id = "e";
    assert_eq!(
        names(Request::Activity {
            event_id,
            market_id
        }),
        ["activity:e:m"]
    );
    let symbols = &[Symbol::XauUsd];
    assert_eq!(
        names(Request::AssetPrices { symbols }),
        ["asset_prices:XAUUSD"]
    );
    assert!(names(Request::Orders { markets }).is_empty());
    assert!(names(Request::UserTrades { user_id: "u" }).is_empty());
    assert!(names(Request::Ping).is_empty());
}

proptest! {
    #[test]
    fn serde_json_reads_every_text(
        event: String, market: String, ids in prop::collection::vec(".+", 1..=10), secret: String,
    ) {
        let read = |request: Request<'_>, endpoint| -> Option<Value> {
            let auth = Auth::access_token(secret.clone(), Some(secret.clone()));
            let mut out = Vec::new();
            request.write(endpoint, Some(&auth), &mut out).ok()?;
            Some(serde_json::from_slice(&out).unwrap())
        };
        let request = Request::Activity { event_id: &event, market_id: Some(&market) };
        match read(request, Endpoint::Markets) {
            Some(message) => {
                prop_assert_eq!(&message["eventId"], &*event);
                prop_assert_eq!(&message["marketId"], &*market);
            }
            None => prop_assert!(event.is_empty() || market.is_empty()),
        }
        match read(Request::Orders { markets: (&ids).into() }, Endpoint::User) {
            Some(message) => {
                prop_assert_eq!(&message["marketIds"], &json!(ids));
                prop_assert_eq!(&message["auth"], &json!({"accessToken": secret, "deviceId": secret}));
            }
            None => prop_assert!(secret.is_empty()),
        }
    }

    #[test]
    fn parsed_room_keeps_its_name(
        name in prop_oneof![
            any::<String>(),
            "(orderbook|activity|prices|asset_prices|orders)(:(NGN|BTCUSDT|[a-z\"]{0,2})){0,4}",
        ],
    ) {
        let room = Room::parse(&name);
        prop_assert_eq!(room.to_string(), name.as_str());
        prop_assert!(room.is_named(&name));
        let mut out = Vec::new();
        match (Request::Unsubscribe { room }).write(Endpoint::Markets, None, &mut out) {
            Ok(_) => {
                let message: Value = serde_json::from_slice(&out).unwrap();
                prop_assert_eq!(&message["room"], &*name);
            }
            Err(error) => {
                prop_assert!(name.is_empty());
                prop_assert_eq!(error, RequestError::Missing { field: "room" });
            }
        }
    }

    /// The debug text is the same for any secret, so it reveals nothing.
    #[test]
    fn debug_text_hides_credentials(secret: String, other: String) {
        let shown = |secret: &str| {
            let some = || Some(secret.to_owned());
            let auths = [
                Auth::api_key(secret),
                Auth::access_token(secret, None),
                Auth::access_token("t", some()),
                Auth::from_parts(some(), some(), some()).unwrap(),
            ];
            auths.map(|auth| format!("{auth:?} {auth:#?}"))
        };
        prop_assert_eq!(shown(&secret), shown(&other));
    }
}

#[test]
fn credentials_are_redacted() {
    assert_eq!(format!("{:?}", key()), "Auth(ApiKey: hidden)");
    let token = Auth::access_token("eyJ", Some("device".to_owned()));
    assert_eq!(format!("{token:#?}"), "Auth(AccessToken: hidden)");
    let request = Request::Orders {
        markets: (&["m", ""]).into(),
    };
    let error = refused(&request, Endpoint::User, Some(&Auth::api_key("pk_live_1")));
    assert!(!format!("{error} {error:?} {request:?}").contains("pk_live"));
    let orders = Request::Orders {
        markets: (&["m"]).into(),
    };
    for (auth, shown) in [
        (Auth::api_key("pk_live_1"), r#"{"apiKey":"hidden"}"#),
        (
            Auth::access_token("e\"yJ", Some("device".to_owned())),
            r#"{"accessToken":"hidden","deviceId":"hidden"}"#,
        ),
    ] {
        let mut out = Vec::new();
        orders.write(Endpoint::User, Some(&auth), &mut out).unwrap();
        ticklot_frame::bayse::redact(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!(
                r#"{{"type":"subscribe","channel":"orders","marketIds":["m"],"auth":{shown}}}"#
            )
        );
    }
}
