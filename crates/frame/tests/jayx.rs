//! JayX messages in both envelopes: every documented example, and every kind of error.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod support;

use proptest::prelude::*;
use support::{check_syntax, missing, negative, not, number, off_grid, value};
use ticklot_book::{BookError, BookErrorKind, DecimalError, Level, Lots, Scale, Side, Ticks};
use ticklot_frame::jayx::{Candle, Control, Decoder, Envelope, Message, Order};
use ticklot_frame::{
    Decimal, DecodeError, ErrorKind, Trade, TradeSide, UnixMillis, UnixSeconds, VenueName,
};

const BOOK: &str = r#"{"orderBook":{"asks":[{"ticks":6684363,"lots":1004817,"count":1},{"ticks":6751207,"lots":2993562,"count":1}],"bids":[{"ticks":6657678,"lots":997207,"count":3}]},"trades":[{"lots":3779,"ticks":6667418,"side":"BUY","created":1716136436758},{"lots":591,"ticks":6670338,"side":"SELL","created":1716136436747}]}"#;

fn level(ticks: i64, lots: i64, count: u32) -> Level {
    Level {
        ticks: Ticks(ticks),
        lots: Lots(lots),
        count,
    }
}

fn check_book(envelope: Envelope, frame: &str) {
    let mut decoder = Decoder::new(envelope);
    let Message::OrderBook(book) = decoder.decode(frame.as_bytes()).unwrap() else {
        panic!("{frame}")
    };
    assert_eq!(
        book.asks,
        [
            level(6_684_363, 1_004_817, 1),
            level(6_751_207, 2_993_562, 1)
        ]
    );
    assert_eq!(book.bids, [level(6_657_678, 997_207, 3)]);
    let trade = |ticks, lots, side, created| Trade {
        ticks: Ticks(ticks),
        lots: Lots(lots),
        side,
        created: UnixMillis(created),
    };
    let trades = [
        trade(6_667_418, 3779, TradeSide::Buy, 1_716_136_436_758),
        trade(6_670_338, 591, TradeSide::Sell, 1_716_136_436_747),
    ];
    assert_eq!(book.trades, trades);
}

