//! Ours beside its peers, in one run: `cargo run --release -p ticklot-benches --features peers --bin peers`, and for
//! the books' own tables `--features book-peers`; each alone, or both.
//!
//! What is measured, and how, is in the modules; what came of it in `COMPARE.md`.

mod field;
mod goals;
#[cfg(feature = "peers")]
mod input;
mod measure;
#[cfg(feature = "peers")]
mod ours;
#[cfg(feature = "peers")]
mod parse;
mod report;
#[cfg(feature = "peers")]
mod socket;
mod tables;
#[cfg(feature = "peers")]
mod tungstenite;
mod versions;
#[cfg(feature = "peers")]
mod wire;

use std::path::PathBuf;

use anyhow::ensure;
use clap::{Parser, ValueEnum};
use ticklot_frame::Scan;
use ticklot_tests::alloc::Counting;

use crate::measure::Rounds;
use crate::report::Score;
use crate::tables::{Plan, TABLES};

// It counts the calls of every contender alike: an addition each.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Measures ticklot beside its peers.
#[derive(Debug, Parser)]
struct Args {
    /// Only this table: decode, apply, cold, snapshot, transport, latency, scale or wire; incremental or depth
    #[arg(long)]
    table: Option<String>,
    /// Only this case, such as jayx-20
    #[arg(long)]
    case: Option<String>,
    /// How many rounds
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Times each turn from its first message on, with the caches and the branch predictor as the
    /// others have left them; otherwise a slice of messages before it is not timed
    #[arg(long)]
    cold: bool,
    /// Which backend our decoders use in the tables decode and apply: that of this processor, or a slower one
    #[arg(long, value_enum, default_value_t)]
    scan: Way,
    /// Writes a JSON object for each row, a line each
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Used by the table scale, which starts a process for each figure
    #[cfg(feature = "peers")]
    #[arg(long, hide = true)]
    alone: Option<String>,
}

/// A backend by its name.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Way {
    /// The fastest that this processor can run
    #[default]
    Best,
    /// Without instructions that not every processor has
    Portable,
    /// None: every message is parsed to a tape
    Off,
}

impl Way {
    fn scan(self) -> Scan {
        match self {
            Self::Best => Scan::Best,
            Self::Portable => Scan::Portable,
            Self::Off => Scan::Off,
        }
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let plan = Plan {
        case: args.case,
        rounds: Rounds {
            count: usize::try_from(args.rounds)?,
            cold: args.cold,
        },
        pool_bytes: ticklot_benches::POOL_BYTES,
        scan: args.scan.scan(),
    };
    #[cfg(feature = "peers")]
    if let Some(contender) = &args.alone {
        return tables::scale::alone(&plan, contender);
    }
    println!(
        "ticklot {} (backend: {}) beside {}, on {}",
        env!("CARGO_PKG_VERSION"),
        plan.scan.name(),
        versions::peers(),
        report::processor()
    );
    let (mut rows, mut score) = (Vec::new(), Score::default());
    for &(name, table) in TABLES {
        if args.table.as_deref().is_none_or(|wanted| wanted == name) {
            table(&plan, &mut |case| {
                report::print(&case, &mut score);
                rows.extend(case);
                Ok(())
            })?;
        }
    }
    ensure!(!rows.is_empty(), "there is no such table or case");
    score.print();
    if let Some(path) = args.json {
        report::write(&rows, &path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_of_every_table_agrees() {
        // Small pools: agreement is checked here, not speed. The binary checks again on its own. It takes seconds
        // all the same: the recorded logs are whole, and every contender reads them three times.
        let plan = Plan {
            case: None,
            rounds: Rounds {
                count: 1,
                cold: true,
            },
            pool_bytes: 200_000,
            scan: Scan::Best,
        };
        // Server and client of the table `wire` are pinned to a core each.
        let has_two_cores = std::thread::available_parallelism().unwrap().get() > 1;
        for &(name, table) in TABLES {
            if name == "wire" && !has_two_cores {
                continue;
            }
            let mut rows = Vec::new();
            table(&plan, &mut |case| {
                rows.extend(case);
                Ok(())
            })
            .unwrap();
            assert!(
                rows.iter().any(|row| row.contender.starts_with("ticklot")),
                "{name}"
            );
            assert!(rows.iter().all(|row| row.ns_min > 0.0), "{name}");
        }
    }
}
