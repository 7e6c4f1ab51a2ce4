//! The skeleton of a fuzz harness for a custom venue and a strategy. It converts any bytes to steps of a session, and
//! checks invariants in every call of the handler.
//!
//! A fuzz target calls only [`fuzz`]. With cargo-fuzz it is
//!
//! ```text
//! libfuzzer_sys::fuzz_target!(|data: &[u8]| { fuzz(data); });
//! ```
//!
//! This program runs it with two thousand random inputs, to test the skeleton itself. `docs/fuzzing.md` describes how to
//! adapt it.

#[path = "own_venue/frame.rs"]
mod frame;
#[path = "own_venue/venue.rs"]
mod venue;

use std::error::Error;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use ticklot::driver::NextAction;
use ticklot::venue::CallOutcome;
use ticklot::{
    Books, ConnectionId, Disconnect, Event, Handler, Level, Nanos, OnMessage, Options, Scale,
    Session,
};

use crate::venue::Pipe;

/// The time without a message after which a book is stale.
const LIMIT: Duration = Duration::from_secs(5);

/// A step of a run. The list should contain everything that a server and a network can do, because a fuzzer cannot find
/// errors in other steps.
#[derive(Debug, Arbitrary)]
enum Step {
    /// Time passes, in milliseconds.
    Pass(u16),
    /// The connection ends.
    End,
    /// A book message with arbitrary levels, including invalid ones.
    Book { bids: Vec<Level>, asks: Vec<Level> },
    /// A heartbeat.
    Heartbeat(u8),
    /// A refusal.
    Refused,
    /// Arbitrary bytes.
    Raw(Vec<u8>),
}

/// The strategy. Replace it with your strategy. This one checks the invariants that every strategy relies on.
#[derive(Default)]
struct Strategy {
    now: Nanos,
    books_seen: u64,
}

impl Handler for Strategy {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        for id in books.ids() {
            let Some(book) = books.live(id) else { continue };
            assert!(!book.is_crossed(), "a live book is not crossed");
            assert!(book.age(self.now) < LIMIT, "a live book is not stale");
            assert!(book.bids().is_sorted_by(|a, b| a.ticks > b.ticks));
            assert!(book.asks().is_sorted_by(|a, b| a.ticks < b.ticks));
            let mut levels = book.bids().chain(book.asks());
            assert!(levels.all(|level| level.lots.0 > 0), "no empty level");
        }
        self.books_seen += u64::from(matches!(event, Event::Book(_)));
        ControlFlow::Continue(())
    }
}

impl OnMessage<Pipe> for Strategy {}

/// Runs the steps that `data` encodes, and panics if an invariant is violated. Returns the number of applied books.
fn fuzz(data: &[u8]) -> u64 {
    let mut data = Unstructured::new(data);
    let mut run = Run::new();
    // Steps are read until the bytes are used up. `Vec<Step>` would end at a random bit.
    while !data.is_empty()
        && let Ok(step) = Step::arbitrary(&mut data)
    {
        run.step(&step);
    }
    run.strategy.books_seen
}

struct Run {
    session: Session<Pipe>,
    books: Books,
    strategy: Strategy,
    now: Nanos,
    frame: String,
}

impl Run {
    fn new() -> Self {
        let mut books = Books::new();
        let mut options = Options::default();
        options.stale_after = Some(LIMIT);
        let venue = Pipe::new("ws://fuzz", "X", Scale::UNIT);
        let session = Session::new(venue, ConnectionId(0), options, &mut books);
        Self {
            session,
            books,
            strategy: Strategy::default(),
            now: Nanos(0),
            frame: String::new(),
        }
    }

    /// Calls the session with the current time.
    fn with<R>(
        &mut self,
        work: impl FnOnce(&mut Session<Pipe>, Nanos, &mut Books, &mut Strategy) -> R,
    ) -> R {
        let (books, strategy) = (&mut self.books, &mut self.strategy);
        strategy.now = self.now;
        work(&mut self.session, self.now, books, strategy)
    }

