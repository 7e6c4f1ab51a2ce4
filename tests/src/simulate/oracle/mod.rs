//! The oracle: checks the invariants after every event, against its independent records.
//!
//! It records the servers' books over time, the traffic in both directions and the user's subscriptions, and compares them
//! with the books and events of the client under test. It shares no code with the client: it reads messages with
//! `serde_json`, according to the venues' contracts.

mod books;
mod bounds;
mod clock;
mod deltas;
mod history;
mod rooms;
mod traffic;
mod validity;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use ticklot::{BookId, BookState, ConnectionId};
use ticklot_book::{Level, Nanos};

pub(super) use self::bounds::Load;
use self::clock::Clock;
pub(super) use self::history::Book;
use self::history::Timeline;
use self::traffic::Traffic;
pub(super) use self::traffic::requested_rooms;
use super::plan::{ConnectionPlan, Plan};
use super::subscription::Subscription;

/// A violated invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant.
    pub invariant: Invariant,
    /// The time of the violation, in virtual time.
    pub at: Nanos,
    /// The expected state.
    pub expected: String,
    /// The actual state.
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

/// Declares the invariants with their descriptions.
macro_rules! invariants {
    ($($name:ident: $text:literal,)*) => {
        /// An invariant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Invariant {
            $(#[doc = $text] $name,)*
        }

        impl fmt::Display for Invariant {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)*
                })
            }
        }
    };
}

invariants! {
    LiveBook: "a live book equals the server's book at some time within the staleness limit",
    Level: "no book has a level that the server did not have in this epoch",
    Staleness: "a live book is not older than the staleness limit",
    Validity: "only a desired book of an open connection is live",
    Rate: "a connection carries at most ten messages in any second",
    Pings: "pings are sent and answered in time",
    Rooms: "a desired room is confirmed, requested, or reported as refused",
    Events: "each change of a book's state has one event with its cause, in the call that caused it",
    Bounds: "queues, memory and timers are bounded",
    Recovery: "after the last fault all books are live again in time",
}

/// The oracle's record of a client's connection.
#[derive(Debug)]
struct ConnectionRecord {
    plan: ConnectionPlan,
    /// The user's subscriptions.
    subscriptions: BTreeSet<Subscription>,
    /// The number of its connections so far.
    epochs: u32,
    /// The open connection.
    traffic: Option<Traffic>,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Oracle {
    history: BTreeMap<Book, Timeline>,
    connections: Vec<ConnectionRecord>,
    /// For each book of the client: its connection, the server's book, and the last match in the book's history.
    known: BTreeMap<BookId, (usize, Book, usize)>,
    /// The state of each book according to the events.
    reported: BTreeMap<BookId, BookState>,
    /// The time of each update id of the delta server's symbols.
    numbered: BTreeMap<&'static str, BTreeMap<u64, Nanos>>,
    /// The number of gaps that were repaired on their connection.
    repairs: u64,
    /// A buffer for the levels of a ladder.
    levels: [Vec<Level>; 2],
    clock: Clock,
    limit: Duration,
    ack_timeout: Duration,
    ping_every: Option<Duration>,
    violation: Option<Violation>,
}

impl Oracle {
    pub(super) fn new(plan: &Plan) -> Self {
        let record = |connection: &ConnectionPlan| ConnectionRecord {
            subscriptions: match connection {
                ConnectionPlan::Bayse { subscriptions, .. } => {
                    subscriptions.iter().copied().collect()
                }
                ConnectionPlan::JayX { .. } | ConnectionPlan::Delta => BTreeSet::new(),
            },
            plan: connection.clone(),
            epochs: 0,
            traffic: None,
        };
        Self {
            history: BTreeMap::new(),
            connections: plan.connections.iter().map(record).collect(),
            known: BTreeMap::new(),
            reported: BTreeMap::new(),
            numbered: BTreeMap::new(),
            repairs: 0,
            levels: Default::default(),
            clock: Clock::new(),
            limit: plan.stale_after,
            ack_timeout: plan.ack_timeout,
            ping_every: plan.ping_every,
            violation: None,
        }
    }

    /// The first violation, if any.
    pub(super) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The client resumes after a pause, in which it could not send pings. Queued rate limit errors may delay the next ping
    /// further.
    pub(super) fn resumed(&mut self, now: Nanos) {
        let open = self
            .connections
            .iter_mut()
            .filter_map(|it| it.traffic.as_mut());
        open.for_each(|traffic| traffic.last_ping = now);
    }

    /// The number of gaps that were repaired on their connection.
    pub(super) fn repairs(&self) -> u64 {
        self.repairs
    }

    /// The client's clock shows `shown` from now on.
    pub(super) fn clock_set(&mut self, now: Nanos, shown: Nanos) {
        self.clock.set(now, shown);
    }

    /// The total time that the client's clock has lost.
    pub(super) fn lost(&self) -> Duration {
        self.clock.lost()
    }

    /// The user subscribes or unsubscribes.
    pub(super) fn set_subscribed(
        &mut self,
        index: usize,
        subscription: Subscription,
        is_desired: bool,
    ) {
        let subscriptions = &mut self.connections[index].subscriptions;
        if is_desired {
            subscriptions.insert(subscription);
        } else {
            subscriptions.remove(&subscription);
        }
    }

    /// A connection of the client is open; the server upgraded it at `upgraded`.
    pub(super) fn opened(&mut self, index: usize, upgraded: Nanos, now: Nanos) {
        let record = &mut self.connections[index];
        record.epochs += 1;
        record.traffic = Some(Traffic::new(upgraded, now));
    }

    /// The connection is gone.
    pub(super) fn closed(&mut self, index: usize) {
        self.connections[index].traffic = None;
    }

    /// Records that an invariant does not hold. The first report counts.
    pub(super) fn report(
        &mut self,
        at: Nanos,
        invariant: Invariant,
        expected: String,
        actual: String,
    ) {
        self.violation.get_or_insert(Violation {
            invariant,
            at,
            expected,
            actual,
        });
    }
}

/// The index of a connection.
fn index_of(connection: ConnectionId) -> usize {
    usize::try_from(connection.0).unwrap_or(usize::MAX)
}
