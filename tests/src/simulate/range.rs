//! Runs many seeds on several threads. Each seed runs on one thread.

use std::time::Duration;

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use super::fault::{Counts, Fault};
use super::{Options, Outcome, run};

/// The outcome of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The number of seeds.
    pub seeds: u64,
    /// The steps of all of them.
    pub steps: u64,
    /// The virtual time of all of them, in whole seconds.
    pub seconds: u64,
    /// The injected faults of all of them.
    pub faults: Counts,
    /// The number of the delta venue's gaps that were repaired on their connection.
    pub repairs: u64,
    /// The longest time from the last fault to the recovery, and its seed.
    pub slowest: (Duration, u64),
    /// The seeds with a violation, in order. Their traces are empty.
    pub violations: Vec<Outcome>,
}

impl Summary {
    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.steps += outcome.steps;
        self.seconds += outcome.time.0 / 1_000_000_000;
        self.faults.merge(&outcome.faults);
        self.repairs += outcome.repairs;
        let recovery = outcome.recovery.unwrap_or_default();
        self.slowest = self.slowest.max((recovery, outcome.seed));
        if outcome.violation.is_some() {
            self.violations.push(outcome);
        }
    }

    fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.seconds += other.seconds;
        self.faults.merge(&other.faults);
        self.repairs += other.repairs;
        self.slowest = self.slowest.max(other.slowest);
        self.violations.extend(other.violations);
        self.violations.sort_by_key(|outcome| outcome.seed);
    }

    /// The kinds of faults that never took effect.
    #[must_use]
    pub fn missing(&self) -> Vec<Fault> {
        let all = Fault::ALL.into_iter();
        all.filter(|fault| self.faults.of(*fault) == 0).collect()
    }
}

impl fmt::Display for Summary {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (slowest, seed) = self.slowest;
        write!(
            f,
            "{} seeds, {} s of virtual time, {} steps, faults: {}; {} gaps repaired on their connection; slowest recovery {} s (seed {seed}); {} violations",
            self.seeds,
            self.seconds,
            self.steps,
            self.faults,
            self.repairs,
            slowest.as_secs(),
            self.violations.len(),
        )
    }
}

/// Runs seeds on `threads` threads. The summary does not depend on their number.
///
/// # Panics
/// The simulation has a bug.
#[must_use]
pub fn range(seeds: Range<u64>, options: &Options, threads: usize) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut summary = Summary::default();
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if seed >= seeds.end {
                return summary;
            }
            summary.add(run(seed, options));
        }
    };
    let mut whole = Summary::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            whole.merge(worker.join().expect("a seed does not panic"));
        }
    });
    whole
}
