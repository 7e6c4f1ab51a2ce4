//! Which messages the fast path reads, and that it reads them as the general path does. The general path decodes those that
//! it leaves, so only these tests notice.

use super::*;
use crate::fast::Scan;
use crate::jayx::{Decoder, Envelope, Message};

/// The message that the fast path reads, formatted; the general path must read the same one.
fn fast(text: &str, wrap: Wrap) -> Option<String> {
    let mut space = AccountSpace::default();
    let found = match message(text.as_bytes(), wrap, &mut space)? {
        Other::Kline(kline) => Message::Kline(kline),
        Other::Positions => Message::Positions(space.positions()),
        Other::OpenOrders => Message::OpenOrders(space.open_orders()),
    };
    let found = format!("{found:?}");
    let (envelope, frame) = match wrap {
        Wrap::Event => (Envelope::SocketIo, format!("42{text}")),
        Wrap::Plain => (Envelope::Plain, text.to_owned()),
    };
    let mut decoder = Decoder::with_scan(envelope, Scan::Off);
    let general = decoder.decode(frame.as_bytes());
    assert_eq!(format!("{:?}", general.unwrap()), found, "{text}");
    Some(found)
}

fn is_taken(payload: &str) -> bool {
    fast(payload, Wrap::Plain).is_some()
}

/// The examples of the contract.
const KLINE: &str = r#"{"add":null,"modify":{"_id":"664a16fccb5c1735c25557a0","created":1716131580,"o":6678147,"h":6690062,"l":6674783,"c":6689523,"v":241690,"m":1716131619,"symbol":"BTCUSDT"}}"#;
const POSITIONS: &str = r#"{"spot":[{"asset":"BTC","balance":"0.000998","available":"0.000998"},{"asset":"USDT","balance":"9932.44065","available":"9932.44065"}]}"#;
const ORDERS: &str = r#"{"cancel":[],"modify":[{"id":117805625,"type":"LIMIT","state":"NEW","side":"BUY","resd":1000000,"exec":0,"cost":0,"lastLots":null,"lastTicks":null,"created":1716135452487,"modified":1716135452487,"symbol":"BTCUSDT","price":"1000","quantity":"1000"}]}"#;

const EXAMPLES: [(&str, &str); 3] = [
    ("kline", KLINE),
    ("positions", POSITIONS),
    ("openorders", ORDERS),
];

#[test]
fn the_contracts_examples_in_every_wrap() {
    for (event, payload) in EXAMPLES {
        assert!(is_taken(payload), "{payload}");
        let packet = format!("[\"{event}\",{payload}]");
        assert!(fast(&packet, Wrap::Event).is_some(), "{packet}");
        for key in ["message", "data"] {
            let wrapped = format!("{{\"event\":\"{event}\",\"{key}\":{payload}}}");
            assert!(is_taken(&wrapped), "{wrapped}");
        }
        for (other, _) in EXAMPLES.iter().filter(|(other, _)| *other != event) {
            let foreign = format!("[\"{other}\",{payload}]");
            assert!(fast(&foreign, Wrap::Event).is_none(), "{foreign}");
        }
    }
}

#[test]
fn lists_of_every_length() {
    let balance = r#"{"asset":"BTC","balance":"1","available":"0.5"}"#;
    let [_, order] = ORDERS.split("\"modify\":[").collect::<Vec<_>>()[..] else {
        panic!("{ORDERS}")
    };
    let order = order.trim_end_matches("]}");
    for len in 0..5 {
        let balances = vec![balance; len].join(",");
        let found = fast(&format!("{{\"spot\":[{balances}]}}"), Wrap::Plain).unwrap();
        assert_eq!(found.matches("BTC").count(), len);
        for other in 0..3 {
            let [cancel, modify] = [len, other].map(|len| vec![order; len].join(","));
            let text = format!("{{\"cancel\":[{cancel}],\"modify\":[{modify}]}}");
            let found = fast(&text, Wrap::Plain).unwrap();
            assert_eq!(found.matches("BTCUSDT").count(), len + other);
        }
    }
}

#[test]
fn numbers_and_words() {
    for (from, to, taken) in [
        ("\"balance\":\"0.000998\"", "\"balance\":\"0\"", true),
        (
            "\"balance\":\"0.000998\"",
            "\"balance\":\"12345678901234567.5\"",
            true,
        ),
        ("\"balance\":\"0.000998\"", "\"balance\":\"-1\"", false),
        ("\"balance\":\"0.000998\"", "\"balance\":\"01\"", false),
        ("\"balance\":\"0.000998\"", "\"balance\":\"1e3\"", false),
        ("\"balance\":\"0.000998\"", "\"balance\":\"\"", false),
        ("\"balance\":\"0.000998\"", "\"balance\":1", false),
        ("\"asset\":\"BTC\"", "\"asset\":\"\"", true),
        ("\"asset\":\"BTC\"", "\"asset\":\"Zur\u{e9}\"", true),
        ("\"asset\":\"BTC\"", "\"asset\":\"B\\u0054C\"", false),
        ("\"asset\":\"BTC\"", "\"asset\":null", false),
        ("\"lastLots\":null", "\"lastLots\":12", true),
        ("\"lastTicks\":null", "\"lastTicks\":0", true),
        ("\"lastTicks\":null,", "", false),
        ("\"side\":\"BUY\"", "\"side\":\"SELL\"", true),
        ("\"side\":\"BUY\"", "\"side\":\"buy\"", false),
        ("\"id\":117805625", "\"id\":999999999999999999", true),
        ("\"id\":117805625", "\"id\":1000000000000000000", false),
        ("\"exec\":0", "\"exec\":00", false),
        ("\"exec\":0", "\"exec\":0.0", false),
        ("\"add\":null", "\"add\":{}", false),
    ] {
        let (_, example) = EXAMPLES
            .into_iter()
            .find(|(_, example)| example.contains(from))
            .unwrap();
        let text = example.replace(from, to);
        assert_eq!(is_taken(&text), taken, "{text}");
    }
}

#[test]
fn everything_else_is_left_alone() {
    for (_, good) in EXAMPLES {
        for at in 0..good.len() {
            let (before, after) = good.split_at(at);
            assert!(!is_taken(before), "{before}");
            for foreign in [" ", "\"", "}", "{", ",", "\\"] {
                let text = format!("{before}{foreign}{after}");
                // Between its quotes a text may be anything; it is the general path's text then.
                let is_inside = before.matches('"').count() % 2 == 1;
                assert!(!is_taken(&text) || is_inside, "{text}");
            }
        }
    }
}
