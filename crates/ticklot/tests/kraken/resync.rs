//! Gaps and their repair: checksum mismatches, scales, refusals, reconnects and requests of the user.

use ticklot::kraken::{Command, Kraken, Topic};

use crate::bench::{Bench, SECOND};
use crate::wire::{self, BTC, ETH};

/// Acknowledges the renewal of a book, without its snapshot.
fn resubscribe(bench: &mut Bench, symbol: &str) {
    assert_eq!(bench.sent(), [format!("unsubscribe book {symbol}")]);
    bench.frame(&wire::unsubscribed("book", symbol));
    assert_eq!(bench.sent(), [format!("subscribe book {symbol}")]);
    bench.frame(&wire::subscribed("book", symbol));
}

/// Completes the renewal of a book.
fn renew(bench: &mut Bench, symbol: &str) {
    resubscribe(bench, symbol);
    bench.frame(&wire::snapshot(symbol));
    assert_eq!(bench.state(symbol), "live");
}

#[test]
fn a_mismatch_renews_one_book() {
    let mut bench = Bench::live(&[BTC, ETH]);
    bench.frame(&wire::update(BTC));
    bench.frame(&wire::update(ETH));
    assert!(bench.events().is_empty());
    bench.frame(&wire::wrong_update(BTC));
    let found = [
        "BTC/USD gap checksum_mismatch",
        "BTC/USD resync 1 requested",
    ];
    assert_eq!(bench.events(), found);
    // Updates of the old subscription have no effect.
    bench.frame(&wire::update(BTC));
    bench.frame(&wire::update(ETH));
    renew(&mut bench, BTC);
    bench.frame(&wire::update(BTC));
    let repaired = [
        "unsubscribed book:BTC/USD",
        "subscribed book:BTC/USD",
        "BTC/USD live snapshot",
    ];
    assert_eq!(bench.events(), repaired);
    let stats = bench.stats();
    assert_eq!((stats.gaps, stats.resyncs, stats.connects), (1, 1, 1));
    assert_eq!((stats.snapshots, stats.deltas), (3, 4));
    assert_eq!((bench.counts(BTC).gaps, bench.counts(BTC).resyncs), (1, 1));
    assert_eq!((bench.counts(ETH).gaps, bench.counts(ETH).resyncs), (0, 0));
    bench.beat(60);
    assert!(bench.events().is_empty() && bench.sent().is_empty());
}

#[test]
fn the_first_cause_is_kept() {
    let mut bench = Bench::live(&[BTC]);
    bench.frame(&wire::wrong_update(BTC));
    let state = bench.books.state(bench.id(BTC));
    assert!(matches!(
        state,
        ticklot::BookState::Gap(ticklot::Gap::Checksum { expected: 1, .. })
    ));
}

#[test]
fn lost_unsubscription_delays_repair() {
    let mut bench = Bench::live(&[BTC]);
    bench.frame(&wire::wrong_update(BTC));
    assert_eq!(bench.sent(), ["unsubscribe book BTC/USD"]);
    bench.beat(6);
    assert_eq!(bench.sent(), ["subscribe book BTC/USD"]);
    // Only the acknowledgement of the unsubscription was lost.
    bench.settle(BTC);
}

#[test]
fn an_ignored_unsubscription_is_repeated() {
    let mut bench = Bench::live(&[BTC]);
    bench.frame(&wire::wrong_update(BTC));
    bench.beat(6);
    bench.sent();
    bench.frame(&wire::refused("subscribe", BTC, "Already subscribed"));
    renew(&mut bench, BTC);
    assert_eq!(bench.stats().resyncs, 1);
}

#[test]
fn a_refused_unsubscription_continues() {
    let mut bench = Bench::live(&[BTC]);
    bench.frame(&wire::wrong_update(BTC));
    bench.sent();
    bench.events();
    let text = "Subscription Not Found";
    bench.frame(&wire::refused("unsubscribe", BTC, text));
    assert_eq!(bench.events(), [format!("refused book:BTC/USD: {text}")]);
    assert_eq!(bench.sent(), ["subscribe book BTC/USD"]);
}

#[test]
fn a_refused_resubscription_is_retried() {
    let mut bench = Bench::live(&[BTC, ETH]);
    bench.frame(&wire::wrong_update(BTC));
    bench.sent();
    bench.frame(&wire::unsubscribed("book", BTC));
    let mut waits = Vec::new();
    bench.events();
    for attempt in 1..=3 {
        assert_eq!(bench.sent(), ["subscribe book BTC/USD"]);
        bench.frame(&wire::refused("subscribe", BTC, "Internal error"));
        let failed = format!("BTC/USD resync {attempt} failed: Internal error");
        let events = bench.events();
        assert!(events.contains(&failed), "{events:?}");
        waits.push(wait_for_request(&mut bench));
        let next = attempt + 1;
        assert_eq!(bench.events(), [format!("BTC/USD resync {next} requested")]);
    }
    assert!(
        waits[0] >= 5 && waits[1] >= 10 && waits[2] >= 20,
        "{waits:?}"
    );
    bench.sent();
    bench.subscribe(BTC);
    assert_eq!((bench.state(BTC), bench.state(ETH)), ("live", "live"));
}

