//! The judge: what must hold after every step, kept by records of its own.
//!
//! It is told what the servers' books were and when, what passed on the wires in either direction, and
//! what the user desires; and it looks at what the client under test shows. No code of the client's
//! rules is in it: rooms and messages are read by the contract, with `serde_json`.

mod books;
mod bounds;
mod clock;
mod deltas;
mod history;
mod rooms;
mod validity;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use ticklot::{BookId, ConnectionId, State};
use ticklot_book::{Level, Nanos};

pub(super) use self::bounds::Load;
use self::clock::Clock;
pub(super) use self::history::Book;
use self::history::Timeline;
use self::wire::Wire;
pub(super) use self::wire::asked_rooms;
use super::plan::{Place, Plan};
use super::wish::Wish;

/// Something that must hold and does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What must hold.
    pub invariant: Invariant,
    /// When it did not, on virtual time.
    pub at: Nanos,
    /// What was to be expected.
    pub expected: String,
    /// What there was.
    pub actual: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.0 / 1_000_000_000;
        let micros = self.at.0 / 1_000 % 1_000_000;
        writeln!(f, "VIOLATED at {seconds}.{micros:06} s: {}", self.invariant)?;
        writeln!(f, "  expected: {}", self.expected)?;
        write!(f, "  actual:   {}", self.actual)
    }
}

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// A live book is one that the server had.
    LiveBook,
    /// No level is in a book that the server never had in this epoch.
    Level,
    /// A live book is no older than the limit.
    Staleness,
    /// Only what is desired, on a connection that is open, is live.
    Trust,
    /// Ten messages in any second.
    Rate,
    /// Pings are answered, and sent, in time.
    Pings,
    /// Every desired room is confirmed, being asked for, or reported as refused.
    Rooms,
    /// Each change of a book's state has one event with its cause, in the call that caused it.
    Events,
    /// Queues, memory and timers are bounded.
    Bounds,
    /// After the last fault all is well again in time.
    Recovery,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LiveBook => "a live book equals the server's at some moment within the limit",
            Self::Level => "no level survives that the server never had in this epoch",
            Self::Staleness => "a live book is no older than the staleness limit",
            Self::Trust => "only a desired book of an open connection is more than a memory",
            Self::Rate => "at most ten messages in any second on a connection",
            Self::Pings => "pings are answered and sent in time",
            Self::Rooms => "a desired room is confirmed, being asked for, or reported as refused",
            Self::Events => {
                "each change of a book's state has one event with its cause, in the call that caused it"
            }
            Self::Bounds => "queues, memory and timers are bounded",
            Self::Recovery => "after the faults all books are live again in time",
        })
    }
}

/// What the judge knows of one connection of the client's.
#[derive(Debug)]
struct Line {
    place: Place,
    /// What the user desires.
    wishes: BTreeSet<Wish>,
    /// How many connections there were.
    epochs: u32,
    /// The one that is open.
    wire: Option<Wire>,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Judge {
    history: BTreeMap<Book, Timeline>,
    lines: Vec<Line>,
    /// What each book of the client's is, and where it was found in its history.
    known: BTreeMap<BookId, (usize, Book, usize)>,
    /// The state of each book as the events have it.
    reported: BTreeMap<BookId, State>,
    /// When each symbol of the delta server got each of its numbers.
    numbered: BTreeMap<&'static str, BTreeMap<u64, Nanos>>,
    /// How many gaps were repaired on their connection.
    repairs: u64,
    /// Space for the levels of a ladder.
    levels: [Vec<Level>; 2],
    clock: Clock,
    limit: Duration,
    patience: Duration,
    ping_every: Option<Duration>,
    violation: Option<Violation>,
}

impl Judge {
    pub(super) fn new(plan: &Plan) -> Self {
        let line = |place: &Place| Line {
            wishes: match place {
                Place::Bayse { wishes, .. } => wishes.iter().copied().collect(),
                Place::JayX { .. } | Place::Delta => BTreeSet::new(),
            },
            place: place.clone(),
            epochs: 0,
            wire: None,
        };
        Self {
            history: BTreeMap::new(),
            lines: plan.places.iter().map(line).collect(),
            known: BTreeMap::new(),
            reported: BTreeMap::new(),
            numbered: BTreeMap::new(),
            repairs: 0,
            levels: Default::default(),
            clock: Clock::new(),
            limit: plan.stale_after,
            patience: plan.patience,
            ping_every: plan.ping_every,
            violation: None,
        }
    }

    /// The first violation, if there was one.
    pub(super) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The client goes on after a pause, in which it could not send a ping. A complaint about too many
    /// messages that waited for it may delay the next one further.
    pub(super) fn resumed(&mut self, now: Nanos) {
        let wires = self.lines.iter_mut().filter_map(|line| line.wire.as_mut());
        wires.for_each(|wire| wire.pinged = now);
    }

    /// How many gaps were repaired on their connection.
    pub(super) fn repairs(&self) -> u64 {
        self.repairs
    }

    /// The client's clock shows `shown` from now on.
    pub(super) fn clock_set(&mut self, now: Nanos, shown: Nanos) {
        self.clock.set(now, shown);
    }

    /// How much time the client's clock has lost.
    pub(super) fn lost(&self) -> Duration {
        self.clock.lost()
    }

    /// The user desires something, or no longer.
    pub(super) fn desire(&mut self, line: usize, wish: Wish, is_desired: bool) {
        let wishes = &mut self.lines[line].wishes;
        if is_desired {
            wishes.insert(wish);
        } else {
            wishes.remove(&wish);
        }
    }

    /// A connection of the client's is open; the server upgraded it at `upgraded`.
    pub(super) fn opened(&mut self, line: usize, upgraded: Nanos, now: Nanos) {
        let line = &mut self.lines[line];
        line.epochs += 1;
        line.wire = Some(Wire::new(upgraded, now));
    }

    /// The connection is gone.
    pub(super) fn closed(&mut self, line: usize) {
        self.lines[line].wire = None;
    }

    /// Something does not hold that others found.
    pub(super) fn report(
        &mut self,
        at: Nanos,
        invariant: Invariant,
        expected: String,
        actual: String,
    ) {
        self.accuse(at, invariant, expected, actual);
    }

    fn accuse(&mut self, at: Nanos, invariant: Invariant, expected: String, actual: String) {
        self.violation.get_or_insert(Violation {
            invariant,
            at,
            expected,
            actual,
        });
    }
}

/// The place of a connection among the lines.
fn line_of(connection: ConnectionId) -> usize {
    usize::try_from(connection.0).unwrap_or(usize::MAX)
}
