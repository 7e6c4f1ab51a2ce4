//! Bayse messages: the documented examples of order books and notices, and every kind of error.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod support;

use std::ops::ControlFlow;

use proptest::prelude::*;
use support::{duplicate, missing, negative, not, number, off_grid};
use ticklot_book::{Book, BookErrorKind, DecimalError, Level, Lots, Nanos, Scale, Ticks};
use ticklot_frame::bayse::{Decoder, Message, OrderBook};
use ticklot_frame::{
    Decimal, DecodeBackend, DecodeError, ErrorKind, IsoTime, Lines, TradeSide, UnixMillis,
    VenueName,
};

const CENTS: Scale = match Scale::new(2, 4) {
    Ok(scale) => scale,
    Err(_) => Scale::UNIT,
};

fn refused(line: &str) -> DecodeError {
    Decoder::new()
        .decode(line.as_bytes(), &CENTS)
        .map(|m| format!("{m:?}"))
        .unwrap_err()
}

/// Decodes an order book and passes it to `check`.
fn book<R>(line: impl AsRef<[u8]>, scale: Scale, check: impl FnOnce(OrderBook<'_>) -> R) -> R {
    match Decoder::new().decode(line.as_ref(), &scale) {
        Ok(Message::OrderBook(book)) => check(book),
        other => panic!("{other:?}"),
    }
}

/// A book whose one bid is `level`, and the offset of the level.
fn with_level(level: &str) -> (String, usize) {
    let head = r#"{"type":"orderbook_update","data":{"orderbook":{"marketId":"m","outcomeId":"o","bids":["#;
    (format!("{head}{level}],\"asks\":[]}}}}}}"), head.len())
}

#[test]
fn the_documented_order_book() {
    let line = br#"{"type":"orderbook_update","data":{"orderbook":{"marketId":"mkt_456","outcomeId":"out_789","timestamp":"2026-02-17T10:40:00Z","bids":[{"price":0.60,"quantity":500,"total":300.0},{"price":0.55,"quantity":300,"total":165.0}],"asks":[{"price":0.65,"quantity":200,"total":130.0},{"price":0.70,"quantity":3.7037,"total":280.0}],"lastTradedPrice":0.65,"lastTradedSide":"BUY"}},"timestamp":1700000000000}"#;
    book(line, CENTS, |book| {
        assert_eq!((book.market_id, book.outcome_id), ("mkt_456", "out_789"));
        assert_eq!(book.timestamp, Some(IsoTime("2026-02-17T10:40:00Z")));
        let time = book.timestamp.unwrap().unix_millis();
        assert_eq!(time, Ok(UnixMillis(1_771_324_800_000)));
        let level = |ticks, lots| Level::new(Ticks(ticks), Lots(lots));
        assert_eq!(book.bids, [level(60, 5_000_000), level(55, 3_000_000)]);
        assert_eq!(book.asks, [level(65, 2_000_000), level(70, 37_037)]);
        assert_eq!(book.last_price, Some(Decimal("0.65")));
        assert_eq!(book.last_side, Some(TradeSide::Buy));
        assert_eq!(book.sent, Some(UnixMillis(1_700_000_000_000)));
    });
}

#[test]
fn the_documented_notices() {
    let mut decoder = Decoder::new();
    let mut check = |line: &str, expected: &str| {
        let message = decoder.decode(line.as_bytes(), &CENTS).unwrap();
        assert_eq!(format!("{message:?}"), expected);
    };
    check(
        r#"{"type":"connected","status":"connected","clientId":"a1b2c3d4","message":"Successfully connected to WebSocket server","timestamp":1700000000000}"#,
        r#"Connected { client_id: Some("a1b2c3d4"), status: Some("connected"), message: Some("Successfully connected to WebSocket server"), sent: Some(UnixMillis(1700000000000)) }"#,
    );
    check(
        r#"{"type":"pong","timestamp":1700000000000}"#,
        "Pong { sent: Some(UnixMillis(1700000000000)) }",
    );
    check(r#"{"type":"pong"}"#, "Pong { sent: None }");
    check(
        r#"{"type":"subscribed","room":"prices:evt_123","message":"Subscribed to: prices:evt_123","timestamp":1}"#,
        r#"Subscribed { room: "prices:evt_123" }"#,
    );
    check(
        r#"{"type":"subscribed","room":"prices:evt_123"}"#,
        r#"Subscribed { room: "prices:evt_123" }"#,
    );
    check(
        r#"{"type":"unsubscribed","room":"prices:evt_123","timestamp":1}"#,
        r#"Unsubscribed { room: "prices:evt_123" }"#,
    );
    check(
        r#"{"type":"error","data":{"message":"Event ID is required"},"timestamp":1}"#,
        r#"Error { message: "Event ID is required" }"#,
    );
    check(
        r#"{"type":"something_new","data":[1,{"a":null}]}"#,
        r#"Unknown { kind: "something_new" }"#,
    );
}

#[test]
fn tolerated_shapes_of_a_book() {
    let table = [
        // The book in `data` itself.
        r#"{"type":"orderbook_update","data":{"marketId":"m","outcomeId":"o","bids":[],"asks":[]}}"#,
        r#"{"type":"orderbook_update","data":{"orderbook":null,"marketId":"m","outcomeId":"o","bids":[],"asks":[]}}"#,
        // Null sides and options, another key order, white space, unknown fields, escapes.
        r#"{"data":{"orderbook":{"asks":null,"bids":null,"outcomeId":"o","marketId":"m","lastTradedPrice":null,"lastTradedSide":null,"timestamp":null}},"type":"orderbook_update","timestamp":null}"#,
        " { \"type\" : \"orderbook_update\" , \"data\" : { \"orderbook\" : { \"x\" : [ { } , [ ] , 1e3 ] , \"marketId\" : \"m\" , \"outcomeId\" : \"\\u006f\" , \"bids\" : [ ] , \"asks\" : [ ] } } } ",
    ];
    for line in table {
        book(line, CENTS, |book| {
            assert_eq!((book.market_id, book.outcome_id), ("m", "o"), "{line}");
            assert!(book.bids.is_empty() && book.asks.is_empty() && book.last_price.is_none());
        });
    }
}

/// An invalid optional field does not invalidate the book.
#[test]
fn invalid_optional_fields_are_none() {
    const NONE: &str = "None None None None";
    let table = [
        (r#""lastTradedSide":"HOLD""#, NONE),
        (r#""lastTradedSide":"bid""#, NONE),
        (r#""lastTradedSide":"""#, NONE),
        (r#""lastTradedSide":7"#, NONE),
        (r#""lastTradedSide":{"side":"BUY"}"#, NONE),
        (r#""lastTradedPrice":"free""#, NONE),
        (r#""lastTradedPrice":[0.65]"#, NONE),
        (r#""lastTradedPrice":false"#, NONE),
        (r#""timestamp":1771324800"#, NONE),
        (r#""timestamp":{}"#, NONE),
        // Duplicates are ambiguous.
        (r#""lastTradedPrice":0.6,"lastTradedPrice":0.6"#, NONE),
        (r#""timestamp":"a","timestamp":null,"timestamp":"a""#, NONE),
        // Fields are independent, and a text is not validated.
        (
            r#""timestamp":"at noon","lastTradedPrice":"","lastTradedSide":"SELL""#,
            r#"Some(IsoTime("at noon")) None Some(Sell) None"#,
        ),
    ];
    for (fields, expected) in table {
        let book = format!(
            r#"{{"marketId":"m","outcomeId":"o",{fields},"bids":[{{"price":0.6,"quantity":1}}],"asks":[]}}"#
        );
        let shown = |book: OrderBook<'_>| {
            assert_eq!((book.market_id, book.outcome_id), ("m", "o"), "{fields}");
            assert_eq!(book.bids, [Level::new(Ticks(60), Lots(10_000))], "{fields}");
            format!(
                "{:?} {:?} {:?} {:?}",
                book.timestamp, book.last_price, book.last_side, book.sent
            )
        };
        for data in [format!(r#"{{"orderbook":{book}}}"#), book.clone()] {
            let line = format!(r#"{{"type":"orderbook_update","data":{data},"timestamp":"now"}}"#);
            assert_eq!(self::book(&line, CENTS, shown), expected, "{line}");
        }
        let mut seen = 0;
        Decoder::new()
            .books(format!("[{book}]").as_bytes(), &CENTS, |book| {
                assert_eq!(shown(book.unwrap()), expected, "{fields}");
                seen += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(seen, 1);
    }
}

#[test]
fn bad_number_names_its_byte() {
    use DecimalError::{Overflow, Syntax};
    use ErrorKind::Json;
    // The level, the byte offset in it, and the error.
    let table = [
        (
            r#"{"price":1e400,"quantity":1}"#,
            9,
            number("price", Overflow),
        ),
        (
            r#"{"price":-1e400,"quantity":1}"#,
            9,
            number("price", Overflow),
        ),
        (r#"{"price":"0.605","quantity":1}"#, 9, off_grid("price", 2)),
        (
            r#"{"price":"a lot","quantity":1}"#,
            9,
            number("price", Syntax),
        ),
        (
            r#"{"price":0.6,"quantity":""}"#,
            24,
            number("quantity", Syntax),
        ),
        (
            r#"{"price":null,"quantity":1}"#,
            9,
            not("price", "a number"),
        ),
        (r#"{"price":-0.6,"quantity":1}"#, 9, negative("price")),
        (r#"{"price":0.605,"quantity":1}"#, 9, off_grid("price", 2)),
        (
            r#"{"price":0.6,"quantity":1.00001}"#,
            24,
            off_grid("quantity", 4),
        ),
        (r#"{"price":0.6,"quantity":-1}"#, 24, negative("quantity")),
        (
            r#"{"price":1e300,"quantity":1}"#,
            9,
            number("price", Overflow),
        ),
        (
            r#"{"price":0.6,"quantity":999999999999999999999999999}"#,
            24,
            number("quantity", Overflow),
        ),
        (r#"{"price":0.6}"#, 0, missing("quantity")),
        (r#"{"quantity":1}"#, 0, missing("price")),
        (
            r#"{"price":0.6,"price":0.6,"quantity":1}"#,
            21,
            duplicate("price"),
        ),
        (r#"["price"]"#, 0, not("level", "an object")),
        (r#"{"price":0.6,"quantity":01}"#, 24, Json),
        (r#"{"price":.6,"quantity":1}"#, 9, Json),
        (r#"{"price":0.6,"quantity":+1}"#, 24, Json),
        (r#"{"price":NaN,"quantity":1}"#, 9, Json),
    ];
    for (level, byte, kind) in table {
        let (line, start) = with_level(level);
        let error = refused(&line);
        assert_eq!(error.kind, kind, "{level}");
        assert_eq!(error.offset as usize, start + byte, "{level}");
        assert_eq!((error.venue, error.line), (VenueName::BAYSE, 0));
    }
}

/// Quoted numbers decode to the same book, with every backend.
#[test]
fn quoted_numbers_are_numbers() {
    let plain = r#"{"type":"orderbook_update","data":{"orderbook":{"marketId":"m","outcomeId":"o","bids":[{"price":0.60,"quantity":3.7037,"total":2.2}],"asks":[{"price":0.65,"quantity":1e2,"total":65}],"lastTradedPrice":0.65,"lastTradedSide":"BUY"}},"timestamp":1700000000000}"#;
    let mut quoted = plain.to_owned();
    for number in ["0.60", "3.7037", "0.65", "1e2", "1700000000000"] {
        quoted = quoted.replace(&format!(":{number}"), &format!(":\"{number}\""));
    }
    let shown = |line: &str, backend| {
        let mut decoder = Decoder::with_backend(backend);
        let message = decoder.decode(line.as_bytes(), &CENTS).unwrap();
        let Message::OrderBook(book) = message else {
            panic!("{line}")
        };
        (
            [book.bids.to_vec(), book.asks.to_vec()],
            (book.last_price.map(|price| price.0.to_owned()), book.sent),
        )
    };
    for backend in [
        DecodeBackend::Best,
        DecodeBackend::Portable,
        DecodeBackend::Off,
    ] {
        assert_eq!(
            shown(&quoted, backend),
            shown(plain, backend),
            "{backend:?}"
        );
    }
}

/// A number in an unused field may be any that JSON allows.
#[test]
fn unused_number_may_exceed_double() {
    let long = "7".repeat(400);
    let fraction = format!("-0.{long}E+99999999999999999999");
    for number in ["1e400", "-1e400", &long, &fraction] {
        for bids in ["\"bids\":[]", "\"bids\":[{\"price\":0.6,\"quantity\":5}]"] {
            let line = format!(
                r#"{{"type":"orderbook_update","x":[{number},{number} ],"data":{{"marketId":"m\"1e400","outcomeId":"1e400","seq":{number},{bids},"asks":null}}}}"#
            );
            book(line, CENTS, |book| {
                assert_eq!((book.market_id, book.outcome_id), ("m\"1e400", "1e400"));
                assert_eq!(book.bids.len(), usize::from(bids.contains("0.6")));
            });
        }
    }
    // Invalid numbers are still errors at their byte.
    for (text, byte) in [
        ("[1e400,01]", 7),
        ("[1e400,1.]", 7),
        ("[1e400,-]", 7),
        ("[1e400x]", 1),
        ("[1e400\"x\"]", 1),
        ("[1e400 1]", 7),
        ("[1e400", 6),
    ] {
        let error = refused(text);
        assert_eq!(
            (error.kind, error.offset),
            (ErrorKind::Json, byte),
            "{text}"
        );
    }
}

#[test]
fn errors_read_well() {
    let (line, _) = with_level(r#"{"price":0.605,"quantity":1}"#);
    let error = refused(&line).on_line(3);
    assert_eq!(
        error.to_string(),
        "bayse: line 3, byte 96: price: more than 2 decimal places"
    );
    assert_eq!(
        refused("{").to_string(),
        "bayse: line 0, byte 1: not valid JSON"
    );
}

#[test]
fn exact_beyond_eighteen_digits() {
    let fine = Scale::new(18, 0).unwrap();
    // The first two numbers are equal as 64-bit floats.
    for (text, ticks) in [
        ("0.123456789012345678", 123_456_789_012_345_678),
        ("0.123456789012345679", 123_456_789_012_345_679),
        ("9.223372036854775807", i64::MAX),
        (
            "0.1234567890123456780000000000000000",
            123_456_789_012_345_678,
        ),
        ("123456789012345678e-18", 123_456_789_012_345_678),
    ] {
        let (line, _) = with_level(&format!(
            r#"{{"price":{text},"quantity":123456789012345678}}"#
        ));
        let level = Level::new(Ticks(ticks), Lots(123_456_789_012_345_678));
        book(line, fine, |book| assert_eq!(book.bids, [level], "{text}"));
    }
}

#[test]
fn rejects_malformed_messages() {
    use ErrorKind::{Json, TooDeep, TooLong, Utf8};
    let deep = "[".repeat(200);
    let long = " ".repeat((4 << 20) + 1);
    let head = r#"{"type":"orderbook_update","data":{"marketId":"m","outcomeId":"o","#;
    let no_asks = format!("{head}\"bids\":[]}}}}");
    let table: &[(&str, usize, ErrorKind)] = &[
        ("", 0, Json),
        ("{", 1, Json),
        ("}", 0, Json),
        // simd-json reports the last valid token.
        ("{}x", 1, Json),
        ("{\"type\":\"pong\"", 14, Json),
        ("{\"type\":\"po\ng\"}", 11, Json),
        ("{\"type\":\"pong", 13, Json),
        ("{'type':'pong'}", 1, Json),
        ("nul", 0, Json),
        (&deep, 64, TooDeep { limit: 64 }),
        (&long, 4 << 20, TooLong { limit: 4 << 20 }),
        ("null", 0, not("message", "an object")),
        ("[]", 0, not("message", "an object")),
        ("\"pong\"", 0, not("message", "an object")),
        ("{}", 0, missing("type")),
        ("{\"type\":1}", 8, not("type", "a string")),
        ("{\"type\":\"orderbook_update\"}", 0, missing("data")),
        ("{\"type\":\"subscribed\"}", 0, missing("room")),
        ("{\"type\":\"error\",\"data\":{}}", 23, missing("message")),
        (&no_asks, 34, missing("asks")),
    ];
    for (line, offset, kind) in table {
        let error = refused(line);
        let shown = &line[..line.len().min(60)];
        assert_eq!(
            (error.offset as usize, error.kind),
            (*offset, *kind),
            "{shown}"
        );
    }
    let mut bytes = br#"{"type":"error","data":{"message":"x"}}"#.to_vec();
    bytes[35] = 0xff;
    let error = Decoder::new()
        .decode(&bytes, &CENTS)
        .map(|_| ())
        .unwrap_err();
    assert_eq!((error.offset, error.kind), (35, Utf8));
}

#[test]
fn book_refusal_is_line_error() {
    let line = br#"{"type":"orderbook_update","data":{"marketId":"m","outcomeId":"o","bids":[],"asks":[{"price":0.6,"quantity":1},{"price":0.60,"quantity":2}]}}"#;
    let refusal = book(line, CENTS, |update| {
        let mut book = Book::new(CENTS);
        let result = book.apply_snapshot(update.bids, update.asks, Nanos(0));
        update.refusal(result.unwrap_err())
    });
    assert_eq!(refusal.kind, ErrorKind::Book(BookErrorKind::DuplicatePrice));
    assert!(line[refusal.offset as usize..].starts_with(br#"{"price":0.60"#));
}

#[test]
fn bad_line_affects_only_itself() {
    let good = r#"{"type":"pong","timestamp":1}"#;
    let mut frame = format!("{good}\n{{\"type\":\n{good}\r\n\n").into_bytes();
    frame.extend_from_slice(b"\xff\xfe\n");
    frame.extend_from_slice(good.as_bytes());
    let mut decoder = Decoder::new();
    let seen: Vec<(u32, bool)> = Lines::new(&frame)
        .map(|line| (line.number, decoder.decode(line.bytes, &CENTS).is_ok()))
        .collect();
    assert_eq!(
        seen,
        [(0, true), (1, false), (2, true), (4, false), (5, true)]
    );
}

#[test]
fn scales_by_market() {
    let scales = |market: &str| Scale::new(if market == "fine" { 4 } else { 2 }, 0).unwrap();
    let mut decoder = Decoder::new();
    let mut ticks = |market: &str| {
        let line = format!(
            r#"{{"type":"orderbook_update","data":{{"bids":[{{"price":0.5,"quantity":1}}],"asks":[],"marketId":"{market}","outcomeId":"o"}}}}"#
        );
        match decoder.decode(line.as_bytes(), &scales).unwrap() {
            Message::OrderBook(book) => book.bids[0].ticks,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((ticks("fine"), ticks("coarse")), (Ticks(5000), Ticks(50)));
}

/// A number of steps as decimal text, in one of several notations.
fn written(steps: i64, decimals: u8, form: u8) -> String {
    let plain = ticklot_book::Fixed::new(steps, decimals).to_string();
    match form % 4 {
        0 => plain,
        1 if plain.contains('.') => plain.trim_end_matches('0').trim_end_matches('.').to_owned(),
        2 if plain.contains('.') => format!("{plain}000"),
        3 => format!("{steps}e-{decimals}"),
        _ => plain,
    }
}

fn side() -> impl Strategy<Value = Vec<(i64, i64, u8)>> {
    prop::collection::vec((0..=i64::MAX, 0..=i64::MAX, any::<u8>()), 0..30)
}

fn json_side(levels: &[(i64, i64, u8)], (price, quantity): (u8, u8)) -> String {
    let levels: Vec<String> = levels
        .iter()
        .map(|&(ticks, lots, form)| {
            let price = written(ticks, price, form);
            let quantity = written(lots, quantity, form / 4);
            if form & 1 == 0 {
                format!(r#"{{"price":{price},"quantity":{quantity},"total":1.5}}"#)
            } else {
                format!(r#"{{ "quantity" : {quantity}, "other":["}}"], "price":{price} }}"#)
            }
        })
        .collect();
    format!("[{}]", levels.join(","))
}

proptest! {
    #[test]
    fn decodes_what_was_written(
        bids in side(), asks in side(), price in 0..=18_u8, quantity in 0..=18_u8, name: String,
    ) {
        let id = serde_json::to_string(&name).unwrap();
        let line = format!(
            r#"{{"type":"orderbook_update","data":{{"orderbook":{{"marketId":{id},"outcomeId":{id},"bids":{},"asks":{}}}}}}}"#,
            json_side(&bids, (price, quantity)), json_side(&asks, (price, quantity)),
        );
        let mut decoder = Decoder::new();
        let scale = Scale::new(price, quantity).unwrap();
        let message = decoder.decode(line.as_bytes(), &scale);
        let Ok(Message::OrderBook(book)) = message else { panic!("{message:?}: {line}") };
        let plain = |levels: &[(i64, i64, u8)]| -> Vec<Level> {
            levels.iter().map(|&(ticks, lots, _)| Level::new(Ticks(ticks), Lots(lots))).collect()
        };
        prop_assert_eq!(book.bids, plain(&bids));
        prop_assert_eq!(book.asks, plain(&asks));
        prop_assert_eq!((book.market_id, book.outcome_id), (name.as_str(), name.as_str()));
    }
}
