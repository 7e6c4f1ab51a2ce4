//! Bayse messages other than order books: every documented example, optional and required fields, the
//! kinds of errors, and the REST array.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod support;

use std::ops::ControlFlow;

use proptest::prelude::*;
use support::{check_syntax, duplicate, missing, not, number, value};
use ticklot_book::{BookError, BookErrorKind, DecimalError, Level, Lots, Scale, Side, Ticks};
use ticklot_frame::bayse::{
    Activity, AssetPrice, Decoder, Event, FilledOrder, MAX_EVENT_MARKETS, MAX_OUTCOMES, Market,
    Message, Order, OrderBook, OrderUpdated, PriceUpdate, ServerErrorKind, Symbol,
    UndecodedMessage, User,
};
use ticklot_frame::{Decimal, DecodeError, ErrorKind, IsoTime, TradeSide, UnixMillis, UnixSeconds};

const CENTS: Scale = match Scale::new(2, 4) {
    Ok(scale) => scale,
    Err(_) => Scale::UNIT,
};

// The examples of the contract's section 3, each joined to one line.
const CONNECTED: &str = r#"{"type":"connected","status":"connected","clientId":"a1b2c3d4-...","message":"Successfully connected to WebSocket server","timestamp":1700000000000}"#;
const PONG: &str = r#"{"type":"pong","timestamp":1700000000000}"#;
const SUBSCRIBED: &str = r#"{"type":"subscribed","room":"prices:evt_123","message":"Subscribed to: prices:evt_123","timestamp":1700000000000}"#;
const UNSUBSCRIBED: &str = r#"{"type":"unsubscribed","room":"prices:evt_123","message":"Unsubscribed from: prices:evt_123","timestamp":1700000000000}"#;
const ERROR: &str =
    r#"{"type":"error","data":{"message":"Event ID is required"},"timestamp":1700000000000}"#;
const ORDER_BOOK: &str = r#"{"type":"orderbook_update","data":{"orderbook":{"marketId":"mkt_456","outcomeId":"out_789","timestamp":"2026-02-17T10:40:00Z", "bids":[{"price":0.60,"quantity":500,"total":300.0},{"price":0.55,"quantity":300,"total":165.0}], "asks":[{"price":0.65,"quantity":200,"total":130.0},{"price":0.70,"quantity":400,"total":280.0}], "lastTradedPrice":0.65,"lastTradedSide":"BUY"}},"timestamp":1700000000000}"#;
const PRICE_UPDATE: &str = r#"{"type":"price_update","data":{"id":"evt_123","slug":"us-fed-rate-cut-2026","title":"Will the Fed cut rates in 2026?","status":"open","type":"SINGLE_MARKET", "markets":[{"id":"mkt_456","question":"Yes or No?","outcomes":["Yes","No"],"engine":"CLOB","prices":{"YES":0.65,"NO":0.35}}]},"timestamp":1700000000000}"#;
const BUY_ORDER: &str = r#"{"type":"buy_order","data":{"user":{"id":"usr_8b5c3c3a","tag":"prediction_pro","imageUrl":null}, "order":{"id":"ord_7f5e2a1c","amount":100.00,"quantity":150.0,"price":0.65,"status":"FILLED","type":"BUY","outcome":"YES","outcomeLabel":"Yes","currency":"USD","engine":"CLOB","orderType":"LIMIT","createdAt":"2026-02-17T10:30:00Z","updatedAt":"2026-02-17T10:30:01Z"}, "event":{"id":"evt_123","slug":"us-fed-rate-cut-2026","title":"Will the Fed cut rates in 2026?","type":"SINGLE_MARKET","createdAt":"2026-01-10T09:00:00Z","imageUrl":null}, "market":{"id":"mkt_456","title":"Yes or No","imageUrl":null}},"timestamp":1700000000000}"#;
const ASSET_PRICE: &str = r#"{"type":"asset_price","data":{"symbol":"BTCUSDT","price":67432.15,"timestamp":1700000000000},"timestamp":1700000000000}"#;
const ORDER_UPDATED: &str = r#"{"type":"order_updated","data":{"orderId":"7f5e...","eventId":"a1b2...","marketId":"b2c3...","order":{"id":"7f5e...","userId":"68ee...","marketId":"b2c3...","outcomeId":"c3d4...","outcomeLabel":"Yes","side":"BUY","price":0.65,"quantity":150.0,"filledQuantity":100.0,"remainingQuantity":50.0,"avgFillPrice":0.64,"status":"PARTIAL_FILLED","timeInForce":"GTC","createdAt":1700000000,"updatedAt":1700000050},"timestamp":1700000050},"timestamp":1700000050000}"#;
const EXAMPLES: [&str; 10] = [
    CONNECTED,
    PONG,
    SUBSCRIBED,
    UNSUBSCRIBED,
    ERROR,
    ORDER_BOOK,
    PRICE_UPDATE,
    BUY_ORDER,
    ASSET_PRICE,
    ORDER_UPDATED,
];

