//! Three venues and the client's sessions in one process, in virtual time, over a simulated network
//! with faults: one seed decides everything.
//!
//! ```text
//! oracle: the servers' books over time, the traffic, the user's subscriptions
//!    ▲ records                 ▲ counts                    ▲ looks after every step
//!  host: ticklot_sim::Exchange ── link: delays, cuts ... ── client: ticklot::Session
//! ```
//!
//! There is no clock, no thread and no socket in it, and no order that a hash decides: the same seed
//! has the same trace, byte for byte. See `docs/reliability.md` for the faults and the invariants.

mod client;
mod connection;
mod delta;
mod event_queue;
mod fault;
mod fault_injection;
mod handler;
mod host;
mod link;
mod malformed;
mod oracle;
mod plan;
mod range;
mod seeded_bug;
mod server;
mod session;
mod simulation;
mod subscription;
mod trace;

use std::time::Duration;

use ticklot_book::Nanos;

pub use self::fault::{Counts, Fault};
pub use self::oracle::{Invariant, Violation};
pub use self::range::{Summary, range};
pub use self::seeded_bug::SeededBug;

/// How to run a seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether its trace is kept.
    pub trace: bool,
    /// A bug in the client under test.
    pub bug: Option<SeededBug>,
}

/// The outcome of a seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// How many steps were made.
    pub steps: u64,
    /// How much virtual time passed.
    pub time: Nanos,
    /// The injected faults.
    pub faults: Counts,
    /// How many gaps of the delta venue were repaired on their connection.
    pub repairs: u64,
    /// How long after the last fault every book was live again.
    pub recovery: Option<Duration>,
    /// How long that might have taken.
    pub bound: Duration,
    /// The violated invariant, if there is one.
    pub violation: Option<Violation>,
    /// A line for each event; empty unless [`Options::trace`] is set.
    pub trace: String,
}

/// Runs a seed.
///
/// # Panics
/// The simulation itself is wrong.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Outcome {
    simulation::run(seed, options)
}
