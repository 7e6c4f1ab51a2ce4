//! Regression tests for findings of the deterministic simulation.

use std::ops::ControlFlow;

use ticklot::bayse::{Bayse, Command, Topic};
use ticklot::jayx::{Envelope, JayX};
use ticklot::venue::subscriptions::SubscriptionState;
use ticklot::{Books, ConnectionId, Disconnect, Event, Nanos, Session};

use crate::bench::{Bench, PLAIN_BOOK, SECOND, bayse, jayx, options};

/// Three connections that share their books, as in a feed. All books are live at 1 s.
fn three() -> (Vec<Session<JayX>>, Books) {
    let mut books = Books::new();
    let mut sessions = Vec::new();
    let mut nothing = |_: Event<'_>, _: &Books| ControlFlow::Continue(());
    for id in 0..3 {
        let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain).build();
        let mut session = Session::new(venue.unwrap(), ConnectionId(id), options(), &mut books);
        let now = Nanos(SECOND);
        let _ = session.opened(now, &mut books, &mut nothing);
        let _ = session.frame(PLAIN_BOOK.as_bytes(), now, &mut books, &mut nothing);
        sessions.push(session);
    }
    assert_eq!(
        books.ids().filter(|id| books.live(*id).is_some()).count(),
        3
    );
    (sessions, books)
}

/// Records the number of live books at each event.
fn count(live: &mut Vec<usize>) -> impl FnMut(Event<'_>, &Books) -> ControlFlow<()> {
    |_, books| {
        live.push(books.ids().filter(|id| books.live(*id).is_some()).count());
        ControlFlow::Continue(())
    }
}

/// After a suspend, a process may read the frames of one connection before any timer runs.
#[test]
fn late_frame_expires_all_books() {
    let (mut sessions, mut books) = three();
    let (mut live, late) = (Vec::new(), Nanos(60 * SECOND));
    let frame = PLAIN_BOOK.as_bytes();
    let _ = sessions[0].frame(frame, late, &mut books, &mut count(&mut live));
    assert_eq!(
        live,
        [0, 0, 0, 1, 1],
        "three become stale in one call, then one is live again: its state, and its book"
    );
}

#[test]
fn late_disconnect_expires_all_books() {
    let (mut sessions, mut books) = three();
    let (mut live, late) = (Vec::new(), Nanos(60 * SECOND));
    let mut handler = count(&mut live);
    let _ = sessions[0].disconnected(late, &Disconnect::IdleTimeout, &mut books, &mut handler);
    drop(handler);
    assert_eq!(
        live, [0; 4],
        "one is disconnected, two are stale, and the connection has ended"
    );
}

#[test]
fn plain_connection_without_data_ends() {
    let mut bench = jayx(Envelope::Plain);
    bench.open();
    bench.frame(PLAIN_BOOK);
    assert!(bench.pass(59 * SECOND).is_none());
    assert!(matches!(bench.pass(SECOND), Some(Disconnect::IdleTimeout)));
}

