//! The values that reach the `metrics` facade are complete and cause no allocation.
//!
//! `cargo test -p ticklot-tests --features metrics --test metrics`
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use ticklot::jayx::{Envelope, JayX};
use ticklot::observe::Stage;
use ticklot::venue::{CallOutcome, Venue};
use ticklot::{Books, ConnectionId, Disconnect, Event, Feed, Nanos, Options, Session};
use ticklot_sim::Simulator;
use ticklot_tests::alloc::{CountingAllocator, allocations};
use ticklot_tests::books;
use ticklot_tests::drive::spin;
use ticklot_tests::handler::{break_if, ignore};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// A recorder that stores everything in atomics, by name and labels.
#[derive(Default)]
struct Kept {
    numbers: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    histograms: Mutex<BTreeMap<String, Arc<Sum>>>,
    described: Mutex<Vec<String>>,
    registered: AtomicU64,
}

/// The number of values of a histogram, and their sum in nanoseconds.
#[derive(Default)]
struct Sum {
    count: AtomicU64,
    nanos: AtomicU64,
}

impl HistogramFn for Sum {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn record(&self, seconds: f64) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanos
            .fetch_add((seconds * 1e9) as u64, Ordering::Relaxed);
    }
}

/// `name{label=value,...}`
fn label(key: &Key) -> String {
    let labels = key
        .labels()
        .map(|it| format!("{}={}", it.key(), it.value()));
    format!("{}{{{}}}", key.name(), labels.collect::<Vec<_>>().join(","))
}

impl Kept {
    fn number(&self, key: &Key) -> Arc<AtomicU64> {
        self.registered.fetch_add(1, Ordering::Relaxed);
        Arc::clone(self.numbers.lock().unwrap().entry(label(key)).or_default())
    }

    /// The value of a metric of connection 0.
    fn count(&self, name: &str) -> u64 {
        let key = format!("{name}{{venue=jayx,connection=0}}");
        let numbers = self.numbers.lock().unwrap();
        numbers
            .get(&key)
            .unwrap_or_else(|| panic!("no {key}"))
            .load(Ordering::Relaxed)
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        self.described.lock().unwrap().push(key.as_str().to_owned());
    }

