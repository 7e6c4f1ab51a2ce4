//! `tests/CONTRACT.md` has every row of the contracts' tables, and the tests that it names exist.

use std::collections::HashMap;
use std::path::Path;

const TABLE: &str = include_str!("../CONTRACT.md");

/// The documented endpoints, channels, messages and errors of Bayse Markets, and the events of JayX. The table must have a
/// row for each.
const ROWS: &[&str] = &[
    "/ws/v1/markets",
    "/ws/v1/realtime",
    "/ws/v1/user",
    "activity",
    "prices",
    "orderbook",
    "asset_prices",
    "user_trades",
    "orders",
    "connected",
    "subscribed, unsubscribed, pong, error",
    "orderbook_update",
    "price_update",
    "buy_order, sell_order",
    "asset_price",
    "order_updated",
    "Invalid message format",
    "Event ID is required",
    "Symbols required to subscribe to asset prices",
    "Room name is required",
    "unknown message type",
    "Unsupported currency",
    "Unsupported symbol",
    "channel is not available",
    "rate limit exceeded",
    "auth required",
    "the REST array",
    "kline",
    "orderbook of one symbol a connection",
    "positions",
    "openorders",
];

/// The cells of each row of the table, without the headers.
fn rows() -> Vec<Vec<&'static str>> {
    let lines = TABLE
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| row "));
    lines
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

#[test]
fn every_named_test_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files: HashMap<&str, String> = HashMap::new();
    let mut checked = 0;
    for row in rows() {
        assert_eq!(row.len(), 3, "{row:?}");
        for cell in &row[1..] {
            let name = cell.trim_matches('`');
            let (file, function) = name.split_once("::").unwrap_or_else(|| panic!("{name}"));
            let source = files.entry(file).or_insert_with(|| {
                std::fs::read_to_string(root.join(file))
                    .unwrap_or_else(|error| panic!("{file}: {error}"))
            });
            let found = source
                .match_indices(&format!("fn {function}("))
                .any(|(at, _)| {
                    source[..at]
                        .trim_end()
                        .lines()
                        .rev()
                        .take(4)
                        .any(|line| line.contains("test]"))
                })
                || in_proptest(source, function);
            assert!(found, "{name} is no test");
            checked += 1;
        }
    }
    assert!(checked >= 2 * ROWS.len());
}

/// Tests of `proptest!` carry their attribute inside the macro.
fn in_proptest(source: &str, function: &str) -> bool {
    source.contains("proptest!") && source.contains(&format!("#[test]\n    fn {function}("))
}

#[test]
fn contract_rows_are_complete() {
    let rows = rows();
    for expected in ROWS {
        assert!(
            rows.iter().any(|row| row[0].trim_matches('`') == *expected),
            "no row for {expected}"
        );
    }
}