const SENT: Option<UnixMillis> = Some(UnixMillis(1_700_000_000_000));

/// Decodes one line and passes the message to `check`.
fn with<R>(line: &str, check: impl FnOnce(Message<'_>) -> R) -> R {
    let mut decoder = Decoder::new();
    match decoder.decode(line.as_bytes(), &CENTS) {
        Ok(message) => check(message),
        Err(error) => panic!("{error}: {line}"),
    }
}

fn refused(line: &str) -> DecodeError {
    Decoder::new()
        .decode(line.as_bytes(), &CENTS)
        .map(|message| format!("{message:?}"))
        .unwrap_err()
}

/// An object of `example` without the value at `pointer`, or with it replaced.
fn changed(example: &str, pointer: &str, value: Option<serde_json::Value>) -> String {
    let mut json: serde_json::Value = serde_json::from_str(example).unwrap();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = json.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    assert!(parent.contains_key(field), "{pointer}");
    match value {
        Some(value) => parent.insert(field.to_owned(), value),
        None => parent.remove(field),
    };
    json.to_string()
}

/// The time when a message was sent is optional.
#[test]
fn invalid_outer_timestamp_is_none() {
    let sell = BUY_ORDER.replacen("buy_order", "sell_order", 1);
    let unknown = r#"{"type":"something_new","data":1,"timestamp":1700000000000}"#;
    for example in EXAMPLES.into_iter().chain([&*sell, unknown]) {
        let shown = |line: &str| with(line, |message| written(&message));
        let (head, time) = example.rsplit_once("\"timestamp\":").unwrap();
        let absent = shown(&format!("{}}}", head.trim_end_matches(',')));
        for odd in [
            "null",
            "\"2026-02-17T10:40:00Z\"",
            "1700000000000.5",
            "1e300",
            "1e400",
            "9223372036854775808",
            "true",
            "{}",
            "1,\"timestamp\":1",
        ] {
            let line = format!("{head}\"timestamp\":{odd}}}");
            assert_eq!(shown(&line), absent, "{line}");
        }
        let whole = format!("{head}\"timestamp\":{}.0}}", time.trim_end_matches('}'));
        assert_eq!(shown(&whole), shown(example), "{whole}");
    }
}

#[test]
fn invalid_greeting_is_none() {
    let odd = r#"{"clientId":7,"type":"connected","status":["connected"],"message":{},"timestamp":17.5,"message":"Hello"}"#;
    for line in [r#"{"type":"connected"}"#, odd] {
        with(line, |message| {
            assert!(matches!(
                message,
                Message::Connected {
                    client_id: None,
                    status: None,
                    message: None,
                    sent: None
                }
            ));
        });
    }
    with(
        r#"{"type":"connected","clientId":null,"status":"connected"}"#,
        |message| {
            assert!(matches!(
                message,
                Message::Connected {
                    client_id: None,
                    status: Some("connected"),
                    ..
                }
            ));
        },
    );
}

#[test]
fn error_text_in_either_position() {
    let under_data = "under data";
    for (line, expected) in [
        (
            r#"{"type":"error","message":"at the top","timestamp":1}"#,
            "at the top",
        ),
        (
            r#"{"message":"at the top","type":"error","data":null}"#,
            "at the top",
        ),
        (
            r#"{"message":"at the top","type":"error","data":{"code":7}}"#,
            "at the top",
        ),
        (
            r#"{"message":"at the top","type":"error","data":{"message":null}}"#,
            "at the top",
        ),
        (
            r#"{"message":"at the top","type":"error","data":["under data"]}"#,
            "at the top",
        ),
        // The documented position takes precedence.
        (
            r#"{"message":"at the top","type":"error","data":{"message":"under data"}}"#,
            under_data,
        ),
        (
            r#"{"message":7,"type":"error","data":{"message":"under data"}}"#,
            under_data,
        ),
    ] {
        with(line, |message| {
            assert_eq!(message.server_error().unwrap().text(), expected, "{line}");
        });
    }
    let text = not("message", "a string");
    // Without a text, the error is that of the documented position.
    for (line, kind) in [
        (r#"{"type":"error"}"#, missing("data")),
        (
            r#"{"type":"error","message":7,"data":{}}"#,
            missing("message"),
        ),
        (
            r#"{"type":"error","message":null,"data":{"message":7}}"#,
            text,
        ),
        (
            r#"{"type":"error","message":"a","message":"b","data":{"message":7}}"#,
            text,
        ),
    ] {
        assert_eq!(refused(line).kind, kind, "{line}");
    }
}

fn price_update(line: &str, check: impl FnOnce(PriceUpdate<'_>)) {
    with(line, |message| match message {
        Message::PriceUpdate(update) => check(update),
        other => panic!("{other:?}"),
    });
}

#[test]
fn the_documented_price_update() {
    price_update(PRICE_UPDATE, |update| {
        assert_eq!(update.event_id, "evt_123");
        assert_eq!(update.slug, Some("us-fed-rate-cut-2026"));
        assert_eq!(update.title, Some("Will the Fed cut rates in 2026?"));
        assert_eq!(update.status, Some("open"));
        assert_eq!(update.kind, Some("SINGLE_MARKET"));
        assert_eq!(update.sent, SENT);
        assert_eq!(update.markets.len(), 1);
        let market = update.markets.iter().next().unwrap();
        assert_eq!(market.id, "mkt_456");
        assert_eq!(market.question, Some("Yes or No?"));
        assert_eq!(market.engine, Some("CLOB"));
        assert!(market.outcomes.iter().eq(["Yes", "No"]));
        let prices = market.prices.unwrap();
        let expected = [("YES", Decimal("0.65")), ("NO", Decimal("0.35"))];
        assert!(prices.iter().eq(expected));
        assert_eq!(prices.get("NO").unwrap().ticks(CENTS), Ok(Ticks(35)));
        assert_eq!(prices.get("Yes"), None);
    });
}

#[test]
fn price_updates_with_optional_fields() {
    price_update(r#"{"type":"price_update","data":{"id":"e"}}"#, |update| {
        assert!(update.markets.is_empty() && update.slug.is_none() && update.sent.is_none());
    });
    let nulls = r#"{"type":"price_update","data":{"id":"e","slug":null,"title":null,"status":null,"type":null,"markets":[{"id":"m","question":null,"outcomes":null,"engine":null,"prices":null},{"id":"n","prices":{}},{"prices":{"a":null,"b":1},"id":"o"}]}}"#;
    price_update(nulls, |update| {
        let markets: Vec<_> = update.markets.iter().collect();
        assert!(markets.iter().map(|market| market.id).eq(["m", "n", "o"]));
        assert!(markets[0].question.is_none() && markets[0].engine.is_none());
        assert!(markets[0].outcomes.is_empty() && markets[0].prices.is_none());
        assert!(markets[1].prices.unwrap().is_empty());
        // A price that is null is skipped.
        let last = markets[2].prices.unwrap();
        assert_eq!((last.len(), last.get("a")), (1, None));
    });
    // Escapes, empty strings and multi-byte characters in sequence.
    let words = r#"{"type":"price_update","data":{"id":"e","markets":[{"id":"\u00e9\n","outcomes":["","\ud83d\ude00","né"],"prices":{"":1e-1,"\"":0}},{"id":"z","outcomes":["x"]}]}}"#;
    price_update(words, |update| {
        let shown = format!("{:?}", update.markets);
        assert_eq!(
            shown,
            r#"[PricedMarket { id: "é\n", question: None, engine: None, outcomes: ["", "😀", "né"], prices: Some({"": Decimal("1e-1"), "\"": Decimal("0")}) }, PricedMarket { id: "z", question: None, engine: None, outcomes: ["x"], prices: None }]"#
        );
    });
}

/// A message without the path that decoded it.
fn written(message: &Message<'_>) -> String {
    format!("{message:?}").replace("path: Fast", "path: General")
}

#[test]
fn decoder_forgets_last_message() {
    let mut decoder = Decoder::new();
    for line in [PRICE_UPDATE, ORDER_BOOK, PRICE_UPDATE] {
        let again = written(&decoder.decode(line.as_bytes(), &CENTS).unwrap());
        assert_eq!(again, with(line, |message| written(&message)));
    }
}

#[test]
fn lists_have_limits() {
    let market = |inside: String| {
        format!(r#"{{"type":"price_update","data":{{"id":"e","markets":[{inside}]}}}}"#)
    };
    let markets = |count| market(vec![r#"{"id":"m"}"#; count].join(","));
    let outcomes = |count| {
        let list = vec!["\"o\""; count].join(",");
        market(format!(r#"{{"id":"m","outcomes":[{list}]}}"#))
    };
    let prices = |count: usize| {
        let list: Vec<String> = (0..count).map(|n| format!("\"{n}\":0")).collect();
        market(format!(r#"{{"id":"m","prices":{{{}}}}}"#, list.join(",")))
    };
    let too_many = |field, limit| ErrorKind::TooManyItems { field, limit };
    let (m, o) = (MAX_EVENT_MARKETS, MAX_OUTCOMES);
    for (at, over, kind) in [
        (markets(m), markets(m + 1), too_many("markets", m)),
        (outcomes(o), outcomes(o + 1), too_many("outcomes", o)),
        (prices(o), prices(o + 1), too_many("prices", o)),
    ] {
        price_update(&at, |update| assert!(!update.markets.is_empty()));
        assert_eq!(refused(&over).kind, kind);
    }
}

#[test]
fn the_documented_fill() {
    let sold = BUY_ORDER.replacen("buy_order", "sell_order", 1);
    for (line, side) in [(BUY_ORDER, TradeSide::Buy), (&sold, TradeSide::Sell)] {
        with(line, |message| {
            let Message::Activity(activity) = message else {
                panic!()
            };
            let expected = Activity {
                side,
                user: User {
                    id: "usr_8b5c3c3a",
                    tag: Some("prediction_pro"),
                    image_url: None,
                },
                order: FilledOrder {
                    id: "ord_7f5e2a1c",
                    amount: Decimal("100.00"),
                    quantity: Decimal("150.0"),
                    price: Decimal("0.65"),
                    status: "FILLED",
                    kind: "BUY",
                    outcome: "YES",
                    outcome_label: "Yes",
                    currency: "USD",
                    engine: Some("CLOB"),
                    order_type: Some("LIMIT"),
                    created_at: IsoTime("2026-02-17T10:30:00Z"),
                    updated_at: IsoTime("2026-02-17T10:30:01Z"),
                },
                event: Event {
                    id: "evt_123",
                    slug: "us-fed-rate-cut-2026",
                    title: "Will the Fed cut rates in 2026?",
                    kind: "SINGLE_MARKET",
                    created_at: IsoTime("2026-01-10T09:00:00Z"),
                    image_url: None,
                },
                market: Market {
                    id: "mkt_456",
                    title: "Yes or No",
                    image_url: None,
                },
                sent: SENT,
            };
            assert_eq!(activity, expected);
            assert_eq!(activity.order.quantity.lots(CENTS), Ok(Lots(1_500_000)));
            let made = activity.order.created_at.unix_millis();
            assert_eq!(made, Ok(UnixMillis(1_771_324_200_000)));
        });
    }
}

#[test]
fn the_documented_asset_price() {
    with(ASSET_PRICE, |message| {
        let Message::AssetPrice(price) = message else {
            panic!()
        };
        let expected = AssetPrice {
            symbol: "BTCUSDT",
            price: Decimal("67432.15"),
            source_time: UnixMillis(1_700_000_000_000),
            sent: SENT,
        };
        assert_eq!(price, expected);
        assert_eq!(price.known_symbol(), Some(Symbol::BtcUsdt));
        assert_eq!(price.price.ticks(CENTS), Ok(Ticks(6_743_215)));
    });
    with(&ASSET_PRICE.replace("BTC", "DOGE"), |message| {
        let Message::AssetPrice(price) = message else {
            panic!()
        };
        assert_eq!((price.symbol, price.known_symbol()), ("DOGEUSDT", None));
    });
}

#[test]
fn documented_order_update_units() {
    with(ORDER_UPDATED, |message| {
        let Message::OrderUpdated(update) = message else {
            panic!()
        };
        let expected = OrderUpdated {
            order_id: "7f5e...",
            event_id: Some("a1b2..."),
            market_id: "b2c3...",
            order: Order {
                id: Some("7f5e..."),
                user_id: Some("68ee..."),
                market_id: Some("b2c3..."),
                outcome_id: Some("c3d4..."),
                outcome_label: Some("Yes"),
                side: TradeSide::Buy,
                price: Some(Decimal("0.65")),
                quantity: Decimal("150.0"),
                filled_quantity: Decimal("100.0"),
                remaining_quantity: Decimal("50.0"),
                avg_fill_price: Some(Decimal("0.64")),
                status: "PARTIAL_FILLED",
                time_in_force: Some("GTC"),
                created_at: Some(UnixSeconds(1_700_000_000)),
                updated_at: Some(UnixSeconds(1_700_000_050)),
            },
            updated: Some(UnixSeconds(1_700_000_050)),
            sent: Some(UnixMillis(1_700_000_050_000)),
        };
        assert_eq!(update, expected);
    });
}

/// Each field of each documented object: an optional field may be absent or null, and a required one must
/// be neither.
#[test]
fn optional_and_required_fields() {
    let optional = [
        (PRICE_UPDATE, "/data/slug"),
        (PRICE_UPDATE, "/data/title"),
        (PRICE_UPDATE, "/data/status"),
        (PRICE_UPDATE, "/data/type"),
        (PRICE_UPDATE, "/data/markets"),
        (PRICE_UPDATE, "/data/markets/0/question"),
        (PRICE_UPDATE, "/data/markets/0/outcomes"),
        (PRICE_UPDATE, "/data/markets/0/engine"),
        (PRICE_UPDATE, "/data/markets/0/prices"),
        (PRICE_UPDATE, "/timestamp"),
        (BUY_ORDER, "/data/user/tag"),
        (BUY_ORDER, "/data/user/imageUrl"),
        (BUY_ORDER, "/data/order/engine"),
        (BUY_ORDER, "/data/order/orderType"),
        (BUY_ORDER, "/data/event/imageUrl"),
        (BUY_ORDER, "/data/market/imageUrl"),
        (ORDER_UPDATED, "/data/eventId"),
        (ORDER_UPDATED, "/data/timestamp"),
        (ORDER_UPDATED, "/data/order/id"),
        (ORDER_UPDATED, "/data/order/userId"),
        (ORDER_UPDATED, "/data/order/marketId"),
        (ORDER_UPDATED, "/data/order/outcomeId"),
        (ORDER_UPDATED, "/data/order/outcomeLabel"),
        (ORDER_UPDATED, "/data/order/price"),
        (ORDER_UPDATED, "/data/order/avgFillPrice"),
        (ORDER_UPDATED, "/data/order/timeInForce"),
        (ORDER_UPDATED, "/data/order/createdAt"),
        (ORDER_UPDATED, "/data/order/updatedAt"),
        (ASSET_PRICE, "/timestamp"),
    ];
    for (example, pointer) in optional {
        let absent = changed(example, pointer, None);
        let null = changed(example, pointer, Some(serde_json::Value::Null));
        let shown = |line: &str| with(line, |message| format!("{message:?}"));
        assert_eq!(shown(&absent), shown(&null), "{pointer}");
    }
    let required = [
        (PRICE_UPDATE, "/data", "data"),
        (PRICE_UPDATE, "/data/id", "id"),
        (PRICE_UPDATE, "/data/markets/0/id", "id"),
        (BUY_ORDER, "/data/user", "user"),
        (BUY_ORDER, "/data/user/id", "id"),
        (BUY_ORDER, "/data/order", "order"),
        (BUY_ORDER, "/data/order/id", "id"),
        (BUY_ORDER, "/data/order/amount", "amount"),
        (BUY_ORDER, "/data/order/quantity", "quantity"),
        (BUY_ORDER, "/data/order/price", "price"),
        (BUY_ORDER, "/data/order/status", "status"),
        (BUY_ORDER, "/data/order/type", "type"),
        (BUY_ORDER, "/data/order/outcome", "outcome"),
        (BUY_ORDER, "/data/order/outcomeLabel", "outcomeLabel"),
        (BUY_ORDER, "/data/order/currency", "currency"),
        (BUY_ORDER, "/data/order/createdAt", "createdAt"),
        (BUY_ORDER, "/data/order/updatedAt", "updatedAt"),
        (BUY_ORDER, "/data/event", "event"),
        (BUY_ORDER, "/data/event/title", "title"),
        (BUY_ORDER, "/data/market", "market"),
        (BUY_ORDER, "/data/market/title", "title"),
        (ASSET_PRICE, "/data/symbol", "symbol"),
        (ASSET_PRICE, "/data/price", "price"),
        (ASSET_PRICE, "/data/timestamp", "timestamp"),
        (ORDER_UPDATED, "/data/orderId", "orderId"),
        (ORDER_UPDATED, "/data/marketId", "marketId"),
        (ORDER_UPDATED, "/data/order", "order"),
        (ORDER_UPDATED, "/data/order/side", "side"),
        (ORDER_UPDATED, "/data/order/quantity", "quantity"),
        (ORDER_UPDATED, "/data/order/status", "status"),
    ];
    for (example, pointer, field) in required {
        let error = refused(&changed(example, pointer, None));
        assert_eq!(error.kind, ErrorKind::Missing { field }, "{pointer}");
        let null = changed(example, pointer, Some(serde_json::Value::Null));
        let error = refused(&null);
        assert!(
            matches!(error.kind, ErrorKind::Type { .. }),
            "{pointer}: {error}"
        );
        assert!(null[error.offset as usize..].starts_with("null"));
    }
}

#[test]
fn wrong_type_names_its_field() {
    // The replaced text, its replacement, the text at the error, and the error.
    let table = [
        (
            PRICE_UPDATE,
            r#"["Yes","No"]"#,
            "7",
            "7",
            not("outcomes", "an array"),
        ),
        (
            PRICE_UPDATE,
            r#"["Yes","No"]"#,
            r#"["Yes",5]"#,
            "5]",
            not("outcomes", "a string"),
        ),
        (
            PRICE_UPDATE,
            r#"{"YES":0.65,"NO":0.35}"#,
            "[1]",
            "[1]",
            not("prices", "an object"),
        ),
        (
            PRICE_UPDATE,
            r#""NO":0.35"#,
            r#""Y\u0045S":0.35"#,
            "0.35",
            duplicate("prices"),
        ),
        (BUY_ORDER, "0.65", "true", "true", not("price", "a number")),
        (
            BUY_ORDER,
            r#""engine":"CLOB""#,
            r#""status":"CLOB""#,
            r#""CLOB""#,
            duplicate("status"),
        ),
        (
            ASSET_PRICE,
            "1700000000000},",
            "\"at noon\"},",
            "\"at",
            number("timestamp", DecimalError::Syntax),
        ),
        (
            ORDER_UPDATED,
            r#""BUY""#,
            r#""bid""#,
            r#""bid""#,
            value("side"),
        ),
    ];
    for (example, from, to, at, kind) in table {
        let line = example.replacen(from, to, 1);
        assert_ne!(line, example, "{from}");
        let error = refused(&line);
        assert_eq!(error.kind, kind, "{from} -> {to}");
        assert!(line[error.offset as usize..].starts_with(at), "{error}");
    }
}

/// An invalid optional field does not invalidate the message.
#[test]
fn invalid_optional_field_is_none() {
    for (example, from, to, shown, none) in [
        (
            PRICE_UPDATE,
            "0.35",
            "[0.35]",
            r#", "NO": Decimal("0.35")"#,
            "",
        ),
        (PRICE_UPDATE, r#""open""#, "[]", r#"Some("open")"#, "None"),
        (
            BUY_ORDER,
            r#""prediction_pro""#,
            "1",
            r#"Some("prediction_pro")"#,
            "None",
        ),
        (
            BUY_ORDER,
            r#""CLOB""#,
            "{}",
            r#"engine: Some("CLOB")"#,
            "engine: None",
        ),
        (
            ORDER_UPDATED,
            "0.64",
            "\"-\"",
            r#"Some(Decimal("0.64"))"#,
            "None",
        ),
        (
            ORDER_UPDATED,
            "1700000050}",
            "1700000050.5}",
            "updated_at: Some(UnixSeconds(1700000050))",
            "updated_at: None",
        ),
    ] {
        let odd = example.replacen(from, to, 1);
        assert_ne!(odd, example);
        let text = |line: &str| with(line, |message| format!("{message:?}"));
        let whole = text(example);
        assert!(whole.contains(shown), "{whole}");
        assert_eq!(text(&odd), whole.replacen(shown, none, 1), "{odd}");
    }
}

#[test]
fn documented_errors_match_exactly() {
    use ServerErrorKind::{
        AuthRequired, EventIdRequired, InvalidFormat, Other, RateLimited, RoomRequired,
        SymbolsRequired, UnknownType, UnsupportedCurrency, UnsupportedSymbol, WrongEndpoint,
    };
    let table = [
        ("Invalid message format", InvalidFormat),
        ("Event ID is required", EventIdRequired),
        (
            "Symbols required to subscribe to asset prices",
            SymbolsRequired,
        ),
        ("Room name is required", RoomRequired),
        (
            "unknown message type: INVALID_TYPE",
            UnknownType("INVALID_TYPE"),
        ),
        (
            "Unsupported currency. Supported currencies are USD and NGN",
            UnsupportedCurrency,
        ),
        (
            "Unsupported symbol: DOGEUSDT. Supported symbols are BTCUSDT, ETHUSDT, SOLUSDT, XAUUSD, EURUSD, GBPUSD, USDNGN",
            UnsupportedSymbol("DOGEUSDT"),
        ),
        (
            r#"channel "asset_prices" is not available on /ws/v1/markets; use /ws/v1/realtime instead"#,
            WrongEndpoint {
                channel: "asset_prices",
                path: "/ws/v1/markets",
                instead: "/ws/v1/realtime",
            },
        ),
        ("rate limit exceeded: too many messages", RateLimited),
        (
            r#"auth required: include {"auth":{"accessToken":"..."}} or {"auth":{"apiKey":"..."}} in every message"#,
            AuthRequired,
        ),
        // Texts that differ slightly.
        ("", Other),
        ("invalid message format", Other),
        ("Event ID is required.", Other),
        ("rate limit exceeded", Other),
        (
            "Unsupported symbol: DOGEUSDT. Supported symbols are BTCUSDT",
            Other,
        ),
        ("channel \"x\" is not available", Other),
        ("channel \"x instead", Other),
        // Echoes that contain the words around them.
        (
            "unknown message type: unknown message type: ",
            UnknownType("unknown message type: "),
        ),
        (
            r#"channel "a" is not available on b; use c instead" is not available on d; use e instead"#,
            WrongEndpoint {
                channel: r#"a" is not available on b; use c instead"#,
                path: "d",
                instead: "e",
            },
        ),
    ];
    for (text, kind) in table {
        let message = serde_json::json!({"type": "error", "data": {"message": text}, "timestamp": 1_700_000_000_000_i64});
        with(&message.to_string(), |message| {
            let error = message.server_error().unwrap();
            assert_eq!((error.text(), error.kind()), (text, kind));
        });
    }
    with(PONG, |message| assert!(message.server_error().is_none()));
}

/// The `orderbook` object of the documented example: an element of the REST array.
fn element() -> &'static str {
    let start = ORDER_BOOK.find(r#"{"marketId""#).unwrap();
    let end = ORDER_BOOK.find("},\"timestamp\":17").unwrap();
    &ORDER_BOOK[start..end]
}

fn shown(book: &OrderBook<'_>) -> String {
    let fields = (book.market_id, book.timestamp, book.last_price);
    format!("{fields:?} {:?} {:?}", book.bids, book.asks)
}

/// The results of [`Decoder::books`] as text.
fn books(body: &str) -> Result<Vec<Result<String, DecodeError>>, DecodeError> {
    let mut seen = Vec::new();
    Decoder::new().books(body.as_bytes(), &CENTS, |book| {
        seen.push(book.map(|book| shown(&book)));
        ControlFlow::Continue(())
    })?;
    Ok(seen)
}

#[test]
fn rest_array_equals_stream() {
    let streamed = with(ORDER_BOOK, |message| {
        let Message::OrderBook(book) = message else {
            panic!()
        };
        shown(&book)
    });
    let body = format!("[{}, {}]\n", element(), element());
    let read: Vec<String> = books(&body)
        .unwrap()
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(read, [streamed.clone(), streamed]);
    assert_eq!(books("[]").unwrap().len(), 0);
}

#[test]
fn bad_element_affects_only_itself() {
    let bad = element().replacen("0.55", "0.555", 1);
    let body = format!("[{},null,{bad},{}]", element(), element());
    let read = books(&body).unwrap();
    assert_eq!(read.len(), 4);
    assert!(read[0].is_ok() && read[3].is_ok());
    let null = read[1].as_ref().unwrap_err();
    assert!(body[null.offset as usize..].starts_with("null"));
    let error = read[2].as_ref().unwrap_err();
    assert!(body[error.offset as usize..].starts_with("0.555"));
    assert!(matches!(
        error.kind,
        ErrorKind::Number { field: "price", .. }
    ));
}

#[test]
fn rest_body_without_array() {
    for (body, offset, kind) in [
        ("", 0, ErrorKind::Json),
        ("[", 1, ErrorKind::Json),
        ("{\"error\":\"not found\"}", 0, not("books", "an array")),
    ] {
        let error = books(body).unwrap_err();
        assert_eq!((error.offset, error.kind), (offset, kind), "{body}");
    }
}

#[test]
fn rest_books_refuse_and_stop() {
    let body = format!("[{0},{0},{0}]", element());
    let mut seen = 0;
    Decoder::new()
        .books(body.as_bytes(), &CENTS, |book| {
            let book = book.unwrap();
            assert_eq!(book.bids[1], Level::new(Ticks(55), Lots(3_000_000)));
            let refusal = book.refusal(BookError {
                kind: BookErrorKind::DuplicatePrice,
                side: Side::Bid,
                ticks: Ticks(55),
                index: 1,
            });
            let at = refusal.offset as usize;
            assert!(body[at..].starts_with(r#"{"price":0.55"#));
            assert_eq!(at > element().len(), seen == 1);
            seen += 1;
            if seen == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
    assert_eq!(seen, 2);
}

fn assert_subject(line: &str, market_id: Option<&str>, outcome_id: Option<&str>) {
    let expected = UndecodedMessage::Book {
        market_id,
        outcome_id,
    };
    assert_eq!(Decoder::new().identify(line.as_bytes()), expected, "{line}");
}

#[test]
fn rejected_book_has_ids() {
    let (market, outcome) = (Some("mkt_456"), Some("out_789"));
    let bad = ORDER_BOOK.replacen("0.55", "0.555", 1);
    assert!(refused(&bad).offset > 0);
    assert_subject(&bad, market, outcome);
    assert_subject(&ORDER_BOOK.replacen("outcomeId", "x", 1), market, None);
    assert_subject(&ORDER_BOOK.replacen("marketId", "x", 1), None, outcome);
    assert_subject(&ORDER_BOOK.replacen("\"mkt_456\"", "7", 1), None, outcome);
    assert_subject(
        &ORDER_BOOK.replacen("\"type\"", "\"x\"", 1),
        market,
        outcome,
    );
    assert_subject(
        &ORDER_BOOK.replacen("\"orderbook_update\"", "7", 1),
        market,
        outcome,
    );
    assert_subject(&ORDER_BOOK.replacen("\"data\"", "\"x\"", 1), None, None);
}

#[test]
fn invalid_line_may_be_book() {
    let cut = &ORDER_BOOK[..ORDER_BOOK.len() - 1];
    for line in ["{", "", "7", "[]", "{}", cut] {
        assert_subject(line, None, None);
    }
}

#[test]
fn other_types_are_not_books() {
    let mut decoder = Decoder::new();
    for line in [
        PONG,
        PRICE_UPDATE,
        r#"{"type":"x","data":{"marketId":"m"}}"#,
    ] {
        assert_eq!(
            decoder.identify(line.as_bytes()),
            UndecodedMessage::Other,
            "{line}"
        );
    }
}

/// Writes JSON with white space, and with the keys of every object in an order by `seed`.
fn shuffled(json: &serde_json::Value, seed: &mut u64) -> String {
    match json {
        serde_json::Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            for last in (1..fields.len()).rev() {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                fields.swap(last, usize::try_from(*seed >> 33).unwrap() % (last + 1));
            }
            let fields: Vec<String> = fields
                .into_iter()
                .map(|(key, value)| format!(" {key:?} :\t{}", shuffled(value, seed)))
                .collect();
            format!("{{{} }}", fields.join(","))
        }
        serde_json::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shuffled(item, seed)).collect();
            format!("[ {} ]", items.join(" ,"))
        }
        other => other.to_string(),
    }
}

/// A random insertion: any byte, or a text with a meaning in JSON.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        prop::sample::select(vec![
            "\"", "\\", "{", "}", "[", "]", ",", ":", "-", ".", "e", "0", "null", "true",
            "\\u00e9", "\\n", "\\/", "\\u12", "\n", " ", "é",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

proptest! {
    #[test]
    fn keys_in_any_order(example in prop::sample::select(&EXAMPLES[..]), mut seed: u64) {
        let json: serde_json::Value = serde_json::from_str(example).unwrap();
        // Prices keep the order of the message, so they are compared by label.
        let show = |line: &str| with(line, |message| match message {
            Message::PriceUpdate(update) => {
                let markets: Vec<_> = update.markets.iter().map(|market| {
                    let prices = market.prices.unwrap();
                    (market.id, market.question, prices.len(), prices.get("YES"), prices.get("NO"))
                }).collect();
                format!("{:?} {:?} {markets:?}", update.event_id, update.kind)
            }
            // The offsets of the levels differ.
            Message::OrderBook(book) => format!("{:?} {:?} {:?}", book.bids, book.asks, book.sent),
            other => format!("{other:?}"),
        });
        prop_assert_eq!(show(&shuffled(&json, &mut seed)), show(&json.to_string()));
    }

    #[test]
    fn broken_lines_fail_like_serde(
        example in prop::sample::select(&EXAMPLES[..]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), piece(), any::<bool>()), 1..4),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut line = example.as_bytes().to_vec();
        for (at, piece, insert) in edits {
            let at = at.index(line.len());
            let end = if insert { at } else { at + 1 };
            line.splice(at..end, piece);
        }
        if let Some(cut) = cut {
            line.truncate(cut.index(line.len()));
        }
        let mut decoder = Decoder::new();
        let decoded = decoder.decode(&line, &CENTS);
        if let Ok(message) = &decoded {
            // Every text and list can be formatted.
            let shown = format!("{message:?}");
            prop_assert!(!shown.is_empty());
        }
        check_syntax(&line, decoded.err());
    }

    #[test]
    fn texts_survive_a_round_trip(id: String, question: String, outcomes: Vec<String>, label: String) {
        let line = serde_json::json!({"type": "price_update", "data": {"id": id, "markets": [
            {"id": id, "question": question, "outcomes": outcomes, "prices": {(label.clone()): 0.5}},
            {"id": label},
        ]}}).to_string();
        let mut decoder = Decoder::new();
        let Ok(Message::PriceUpdate(update)) = decoder.decode(line.as_bytes(), &CENTS) else {
            panic!("{line}")
        };
        let mut markets = update.markets.iter();
        let first = markets.next().unwrap();
        prop_assert_eq!((update.event_id, first.id, first.question), (&*id, &*id, Some(&*question)));
        prop_assert!(first.outcomes.iter().eq(outcomes.iter().map(String::as_str)));
        prop_assert_eq!(first.prices.unwrap().get(&label), Some(Decimal("0.5")));
        prop_assert_eq!(markets.next().unwrap().id, &*label);
    }
}
