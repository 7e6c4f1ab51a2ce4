//! The counts of a session, and its outbox.

use ticklot::driver::NextAction;
use ticklot::jayx::Envelope;
use ticklot::{ConnectionId, Disconnect, Reconnect};

use crate::bench::{Bench, OPEN, PLAIN_BOOK, SECOND, closed, jayx, options};

#[test]
fn connections_and_messages_are_counted() {
    let mut bench = jayx(Envelope::Plain);
    assert_eq!(bench.session.id(), ConnectionId(0));
    for life in 1..=3 {
        bench.open();
        assert_eq!(bench.sent().len(), 1);
        bench.frame(PLAIN_BOOK);
        bench.end(&closed(1000));
        let stats = bench.session.stats();
        let bytes = PLAIN_BOOK.len() as u64;
        assert_eq!((stats.connects, stats.disconnects), (life, life));
        assert_eq!((stats.frames, stats.bytes), (life, life * bytes));
        assert_eq!((stats.sent, stats.snapshots), (life, life));
        bench.pass(60 * SECOND);
    }
    bench.open();
    bench.session.abandon(&mut bench.books);
    let stats = bench.session.stats();
    assert_eq!((stats.connects, stats.disconnects), (4, 4));
    // Without a connection, a frame is dropped.
    bench.session.abandon(&mut bench.books);
    assert_eq!(bench.session.stats().disconnects, 4);
    // A failed attempt also counts.
    bench.end(&Disconnect::Stopped);
    assert_eq!(bench.session.stats().disconnects, 5);
}

#[test]
fn no_reconnect_means_one_connection() {
    let once = || {
        let mut options = options();
        options.reconnect = Reconnect::never();
        let venue = ticklot::jayx::JayX::new("BTCUSDT");
        Bench::new(venue.build().unwrap(), options)
    };
    let mut failed = once();
    assert_eq!(failed.end(&closed(1006)), NextAction::Done);
    let mut ended = once();
    ended.open();
    assert_eq!(ended.end(&closed(1000)), NextAction::Done);
}

/// `has_outgoing` is true exactly while there is a message.
#[test]
fn has_outgoing_until_sent() {
    let mut bench = jayx(Envelope::Plain);
    bench.open();
    assert!(bench.session.has_outgoing(bench.now));
    assert_eq!(bench.sent().len(), 1);
    assert!(!bench.session.has_outgoing(bench.now));
    bench.frame(PLAIN_BOOK);
    let _ = bench.sent();
    assert!(!bench.session.has_outgoing(bench.now));
}

/// A format is learned from its first message.
#[test]
fn decode_paths_are_counted() {
    let levels = r#"[{"lots": 1, "ticks": 10}, {"lots": 2, "ticks": 9}]"#;
    let spaced = format!(r#"{{"orderBook": {{"asks": [], "bids": {levels}}}}}"#);
    let mut bench = jayx(Envelope::Plain);
    bench.open();
    for (frame, expected) in [
        (spaced.as_str(), (0, 1)),
        (&spaced, (1, 1)),
        (PLAIN_BOOK, (1, 2)),
        (&spaced, (2, 2)),
    ] {
        bench.frame(frame);
        let stats = bench.session.stats();
        assert_eq!((stats.fast_path, stats.general_path), expected);
    }
}

#[test]
fn a_skipped_frame_is_numbered() {
    let mut bench = jayx(Envelope::Plain);
    bench.open();
    bench.frame(PLAIN_BOOK);
    bench.session.skip_frame();
    bench.session.skip_frame();
    bench.events();
    bench.frame(PLAIN_BOOK);
    assert_eq!(bench.events(), ["BTCUSDT 3:0 0 live"]);
    assert_eq!(bench.session.stats().frames, 2, "those that were read");
}

#[test]
fn replies_wait_in_queue() {
    let mut bench = jayx(Envelope::SocketIo);
    bench.open();
    for frame in [OPEN, r#"40{"sid":"x"}"#] {
        bench.frame(frame);
        let _ = bench.sent();
    }
    assert_eq!(bench.session.queued(), 0);
    bench.frame("2");
    bench.frame("2");
    assert_eq!(bench.session.queued(), 2);
    assert_eq!(bench.sent(), ["3", "3"]);
    assert_eq!(bench.session.queued(), 0);
}
