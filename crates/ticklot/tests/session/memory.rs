//! The memory budget of a feed.

use ticklot::bayse::{self, Bayse, Topic};
use ticklot::jayx::{Envelope, JayX};
use ticklot::kraken::{self, Kraken};
use ticklot::venue::Venue;
use ticklot::{BookId, BookState, Books, ConnectionId, Nanos, OnMessage, Options, Session};

use crate::bench::{Bench, bayse_book, options};

fn limited(bytes: usize) -> Options {
    let mut options = options();
    options.max_memory = bytes;
    options
}

struct Quiet;

impl ticklot::Handler for Quiet {
    fn on_event(&mut self, _: ticklot::Event<'_>, _: &Books) -> std::ops::ControlFlow<()> {
        std::ops::ControlFlow::Continue(())
    }
}

impl<V: Venue> OnMessage<V> for Quiet {}

/// An order book with this many bids.
fn book(bids: i64) -> String {
    let bids: Vec<String> = (0..bids)
        .map(|at| format!(r#"{{"ticks":{},"lots":5,"count":1}}"#, 900_000 - at))
        .collect();
    let bids = bids.join(",");
    format!(r#"{{"orderBook":{{"asks":[],"bids":[{bids}]}}}}"#)
}

fn plain(options: Options) -> Bench<JayX> {
    let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain);
    Bench::new(venue.build().unwrap(), options).opened()
}

#[test]
fn refused_growth_is_a_gap() {
    let mut bench = plain(limited(64 << 10));
    bench.frame(&book(10));
    assert_eq!(bench.books.state(BookId(0)), BookState::Live);
    bench.events();
    bench.frame(&book(5_000));
    assert!(bench.books.live(BookId(0)).is_none());
    let told = bench.events();
    assert!(told[0].contains("gap"), "{told:?}");
    assert_eq!(
        told[1],
        "bad 1: jayx: line 0, byte 0: no room in the 65536 bytes of memory for books"
    );
    assert!(bench.books.memory() <= 64 << 10);
    bench.frame(&book(10));
    assert!(bench.books.live(BookId(0)).is_some(), "a book that fits");
}

/// An order book followed by white space.
fn spaced(bytes: usize) -> String {
    let book = book(10);
    let space = " ".repeat(bytes - book.len());
    book + &space
}

#[test]
fn long_frames_charge_decoder_buffers() {
    let mut bench = plain(limited(8 << 20));
    bench.frame(&spaced(64 << 10));
    let before = bench.books.memory();
    bench.frame(&spaced((64 << 10) + 1));
    assert_eq!(bench.books.memory() - before, 4 * ((64 << 10) + 1));
    bench.frame(&spaced(100 << 10));
    assert_eq!(bench.books.memory() - before, 4 * (100 << 10));
    bench.frame(&spaced(80 << 10));
    assert_eq!(bench.books.memory() - before, 4 * (100 << 10), "kept");
    // Buffers of more than a quarter of the limit are freed.
    bench.frame(&spaced(600 << 10));
    assert_eq!(bench.books.memory(), before);
    assert_eq!(bench.books.state(BookId(0)), BookState::Live);
}

/// A flat book stores the next snapshot in a second buffer, even if it is not larger.
#[test]
fn second_snapshot_is_charged() {
    let mut books = Books::new();
    let mut sessions: Vec<Session<JayX>> = (0..20)
        .map(|id| {
            let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain);
            Session::new(
                venue.build().unwrap(),
                ConnectionId(id),
                options(),
                &mut books,
            )
        })
        .collect();
    for session in &mut sessions {
        let _ = session.opened(Nanos(0), &mut books, &mut Quiet);
    }
    // Shorter than a frame whose decoder is charged.
    let book = book(1_500);
    for time in 1..3 {
        for session in &mut sessions {
            let _ = session.frame(book.as_bytes(), Nanos(time), &mut books, &mut Quiet);
        }
        let held: usize = books.ids().map(|id| books.live(id).unwrap().memory()).sum();
        let counted = books.memory();
        assert!(held <= counted, "{held} held, {counted} counted");
    }
}

#[test]
fn oversized_first_book_stays_empty() {
    let mut bench = plain(limited(64 << 10));
    bench.frame(&book(5_000));
    assert_eq!(bench.books.state(BookId(0)), BookState::Empty);
    assert_eq!(bench.events().len(), 1, "the bad line");
}

#[test]
fn invented_outcomes_respect_budget() {
    let venue = Bayse::any().build().unwrap();
    let mut bench = Bench::new(venue, limited(256 << 10)).opened();
    for at in 0..1_000 {
        bench.frame(&bayse_book("m", &format!("outcome-{at}")));
    }
    let books = bench.books.len();
    assert!((50..500).contains(&books), "{books} books");
    assert!(bench.books.memory() <= 256 << 10);
    let refused = |line: &String| line.contains("no room");
    let bad = bench.events().iter().filter(|it| refused(it)).count();
    // There may have been room for the last book, but not for its levels.
    assert!(
        bad == 1_000 - books || bad == 1_001 - books,
        "{bad} of {books}"
    );
    // Existing books are still updated.
    bench.frame(&bayse_book("m", "outcome-0"));
    assert!(bench.events().iter().all(|line| !refused(line)));
}

#[test]
fn connections_share_one_budget() {
    let mut books = Books::new();
    let mut sessions: Vec<Session<JayX>> = [1 << 20, 200 << 10, 2 << 20]
        .into_iter()
        .zip(0..)
        .map(|(bytes, id)| {
            let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain);
            let venue = venue.build().unwrap();
            Session::new(venue, ConnectionId(id), limited(bytes), &mut books)
        })
        .collect();
    assert_eq!(books.memory_limit(), Some(200 << 10), "the lowest");
    for session in &mut sessions {
        let _ = session.opened(Nanos(1), &mut books, &mut Quiet);
        let _ = session.frame(book(3_000).as_bytes(), Nanos(2), &mut books, &mut Quiet);
    }
    let live = books.ids().filter(|id| books.live(*id).is_some()).count();
    assert!((1..3).contains(&live), "{live} of 3 books");
    assert!(books.memory() <= 200 << 10);
}

