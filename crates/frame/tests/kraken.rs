//! Kraken messages: every documented example, every kind of error with its offset, and generated books
//! against a naive reader.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod support;

use serde_json::Value;
use support::{duplicate, missing, negative, not, number, off_grid, value};
use ticklot_book::{
    Book as OrderBook, BookErrorKind, DecimalError, Level, Lots, MAX_LEVELS, Nanos, Scale, Ticks,
};
use ticklot_frame::kraken::{
    Ack, Book, Channel, Decoder, Depth, MAX_BOOKS, MAX_PAIRS, MAX_TRADES, Message, Method,
    PairStatus, Refusal, RefusalKind, Request, RequestError, Status, System, Trade,
    UndecodedMessage,
};
use ticklot_frame::{Decimal, DecodeError, ErrorKind, IsoTime, TradeSide, UnixMillis, VenueName};

/// Four decimals of price, eight of quantity.
const SCALE: Scale = match Scale::new(4, 8) {
    Ok(scale) => scale,
    Err(_) => Scale::UNIT,
};

fn level(ticks: i64, lots: i64) -> Level {
    Level::new(Ticks(ticks), Lots(lots))
}

fn refused(frame: &str) -> DecodeError {
    let mut decoder = Decoder::new();
    let message = decoder.decode(frame.as_bytes(), &SCALE);
    message.map(|m| format!("{frame}: {m:?}")).unwrap_err()
}

/// The fields of a book.
type Fields = (
    bool,
    String,
    Vec<Level>,
    Vec<Level>,
    Option<u32>,
    Option<i64>,
);

fn fields(book: &Book<'_>) -> Fields {
    (
        book.is_snapshot,
        book.symbol.to_owned(),
        book.bids.to_vec(),
        book.asks.to_vec(),
        book.checksum,
        book.sent.map(|sent| sent.0),
    )
}

fn books_by(frame: &str, scale: Scale) -> Result<Vec<Fields>, DecodeError> {
    let mut decoder = Decoder::new();
    match decoder.decode(frame.as_bytes(), &scale)? {
        Message::Books(books) => {
            assert_eq!(books.len(), books.iter().len());
            assert_eq!(books.is_empty(), books.iter().next().is_none());
            assert!(books.iter().all(|b| b.is_snapshot == books.is_snapshot));
            Ok(books.iter().map(|book| fields(&book)).collect())
        }
        other => panic!("{frame}: {other:?}"),
    }
}

fn books(frame: &str) -> Vec<Fields> {
    books_by(frame, SCALE).unwrap()
}