    fn describe_gauge(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        self.described.lock().unwrap().push(key.as_str().to_owned());
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        self.described.lock().unwrap().push(key.as_str().to_owned());
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.number(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.number(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.registered.fetch_add(1, Ordering::Relaxed);
        let mut all = self.histograms.lock().unwrap();
        Histogram::from_arc(Arc::clone(all.entry(label(key)).or_default()))
    }
}

const BOOK: &[u8] = br#"{"orderBook":{"asks":[],"bids":[{"ticks":1,"lots":1}]}}"#;
const UNSOLD: &[u8] = br#"{"orderBook":{"asks":[],"bids":[{"ticks":1,"lots":-1}]}}"#;

#[test]
fn session_metrics_are_complete() {
    let kept = Kept::default();
    let mut books = Books::new();
    let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain);
    let venue = venue.build().unwrap();
    let mut session = metrics::with_local_recorder(&kept, || {
        ticklot::observe::metrics::describe();
        Session::new(venue, ConnectionId(0), Options::default(), &mut books)
    });
    let registered = kept.registered.load(Ordering::Relaxed);
    let second = Nanos::from_secs;
    for (epoch, start) in [(1, 0), (2, 100)] {
        let _ = session.opened(second(start), &mut books, &mut ignore);
        assert_eq!(kept.count("ticklot_connected"), 1.0_f64.to_bits());
        while session.outgoing(second(start)).is_some() {}
        for frame in [BOOK, UNSOLD, b"{", BOOK] {
            let _ = session.frame(frame, second(start + 1), &mut books, &mut ignore);
        }
        // Longer than the 30 s after which a book is stale.
        assert!(
            session
                .timeout(second(start + 40), &mut books, &mut ignore)
                .is_none()
        );
        let gone = Disconnect::IdleTimeout;
        let _ = session.disconnected(second(start + 50), &gone, &mut books, &mut ignore);
        let _ = session.frame(BOOK, second(start + 51), &mut books, &mut ignore);
        let expected = [
            ("ticklot_frames_total", 4),
            ("ticklot_messages_total", 2),
            ("ticklot_books_applied_total", 2),
            ("ticklot_bad_lines_total", 2),
            ("ticklot_gaps_total", 2),
            ("ticklot_stale_total", 1),
            ("ticklot_connects_total", 1),
            ("ticklot_disconnects_total", 1),
            ("ticklot_sent_total", 1),
        ];
        for (name, each) in expected {
            assert_eq!(kept.count(name), epoch * each, "{name} in epoch {epoch}");
        }
        assert_eq!(kept.count("ticklot_reconnects_total"), epoch - 1);
        assert_eq!(kept.count("ticklot_connected"), 0.0_f64.to_bits());
    }
    // The count of late frames is published with the next event.
    let _ = session.opened(second(200), &mut books, &mut ignore);
    assert_eq!(kept.count("ticklot_late_frames_total"), 2);
    let again = kept.registered.load(Ordering::Relaxed);
    assert_eq!(again, registered, "handles are registered once");
    let described = kept.described.lock().unwrap();
    let all = ticklot::observe::metrics::all().map(|metric| metric.name.to_owned());
    let names: Vec<String> = all.collect();
    let known = described.iter().filter(|name| names.contains(name));
    assert_eq!(known.count(), names.len());
}

#[test]
fn documented_metrics_exist() {
    let names: Vec<&str> = ticklot::observe::metrics::all()
        .map(|metric| metric.name)
        .collect();
    let documented: Vec<&str> = include_str!("../../docs/embedding.md")
        .split('`')
        .filter(|code| code.starts_with("ticklot_"))
        .collect();
    assert!(documented.len() > 8, "{documented:?}");
    for name in documented {
        assert!(names.contains(&name), "there is no metric {name}");
    }
}

#[test]
fn metrics_allocate_nothing() {
    let kept = Kept::default();
    let frames = books::jayx(20, 7, 300);
    let mut books = Books::new();
    let venue = JayX::new("BTCUSDT").build().unwrap();
    let mut session = metrics::with_local_recorder(&kept, || {
        let mut session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
        let start = std::time::Instant::now();
        let clock = move || Nanos(u64::try_from(start.elapsed().as_nanos()).unwrap_or(0));
        session.measure(clock, &mut books);
        session
    });
    let _ = session.opened(Nanos(0), &mut books, &mut ignore);
    let mut pass = || {
        let before = allocations();
        for frame in &frames {
            let reply = session.frame(frame, Nanos(1), &mut books, &mut ignore);
            assert_eq!(reply, CallOutcome::Data);
            while session.outgoing(Nanos(1)).is_some() {}
        }
        allocations() - before
    };
    assert!(pass() > 0, "the first pass grows the buffers");
    assert_eq!(pass(), 0);
    let latency = books.latency(ConnectionId(0)).unwrap();
    assert_eq!(kept.count("ticklot_books_applied_total"), 600);
    for stage in Stage::ALL {
        assert_eq!(latency.count(stage), 600, "{stage}");
        let key = format!("ticklot_stage_seconds{{venue=jayx,connection=0,stage={stage}}}");
        let recorded = &kept.histograms.lock().unwrap()[&key].count;
        assert_eq!(recorded.load(Ordering::Relaxed), 600, "{key}");
    }
}

#[tokio::test]
async fn feed_counts_per_connection() {
    counts_each_connection(false).await;
}

#[tokio::test]
async fn spinning_feed_counts_per_connection() {
    counts_each_connection(true).await;
}

async fn counts_each_connection(spinning: bool) {
    let kept = Kept::default();
    let simulator = Simulator::spawn(Default::default(), Default::default()).unwrap();
    let url = simulator.url(ticklot_sim::Venue::Jayx).unwrap();
    let mut seen = 0;
    let mut feed = Feed::new(|event: Event<'_>, _: &Books| {
        seen += u32::from(matches!(event, Event::Book(_)));
        break_if(seen == 6)
    });
    metrics::with_local_recorder(&kept, || {
        for envelope in [Envelope::SocketIo, Envelope::Plain] {
            let venue = JayX::new("BTCUSDT").url(&url).envelope(envelope);
            assert!(venue.wants_connection());
            feed.add(venue.build().unwrap());
        }
    });
    if spinning {
        spin(&mut feed, Some(Duration::ZERO)).await.unwrap();
    } else {
        feed.run().await;
    }
    drop(feed);
    let numbers = kept.numbers.lock().unwrap();
    let of = |connection: u32, name: &str| {
        let key = format!("{name}{{venue=jayx,connection={connection}}}");
        numbers[&key].load(Ordering::Relaxed)
    };
    let books = |connection| of(connection, "ticklot_books_applied_total");
    assert_eq!(books(0) + books(1), 6);
    for connection in [0, 1] {
        assert_eq!(of(connection, "ticklot_connects_total"), 1);
        assert_eq!(of(connection, "ticklot_disconnects_total"), 1);
    }
}
