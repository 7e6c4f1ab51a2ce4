//! Which messages the fast path reads, and that it reads them as the general path does. The general path decodes those that
//! it leaves, so only these tests notice.

use std::net::{IpAddr, Ipv4Addr};

use ticklot_book::{Nanos, Scale};
use ticklot_sim::bayse::{Config, Exchange};
use ticklot_sim::{Moment, Outgoing};

use super::*;
use crate::bayse::Decoder;
use crate::fast::Scan;

/// The message that the fast path reads, formatted; the general path must read the same one.
fn fast(line: &str) -> Option<String> {
    let mut space = PriceSpace::default();
    let found = if let Some(message) = message(line.as_bytes()) {
        format!("{message:?}")
    } else {
        let update = price_update(line.as_bytes(), &mut space)?;
        let markets = space.markets();
        let update = Message::PriceUpdate(PriceUpdate { markets, ..update });
        format!("{update:?}")
    };
    let mut decoder = Decoder::with_scan(Scan::Off);
    let general = decoder.decode(line.as_bytes(), &Scale::UNIT);
    assert_eq!(format!("{:?}", general.unwrap()), found, "{line}");
    Some(found)
}

fn is_taken(line: &str) -> bool {
    fast(line).is_some()
}

/// The examples of the contract, without the spaces that its lines are broken at.
const FILL: &str = r#"{"type":"buy_order","data":{"user":{"id":"usr_8b5c3c3a","tag":"prediction_pro","imageUrl":null},"order":{"id":"ord_7f5e2a1c","amount":100.00,"quantity":150.0,"price":0.65,"status":"FILLED","type":"BUY","outcome":"YES","outcomeLabel":"Yes","currency":"USD","engine":"CLOB","orderType":"LIMIT","createdAt":"2026-02-17T10:30:00Z","updatedAt":"2026-02-17T10:30:01Z"},"event":{"id":"evt_123","slug":"us-fed-rate-cut-2026","title":"Will the Fed cut rates in 2026?","type":"SINGLE_MARKET","createdAt":"2026-01-10T09:00:00Z","imageUrl":null},"market":{"id":"mkt_456","title":"Yes or No","imageUrl":null}},"timestamp":1700000000000}"#;
const PRICES: &str = r#"{"type":"price_update","data":{"id":"evt_123","slug":"us-fed-rate-cut-2026","title":"Will the Fed cut rates in 2026?","status":"open","type":"SINGLE_MARKET","markets":[{"id":"mkt_456","question":"Yes or No?","outcomes":["Yes","No"],"engine":"CLOB","prices":{"YES":0.65,"NO":0.35}}]},"timestamp":1700000000000}"#;
const ASSET: &str = r#"{"type":"asset_price","data":{"symbol":"BTCUSDT","price":67432.15,"timestamp":1700000000000},"timestamp":1700000000000}"#;
const PONG: &str = r#"{"type":"pong","timestamp":1700000000000}"#;
const ORDER: &str = r#"{"type":"order_updated","data":{"orderId":"7f5e...","eventId":"a1b2...","marketId":"b2c3...","order":{"id":"7f5e...","userId":"68ee...","marketId":"b2c3...","outcomeId":"c3d4...","outcomeLabel":"Yes","side":"BUY","price":0.65,"quantity":150.0,"filledQuantity":100.0,"remainingQuantity":50.0,"avgFillPrice":0.64,"status":"PARTIAL_FILLED","timeInForce":"GTC","createdAt":1700000000,"updatedAt":1700000050},"timestamp":1700000050},"timestamp":1700000050000}"#;
const EXAMPLES: [&str; 5] = [FILL, PRICES, ASSET, PONG, ORDER];

/// `line` with `old`, which stands in it once, replaced.
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

