//! The session's rules in virtual time: no socket, no clock, no waiting.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::bayse::Bayse;
use ticklot::jayx::JayX;
use ticklot::{
    BookId, Books, ConnectionId, Disconnect, Epoch, Event, Nanos, Next, Options, Reply, Session,
    State, Venue,
};
use ticklot_frame::jayx::Envelope;

const SECOND: u64 = 1_000_000_000;
const BOOK: BookId = BookId(0);

/// A session with its books, its time, and everything that its handler was told.
struct Bench<V> {
    session: Session<V>,
    books: Books,
    now: Nanos,
    told: Vec<String>,
    /// Break at the next event.
    tired: bool,
}

impl<V: Venue> Bench<V> {
    fn new(venue: V, options: Options) -> Self {
        let mut books = Books::new();
        let session = Session::new(venue, ConnectionId(0), options, &mut books);
        Self {
            session,
            books,
            now: Nanos(SECOND),
            told: Vec::new(),
            tired: false,
        }
    }

    fn with<R>(
        &mut self,
        work: impl FnOnce(&mut Session<V>, Nanos, &mut Books, &mut dyn ticklot::Handler) -> R,
    ) -> R {
        let Self {
            session,
            books,
            now,
            told,
            tired,
        } = self;
        let mut handler = |event: Event<'_>, books: &Books| {
            told.push(tell(&event, books));
            if *tired {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        work(session, *now, books, &mut handler)
    }

    fn open(&mut self) {
        assert_eq!(self.session.next(self.now), Next::Connect);
        let _ = self.with(|session, now, books, handler| session.opened(now, books, handler));
        assert_eq!(self.session.next(self.now), Next::Open);
    }

    fn frame(&mut self, frame: &str) -> Reply {
        self.with(|session, now, books, handler| {
            session.frame(frame.as_bytes(), now, books, handler)
        })
    }

    fn end(&mut self, reason: &Disconnect) -> Next {
        let _ = self
            .with(|session, now, books, handler| session.disconnected(now, reason, books, handler));
        self.session.next(self.now)
    }

    /// Lets time pass, and calls the session back as often as it asks for it.
    fn pass(&mut self, length: u64) -> Option<Disconnect> {
        let until = Nanos(self.now.0 + length);
        while let Some(deadline) = self.session.deadline().filter(|d| *d <= until) {
            // A deadline in the past would never end.
            assert!(
                deadline.0 + 1 >= self.now.0,
                "{deadline:?} at {:?}",
                self.now
            );
            self.now = Nanos(deadline.0.max(self.now.0) + 1);
            let over =
                self.with(|session, now, books, handler| session.timeout(now, books, handler));
            if over.is_some() {
                return over;
            }
        }
        self.now = self.now.max(until);
        None
    }

    fn sent(&mut self) -> Vec<String> {
        let mut sent = Vec::new();
        while let Some(message) = self.session.outgoing() {
            sent.push(String::from_utf8(message.to_vec()).unwrap());
        }
        sent
    }

    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }
}

fn tell(event: &Event<'_>, books: &Books) -> String {
    match event {
        Event::Connected { epoch, .. } => format!("connected {}", epoch.0),
        Event::Book(update) => {
            let (frame, line, changes) = (update.frame, update.line, update.changes.len());
            format!(
                "{} {frame}:{line} {changes} {}",
                books.name(update.book),
                books.state(update.book)
            )
        }
        Event::Stale { book } => format!("stale {}", books.name(*book)),
        Event::Subscribed { room, .. } => format!("subscribed {room}"),
        Event::Refused { message, .. } => format!("refused {message}"),
        Event::BadLine { frame, error, .. } => format!("bad {frame}: {error}"),
        Event::Unknown { kind, .. } => format!("unknown {kind}"),
        Event::Disconnected {
            reason, retry_in, ..
        } => {
            format!(
                "{reason}, {}",
                if retry_in.is_some() { "again" } else { "done" }
            )
        }
        other => format!("{other:?}"),
    }
}

fn jayx(envelope: Envelope) -> Bench<JayX> {
    Bench::new(
        JayX::new("BTCUSDT").envelope(envelope).build().unwrap(),
        options(),
    )
}

fn bayse(markets: &[&str]) -> Bench<Bayse> {
    Bench::new(Bayse::new(markets.iter().copied()).build(), options())
}

/// No jitter, so that waits are known.
fn options() -> Options {
    let mut options = Options::default();
    options.reconnect.jitter = false;
    options.stale_after = Some(Duration::from_secs(5));
    options
}

const OPEN: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
const PLAIN_BOOK: &str = r#"{"orderBook":{"asks":[{"ticks":11,"lots":1,"count":1}],"bids":[{"ticks":10,"lots":1,"count":1}]},"trades":[]}"#;

