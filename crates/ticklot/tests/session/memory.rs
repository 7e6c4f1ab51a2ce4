//! The budget of a feed's memory.

use ticklot::bayse::Bayse;
use ticklot::jayx::{Envelope, JayX};
use ticklot::{BookId, Books, ConnectionId, Nanos, OnMessage, Options, Session, State, Venue};

use crate::bench::{Bench, bayse_book, options};

fn limited(bytes: usize) -> Options {
    let mut options = options();
    options.max_memory = bytes;
    options
}

/// An order book of so many bids.
fn book(bids: i64) -> String {
    let bids: Vec<String> = (0..bids)
        .map(|at| format!(r#"{{"ticks":{},"lots":5,"count":1}}"#, 900_000 - at))
        .collect();
    let bids = bids.join(",");
    format!(r#"{{"orderBook":{{"asks":[],"bids":[{bids}]}}}}"#)
}

fn plain(options: Options) -> Bench<JayX> {
    let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain);
    let mut bench = Bench::new(venue.build().unwrap(), options);
    bench.open();
    bench.told();
    bench
}

#[test]
fn a_growth_that_does_not_fit_makes_the_book_a_gap_and_is_reported() {
    let mut bench = plain(limited(64 << 10));
    bench.frame(&book(10));
    assert_eq!(bench.books.state(BookId(0)), State::Live);
    bench.told();
    bench.frame(&book(5_000));
    assert!(bench.books.live(BookId(0)).is_none());
    let told = bench.told();
    assert!(told[0].contains("gap"), "{told:?}");
    assert_eq!(
        told[1],
        "bad 1: jayx: line 0, byte 0: no room in the 65536 bytes of memory for books"
    );
    assert!(bench.books.memory() <= 64 << 10);
    bench.frame(&book(10));
    assert!(bench.books.live(BookId(0)).is_some(), "a book that fits");
}

#[test]
fn a_first_book_that_does_not_fit_stays_empty() {
    let mut bench = plain(limited(64 << 10));
    bench.frame(&book(5_000));
    assert_eq!(bench.books.state(BookId(0)), State::Empty);
    assert_eq!(bench.told().len(), 1, "the bad line");
}

#[test]
fn outcomes_that_a_server_invents_end_at_the_budget() {
    let venue = Bayse::any().build().unwrap();
    let mut bench = Bench::new(venue, limited(256 << 10));
    bench.open();
    bench.told();
    for at in 0..1_000 {
        bench.frame(&bayse_book("m", &format!("outcome-{at}")));
    }
    let books = bench.books.len();
    assert!((50..500).contains(&books), "{books} books");
    assert!(bench.books.memory() <= 256 << 10);
    let refused = |line: &String| line.contains("no room");
    let bad = bench.told().iter().filter(|it| refused(it)).count();
    // The last one may have had room for itself and not for its levels.
    assert!(
        bad == 1_000 - books || bad == 1_001 - books,
        "{bad} of {books}"
    );
    // Those that there are go on.
    bench.frame(&bayse_book("m", "outcome-0"));
    assert!(bench.told().iter().all(|line| !refused(line)));
}

#[test]
fn the_budget_is_one_for_all_connections() {
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
    struct Quiet;
    impl ticklot::Handler for Quiet {
        fn on_event(&mut self, _: ticklot::Event<'_>, _: &Books) -> std::ops::ControlFlow<()> {
            std::ops::ControlFlow::Continue(())
        }
    }
    impl<V: Venue> OnMessage<V> for Quiet {}
    for session in &mut sessions {
        let _ = session.opened(Nanos(1), &mut books, &mut Quiet);
        let _ = session.frame(book(3_000).as_bytes(), Nanos(2), &mut books, &mut Quiet);
    }
    let live = books.ids().filter(|id| books.live(*id).is_some()).count();
    assert!((1..3).contains(&live), "{live} of 3 books");
    assert!(books.memory() <= 200 << 10);
}