#[test]
fn documented_book_in_every_envelope() {
    let plain = [
        BOOK.to_owned(),
        format!(r#"{{"event":"orderbook","message":{BOOK}}}"#),
        format!(r#"{{"event":"orderbook","data":{BOOK}}}"#),
        format!(" {{ \"data\" : {BOOK} , \"event\" : \"order\\u0062ook\" }}\n"),
    ];
    let packets = [
        format!(r#"42["orderbook",{BOOK}]"#),
        format!(r#"4217["orderbook",{BOOK}]"#),
        format!(r#"42/,["orderbook",{BOOK},"more"]"#),
    ];
    for frame in plain {
        check_book(Envelope::Plain, &frame);
        // A JSON object does not start with a digit, so the first byte identifies the envelope.
        check_book(Envelope::Auto, &frame);
    }
    for frame in packets {
        check_book(Envelope::SocketIo, &frame);
        check_book(Envelope::Auto, &frame);
    }
}

#[test]
fn the_packets_of_a_session() {
    let table = [
        (
            r#"0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#,
            Control::Open {
                ping_interval_ms: 25_000,
                ping_timeout_ms: 20_000,
            },
        ),
        (r#"40{"sid":"abc"}"#, Control::Connected),
        ("40", Control::Connected),
        (
            r#"44{"message":"Invalid namespace"}"#,
            Control::Refused {
                message: "Invalid namespace",
            },
        ),
        (r#"44{"code":7}"#, Control::Refused { message: "" }),
        (r#"44"no""#, Control::Refused { message: "no" }),
        ("41", Control::Disconnected),
        ("1", Control::Close),
        ("2", Control::Ping),
        ("3probe", Control::Pong),
        ("6", Control::Noop),
        (r#"437[{"ok":true}]"#, Control::Ack { id: 7 }),
    ];
    for (frame, expected) in table {
        let mut decoder = Decoder::new(Envelope::SocketIo);
        match decoder.decode(frame.as_bytes()).unwrap() {
            Message::Control(control) => assert_eq!(control, expected, "{frame}"),
            other => panic!("{frame}: {other:?}"),
        }
    }
}

/// The silence timeout depends on both, so neither may be missing, zero or invalid.
#[test]
fn invalid_ping_times_become_defaults() {
    for (fields, times) in [
        ("", (25_000, 20_000)),
        (r#""pingInterval":0,"pingTimeout":0"#, (25_000, 20_000)),
        (r#""pingInterval":0.5,"pingTimeout":1e-3"#, (25_000, 20_000)),
        (r#""pingInterval":-1,"pingTimeout":null"#, (25_000, 20_000)),
        (
            r#""pingInterval":"soon","pingTimeout":{}"#,
            (25_000, 20_000),
        ),
        (
            r#""pingInterval":1e12,"pingTimeout":1e400"#,
            (25_000, 20_000),
        ),
        (r#""pingInterval":1,"pingInterval":2"#, (25_000, 20_000)),
        (r#""pingInterval":"300","pingTimeout":200.0"#, (300, 200)),
        (r#""pingTimeout":4294967295"#, (25_000, u32::MAX)),
    ] {
        let frame = format!("0{{{fields}}}");
        let mut decoder = Decoder::new(Envelope::SocketIo);
        let Message::Control(control) = decoder.decode(frame.as_bytes()).unwrap() else {
            panic!("{frame}")
        };
        let (ping_interval_ms, ping_timeout_ms) = times;
        let expected = Control::Open {
            ping_interval_ms,
            ping_timeout_ms,
        };
        assert_eq!(control, expected, "{frame}");
    }
}

fn event(frame: &str) -> &'static str {
    match Decoder::new(Envelope::Auto)
        .decode(frame.as_bytes())
        .unwrap()
    {
        Message::OrderBook(_) => "orderbook",
        Message::Kline(_) => "kline",
        Message::Positions(_) => "positions",
        Message::OpenOrders(_) => "openorders",
        Message::Unknown { kind: "" } => "nothing known",
        Message::Unknown { .. } => "another",
        other => panic!("{frame}: {other:?}"),
    }
}

#[test]
fn other_events_are_recognised() {
    let table = [
        (r#"42["kline",{"add":null,"modify":null}]"#, "kline"),
        (r#"42["news"]"#, "another"),
        (
            r#"{"event":"positions","message":{"spot":[]}}"#,
            "positions",
        ),
        (r#"{"add":null,"modify":null}"#, "kline"),
        (r#"{"spot":[]}"#, "positions"),
        (r#"{"cancel":[],"modify":[]}"#, "openorders"),
        (r#"{"modify":[]}"#, "openorders"),
        (r#"{"other":1}"#, "nothing known"),
    ];
    for (frame, expected) in table {
        assert_eq!(event(frame), expected, "{frame}");
    }
}

const KLINE: &str = r#"{"add":null,"modify":{"_id":"664a16fccb5c1735c25557a0","created":1716131580,"o":6678147,"h":6690062,"l":6674783,"c":6689523,"v":241690,"m":1716131619,"symbol":"BTCUSDT"}}"#;
const POSITIONS: &str = r#"{"spot":[{"asset":"BTC","balance":"0.000998","available":"0.000998"},{"asset":"USDT","balance":"9932.44065","available":"9932.44065"}]}"#;
const OPEN_ORDERS: &str = r#"{"cancel":[],"modify":[{"id":117805625,"type":"LIMIT","state":"NEW","side":"BUY","resd":1000000,"exec":0,"cost":0,"lastLots":null,"lastTicks":null,"created":1716135452487,"modified":1716135452487,"symbol":"BTCUSDT","price":"1000","quantity":"1000"}]}"#;

/// A payload in all formats of both envelopes.
fn in_every_form(event: &str, payload: &str) -> [String; 4] {
    [
        format!(r#"42["{event}",{payload}]"#),
        payload.to_owned(),
        format!(r#"{{"event":"{event}","message":{payload}}}"#),
        format!(r#"{{"data":{payload},"event":"{event}"}}"#),
    ]
}

#[test]
fn the_documented_candle() {
    for frame in in_every_form("kline", KLINE) {
        let mut decoder = Decoder::new(Envelope::Auto);
        let Message::Kline(kline) = decoder.decode(frame.as_bytes()).unwrap() else {
            panic!("{frame}")
        };
        let expected = Candle {
            id: "664a16fccb5c1735c25557a0",
            opened: UnixSeconds(1_716_131_580),
            open: Ticks(6_678_147),
            high: Ticks(6_690_062),
            low: Ticks(6_674_783),
            close: Ticks(6_689_523),
            volume: Lots(241_690),
            modified: UnixSeconds(1_716_131_619),
            symbol: "BTCUSDT",
        };
        assert_eq!((kline.add, kline.modify), (None, Some(expected)), "{frame}");
    }
}

#[test]
fn the_documented_balances() {
    for frame in in_every_form("positions", POSITIONS) {
        let mut decoder = Decoder::new(Envelope::Auto);
        let Message::Positions(positions) = decoder.decode(frame.as_bytes()).unwrap() else {
            panic!("{frame}")
        };
        let seen: Vec<_> = positions
            .iter()
            .map(|b| (b.asset, b.balance.0, b.available.0))
            .collect();
        assert_eq!(
            seen,
            [
                ("BTC", "0.000998", "0.000998"),
                ("USDT", "9932.44065", "9932.44065")
            ],
            "{frame}"
        );
        let bitcoin = positions.iter().next().unwrap().balance;
        assert_eq!(bitcoin.lots(Scale::new(2, 6).unwrap()), Ok(Lots(998)));
        assert_eq!((positions.len(), positions.is_empty()), (2, false));
    }
}

#[test]
fn the_documented_open_order() {
    for frame in in_every_form("openorders", OPEN_ORDERS) {
        let mut decoder = Decoder::new(Envelope::Auto);
        let Message::OpenOrders(orders) = decoder.decode(frame.as_bytes()).unwrap() else {
            panic!("{frame}")
        };
        assert!(orders.cancel.is_empty());
        let expected = Order {
            id: 117_805_625,
            kind: Some("LIMIT"),
            state: "NEW",
            side: TradeSide::Buy,
            reserved: Some(1_000_000),
            executed: Some(Lots(0)),
            cost: Some(0),
            last_lots: None,
            last_ticks: None,
            created: Some(UnixMillis(1_716_135_452_487)),
            modified: Some(UnixMillis(1_716_135_452_487)),
            symbol: "BTCUSDT",
            price: Some(Decimal("1000")),
            quantity: Decimal("1000"),
        };
        assert_eq!(
            orders.modify.iter().collect::<Vec<_>>(),
            [expected],
            "{frame}"
        );
    }
}

#[test]
fn bad_events_name_their_field() {
    let syntax = |field| number(field, DecimalError::Syntax);
    let table = [
        (KLINE.replace(r#""o":6678147,"#, ""), missing("o")),
        (KLINE.replace("6690062", "-1"), negative("h")),
        (KLINE.replace("1716131619", "null"), not("m", "a number")),
        (KLINE.replace("1716131619", "\"now\""), syntax("m")),
        (POSITIONS.replace("9932.44065", "much"), syntax("balance")),
        (POSITIONS.replace(r#""asset":"BTC","#, ""), missing("asset")),
        (OPEN_ORDERS.replace("[]", "7"), not("cancel", "an array")),
    ];
    for (frame, kind) in table {
        assert_eq!(
            refused(Envelope::Plain, frame.as_bytes()).kind,
            kind,
            "{frame}"
        );
    }
}

/// Only the name of an unknown event is read.
#[test]
fn other_events_may_hold_anything() {
    let payloads = [
        "null",
        "7",
        "-1.5e300",
        r#""text""#,
        "[]",
        r#"[{"ticks":-1}]"#,
        r#"{"orderBook":{"asks":7}}"#,
        r#"{"orderBook":{"asks":[{"ticks":"1"}],"bids":[]},"trades":{}}"#,
        r#"{"spot":1,"spot":2,"add":3,"add":4,"event":5,"event":6}"#,
    ];
    for payload in payloads {
        for frame in [
            format!(r#"42["news",{payload}]"#),
            format!(r#"4217["news",{payload},{payload}]"#),
            format!(r#"{{"event":"news","message":{payload}}}"#),
            format!(r#"{{"event":"news","data":{payload},"message":{payload}}}"#),
            format!(r#"{{"data":{payload},"data":{payload},"event":"news"}}"#),
            format!(r#"{{"orderBook":{payload},"event":"news","orderBook":{payload}}}"#),
        ] {
            let mut decoder = Decoder::new(Envelope::Auto);
            match decoder.decode(frame.as_bytes()) {
                Ok(Message::Unknown { kind }) => assert_eq!(kind, "news", "{frame}"),
                other => panic!("{frame}: {other:?}"),
            }
        }
    }
    // Duplicate fields of a known event, and duplicate names, are errors.
    for frame in [
        format!(r#"{{"event":"orderbook","data":{BOOK},"data":{BOOK}}}"#),
        r#"{"event":"news","event":"news"}"#.to_owned(),
    ] {
        let error = refused(Envelope::Plain, frame.as_bytes());
        assert!(matches!(error.kind, ErrorKind::Duplicate { .. }), "{error}");
    }
}

#[test]
fn error_has_server_reason() {
    for (frame, reason) in [
        (r#"42["error",{"message":"no \"x\""}]"#, r#"no "x""#),
        (r#"42["error","Unauthorized"]"#, "Unauthorized"),
        (r#"42["error"]"#, ""),
        (r#"42["error",{"message":7}]"#, ""),
        (r#"42["error",{"message":"a","message":"b"}]"#, ""),
        (
            r#"{"event":"error","message":"Unauthorized"}"#,
            "Unauthorized",
        ),
        (r#"{"event":"error","data":{"message":"slow"}}"#, "slow"),
        (r#"{"event":"error","data":1,"data":2}"#, ""),
        (r#"{"error":{"message":"slow"}}"#, "slow"),
        (r#"{"error":"slow","code":7}"#, "slow"),
        (r#"{"error":[]}"#, ""),
    ] {
        let mut decoder = Decoder::new(Envelope::Auto);
        match decoder.decode(frame.as_bytes()) {
            Ok(Message::Error { message }) => assert_eq!(message, reason, "{frame}"),
            other => panic!("{frame}: {other:?}"),
        }
    }
    assert_eq!(event(r#"{"error":null}"#), "nothing known");
}

#[test]
fn optional_fields_of_a_book() {
    let mut decoder = Decoder::new(Envelope::Plain);
    for frame in [
        r#"{"orderBook":{"asks":[],"bids":[{"ticks":1,"lots":2}]}}"#,
        r#"{"orderBook":{"asks":null,"bids":[{"ticks":1.0,"lots":2e0,"count":null}]},"trades":null}"#,
    ] {
        let Message::OrderBook(book) = decoder.decode(frame.as_bytes()).unwrap() else {
            panic!()
        };
        assert_eq!(
            (book.bids, book.asks, book.trades),
            (&[level(1, 2, 0)][..], &[][..], &[][..])
        );
    }
}

/// Quoted numbers decode to the same messages.
#[test]
fn quoted_numbers_are_numbers() {
    let quoted = |text: &str| {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
            let (before, from) = rest.split_at(at);
            let end = from.find(|c: char| !c.is_ascii_digit()).unwrap();
            let quote = if before.ends_with(':') { "\"" } else { "" };
            out += &format!("{before}{quote}{}{quote}", &from[..end]);
            rest = &from[end..];
        }
        out + rest
    };
    for payload in [BOOK, KLINE, POSITIONS, OPEN_ORDERS] {
        let shown = |text: &str| {
            let mut decoder = Decoder::new(Envelope::Plain);
            // The offsets of the levels differ.
            let message = decoder.decode(text.as_bytes()).unwrap();
            match message {
                Message::OrderBook(book) => {
                    format!("{:?} {:?} {:?}", book.bids, book.asks, book.trades)
                }
                other => format!("{other:?}"),
            }
        };
        let text = quoted(payload);
        assert!(text == POSITIONS || text != payload);
        assert_eq!(shown(&text), shown(payload), "{text}");
    }
    let bare = POSITIONS.replace("\"9932.44065\"", "9932.44065");
    assert_eq!(event(&bare), "positions");
}

/// An invalid trade or count does not invalidate the book. The trade is skipped and reported with its offset.
#[test]
fn invalid_optional_fields_of_a_book() {
    let good = r#"{"lots":1,"ticks":2,"side":"BUY","created":3}"#;
    // The trades, the number of read ones, the number of skipped ones, and the text and the kind of the first error.
    let table = [
        (format!("[{good}]"), 1, None),
        ("null".to_owned(), 0, None),
        (format!("[{}]", good.replace("BUY", "buy")), 1, None),
        (
            format!("[{},{good}]", good.replace("\"BUY\"", "null")),
            1,
            Some((1, "null", not("side", "a string"))),
        ),
        (
            format!("[{good},{},7]", good.replace("BUY", "HOLD")),
            1,
            Some((2, "\"HOLD", value("side"))),
        ),
        (
            format!("[{},{good}]", good.replace(",\"created\":3", "")),
            1,
            Some((1, "{\"lots", missing("created"))),
        ),
        (
            format!("[{}]", good.replace(":1,", ":1.5,")),
            0,
            Some((1, "1.5", off_grid("lots", 0))),
        ),
        (
            "{}".to_owned(),
            0,
            Some((1, "{}}", not("trades", "an array"))),
        ),
        (format!("[{good}],\"trades\":[{good}]"), 0, None),
    ];
    for count in [
        "1",
        "4294967296",
        "null",
        "-1",
        "1.5",
        "\"many\"",
        "[]",
        "1,\"count\":1",
    ] {
        for (trades, read, skipped_items) in &table {
            let payload = format!(
                r#"{{"orderBook":{{"asks":[],"bids":[{{"ticks":1,"lots":2,"count":{count}}}]}},"trades":{trades}}}"#
            );
            for frame in [payload.clone(), format!(r#"421["orderbook",{payload}]"#)] {
                let mut decoder = Decoder::new(Envelope::Auto);
                let message = decoder.decode(frame.as_bytes()).unwrap();
                let skipped = message.skipped();
                let Message::OrderBook(book) = message else {
                    panic!("{frame}")
                };
                let count = u32::from(count == "1");
                assert_eq!(book.bids, [level(1, 2, count)], "{frame}");
                assert_eq!(book.trades.len(), *read, "{frame}");
                let found = skipped.map(|it| (it.count, it.first.kind));
                assert_eq!(
                    found,
                    skipped_items.map(|(count, _, kind)| (count, kind)),
                    "{frame}"
                );
                if let (Some(skipped), Some((_, at, _))) = (skipped, skipped_items) {
                    let there = &frame[skipped.first.offset as usize..];
                    assert!(there.starts_with(at), "{frame}: {there}");
                }
            }
        }
    }
}

/// An order may have no price and no other optional fields. One without a valid id, state, side, symbol or quantity is
/// skipped, and the others are kept.
#[test]
fn bad_order_affects_no_other() {
    let (_, order) = OPEN_ORDERS.split_once("\"modify\":[").unwrap();
    let order = order.strip_suffix("]}").unwrap();
    let decode = |text: &str| {
        let frame = format!(r#"42["openorders",{{"cancel":[{text}],"modify":[{order},{text}]}}]"#);
        let mut decoder = Decoder::new(Envelope::SocketIo);
        let Message::OpenOrders(orders) = decoder.decode(frame.as_bytes()).unwrap() else {
            panic!("{frame}")
        };
        assert_eq!(
            orders.modify.iter().next().unwrap().price,
            Some(Decimal("1000"))
        );
        let last = orders.cancel.iter().next().map(|it| format!("{it:?}"));
        let skipped = orders.skipped.map(|it| (it.count, it.first.kind));
        assert_eq!(orders.cancel.len() + 1, orders.modify.len(), "{frame}");
        (last, skipped)
    };
    let whole = decode(order).0.unwrap();
    for (field, odd, name, none) in [
        (
            "\"price\":\"1000\"",
            "\"price\":null",
            "price: Some(Decimal(\"1000\"))",
            "price: None",
        ),
        (
            "\"price\":\"1000\"",
            "\"price\":\"1e\"",
            "price: Some(Decimal(\"1000\"))",
            "price: None",
        ),
        ("\"LIMIT\"", "7", "kind: Some(\"LIMIT\")", "kind: None"),
        (
            "1000000",
            "0.5",
            "reserved: Some(1000000)",
            "reserved: None",
        ),
        (
            "1000000",
            "-3",
            "reserved: Some(1000000)",
            "reserved: Some(-3)",
        ),
        (
            "\"exec\":0",
            "\"exec\":-1",
            "executed: Some(Lots(0))",
            "executed: None",
        ),
        ("\"cost\":0,", "", "cost: Some(0)", "cost: None"),
        (
            "\"lastLots\":null",
            "\"lastLots\":[]",
            "last_lots: None",
            "last_lots: None",
        ),
    ] {
        let (shown, skipped) = decode(&order.replace(field, odd));
        assert_eq!(
            (shown, skipped),
            (Some(whole.replace(name, none)), None),
            "{odd}"
        );
    }
    for (field, odd, kind) in [
        ("117805625", "-1", negative("id")),
        ("\"BUY\"", "\"HOLD\"", value("side")),
        ("\"state\":\"NEW\",", "", missing("state")),
    ] {
        let (shown, skipped) = decode(&order.replace(field, odd));
        assert_eq!((shown, skipped), (None, Some((2, kind))), "{odd}");
    }
}

#[test]
fn bad_frames_name_their_byte() {
    use ErrorKind::{Binary, Json, Packet};
    let overflow = |field| number(field, DecimalError::Overflow);
    let asks =
        |level: &str| format!(r#"42["orderbook",{{"orderBook":{{"asks":[{level}],"bids":[]}}}}]"#);
    // The frame, the text at the error, and the error.
    let table = [
        (
            asks(r#"{"ticks":1.5,"lots":1}"#),
            "1.5",
            off_grid("ticks", 0),
        ),
        (asks(r#"{"ticks":-1,"lots":1}"#), "-1", negative("ticks")),
        (asks(r#"{"ticks":1,"lots":-7}"#), "-7", negative("lots")),
        (
            asks(r#"{"ticks":1,"lots":9223372036854775808}"#),
            "92233",
            overflow("lots"),
        ),
        (
            asks(r#"{"ticks":"1.5","lots":1}"#),
            "\"1.5\"",
            off_grid("ticks", 0),
        ),
        (
            asks(r#"{"ticks":1e400,"lots":1}"#),
            "1e400",
            overflow("ticks"),
        ),
        (
            asks(r#"{"ticks":true,"lots":1}"#),
            "true",
            not("ticks", "a number"),
        ),
        (asks(r#"{"lots":1}"#), "{\"lots", missing("ticks")),
        (asks("7"), "7]", not("level", "an object")),
        (asks(r#"{"ticks":1,"lots":}"#), "}]", Json),
        (
            r#"42["orderbook",{"trades":[]}]"#.to_owned(),
            "{\"trades",
            missing("orderBook"),
        ),
        (
            r#"42["orderbook"]"#.to_owned(),
            "[\"order",
            missing("event message"),
        ),
        ("42[]".to_owned(), "[]", missing("event name")),
        ("42{}".to_owned(), "{}", not("event", "an array")),
        ("42".to_owned(), "", Json),
        ("0[]".to_owned(), "[]", not("open", "an object")),
        ("451-[\"orderbook\"]".to_owned(), "51-", Binary),
        ("9".to_owned(), "9", Packet),
        (BOOK.to_owned(), "{\"orderBook", Packet),
    ];
    for (frame, points_at, kind) in table {
        let error = refused(Envelope::SocketIo, frame.as_bytes());
        assert_eq!(error.kind, kind, "{frame}");
        assert!(
            frame[error.offset as usize..].starts_with(points_at),
            "{frame}: {error}"
        );
        assert_eq!((error.venue, error.line), (VenueName::JAYX, 0));
    }
    let utf8 = refused(Envelope::SocketIo, b"42[\"\xff\"]");
    assert_eq!((utf8.offset, utf8.kind), (4, ErrorKind::Utf8));
    let wrapped = refused(Envelope::Plain, br#"{"event":"orderbook"}"#);
    assert_eq!(wrapped.kind, missing("data"));
    assert_eq!(wrapped.to_string(), "jayx: line 0, byte 0: data: missing");
}

fn refused(envelope: Envelope, frame: &[u8]) -> DecodeError {
    Decoder::new(envelope)
        .decode(frame)
        .map(|m| format!("{m:?}"))
        .unwrap_err()
}

#[test]
fn book_refusal_names_the_frame() {
    let frame = format!(r#"42["orderbook",{BOOK}]"#);
    let mut decoder = Decoder::new(Envelope::SocketIo);
    let Message::OrderBook(update) = decoder.decode(frame.as_bytes()).unwrap() else {
        panic!()
    };
    let error = BookError {
        kind: BookErrorKind::DuplicatePrice,
        side: Side::Ask,
        index: 1,
        ticks: Ticks(6_751_207),
    };
    let refusal = update.refusal(error);
    assert!(
        frame[refusal.offset as usize..].starts_with(r#"{"ticks":6751207"#),
        "{refusal}"
    );
}

fn side() -> impl Strategy<Value = Vec<(i64, i64, u32)>> {
    prop::collection::vec((0..=i64::MAX, 0..=i64::MAX, any::<u32>()), 0..40)
}

fn json_side(levels: &[(i64, i64, u32)]) -> String {
    let level = |&(ticks, lots, count): &(i64, i64, u32)| match count % 3 {
        0 => format!(r#"{{"ticks":{ticks},"lots":{lots},"count":{count}}}"#),
        1 => format!(
            r#"{{ "count":{count}, "x":{{"ticks":"}}"}}, "lots":{lots}, "ticks":{ticks} }}"#
        ),
        _ => format!("{{\"lots\":{lots},\r\n\t\"ticks\":{ticks},\"count\":{count}}}"),
    };
    format!(
        "[{}]",
        levels.iter().map(level).collect::<Vec<_>>().join(",")
    )
}

proptest! {
    #[test]
    fn decodes_what_was_written(bids in side(), asks in side(), packet: bool) {
        let payload = format!(r#"{{"orderBook":{{"asks":{},"bids":{}}}}}"#, json_side(&asks), json_side(&bids));
        let frame = if packet { format!("42[\"orderbook\",{payload}]") } else { payload };
        let mut decoder = Decoder::new(Envelope::Auto);
        let message = decoder.decode(frame.as_bytes());
        let Ok(Message::OrderBook(book)) = message else { panic!("{message:?}: {frame}") };
        let plain = |levels: &[(i64, i64, u32)]| -> Vec<Level> {
            levels.iter().map(|&(ticks, lots, count)| level(ticks, lots, count)).collect()
        };
        prop_assert_eq!(book.bids, plain(&bids));
        prop_assert_eq!(book.asks, plain(&asks));
    }

    #[test]
    fn broken_frames_fail_like_serde(
        at in 0_usize..400, byte: u8, cut in 0_usize..500, insert: bool,
    ) {
        let mut frame = BOOK.as_bytes().to_vec();
        let at = at % frame.len();
        if insert { frame.insert(at, byte) } else { frame[at] = byte }
        frame.truncate(cut);
        let mut decoder = Decoder::new(Envelope::Plain);
        check_syntax(&frame, decoder.decode(&frame).err());
    }

    #[test]
    fn arbitrary_input_never_panics(envelope in 0..3_usize, frame in prop::collection::vec(any::<u8>(), 0..60)) {
        let envelope = [Envelope::SocketIo, Envelope::Plain, Envelope::Auto][envelope];
        let _ = Decoder::new(envelope).decode(&frame);
    }
}
