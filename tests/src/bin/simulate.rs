//! Runs the deterministic simulation: one seed with its trace, or many with a summary.
//!
//! ```text
//! simulate --seed N                  the trace of a seed
//! simulate --seeds COUNT [--from N]  a summary of many seeds in one line
//! ```
//!
//! The exit status is 1 if an invariant was violated, and 2 for invalid arguments.

use std::io::Write;
use std::process::ExitCode;
use std::thread;

use ticklot_tests::simulate::{Options, range, run};

const USAGE: &str = "usage: simulate --seed N | --seeds COUNT [--from N]";

/// The requested work.
enum Work {
    One(u64),
    Many { from: u64, count: u64 },
}

fn main() -> ExitCode {
    match work(std::env::args().skip(1)) {
        Some(Work::One(seed)) => one(seed),
        Some(Work::Many { from, count }) => many(from, count),
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn work(mut args: impl Iterator<Item = String>) -> Option<Work> {
    let (mut seed, mut from, mut count) = (None, None, None);
    while let Some(name) = args.next() {
        let value = args.next()?.parse::<u64>().ok()?;
        let option = match name.as_str() {
            "--seed" => &mut seed,
            "--seeds" => &mut count,
            "--from" => &mut from,
            _ => return None,
        };
        *option = Some(value);
    }
    match (seed, from, count) {
        (Some(seed), None, None) => Some(Work::One(seed)),
        (None, from, Some(count)) => Some(Work::Many {
            from: from.unwrap_or(0),
            count,
        }),
        _ => None,
    }
}

fn one(seed: u64) -> ExitCode {
    let options = Options {
        trace: true,
        ..Options::default()
    };
    let outcome = run(seed, &options);
    // A closed pipe, for example of `head`, is not an error.
    let _ = std::io::stdout().write_all(outcome.trace.as_bytes());
    let seconds = outcome.time.0 / 1_000_000_000;
    let recovery = outcome.recovery.unwrap_or_default().as_millis();
    let _ = writeln!(
        std::io::stdout(),
        "seed {seed}: {seconds} s of virtual time, {} steps, faults: {}; recovered after {recovery} ms; {}",
        outcome.steps,
        outcome.faults,
        match outcome.violation {
            Some(_) => "VIOLATED",
            None => "no violations",
        },
    );
    ExitCode::from(u8::from(outcome.violation.is_some()))
}

fn many(from: u64, count: u64) -> ExitCode {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let seeds = from..from.saturating_add(count);
    let summary = range(seeds, &Options::default(), threads);
    for outcome in &summary.violations {
        if let Some(violation) = &outcome.violation {
            println!("seed {}: {violation}", outcome.seed);
        }
    }
    println!("{summary}");
    ExitCode::from(u8::from(!summary.violations.is_empty()))
}
