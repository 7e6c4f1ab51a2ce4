//! A table of the latency of each stage.

use std::io::{self, Write};

use ticklot::Books;
use ticklot::observe::Stage;

use crate::format::Micros;
use crate::units::nanos;

/// Writes a row for each stage, over all measured connections; nothing when there are none.
pub(crate) fn table(out: &mut dyn Write, books: &Books) -> io::Result<()> {
    let mut all = books.latencies().map(|(_, latency)| latency);
    let Some(mut sum) = all.next().cloned() else {
        return Ok(());
    };
    all.for_each(|latency| sum.merge(latency));
    writeln!(
        out,
        "{:<8}{:>12}{:>12}{:>12}{:>12}{:>10}",
        "stage", "p50", "p99", "p99.9", "max", "books"
    )?;
    for stage in Stage::ALL {
        let micros = |time| Micros((sum.count(stage) > 0).then(|| nanos(time))).to_string();
        let at = |quantile| micros(sum.quantile(stage, quantile));
        let longest = micros(sum.longest(stage));
        writeln!(
            out,
            "{stage:<8}{:>12}{:>12}{:>12}{longest:>12}{:>10}",
            at(0.5),
            at(0.99),
            at(0.999),
            sum.count(stage)
        )?;
    }
    out.flush()
}
