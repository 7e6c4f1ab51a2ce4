//! Ten thousand symbols on one connection.

use std::collections::BTreeMap;

use ticklot::kraken::Kraken;

use crate::bench::{Bench, SECOND};
use crate::wire::{self, Sent};

const SYMBOLS: usize = 10_000;

/// The maximum number of messages in one second.
const RATE: usize = 10;

fn live(count: usize) -> (Bench, Vec<String>) {
    let symbols: Vec<String> = (0..count).map(|n| format!("S{n}/USD")).collect();
    let names: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let mut bench = Bench::new(Kraken::new(names.iter().copied()));
    bench.start(&names);
    // The rate limit delays the subscriptions.
    bench.beat(count as u64 / 100);
    let _ = (bench.events(), bench.sent());
    (bench, symbols)
}

/// Replies to requests until all books are live. Returns the requests with their times.
fn repair(bench: &mut Bench) -> Vec<(u64, Sent)> {
    let mut all = Vec::new();
    while bench.books.ids().any(|id| bench.books.live(id).is_none()) {
        let sent = bench.requests();
        if sent.is_empty() {
            bench.beat(1);
        }
        for (_, message) in &sent {
            reply(bench, message);
        }
        all.extend(sent);
    }
    all
}

fn reply(bench: &mut Bench, message: &Sent) {
    for symbol in &message.symbols {
        match message.method.as_str() {
            "unsubscribe" => drop(bench.frame(&wire::unsubscribed("book", symbol))),
            _ => bench.subscribe(symbol),
        }
    }
}

/// Takes about a second, with two subscriptions of 10,000 symbols.
#[test]
fn one_frame_renews_ten_thousand() {
    let (mut bench, symbols) = live(SYMBOLS);
    bench.frame("{");
    let events = bench.events();
    let ends_with = |end: &str| events.iter().filter(|it| it.ends_with(end)).count();
    assert_eq!(ends_with(" gap bad_message"), SYMBOLS);
    assert_eq!(ends_with(" resync 1 requested"), SYMBOLS);
    assert_eq!(events.len(), 2 * SYMBOLS + 1);
    assert_eq!(bench.stats().gaps, SYMBOLS as u64);

    let sent = repair(&mut bench);
    assert_eq!(sent.len(), 2 * SYMBOLS / 100);
    assert!(sent.iter().all(|(_, it)| it.symbols.len() == 100));
    assert!(busiest_second(&sent) <= RATE);
    let mut requests: BTreeMap<&str, usize> = BTreeMap::new();
    let named = sent.iter().flat_map(|(_, it)| &it.symbols);
    named.for_each(|symbol| *requests.entry(symbol).or_default() += 1);
    assert!(symbols.iter().all(|symbol| requests[symbol.as_str()] == 2));
    // A waiting topic is not requested again.
    assert_eq!(bench.stats().resyncs, SYMBOLS as u64);
    let later = bench.events();
    let is_state = |event: &&String| event.ends_with(" live snapshot");
    assert_eq!(later.iter().filter(is_state).count(), SYMBOLS);
    assert!(!later.iter().any(|event| event.ends_with("timed out")));
}

fn busiest_second(sent: &[(u64, Sent)]) -> usize {
    let times: Vec<u64> = sent.iter().map(|(time, _)| *time).collect();
    let within = |end: &u64| {
        let last = times.iter().filter(|it| *it <= end && end - *it <= SECOND);
        last.count()
    };
    times.iter().map(within).max().unwrap()
}