/// An update of one book from the members of its object.
fn update(book: &str) -> String {
    format!(r#"{{"channel":"book","type":"update","data":[{{{book}}}]}}"#)
}

/// Decodes a message and checks its debug text.
fn check_debug(frame: &str, expected: &str) {
    let mut decoder = Decoder::new();
    let message = decoder.decode(frame.as_bytes(), &SCALE).unwrap();
    assert_eq!(format!("{message:?}"), expected, "{frame}");
}

#[test]
fn refusals_are_classified_by_text() {
    for (error, kind) in [
        (r#""Exceeded msg rate""#, RefusalKind::RateLimited),
        (r#""Rate limit exceeded""#, RefusalKind::RateLimited),
        (r#""Already subscribed""#, RefusalKind::AlreadySubscribed),
        (r#""Currency pair not supported""#, RefusalKind::Other),
        ("null", RefusalKind::Other),
    ] {
        let frame = format!(r#"{{"error":{error},"method":"subscribe","success":false}}"#);
        match Decoder::new().decode(frame.as_bytes(), &SCALE) {
            Ok(Message::Refused(refusal)) => assert_eq!(refusal.kind(), kind, "{frame}"),
            other => panic!("{frame}: {other:?}"),
        }
    }
}

#[test]
fn documented_status_is_decoded() {
    let frame = br#"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":12393906104898154338}]}"#;
    let mut decoder = Decoder::new();
    let Message::Status(status) = decoder.decode(frame, &SCALE).unwrap() else {
        panic!()
    };
    let expected = Status {
        system: System::Online,
        system_text: "online",
        version: Some("2.0.10"),
        api_version: Some("v2"),
        connection_id: Some(12_393_906_104_898_154_338),
    };
    assert_eq!(status, expected);
}

#[test]
fn every_system_state() {
    let table = [
        ("online", System::Online),
        ("maintenance", System::Maintenance),
        ("cancel_only", System::CancelOnly),
        ("post_only", System::PostOnly),
        ("ONLINE", System::Other),
        ("", System::Other),
    ];
    for (text, system) in table {
        let frame = format!(
            r#"{{"data":[{{"system":"{text}","connection_id":-1,"version":2}}],"channel":"status"}}"#
        );
        let mut decoder = Decoder::new();
        let Message::Status(status) = decoder.decode(frame.as_bytes(), &SCALE).unwrap() else {
            panic!()
        };
        assert_eq!((status.system, status.system_text), (system, text));
        assert_eq!((status.connection_id, status.version), (None, None));
    }
}

#[test]
fn documented_heartbeat_and_pong() {
    check_debug(r#"{"channel":"heartbeat"}"#, "Heartbeat");
    check_debug(
        r#"{"method":"pong","req_id":101,"time_in":"2023-09-24T14:10:23.799685Z","time_out":"2023-09-24T14:10:23.799703Z"}"#,
        "Pong { req_id: Some(101) }",
    );
    check_debug(r#"{"method":"pong"}"#, "Pong { req_id: None }");
    check_debug(
        r#"{"method":"pong","success":true,"req_id":"101"}"#,
        "Pong { req_id: Some(101) }",
    );
    check_debug(
        r#"{"method":"pong","req_id":18446744073709551615}"#,
        "Pong { req_id: Some(18446744073709551615) }",
    );
    check_debug(
        r#"{"method":"pong","req_id":1e2}"#,
        "Pong { req_id: Some(100) }",
    );
}

#[test]
fn unknown_messages_are_named() {
    check_debug(
        r#"{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":1}]}"#,
        r#"Unknown { kind: "ticker" }"#,
    );
    check_debug(
        r#"{"method":"add_order","result":7,"success":true}"#,
        r#"Unknown { kind: "add_order" }"#,
    );
}

#[test]
fn documented_acks_are_decoded() {
    let frame = br#"{"method":"subscribe","req_id":1,"result":{"channel":"book","depth":10,"snapshot":true,"symbol":"BTC/USD"},"success":true,"time_in":"2023-10-06T17:35:55.219022Z","time_out":"2023-10-06T17:35:55.219067Z"}"#;
    let mut decoder = Decoder::new();
    let Message::Ack(ack) = decoder.decode(frame, &SCALE).unwrap() else {
        panic!()
    };
    let expected = Ack {
        method: Method::Subscribe,
        req_id: Some(1),
        channel: "book",
        symbol: Some("BTC/USD"),
        depth: Some(10),
        snapshot: Some(true),
    };
    assert_eq!(ack, expected);
    check_debug(
        r#"{"success":true,"result":{"symbol":null,"channel":"instrument","depth":"ten","snapshot":1,"warnings":["x"]},"method":"unsubscribe"}"#,
        r#"Ack(Ack { method: Unsubscribe, req_id: None, channel: "instrument", symbol: None, depth: None, snapshot: None })"#,
    );
    // Without `success`.
    check_debug(
        r#"{"method":"subscribe","result":{"channel":"trade","snapshot":false}}"#,
        r#"Ack(Ack { method: Subscribe, req_id: None, channel: "trade", symbol: None, depth: None, snapshot: Some(false) })"#,
    );
}

#[test]
fn documented_refusals_are_decoded() {
    let frame = br#"{"error":"Currency pair not supported XX/YY","method":"subscribe","req_id":1,"success":false,"symbol":"XX/YY","time_in":"2023-10-06T17:35:55.219022Z","time_out":"2023-10-06T17:35:55.219067Z"}"#;
    let mut decoder = Decoder::new();
    let Message::Refused(refusal) = decoder.decode(frame, &SCALE).unwrap() else {
        panic!()
    };
    let expected = Refusal {
        method: Some("subscribe"),
        req_id: Some(1),
        symbol: Some("XX/YY"),
        error: Some("Currency pair not supported XX/YY"),
    };
    assert_eq!(refusal, expected);
    let table = [
        (
            r#"{"success":false}"#,
            "method: None, req_id: None, symbol: None, error: None",
        ),
        (
            r#"{"error":"Malformed request","success":false}"#,
            r#"method: None, req_id: None, symbol: None, error: Some("Malformed request")"#,
        ),
        (
            r#"{"error":"x","method":"add_order","symbol":3}"#,
            r#"method: Some("add_order"), req_id: None, symbol: None, error: Some("x")"#,
        ),
        (
            r#"{"method":"pong","success":false,"error":["x"],"req_id":-1}"#,
            r#"method: Some("pong"), req_id: None, symbol: None, error: None"#,
        ),
    ];
    for (frame, expected) in table {
        check_debug(frame, &format!("Refused(Refusal {{ {expected} }})"));
    }
}

#[test]
fn documented_snapshot_is_decoded() {
    let frame = r#"{"channel":"book","type":"snapshot","data":[{"symbol":"MATIC/USD","bids":[{"price":0.5666,"qty":4831.75496356}],"asks":[{"price":0.5668,"qty":4410.79769741}],"checksum":2439117997}]}"#;
    let expected = (
        true,
        "MATIC/USD".to_owned(),
        vec![level(5666, 483_175_496_356)],
        vec![level(5668, 441_079_769_741)],
        Some(2_439_117_997),
        None,
    );
    assert_eq!(books(frame), [expected]);
}

#[test]
fn documented_update_is_decoded() {
    let frame = r#"{"channel":"book","type":"update","data":[{"symbol":"MATIC/USD","bids":[{"price":0.5657,"qty":1098.3947558}],"asks":[],"checksum":2114181697,"timestamp":"2023-10-06T17:35:55.440295Z"}]}"#;
    let expected = (
        false,
        "MATIC/USD".to_owned(),
        vec![level(5657, 109_839_475_580)],
        vec![],
        Some(2_114_181_697),
        Some(1_696_613_755_440),
    );
    assert_eq!(books(frame), [expected]);
}

#[test]
fn free_form_of_a_book() {
    // Key order, white space, escapes, unknown fields, quoted numbers and a null side.
    let frame = r#" { "data" : [ { "timestamp" : 7 , "x" : {"bids":[1]} , "checksum" : null ,
        "asks" : [ { "qty" : "1.50" , "y" : [] , "price" : "\u0030.7" } ] ,
        "bids" : null , "symbol" : "A\/\u0042" } ] , "type" : "snapshot" , "z" : 1e5 , "channel" : "b\u006fok" } "#;
    let expected = (
        true,
        "A/B".to_owned(),
        vec![],
        vec![level(7000, 150_000_000)],
        None,
        None,
    );
    assert_eq!(books(frame), [expected]);
}

#[test]
fn numbers_of_a_level() {
    let table = [
        ("0.5666", 5666),
        ("0.56660000000000000000000000000000", 5666),
        ("5666e-4", 5666),
        ("5.666E-1", 5666),
        ("0", 0),
        ("0.0000", 0),
        ("-0", 0),
        ("922337203685477.5807", i64::MAX),
        ("1e14", 1_000_000_000_000_000_000),
        ("0e99", 0),
        ("1234567890123456789e-4", 1_234_567_890_123_456_789),
    ];
    for (text, ticks) in table {
        for quote in ["", "\""] {
            let frame = update(&format!(
                r#""symbol":"m","bids":[{{"price":{quote}{text}{quote},"qty":1}}]"#
            ));
            let [(_, _, bids, asks, ..)] = &books(&frame)[..] else {
                panic!()
            };
            assert_eq!(
                (&bids[..], &asks[..]),
                (&[level(ticks, 100_000_000)][..], &[][..])
            );
        }
    }
}

#[test]
fn levels_keep_their_order() {
    let frame = update(
        r#""symbol":"m","asks":[{"price":3,"qty":0},{"price":1,"qty":2},{"price":3,"qty":4.00000001},{"price":3,"qty":0.00000000}],"bids":[]"#,
    );
    let [(_, _, bids, asks, ..)] = &books(&frame)[..] else {
        panic!()
    };
    assert_eq!(*bids, []);
    let expected = [(3, 0), (1, 200_000_000), (3, 400_000_001), (3, 0)];
    assert_eq!(
        *asks,
        expected.map(|(price, lots)| level(price * 10_000, lots))
    );
}

#[test]
fn several_books_and_none() {
    assert_eq!(books(r#"{"channel":"book","type":"update","data":[]}"#), []);
    let frame = br#"{"channel":"book","type":"update","data":[
        {"symbol":"A","bids":[{"price":1,"qty":1},{"price":2,"qty":2}],"asks":[{"price":3,"qty":3}],"checksum":1},
        {"asks":[{"price":4.5,"qty":4}],"symbol":"BB"},
        {"symbol":"","checksum":4294967295,"bids":[{"price":5,"qty":5}]}]}"#;
    let mut decoder = Decoder::new();
    let scales = |symbol: &str| match symbol {
        "BB" => Scale::new(1, 0).unwrap(),
        _ => Scale::UNIT,
    };
    let Message::Books(books) = decoder.decode(frame, &scales).unwrap() else {
        panic!()
    };
    let all: Vec<_> = books.iter().map(|book| fields(&book)).collect();
    let expected = [
        (
            false,
            "A".to_owned(),
            vec![level(1, 1), level(2, 2)],
            vec![level(3, 3)],
            Some(1),
            None,
        ),
        (
            false,
            "BB".to_owned(),
            vec![],
            vec![level(45, 4)],
            None,
            None,
        ),
        (
            false,
            String::new(),
            vec![level(5, 5)],
            vec![],
            Some(u32::MAX),
            None,
        ),
    ];
    assert_eq!(all, expected);
}

#[test]
fn book_refusals_name_the_level() {
    let text = r#"{"channel":"book","type":"snapshot","data":[{"symbol":"A","bids":[],"asks":[]},{"symbol":"m","asks":[{"price":3,"qty":1},{"price":4,"qty":1},§{"price":3,"qty":1}],"bids":[]}]}"#;
    let (frame, offset) = marked(text);
    let mut decoder = Decoder::new();
    let Message::Books(books) = decoder.decode(frame.as_bytes(), &SCALE).unwrap() else {
        panic!()
    };
    let message = books.iter().nth(1).unwrap();
    let mut book = OrderBook::new(SCALE);
    let error = book
        .apply_snapshot(message.bids, message.asks, Nanos(0))
        .unwrap_err();
    let error = message.refusal(error);
    assert_eq!(error.venue, VenueName::KRAKEN);
    assert_eq!((error.line, error.offset), (0, offset));
    assert_eq!(error.kind, ErrorKind::Book(BookErrorKind::DuplicatePrice));
}

#[test]
fn documented_trades_are_decoded() {
    let frame = br#"{"channel":"trade","type":"update","data":[{"symbol":"MATIC/USD","side":"sell","price":0.5117,"qty":40.0,"ord_type":"market","trade_id":4665906,"timestamp":"2023-09-25T07:49:37.708706Z"},{"timestamp":"soon","trade_id":1.5,"ord_type":null,"qty":"0.1","price":"1","side":"buy","symbol":"A"}]}"#;
    let mut decoder = Decoder::new();
    let Message::Trades(trades) = decoder.decode(frame, &SCALE).unwrap() else {
        panic!()
    };
    assert!(!trades.is_snapshot && !trades.is_empty());
    assert_eq!((trades.len(), trades.iter().len()), (2, 2));
    let expected = [
        Trade {
            symbol: "MATIC/USD",
            side: TradeSide::Sell,
            ticks: Ticks(5117),
            lots: Lots(4_000_000_000),
            ord_type: Some("market"),
            trade_id: Some(4_665_906),
            timestamp: Some(IsoTime("2023-09-25T07:49:37.708706Z")),
            created: Some(UnixMillis(1_695_628_177_708)),
        },
        Trade {
            symbol: "A",
            side: TradeSide::Buy,
            ticks: Ticks(10_000),
            lots: Lots(10_000_000),
            ord_type: None,
            trade_id: None,
            timestamp: Some(IsoTime("soon")),
            created: None,
        },
    ];
    assert_eq!(trades.iter().collect::<Vec<_>>(), expected);
    let frame = br#"{"channel":"trade","type":"snapshot","data":[]}"#;
    let Message::Trades(trades) = decoder.decode(frame, &SCALE).unwrap() else {
        panic!()
    };
    assert!(trades.is_snapshot && trades.is_empty());
}

#[test]
fn documented_instruments_are_decoded() {
    let frame = br#"{"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"USD"}],"pairs":[
        {"symbol":"BTC/USD","base":"BTC","quote":"USD","price_precision":1,"price_increment":0.1,"qty_precision":8,"qty_increment":1e-8,"status":"online","marginable":true},
        {"symbol":"A","price_precision":19,"qty_precision":255,"price_increment":"x","status":7},
        {"symbol":"B","price_precision":256,"qty_precision":0},
        {"symbol":"C","price_precision":1.5,"qty_precision":0},
        {"symbol":"D","qty_precision":0}, {"price_precision":1,"qty_precision":1}, null,
        {"symbol":"E","symbol":"E","price_precision":1,"qty_precision":1},
        {"symbol":"F","price_precision":0,"qty_precision":0,"status":"odd"}]}}"#;
    let mut decoder = Decoder::new();
    let Message::Instruments(pairs) = decoder.decode(frame, &SCALE).unwrap() else {
        panic!()
    };
    assert!(pairs.is_snapshot && !pairs.is_empty());
    assert_eq!((pairs.len(), pairs.skipped), (3, 6));
    let [btc, a, f] = pairs.iter().collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(
        (btc.symbol, btc.base, btc.quote),
        ("BTC/USD", Some("BTC"), Some("USD"))
    );
    assert_eq!((btc.price_precision, btc.qty_precision), (1, 8));
    assert_eq!(btc.price_increment, Some(Decimal("0.1")));
    assert_eq!(btc.qty_increment, Some(Decimal("1e-8")));
    assert_eq!(btc.scale(), Scale::new(1, 8));
    assert_eq!(
        (btc.status, btc.status_text),
        (PairStatus::Online, Some("online"))
    );
    assert_eq!((a.symbol, a.base, a.price_increment), ("A", None, None));
    assert_eq!((a.status, a.status_text), (PairStatus::Other, None));
    assert!(a.scale().is_err());
    assert_eq!((f.status, f.status_text), (PairStatus::Other, Some("odd")));
}

#[test]
fn every_pair_status() {
    let table = [
        ("online", PairStatus::Online),
        ("cancel_only", PairStatus::CancelOnly),
        ("delisted", PairStatus::Delisted),
        ("limit_only", PairStatus::LimitOnly),
        ("maintenance", PairStatus::Maintenance),
        ("post_only", PairStatus::PostOnly),
        ("reduce_only", PairStatus::ReduceOnly),
        ("work_in_progress", PairStatus::WorkInProgress),
    ];
    let mut decoder = Decoder::new();
    for (text, status) in table {
        let frame = format!(
            r#"{{"channel":"instrument","type":"update","data":{{"pairs":[{{"status":"{text}","symbol":"m","price_precision":0,"qty_precision":0}}]}}}}"#
        );
        let message = decoder.decode(frame.as_bytes(), &SCALE).unwrap();
        let Message::Instruments(pairs) = message else {
            panic!()
        };
        assert!(!pairs.is_snapshot);
        let pair = pairs.iter().next().unwrap();
        assert_eq!((pair.status, pair.status_text), (status, Some(text)));
    }
    check_debug(
        r#"{"channel":"instrument","type":"update","data":{"pairs":null}}"#,
        "Instruments([])",
    );
}

/// Removes the mark `§` from a text, and returns its byte offset.
fn marked(text: &str) -> (String, u32) {
    let (before, after) = text.split_once('§').unwrap();
    let offset = u32::try_from(before.len()).unwrap();
    (format!("{before}{after}"), offset)
}

/// Checks that decoding each text fails at its mark.
fn check_refused(table: &[(&str, ErrorKind)]) {
    for &(text, kind) in table {
        let (frame, offset) = marked(text);
        let error = refused(&frame);
        assert_eq!((error.kind, error.offset), (kind, offset), "{frame}");
        assert_eq!((error.venue, error.line), (VenueName::KRAKEN, 0));
    }
}

#[test]
fn frames_that_are_refused() {
    check_refused(&[
        ("§", ErrorKind::Json),
        (r#"{"channel":§}"#, ErrorKind::Json),
        (r#"§["book"]"#, not("message", "an object")),
        ("§{}", missing("channel")),
        (r#"§{"channel":null,"method":null}"#, missing("channel")),
        (r#"{"channel":§7}"#, not("channel", "a string")),
        (r#"{"method":§7}"#, not("method", "a string")),
        (r#"{"channel":"x","channel":§"y"}"#, duplicate("channel")),
        (
            r#"{"method":"pong","success":§1}"#,
            not("success", "a boolean"),
        ),
        (
            r#"§{"method":"subscribe","success":true}"#,
            missing("result"),
        ),
        (
            r#"{"method":"subscribe","success":true,"result":§7}"#,
            not("result", "an object"),
        ),
        (
            r#"{"method":"subscribe","result":§{"symbol":"m"}}"#,
            missing("channel"),
        ),
        (
            r#"{"method":"subscribe","result":{"channel":"book","symbol":§1}}"#,
            not("symbol", "a string"),
        ),
        (r#"§{"channel":"status"}"#, missing("data")),
        (r#"{"channel":"status","data":§[]}"#, missing("system")),
        (r#"{"channel":"status","data":[§{}]}"#, missing("system")),
        (
            r#"{"channel":"status","data":[{"system":§1}]}"#,
            not("system", "a string"),
        ),
        (
            r#"§{"channel":"instrument","type":"snapshot","data":null}"#,
            missing("data"),
        ),
        (
            r#"{"channel":"instrument","type":"snapshot","data":§[]}"#,
            not("data", "an object"),
        ),
        (
            r#"{"channel":"instrument","type":"snapshot","data":{"pairs":§{}}}"#,
            not("pairs", "an array"),
        ),
    ]);
}

#[test]
fn books_that_are_refused() {
    check_refused(&[
        (r#"§{"channel":"book","type":"update"}"#, missing("data")),
        (
            r#"{"channel":"book","type":"update","data":§{}}"#,
            not("data", "an array"),
        ),
        (r#"§{"channel":"book","data":[]}"#, missing("type")),
        (
            r#"{"channel":"book","type":§"partial","data":[]}"#,
            value("type"),
        ),
        (
            r#"{"channel":"book","type":"update","data":[§7]}"#,
            not("book", "an object"),
        ),
        (
            r#"{"channel":"book","type":"update","data":[§{"bids":[]}]}"#,
            missing("symbol"),
        ),
        (
            r#"{"channel":"book","type":"update","data":[{"symbol":§1}]}"#,
            not("symbol", "a string"),
        ),
        (
            r#"{"channel":"book","type":"snapshot","data":[§{"symbol":"m","bids":[]}]}"#,
            missing("asks"),
        ),
        (
            r#"{"channel":"book","type":"snapshot","data":[§{"symbol":"m","asks":[]}]}"#,
            missing("bids"),
        ),
        (
            r#"{"channel":"book","type":"update","data":[{"symbol":"m"},{"symbol":"n","checksum":§1.5}]}"#,
            off_grid("checksum", 0),
        ),
    ]);
    // The fields of a book.
    for (fields, kind) in [
        (r#""bids":§{}"#, not("bids", "an array")),
        (r#""asks":[],"asks":§[]"#, duplicate("asks")),
        (r#""bids":[§[1,2]]"#, not("level", "an object")),
        (r#""bids":[§{"qty":2}]"#, missing("price")),
        (
            r#""bids":[{"price":1,"qty":1},§{"price":1}]"#,
            missing("qty"),
        ),
        (
            r#""bids":[{"price":§null,"qty":2}]"#,
            not("price", "a number"),
        ),
        (
            r#""bids":[{"price":§0.56661,"qty":2}]"#,
            off_grid("price", 4),
        ),
        (
            r#""bids":[{"price":§"0.56661","qty":2}]"#,
            off_grid("price", 4),
        ),
        (
            r#""asks":[{"price":1,"qty":§1.000000001}]"#,
            off_grid("qty", 8),
        ),
        (r#""asks":[{"price":1,"qty":§-0.1}]"#, negative("qty")),
        (r#""asks":[{"price":§"-1","qty":1}]"#, negative("price")),
        (
            r#""asks":[{"price":1,"qty":§"1,5"}]"#,
            number("qty", DecimalError::Syntax),
        ),
        (
            r#""asks":[{"price":1,"qty":§""}]"#,
            number("qty", DecimalError::Syntax),
        ),
        (
            r#""asks":[{"price":§92233720368547758070,"qty":1}]"#,
            number("price", DecimalError::Overflow),
        ),
        (r#""asks":[{"price":1,"qty":1,"qty":§1}]"#, duplicate("qty")),
        (r#""checksum":§true"#, not("checksum", "a number")),
        (r#""checksum":§-1"#, negative("checksum")),
        (
            r#""checksum":§4294967296"#,
            number("checksum", DecimalError::Overflow),
        ),
    ] {
        let text = update(&format!(r#""symbol":"m",{fields}"#));
        check_refused(&[(&text, kind)]);
    }
}

/// An invalid trade is skipped and reported with its offset; the others are kept.
#[test]
fn trades_that_are_skipped() {
    let good = r#"{"symbol":"m","side":"buy","price":1,"qty":1}"#;
    for (bad, kind) in [
        (r#"§"x""#, not("trade", "an object")),
        (r#"§{"side":"buy","price":1,"qty":1}"#, missing("symbol")),
        (r#"§{"symbol":"m","price":1,"qty":1}"#, missing("side")),
        (
            r#"{"symbol":"m","side":§"bid","price":1,"qty":1}"#,
            value("side"),
        ),
        (
            r#"{"symbol":"m","side":"buy","price":§-1,"qty":1}"#,
            negative("price"),
        ),
        (r#"§{"symbol":"m","side":"buy","price":1}"#, missing("qty")),
    ] {
        let frame =
            format!(r#"{{"channel":"trade","type":"update","data":[{good},{bad},7,{good}]}}"#);
        let byte = frame.find('§').unwrap();
        let frame = frame.replace('§', "");
        let mut decoder = Decoder::new();
        let message = decoder.decode(frame.as_bytes(), &SCALE).unwrap();
        let Message::Trades(trades) = message else {
            panic!("{frame}")
        };
        let skipped = trades.skipped.unwrap();
        assert_eq!((trades.len(), skipped.count), (2, 2), "{frame}");
        assert_eq!(
            (skipped.first.kind, skipped.first.offset as usize),
            (kind, byte),
            "{frame}"
        );
    }
    check_refused(&[(r#"§{"channel":"trade","data":[]}"#, missing("type"))]);
}

/// A message with `count` items.
fn list(head: &str, item: &str, count: usize, tail: &str) -> String {
    format!("{head}{}{tail}", vec![item; count].join(","))
}

#[test]
fn lists_have_limits() {
    let data = |channel: &str| format!(r#"{{"channel":"{channel}","type":"update","data":["#);
    let side = |field: &str| format!(r#"{}{{"symbol":"m","{field}":["#, data("book"));
    let items = |field, limit| ErrorKind::TooManyItems { field, limit };
    let levels = |field| ErrorKind::TooManyLevels {
        field,
        limit: MAX_LEVELS,
    };
    let pairs = r#"{"channel":"instrument","type":"update","data":{"pairs":["#;
    let trade = r#"{"symbol":"m","side":"buy","price":1,"qty":1}"#;
    let table = [
        (
            data("book"),
            r#"{"symbol":"m"}"#,
            MAX_BOOKS,
            "]}",
            items("data", MAX_BOOKS),
        ),
        (
            data("trade"),
            trade,
            MAX_TRADES,
            "]}",
            items("data", MAX_TRADES),
        ),
        (
            side("bids"),
            r#"{"price":1,"qty":1}"#,
            MAX_LEVELS,
            "]}]}",
            levels("bids"),
        ),
        (
            side("asks"),
            r#"{"price":1,"qty":1}"#,
            MAX_LEVELS,
            "]}]}",
            levels("asks"),
        ),
        (
            pairs.to_owned(),
            "{}",
            MAX_PAIRS,
            "]}}",
            items("pairs", MAX_PAIRS),
        ),
    ];
    let mut decoder = Decoder::new();
    for (head, item, limit, tail, kind) in table {
        let frame = list(&head, item, limit, tail);
        assert!(decoder.decode(frame.as_bytes(), &SCALE).is_ok());
        let frame = list(&head, item, limit + 1, tail);
        let error = decoder.decode(frame.as_bytes(), &SCALE).unwrap_err();
        let offset = head.len() + limit * (item.len() + 1);
        assert_eq!((error.kind, error.offset as usize), (kind, offset));
    }
}

#[test]
fn identities_of_refused_frames() {
    let of = |channel, method, symbol| {
        Some(UndecodedMessage {
            channel,
            method,
            symbol,
        })
    };
    let identity = |channel, symbol| of(channel, None, symbol);
    let subscribe = Some("subscribe");
    let (book, m) = (Some("book"), Some("m"));
    let table = [
        (r#"{"channel":"book""#, None),
        ("", None),
        ("[1]", identity(None, None)),
        ("{}", identity(None, None)),
        (
            r#"{"channel":7,"data":{"symbol":"m"}}"#,
            identity(None, None),
        ),
        (
            r#"{"channel":"book","data":[{"symbol":"m","bids":7}]}"#,
            identity(book, m),
        ),
        (
            r#"{"data":[{"bids":7,"symbol":"\u006d"}],"channel":"b\u006fok"}"#,
            identity(book, m),
        ),
        (
            r#"{"channel":"book","data":[{"symbol":"m"},{"symbol":"m"}]}"#,
            identity(book, m),
        ),
        (
            r#"{"channel":"book","data":[{"symbol":"m"},{"symbol":"n"}]}"#,
            identity(book, None),
        ),
        (
            r#"{"channel":"book","data":[{"symbol":"m"},{}]}"#,
            identity(book, None),
        ),
        (
            r#"{"channel":"book","data":[{},{"symbol":"m"}]}"#,
            identity(book, None),
        ),
        (
            r#"{"channel":"book","data":[{"symbol":"m"},7]}"#,
            identity(book, None),
        ),
        (
            r#"{"channel":"book","data":[{"symbol":"m","symbol":"m"}]}"#,
            identity(book, None),
        ),
        (r#"{"channel":"book","data":[]}"#, identity(book, None)),
        (
            r#"{"method":"subscribe","result":{"channel":"book","symbol":"m"}}"#,
            of(book, subscribe, m),
        ),
        (
            r#"{"method":"subscribe","success":7,"symbol":"m"}"#,
            of(None, subscribe, m),
        ),
    ];
    let mut decoder = Decoder::new();
    for (frame, expected) in table {
        assert_eq!(decoder.identify(frame.as_bytes()), expected, "{frame}");
    }
}

fn written(request: &Request<'_>) -> Result<(usize, String), RequestError> {
    let mut out = Vec::new();
    let count = request.write(&mut out);
    let text = String::from_utf8(out).unwrap();
    count
        .map(|count| (count, text.clone()))
        .inspect_err(|_| assert_eq!(text, ""))
}

#[test]
fn requests_by_table() {
    let book = |depth, snapshot| Channel::Book { depth, snapshot };
    let subscribe = |channel, symbols, req_id| Request::Subscribe {
        channel,
        symbols,
        req_id,
    };
    let unsubscribe = |channel, symbols, req_id| Request::Unsubscribe {
        channel,
        symbols,
        req_id,
    };
    let trade = Channel::Trade { snapshot: true };
    let instrument = Channel::Instrument { snapshot: true };
    let table = [
        (
            subscribe(book(Depth::D10, true), &["BTC/USD", "MATIC/USD"], Some(1)),
            2,
            r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","MATIC/USD"],"depth":10,"snapshot":true},"req_id":1}"#,
        ),
        (
            unsubscribe(book(Depth::D1000, true), &["a\"\n"], None),
            1,
            r#"{"method":"unsubscribe","params":{"channel":"book","symbol":["a\"\u000a"],"depth":1000}}"#,
        ),
        (
            subscribe(trade, &["A"], Some(u64::MAX)),
            1,
            r#"{"method":"subscribe","params":{"channel":"trade","symbol":["A"],"snapshot":true},"req_id":18446744073709551615}"#,
        ),
        (
            subscribe(Channel::Instrument { snapshot: false }, &[], None),
            0,
            r#"{"method":"subscribe","params":{"channel":"instrument","snapshot":false}}"#,
        ),
        (
            unsubscribe(instrument, &[], Some(0)),
            0,
            r#"{"method":"unsubscribe","params":{"channel":"instrument"},"req_id":0}"#,
        ),
        (
            Request::Ping { req_id: Some(101) },
            0,
            r#"{"method":"ping","req_id":101}"#,
        ),
        (Request::Ping { req_id: None }, 0, r#"{"method":"ping"}"#),
    ];
    for (request, count, text) in table {
        assert_eq!(written(&request), Ok((count, text.to_owned())));
    }
}

#[test]
fn requests_that_are_refused() {
    let book = Channel::Book {
        depth: Depth::D25,
        snapshot: true,
    };
    let trade = Channel::Trade { snapshot: false };
    let instrument = Channel::Instrument { snapshot: true };
    let table: [(_, &[&str], _); 5] = [
        (book, &[], RequestError::NoSymbols { channel: "book" }),
        (trade, &[], RequestError::NoSymbols { channel: "trade" }),
        (
            trade,
            &["A", ""],
            RequestError::EmptySymbol { channel: "trade" },
        ),
        (
            instrument,
            &["A"],
            RequestError::UnexpectedSymbols {
                channel: "instrument",
            },
        ),
        (
            instrument,
            &[""],
            RequestError::UnexpectedSymbols {
                channel: "instrument",
            },
        ),
    ];
    for (channel, symbols, error) in table {
        let req_id = Some(1);
        let subscribe = Request::Subscribe {
            channel,
            symbols,
            req_id,
        };
        let unsubscribe = Request::Unsubscribe {
            channel,
            symbols,
            req_id,
        };
        assert_eq!(written(&subscribe), Err(error));
        assert_eq!(written(&unsubscribe), Err(error));
    }
}

#[test]
fn depths_by_their_levels() {
    assert_eq!(Depth::ALL.map(Depth::levels), [10, 25, 100, 500, 1000]);
    assert_eq!(Depth::default(), Depth::D10);
    for levels in 0..1_100 {
        let depth = Depth::from_levels(levels);
        let expected = Depth::ALL
            .into_iter()
            .find(|depth| depth.levels() == levels);
        assert_eq!(depth, expected);
    }
}

/// Writes random book messages in two forms: with numbers, and with strings, whose text `serde_json`
/// keeps.
struct Generator(fastrand::Rng);

/// The two forms of a JSON text.
type Forms = [String; 2];

impl Generator {
    fn number(&mut self, odd: bool) -> Forms {
        let rng = &mut self.0;
        let mut text = match rng.u8(0..4) {
            0 => rng.u64(0..1_000).to_string(),
            1 => format!("{}.{:04}", rng.u32(..), rng.u32(0..10_000)),
            2 => format!("{}.{:03}0000000", rng.u32(0..10), rng.u32(0..1_000)),
            _ => format!("{}e-{}", rng.u32(..), rng.u8(0..4)),
        };
        if odd {
            text = match rng.u8(0..4) {
                0 => format!("-{text}"),
                1 => "0.00000000001".to_owned(),
                2 => format!("{}0000", u64::MAX),
                _ => "1.23456e3".to_owned(),
            };
        }
        [text.clone(), format!("\"{text}\"")]
    }

    /// An object of these members and perhaps an unknown one, in random order.
    fn object(&mut self, mut members: Vec<(&str, Forms)>) -> Forms {
        if self.0.u8(0..4) == 0 {
            let value = ["7", "null", r#"{"price":[]}"#, r#""a\"b""#][self.0.usize(0..4)];
            members.push(("unknown", [value.to_owned(), value.to_owned()]));
        }
        self.0.shuffle(&mut members);
        let space = ["", " "][self.0.usize(0..2)];
        [0, 1].map(|form| {
            let member = |(key, value): &(&str, Forms)| format!("\"{key}\":{space}{}", value[form]);
            let members: Vec<_> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(&format!(",{space}")))
        })
    }

    fn array(items: &[Forms]) -> Forms {
        [0, 1].map(|form| {
            let items: Vec<_> = items.iter().map(|item| item[form].clone()).collect();
            format!("[{}]", items.join(","))
        })
    }

    fn side(&mut self, is_odd: bool) -> Forms {
        let levels: Vec<_> = (0..self.0.usize(0..6))
            .map(|_| {
                let odd = is_odd && self.0.u8(0..8) == 0;
                let members = vec![("price", self.number(odd)), ("qty", self.number(false))];
                self.object(members)
            })
            .collect();
        Self::array(&levels)
    }

    fn message(&mut self) -> Forms {
        let is_odd = self.0.u8(0..3) == 0;
        let same = |text: &str| [text.to_owned(), text.to_owned()];
        let books: Vec<_> = (0..self.0.usize(0..4))
            .map(|_| {
                let symbol = ["\"BTC/USD\"", "\"\\u00e9\\n\"", "\"x\""][self.0.usize(0..3)];
                let mut members = vec![("symbol", same(symbol))];
                members.push(("bids", self.side(is_odd)));
                members.push(("asks", self.side(is_odd)));
                if self.0.bool() {
                    members.push(("checksum", same(&self.0.u32(..).to_string())));
                }
                self.object(members)
            })
            .collect();
        let kind = ["\"snapshot\"", "\"update\""][self.0.usize(0..2)];
        let members = vec![
            ("channel", same("\"book\"")),
            ("type", same(kind)),
            ("data", Self::array(&books)),
        ];
        self.object(members)
    }
}

/// Converts a decimal text to a number of steps by moving its point. `None` if it is negative, has too
/// many decimal places, or is out of range.
fn steps(text: &str, decimals: usize) -> Option<i64> {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent: i32 = exponent.parse().unwrap();
    let zeros = "0".repeat(40);
    // The digits, padded with zeros on both ends, and the position of the point.
    let all = format!("{zeros}{whole}{fraction}{zeros}");
    let decimals = i32::try_from(decimals).unwrap();
    let point = i32::try_from(zeros.len() + whole.len()).unwrap() + exponent + decimals;
    let (kept, cut) = all.split_at(usize::try_from(point).unwrap());
    if text.starts_with('-') || cut.chars().any(|digit| digit != '0') {
        return None;
    }
    kept.parse().ok()
}

/// Reads the books of a message whose numbers are strings.
fn naive_books(message: &Value) -> Option<Vec<Fields>> {
    let is_snapshot = message["type"] == "snapshot";
    let side = |side: &Value| -> Option<Vec<Level>> {
        let read = |level: &Value| {
            let ticks = steps(level["price"].as_str().unwrap(), 4)?;
            Some(Level::new(
                Ticks(ticks),
                Lots(steps(level["qty"].as_str().unwrap(), 8)?),
            ))
        };
        side.as_array().unwrap().iter().map(read).collect()
    };
    let book = |book: &Value| {
        Some((
            is_snapshot,
            book["symbol"].as_str().unwrap().to_owned(),
            side(&book["bids"])?,
            side(&book["asks"])?,
            book["checksum"]
                .as_u64()
                .map(|sum| u32::try_from(sum).unwrap()),
            None,
        ))
    };
    let data = message["data"].as_array().unwrap();
    data.iter().map(book).collect()
}

#[test]
fn generated_books_equal_naive_reader() {
    let seeds = [0, 1, 2, 7, 42, 4_711, 0xdead_beef, u64::MAX];
    let mut outcomes = [0; 2];
    for seed in seeds {
        let mut generator = Generator(fastrand::Rng::with_seed(seed));
        for _ in 0..250 {
            let [numbers, strings] = generator.message();
            let expected = naive_books(&serde_json::from_str(&strings).unwrap());
            outcomes[usize::from(expected.is_some())] += 1;
            for frame in [&numbers, &strings] {
                assert_eq!(
                    books_by(frame, SCALE).ok(),
                    expected,
                    "seed {seed}: {frame}"
                );
            }
        }
    }
    assert!(outcomes.iter().all(|&count| count > 100), "{outcomes:?}");
}

#[test]
fn used_decoder_equals_fresh_one() {
    let mut used = Decoder::new();
    let mut generator = Generator(fastrand::Rng::with_seed(3));
    for _ in 0..200 {
        let [frame, _] = generator.message();
        let mut fresh = Decoder::new();
        let expected = format!("{:?}", fresh.decode(frame.as_bytes(), &SCALE));
        assert_eq!(
            format!("{:?}", used.decode(frame.as_bytes(), &SCALE)),
            expected
        );
    }
}
