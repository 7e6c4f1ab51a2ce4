//! The full-screen view's two sides, as the program has them on its two threads: the feed's, which waits for
//! nothing and allocates nothing, and the drawing one, which draws thirty times a second at most.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use ticklot::bayse::Bayse;
use ticklot::jayx::{Envelope, JayX};
use ticklot::venue::{CallOutcome, Venue};
use ticklot::{BookId, Books, ConnectionId, Event, Nanos, OnMessage, Options, Session};
use ticklot_cli::watch::headless::{Headless, headless};
use ticklot_tests::alloc::{CountingAllocator, allocations};
use ticklot_tests::books;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// A second of virtual time, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// What the feed ticks at: thirty times a second.
const TICK: u64 = SECOND / 30;

/// A feed of one connection on virtual time, and a view of it.
struct Feed<V, H> {
    session: Session<V>,
    books: Books,
    handler: H,
    now: Arc<AtomicU64>,
    ticked: u64,
}

/// A view of either venue's feed, with its handler and its clock.
fn view() -> (
    impl OnMessage<JayX> + OnMessage<Bayse>,
    Arc<AtomicU64>,
    Headless,
) {
    let now = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&now);
    let (handler, view) = headless((80, 24), move || Nanos(clock.load(Ordering::SeqCst))).unwrap();
    (handler, now, view)
}

fn feed<V: Venue, H: OnMessage<V>>(venue: V, mut handler: H, now: Arc<AtomicU64>) -> Feed<V, H> {
    let mut books = Books::new();
    let mut session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
    let _ = session.opened(Nanos(0), &mut books, &mut handler);
    Feed {
        session,
        books,
        handler,
        now,
        ticked: 0,
    }
}

impl<V: Venue, H: OnMessage<V>> Feed<V, H> {
    /// A frame that comes `later` than the last one; and a tick, when it is time.
    fn frame(&mut self, frame: &[u8], later: u64) {
        let now = self.now.fetch_add(later, Ordering::SeqCst) + later;
        let Self {
            session,
            books,
            handler,
            ..
        } = self;
        assert_eq!(
            session.frame(frame, Nanos(now), books, handler),
            CallOutcome::Data
        );
        if now >= self.ticked + TICK {
            self.tick();
        }
    }

    fn tick(&mut self) {
        self.ticked = self.now.load(Ordering::SeqCst);
        let now = Nanos(self.ticked);
        let told = self.handler.on_event(Event::Tick { now }, &self.books);
        assert_eq!(told, ControlFlow::Continue(()));
    }
}

fn jayx() -> JayX {
    let venue = JayX::new("BTCUSDT").envelope(Envelope::Auto);
    venue.build().unwrap()
}

// Over a second in a debug build: 120,000 order books are decoded, applied and handed on.
#[test]
fn screen_keeps_up_with_updates() {
    const UPDATES: u64 = 120_000;
    let frames = books::jayx(20, 7, 500);
    let (handler, now, mut view) = view();
    let mut feed = feed(jayx(), handler, now);
    let (now, is_over) = (Arc::clone(&feed.now), Arc::new(AtomicBool::new(false)));
    let drawing = {
        let is_over = Arc::clone(&is_over);
        thread::spawn(move || {
            let mut drawn = Vec::new();
            // The feed goes on ticking until the last of it has been drawn.
            while view.messages() < UPDATES {
                let now = now.load(Ordering::SeqCst);
                if view.draw_if_due(Nanos(now)) {
                    drawn.push(now);
                }
                thread::yield_now();
            }
            is_over.store(true, Ordering::SeqCst);
            (view, drawn)
        })
    };
    let start = Instant::now();
    for frame in frames.iter().cycle().take(UPDATES as usize) {
        // A hundred thousand a second.
        feed.frame(frame, SECOND / 100_000);
    }
    let took = start.elapsed();
    while !is_over.load(Ordering::SeqCst) {
        feed.now.fetch_add(TICK, Ordering::SeqCst);
        feed.tick();
        thread::yield_now();
    }
    let (view, drawn) = drawing.join().unwrap();
    assert_eq!(view.messages(), UPDATES, "each was taken");
    let book = feed.books.last_known(BookId(0)).unwrap();
    assert_eq!(
        view.crc32(BookId(0)),
        Some(book.crc32()),
        "the last picture is of the last book"
    );
    let best = book.best_bid().unwrap();
    let text = view.text();
    assert!(
        text.contains(&book.scale().price(best.ticks).to_string()),
        "{text}"
    );
    for window in drawn.windows(31) {
        assert!(
            window[30] - window[0] >= SECOND,
            "thirty-one pictures in a second"
        );
    }
    println!(
        "{UPDATES} updates in {took:?} with {} pictures beside them, {:?} each, decoding and applying included",
        drawn.len(),
        took / u32::try_from(UPDATES).unwrap()
    );
}

/// Plays all frames twice, with a drawing after each few, and counts the feed's allocations.
fn count<V: Venue, H: OnMessage<V>>(
    venue: V,
    (handler, now, mut view): (H, Arc<AtomicU64>, Headless),
    frames: &[Vec<u8>],
) -> (u64, u64) {
    let mut feed = feed(venue, handler, now);
    let mut pass = || {
        let mut counted = 0;
        for (number, frame) in frames.iter().enumerate() {
            let before = allocations();
            feed.frame(frame, SECOND / 250);
            counted += allocations() - before;
            let now = feed.now.load(Ordering::SeqCst);
            // Sometimes it is long until what was left is taken.
            if number % 90 < 60 {
                let _ = view.draw_if_due(Nanos(now));
            }
        }
        counted
    };
    let counts = (pass(), pass());
    assert!(view.text().contains("LIVE"), "{}", view.text());
    counts
}

/// A line of every kind that Bayse has besides books.
fn others(n: usize) -> Vec<u8> {
    let price = 40 + n % 20;
    let lines = [
        format!(
            r#"{{"type":"price_update","data":{{"id":"evt","markets":[{{"id":"mkt","prices":{{"YES":0.{price},"NO":0.{price}}}}}]}},"timestamp":1700000000000}}"#
        ),
        format!(
            r#"{{"type":"asset_price","data":{{"symbol":"BTCUSDT","price":67432.{n},"timestamp":1700000000000}},"timestamp":1700000000000}}"#
        ),
        r#"{"type":"error","data":{"message":"rate limit exceeded: too many messages"}}"#
            .to_owned(),
        // Unreadable, and readably no book.
        r#"{"type":"asset_price","data":7}"#.to_owned(),
    ];
    lines.join("\n").into_bytes()
}

#[test]
fn feed_side_allocates_nothing() {
    let (first, second) = count(jayx(), view(), &books::jayx(60, 7, 600));
    assert!(first > 0, "the count works: the buffers had to grow");
    assert_eq!(second, 0);
    let bayse = Bayse::any().scale(books::bayse_scale()).build().unwrap();
    let mut frames = books::bayse(60, 7, 600);
    frames.extend((0..200).map(others));
    let (first, second) = count(bayse, view(), &frames);
    assert!(first > 0, "the count works: the buffers had to grow");
    assert_eq!(second, 0);

    // A line that is no JSON makes the book a gap, which the next update repairs. The session lists it
    // meanwhile among the books that need a snapshot: two allocations a gap.
    let bayse = Bayse::any().scale(books::bayse_scale()).build().unwrap();
    frames.insert(300, b"no json at all".to_vec());
    let (_, second) = count(bayse, view(), &frames);
    assert!(second <= 2, "{second} allocations");
}
