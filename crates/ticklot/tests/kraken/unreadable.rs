//! Frames that cannot be decoded or applied: the books that become gaps, and their repair.

use ticklot::kraken::{Command, Topic};

use crate::bench::Bench;
use crate::wire::{self, BTC, ETH};

/// Frames, and the books whose updates they may have contained.
const FRAMES: &[(&str, &[&str])] = &[
    ("{", &[BTC, ETH]),
    ("[1]", &[BTC, ETH]),
    (r#"{"channel":"book","type":"update"}"#, &[BTC, ETH]),
    (
        r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":7}]}"#,
        &[BTC],
    ),
    (
        r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":1.23,"qty":1}]}]}"#,
        &[BTC],
    ),
    (
        r#"{"channel":"book","type":"other","data":[{"symbol":"ETH/USD"}]}"#,
        &[ETH],
    ),
    (
        r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":7},{"symbol":"ETH/USD"}]}"#,
        &[BTC, ETH],
    ),
    (
        r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD"}]}"#,
        &[],
    ),
    (r#"{"channel":"status","type":"update","data":[]}"#, &[]),
    (r#"{"channel":"instrument","type":"update"}"#, &[]),
    (r#"{"method":"subscribe","success":true}"#, &[]),
    (
        r#"{"method":"subscribe","success":7,"symbol":"BTC/USD"}"#,
        &[],
    ),
];

#[test]
fn a_frame_names_its_books() {
    for (frame, gaps) in FRAMES {
        let mut bench = Bench::live(&[BTC, ETH]);
        bench.frame(frame);
        let found = gaps.iter().map(|it| format!("{it} gap bad_message"));
        let requested = gaps.iter().map(|it| format!("{it} resync 1 requested"));
        let bad = ["bad line".to_owned()];
        let expected: Vec<String> = found.chain(bad).chain(requested).collect();
        assert_eq!(bench.events(), expected, "{frame}");
        let request = format!("unsubscribe book {}", gaps.join(","));
        let sent = bench.sent();
        assert_eq!(sent, Vec::from_iter((!gaps.is_empty()).then_some(request)));
        assert_eq!(bench.stats().gaps, gaps.len() as u64, "{frame}");
        assert_eq!(bench.stats().bad_lines, 1);
    }
}

/// Its scale may be unknown, so an undecodable number does not make the frame invalid.
#[test]
fn an_unfollowed_book_is_unrequested() {
    let mut bench = Bench::live(&[BTC, ETH]);
    bench.command(Command::Unsubscribe(Topic::book(BTC)));
    bench.events();
    for symbol in [BTC, "XX/YY"] {
        let update = r#"{"channel":"book","type":"update","data":[{"symbol":"NAME","bids":7}]}"#;
        bench.frame(&update.replace("NAME", symbol));
    }
    assert!(bench.events().is_empty());
    assert_eq!(bench.counts(BTC).gaps, 0);
    assert_eq!((bench.stats().unrequested, bench.stats().bad_lines), (2, 0));
}

#[test]
fn lost_first_snapshot_is_requested() {
    let lost = [
        "{".to_owned(),
        r#"{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":7}]}"#.to_owned(),
        wire::impossible_snapshot(BTC),
    ];
    for frame in lost {
        let mut bench = Bench::listing(&[BTC]);
        bench.frame(&wire::subscribed("book", BTC));
        bench.sent();
        bench.frame(&frame);
        assert_eq!(bench.state(BTC), "empty");
        assert_eq!(bench.sent(), ["unsubscribe book BTC/USD"], "{frame}");
        bench.frame(&wire::unsubscribed("book", BTC));
        assert_eq!(bench.sent(), ["subscribe book BTC/USD"]);
        bench.settle(BTC);
    }
}

#[test]
fn an_update_needs_a_snapshot() {
    let mut bench = Bench::listing(&[BTC]);
    bench.frame(&wire::subscribed("book", BTC));
    bench.events();
    bench.sent();
    bench.frame(&wire::update(BTC));
    let expected = ["BTC/USD gap no_snapshot", "BTC/USD resync 1 requested"];
    assert_eq!(bench.events(), expected);
    assert_eq!(bench.sent(), ["unsubscribe book BTC/USD"]);
}
