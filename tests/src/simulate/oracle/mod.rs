//! The oracle: checks the invariants after every event, with records of its own.
//!
//! It records the servers' books over time, the traffic in both directions and the user's subscriptions,
//! and compares them with the books and events of the client under test. No code of the client's
//! rules is in it: it reads messages by the contract, with `serde_json`.

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
    /// An invariant.
    pub invariant: Invariant,
    /// When it was violated, in virtual time.
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

/// An invariant.
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
    /// After the last fault every book is live again in time.
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

/// The oracle's record of a client's connection.
#[derive(Debug)]
struct ConnectionRecord {
    plan: ConnectionPlan,
    /// The user's subscriptions.
    subscriptions: BTreeSet<Subscription>,
    /// How many connections there were.
    epochs: u32,
    /// The one that is open.
    traffic: Option<Traffic>,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Oracle {
    history: BTreeMap<Book, Timeline>,
    connections: Vec<ConnectionRecord>,
    /// What each book of the client's is, and where it was found in its history.
    known: BTreeMap<BookId, (usize, Book, usize)>,
    /// The state of each book as the events have it.
    reported: BTreeMap<BookId, BookState>,
    /// When each symbol of the delta server got each of its numbers.
    numbered: BTreeMap<&'static str, BTreeMap<u64, Nanos>>,
    /// How many gaps were repaired on their connection.
    repairs: u64,
    /// Space for the levels of a ladder.
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

    /// The first violation, if there was one.
    pub(super) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The client goes on after a pause, in which it could not send a ping. A complaint about too many
    /// messages that waited for it may delay the next one further.
    pub(super) fn resumed(&mut self, now: Nanos) {
        let open = self
            .connections
            .iter_mut()
            .filter_map(|it| it.traffic.as_mut());
        open.for_each(|traffic| traffic.last_ping = now);
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

    /// A connection of the client's is open; the server upgraded it at `upgraded`.
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
