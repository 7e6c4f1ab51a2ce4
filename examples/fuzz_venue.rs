//! The skeleton of a fuzz harness for a venue of one's own, and for the strategy behind it: any bytes become
//! things that happen to a session, and at every call of the handler what must hold is held.
//!
//! [`fuzz`] is all that a fuzz target calls. With cargo-fuzz it is
//!
//! ```text
//! libfuzzer_sys::fuzz_target!(|data: &[u8]| { fuzz(data); });
//! ```
//!
//! Here it is given two thousand random inputs, so that the skeleton itself is tested; `docs/fuzzing.md` says
//! what to put in the places that are marked.

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

/// After so long without a message a book is stale.
const LIMIT: Duration = Duration::from_secs(5);

/// Something that happens. What a fuzzer finds is as good as this list: everything that a server and a
/// network can do stands here.
#[derive(Debug, Arbitrary)]
enum Step {
    /// Time passes, in milliseconds.
    Pass(u16),
    /// The connection ends, however it does.
    End,
    /// A book in the venue's own form, of any levels: also such that no book can hold.
    Book { bids: Vec<Level>, asks: Vec<Level> },
    /// A heartbeat.
    Heartbeat(u8),
    /// A refusal.
    Refused,
    /// Bytes as they come.
    Raw(Vec<u8>),
}

/// The strategy: here stands one's own. This one holds what every strategy relies on.
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
            assert!(book.age(self.now) < LIMIT, "a live book is not old");
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

/// Runs what `data` says, and panics where something does not hold. Returns how many books were applied.
fn fuzz(data: &[u8]) -> u64 {
    let mut data = Unstructured::new(data);
    let mut run = Run::new();
    // One step after the other, as long as there are bytes: a `Vec` of steps ends at the toss of a coin.
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

    /// Calls the session at the time that it is.
    fn with<R>(
        &mut self,
        work: impl FnOnce(&mut Session<Pipe>, Nanos, &mut Books, &mut Strategy) -> R,
    ) -> R {
        self.strategy.now = self.now;
        work(
            &mut self.session,
            self.now,
            &mut self.books,
            &mut self.strategy,
        )
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

    /// A frame comes: these bytes, or the text that was written. Decoding is a function of the bytes.
    fn feed(&mut self, bytes: Option<&[u8]>) -> CallOutcome {
        let text = std::mem::take(&mut self.frame);
        let bytes = bytes.unwrap_or(text.as_bytes());
        let (mut one, mut other) = (frame::Decoder::default(), frame::Decoder::default());
        assert_eq!(
            one.decode(bytes, Scale::UNIT),
            other.decode(bytes, Scale::UNIT)
        );
        let reply = self.with(|session, now, books, it| session.frame(bytes, now, books, it));
        self.frame = text;
        reply
    }

    /// Time passes as a driver lets it: the session is called back when it asks for it.
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
            assert!(next.is_none_or(|next| next > self.now), "time goes on");
        }
        self.now = self.now.max(until);
    }

    fn end(&mut self, reason: &Disconnect) {
        let _ = self.with(|session, now, books, it| session.disconnected(now, reason, books, it));
        let books = &self.books;
        assert!(
            books.ids().all(|id| books.live(id).is_none()),
            "none is live when it is gone"
        );
        if let NextAction::WaitUntil(time) = self.session.next(self.now) {
            self.now = time;
        }
    }

    /// What is sent is what the venue understands.
    fn send(&mut self) {
        let certain = !self.session.has_outgoing(self.now);
        while let Some(message) = self.session.outgoing(self.now) {
            assert!(!certain, "it said that there was nothing");
            assert!(
                message.starts_with(b"S|") || message.starts_with(b"H|"),
                "{message:?}"
            );
        }
    }
}

fn write_book(out: &mut String, bids: &[Level], asks: &[Level]) {
    let write_side = |out: &mut String, side: &[Level]| {
        for (n, level) in side.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            // Prices near each other, so that sides meet and cross.
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
    println!("{INPUTS} inputs, {books} books applied, nothing broke");
    if books == 0 {
        return Err("no input became a book: the harness tests nothing".into());
    }
    Ok(())
}