fn packet_book(bid: i64, ask: i64) -> String {
    format!(
        r#"42["orderbook",{{"orderBook":{{"asks":[{{"ticks":{ask},"lots":1}}],"bids":[{{"ticks":{bid},"lots":1}}]}}}}]"#
    )
}

fn bayse_book(market: &str, outcome: &str) -> String {
    format!(
        r#"{{"type":"orderbook_update","data":{{"orderbook":{{"marketId":"{market}","outcomeId":"{outcome}","bids":[{{"price":0.6,"quantity":5}}],"asks":[]}}}}}}"#
    )
}

#[test]
fn socket_io_from_the_handshake_to_the_book() {
    let mut bench = jayx(Envelope::SocketIo);
    assert!(
        bench
            .session
            .url()
            .ends_with("/socket.io/?EIO=4&transport=websocket")
    );
    bench.open();
    assert!(bench.sent().is_empty(), "the server speaks first");
    assert_eq!(bench.frame(OPEN), Reply::Control);
    assert_eq!(bench.sent(), ["40"]);
    assert_eq!(bench.frame(r#"40{"sid":"x"}"#), Reply::Control);
    assert_eq!(
        bench.sent(),
        [r#"42["orderbook",{"category":"spot","symbol":"BTCUSDT","precise":"1"}]"#]
    );
    assert_eq!(bench.books.state(BOOK), State::Empty);
    assert_eq!(bench.frame(&packet_book(10, 11)), Reply::Data);
    assert_eq!(bench.frame("2"), Reply::Control);
    assert_eq!(bench.sent(), ["3"]);
    assert_eq!(bench.frame(&packet_book(10, 11)), Reply::Data);
    // Packets of the session's own are not counted as frames.
    assert_eq!(
        bench.told(),
        ["connected 1", "BTCUSDT 0:0 2 live", "BTCUSDT 1:0 0 live"]
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
    assert_eq!(bench.frame(PLAIN_BOOK), Reply::Data);
    assert!(bench.books.live(BOOK).is_some());
}

#[test]
fn a_server_that_ends_the_session_is_left() {
    for (frame, reply) in [
        ("41", Reply::End("the server ended the namespace")),
        ("1", Reply::End("the server ended the session")),
        (
            r#"44{"message":"no"}"#,
            Reply::End("the namespace was refused"),
        ),
    ] {
        let mut bench = jayx(Envelope::SocketIo);
        bench.open();
        bench.frame(OPEN);
        assert_eq!(bench.frame(frame), reply);
    }
}

#[test]
fn books_are_disconnected_until_the_next_snapshot() {
    let mut bench = jayx(Envelope::SocketIo);
    bench.open();
    bench.frame(OPEN);
    bench.frame(&packet_book(10, 11));
    bench.told();

    assert_eq!(
        bench.end(&Disconnect::Closed { code: 1001 }),
        Next::WaitUntil(Nanos(2 * SECOND))
    );
    assert_eq!(bench.told(), ["closed by the server with code 1001, again"]);
    assert_eq!(bench.books.state(BOOK), State::Disconnected);
    assert!(bench.books.live(BOOK).is_none());
    let seen = bench.books.untrusted(BOOK).unwrap();
    assert_eq!(
        seen.best_bid().unwrap().ticks.0,
        10,
        "still there to be looked at"
    );

    bench.now = Nanos(2 * SECOND);
    bench.open();
    assert_eq!(bench.books.state(BOOK), State::Disconnected);
    bench.frame(OPEN);
    bench.frame("40");
    assert_eq!(bench.sent().len(), 2, "joined and subscribed again");
    assert_eq!(bench.books.state(BOOK), State::Disconnected);
    bench.frame(&packet_book(8, 9));
    let book = bench.books.live(BOOK).unwrap();
    assert_eq!(book.epoch(), Epoch(2));
    assert_eq!(
        (book.bids().len(), book.best_bid().unwrap().ticks.0),
        (1, 8),
        "replaced, not merged"
    );
}

#[test]
fn waits_double_up_to_the_cap_and_start_again_after_a_good_connection() {
    let mut bench = jayx(Envelope::SocketIo);
    let mut wait = || {
        let before = bench.now;
        let Next::WaitUntil(until) = bench.end(&Disconnect::Failed("refused".into())) else {
            panic!()
        };
        bench.now = until;
        until.since(before).0 / SECOND
    };
    let waits: Vec<u64> = (0..8).map(|_| wait()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);

    // Open is not yet good: a server that accepts and drops must not be hammered.
    bench.open();
    let Next::WaitUntil(until) = bench.end(&Disconnect::Failed("dropped".into())) else {
        panic!()
    };
    assert_eq!(until.since(bench.now), Nanos(30 * SECOND));
    bench.now = until;
    bench.open();
    bench.frame(OPEN);
    let Next::WaitUntil(until) = bench.end(&Disconnect::Closed { code: 1000 }) else {
        panic!()
    };
    assert_eq!(until.since(bench.now), Nanos(SECOND));
}

#[test]
fn a_busy_server_is_given_the_time_it_asks_for() {
    let mut bench = jayx(Envelope::SocketIo);
    let busy = |after| Disconnect::Busy {
        retry_after: Nanos(after),
        error: "429".into(),
    };
    let now = bench.now;
    assert_eq!(
        bench.end(&busy(90 * SECOND)),
        Next::WaitUntil(now.after(Nanos(90 * SECOND)))
    );
    // Its own backoff stands when it is longer.
    assert_eq!(
        bench.end(&busy(1)),
        Next::WaitUntil(now.after(Nanos(2 * SECOND)))
    );
}

#[test]
fn attempts_are_bounded_when_asked() {
    let refused = || Disconnect::Failed("refused".into());
    let mut rules = options();
    rules.reconnect.attempts = Some(3);
    let mut bench = Bench::new(JayX::new("X").build().unwrap(), rules);
    for _ in 0..2 {
        let Next::WaitUntil(until) = bench.end(&refused()) else {
            panic!()
        };
        bench.now = until;
    }
    assert_eq!(bench.end(&refused()), Next::Done);
    assert_eq!(bench.told().last().unwrap(), "refused, done");

    let mut rules = options();
    rules.reconnect.first_attempts = Some(1);
    let mut bench = Bench::new(JayX::new("X").build().unwrap(), rules.clone());
    assert_eq!(
        bench.end(&refused()),
        Next::Done,
        "a wrong address is told at once"
    );
    let mut bench = Bench::new(JayX::new("X").build().unwrap(), rules.clone());
    bench.open();
    assert_ne!(
        bench.end(&refused()),
        Next::Done,
        "one that worked is tried again"
    );

    rules.reconnect.after_close = false;
    let mut bench = Bench::new(JayX::new("X").build().unwrap(), rules);
    bench.open();
    assert_eq!(bench.end(&Disconnect::Closed { code: 1000 }), Next::Done);
}

#[test]
fn a_stopped_session_stays_stopped() {
    let mut bench = jayx(Envelope::Plain);
    bench.open();
    assert_eq!(bench.end(&Disconnect::Stopped), Next::Done);
    bench.pass(100 * SECOND);
    assert_eq!(bench.session.next(bench.now), Next::Done);
}

#[test]
fn a_silent_book_is_stale_while_the_others_live() {
    let mut bench = bayse(&["m"]);
    bench.open();
    bench.frame(&bayse_book("m", "a"));
    bench.pass(3 * SECOND);
    bench.frame(&bayse_book("m", "b"));
    bench.told();
    assert!(bench.pass(3 * SECOND).is_none());
    assert_eq!(bench.told(), ["stale a"]);
    assert_eq!(
        (bench.books.state(BOOK), bench.books.state(BookId(1))),
        (State::Stale, State::Live)
    );
    assert!(bench.pass(3 * SECOND).is_none());
    assert_eq!(bench.told(), ["stale b"]);
    assert!(bench.pass(30 * SECOND).is_none());
    assert!(bench.told().is_empty(), "told once");
    bench.frame(&bayse_book("m", "a"));
    assert!(bench.books.live(BOOK).is_some(), "a snapshot repairs it");
}

#[test]
fn a_pong_is_no_life_of_a_book_but_of_the_connection() {
    let mut bench = bayse(&["m"]);
    bench.open();
    bench.frame(&bayse_book("m", "a"));
    for _ in 0..10 {
        assert!(
            bench.pass(30 * SECOND).is_none(),
            "64 s of silence are allowed"
        );
        bench.session.heard(bench.now);
    }
    assert_eq!(bench.books.state(BOOK), State::Stale);
    assert!(matches!(bench.pass(65 * SECOND), Some(Disconnect::Silent)));
}

#[test]
fn a_silent_socket_io_server_is_given_up_after_its_own_promise() {
    let mut bench = jayx(Envelope::SocketIo);
    bench.open();
    assert!(
        bench.pass(1000 * SECOND).is_none(),
        "no promise before the handshake"
    );
    bench.frame(OPEN);
    assert!(bench.pass(44 * SECOND).is_none());
    bench.frame("2");
    assert!(bench.pass(44 * SECOND).is_none());
    assert!(matches!(bench.pass(2 * SECOND), Some(Disconnect::Silent)));
}

#[test]
fn bayse_subscribes_ten_markets_a_message_and_again_after_a_reconnect() {
    let markets: Vec<String> = (0..23).map(|n| format!("m{n:02}")).collect();
    let mut bench = Bench::new(Bayse::new(markets).build(), options());
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
        let Next::WaitUntil(until) = bench.end(&Disconnect::Silent) else {
            panic!()
        };
        bench.now = until;
    }
}

#[test]
fn bayse_keeps_what_was_asked_for() {
    let mut bench = bayse(&["m"]);
    bench.open();
    let frame = [
        bayse_book("m", "yes"),
        bayse_book("other", "yes"),
        r#"{"type":"subscribed","room":"orderbook:m"}"#.to_owned(),
        String::new(),
        r#"{"type":"error","data":{"message":"Event ID is required"},"timestamp":1}"#.to_owned(),
        r#"{"type":"price_update","data":{}}"#.to_owned(),
        bayse_book("m", "no"),
    ];
    bench.frame(&frame.join("\n"));
    assert_eq!(
        bench.told(),
        [
            "connected 1",
            "yes 0:0 1 live",
            "subscribed orderbook:m",
            "refused Event ID is required",
            "unknown price_update",
            "no 0:6 1 live",
        ]
    );
    let stats = bench.session.stats();
    assert_eq!(
        (stats.unrequested, stats.snapshots, stats.unknown),
        (1, 2, 1)
    );
    assert_eq!(bench.books.market(BookId(1)), "m");
    assert_eq!(bench.books.find("no"), Some(BookId(1)));

    let mut any = Bench::new(Bayse::any().build(), options());
    any.open();
    assert!(any.sent().is_empty());
    any.frame(&bayse_book("other", "yes"));
    assert_eq!(any.told(), ["connected 1", "yes 0:0 1 live"]);
}

#[test]
fn a_bad_line_changes_nothing_else() {
    let mut bench = bayse(&["m"]);
    bench.open();
    bench.frame(&bayse_book("m", "yes"));
    bench.told();
    let duplicate = bayse_book("m", "yes").replace("}]", "},{\"price\":0.60,\"quantity\":1}]");
    let off_grid = bayse_book("m", "yes").replace("0.6", "0.605");
    let frame = [&duplicate, "{\"type\"", &off_grid, &bayse_book("m", "no")].join("\n");
    assert_eq!(bench.frame(&frame), Reply::Data);
    let told = bench.told();
    assert_eq!(
        told[0],
        "bad 1: bayse: line 0, byte 116: a second level at this price"
    );
    assert_eq!(told[1], "bad 1: bayse: line 1, byte 7: not valid JSON");
    assert_eq!(
        told[2],
        "bad 1: bayse: line 2, byte 98: price: finer than the grid of 2 decimals"
    );
    assert_eq!(told[3], "no 1:3 1 live");
    assert!(bench.books.live(BOOK).is_some(), "the book is what it was");
    assert_eq!(bench.session.stats().bad_lines, 3);
}

#[test]
fn frames_beyond_the_limit_are_refused_whole() {
    let mut rules = options();
    rules.max_frame = 100;
    let mut bench = Bench::new(Bayse::any().build(), rules);
    bench.open();
    bench.frame(&" ".repeat(101));
    assert_eq!(
        bench.told()[1],
        "bad 0: bayse: line 0, byte 100: longer than the limit of 100 bytes"
    );
    bench.frame(r#"{"type":"pong"}"#);
    assert_eq!(bench.session.stats().messages, 1);
}

#[test]
fn a_handler_that_breaks_is_heeded_at_once() {
    let mut bench = bayse(&["m"]);
    bench.open();
    bench.tired = true;
    let frame = [bayse_book("m", "yes"), bayse_book("m", "no")].join("\n");
    assert_eq!(bench.frame(&frame), Reply::Stop);
    assert_eq!(bench.told().len(), 2, "connected, and one book");
}

#[test]
fn a_crossed_book_is_told_and_not_live() {
    let mut bench = jayx(Envelope::SocketIo);
    bench.open();
    bench.frame(&packet_book(12, 11));
    assert_eq!(bench.told()[1], "BTCUSDT 0:0 2 crossed");
    assert!(bench.books.live(BOOK).is_none());
    bench.frame(&packet_book(10, 11));
    assert!(bench.books.live(BOOK).is_some());
}

#[test]
fn a_subscription_that_the_venue_could_not_understand_is_refused_when_built() {
    assert!(JayX::new("").build().is_err());
    assert!(JayX::new("BTCUSDT").precise("").build().is_err());
}
