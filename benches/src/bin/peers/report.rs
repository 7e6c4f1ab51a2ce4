//! Prints the figures, and writes them as JSON.

use std::env;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::LazyLock;

use serde::Serialize;

use crate::goals::{goals, judge};
use crate::measure::{Memory, Row};

/// The met and missed goals.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) met: u32,
    pub(crate) missed: Vec<String>,
}

/// Prints the rows of a case and the results of its goals.
pub(crate) fn print(rows: &[Row], score: &mut Score) {
    let Some(first) = rows.first() else { return };
    println!(
        "\n{}, {}: {} bytes a message, {}",
        first.table,
        first.case,
        first.bytes,
        processor()
    );
    println!(
        "  {:<22}{:>12}{:>12}{:>10}{:>12}",
        "", "ns/message", "min", "allocs", "to ticklot"
    );
    let ours = rows.iter().find(|row| row.contender.starts_with("ticklot"));
    for row in rows {
        let ratio = ours.map_or(0.0, |ours| row.ns_median / ours.ns_median);
        print!(
            "  {:<22}{:>12.1}{:>12.1}{:>10.2}{:>11.2}x",
            row.contender, row.ns_median, row.ns_min, row.allocs, ratio
        );
        if let Some(p90) = row.ns_p90 {
            print!("  p90 {p90:>8.0}");
        }
        if let Some(tail) = row.tail {
            print!(
                "  p99 {:>8.0}  p99.9 {:>8.0}  n {:>6}  preempted {:>4}",
                tail.ns_p99, tail.ns_p999, tail.messages, tail.preempted
            );
        }
        if let Some(Memory {
            resident,
            allocated,
        }) = row.memory
        {
            let [resident, allocated] = [resident, allocated].map(|bytes| bytes / 1_024.0);
            print!("  KiB each: {resident:>7.1} resident, {allocated:>7.1} allocated");
        }
        println!("  {}", row.backend);
    }
    for outcome in goals(first.table, &first.case)
        .into_iter()
        .filter_map(|goal| judge(rows, goal))
    {
        let result = |met| if met { "met" } else { "NOT met" };
        let must = outcome.goal.must;
        print!(
            "  {:.2} times {}: must {must:.2} {}",
            outcome.ratio,
            outcome.peer,
            result(outcome.is_met())
        );
        if let (Some(stretch), Some(met)) = (outcome.goal.stretch, outcome.is_stretch_met()) {
            print!(", stretch {stretch:.2} {}", result(met));
        }
        println!();
        score.count(first, &outcome);
    }
    // The TLS of the table `wire` allocates for each record.
    for row in rows {
        if first.table != "wire" && row.contender.starts_with("ticklot") && row.allocs > 0.0 {
            println!("  {} allocates: NOT met", row.contender);
            score
                .missed
                .push(format!("{} {}: allocations", row.table, row.case));
        }
    }
}

impl Score {
    fn count(&mut self, row: &Row, outcome: &crate::goals::Outcome) {
        if outcome.is_met() {
            self.met += 1;
        } else {
            let Row { table, case, .. } = row;
            self.missed.push(format!(
                "{table} {case}: {:.2} times {}, not {:.2}",
                outcome.ratio, outcome.peer, outcome.goal.must
            ));
        }
    }

    pub(crate) fn print(&self) {
        println!("\n{} goals met, {} not", self.met, self.missed.len());
        for missed in &self.missed {
            println!("  {missed}");
        }
    }
}

/// The name of the processor.
pub(crate) fn processor() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = info.lines().find(|line| line.starts_with("model name"));
        let name = name.and_then(|line| line.split_once(": "));
        name.map_or(env::consts::ARCH, |(_, name)| name).to_owned()
    });
    &NAME
}

/// Writes one JSON object on each line.
pub(crate) fn write(rows: &[Row], to: &Path) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        processor: &'static str,
        #[serde(flatten)]
        row: &'a Row,
    }
    let (mut out, processor) = (BufWriter::new(File::create(to)?), processor());
    for row in rows {
        serde_json::to_writer(&mut out, &Line { processor, row })?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
