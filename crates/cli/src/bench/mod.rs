//! `ticklot bench`: measures how fast this machine decodes and applies messages.

mod measure;
mod report;
mod workload;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ticklot_frame::DecodeBackend;

use self::measure::{StageFigures, clock_ns};
use self::workload::Workload;
use crate::book_args::BookArgs;
use crate::failure::Failure;
use crate::log_source::LogArgs;
use crate::output::Output;
use crate::parse::duration;
use crate::venues::VenueArg;

const EXAMPLE: &str = "\
Examples:
  ticklot bench
  ticklot bench btc.jsonl.zst --duration 2s --json

The stage `decode` is the decoder alone. The stage `decode+apply` is the work of `ticklot replay`, from a frame to its
books. Each stage is measured twice, for half of the time each: all messages between two readings of the clock, for the
rate, and frame by frame, for the quantiles, which include the cost of one reading.

Exit status: 0; 1 when the log cannot be read or has no messages; 2 when the arguments are invalid.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct BenchArgs {
    /// A frame log (.jsonl, .gz, .zst) as the workload; generated messages by default
    log: Option<PathBuf>,
    /// The venue of a log that does not name it, or of the generated messages (all by default)
    #[arg(long, value_enum)]
    venue: Option<VenueArg>,
    /// Read only this connection of the log
    #[arg(long, alias = "conn", value_name = "N", requires = "log")]
    connection: Option<u32>,
    #[command(flatten)]
    book: BookArgs,
    /// The time for measuring each stage
    #[arg(long, alias = "for", value_name = "D", default_value = "1s", value_parser = duration)]
    duration: Duration,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// The measurements of one workload.
struct Measurement {
    load: Workload,
    decode: StageFigures,
    apply: StageFigures,
}

/// The results of a run.
struct Run {
    backend: &'static str,
    clock_ns: u64,
    loads: Vec<Measurement>,
}

pub(crate) fn run(args: &BenchArgs, output: &mut Output) -> Result<(), Failure> {
    let loads = match &args.log {
        Some(log) => {
            let (loads, errors) = workload::read(&LogArgs {
                log: log.clone(),
                venue: args.venue,
                connection: args.connection,
                book: args.book.clone(),
            })?;
            errors.report(log, output);
            loads
        }
        None => workload::generated(args.venue, &args.book)?,
    };
    let mut run = Run {
        backend: DecodeBackend::default().name(),
        clock_ns: clock_ns(),
        loads: Vec::new(),
    };
    for load in loads {
        let decode = measure::decode(&load, args.duration)?;
        let apply = measure::apply(&load, args.duration)?;
        run.loads.push(Measurement {
            load,
            decode,
            apply,
        });
    }
    if args.json {
        writeln!(output.out, "{}", report::json(&run))?;
    } else {
        output.out.write_all(report::text(&run).as_bytes())?;
    }
    Ok(output.out.flush()?)
}
