//! `--json` is what `docs/json.md` says: every object has the fields of its table and no others, each of the
//! type that the table gives.

#![cfg(unix)] // a server is ended by `kill`
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Folder, Running};
use serde_json::{Map, Value};

const TABLES: &str = include_str!("../../../docs/json.md");

type Fields = BTreeMap<&'static str, &'static str>;

/// The fields of every object, by the heading above their table.
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
        let (name, kind) = (
            cells.next().unwrap().trim_matches('`'),
            cells.next().unwrap(),
        );
        tables.entry(heading).or_default().insert(name, kind);
    }
    tables
}

/// Whether a value is of a type: `text`, `integer`, `decimal`, a word in quotes, `X or null`, `list of X`, or the name of
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
        table => value
            .as_object()
            .is_some_and(|map| has_fields(map, &tables[table], tables)),
    }
}

fn is_list(value: &Value, kinds: &[&str], tables: &BTreeMap<&str, Fields>) -> bool {
    value.as_array().is_some_and(|list| {
        list.len() == kinds.len()
            && list
                .iter()
                .zip(kinds)
                .all(|(it, kind)| is(it, kind, tables))
    })
}

fn is_decimal(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

fn has_fields(map: &Map<String, Value>, fields: &Fields, tables: &BTreeMap<&str, Fields>) -> bool {
    let names: BTreeSet<&str> = map.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        fields.keys().copied().collect(),
        "the fields of {map:?}"
    );
    map.iter().all(|(name, value)| {
        let kind = fields[name.as_str()];
        let is_it = is(value, kind, tables);
        assert!(is_it, "{name}: {value} is no {kind}");
        is_it
    })
}

/// Holds a line to its table, and returns its type.
fn check(line: &str, tables: &BTreeMap<&str, Fields>) -> (String, Value) {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let kind = value["type"].as_str().unwrap().to_owned();
    let fields = tables.get(kind.as_str());
    let fields = fields.unwrap_or_else(|| panic!("{kind} is not documented: {line}"));
    let mut fields = fields.clone();
    fields.extend(tables["every object"].clone());
    assert!(
        has_fields(value.as_object().unwrap(), &fields, tables),
        "{line}"
    );
    (kind, value)
}

/// Runs the program until it has printed all of these types, interrupts it, and checks all of its lines.
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
    assert!(missing.is_empty(), "{missing:?} never came");
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
    assert_eq!(all.first().unwrap().0, "start");
    assert_eq!(all.last().unwrap().0, "end");
    // One clock: the texts have one length and one order with the times.
    let times = all.iter().map(|(_, value)| value["time"].as_str());
    assert!(times.is_sorted(), "{all:?}");
    all
}

// Over a second each: real programs, which are read until all that should be there has come.

#[test]
fn changes_mirror_the_books() {
    let all = run(
        &["--json"],
        &["connected", "subscribed", "state", "book", "trades"],
    );
    let streamed = all.iter().filter(|(_, value)| value["source"] == "stream");
    let (_, end) = all.last().unwrap();
    let decoded = ["fast_path", "general_path"].map(|path| end[path].as_u64().unwrap());
    assert!(
        decoded.iter().sum::<u64>() >= streamed.count() as u64,
        "{end}"
    );
    // A mirror of the book by its changes is the book by its levels.
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
    run(
        &[&args[..], &["--envelope=plain", "--depth=1"]].concat(),
        &wanted,
    );
}

#[test]
fn prints_all_bayse_channels() {
    let channels = "--channel=orderbook,prices,activity,asset_prices,user_trades,orders";
    let args = ["watch", "--json", "--venue=bayse", channels, "--depth=2"];
    let all = run(
        &args,
        &["book", "trades", "reference_price", "order", "message"],
    );
    let books: Vec<&Value> = all
        .iter()
        .filter(|it| it.0 == "book")
        .map(|it| &it.1)
        .collect();
    for side in ["bids", "asks"] {
        let levels = |book: &&Value| book[side].as_array().unwrap().len();
        assert_eq!(books.iter().map(levels).max(), Some(2));
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
    // No book is told with a state that was not told before it.
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
    // A server that answers WebSocket pings alone.
    let (_server, url) = Running::serve(&["--venue=bayse", "--faults", "freeze=1h:1"]);
    let folder = Folder::new("unconfirmed");
    let config = folder.write(
        "ticklot.toml",
        &format!(
            "[[bayse]]\nurl = \"{url}\"\npatience = \"100ms\"\n[[bayse.market]]\nid = \"m1\"\n[[bayse.market]]\nid = \"m2\"\n"
        ),
    );
    let all = run(&["--config", &config, "--json"], &["unconfirmed"]);
    let rooms = |list: &mut dyn Iterator<Item = &Value>| -> BTreeSet<String> {
        list.map(|it| it["room"].as_str().unwrap().to_owned())
            .collect()
    };
    let reported = all
        .iter()
        .filter(|it| it.0 == "unconfirmed")
        .map(|it| &it.1);
    let end = &all.last().unwrap().1["unconfirmed"];
    let expected = BTreeSet::from(["orderbook:m1".to_owned(), "orderbook:m2".to_owned()]);
    assert_eq!(rooms(&mut { reported }), expected);
    assert_eq!(rooms(&mut end.as_array().unwrap().iter()), expected);
}

/// The golden files have every type, and each line of them is as its table says.
#[test]
fn golden_files_match_the_tables() {
    let tables = tables();
    let mut types = BTreeSet::from(["start".to_owned()]);
    for name in ["bayse", "jayx", "kraken", "other_events"] {
        let path = format!("{}/tests/golden/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let golden = std::fs::read_to_string(path).unwrap();
        types.extend(golden.lines().map(|line| check(line, &tables).0));
    }
    // Tables whose headings are no types are parts of others.
    let documented = TABLES.lines().filter_map(|line| line.strip_prefix("### `"));
    let documented = documented.map(|line| line.trim_matches('`').to_owned());
    assert_eq!(documented.collect::<BTreeSet<_>>(), types);
}