/// What the simulated venue sends to a client of an endpoint who asks for this, in half a minute.
fn lines(path: &str, requests: &[&str]) -> Vec<String> {
    let moment = |step: u64| Moment {
        at: Nanos(step * 100_000_000),
        wall_ms: 1_700_000_000_000 + step * 100,
    };
    let mut exchange = Exchange::new(Config::default(), moment(0)).unwrap();
    let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut client = exchange.upgrade(path, from, moment(0)).unwrap();
    let ping = r#"{"type":"ping","auth":{"apiKey":"pk_demo_ticklot"}}"#;
    let mut lines = Vec::new();
    for step in 1..300 {
        match requests.get(usize::try_from(step).unwrap() - 1) {
            Some(request) => client.text(request, moment(step)),
            // Ten messages a second are allowed.
            None if step % 3 == 0 => client.text(ping, moment(step)),
            None => {}
        }
        exchange.step(moment(step));
        exchange.quote(moment(step));
        client.news(moment(step));
        while let Some(Outgoing::Text(text)) = client.outgoing() {
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    lines
}

#[test]
fn every_message_of_the_simulator() {
    let markets = [
        r#"{"type":"subscribe","channel":"activity","eventId":"evt_us-rate-cut"}"#,
        r#"{"type":"subscribe","channel":"prices","eventId":"evt_us-rate-cut"}"#,
    ];
    let assets = [
        r#"{"type":"subscribe","channel":"asset_prices","symbols":["BTCUSDT","EURUSD","USDNGN"]}"#,
    ];
    let orders = [
        r#"{"type":"subscribe","channel":"orders","marketIds":["mkt_us-rate-cut"],"auth":{"apiKey":"pk_demo_ticklot"}}"#,
    ];
    let mut all = lines("/ws/v1/markets", &markets);
    all.extend(lines("/ws/v1/realtime", &assets));
    all.extend(lines("/ws/v1/user", &orders));
    let kinds = [
        "buy_order",
        "sell_order",
        "price_update",
        "asset_price",
        "order_updated",
        "pong",
    ];
    for kind in kinds {
        let start = format!("{{\"type\":\"{kind}\"");
        let of_kind: Vec<_> = all.iter().filter(|line| line.starts_with(&start)).collect();
        assert!(of_kind.len() >= 10, "{} of {kind}", of_kind.len());
        for line in of_kind {
            assert!(is_taken(line), "{line}");
        }
    }
    // Nothing else comes but what is left to the general path.
    let notices = all.iter().filter(|line| !is_taken(line));
    for line in notices {
        let known = ["connected", "subscribed"].map(|kind| format!("{{\"type\":\"{kind}\""));
        assert!(known.iter().any(|start| line.starts_with(start)), "{line}");
    }
}

#[test]
fn what_may_be_null_or_absent() {
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
    ];
    for line in taken {
        assert!(is_taken(&line), "{line}");
    }
    for example in EXAMPLES {
        let (head, _) = example.rsplit_once(",\"timestamp\"").unwrap();
        assert!(is_taken(&format!("{head}}}")), "{head}");
        for odd in [
            "null",
            "1.5",
            "01",
            "-1",
            "1e3",
            "\"1\"",
            "1000000000000000000",
        ] {
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
        with(FILL, "\"engine\":\"CLOB\"", "\"engine\":null"),
        with(
            FILL,
            "\"amount\":100.00,\"quantity\":150.0",
            "\"quantity\":150.0,\"amount\":100.00",
        ),
        with(FILL, "\"tag\":\"prediction_pro\",", ""),
        with(PRICES, "\"YES\":0.65", "\"YES\":null"),
        with(PRICES, "\"NO\":0.35", "\"YES\":0.35"),
        with(PRICES, "\"slug\":\"us-fed-rate-cut-2026\",", ""),
        with(PRICES, "[\"Yes\",\"No\"]", "null"),
        with(ORDER, "\"BUY\"", "\"HOLD\""),
        with(
            ORDER,
            "\"createdAt\":1700000000",
            "\"createdAt\":1700000000.0",
        ),
        with(ORDER, "\"avgFillPrice\":0.64", "\"avgFillPrice\":null"),
        with(ASSET, "asset_price", "asset_prices"),
        with(PONG, "pong", "ping"),
    ];
    for line in left {
        assert!(!is_taken(&line), "{line}");
    }
    for number in [
        "-1", "1e2", "1E2", "+1", "01", ".5", "5.", "1.2.3", "", "null", "\"1\"",
    ] {
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

/// Cut off anywhere, or with something put in anywhere: what is taken then is a text with another letter, or
/// a number with another digit, and [`fast`] holds it to the general path.
#[test]
fn a_byte_more_or_less() {
    for example in EXAMPLES {
        for at in 0..example.len() {
            let (before, after) = example.split_at(at);
            assert!(!is_taken(before), "{before}");
            for foreign in ["\\", "\t"] {
                assert!(!is_taken(&format!("{before}{foreign}{after}")));
            }
            for foreign in [" ", "x", "-", "\"", "}", "{", ",", "0", "9", ".", "e", "é"] {
                is_taken(&format!("{before}{foreign}{after}"));
            }
            is_taken(&format!("{before}{}", &after[1..]));
        }
        for foreign in [" ", "\n", "}", ",", "x"] {
            assert!(!is_taken(&format!("{example}{foreign}")));
            assert!(!is_taken(&format!("{foreign}{example}")));
        }
    }
}

#[test]
fn lists_up_to_their_limits() {
    let market = r#"{"id":"m","question":"q","outcomes":[],"engine":"AMM"}"#;
    let outcome = |place: usize| format!("\"{place}\"");
    let price = |place: usize| format!("\"{place}\":1");
    let joined = |count: usize, item: &dyn Fn(usize) -> String| {
        (0..count).map(item).collect::<Vec<_>>().join(",")
    };
    let (start, _) = PRICES.split_once('[').unwrap();
    for (over, taken) in [(0, true), (1, false)] {
        let markets = joined(MAX_EVENT_MARKETS + over, &|_| market.to_owned());
        assert_eq!(is_taken(&format!("{start}[{markets}]}}}}")), taken);
        let outcomes = joined(MAX_OUTCOMES + over, &outcome);
        assert_eq!(is_taken(&with(PRICES, "\"Yes\",\"No\"", &outcomes)), taken);
        let prices = joined(FEW_PRICES + over, &price);
        assert_eq!(
            is_taken(&with(PRICES, "\"YES\":0.65,\"NO\":0.35", &prices)),
            taken
        );
    }
}
