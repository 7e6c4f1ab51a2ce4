//! Handshakes, reconnects, timeouts and frames of a session.

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::bayse::Bayse;
use ticklot::driver::NextAction;
use ticklot::events::EndReason;
use ticklot::jayx::{Envelope, JayX};
use ticklot::venue::{CallOutcome, VenueName};
use ticklot::{
    BookId, BookState, Books, ConnectionId, Disconnect, Epoch, Event, Gap, Instrument, Nanos,
    Options, Session, Side,
};

use crate::bench::{
    Bench, OPEN, PLAIN_BOOK, SECOND, bayse, bayse_book, closed, jayx, options, packet_book,
};

const BOOK: BookId = BookId(0);

#[test]
fn socket_io_handshake_to_book() {
    let mut bench = jayx(Envelope::SocketIo);
    assert!(
        bench
            .session
            .url()
            .ends_with("/socket.io/?EIO=4&transport=websocket")
    );
    bench.open();
    assert!(bench.sent().is_empty(), "the server speaks first");
    assert_eq!(bench.frame(OPEN), CallOutcome::Control);
    assert_eq!(bench.sent(), ["40"]);
    assert_eq!(bench.frame(r#"40{"sid":"x"}"#), CallOutcome::Control);
    assert_eq!(
        bench.sent(),
        [r#"42["orderbook",{"category":"spot","symbol":"BTCUSDT","precise":"1"}]"#]
    );
    assert_eq!(bench.books.state(BOOK), BookState::Empty);
    assert_eq!(bench.frame(&packet_book(10, 11)), CallOutcome::Data);
    assert_eq!(bench.frame("2"), CallOutcome::Control);
    assert_eq!(bench.sent(), ["3"]);
    assert_eq!(bench.frame(&packet_book(10, 11)), CallOutcome::Data);
    // Packets of the protocol itself are not counted as frames.
    assert_eq!(
        bench.events(),
        [
            "connected 1",
            "BTCUSDT: empty to live by snapshot",
            "BTCUSDT 0:0 2 live",
            "BTCUSDT 1:0 0 live"
        ]
    );
    assert_eq!(bench.session.stats().frames, 2);
}

#[test]
fn plain_subscribes_at_once() {
    let mut bench = jayx(Envelope::Plain);
    assert_eq!(bench.session.url(), ticklot::jayx::URL);
    bench.open();
    assert_eq!(
        bench.sent(),
        [r#"{"event":"orderbook","message":{"category":"spot","symbol":"BTCUSDT","precise":"1"}}"#]
    );
    assert_eq!(bench.frame(PLAIN_BOOK), CallOutcome::Data);
    assert!(bench.books.live(BOOK).is_some());
}

#[test]
fn ended_session_disconnects() {
    for (frame, reply) in [
        (
            "41",
            CallOutcome::CloseConnection(EndReason::NamespaceClosed),
        ),
        ("1", CallOutcome::CloseConnection(EndReason::SessionClosed)),
        (
            r#"44{"message":"no"}"#,
            CallOutcome::CloseConnection(EndReason::Refused("no".to_owned())),
        ),
    ] {
        let mut bench = jayx(Envelope::SocketIo);
        bench.open();
        bench.frame(OPEN);
        assert_eq!(bench.frame(frame), reply);
    }
}

#[test]
fn books_wait_for_next_snapshot() {
    let mut bench = jayx(Envelope::SocketIo);
    bench.open();
    bench.frame(OPEN);
    bench.frame(&packet_book(10, 11));
    bench.events();

    assert_eq!(
        bench.end(&closed(1001)),
        NextAction::WaitUntil(Nanos(2 * SECOND))
    );
    assert_eq!(
        bench.events(),
        [
            "BTCUSDT: live to disconnected by disconnected",
            "closed by the server with code 1001, again"
        ]
    );
    assert_eq!(bench.books.state(BOOK), BookState::Disconnected);
    assert!(bench.books.live(BOOK).is_none());
    let seen = bench.books.last_known(BOOK).unwrap();
    assert_eq!(
        seen.best_bid().unwrap().ticks.0,
        10,
        "its last levels are still readable"
    );

    bench.now = Nanos(2 * SECOND);
    bench.open();
    assert_eq!(bench.books.state(BOOK), BookState::Disconnected);
    bench.frame(OPEN);
    bench.frame("40");
    assert_eq!(bench.sent().len(), 2, "namespace and subscription again");
    assert_eq!(bench.books.state(BOOK), BookState::Disconnected);
    bench.frame(&packet_book(8, 9));
    let book = bench.books.live(BOOK).unwrap();
    assert_eq!(book.epoch(), Epoch(2));
    assert_eq!(
        (
            book.depth_levels(Side::Bid),
            book.best_bid().unwrap().ticks.0
        ),
        (1, 8),
        "replaced, not merged"
    );
}

#[test]
fn reconnect_waits_double_and_reset() {
    let mut bench = jayx(Envelope::SocketIo);
    let mut wait = || {
        let reason = Disconnect::Failed("refused".into());
        bench.wait_after(&reason).as_secs()
    };
    let waits: Vec<u64> = (0..8).map(|_| wait()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);

    // An open connection does not reset the backoff: the server may accept and drop each connection.
    bench.open();
    let wait = bench.wait_after(&Disconnect::Failed("dropped".into()));
    assert_eq!(wait, Duration::from_secs(30));
    // Neither does a handshake, a refusal or invalid data.
    bench.open();
    bench.frame(OPEN);
    bench.frame("42[");
    bench.frame(r#"44{"message":"no"}"#);
    let wait = bench.wait_after(&Disconnect::Ended(EndReason::Refused("no".to_owned())));
    assert_eq!(wait, Duration::from_secs(30));
    bench.open();
    // Neither does a book: the server may send one and drop each connection.
    bench.frame(&packet_book(10, 11));
    let wait = bench.wait_after(&closed(1000));
    assert_eq!(wait, Duration::from_secs(30));
    bench.open();
    bench.frame(&packet_book(10, 11));
    bench.now.0 += 5 * SECOND;
    let wait = bench.wait_after(&closed(1000));
    assert_eq!(wait, Duration::from_secs(1), "a book and five seconds");
    // A connection that lasted resets it.
    let mut bench = jayx(Envelope::SocketIo);
    bench.end(&Disconnect::IdleTimeout);
    bench.end(&Disconnect::IdleTimeout);
    bench.now = Nanos(100 * SECOND);
    bench.open();
    bench.now = Nanos(130 * SECOND);
    bench.end(&Disconnect::IdleTimeout);
    assert_eq!(
        bench.session.next(bench.now),
        NextAction::WaitUntil(Nanos(131 * SECOND))
    );
}

/// The waits after three failures, in nanoseconds.
fn drawn_waits(seed: Option<u64>, id: u32) -> Vec<u64> {
    let mut options = Options::default();
    options.seed = seed;
    let mut books = Books::new();
    let venue = JayX::new("BTCUSDT").build().unwrap();
    let mut session = Session::new(venue, ConnectionId(id), options, &mut books);
    let mut handler = |_: Event<'_>, _: &Books| ControlFlow::Continue(());
    let mut wait = |_| {
        let _ = session.disconnected(Nanos(0), &Disconnect::IdleTimeout, &mut books, &mut handler);
        match session.next(Nanos(0)) {
            NextAction::WaitUntil(until) => until.0,
            next => panic!("{next:?}"),
        }
    };
    (0..3).map(&mut wait).collect()
}

#[test]
fn seed_fixes_the_jitter() {
    assert_ne!(drawn_waits(None, 0), drawn_waits(None, 0), "drawn");
    assert_eq!(
        drawn_waits(Some(7), 0),
        drawn_waits(Some(7), 0),
        "a seed repeats"
    );
    assert_ne!(drawn_waits(Some(7), 0), drawn_waits(Some(8), 0));
    assert_ne!(
        drawn_waits(Some(7), 0),
        drawn_waits(Some(7), 1),
        "connections with one seed"
    );
}

#[test]
fn retry_after_is_respected() {
    let mut bench = jayx(Envelope::SocketIo);
    let busy = |after| Disconnect::Busy {
        retry_after: Duration::from_nanos(after),
        error: "429".into(),
    };
    let now = bench.now;
    assert_eq!(
        bench.end(&busy(90 * SECOND)),
        NextAction::WaitUntil(now.after(Duration::from_secs(91)))
    );
    // The backoff grows as after other failures.
    assert_eq!(
        bench.end(&busy(1)),
        NextAction::WaitUntil(now.after(Duration::from_nanos(2 * SECOND + 1)))
    );
    // The wait is at most five minutes.
    let wait = jayx(Envelope::SocketIo).wait_after(&Disconnect::Busy {
        retry_after: Duration::MAX,
        error: "429".into(),
    });
    assert_eq!(wait, Duration::from_secs(301));
}

#[test]
fn clients_refused_together_return_apart() {
    let busy = Disconnect::Busy {
        retry_after: Duration::from_secs(90),
        error: "429".into(),
    };
    let waits: std::collections::BTreeSet<u128> = (0..50)
        .map(|seed| {
            let mut options = options();
            options.reconnect.jitter = true;
            options.seed = Some(seed);
            let mut bench = Bench::new(JayX::new("X").build().unwrap(), options);
            let wait = bench.wait_after(&busy);
            assert!(wait >= Duration::from_millis(90_100) && wait <= Duration::from_secs(91));
            wait.as_millis() / 10
        })
        .collect();
    assert!(waits.len() > 25, "{waits:?}");
}

#[test]
fn attempts_are_bounded_when_asked() {
    let refused = || Disconnect::Failed("refused".into());
    let mut rules = options();
    rules.reconnect.attempts = Some(3);
    let mut bench = Bench::new(JayX::new("X").build().unwrap(), rules);
    for _ in 0..2 {
        bench.wait_after(&refused());
    }
    assert_eq!(bench.end(&refused()), NextAction::Done);
    assert_eq!(bench.events().last().unwrap(), "refused, done");

    let mut rules = options();
    rules.reconnect.first_attempts = Some(1);
    let mut bench = Bench::new(JayX::new("X").build().unwrap(), rules.clone());
    assert_eq!(
        bench.end(&refused()),
        NextAction::Done,
        "an invalid URL ends the connection immediately"
    );
    let socket_io = || JayX::new("X").envelope(Envelope::SocketIo).build().unwrap();
    let mut bench = Bench::new(socket_io(), rules.clone());
    bench.open();
    assert_ne!(
        bench.end(&refused()),
        NextAction::Done,
        "one that worked is tried again"
    );

    let mut bench = Bench::new(JayX::new("X").build().unwrap(), rules.clone());
    let busy = Disconnect::Busy {
        retry_after: Duration::from_secs(90),
        error: "503".into(),
    };
    let later = bench.now.after(Duration::from_secs(91));
    assert_eq!(
        bench.end(&busy),
        NextAction::WaitUntil(later),
        "a busy server does not count as a wrong address"
    );
    bench.now = later;
    assert_ne!(bench.end(&refused()), NextAction::Done, "it was there");

    rules.reconnect.after_close = false;
    let mut bench = Bench::new(socket_io(), rules);
    bench.open();
    assert_eq!(bench.end(&closed(1000)), NextAction::Done);
}

#[test]
fn a_stopped_session_stays_stopped() {
    let mut bench = jayx(Envelope::Plain);
    bench.open();
    assert_eq!(bench.end(&Disconnect::Stopped), NextAction::Done);
    bench.pass(100 * SECOND);
    assert_eq!(bench.session.next(bench.now), NextAction::Done);
}

#[test]
fn silent_book_alone_is_stale() {
    let mut bench = bayse(&["m"]).opened();
    bench.frame(r#"{"type":"subscribed","room":"orderbook:m"}"#);
    bench.frame(&bayse_book("m", "a"));
    bench.pass(3 * SECOND);
    bench.frame(&bayse_book("m", "b"));
    bench.events();
    assert!(bench.pass(3 * SECOND).is_none());
    assert_eq!(bench.events(), ["a: live to stale by timeout"]);
    assert_eq!(
        (bench.books.state(BOOK), bench.books.state(BookId(1))),
        (BookState::Stale, BookState::Live)
    );
    assert!(bench.pass(3 * SECOND).is_none());
    assert_eq!(bench.events(), ["b: live to stale by timeout"]);
    assert!(bench.pass(30 * SECOND).is_none());
    assert!(bench.events().is_empty(), "reported once");
    bench.frame(&bayse_book("m", "a"));
    assert!(bench.books.live(BOOK).is_some(), "a snapshot repairs it");
}

#[test]
fn pong_proves_only_connection() {
    let mut bench = bayse(&["m"]);
    bench.open();
    bench.frame(&bayse_book("m", "a"));
    for _ in 0..10 {
        assert!(
            bench.pass(30 * SECOND).is_none(),
            "64 s of silence are allowed"
        );
        bench.session.record_activity(bench.now);
    }
    assert_eq!(bench.books.state(BOOK), BookState::Stale);
    assert!(matches!(
        bench.pass(65 * SECOND),
        Some(Disconnect::IdleTimeout)
    ));
}

#[test]
fn silent_socket_io_times_out() {
    let mut bench = jayx(Envelope::SocketIo);
    bench.join();
    assert!(bench.pass(44 * SECOND).is_none());
    bench.frame("2");
    assert!(bench.pass(44 * SECOND).is_none());
    assert!(matches!(
        bench.pass(2 * SECOND),
        Some(Disconnect::IdleTimeout)
    ));
}

#[test]
fn bayse_subscribes_in_tens() {
    let markets: Vec<String> = (0..23).map(|n| format!("m{n:02}")).collect();
    let mut bench = Bench::new(Bayse::new(markets).build().unwrap(), options());
    assert_eq!(
        bench.session.url(),
        "wss://socket.bayse.markets/ws/v1/markets"
    );
    for _ in 0..2 {
        bench.open();
        let sent = bench.sent();
        assert_eq!(sent.len(), 3);
        assert!(sent[0].contains(r#""marketIds":["m00","m01","#));
        assert!(sent[2].contains(r#""m22"]"#));
        bench.wait_after(&Disconnect::IdleTimeout);
    }
}

#[test]
fn bayse_keeps_only_requested_books() {
    let mut bench = bayse(&["m"]);
    bench.open();
    let frame = [
        bayse_book("m", "yes"),
        bayse_book("other", "yes"),
        r#"{"type":"subscribed","room":"orderbook:m"}"#.to_owned(),
        String::new(),
        r#"{"type":"error","data":{"message":"Event ID is required"},"timestamp":1}"#.to_owned(),
        r#"{"type":"news","data":{}}"#.to_owned(),
        bayse_book("m", "no"),
    ];
    bench.frame(&frame.join("\n"));
    assert_eq!(
        bench.events(),
        [
            "connected 1",
            "yes: empty to live by snapshot",
            "yes 0:0 1 live",
            "subscribed orderbook:m",
            "refused Event ID is required",
            "unknown news",
            "no: empty to live by snapshot",
            "no 0:6 1 live",
        ]
    );
    let stats = bench.session.stats();
    assert_eq!(
        (stats.unrequested, stats.snapshots, stats.unknown),
        (1, 2, 1)
    );
    assert_eq!(bench.books.market(BookId(1)), "m");
    assert_eq!(bench.books.find_name("no"), Some(BookId(1)));
    let mut instrument = Instrument {
        venue: VenueName::BAYSE,
        scope: Some("USD"),
        market: "m",
        name: "no",
    };
    assert_eq!(bench.books.find(&instrument), Some(BookId(1)));
    instrument.scope = None;
    assert_eq!(bench.books.find(&instrument), None, "another currency, say");

    let mut any = Bench::new(Bayse::any().build().unwrap(), options());
    any.open();
    assert!(any.sent().is_empty());
    any.frame(&bayse_book("other", "yes"));
    assert_eq!(
        any.events(),
        [
            "connected 1",
            "yes: empty to live by snapshot",
            "yes 0:0 1 live"
        ]
    );
    let instrument = any.books.instrument(BOOK).unwrap();
    assert_eq!(instrument.scope, None, "no subscription names a currency");
}

#[test]
fn bad_line_changes_nothing_else() {
    let mut bench = bayse(&["m"]);
    bench.open();
    bench.frame(&bayse_book("m", "yes"));
    bench.events();
    let duplicate = bayse_book("m", "yes").replace("}]", "},{\"price\":0.60,\"quantity\":1}]");
    let off_grid = bayse_book("m", "yes").replace("0.6", "0.605");
    let frame = [&duplicate, "{\"type\"", &off_grid, &bayse_book("m", "no")].join("\n");
    assert_eq!(bench.frame(&frame), CallOutcome::Data);
    let told = bench.events();
    assert_eq!(
        told,
        [
            "yes: live to gap by bad_message",
            "bad 1: bayse: line 0, byte 116: duplicate price",
            "bad 1: bayse: line 1, byte 7: not valid JSON",
            "bad 1: bayse: line 2, byte 98: price: more than 2 decimal places",
            "no: empty to live by snapshot",
            "no 1:3 1 live",
        ]
    );
    assert!(
        bench.books.live(BookId(1)).is_some(),
        "the other outcome is unaffected"
    );
    // The updates of the refused lines are lost: the book waits for the next snapshot.
    assert_eq!(bench.books.state(BOOK), BookState::Gap(Gap::Refused));
    bench.frame(&bayse_book("m", "yes"));
    assert!(bench.books.live(BOOK).is_some());
    assert_eq!(bench.session.stats().bad_lines, 3);
}

#[test]
fn oversized_frames_are_refused() {
    let mut rules = options();
    rules.max_frame = 100;
    let mut bench = Bench::new(Bayse::any().build().unwrap(), rules);
    bench.open();
    bench.frame(&"x".repeat(101));
    assert_eq!(
        bench.events()[1],
        "bad 0: bayse: line 0, byte 100: longer than the limit of 100 bytes"
    );
    bench.frame(r#"{"type":"pong"}"#);
    assert_eq!(bench.session.stats().messages, 1);
}

#[test]
fn handler_break_stops_immediately() {
    let mut bench = bayse(&["m"]);
    bench.open();
    bench.recorder.breaks = true;
    let frame = [bayse_book("m", "yes"), bayse_book("m", "no")].join("\n");
    assert_eq!(bench.frame(&frame), CallOutcome::StopFeed);
    assert_eq!(
        bench.events(),
        ["connected 1", "yes: empty to live by snapshot"],
        "neither its book nor the next line"
    );
}

#[test]
fn build_refuses_invalid_subscription() {
    assert!(JayX::new("").build().is_err());
    assert!(JayX::new("BTCUSDT").precise("").build().is_err());
}

#[test]
fn endless_handshake_times_out() {
    for answered in [&[][..], &[OPEN], &[OPEN, "2"]] {
        let mut bench = jayx(Envelope::SocketIo);
        bench.open();
        for frame in answered {
            bench.frame(frame);
        }
        assert!(bench.pass(19 * SECOND).is_none());
        assert!(
            matches!(bench.pass(2 * SECOND), Some(Disconnect::Ended(_))),
            "{answered:?}"
        );
    }
}

#[test]
fn late_frames_touch_no_book() {
    let mut bench = jayx(Envelope::SocketIo);
    bench.open();
    bench.frame(&packet_book(10, 11));
    bench.end(&Disconnect::IdleTimeout);
    bench.events();
    assert_eq!(bench.frame(&packet_book(12, 13)), CallOutcome::Control);
    assert!(bench.events().is_empty());
    assert_eq!(bench.books.state(BOOK), BookState::Disconnected);
    assert_eq!(bench.session.stats().late, 1);
}

#[test]
fn wrong_url_is_final() {
    let mut bench = jayx(Envelope::SocketIo);
    assert_eq!(
        bench.end(&Disconnect::Impossible("not a URL".into())),
        NextAction::Done
    );
    // A second end does not restart it.
    assert_eq!(bench.end(&Disconnect::IdleTimeout), NextAction::Done);
    bench.session.resume();
    assert_eq!(
        bench.session.next(bench.now),
        NextAction::Connect,
        "but a new run does"
    );
}

#[test]
fn url_builder_order_is_free() {
    use ticklot::venue::Venue;
    let plain = JayX::new("X").envelope(Envelope::Plain).url("ws://h/");
    assert_eq!(Venue::url(&plain), "ws://h");
    let packets = JayX::new("X")
        .url("ws://h")
        .build()
        .unwrap()
        .build()
        .unwrap();
    assert_eq!(
        Venue::url(&packets),
        "ws://h/socket.io/?EIO=4&transport=websocket"
    );
    let bayse = Bayse::any()
        .url("ws://h/")
        .build()
        .unwrap()
        .build()
        .unwrap();
    assert_eq!(Venue::url(&bayse), "ws://h/ws/v1/markets");
}

/// Processes a frame of 10 s at `now`. Returns the age of the book and its state.
fn frame_processed_at(now: u64) -> (Bench<JayX>, u64, BookState) {
    let mut bench = jayx(Envelope::Plain);
    bench.now = Nanos(10 * SECOND);
    bench.open();
    bench.now = Nanos(now * SECOND);
    let received = Nanos(10 * SECOND);
    let reply = bench.call(|session, now, books, handler| {
        session.frame_received(PLAIN_BOOK.as_bytes(), received, now, books, handler)
    });
    assert_eq!(reply, CallOutcome::Data);
    let book = bench.books.last_known(BookId(0)).unwrap();
    let (age, state) = (book.age(bench.now).as_secs(), book.state());
    (bench, age, state)
}

#[test]
fn waiting_frame_keeps_its_age() {
    let (mut bench, age, state) = frame_processed_at(13);
    assert_eq!((age, state), (3, BookState::Live));
    // It becomes stale 5 s after it was received, not after it was processed.
    assert_eq!(bench.session.deadline(), Some(Nanos(15 * SECOND)));
    assert!(bench.pass(2 * SECOND).is_none());
    assert_eq!(bench.books.state(BookId(0)), BookState::Stale);
    let told = bench.events();
    assert_eq!(told.last().unwrap(), "BTCUSDT: live to stale by timeout");
}

#[test]
fn expired_frame_makes_stale_book() {
    let (mut bench, age, state) = frame_processed_at(17);
    assert_eq!((age, state), (7, BookState::Stale));
    assert_eq!(
        bench.events()[1..],
        ["BTCUSDT: empty to stale by timeout", "BTCUSDT 0:0 2 stale"],
        "never live"
    );
    assert_eq!(bench.frame(PLAIN_BOOK), CallOutcome::Data);
    assert_eq!(bench.books.state(BookId(0)), BookState::Live);
}