/// Sends each command, and returns the number of refusals because of memory.
fn refused<V: Venue>(
    bench: &mut Bench<V>,
    commands: impl IntoIterator<Item = V::Command>,
) -> usize {
    bench.events();
    commands.into_iter().for_each(|it| bench.command(it));
    let told = bench.events();
    let is_refusal =
        |line: &&String| line.starts_with("refused ") && line.contains("no room in memory");
    told.iter().filter(is_refusal).count()
}

#[test]
fn room_names_are_charged() {
    let mut bench = Bench::new(Bayse::markets().build().unwrap(), limited(256 << 10));
    assert_eq!(bench.books.memory(), 0);
    let topic = |at: usize| Topic::order_book(format!("{at:0>1000}"));
    let follow = |at| bayse::Command::Subscribe(topic(at));
    let count = refused(&mut bench, (0..100).map(follow));
    assert!((20..90).contains(&count), "{count} of 100 refused");
    assert!(bench.books.memory() <= 256 << 10);
    let followed = bench.session.venue().topics().count();
    assert_eq!(followed, 100 - count);
    assert!(bench.books.memory() >= followed * 1_000, "the names count");
    // A topic that is followed already needs no room.
    assert_eq!(refused(&mut bench, [follow(0)]), 0);
    // Until the server confirms an unsubscription, the room's name is needed.
    bench.open();
    bench.sent();
    let full = bench.books.memory();
    bench.command(bayse::Command::Unsubscribe(topic(0)));
    assert_eq!(bench.books.memory(), full);
    bench.end(&ticklot::Disconnect::IdleTimeout);
    bench.pass(60_000_000_000);
    bench.open();
    assert_eq!(bench.books.memory(), full - full / followed);
    assert_eq!(
        refused(&mut bench, [follow(99), follow(98)]),
        1,
        "room for one"
    );
    bench.end(&ticklot::Disconnect::IdleTimeout);
    for at in 0..100 {
        bench.command(bayse::Command::Unsubscribe(topic(at)));
    }
    assert_eq!(bench.books.memory(), 0);
}

#[test]
fn initial_rooms_are_charged() {
    let topics = (0..bayse::MAX_ROOMS).map(|at| Topic::order_book(at.to_string()));
    let venue = topics.fold(Bayse::markets(), Bayse::follow);
    let mut bench = Bench::new(venue.build().unwrap(), options());
    assert!(bench.books.memory() > bayse::MAX_ROOMS * 100);
    let more = bayse::Command::Subscribe(Topic::order_book("more"));
    bench.command(more);
    let told = bench.events();
    assert!(
        told[0].starts_with("refused ") && told[0].ends_with(": too many rooms"),
        "{told:?}"
    );
}

