//! Compares `--json` with `docs/json.md`: every object has exactly the fields of its table, with the types that the table
//! states.

#![cfg(unix)] // servers are stopped by `kill`
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Folder, Running};
use serde_json::{Map, Value};

const TABLES: &str = include_str!("../../../docs/json.md");

type Fields = BTreeMap<&'static str, &'static str>;

/// The fields of each table, by the heading above it.
fn tables() -> BTreeMap<&'static str, Fields> {
    let mut tables = BTreeMap::<_, Fields>::new();
    let mut heading = "";
    for line in TABLES.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            heading = title.trim_matches('`');
            tables.entry(heading).or_default();
        }
        let Some(cells) = line.strip_prefix("| `") else {
            continue;
        };
        let mut cells = cells.split('|').map(str::trim);
        let name = cells.next().unwrap().trim_matches('`');
        let kind = cells.next().unwrap();
        tables.entry(heading).or_default().insert(name, kind);
    }
    tables
}

/// Whether a value has a type: `text`, `integer`, `decimal`, a word in quotes, `X or null`, `list of X`, or the name of
/// another table.
fn is(value: &Value, kind: &str, tables: &BTreeMap<&str, Fields>) -> bool {
    if let Some(kind) = kind.strip_suffix(" or null") {
        return value.is_null() || is(value, kind, tables);
    }
    if let Some(kind) = kind.strip_prefix("list of ") {
        let all = |list: &Vec<Value>| list.iter().all(|item| is(item, kind, tables));
        return value.as_array().is_some_and(all);
    }
    match kind {
        "any" => true,
        "boolean" => value.is_boolean(),
        "integer or text" => value.is_i64() || value.is_string(),
        "text" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "decimal" => value.as_str().is_some_and(is_decimal),
        "time" => value
            .as_str()
            .is_some_and(|it| it.len() == 30 && it.ends_with('Z')),
        "[price, quantity]" => is_list(value, &["decimal", "decimal"], tables),
        "[side, price, quantity]" => is_list(value, &["text", "decimal", "decimal"], tables),
        words if words.starts_with('"') => {
            let mut words = words.split(", ").map(|word| word.trim_matches('"'));
            value
                .as_str()
                .is_some_and(|it| words.any(|word| word == it))
        }
        table => {
            let is_table = |map| has_fields(map, &tables[table], tables);
            value.as_object().is_some_and(is_table)
        }
    }
}

fn is_list(value: &Value, kinds: &[&str], tables: &BTreeMap<&str, Fields>) -> bool {
    let list = value.as_array().filter(|list| list.len() == kinds.len());
    let has_kind = |(it, kind): (&Value, &&str)| is(it, kind, tables);
    list.is_some_and(|list| list.iter().zip(kinds).all(has_kind))
}

