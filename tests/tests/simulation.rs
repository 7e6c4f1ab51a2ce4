//! The deterministic simulation: no seed violates an invariant, a seed determines the whole run, and seeded bugs are found.
//!
//! ```sh
//! cargo run --release -p ticklot-tests --bin simulate -- --seeds 10000
//! ```
#![allow(clippy::unwrap_used, clippy::panic)]

use ticklot_tests::simulate::{Invariant, Options, Outcome, SeededBug, range, run};

/// The first seed of these tests. CI also runs the seeds from 0 on, so the two ranges do not overlap.
const FROM: u64 = 1_000_000;

/// Takes over a second: each seed simulates about a minute of three venues.
#[test]
fn every_invariant_holds() {
    let summary = range(FROM..FROM + 120, &Options::default(), 2);
    let first = summary.violations.first();
    let report = first.and_then(|outcome| {
        let violation = outcome.violation.as_ref()?;
        Some(format!("simulate --seed {}\n{violation}", outcome.seed))
    });
    assert_eq!(report, None, "{summary}");
    // Every kind of fault took effect, and gaps were repaired.
    assert_eq!(summary.missing(), [], "{summary}");
    assert!(summary.repairs > 0, "{summary}");
}

fn traced(seed: u64) -> Outcome {
    let options = Options {
        trace: true,
        ..Options::default()
    };
    run(seed, &options)
}

#[test]
fn seed_determines_run() {
    for seed in FROM..FROM + 4 {
        let (first, second) = (traced(seed), traced(seed));
        assert!(first.trace.lines().count() > 100);
        assert!(first.trace == second.trace, "seed {seed} has two traces");
        let silent = run(seed, &Options::default());
        let same = |it: &Outcome| (it.steps, it.time, it.faults, it.recovery);
        assert_eq!(same(&silent), same(&first), "the trace changes nothing");
    }
    assert!(traced(FROM).trace != traced(FROM + 1).trace);
}

#[test]
fn thread_count_changes_nothing() {
    let options = Options::default();
    let [one, two] = [1, 2].map(|threads| range(FROM..FROM + 12, &options, threads).to_string());
    assert_eq!(one, two);
}

/// The invariant that a bug violates first.
fn found(bug: SeededBug, within: u64) -> Invariant {
    let options = Options {
        bug: Some(bug),
        ..Options::default()
    };
    let mut seeds = FROM..FROM + within;
    let violation = seeds.find_map(|seed| run(seed, &options).violation);
    violation
        .unwrap_or_else(|| panic!("{bug:?} was not found in {within} seeds"))
        .invariant
}

#[test]
fn merged_snapshot_is_found() {
    let invariant = found(SeededBug::MergedSnapshot, 3);
    assert!(matches!(invariant, Invariant::LiveBook | Invariant::Level));
}

#[test]
fn ignored_acknowledgement_is_found() {
    assert_eq!(found(SeededBug::AckNotRequired, 3), Invariant::Rooms);
}

#[test]
fn token_bucket_is_found() {
    assert_eq!(found(SeededBug::TokenBucket, 30), Invariant::Rate);
}

#[test]
fn faulty_event_delivery_is_found() {
    for bug in [
        SeededBug::DroppedEvent,
        SeededBug::DelayedEvent,
        SeededBug::RepeatedEvent,
    ] {
        assert_eq!(found(bug, 3), Invariant::Events, "{bug:?}");
    }
}
