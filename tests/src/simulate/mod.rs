//! Three venues and the client's sessions in one process, on virtual time, over a simulated network
//! that fails: one seed decides everything.
//!
//! ```text
//!  judge: every book that a server had, every byte that passed, what the user desires
//!    ▲ records                 ▲ counts                    ▲ looks after every step
//!  host: ticklot_sim::Exchange ── link: delays, cuts ... ── client: ticklot::Session
//! ```
//!
//! There is no clock, no thread and no socket in it, and no order that a hash decides: the same seed
//! has the same trace, byte for byte. See `docs/reliability.md` for the faults and the invariants.

mod agenda;
mod chaos;
mod client;
mod delta;
mod fault;
mod garbage;
mod handler;
mod host;
mod judge;
mod link;
mod plan;
mod range;
mod seeded_bug;
mod server;
mod session;
mod trace;
mod wish;
mod world;

use std::time::Duration;

use ticklot_book::Nanos;

pub use self::fault::{Counts, Fault};
pub use self::judge::{Invariant, Violation};
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

/// What came of a seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// How many steps were made.
    pub steps: u64,
    /// How much virtual time passed.
    pub time: Nanos,
    /// What went wrong.
    pub faults: Counts,
    /// How many gaps of the delta venue were repaired on their connection.
    pub repairs: u64,
    /// How long after the last fault all was well again.
    pub recovery: Option<Duration>,
    /// How long that might have taken.
    pub bound: Duration,
    /// What did not hold, if anything.
    pub violation: Option<Violation>,
    /// What happened, a line each; empty unless it was asked for.
    pub trace: String,
}

/// Runs a seed.
///
/// # Panics
/// The simulation itself is wrong.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Outcome {
    world::run(seed, options)
}