#[test]
fn missing_book_retries_with_backoff() {
    const TWICE: &str = r#"42["orderbook",{"orderBook":{"asks":[{"ticks":1,"lots":5},{"ticks":1,"lots":5}],"bids":[]}}]"#;
    let mut bench = jayx(Envelope::SocketIo);
    bench.join();
    assert_eq!(bench.sent().len(), 2, "the join and the subscription");
    bench.events();
    let mut attempts = 0;
    for timeout in [10, 20, 40, 80, 160, 160] {
        // The server continues to send pings.
        for _ in 0..(timeout / 10) {
            assert!(bench.pass(10 * SECOND - 1).is_none());
            assert!(!bench.sent().iter().any(|sent| sent.starts_with("42")));
            bench.frame("2");
            assert!(bench.pass(1).is_none());
        }
        let sent = bench.sent();
        assert_eq!(sent.iter().filter(|sent| sent.starts_with("42")).count(), 1);
        attempts += 1;
        let unconfirmed = format!("unconfirmed orderbook:BTCUSDT {attempts}");
        assert_eq!(
            bench.events().first(),
            Some(&unconfirmed),
            "reported each time"
        );
        // An invalid book does not confirm the subscription.
        bench.frame(TWICE);
        bench.events();
    }
    bench.frame(&crate::bench::packet_book(10, 11));
    let arrived = "subscribed orderbook:BTCUSDT".to_owned();
    assert_eq!(bench.events().last(), Some(&arrived));
    bench.frame(&crate::bench::packet_book(10, 11));
    assert!(!bench.events().contains(&arrived), "once");
    bench.sent();
    for _ in 0..40 {
        bench.frame("2");
        assert!(bench.pass(10 * SECOND).is_none());
    }
    assert!(
        !bench.sent().iter().any(|sent| sent.starts_with("42")),
        "it came"
    );
}

impl Bench<Bayse> {
    fn state(&self, topic: &Topic) -> Option<SubscriptionState> {
        let mut topics = self.session.venue().topics();
        topics.find(|(it, _)| *it == topic).map(|(_, state)| state)
    }
}

/// Late replies to two requests for the same room, after a request for another room: both refer to the first room.
#[test]
fn late_refusal_names_its_room() {
    const REFUSED: &str =
        r#"{"type":"error","data":{"message":"unknown market: ghost"},"timestamp":1}"#;
    let mut bench = bayse(&["ghost"]).opened();
    assert!(bench.pass(5 * SECOND).is_none());
    assert_eq!(bench.sent().len(), 1, "requested again");
    let healthy = Topic::user_trades("ada");
    bench.command(Command::Subscribe(healthy.clone()));
    bench.sent();
    for _ in 0..3 {
        bench.frame(REFUSED);
    }
    assert_eq!(bench.state(&healthy), Some(SubscriptionState::Requested));
    assert_eq!(
        bench.state(&Topic::order_book("ghost")),
        Some(SubscriptionState::Refused)
    );

    // The same when it is no longer desired.
    bench.command(Command::Unsubscribe(Topic::order_book("ghost")));
    bench.command(Command::Subscribe(Topic::order_book("ghost")));
    bench.sent();
    bench.command(Command::Unsubscribe(Topic::order_book("ghost")));
    bench.frame(REFUSED);
    assert_eq!(bench.state(&healthy), Some(SubscriptionState::Requested));
}

#[test]
fn orphan_confirmations_fill_no_queue() {
    let mut bench = bayse(&["a"]).opened();
    for n in 0..5_000 {
        let room = if n % 2 == 0 { 0 } else { n };
        bench.frame(&format!(
            r#"{{"type":"subscribed","room":"prices:e{room}"}}"#
        ));
    }
    assert_eq!(bench.session.queued(), 0);
    assert!(bench.pass(10 * SECOND).is_none());
    let sent = bench.sent();
    let left = sent.iter().filter(|sent| sent.contains("unsubscribe"));
    assert_eq!(left.count(), 16, "sixteen rooms are left, each once");
    let one = sent.iter().filter(|sent| sent.contains("prices:e0\""));
    assert_eq!(one.count(), 1);
}

#[test]
fn silent_server_fills_no_memory() {
    let mut bench = bayse(&["a"]);
    bench.open();
    for n in 0..20_000 {
        bench.command(Command::Subscribe(Topic::user_trades(format!(
            "u{}",
            n % 9
        ))));
        bench.now.0 += SECOND / 8;
        bench.frame(r#"{"type":"pong","timestamp":1}"#);
        bench.sent();
        bench.command(Command::Unsubscribe(Topic::user_trades(format!(
            "u{}",
            n % 9
        ))));
        assert!(bench.session.venue().unanswered() <= 1_024);
    }
    assert!(bench.session.venue().topics().count() < 16);
}
