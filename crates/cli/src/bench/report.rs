//! The measurements as text and as JSON.

use std::fmt::{self, Write};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::measure::StageFigures;
use super::{Measurement, Run};
use crate::format::Printable;
use crate::units::per_second;

/// The length of a histogram's longest bar, in characters.
const BAR: u64 = 50;

/// The approximate number of bars.
const BARS: f64 = 14.0;

/// Tables and histograms for a terminal.
pub(super) fn text(run: &Run) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_text(&mut out, run);
    out
}

fn write_text(out: &mut String, run: &Run) -> fmt::Result {
    writeln!(
        out,
        "backend: {}; clock read: {} ns, included in each p50, p99 and max",
        run.backend, run.clock_ns
    )?;
    writeln!(
        out,
        "\n{:<34} {:<13} {:>9} {:>8} {:>7} {:>7} {:>8} {:>8} {:>11}",
        "load", "stage", "messages", "bytes", "p50 ns", "p99 ns", "max ns", "MB/s", "messages/s"
    )?;
    for it in &run.loads {
        row(out, it, "decode", &it.decode)?;
        row(out, it, "decode+apply", &it.apply)?;
    }
    for Measurement { load, apply, .. } in &run.loads {
        let name = Printable(&load.name);
        writeln!(out, "\n{name}: ns a message, decode+apply")?;
        histogram(out, &apply.each)?;
        if !load.paths.is_empty() {
            writeln!(out, "{}", load.paths)?;
        }
        if load.is_truncated {
            writeln!(out, "only the first 64 MiB of the log were measured")?;
        }
        if load.bad_lines > 0 {
            writeln!(out, "{} lines were skipped as invalid", load.bad_lines)?;
        }
    }
    Ok(())
}

fn row(out: &mut String, it: &Measurement, stage: &str, figures: &StageFigures) -> fmt::Result {
    writeln!(
        out,
        "{:<34} {stage:<13} {:>9} {:>8} {:>7} {:>7} {:>8} {:>8.0} {:>11.0}",
        tail(&Printable(&it.load.name).to_string(), 34),
        it.load.messages(),
        figures.bytes / figures.messages.max(1),
        figures.each.value_at_quantile(0.5),
        figures.each.value_at_quantile(0.99),
        figures.each.max(),
        per_second(figures.bytes, figures.took_ns) / 1e6,
        per_second(figures.messages, figures.took_ns),
    )
}

/// The last `room` characters of a text; a longer text begins with an ellipsis.
fn tail(text: &str, room: usize) -> String {
    let count = text.chars().count();
    if count <= room {
        return text.to_owned();
    }
    let end = text.chars().skip(count - room + 1);
    std::iter::once('…').chain(end).collect()
}

/// Bars for logarithmic steps up to the 99.9th percentile, and one bar for all values beyond.
fn histogram(out: &mut String, each: &Histogram<u64>) -> fmt::Result {
    let end = each.value_at_quantile(0.999);
    let mut low = each.min();
    let grow = (ratio(end, low)).powf(1.0 / BARS).max(1.02);
    let mut bars = Vec::new();
    while low <= end {
        let high = next(low, grow).min(end + 1) - 1;
        bars.push((low, Some(high), each.count_between(low, high)));
        low = high + 1;
    }
    let shown: u64 = bars.iter().map(|(.., count)| count).sum();
    bars.push((end + 1, None, each.len().saturating_sub(shown)));
    let largest = bars.iter().map(|(.., count)| *count).max();
    let most = largest.unwrap_or(1).max(1);
    for (low, high, count) in bars {
        let high = high.map_or_else(String::new, |high| high.to_string());
        let length = (count * BAR).div_ceil(most);
        let bar = "#".repeat(usize::try_from(length).unwrap_or(0));
        let percent = per_second(count * 100, each.len()) / 1e9;
        writeln!(out, "{low:>9} - {high:<9} {percent:>6.2}% {bar}")?;
    }
    Ok(())
}

/// For display only, so a float is precise enough.
#[allow(clippy::cast_precision_loss)]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}

/// The start of the next bar, which is at least one larger.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
fn next(low: u64, grow: f64) -> u64 {
    ((low as f64 * grow).round() as u64).max(low + 1)
}

/// The measurements as one JSON object.
pub(super) fn json(run: &Run) -> Value {
    let stage = |name: &str, figures: &StageFigures| {
        json!({
            "stage": name,
            "messages": figures.messages,
            "bytes": figures.bytes,
            "ns": figures.took_ns,
            "messages_per_second": per_second(figures.messages, figures.took_ns),
            "bytes_per_second": per_second(figures.bytes, figures.took_ns),
            "ns_p50": figures.each.value_at_quantile(0.5),
            "ns_p99": figures.each.value_at_quantile(0.99),
            "ns_max": figures.each.max(),
        })
    };
    let load = |it: &Measurement| {
        json!({
            "load": it.load.name,
            "venue": it.load.venue.title(),
            "frames": it.load.frames.len(),
            "messages": it.load.messages(),
            "bytes": it.load.bytes(),
            "is_truncated": it.load.is_truncated,
            "bad_lines": it.load.bad_lines,
            "fast_path": it.load.paths.fast,
            "general_path": it.load.paths.general,
            "stages": [stage("decode", &it.decode), stage("decode+apply", &it.apply)],
        })
    };
    json!({
        "backend": run.backend,
        "clock_ns": run.clock_ns,
        "loads": run.loads.iter().map(load).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histogram_counts_every_value() {
        let mut each = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
        each.record_n(100, 900).unwrap();
        each.record_n(200, 99).unwrap();
        each.record_n(1_000_000, 1).unwrap();
        let mut text = String::new();
        histogram(&mut text, &each).unwrap();
        let rows = text.lines().map(|line| line.split_whitespace().collect());
        let rows: Vec<Vec<&str>> = rows.collect();
        let longest = &*"#".repeat(50);
        let first = (rows[0][0], rows[0][3], rows[0][4]);
        assert_eq!(first, ("100", "90.00%", longest));
        assert!((12..20).contains(&rows.len()), "{text}");
        let percents = text
            .split_whitespace()
            .filter_map(|it| it.strip_suffix('%'));
        let total: f64 = percents.map(|it| it.parse::<f64>().unwrap()).sum();
        assert!((total - 100.0).abs() < 0.1, "{text}");
        let last = rows.last().unwrap();
        assert!(last.contains(&"0.10%"), "{text}");
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(tail("short", 8), "short");
        assert_eq!(tail("a/long/name", 5), "…name");
    }
}