#[test]
fn server_names_are_charged() {
    let venue = Bayse::user(bayse::Auth::api_key("k")).follow(Topic::orders("m"));
    let mut bench = Bench::new(venue.build().unwrap(), limited(64 << 10)).opened();
    let before = bench.books.memory();
    let subscribed = |user: &str| format!(r#"{{"type":"subscribed","room":"orders:{user}:m"}}"#);
    bench.frame(&subscribed(&"u".repeat(60_000)));
    assert!(bench.events()[0].contains("no room"));
    assert_eq!(bench.books.memory(), before);
    bench.frame(&subscribed("user"));
    assert_eq!(bench.events(), ["subscribed orders:user:m"]);
    let room = "orders:user:m".len();
    assert!(bench.books.memory() >= before + room);
}

#[test]
fn kraken_charges_topics_and_books() {
    let mut bench = Bench::new(Kraken::new(["A/B"]).build().unwrap(), limited(64 << 10));
    let start = bench.books.memory();
    let trades = |name: &str| kraken::Topic::trades(name);
    bench.command(kraken::Command::Subscribe(trades("A/B")));
    assert!(bench.books.memory() > start);
    bench.command(kraken::Command::Unsubscribe(trades("A/B")));
    assert_eq!(bench.books.memory(), start);
    for topic in [
        kraken::Topic::trades as fn(String) -> _,
        kraken::Topic::book,
    ] {
        let many = (0..100).map(|at| kraken::Command::Subscribe(topic(format!("S{at}/B"))));
        let count = refused(&mut bench, many);
        assert!((30..=100).contains(&count), "{count} of 100 refused");
        assert!(bench.books.memory() <= 64 << 10);
    }
    let named = bench.books.ids().count();
    let books = bench.session.venue().topics();
    let books = books.filter(|(topic, _)| matches!(topic, kraken::Topic::Book(_)));
    assert_eq!(books.count(), named, "no book without its topic");
}

#[test]
fn reservations_get_a_quarter() {
    let mut bench = plain(limited(64 << 10));
    let before = bench.books.memory();
    let first = bench.books.reserve(10 << 10).unwrap();
    assert_eq!(bench.books.memory(), before + (10 << 10));
    assert!(
        bench.books.reserve(7 << 10).is_none(),
        "more than a quarter"
    );
    let second = bench.books.reserve(6 << 10).unwrap();
    drop(first);
    assert_eq!(bench.books.memory(), before + (6 << 10));
    drop(second);
    assert_eq!(bench.books.memory(), before);
    // When books fill the budget, nothing can be reserved. Books cannot use reserved memory.
    let reserved = bench.books.reserve(16 << 10).unwrap();
    let largest = |bench: &mut Bench<JayX>| {
        let sizes = (100..1_000).step_by(20);
        sizes
            .take_while(|bids| {
                bench.frame(&book(*bids));
                bench.books.live(BookId(0)).is_some()
            })
            .count()
    };
    let beside = largest(&mut bench);
    drop(reserved);
    assert!(largest(&mut bench) > beside);
    assert!(bench.books.memory() <= 64 << 10);
}

#[cfg(feature = "latency")]
#[test]
fn histograms_are_charged() {
    let mut bench = plain(limited(4 << 20));
    let before = bench.books.memory();
    bench.session.measure(|| Nanos(0), &mut bench.books);
    assert!(bench.books.latency(ConnectionId(0)).is_some());
    let added = bench.books.memory() - before;
    assert!((100_000..200_000).contains(&added), "{added} bytes");
    bench.session.measure(|| Nanos(0), &mut bench.books);
    assert_eq!(bench.books.memory(), before + added, "once");

    let mut bench = plain(limited(added * 4 - 1));
    let before = bench.books.memory();
    bench.session.measure(|| Nanos(0), &mut bench.books);
    assert!(bench.books.latency(ConnectionId(0)).is_none());
    assert_eq!(bench.books.memory(), before);
    bench.frame(&book(10));
    assert_eq!(bench.books.state(BookId(0)), BookState::Live);
}
