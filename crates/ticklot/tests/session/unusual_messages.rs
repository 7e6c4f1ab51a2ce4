//! Unusual messages: their effects and their reports.

use ticklot::jayx::{ApiKey, Envelope, JayX, Topic};
use ticklot::venue::CallOutcome;
use ticklot::{BookId, BookState, Disconnect};

use crate::bench::{Bench, PLAIN_BOOK, SECOND, bayse, bayse_book, jayx, options, packet_book};

const BOOK: BookId = BookId(0);

/// A Socket.IO connection with this open packet.
fn joined(open: &str) -> Bench<JayX> {
    let mut bench = jayx(Envelope::SocketIo);
    bench.open();
    assert_eq!(bench.frame(open), CallOutcome::Control);
    assert_eq!(bench.frame("40"), CallOutcome::Control);
    bench.events();
    bench
}

#[test]
fn plain_frame_splits_into_lines() {
    let mut bench = jayx(Envelope::Plain).opened();
    let second = PLAIN_BOOK.replace("\"ticks\":10", "\"ticks\":9");
    let frame = format!("{PLAIN_BOOK}\r\n\n  \n{{\"news\":1}}\n{second}\n{{\n");
    assert_eq!(bench.frame(&frame), CallOutcome::Data);
    assert_eq!(
        bench.events(),
        [
            "BTCUSDT: empty to live by snapshot",
            "BTCUSDT 0:0 2 live",
            "unknown ",
            "BTCUSDT 0:4 2 live",
            "BTCUSDT: live to gap by bad_message",
            "bad 0: jayx: line 5, byte 1: not valid JSON",
        ]
    );
    assert_eq!(bench.recorder.bad_bytes, "{");
    // After a break, the handler receives no more of the frame.
    bench.recorder.breaks = true;
    assert_eq!(bench.frame(&frame), CallOutcome::StopFeed);
    assert_eq!(bench.events().len(), 1);
}

#[test]
fn empty_frame_is_skipped() {
    for frame in ["", " ", "\r\n\t \n"] {
        for envelope in [Envelope::Plain, Envelope::SocketIo] {
            let mut bench = jayx(envelope).opened();
            assert_eq!(bench.frame(frame), CallOutcome::Data);
            assert!(bench.events().is_empty(), "{frame:?}");
        }
        let mut bench = bayse(&["m"]).opened();
        assert_eq!(bench.frame(frame), CallOutcome::Data);
        assert!(bench.events().is_empty(), "{frame:?}");
    }
}

/// The book is applied and the undecodable trade is reported, with both envelopes.
#[test]
fn odd_trade_costs_no_book() {
    let good = r#"{"lots":1,"ticks":2,"side":"BUY","created":3}"#;
    let odd = r#"{"lots":1,"ticks":2,"side":null,"created":3}"#;
    let payload = PLAIN_BOOK.replace("\"trades\":[]", &format!("\"trades\":[{good},{odd}]"));
    let packet = format!("42[\"orderbook\",{payload}]");
    for (envelope, frame) in [(Envelope::Plain, payload), (Envelope::SocketIo, packet)] {
        let mut bench = jayx(envelope).opened();
        bench.frame(&frame);
        let byte = frame.find("null").unwrap();
        assert_eq!(
            bench.events(),
            [
                "BTCUSDT: empty to live by snapshot".to_owned(),
                "BTCUSDT 0:0 2 live".to_owned(),
                "trades 3".to_owned(),
                format!("bad 0: jayx: line 0, byte {byte}: side: not a string"),
            ]
        );
        assert_eq!(bench.recorder.bad_bytes, frame);
        assert!(bench.books.live(BOOK).is_some());
        assert_eq!(bench.session.stats().bad_lines, 1);
        assert_eq!(bench.session.stats().gaps, 0);
    }
}

#[test]
fn odd_order_costs_no_other() {
    let venue = JayX::new("BTCUSDT")
        .envelope(Envelope::Plain)
        .key(ApiKey::new("k"))
        .follow(Topic::open_orders("BTCUSDT"));
    let mut bench = Bench::new(venue.build().unwrap(), options()).opened();
    let order = |id: i64, price: &str, quantity: &str| {
        format!(
            r#"{{"id":{id},"type":"MARKET","state":"NEW","side":"SELL","resd":1000000,"exec":0,"cost":7,"lastLots":null,"lastTicks":null,"created":1,"modified":2,"symbol":"BTCUSDT","price":{price},"quantity":{quantity}}}"#
        )
    };
    let orders = [
        order(1, "\"1000\"", "\"5\""),
        order(2, "null", "\"5\""),
        order(3, "\"1000\"", "null"),
    ];
    bench.frame(&format!(
        r#"{{"cancel":[],"modify":[{}]}}"#,
        orders.join(",")
    ));
    let told = bench.events();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[2].ends_with("quantity: not a number"), "{told:?}");
    let account = bench.books.account().unwrap();
    let seen: Vec<_> = account
        .orders()
        .map(|it| (it.id.to_string(), it.price.as_deref(), it.reserved, it.cost))
        .collect();
    let numbers = (Some(1_000_000), Some(7));
    assert_eq!(
        seen,
        [
            ("1".to_owned(), Some("1000"), numbers.0, numbers.1),
            ("2".to_owned(), None, numbers.0, numbers.1),
        ]
    );
}

/// There is always a silence limit, and it has an upper bound.
#[test]
fn announced_silence_is_bounded() {
    for (times, seconds) in [
        (r#""pingInterval":25000,"pingTimeout":20000"#, 45),
        (r#""pingInterval":4294967295,"pingTimeout":4294967295"#, 120),
        (r#""pingInterval":1e18,"pingTimeout":20000"#, 45),
        (r#""pingInterval":0,"pingTimeout":0"#, 45),
        (r#""pingInterval":2.5,"pingTimeout":"never""#, 45),
        ("", 45),
    ] {
        let mut bench = joined(&format!("0{{\"sid\":\"s\",{times}}}").replace(",}", "}"));
        bench.frame(&packet_book(10, 11));
        assert!(bench.pass(seconds * SECOND - 1).is_none(), "{times}");
        let end = bench.pass(2);
        assert!(
            matches!(end, Some(Disconnect::IdleTimeout)),
            "{times}: {end:?}"
        );
        assert_eq!(bench.books.state(BOOK), BookState::Stale);
    }
}

/// Events contain the bytes of bad and unknown lines as received.
#[test]
fn bytes_of_odd_lines() {
    let book = bayse_book("m", "yes");
    let refused = book.replace(
        "\"asks\":[]",
        r#""asks":[{"price":1,"quantity":2},{"price":1,"quantity":2}]"#,
    );
    for line in [
        "{",
        r#"{"type":"news","data":1}"#,
        &book.replace("0.6", "0.605"),
        &refused,
    ] {
        let mut bench = bayse(&["m"]);
        bench.open();
        bench.frame(&format!("{book}\n{line}\n{book}"));
        assert_eq!(bench.recorder.bad_bytes, line);
    }
    let mut bench = joined(crate::bench::OPEN);
    for frame in ["4", "42[\"news\",1]", "42[\"orderbook\",{}]"] {
        bench.frame(frame);
        assert_eq!(bench.recorder.bad_bytes, frame);
    }
}
