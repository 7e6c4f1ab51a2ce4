//! Measures ticklot and its peers in one run: `cargo run --profile bench -p ticklot-benches --features peers --bin peers`.
//!
//! The modules describe the method; the results are in `COMPARE.md`.

mod book;
mod decoders;
mod goals;
mod input;
mod measure;
mod parse;
mod plan;
mod pools;
mod process;
mod report;
mod runtime;
mod socket;
mod tables;
mod tungstenite;
mod versions;

use std::path::PathBuf;

use anyhow::ensure;
use clap::Parser;
use ticklot_frame::DecodeBackend;
use ticklot_tests::alloc::CountingAllocator;

use crate::measure::Rounds;
use crate::plan::Plan;
use crate::report::Score;
use crate::tables::TABLES;

// Counts the allocations of every contender, at the cost of one addition for each.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Measures ticklot and its peers.
#[derive(Debug, Parser)]
struct Args {
    /// Only this table: decode, apply, cold, snapshot, transport, scale, wire, incremental or depth
    #[arg(long)]
    table: Option<String>,
    /// Only this case, such as jayx-20
    #[arg(long)]
    case: Option<String>,
    /// The number of rounds
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Times each turn from its first message on, with the caches and the branch predictor in the state that the other
    /// contenders left. By default, an untimed slice of messages precedes each turn
    #[arg(long)]
    cold: bool,
    /// The backend of our decoders in the tables decode and apply
    #[arg(long, value_name = "best|portable|off", default_value = "best", value_parser = backend)]
    backend: DecodeBackend,
    /// Writes a JSON object for each row, one on each line
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// For the table scale, which measures each figure in a new process
    #[arg(long, hide = true)]
    alone: Option<String>,
}

fn backend(name: &str) -> Result<DecodeBackend, &'static str> {
    match name {
        "best" => Ok(DecodeBackend::Best),
        "portable" => Ok(DecodeBackend::Portable),
        "off" => Ok(DecodeBackend::Off),
        _ => Err("best: the fastest of this processor; portable; or off: the pull parser only"),
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
        backend: args.backend,
    };
    if let Some(contender) = &args.alone {
        return tables::scale::alone(&plan, contender);
    }
    println!(
        "ticklot {} (backend: {}), peers: {}, on {}",
        env!("CARGO_PKG_VERSION"),
        plan.backend.name(),
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
    ensure!(!rows.is_empty(), "no such table or case");
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
    fn all_contenders_agree() {
        // Small pools, since this checks agreement and not speed. The program checks its inputs again. The test still takes
        // seconds, because every contender reads the recorded logs three times.
        let plan = Plan {
            case: None,
            rounds: Rounds {
                count: 1,
                cold: true,
            },
            pool_bytes: 200_000,
            backend: DecodeBackend::Best,
        };
        // The table `wire` pins its server and its client to one core each.
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
