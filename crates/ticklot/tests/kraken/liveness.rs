//! Heartbeats, silence, pings and the trading status.

use std::time::Duration;

use ticklot::Disconnect;
use ticklot::kraken::{Command, Kraken};

use crate::bench::{Bench, SECOND};
use crate::wire::{self, BTC, ETH};

#[test]
fn heartbeats_keep_books_live() {
    let mut bench = Bench::live(&[BTC, ETH]);
    bench.beat(600);
    assert!(bench.events().is_empty() && bench.sent().is_empty());
    assert_eq!((bench.state(BTC), bench.state(ETH)), ("live", "live"));
}

#[test]
fn silence_ends_the_connection() {
    let mut bench = Bench::live(&[BTC, ETH]);
    assert!(bench.pass(4 * SECOND).is_none());
    assert!(bench.events().is_empty());
    assert!(bench.pass(2 * SECOND).is_none());
    let expected = ["BTC/USD stale timeout", "ETH/USD stale timeout"];
    assert_eq!(bench.events(), expected);
    let end = bench.pass(5 * SECOND);
    assert!(matches!(end, Some(Disconnect::IdleTimeout)));
}

#[test]
fn a_late_heartbeat_revives_books() {
    let mut bench = Bench::live(&[BTC, ETH]);
    assert!(bench.pass(6 * SECOND).is_none());
    bench.events();
    bench.frame(wire::HEARTBEAT);
    let expected = ["BTC/USD live alive", "ETH/USD live alive"];
    assert_eq!(bench.events(), expected);
    bench.beat(60);
    assert!(bench.events().is_empty());
    // A heartbeat does not repair a gap.
    bench.frame(&wire::wrong_update(BTC));
    bench.events();
    assert!(bench.pass(6 * SECOND).is_none());
    bench.frame(wire::HEARTBEAT);
    let events = bench.events();
    let states = events.iter().filter(|it| !it.contains("resync"));
    let states: Vec<&String> = states.collect();
    assert_eq!(states, ["ETH/USD stale timeout", "ETH/USD live alive"]);
}

#[test]
fn pings_measure_the_round_trip() {
    let venue = Kraken::new([BTC]).ping_every(Duration::from_secs(2));
    let mut bench = Bench::new(venue);
    bench.listed(&[BTC]);
    bench.sent();
    bench.events();
    assert!(bench.pass(2 * SECOND).is_none());
    assert_eq!(bench.sent(), ["ping"]);
    assert!(bench.pass(SECOND / 4).is_none());
    bench.frame(wire::PONG);
    bench.frame(wire::PONG);
    assert_eq!(bench.events(), ["round trip 250ms"]);
    bench.command(Command::Ping);
    assert_eq!(bench.sent(), ["ping"]);
}

#[test]
fn unanswered_ping_ends_connection() {
    let venue = Kraken::new([BTC]).ping_every(Duration::from_secs(2));
    let mut bench = Bench::new(venue);
    bench.listed(&[BTC]);
    let over = (0..12).find_map(|_| {
        bench.frame(wire::HEARTBEAT);
        bench.pass(SECOND)
    });
    let over = over.expect("the connection is closed").to_string();
    assert_eq!(over, "the server did not reply to a ping in time");
}

#[test]
fn trading_status_is_reported() {
    let mut bench = Bench::live(&[BTC, ETH]);
    for (word, name) in [
        ("cancel_only", "cancel_only"),
        ("work_in_progress", "halted"),
        ("new_word", "other"),
        ("online", "online"),
    ] {
        let update = wire::instruments("update", &[BTC], 1, word);
        bench.frame(&update);
        bench.frame(&update);
        assert_eq!(bench.events(), [format!("BTC/USD status {name}")]);
    }
    for word in ["maintenance", "cancel_only", "post_only", "online"] {
        bench.frame(&wire::status(word));
        let expected = ["welcome 7".to_owned(), format!("venue status {word}")];
        assert_eq!(bench.events(), expected);
    }
    assert_eq!(bench.state(BTC), "live");
}

#[test]
fn other_instruments_are_ignored() {
    let mut bench = Bench::live(&[BTC]);
    bench.frame(&wire::instruments("update", &[ETH], 1, "cancel_only"));
    assert!(bench.events().is_empty());
}
