//! `docs/limits.md` says what the code says.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use ticklot_transport::Config;

const TABLE: &str = include_str!("../../docs/limits.md");

/// A row of a table: the limit, its default, and the file that sets it.
struct Row {
    name: &'static str,
    default: &'static str,
    file: &'static str,
}

fn rows() -> Vec<Row> {
    let cells = TABLE.lines().filter(|line| line.starts_with("| `"));
    cells
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let name = cells.next().unwrap().split('`').nth(1).unwrap();
            let default = cells.next().unwrap();
            let file = cells.next().unwrap().trim_matches('`');
            Row {
                name,
                default,
                file,
            }
        })
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn source(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The number that a default begins with: a count, bytes, or milliseconds.
fn number(default: &str) -> u64 {
    let mut words = default.split(' ');
    let count: u64 = words.next().unwrap().replace(',', "").parse().unwrap();
    count
        * match words.next() {
            Some("KiB") => 1 << 10,
            Some("MiB") => 1 << 20,
            Some("s") => 1_000,
            _ => 1,
        }
}

/// What the constant of this name is, in the same units; none when there is none.
fn constant(source: &str, name: &str) -> Option<u64> {
    let marker = format!("const {name}: ");
    let line = source.lines().find(|line| line.contains(&marker))?;
    let (_, text) = line.trim_end_matches(';').split_once(" = ")?;
    Some(evaluate(text))
}

fn evaluate(text: &str) -> u64 {
    for (call, times) in [("from_secs(", 1_000), ("from_millis(", 1)] {
        if let Some((_, inner)) = text.split_once(call) {
            return evaluate(inner.trim_end_matches(')')) * times;
        }
    }
    if let Some((number, shift)) = text.split_once(" << ") {
        return evaluate(number) << evaluate(shift);
    }
    if let Some((a, b)) = text.split_once(" + ") {
        return evaluate(a) + evaluate(b);
    }
    if let Some((a, b)) = text.split_once(" * ") {
        return evaluate(a) * evaluate(b);
    }
    let digits = text.replace('_', "");
    digits.parse().unwrap_or_else(|_| panic!("what is {text}?"))
}

#[test]
fn table_constants_have_their_values() {
    let mut checked = 0;
    for row in rows() {
        if row.name.chars().any(char::is_lowercase) {
            continue;
        }
        let value = constant(&source(row.file), row.name);
        assert_eq!(
            value,
            Some(number(row.default)),
            "{} in {}",
            row.name,
            row.file
        );
        checked += 1;
    }
    assert!(checked > 30, "only {checked}");
}

#[test]
fn table_defaults_are_the_defaults() {
    let transport = Config::default();
    let options = ticklot::Options::default();
    let limits = ticklot_sim::Limits::default();
    let (jayx, bayse) = (
        ticklot_sim::jayx::Config::default(),
        ticklot_sim::bayse::Config::default(),
    );
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap();
    let in_transport = "crates/transport/src/config.rs";
    let in_sim = "crates/sim/src/net/limits.rs";
    let (session, backoff) = (
        "crates/ticklot/src/session/mod.rs",
        "crates/ticklot/src/session/backoff.rs",
    );
    let (in_flight, flight) = (
        "crates/ticklot/src/capture/flight_recorder.rs",
        ticklot::capture::FlightOptions::default(),
    );
    let resync = "crates/ticklot/src/session/resync.rs";
    let in_bayse = "crates/sim/src/bayse/config.rs";
    let defaults = [
        (
            "max_message_size",
            in_transport,
            transport.max_message_size as u64,
        ),
        (
            "connect_timeout",
            in_transport,
            ms(transport.connect_timeout),
        ),
        ("tls_timeout", in_transport, ms(transport.tls_timeout)),
        (
            "upgrade_timeout",
            in_transport,
            ms(transport.upgrade_timeout),
        ),
        ("write_timeout", in_transport, ms(transport.write_timeout)),
        ("close_timeout", in_transport, ms(transport.close_timeout)),
        ("max_frame", session, options.max_frame as u64),
        ("max_memory", session, options.max_memory as u64),
        ("stale_after", session, ms(options.stale_after.unwrap())),
        (
            "max_retry_after",
            backoff,
            ms(options.reconnect.max_retry_after),
        ),
        ("cap", backoff, ms(options.reconnect.cap)),
        ("good_after", backoff, ms(options.reconnect.good_after)),
        ("proven_after", backoff, ms(options.reconnect.proven_after)),
        ("patience", resync, ms(options.resync.patience)),
        ("cap", resync, ms(options.resync.cap)),
        ("bytes", in_flight, flight.bytes as u64),
        ("every", in_flight, ms(flight.every)),
        ("most", in_flight, u64::from(flight.most)),
        ("max_message", in_sim, limits.max_message as u64),
        ("max_connections", in_sim, limits.max_connections as u64),
        ("upgrade_timeout", in_sim, ms(limits.upgrade_timeout)),
        ("write_timeout", in_sim, ms(limits.write_timeout)),
        ("close_timeout", in_sim, ms(limits.close_timeout)),
        (
            "backlog",
            "crates/sim/src/jayx/config.rs",
            jayx.backlog as u64,
        ),
        ("backlog", in_bayse, bayse.backlog as u64),
        ("messages", in_bayse, u64::from(bayse.messages.count)),
        ("upgrades", in_bayse, u64::from(bayse.upgrades.count)),
    ];
    let mut rows = rows();
    rows.retain(|row| row.name.chars().any(char::is_lowercase));
    assert_eq!(rows.len(), defaults.len());
    for (name, file, default) in defaults {
        let row = rows.iter().find(|row| row.name == name && row.file == file);
        let row = row.unwrap_or_else(|| panic!("no row for {name} of {file}"));
        assert_eq!(number(row.default), default, "{name} of {file}");
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

/// Nothing that is beyond these is refused: the fast path leaves longer numbers to the general one. The other constants are
/// explained below their table.
fn is_no_limit(path: &str, name: &str) -> bool {
    path.ends_with("fast/cursor.rs")
        || path.ends_with("socket_io.rs") && name == "MAX_PAYLOAD"
        || matches!(name, "MAX_DOUBLINGS" | "MAX_TOGETHER")
}

#[test]
fn limit_constants_have_rows() {
    let mut found = Vec::new();
    for krate in root().join("crates").read_dir().unwrap() {
        sources(&krate.unwrap().path().join("src"), &mut found);
    }
    let rows = rows();
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        let path = path.to_str().unwrap();
        for line in text.lines().filter(|line| line.contains("const MAX_")) {
            let name = line
                .split("const ")
                .nth(1)
                .unwrap()
                .split(':')
                .next()
                .unwrap();
            let has_row = rows
                .iter()
                .any(|row| row.name == name && path.ends_with(row.file));
            assert!(has_row || is_no_limit(path, name), "{name} of {path}");
        }
    }
}
