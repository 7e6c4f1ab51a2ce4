//! Three venues and the client's sessions in one process and in virtual time, over a simulated network with faults. The seed
//! determines the whole run.
//!
//! ```text
//! oracle: the servers' books over time, the traffic, the user's subscriptions
//!    ▲ records                 ▲ counts                    ▲ checks after every step
//!  host: ticklot_sim::Exchange ── link: delays, cuts ... ── client: ticklot::Session
//! ```
//!
//! It uses no clock, no thread, no socket and no hash order, so the same seed always has the same trace.
//! `docs/reliability.md` describes the faults and the invariants.

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
    /// Whether to record a trace.
    pub trace: bool,
    /// A bug in the client under test.
    pub bug: Option<SeededBug>,
}

/// The outcome of a seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The number of steps.
    pub steps: u64,
    /// The virtual time at the end.
    pub time: Nanos,
    /// The injected faults.
    pub faults: Counts,
    /// The number of the delta venue's gaps that were repaired on their connection.
    pub repairs: u64,
    /// The time from the last fault until every book was live again.
    pub recovery: Option<Duration>,
    /// The limit of that time.
    pub bound: Duration,
    /// The violated invariant, if any.
    pub violation: Option<Violation>,
    /// A line for each event; empty unless [`Options::trace`] is set.
    pub trace: String,
}

/// Runs a seed.
///
/// # Panics
/// The simulation has a bug.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Outcome {
    simulation::run(seed, options)
}
