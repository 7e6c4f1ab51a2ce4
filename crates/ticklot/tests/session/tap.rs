//! The records of taps, and the incidents of the flight recorder.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ticklot::bayse::{Auth, Bayse, Topic};
use ticklot::capture::{FlightOptions, FlightRecorder, Incident};
use ticklot::jayx::{ApiKey, Envelope, JayX};
use ticklot::observe::{RecordKind, Tap, WireEvent, WireRecord};
use ticklot::venue::Venue;
use ticklot::{BookState, Books, ConnectionId, Disconnect, Event, Nanos, Session};

use crate::bench::{Bench, OPEN, SECOND, bayse, bayse_book, closed, jayx, options, packet_book};

/// Records the text of each wire event.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Tap for Seen {
    fn record(&mut self, passed: &WireRecord<'_>) {
        let mut scratch = Vec::new();
        let text = passed.event.text(&mut scratch);
        self.0.lock().unwrap().push(format!(
            "{} {} {} {}",
            passed.at.0 / SECOND,
            passed.venue,
            passed.event.kind().as_str(),
            String::from_utf8_lossy(text)
        ));
    }
}

impl Seen {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn tapped<V: Venue>(mut bench: Bench<V>) -> (Bench<V>, Seen) {
    let seen = Seen::default();
    bench.session.tap(Box::new(seen.clone()));
    (bench, seen)
}

fn losses(seen: &Seen) -> Vec<String> {
    let all = seen.take().into_iter();
    all.filter_map(|line| line.split_once(" trust ").map(|(_, what)| what.to_owned()))
        .collect()
}

#[test]
fn taps_see_everything_in_order() {
    let (mut bench, seen) = tapped(jayx(Envelope::SocketIo));
    bench.open();
    bench.frame(OPEN);
    bench.sent();
    bench.now.0 += SECOND;
    bench.frame(r#"40{"sid":"s"}"#);
    bench.sent();
    bench.frame(&packet_book(10, 11));
    bench.end(&closed(1006));
    assert_eq!(
        seen.take(),
        [
            "1 jayx open ".to_owned(),
            format!("1 jayx in {OPEN}"),
            "1 jayx out 40".to_owned(),
            r#"2 jayx in 40{"sid":"s"}"#.to_owned(),
            r#"2 jayx out 42["orderbook",{"category":"spot","symbol":"BTCUSDT","precise":"1"}]"#
                .to_owned(),
            format!("2 jayx in {}", packet_book(10, 11)),
            "2 jayx close closed by the server with code 1006".to_owned(),
        ]
    );
}

#[test]
fn taps_see_http_bodies() {
    let (mut bench, seen) = tapped(bayse(&["m"]));
    bench.open();
    let body = br#"[{"marketId":"m","outcomeId":"o","bids":[],"asks":[]}]"#;
    bench
        .call(|session, now, books, handler| session.response(None, Ok(body), now, books, handler));
    let body = String::from_utf8_lossy(body);
    assert_eq!(seen.take()[1], format!("1 bayse fetch {body}"));
}

#[test]
fn taps_see_no_secrets() {
    let (mut jayx, by_jayx) = tapped(Bench::new(
        JayX::new("BTCUSDT")
            .envelope(Envelope::Plain)
            .key(ApiKey::new("ak_01\"2345"))
            .follow(ticklot::jayx::Topic::Positions)
            .build()
            .unwrap(),
        options(),
    ));
    jayx.open();
    assert!(jayx.sent().concat().contains(r#"ak_01\"2345"#));
    let seen = by_jayx.take().concat();
    assert!(
        seen.contains(r#""apiKey":"hidden","#) && !seen.contains("2345"),
        "{seen}"
    );

    let venue = Bayse::user(Auth::access_token("e.y.J", Some("my-phone".to_owned())));
    let venue = venue.follow(Topic::orders("m")).build().unwrap();
    let (mut bayse, by_bayse) = tapped(Bench::new(venue, options()));
    bayse.open();
    assert!(bayse.sent().concat().contains("e.y.J"));
    let seen = by_bayse.take().concat();
    let hidden = r#""auth":{"accessToken":"hidden","deviceId":"hidden"}"#;
    assert!(seen.contains(hidden), "{seen}");
}

#[test]
fn invalidation_follows_its_cause() {
    let (mut bench, seen) = tapped(jayx(Envelope::Auto));
    bench.open();
    bench.frame(&packet_book(12, 11));
    assert_eq!(losses(&seen), [""; 0], "it was never live");
    bench.frame(&packet_book(10, 11));
    bench.frame(&packet_book(12, 11));
    bench.frame(&packet_book(13, 11));
    let lines = seen.take();
    assert_eq!(
        lines[2],
        r#"1 jayx trust {"book":"BTCUSDT","market":"BTCUSDT","state":"crossed","stale_after_ns":5000000000}"#
    );
    assert!(lines[1].contains(" in 42") && lines[3].contains(" in 42") && lines.len() == 4);

    bench.frame(&packet_book(10, 11));
    bench.frame("42[\"orderbook\",{]");
    bench.frame("42[\"orderbook\",{]");
    let refused = losses(&seen);
    assert!(
        refused.len() == 1 && refused[0].contains(r#""state":"gap""#),
        "{refused:?}"
    );

    bench.frame(&packet_book(10, 11));
    assert!(bench.pass(6 * SECOND).is_none());
    let stale = losses(&seen);
    assert!(
        stale.len() == 1 && stale[0].contains(r#""state":"stale""#),
        "{stale:?}"
    );
    bench.frame(&packet_book(10, 11));
    bench.end(&Disconnect::IdleTimeout);
    assert_eq!(losses(&seen), [""; 0], "a disconnect has its own record");
}

#[test]
fn invalidations_are_per_book() {
    let (mut bench, seen) = tapped(bayse(&["m"]));
    bench.open();
    bench.frame(&[bayse_book("m", "a"), bayse_book("m", "b")].join("\n"));
    let doubled = |outcome| {
        let level = r#"{"price":0.6,"quantity":5}"#;
        bayse_book("m", outcome).replace(level, &[level; 2].join(","))
    };
    bench.frame(&[doubled("b"), bayse_book("m", "a"), doubled("a")].join("\n"));
    let lost = losses(&seen);
    assert!(
        lost[0].contains(r#""book":"b","market":"m","state":"gap""#),
        "{lost:?}"
    );
    assert!(
        lost[1].contains(r#""book":"a""#) && lost.len() == 2,
        "{lost:?}"
    );
}

/// Another connection's call may find a book stale first, because the handler sees all books.
#[test]
fn stale_book_names_its_connection() {
    let mut books = Books::new();
    let session = |n, books: &mut Books| {
        let venue = JayX::new(["A", "B"][n as usize]).envelope(Envelope::Auto);
        Session::new(venue.build().unwrap(), ConnectionId(n), options(), books)
    };
    let (mut a, mut b) = (session(0, &mut books), session(1, &mut books));
    let told = Arc::new(Mutex::new(Vec::new()));
    let tap = Lost(Arc::clone(&told));
    a.tap(Box::new(tap.clone()));
    b.tap(Box::new(tap));
    let mut handler = |_: Event<'_>, _: &Books| ControlFlow::Continue(());
    for session in [&mut a, &mut b] {
        let _ = session.opened(Nanos(0), &mut books, &mut handler);
        let frame = packet_book(10, 11);
        let _ = session.frame(frame.as_bytes(), Nanos(0), &mut books, &mut handler);
    }
    let later = Nanos(6 * SECOND);
    let _ = b.frame(
        packet_book(10, 12).as_bytes(),
        later,
        &mut books,
        &mut handler,
    );
    assert!(a.timeout(later, &mut books, &mut handler).is_none());
    let lost = told.lock().unwrap().clone();
    assert_eq!(
        lost,
        [
            (ConnectionId(0), "A".to_owned()),
            (ConnectionId(1), "B".to_owned())
        ]
    );
}

#[derive(Clone)]
struct Lost(Arc<Mutex<Vec<(ConnectionId, String)>>>);

impl Tap for Lost {
    fn record(&mut self, passed: &WireRecord<'_>) {
        if let WireEvent::Invalidated(lost) = passed.event {
            assert_eq!(lost.state, BookState::Stale);
            let lost = (passed.connection, lost.book.to_owned());
            self.0.lock().unwrap().push(lost);
        }
    }
}

/// A session with a flight recorder, and its incidents.
#[derive(Clone)]
struct Flying(Arc<Mutex<(FlightRecorder, Vec<Incident>)>>);

impl Flying {
    fn over(bench: &mut Bench<JayX>, options: FlightOptions) -> Self {
        let flying = Self(Arc::new(Mutex::new((
            FlightRecorder::new(options),
            Vec::new(),
        ))));
        bench.session.tap(Box::new(flying.clone()));
        flying
    }

    /// The incidents since the last call: the kinds and texts of their records.
    fn incidents(&self, give_back: bool) -> Vec<Vec<(RecordKind, String)>> {
        let (flight, incidents) = &mut *self.0.lock().unwrap();
        let mut text = Vec::new();
        let all = incidents.drain(..).map(|mut incident| {
            let mut records = Vec::new();
            while let Some(kept) = incident.next_record(&mut text) {
                records.push((kept.kind, String::from_utf8(text.clone()).unwrap()));
            }
            if give_back {
                flight.recycle(incident);
            }
            records
        });
        all.collect()
    }

    fn counts(&self) -> (u32, u64) {
        let flight = &self.0.lock().unwrap().0;
        (flight.taken(), flight.suppressed())
    }
}

impl Tap for Flying {
    fn record(&mut self, passed: &WireRecord<'_>) {
        let (flight, incidents) = &mut *self.0.lock().unwrap();
        incidents.extend(flight.record(passed));
    }
}

fn flight_options(bytes: usize, every: u64, most: u32) -> FlightOptions {
    let mut options = FlightOptions::default();
    options.bytes = bytes;
    (options.min_interval, options.max_incidents) = (Duration::from_secs(every), most);
    options
}

fn cross(bench: &mut Bench<JayX>) {
    bench.frame(&packet_book(10, 11));
    bench.frame(&packet_book(12, 11));
}

#[test]
fn incident_ends_at_invalidation() {
    let mut bench = jayx(Envelope::Auto);
    let flying = Flying::over(&mut bench, flight_options(1000, 60, 9));
    bench.open();
    for price in 10..1000 {
        bench.frame(&packet_book(price, price + 1));
    }
    assert_eq!(flying.incidents(true).len(), 0);
    bench.frame(&packet_book(999, 998));
    let incident = flying.incidents(true).remove(0);
    let bytes: usize = incident.iter().map(|(_, text)| text.len() + 18).sum();
    assert!(bytes <= 1000 && bytes > 800, "{bytes}");
    let [earlier @ .., crossed, loss] = incident.as_slice() else {
        panic!("{incident:?}");
    };
    assert_eq!(*crossed, (RecordKind::Received, packet_book(999, 998)));
    assert!(loss.0 == RecordKind::Invalidated && loss.1.contains("crossed"));
    let newest = (990..1000).rev().map(|price| packet_book(price, price + 1));
    assert!(
        earlier
            .iter()
            .rev()
            .zip(newest)
            .all(|(kept, expected)| kept.1 == expected)
    );
    assert!(earlier.len() > 5);
}

#[test]
fn incidents_are_rate_limited() {
    let mut bench = jayx(Envelope::Auto);
    let flying = Flying::over(&mut bench, flight_options(4096, 60, 3));
    bench.open();
    cross(&mut bench);
    cross(&mut bench);
    assert_eq!((flying.incidents(true).len(), flying.counts()), (1, (1, 1)));
    bench.now.0 += 59 * SECOND;
    cross(&mut bench);
    assert_eq!(
        (flying.incidents(true).len(), flying.counts()),
        (0, (1, 3)),
        "stale, and crossed again"
    );
    bench.now.0 += SECOND;
    cross(&mut bench);
    let second = flying.incidents(false).remove(0);
    let books = second
        .iter()
        .filter(|(kind, _)| *kind == RecordKind::Received);
    assert_eq!(books.count(), 6, "all since the first");
    bench.now.0 += 60 * SECOND;
    cross(&mut bench);
    assert_eq!(flying.counts(), (2, 5), "the second was not recycled");
}

#[test]
fn incident_count_is_bounded() {
    let mut bench = jayx(Envelope::Auto);
    let flying = Flying::over(&mut bench, flight_options(4096, 0, 3));
    bench.open();
    for _ in 0..5 {
        cross(&mut bench);
        flying.incidents(true);
    }
    assert_eq!(flying.counts(), (3, 2));
}

#[test]
fn oversized_frame_clears_ring() {
    let mut bench = jayx(Envelope::Auto);
    let flying = Flying::over(&mut bench, flight_options(400, 60, 3));
    bench.open();
    bench.frame(&packet_book(10, 11));
    let huge = packet_book(12, 11).replace(
        "{\"orderBook\"",
        &format!("{}{{\"orderBook\"", " ".repeat(400)),
    );
    bench.frame(&huge);
    let incident = flying.incidents(true).remove(0);
    assert!(
        incident.len() == 1 && incident[0].0 == RecordKind::Invalidated,
        "{incident:?}"
    );
}
