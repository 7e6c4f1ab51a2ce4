//! Tests which messages other than order books the pull parser accepts, and that its results equal those of the tape.
//! The tape reads all messages that it rejects, so no other test notices a rejection.

use super::*;
use crate::fast::DecodeBackend;
use crate::jayx::{Decoder, Envelope, Message};
use crate::samples::reordered;

/// The message that the pull parser reads, formatted. The tape must have the same one.
fn pulled(text: &str, wrap: Framing) -> Option<String> {
    let mut account = AccountBuffer::default();
    let (mut levels, mut trades) = (LevelBuffer::default(), ListCache::default());
    let found = match message(
        text.as_bytes(),
        wrap,
        &mut levels,
        &mut trades,
        &mut account,
    )? {
        ParsedMessage::OrderBook => panic!("{text}"),
        ParsedMessage::Kline(kline) => Message::Kline(kline),
        ParsedMessage::Positions => Message::Positions(account.positions()),
        ParsedMessage::OpenOrders => Message::OpenOrders(account.open_orders()),
    };
    let found = format!("{found:?}");
    let (envelope, frame) = match wrap {
        Framing::Event => (Envelope::SocketIo, format!("42{text}")),
        Framing::Plain => (Envelope::Plain, text.to_owned()),
    };
    let mut decoder = Decoder::with_backend(envelope, DecodeBackend::Off);
    let general = decoder.decode(frame.as_bytes());
    assert_eq!(format!("{:?}", general.unwrap()), found, "{text}");
    Some(found)
}

fn is_taken(payload: &str) -> bool {
    pulled(payload, Framing::Plain).is_some()
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
fn contract_examples_in_every_envelope() {
    for (event, payload) in EXAMPLES {
        assert!(is_taken(payload), "{payload}");
        let packet = format!("[\"{event}\",{payload}]");
        assert!(pulled(&packet, Framing::Event).is_some(), "{packet}");
        for key in ["message", "data"] {
            let wrapped = format!("{{\"event\":\"{event}\",\"{key}\":{payload}}}");
            assert!(is_taken(&wrapped), "{wrapped}");
            for two in [
                wrapped.replacen('{', "{\"spot\":[],", 1),
                wrapped.replacen('{', "{\"data\":{},", 1),
                wrapped.replacen('{', "{\"event\":\"kline\",", 1),
            ] {
                assert!(!is_taken(&two), "{two}");
            }
        }
        let others = EXAMPLES.map(|(event, _)| event).into_iter();
        for other in others
            .chain(["orderbook", "x"])
            .filter(|other| *other != event)
        {
            let foreign = format!("[\"{other}\",{payload}]");
            assert!(pulled(&foreign, Framing::Event).is_none(), "{foreign}");
        }
    }
}

#[test]
fn any_order_and_spacing() {
    for (event, payload) in EXAMPLES {
        let packet = format!("[\"{event}\",{payload}]");
        let wrapped = format!("{{\"event\":\"{event}\",\"data\":{payload}}}");
        let texts = [
            (packet, Framing::Event),
            (wrapped, Framing::Plain),
            (payload.to_owned(), Framing::Plain),
        ];
        for (text, wrap) in texts {
            let expected = pulled(&text, wrap);
            for (seed, indent) in (0..20).zip([0, 1, 4].into_iter().cycle()) {
                let text = reordered(&text, seed, indent);
                assert_eq!(pulled(&text, wrap), expected, "{text}");
            }
        }
    }
}

#[test]
fn unknown_absent_and_repeated_fields() {
    for (_, payload) in EXAMPLES {
        let objects = payload.match_indices('{').map(|(at, _)| at + 1);
        for at in objects {
            let (before, after) = payload.split_at(at);
            assert!(is_taken(&format!("{before}\"x\":[{{}},\"\",-1e3],{after}")));
            let field = after.split_once(',').map_or("", |(field, _)| field);
            assert!(!is_taken(&format!("{before}{field},{after}")), "{field}");
        }
    }
    for (text, is_read) in [
        ("{\"add\":null}", true),
        ("{\"modify\":null}", true),
        ("{\"modify\":[]}", true),
        ("{\"cancel\":[]}", true),
        ("{\"cancel\":null}", false),
        ("{\"spot\":null}", false),
        ("{}", false),
        ("{\"spot\":[],\"cancel\":[]}", false),
        ("{\"add\":null,\"cancel\":[]}", false),
        ("{\"spot\":[],\"error\":1}", false),
        ("{\"spot\":[],\"trades\":[]}", true),
    ] {
        assert_eq!(is_taken(text), is_read, "{text}");
    }
}

#[test]
fn lists_up_to_the_limit() {
    let list = |item: &str, len: usize| vec![item; len].join(",");
    let balance = r#"{"asset":"B","balance":"1","available":"1"}"#;
    let order = r#"{"id":1,"state":"","side":"BUY","symbol":"","quantity":1}"#;
    for (more, is_read) in [(0, true), (1, false)] {
        let balances = list(balance, MAX_ITEMS + more);
        assert_eq!(is_taken(&format!("{{\"spot\":[{balances}]}}")), is_read);
        for key in ["cancel", "modify"] {
            let orders = list(order, MAX_ITEMS + more);
            assert_eq!(is_taken(&format!("{{\"{key}\":[{orders}]}}")), is_read);
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
        let found = pulled(&format!("{{\"spot\":[{balances}]}}"), Framing::Plain).unwrap();
        assert_eq!(found.matches("BTC").count(), len);
        for other in 0..3 {
            let [cancel, modify] = [len, other].map(|len| vec![order; len].join(","));
            let text = format!("{{\"cancel\":[{cancel}],\"modify\":[{modify}]}}");
            let found = pulled(&text, Framing::Plain).unwrap();
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
        ("\"balance\":\"0.000998\"", "\"balance\":\"-1\"", true),
        ("\"balance\":\"0.000998\"", "\"balance\":\"01\"", false),
        ("\"balance\":\"0.000998\"", "\"balance\":\"1e3\"", true),
        ("\"balance\":\"0.000998\"", "\"balance\":\"\"", false),
        ("\"balance\":\"0.000998\"", "\"balance\":1", true),
        ("\"asset\":\"BTC\"", "\"asset\":\"\"", true),
        ("\"asset\":\"BTC\"", "\"asset\":\"Zur\u{e9}\"", true),
        ("\"asset\":\"BTC\"", "\"asset\":\"B\\u0054C\"", false),
        ("\"asset\":\"BTC\"", "\"asset\":null", false),
        ("\"lastLots\":null", "\"lastLots\":12", true),
        ("\"lastTicks\":null", "\"lastTicks\":0", true),
        ("\"lastTicks\":null,", "", true),
        ("\"side\":\"BUY\"", "\"side\":\"SELL\"", true),
        ("\"side\":\"BUY\"", "\"side\":\"buy\"", false),
        ("\"id\":117805625", "\"id\":999999999999999", true),
        ("\"id\":117805625", "\"id\":1000000000000000", false),
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
fn a_byte_more_or_less() {
    for (_, good) in EXAMPLES {
        for at in 0..good.len() {
            let (before, after) = good.split_at(at);
            assert!(!is_taken(before), "{before}");
            is_taken(&format!("{before}{}", &after[1..]));
            for foreign in [" ", "\"", "}", "{", ",", "0", "-", "."] {
                is_taken(&format!("{before}{foreign}{after}"));
            }
            assert!(!is_taken(&format!("{before}\\{after}")));
        }
    }
}