fn is_decimal(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

fn has_fields(map: &Map<String, Value>, fields: &Fields, tables: &BTreeMap<&str, Fields>) -> bool {
    let names: BTreeSet<&str> = map.keys().map(String::as_str).collect();
    let expected = fields.keys().copied().collect();
    assert_eq!(names, expected, "the fields of {map:?}");
    map.iter().all(|(name, value)| {
        let kind = fields[name.as_str()];
        let is_it = is(value, kind, tables);
        assert!(is_it, "{name}: {value} is not of the type {kind}");
        is_it
    })
}

/// Compares a line with its table. Returns its type and its object.
fn check(line: &str, tables: &BTreeMap<&str, Fields>) -> (String, Value) {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let kind = value["type"].as_str().unwrap().to_owned();
    let fields = tables.get(kind.as_str());
    let fields = fields.unwrap_or_else(|| panic!("{kind} is not documented: {line}"));
    let mut fields = fields.clone();
    fields.extend(tables["every object"].clone());
    let is_valid = has_fields(value.as_object().unwrap(), &fields, tables);
    assert!(is_valid, "{line}");
    (kind, value)
}

/// Runs the program until it has printed all of these types, interrupts it, and checks all lines.
fn run(args: &[&str], wanted: &[&str]) -> Vec<(String, Value)> {
    let tables = tables();
    let mut running = Running::start(args);
    let mut missing: BTreeSet<&str> = wanted.iter().copied().collect();
    let mut all = Vec::new();
    loop {
        let line = running.line();
        if line.is_empty() {
            break;
        }
        let (kind, value) = check(&line, &tables);
        if missing.remove(kind.as_str()) && missing.is_empty() {
            running.kill("-INT");
        }
        all.push((kind, value));
    }
    assert!(missing.is_empty(), "{missing:?} were not printed");
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
    assert_eq!(all.first().unwrap().0, "start");
    assert_eq!(all.last().unwrap().0, "end");
    // All times come from one clock. The texts have the same length and so the order of the times.
    let times = all.iter().map(|(_, value)| value["time"].as_str());
    assert!(times.is_sorted(), "{all:?}");
    all
}

// Over a second each: real programs, whose output is read until it contains all expected types.

#[test]
fn changes_mirror_the_books() {
    let wanted = ["connected", "subscribed", "state", "book", "trades"];
    let all = run(&["--json"], &wanted);
    let streamed = all.iter().filter(|(_, value)| value["source"] == "stream");
    let (_, end) = all.last().unwrap();
    let decoded = ["fast_path", "general_path"].map(|path| end[path].as_u64().unwrap());
    let decoded: u64 = decoded.iter().sum();
    assert!(decoded >= streamed.count() as u64, "{end}");
    // A mirror of the book that applies its changes equals its levels.
    let mut mirror = BTreeMap::<(String, String, String), String>::new();
    for (_, book) in all.iter().filter(|(kind, _)| kind == "book") {
        let name = book["name"].as_str().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        for change in book["changes"].as_array().unwrap() {
            let key = (name.to_owned(), text(&change[0]), text(&change[1]));
            if text(&change[2]).contains(|c: char| matches!(c, '1'..='9')) {
                mirror.insert(key, text(&change[2]));
            } else {
                mirror.remove(&key);
            }
        }
        for (side, levels) in [("bid", "bids"), ("ask", "asks")] {
            let levels = book[levels].as_array().unwrap();
            let own = |key: &(String, String, String)| key.0 == name && key.1 == side;
            assert_eq!(mirror.keys().filter(|key| own(key)).count(), levels.len());
            for level in levels {
                let key = (name.to_owned(), side.to_owned(), text(&level[0]));
                assert_eq!(mirror.get(&key), Some(&text(&level[1])), "{key:?}");
            }
        }
    }
    assert!(!mirror.is_empty());
}

#[test]
fn prints_all_jayx_streams() {
    let args = "watch --json --venue=jayx --jayx-stream=orderbook,kline,positions,openorders";
    let wanted = ["book", "trades", "candle", "balance", "order", "message"];
    let args: Vec<&str> = args.split(' ').collect();
    let found = run(&args, &[&wanted[..], &["protocol"]].concat());
    let protocols = found.iter().filter(|it| it.0 == "protocol");
    let protocols: Vec<&Value> = protocols.map(|it| &it.1["protocol"]).collect();
    assert_eq!(protocols, ["Socket.IO"], "once");
    let args = [&args[..], &["--envelope=plain", "--depth=1"]].concat();
    run(&args, &wanted);
}

#[test]
fn prints_all_bayse_channels() {
    let channels = "--channel=orderbook,prices,activity,asset_prices,user_trades,orders";
    let args = ["watch", "--json", "--venue=bayse", channels, "--depth=2"];
    let wanted = ["book", "trades", "reference_price", "order", "message"];
    let all = run(&args, &wanted);
    for side in ["bids", "asks"] {
        let books = all.iter().filter(|it| it.0 == "book");
        let levels = books.map(|(_, book)| book[side].as_array().unwrap().len());
        assert_eq!(levels.max(), Some(2));
    }
}

#[test]
fn prints_kraken_books_and_trades() {
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/kraken.jsonl");
    let (_server, url) = Running::serve(&["--log", log]);
    let args = ["watch", "--json", "--venue=kraken", "--url", &url];
    let wanted = ["welcome", "status", "scale", "state", "book", "trades"];
    let all = run(&args, &wanted);
    let books = all.iter().filter(|it| it.0 == "book");
    let updates: Vec<&str> = books.map(|it| it.1["kind"].as_str().unwrap()).collect();
    assert_eq!(updates[..2], ["snapshot", "delta"]);
}

#[test]
fn reports_bad_lines_and_disconnects() {
    let faults = "drop=40,garbage=0.3,seed=7";
    let (_server, url) = Running::serve(&["--venue=jayx", "--faults", faults]);
    let args = ["watch", "--json", "--venue=jayx", "--url", &url];
    let all = run(&args, &["bad_line", "disconnected", "state"]);
    let states = all.iter().filter(|it| it.0 == "state");
    let states: Vec<&str> = states.map(|it| it.1["new"].as_str().unwrap()).collect();
    assert_eq!(states[..1], ["live"]);
    assert!(states.contains(&"disconnected"), "{states:?}");
    // Each state of a book is reported before the first book with it.
    let mut state = "empty".to_owned();
    for (kind, value) in &all {
        match kind.as_str() {
            "state" => {
                assert_eq!(value["old"].as_str(), Some(state.as_str()));
                value["new"].as_str().unwrap().clone_into(&mut state);
            }
            "book" => assert_eq!(value["state"].as_str(), Some(state.as_str())),
            _ => {}
        }
    }
}

#[test]
fn reports_unconfirmed_subscriptions() {
    // A server that replies only to WebSocket pings.
    let (_server, url) = Running::serve(&["--venue=bayse", "--faults", "freeze=1h:1"]);
    let folder = Folder::new("unconfirmed");
    let markets = "[[bayse.market]]\nid = \"m1\"\n[[bayse.market]]\nid = \"m2\"\n";
    let config = format!("[[bayse]]\nurl = \"{url}\"\npatience = \"100ms\"\n{markets}");
    let config = folder.write("ticklot.toml", &config);
    let all = run(&["--config", &config, "--json"], &["unconfirmed"]);
    let room = |it: &Value| it["room"].as_str().unwrap().to_owned();
    let reported = all.iter().filter(|it| it.0 == "unconfirmed");
    let reported: BTreeSet<String> = reported.map(|it| room(&it.1)).collect();
    assert_eq!(
        reported,
        ["orderbook:m1", "orderbook:m2"].map(str::to_owned).into()
    );
    let end = all.last().unwrap().1["unconfirmed"].as_array().unwrap();
    assert_eq!(end.iter().map(room).collect::<BTreeSet<_>>(), reported);
}

/// The golden files contain every type, and their lines match the tables.
#[test]
fn golden_files_match_the_tables() {
    let tables = tables();
    let mut types = BTreeSet::from(["start".to_owned()]);
    for name in ["bayse", "jayx", "kraken", "other_events"] {
        let path = format!("{}/tests/golden/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let golden = std::fs::read_to_string(path).unwrap();
        types.extend(golden.lines().map(|line| check(line, &tables).0));
    }
    // Tables whose headings are not types are parts of other tables.
    let documented = TABLES.lines().filter_map(|line| line.strip_prefix("### `"));
    let documented = documented.map(|line| line.trim_matches('`').to_owned());
    assert_eq!(documented.collect::<BTreeSet<_>>(), types);
}
