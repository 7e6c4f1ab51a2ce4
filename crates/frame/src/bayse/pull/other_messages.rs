//! Tests which messages other than order books the pull parser accepts, and that its results equal those of the tape.
//! The tape reads all messages that it rejects, so no other test notices a rejection.

use ticklot_book::Scale;

use super::*;
use crate::bayse::{Decoder, MAX_EVENT_MARKETS, MAX_OUTCOMES};
use crate::fast::DecodeBackend;
use crate::samples::{BAYSE_MESSAGES, reordered, with_other_numbers};

/// The message that the pull parser reads, formatted. The tape must have the same one.
fn pulled(line: &str) -> Option<String> {
    let mut buffers = MessageBuffers::default();
    let mut message = match message(line.as_bytes(), &mut buffers, &Scale::UNIT)? {
        ParsedMessage::OrderBook(_) => panic!("{line}"),
        ParsedMessage::Other(message) => message,
    };
    if let Message::PriceUpdate(update) = &mut message {
        update.markets = buffers.prices.markets();
    }
    let found = format!("{message:?}");
    let mut decoder = Decoder::with_backend(DecodeBackend::Off);
    let general = decoder.decode(line.as_bytes(), &Scale::UNIT);
    assert_eq!(format!("{:?}", general.unwrap()), found, "{line}");
    Some(found)
}

fn is_taken(line: &str) -> bool {
    pulled(line).is_some()
}

/// The examples of the contract, without the spaces of its line breaks.
const FILL: &str = r#"{"type":"buy_order","data":{"user":{"id":"usr_8b5c3c3a","tag":"prediction_pro","imageUrl":null},"order":{"id":"ord_7f5e2a1c","amount":100.00,"quantity":150.0,"price":0.65,"status":"FILLED","type":"BUY","outcome":"YES","outcomeLabel":"Yes","currency":"USD","engine":"CLOB","orderType":"LIMIT","createdAt":"2026-02-17T10:30:00Z","updatedAt":"2026-02-17T10:30:01Z"},"event":{"id":"evt_123","slug":"us-fed-rate-cut-2026","title":"Will the Fed cut rates in 2026?","type":"SINGLE_MARKET","createdAt":"2026-01-10T09:00:00Z","imageUrl":null},"market":{"id":"mkt_456","title":"Yes or No","imageUrl":null}},"timestamp":1700000000000}"#;
const PRICES: &str = r#"{"type":"price_update","data":{"id":"evt_123","slug":"us-fed-rate-cut-2026","title":"Will the Fed cut rates in 2026?","status":"open","type":"SINGLE_MARKET","markets":[{"id":"mkt_456","question":"Yes or No?","outcomes":["Yes","No"],"engine":"CLOB","prices":{"YES":0.65,"NO":0.35}}]},"timestamp":1700000000000}"#;
const ASSET: &str = r#"{"type":"asset_price","data":{"symbol":"BTCUSDT","price":67432.15,"timestamp":1700000000000},"timestamp":1700000000000}"#;
const PONG: &str = r#"{"type":"pong","timestamp":1700000000000}"#;
const ORDER: &str = r#"{"type":"order_updated","data":{"orderId":"7f5e...","eventId":"a1b2...","marketId":"b2c3...","order":{"id":"7f5e...","userId":"68ee...","marketId":"b2c3...","outcomeId":"c3d4...","outcomeLabel":"Yes","side":"BUY","price":0.65,"quantity":150.0,"filledQuantity":100.0,"remainingQuantity":50.0,"avgFillPrice":0.64,"status":"PARTIAL_FILLED","timeInForce":"GTC","createdAt":1700000000,"updatedAt":1700000050},"timestamp":1700000050},"timestamp":1700000050000}"#;
const EXAMPLES: [&str; 5] = [FILL, PRICES, ASSET, PONG, ORDER];

/// Replaces `old`, which occurs once in `line`.
fn with(line: &str, old: &str, new: &str) -> String {
    assert_eq!(line.matches(old).count(), 1, "{old}");
    line.replace(old, new)
}

#[test]
fn the_examples_of_the_contract() {
    for example in EXAMPLES {
        assert!(is_taken(example), "{example}");
    }
}

#[test]
fn any_order_and_spacing() {
    for example in EXAMPLES {
        // Normalizes the numbers.
        let example = reordered(example, 0, 0);
        let expected = pulled(&example);
        for (seed, indent) in (0..50).zip([0, 1, 4].into_iter().cycle()) {
            let text = reordered(&example, seed, indent);
            assert_eq!(sorted(pulled(&text)), sorted(expected.clone()), "{text}");
        }
    }
}

