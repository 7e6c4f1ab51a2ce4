//! The session with a test venue.

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::driver::{NextAction, RateLimit};
use ticklot::venue::{
    BookConfig, CallOutcome, Context, NoCommand, ResyncReply, SendSlot, Venue, VenueName,
};
use ticklot::{BookId, Books, ConnectionId, Instrument, Nanos, OnMessage, Scale, Session};

use crate::bench::{Bench, SECOND, options};

const BOOK: BookId = BookId(0);

/// A venue with one book that can request its snapshot. It sends a message each second.
#[derive(Default)]
struct Metronome {
    due: Nanos,
    limit: Option<RateLimit>,
    /// Whether a connection starts with a request for a snapshot.
    requests: bool,
    slots: Vec<SendSlot>,
    resyncs: u32,
    released: u32,
}

impl Venue for Metronome {
    type Command = NoCommand;
    type Message<'a> = ();

    fn name(&self) -> VenueName {
        VenueName("metronome")
    }

    fn url(&self) -> &str {
        "ws://localhost"
    }

    fn register(&mut self, connection: ConnectionId, books: &mut Books) {
        let instrument = Instrument::of_symbol(self.name(), "X");
        books.add(connection, &instrument, BookConfig::snapshots(Scale::UNIT));
    }

    fn opened<H: OnMessage<Self> + ?Sized>(&mut self, context: &mut Context<'_, H>) {
        self.due = context.now();
        if self.requests {
            context.request_snapshot(BOOK);
        }
    }

    fn frame<H: OnMessage<Self> + ?Sized>(
        &mut self,
        _: &[u8],
        _: &mut Context<'_, H>,
    ) -> CallOutcome {
        CallOutcome::Data
    }

    fn release_memory(&mut self) {
        self.released += 1;
    }

    fn command<H: OnMessage<Self> + ?Sized>(
        &mut self,
        command: NoCommand,
        _: &mut Context<'_, H>,
    ) -> CallOutcome {
        match command {}
    }

    fn resync<H: OnMessage<Self> + ?Sized>(
        &mut self,
        _: BookId,
        _: &mut Context<'_, H>,
    ) -> ResyncReply {
        self.resyncs += 1;
        ResyncReply::Requested
    }

    fn next_message(&mut self, now: Nanos, slot: SendSlot, out: &mut Vec<u8>) -> bool {
        let is_due = self.due <= now;
        if is_due {
            self.due = now.after(Duration::from_secs(1));
            self.slots.push(slot);
            out.extend_from_slice(b"tick");
        }
        is_due
    }

    fn next_due(&self) -> Option<Nanos> {
        Some(self.due)
    }

    fn has_message(&self, _: Nanos) -> bool {
        false
    }

    fn rate_limit(&self) -> Option<RateLimit> {
        self.limit
    }

    fn idle_timeout(&self) -> Option<Duration> {
        None
    }
}

fn times(bench: &mut Bench<Metronome>, length: u64) -> Vec<u64> {
    let since = bench.now.0;
    let sent = bench.send_for(length);
    sent.iter().map(|(at, _)| (at - since) / SECOND).collect()
}

#[test]
fn message_is_sent_when_due() {
    let mut bench = Bench::new(Metronome::default(), options());
    bench.open();
    assert_eq!(bench.sent(), ["tick"]);
    let due = bench.session.deadline().unwrap();
    assert!(!bench.session.has_outgoing(Nanos(due.0 - 1)));
    assert!(bench.session.has_outgoing(due));
    assert_eq!(times(&mut bench, 3 * SECOND), [1, 2, 3]);
}

#[test]
fn pings_respect_rate_limit() {
    let venue = Metronome {
        limit: Some(RateLimit {
            messages: 2,
            window: Duration::from_secs(10),
        }),
        ..Metronome::default()
    };
    let mut bench = Bench::new(venue, options());
    bench.open();
    assert_eq!(times(&mut bench, 12 * SECOND), [0, 1, 10, 11]);
    let slots = [
        SendSlot::Any,
        SendSlot::Ping,
        SendSlot::Ping,
        SendSlot::Ping,
    ];
    assert_eq!(bench.session.venue().slots, slots);
}

#[test]
fn handler_stops_at_first_request() {
    let mut bench = Bench::new(
        Metronome {
            requests: true,
            ..Metronome::default()
        },
        options(),
    );
    let mut stop = |event: ticklot::Event<'_>, _: &Books| match event {
        ticklot::Event::Resync(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let Bench {
        session,
        books,
        now,
        ..
    } = &mut bench;
    assert!(session.opened(*now, books, &mut stop).is_break());
    assert_eq!(session.venue().resyncs, 1);
}

#[test]
fn resync_needs_open_connection() {
    let mut books = Books::new();
    let mut quiet = |_: ticklot::Event<'_>, _: &Books| ControlFlow::Continue(());
    let session = |id, books: &mut Books| {
        Session::new(Metronome::default(), ConnectionId(id), options(), books)
    };
    let mut first = session(3, &mut books);
    let second = session(5, &mut books);
    assert_eq!(
        (first.id(), second.id()),
        (ConnectionId(3), ConnectionId(5))
    );
    let other = BookId(1);
    assert_eq!(books.connection(other), Some(second.id()));
    let now = Nanos(SECOND);
    let _ = first.resync(BOOK, now, &mut books, &mut quiet);
    assert_eq!(first.venue().resyncs, 0, "no connection");
    let _ = first.opened(now, &mut books, &mut quiet);
    assert_eq!(first.next(now), NextAction::Open);
    let _ = first.resync(other, now, &mut books, &mut quiet);
    assert_eq!(first.venue().resyncs, 0, "a book of another connection");
    let _ = first.resync(BOOK, now, &mut books, &mut quiet);
    assert_eq!(first.venue().resyncs, 1);
}

#[test]
fn oversized_buffers_are_freed() {
    let mut options = options();
    options.max_memory = 4 << 20;
    let mut bench = Bench::new(Metronome::default(), options);
    bench.open();
    let frame = |kib: usize| " x".repeat(kib << 9);
    // Each byte of a frame is charged four times, up to a quarter of the limit.
    for (kib, released) in [(100, 0), (256, 0), (257, 1), (100, 1)] {
        bench.frame(&frame(kib));
        assert_eq!(bench.session.venue().released, released, "{kib} KiB");
    }
}
