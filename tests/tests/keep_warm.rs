//! Keep-warm replays of a spinning feed change no observable state and do not allocate.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ticklot::bayse::Bayse;
use ticklot::jayx::{Envelope, JayX};
use ticklot::venue::Stats;
use ticklot::{Books, Event, Feed, Handler, Options, SpinOptions};
use ticklot_sim::{RecordedFrame, Recording, Simulator, Speed, Venue, bayse, jayx};
use ticklot_tests::alloc::{CountingAllocator, allocations};
use ticklot_tests::data::LOGS;
use ticklot_tests::handler::break_if;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Keep-warm replays at each idle turn, or never.
fn options(keep_warm: bool) -> SpinOptions {
    let mut options = SpinOptions::default();
    options.keep_warm = keep_warm.then_some(Duration::ZERO);
    options
}

/// The output of a feed for the first frames of a log: each event, each book, and the final statistics.
fn shown(frames: &[(u64, Vec<u8>)], keep_warm: bool) -> (Vec<String>, Stats) {
    // Slow enough for idle turns between the frames.
    let frames = (0..).zip(frames).map(|(at, (_, frame))| RecordedFrame {
        recv_ns: at * 200_000,
        frame: frame.clone(),
    });
    let recording = Arc::new(Recording {
        frames: frames.collect(),
    });
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = Simulator::playback(Venue::Jayx, recording, Speed::Times(1.0), listen).unwrap();
    let mut shown = Vec::new();
    let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
        let line = match event {
            Event::Book(update) => {
                let book = books.last_known(update.book).unwrap();
                let trades: Vec<_> = books.trades(update.book).collect();
                let (frame, changes) = (update.frame, update.changes.len());
                format!(
                    "{frame} {changes} {:?} {:x} {trades:?}",
                    book.state(),
                    book.crc32()
                )
            }
            Event::Trades(new) => format!("{:?}", new.trades),
            // Their texts contain times.
            Event::Connected { .. } | Event::Disconnected { .. } => {
                return ControlFlow::Continue(());
            }
            other => format!("{other:?}"),
        };
        shown.push(line);
        ControlFlow::Continue(())
    });
    let mut session = Options::default();
    session.reconnect.after_close = false;
    let venue = JayX::new("BTCUSDT").url(&server.url(Venue::Jayx).unwrap());
    let venue = venue.envelope(Envelope::Auto).scale(LOGS[0].scale());
    feed.add_with(venue.build().unwrap(), session, Default::default());
    let ended = feed.spin(&options(keep_warm)).unwrap();
    drop(feed);
    (shown, ended[0].stats)
}

#[test]
fn keep_warm_changes_nothing() {
    let Some(frames) = LOGS[0].frames("keep_warm_changes_nothing") else {
        return;
    };
    let frames = &frames[..frames.len().min(1_500)];
    // Templates are cached for each thread, so each run has a new thread.
    let alone = |keep_warm| std::thread::scope(|it| it.spawn(|| shown(frames, keep_warm)).join());
    let (with, without) = (alone(true).unwrap(), alone(false).unwrap());
    assert!(with.0.len() > 1_000, "{}", with.0.len());
    let differ = with
        .0
        .iter()
        .zip(&without.0)
        .find(|(with, without)| with != without);
    assert_eq!((differ, with.0.len()), (None, without.0.len()));
    assert_eq!(with.1, without.1);
}

/// Counts the allocations of the thread that spins.
struct Count {
    books: u64,
    counts: Vec<u64>,
}

/// The number of books of a pass.
const PASS: u64 = 500;

impl Handler for Count {
    fn on_event(&mut self, event: Event<'_>, _: &Books) -> ControlFlow<()> {
        if !matches!(event, Event::Book(_)) {
            return ControlFlow::Continue(());
        }
        self.books += 1;
        if self.books.is_multiple_of(PASS) {
            self.counts.push(allocations());
        }
        break_if(self.counts.len() == 5)
    }
}

impl<V: ticklot::venue::Venue> ticklot::OnMessage<V> for Count {}

/// Takes over a second: the books of three connections to two venues, in real time.
#[test]
fn nothing_is_allocated_once_warm() {
    let every = Duration::from_millis(4);
    let jayx = jayx::Config {
        update_every: every,
        ..Default::default()
    };
    let bayse = bayse::Config {
        update_every: every,
        ..Default::default()
    };
    let market = bayse.markets[0].market_id.clone();
    let server = Simulator::spawn(jayx, bayse).unwrap();
    let mut feed = Feed::new(Count {
        books: 0,
        counts: Vec::new(),
    });
    for _ in 0..2 {
        let venue = JayX::new("BTCUSDT").url(&server.url(Venue::Jayx).unwrap());
        feed.add(venue.build().unwrap());
    }
    let venue = Bayse::new([market]).url(&server.url(Venue::Bayse).unwrap());
    feed.add(venue.build().unwrap());
    feed.spin(&options(true)).unwrap();
    let counts = feed.into_parts().1.counts;
    let passes: Vec<u64> = counts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(counts[0] > 0, "connecting allocates");
    assert_eq!(passes.last(), Some(&0), "{passes:?}");
}