/// The sorted characters of a text, because the prices of a market keep the order of the message.
fn sorted(text: Option<String>) -> Vec<char> {
    let mut letters: Vec<_> = text.expect("not read").chars().collect();
    letters.sort_unstable();
    letters
}

#[test]
fn unknown_and_repeated_fields() {
    for example in EXAMPLES {
        for (at, _) in example.match_indices('{') {
            let (before, after) = example.split_at(at + 1);
            let is_label = before.ends_with("\"prices\":{");
            let unknown = is_taken(&format!("{before}\"x\":[{{}},\"\",-1e3],{after}"));
            assert_ne!(unknown, is_label, "{before}");
            let field = after
                .split_once([',', '{', '}'])
                .map_or("", |(field, _)| field);
            assert!(!is_taken(&format!("{before}{field},{after}")), "{field}");
        }
    }
    for (line, is_read) in [
        (r#"{"type":"pong"}"#, true),
        (r#"{"timestamp":1,"type":"pong"}"#, true),
        (r#"{"type":"pong","data":{}}"#, false),
        (r#"{"type":"asset_price"}"#, false),
        (r#"{"timestamp":1}"#, false),
        (r#"{"data":{"symbol":"S","price":1,"timestamp":2}}"#, false),
        (
            r#"{"data":{"symbol":"S","price":1,"timestamp":2},"type":"asset_price"}"#,
            true,
        ),
        (
            r#"{"data":{"symbol":"S","price":1,"timestamp":2},"type":"asset_price","x":{"type":"pong"}}"#,
            false,
        ),
        (
            r#"{"data":{"symbol":"S","price":1,"timestamp":2},"x":{"type":"asset_price"}}"#,
            false,
        ),
        (
            r#"{"data":{"symbol":"S","price":1,"timestamp":2},"x":{"type":"asset_price"},"type":"pong"}"#,
            false,
        ),
    ] {
        assert_eq!(is_taken(line), is_read, "{line}");
    }
}

#[test]
fn samples_with_any_numbers() {
    let mut random = fastrand::Rng::with_seed(5);
    let kinds = [
        "buy_order",
        "sell_order",
        "price_update",
        "asset_price",
        "order_updated",
        "pong",
    ];
    let is_of = |line: &str, kind: &str| line.starts_with(&format!("{{\"type\":\"{kind}\""));
    for kind in kinds {
        let samples = BAYSE_MESSAGES.lines().filter(|line| is_of(line, kind));
        assert!(samples.clone().count() >= 10, "{kind}");
        for line in samples {
            assert!(is_taken(line), "{line}");
            for _ in 0..50 {
                let line = with_other_numbers(line, &mut random);
                assert!(is_taken(&line), "{line}");
            }
        }
    }
    // Only notices of the connection take the general path.
    for line in BAYSE_MESSAGES.lines().filter(|line| !is_taken(line)) {
        let notices = ["connected", "subscribed"];
        assert!(notices.iter().any(|kind| is_of(line, kind)), "{line}");
    }
}

#[test]
fn null_and_absent_fields() {
    let taken = [
        with(FILL, "\"tag\":\"prediction_pro\"", "\"tag\":null"),
        with(
            FILL,
            "\"tag\":\"prediction_pro\",\"imageUrl\":null",
            "\"tag\":\"\",\"imageUrl\":\"https://a/b.png\"",
        ),
        with(
            FILL,
            "T09:00:00Z\",\"imageUrl\":null",
            "\",\"imageUrl\":\"e\"",
        ),
        with(FILL, "or No\",\"imageUrl\":null", "\",\"imageUrl\":\"m\""),
        with(FILL, ",\"engine\":\"CLOB\"", ""),
        with(FILL, ",\"orderType\":\"LIMIT\"", ""),
        with(FILL, ",\"engine\":\"CLOB\",\"orderType\":\"LIMIT\"", ""),
        with(FILL, "buy_order", "sell_order"),
        with(PRICES, ",\"prices\":{\"YES\":0.65,\"NO\":0.35}", ""),
        with(PRICES, "\"YES\":0.65,\"NO\":0.35", ""),
        with(PRICES, "\"Yes\",\"No\"", ""),
        with(
            PRICES,
            "{\"YES\":0.65,\"NO\":0.35}}",
            "{\"YES\":1,\"NO\":0}},{\"id\":\"m\",\"question\":\"q\",\"outcomes\":[\"Up\"],\"engine\":\"AMM\"}",
        ),
        with(ORDER, "\"BUY\"", "\"SELL\""),
        with(FILL, "\"engine\":\"CLOB\"", "\"engine\":null"),
        with(FILL, "\"tag\":\"prediction_pro\",", ""),
        with(PRICES, "\"slug\":\"us-fed-rate-cut-2026\",", ""),
        with(PRICES, "\"question\":\"Yes or No?\",", ""),
        with(PRICES, "\"outcomes\":[\"Yes\",\"No\"],", ""),
        with(ORDER, "\"avgFillPrice\":0.64", "\"avgFillPrice\":null"),
        with(ORDER, "\"avgFillPrice\":0.64,", ""),
    ];
    for line in taken {
        assert!(is_taken(&line), "{line}");
    }
    for example in EXAMPLES {
        let (head, _) = example.rsplit_once(",\"timestamp\"").unwrap();
        assert!(is_taken(&format!("{head}}}")), "{head}");
        assert!(is_taken(&format!("{head},\"timestamp\":null}}")));
        for odd in ["1.5", "01", "-1", "1e3", "\"1\"", "1000000000000000"] {
            let line = format!("{head},\"timestamp\":{odd}}}");
            assert!(!is_taken(&line), "{line}");
        }
    }
    let no_markets = PRICES.split_once('[').unwrap().0;
    assert!(is_taken(&format!("{no_markets}[]}}}}")));
}

#[test]
fn what_is_left_alone() {
    let left = [
        with(FILL, "\"id\":\"ord_7f5e2a1c\"", "\"id\":null"),
        with(FILL, "\"engine\":\"CLOB\"", "\"engine\":1"),
        with(PRICES, "\"YES\":0.65", "\"YES\":null"),
        with(PRICES, "\"NO\":0.35", "\"YES\":0.35"),
        with(PRICES, "[\"Yes\",\"No\"]", "null"),
        with(ORDER, "\"BUY\"", "\"HOLD\""),
        with(
            ORDER,
            "\"createdAt\":1700000000",
            "\"createdAt\":1700000000.0",
        ),
        with(ASSET, "asset_price", "asset_prices"),
        with(PONG, "pong", "ping"),
    ];
    for line in left {
        assert!(!is_taken(&line), "{line}");
    }
    for number in ["+1", "01", ".5", "5.", "1.2.3", "", "\"01\"", "\"\"", "\"1"] {
        for (line, old) in [
            (FILL, "100.00"),
            (FILL, "150.0"),
            (PRICES, "0.35"),
            (ASSET, "67432.15"),
            (ORDER, "0.64"),
        ] {
            let line = with(line, old, number);
            assert!(!is_taken(&line), "{line}");
        }
    }
}

/// Truncates each example at each byte, or inserts a byte there. An accepted result is a text with another letter or a
/// number with another digit, which [`pulled`] compares with the general path.
#[test]
fn a_byte_more_or_less() {
    for example in EXAMPLES {
        for at in 0..example.len() {
            let (before, after) = example.split_at(at);
            assert!(!is_taken(before), "{before}");
            assert!(!is_taken(&format!("{before}\\{after}")));
            for foreign in [
                " ", "\t", "x", "-", "\"", "}", "{", ",", "0", "9", ".", "e", "é",
            ] {
                is_taken(&format!("{before}{foreign}{after}"));
            }
            is_taken(&format!("{before}{}", &after[1..]));
        }
        for foreign in ["}", ",", "x"] {
            assert!(!is_taken(&format!("{example}{foreign}")));
            assert!(!is_taken(&format!("{foreign}{example}")));
        }
    }
}

#[test]
fn lists_up_to_their_limits() {
    let market = r#"{"id":"m","question":"q","outcomes":[],"engine":"AMM"}"#;
    let outcome = |index: usize| format!("\"{index}\"");
    let price = |index: usize| format!("\"{index}\":1");
    let joined = |count: usize, item: &dyn Fn(usize) -> String| {
        (0..count).map(item).collect::<Vec<_>>().join(",")
    };
    let (start, _) = PRICES.split_once('[').unwrap();
    for (over, taken) in [(0, true), (1, false)] {
        let markets = joined(MAX_EVENT_MARKETS + over, &|_| market.to_owned());
        assert_eq!(is_taken(&format!("{start}[{markets}]}}}}")), taken);
        let outcomes = joined(MAX_OUTCOMES + over, &outcome);
        assert_eq!(is_taken(&with(PRICES, "\"Yes\",\"No\"", &outcomes)), taken);
        let prices = joined(prices::FEW_PRICES + over, &price);
        assert_eq!(
            is_taken(&with(PRICES, "\"YES\":0.65,\"NO\":0.35", &prices)),
            taken
        );
    }
}