/// The seconds until the next request.
fn wait_for_request(bench: &mut Bench) -> u64 {
    let resyncs = bench.stats().resyncs;
    let seconds = (1..100).find(|_| {
        bench.beat(1);
        bench.stats().resyncs > resyncs
    });
    seconds.unwrap()
}

#[test]
fn missing_snapshot_is_requested_again() {
    let mut bench = Bench::live(&[BTC]);
    bench.frame(&wire::wrong_update(BTC));
    resubscribe(&mut bench, BTC);
    bench.events();
    bench.beat(8);
    let expected = ["BTC/USD resync 1 timed out", "BTC/USD resync 2 requested"];
    assert_eq!(bench.events(), expected);
    renew(&mut bench, BTC);
}

#[test]
fn wrong_snapshot_is_requested_again() {
    let mut bench = Bench::live(&[BTC]);
    bench.frame(&wire::wrong_update(BTC));
    resubscribe(&mut bench, BTC);
    bench.events();
    bench.frame(&wire::snapshot(BTC).replace("20.00", "22.00"));
    assert_eq!(bench.state(BTC), "gap");
    assert!(bench.events().is_empty(), "a gap stays one");
    bench.beat(8);
    renew(&mut bench, BTC);
    assert_eq!(bench.counts(BTC).gaps, 2);
}

#[test]
fn the_user_requests_a_snapshot() {
    let mut bench = Bench::live(&[BTC, ETH]);
    bench.resync(BTC);
    let expected = ["BTC/USD resync 1 requested", "BTC/USD gap resync"];
    assert_eq!(bench.events(), expected);
    renew(&mut bench, BTC);
    assert_eq!(bench.stats().gaps, 0);
    bench.command(Command::Unsubscribe(Topic::book(BTC)));
    bench.events();
    bench.resync(BTC);
    assert_eq!(bench.events(), ["BTC/USD resync 0 unsupported"]);
}

#[test]
fn early_request_keeps_order() {
    let mut bench = Bench::new(Kraken::new([BTC]));
    bench.open();
    bench.resync(BTC);
    assert_eq!(bench.sent(), ["subscribe instrument"]);
    bench.frame(&wire::instruments("snapshot", &[BTC], 1, "online"));
    assert_eq!(bench.sent(), ["subscribe book BTC/USD"]);
}

#[test]
fn another_precision_renews_one_book() {
    let mut bench = Bench::live(&[BTC, ETH]);
    bench.frame(&wire::instruments("update", &[BTC], 3, "online"));
    let expected = [
        "BTC/USD gap scale_changed",
        "BTC/USD scale 3 2",
        "BTC/USD resync 1 requested",
    ];
    assert_eq!(bench.events(), expected);
    assert_eq!(bench.state(ETH), "live");
    resubscribe(&mut bench, BTC);
    // The price has two more decimals.
    let sum = wire::crc("10300300101002000");
    let snapshot =
        wire::snapshot(BTC).replace(&wire::crc("1033001012000").to_string(), &sum.to_string());
    bench.frame(&snapshot);
    assert_eq!(bench.state(BTC), "live");
    bench.frame(&wire::instruments("update", &[BTC], 3, "online"));
    assert!(bench.sent().is_empty(), "nothing changed");
}

#[test]
fn a_reconnect_begins_anew() {
    let mut bench = Bench::live(&[BTC, ETH]);
    bench.frame(&wire::wrong_update(BTC));
    bench.events();
    bench.wait_after(&ticklot::Disconnect::IdleTimeout);
    let expected = [
        "BTC/USD disconnected disconnected",
        "ETH/USD disconnected disconnected",
        "disconnected",
    ];
    assert_eq!(bench.events(), expected);
    bench.frame(&wire::snapshot(BTC));
    assert_eq!((bench.stats().late, bench.state(BTC)), (1, "disconnected"));
    bench.sent();
    bench.listed(&[BTC, ETH]);
    let expected = ["subscribe instrument", "subscribe book BTC/USD,ETH/USD"];
    assert_eq!(bench.sent(), expected);
    bench.frame(&wire::update(ETH));
    assert_eq!(bench.state(ETH), "disconnected");
    for symbol in [BTC, ETH] {
        bench.frame(&wire::subscribed("book", symbol));
        assert_eq!(bench.state(symbol), "disconnected");
        bench.frame(&wire::snapshot(symbol));
        assert_eq!(bench.state(symbol), "live");
    }
    assert!(bench.pass(SECOND).is_none());
    assert!(bench.sent().is_empty(), "the gap is over");
}
