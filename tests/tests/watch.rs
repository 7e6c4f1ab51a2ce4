//! The two threads of the full-screen view: the feed's side neither waits nor allocates, and the drawing side draws at most
//! 30 times a second.
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

/// The feed's tick interval: 30 times a second.
const TICK: u64 = SECOND / 30;

/// A feed of one connection in virtual time.
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
    /// Receives a frame `later` nanoseconds after the last one, and ticks if a tick is due.
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
        let flow = self.handler.on_event(Event::Timer { now }, &self.books);
        assert_eq!(flow, ControlFlow::Continue(()));
    }
}

fn jayx() -> JayX {
    let venue = JayX::new("BTCUSDT").envelope(Envelope::Auto);
    venue.build().unwrap()
}

// Takes over a second in a debug build: decodes, applies and publishes 120,000 order books.
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
            // The feed ticks until the last update has been drawn.
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
        // 100,000 frames a second.
        feed.frame(frame, SECOND / 100_000);
    }
    let took = start.elapsed();
    while !is_over.load(Ordering::SeqCst) {
        feed.now.fetch_add(TICK, Ordering::SeqCst);
        feed.tick();
        thread::yield_now();
    }
    let (view, drawn) = drawing.join().unwrap();
    assert_eq!(view.messages(), UPDATES);
    let book = feed.books.last_known(BookId(0)).unwrap();
    // The last picture shows the last book.
    assert_eq!(view.crc32(BookId(0)), Some(book.crc32()));
    let best = book.best_bid().unwrap();
    let price = book.scale().price(best.ticks).to_string();
    assert!(view.text().contains(&price), "{}", view.text());
    let mut windows = drawn.windows(31);
    let is_slow = |window: &[u64]| window[30] - window[0] >= SECOND;
    assert!(windows.all(is_slow), "31 pictures in a second");
    let (pictures, each) = (drawn.len(), took / u32::try_from(UPDATES).unwrap());
    println!("{UPDATES} updates in {took:?}, {each:?} each, and {pictures} pictures");
}

/// Plays all frames twice, drawing meanwhile, and counts the allocations of the feed's side in each pass.
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
            // Sometimes the drawing side takes nothing for a while.
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

/// A frame with a line of each kind of Bayse's other messages.
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
        // Unreadable, but not a book.
        r#"{"type":"asset_price","data":7}"#.to_owned(),
    ];
    lines.join("\n").into_bytes()
}

#[test]
fn feed_side_allocates_nothing() {
    let (first, second) = count(jayx(), view(), &books::jayx(60, 7, 600));
    assert!(first > 0, "the first pass grows the buffers");
    assert_eq!(second, 0);
    let bayse = Bayse::any().scale(books::bayse_scale()).build().unwrap();
    let mut frames = books::bayse(60, 7, 600);
    frames.extend((0..200).map(others));
    let (first, second) = count(bayse, view(), &frames);
    assert!(first > 0, "the first pass grows the buffers");
    assert_eq!(second, 0);

    // A line that is not JSON makes the book a gap until its next update. Meanwhile the session lists it among the books
    // that need a snapshot: two allocations for each gap.
    let bayse = Bayse::any().scale(books::bayse_scale()).build().unwrap();
    frames.insert(300, b"no json at all".to_vec());
    let (_, second) = count(bayse, view(), &frames);
    assert!(second <= 2, "{second} allocations");
}