    fn step(&mut self, step: &Step) {
        if self.session.next(self.now) == NextAction::Connect {
            let _ = self.with(Session::opened);
        }
        self.frame.clear();
        let reply = match step {
            Step::Pass(ms) => return self.pass(Duration::from_millis(u64::from(*ms))),
            Step::End => {
                let reason = String::new();
                return self.end(&Disconnect::Closed { code: 1006, reason });
            }
            Step::Book { bids, asks } => {
                write_book(&mut self.frame, bids, asks);
                self.feed(None)
            }
            Step::Heartbeat(n) => {
                let _ = write!(self.frame, "H|{n}");
                self.feed(None)
            }
            Step::Refused => {
                self.frame.push_str("E|no such symbol");
                self.feed(None)
            }
            Step::Raw(bytes) => self.feed(Some(bytes)),
        };
        if let CallOutcome::CloseConnection(what) = reply {
            self.end(&Disconnect::Ended(what));
        }
        self.send();
    }

    /// Receives a frame: these bytes, or the text in `frame`. Checks that decoding depends only on the bytes.
    fn feed(&mut self, bytes: Option<&[u8]>) -> CallOutcome {
        let text = std::mem::take(&mut self.frame);
        let bytes = bytes.unwrap_or(text.as_bytes());
        let [mut one, mut other] = [frame::Decoder::default(), frame::Decoder::default()];
        let decoded = one.decode(bytes, Scale::UNIT);
        assert_eq!(decoded, other.decode(bytes, Scale::UNIT));
        let reply = self.with(|session, now, books, it| session.frame(bytes, now, books, it));
        self.frame = text;
        reply
    }

    /// Advances the time, and calls the session at its deadlines, as a driver does.
    fn pass(&mut self, length: Duration) {
        let until = self.now.after(length);
        while let Some(due) = self.session.deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            let over = self.with(Session::timeout);
            if let Some(reason) = over {
                self.end(&reason);
                break;
            }
            self.send();
            let next = self.session.deadline();
            assert!(next.is_none_or(|next| next > self.now), "deadlines advance");
        }
        self.now = self.now.max(until);
    }

    fn end(&mut self, reason: &Disconnect) {
        let _ = self.with(|session, now, books, it| session.disconnected(now, reason, books, it));
        let is_live = |id| self.books.live(id).is_some();
        let has_live = self.books.ids().any(is_live);
        assert!(!has_live, "no book is live without a connection");
        if let NextAction::WaitUntil(time) = self.session.next(self.now) {
            self.now = time;
        }
    }

    /// Sends all outgoing messages, and checks that the venue understands them.
    fn send(&mut self) {
        let has_outgoing = self.session.has_outgoing(self.now);
        while let Some(message) = self.session.outgoing(self.now) {
            assert!(has_outgoing, "`has_outgoing` was false");
            let is_known = message.starts_with(b"S|") || message.starts_with(b"H|");
            assert!(is_known, "{message:?}");
        }
    }
}

fn write_book(out: &mut String, bids: &[Level], asks: &[Level]) {
    let write_side = |out: &mut String, side: &[Level]| {
        for (n, level) in side.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            // A narrow range of prices, so that the sides cross.
            let _ = write!(out, "{comma}{}x{}", level.ticks.0 % 64, level.lots.0 % 8);
        }
    };
    out.push_str("B|X|");
    write_side(out, bids);
    out.push('|');
    write_side(out, asks);
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut books = 0;
    const INPUTS: u32 = 2_000;
    for _ in 0..INPUTS {
        let mut data = vec![0; random.usize(0..4_096)];
        random.fill(&mut data);
        books += fuzz(&data);
    }
    println!("{INPUTS} inputs, {books} books applied, no failure");
    if books == 0 {
        return Err("no input contained a valid book: the harness tests nothing".into());
    }
    Ok(())
}
