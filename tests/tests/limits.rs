//! The values in `docs/limits.md` equal those of the code.
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
    let row = |line: &'static str| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        Row {
            name: cells.next().unwrap().split('`').nth(1).unwrap(),
            default: cells.next().unwrap(),
            file: cells.next().unwrap().trim_matches('`'),
        }
    };
    let lines = TABLE.lines().filter(|line| line.starts_with("| `"));
    lines.map(row).collect()
}

impl Row {
    /// Whether it names a constant rather than a field.
    fn is_constant(&self) -> bool {
        !self.name.chars().any(char::is_lowercase)
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn source(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The number at the start of a default: a count, bytes, or milliseconds.
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

/// The value of a constant, in the same units; `None` if the source has no such constant.
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
    digits
        .parse()
        .unwrap_or_else(|_| panic!("cannot evaluate {text}"))
}

#[test]
fn table_constants_have_their_values() {
    let mut checked = 0;
    for Row {
        name,
        default,
        file,
    } in rows().into_iter().filter(Row::is_constant)
    {
        let value = constant(&source(file), name);
        assert_eq!(value, Some(number(default)), "{name} in {file}");
        checked += 1;
    }
    assert!(checked > 30, "only {checked}");
}

#[test]
fn table_defaults_are_the_defaults() {
    let net = Config::default();
    let options = ticklot::Options::default();
    let (reconnect, resync) = (&options.reconnect, &options.resync);
    let flight = ticklot::capture::FlightOptions::default();
    let limits = ticklot_sim::Limits::default();
    let jayx = ticklot_sim::jayx::Config::default();
    let bayse = ticklot_sim::bayse::Config::default();
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap();
    let count = |count: usize| count as u64;
    let (client, server) = (
        "crates/transport/src/config.rs",
        "crates/sim/src/net/limits.rs",
    );
    let session = "crates/ticklot/src/session/mod.rs";
    let backoff = "crates/ticklot/src/session/backoff.rs";
    let in_resync = "crates/ticklot/src/session/resync.rs";
    let recorder = "crates/ticklot/src/capture/flight_recorder.rs";
    let (sim_jayx, sim_bayse) = (
        "crates/sim/src/jayx/config.rs",
        "crates/sim/src/bayse/config.rs",
    );
    let defaults = [
        ("max_message_size", client, count(net.max_message_size)),
        ("connect_timeout", client, ms(net.connect_timeout)),
        ("tls_timeout", client, ms(net.tls_timeout)),
        ("upgrade_timeout", client, ms(net.upgrade_timeout)),
        ("write_timeout", client, ms(net.write_timeout)),
        ("close_timeout", client, ms(net.close_timeout)),
        ("max_frame", session, count(options.max_frame)),
        ("max_memory", session, count(options.max_memory)),
        ("stale_after", session, ms(options.stale_after.unwrap())),
        ("max_retry_after", backoff, ms(reconnect.max_retry_after)),
        ("cap", backoff, ms(reconnect.cap)),
        ("good_after", backoff, ms(reconnect.good_after)),
        ("proven_after", backoff, ms(reconnect.proven_after)),
        ("snapshot_timeout", in_resync, ms(resync.snapshot_timeout)),
        ("cap", in_resync, ms(resync.cap)),
        ("bytes", recorder, count(flight.bytes)),
        ("min_interval", recorder, ms(flight.min_interval)),
        ("max_incidents", recorder, flight.max_incidents.into()),
        ("max_message", server, count(limits.max_message)),
        ("max_connections", server, count(limits.max_connections)),
        ("upgrade_timeout", server, ms(limits.upgrade_timeout)),
        ("write_timeout", server, ms(limits.write_timeout)),
        ("close_timeout", server, ms(limits.close_timeout)),
        ("backlog", sim_jayx, count(jayx.backlog)),
        ("backlog", sim_bayse, count(bayse.backlog)),
        ("messages", sim_bayse, bayse.messages.count.into()),
        ("upgrades", sim_bayse, bayse.upgrades.count.into()),
    ];
    let mut rows = rows();
    rows.retain(|row| !row.is_constant());
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

/// Constants that refuse nothing: longer numbers leave the fast path for the general one. `docs/limits.md` explains the
/// others below its table.
fn is_no_limit(path: &str, name: &str) -> bool {
    path.ends_with("fast/cursor.rs")
        || path.ends_with("socket_io.rs") && name == "MAX_PAYLOAD"
        || matches!(name, "MAX_DOUBLINGS" | "MAX_PER_MESSAGE")
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
            let (_, constant) = line.split_once("const ").unwrap();
            let (name, _) = constant.split_once(':').unwrap();
            let is_row = |row: &Row| row.name == name && path.ends_with(row.file);
            let has_row = rows.iter().any(is_row);
            assert!(has_row || is_no_limit(path, name), "{name} of {path}");
        }
    }
}
