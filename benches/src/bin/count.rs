//! Counts instructions and cache lines, and compares them with the baselines:
//! `cargo run -p ticklot-benches --features instructions --bin count`.
//!
//! It runs the benchmark `instructions` under callgrind and the benchmark `footprint` under lackey. Both are tools of
//! valgrind. It prints each count next to its baseline from `instructions.baseline.json` or `footprint.baseline.json`, and
//! fails if a count is missing or exceeds its baseline by more than the tolerance. Counts depend on the compiler. After a
//! new compiler, or an intended increase, `--bless` writes the files again.

use std::collections::{BTreeMap, HashSet};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};
use clap::Parser;
use serde_json::Value;

/// The version of the runner, which must be that of the crate.
const RUNNER: &str = "0.20.0";

/// Runs a benchmark under lackey, which prints every memory access.
const LACKEY: &str = r#"target."cfg(all())".runner = ["valgrind", "--tool=lackey", "--trace-mem=yes", "--log-fd=1"]"#;

/// Compares counts of instructions and cache lines with the baselines.
#[derive(Debug, Parser)]
struct Args {
    /// Writes the counts as the new baselines
    #[arg(long)]
    bless: bool,
    /// The allowed increase of an instruction count in percent
    #[arg(long, default_value_t = 2.0)]
    tolerance: f64,
    /// The same for a footprint, which also depends on addresses that the linker and the allocator choose
    #[arg(long, default_value_t = 5.0)]
    footprint_tolerance: f64,
    /// Only prints the footprints, including the peers'
    #[arg(long)]
    peers: bool,
}

/// Counts by their names.
type Counts = BTreeMap<String, u64>;

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if args.peers {
        compare(&Counts::new(), &footprints("instructions,peers")?, 0.0);
        return Ok(ExitCode::SUCCESS);
    }
    let instructions = ("instructions", count()?, args.tolerance);
    let footprints = footprints("instructions")?;
    let mut failures = Vec::new();
    for (name, counts, tolerance) in [
        instructions,
        ("footprint", footprints, args.footprint_tolerance),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}.baseline.json"));
        if args.bless {
            let mut text = serde_json::to_string_pretty(&counts)?;
            text.push('\n');
            fs::write(&path, text)?;
        }
        let baseline = fs::read(&path).with_context(|| path.display().to_string())?;
        let baseline: Counts = serde_json::from_slice(&baseline)?;
        failures.extend(compare(&baseline, &counts, tolerance));
    }
    for line in &failures {
        println!("{line}");
    }
    if failures.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "if the increase is intended: cargo run -p ticklot-benches --features instructions --bin count -- --bless"
    );
    Ok(ExitCode::FAILURE)
}

/// `cargo bench` of one of the benchmarks.
fn bench(name: &str, features: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["bench", "--locked", "-p", "ticklot-benches"])
        .args(["--features", features, "--bench", name])
        .stderr(Stdio::inherit());
    cargo
}

/// Runs the benchmark `instructions`, and reads its summaries: a JSON object on each line.
fn count() -> anyhow::Result<Counts> {
    let output = bench("instructions", "instructions")
        .args(["--", "--output-format=json"])
        .env("GUNGRAUN_RUNNER", runner()?)
        .output()?;
    ensure!(output.status.success(), "the benchmark failed");
    let text = String::from_utf8(output.stdout)?;
    let counts: Counts = text
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| entry(&serde_json::from_str(line)?))
        .collect::<anyhow::Result<_>>()?;
    ensure!(!counts.is_empty(), "no counts");
    Ok(counts)
}

/// The path of the runner. Installs it if the required version is missing.
fn runner() -> anyhow::Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"));
    let root = target.join("gungraun");
    let path = root.join("bin/gungraun-runner");
    for found in [Path::new("gungraun-runner"), &path] {
        if is_right(found) {
            return Ok(found.to_owned());
        }
    }
    let status = Command::new(env!("CARGO"))
        .args(["install", "gungraun-runner", "--locked", "--version"])
        .arg(format!("={RUNNER}"))
        .arg("--root")
        .arg(&root)
        .status()?;
    ensure!(
        status.success() && is_right(&path),
        "the runner could not be installed"
    );
    Ok(path)
}

fn is_right(runner: &Path) -> bool {
    let output = Command::new(runner).arg("--version").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(RUNNER))
}

/// The name and the count of a summary.
fn entry(summary: &Value) -> anyhow::Result<(String, u64)> {
    let text = |key: &str| summary[key].as_str().with_context(|| format!("no {key}"));
    let name = format!("{}/{}", text("function_name")?, text("id")?);
    let count = instructions(summary).with_context(|| format!("{name}: no count"))?;
    Ok((name, count))
}

fn instructions(summary: &Value) -> Option<u64> {
    let profiles = summary["profiles"].as_array()?;
    let of_callgrind = |profile: &&Value| profile["tool"] == "Callgrind";
    let profile = profiles.iter().find(of_callgrind)?;
    profile["data"]["total"]["metrics"]["Ir"]["values"]["new"].as_u64()
}

/// Runs the benchmark `footprint`, and reads its trace from a pipe.
fn footprints(features: &str) -> anyhow::Result<Counts> {
    let mut child = bench("footprint", features)
        .args(["--config", LACKEY])
        .stdout(Stdio::piped())
        .spawn()?;
    let trace = child.stdout.take().context("no output")?;
    let counts = read_trace(BufReader::new(trace))?;
    ensure!(child.wait()?.success(), "the benchmark failed");
    ensure!(!counts.is_empty(), "no footprints");
    Ok(counts)
}

/// The number of a cache line: its address divided by its size.
type Line = u64;

/// The accesses of a row between its two stores to the mark.
struct Row {
    name: String,
    mark: u64,
    /// The lines of the message's text, which are not counted.
    text: Range<Line>,
    is_measured: bool,
    instructions: u64,
    code: HashSet<Line>,
    data: HashSet<Line>,
}

impl Row {
    /// Reads the benchmark's line before the first store: the name, the mark, and the text's start and length.
    fn new(words: &str) -> Option<Self> {
        let mut words = words.split(' ');
        let name = words.next()?.to_owned();
        let mut number = || u64::from_str_radix(words.next()?, 16).ok();
        let (mark, start, length) = (number()?, number()?, number()?);
        Some(Self {
            name,
            mark,
            text: lines(start, length),
            is_measured: false,
            instructions: 0,
            code: HashSet::new(),
            data: HashSet::new(),
        })
    }

    /// Counts an access. Returns whether it is the second store to the mark, which ends the row.
    fn access(&mut self, kind: &str, address: u64, size: u64) -> bool {
        if matches!(kind, "S" | "M") && address == self.mark {
            self.is_measured = !self.is_measured;
            return !self.is_measured;
        }
        if self.is_measured && kind == "I" {
            self.instructions += 1;
            self.code.extend(lines(address, size));
        } else if self.is_measured {
            let lines = lines(address, size).filter(|line| !self.text.contains(line));
            self.data.extend(lines);
        }
        false
    }

    fn counts(&self) -> [(String, u64); 3] {
        [
            ("code_lines", self.code.len() as u64),
            ("data_lines", self.data.len() as u64),
            ("instructions", self.instructions),
        ]
        .map(|(kind, count)| (format!("{}/{kind}", self.name), count))
    }
}

/// The lines of 64 bytes that an access touches.
fn lines(address: u64, size: u64) -> Range<Line> {
    address / 64..(address + size).div_ceil(64)
}

/// Reads the output of lackey and the benchmark: ` S 1ffefff8a8,8` is a store, and `row` starts a row.
fn read_trace(mut trace: impl BufRead) -> anyhow::Result<Counts> {
    let (mut counts, mut row, mut line) = (Counts::new(), None::<Row>, String::new());
    while trace.read_line(&mut line)? > 0 {
        if let Some(words) = line.trim_end().strip_prefix("row ") {
            row = Some(Row::new(words).with_context(|| line.clone())?);
        } else if let Some(current) = &mut row
            && let Some((kind, address, size)) = access(&line)
            && current.access(kind, address, size)
        {
            counts.extend(current.counts());
            row = None;
        }
        line.clear();
    }
    ensure!(row.is_none(), "a row is not complete");
    Ok(counts)
}

/// The kind, the address and the size of an access.
fn access(line: &str) -> Option<(&str, u64, u64)> {
    let (kind, rest) = line.trim().split_once(' ')?;
    let (address, size) = rest.trim_start().split_once(',')?;
    let address = u64::from_str_radix(address, 16).ok()?;
    Some((kind, address, size.parse().ok()?))
}

/// Prints the counts and their baselines, and returns the failures.
fn compare(baseline: &Counts, counts: &Counts, tolerance: f64) -> Vec<String> {
    println!("{:<34}{:>14}{:>14}{:>9}", "", "baseline", "now", "");
    let mut failures = Vec::new();
    for (name, &count) in counts {
        let Some(&before) = baseline.get(name) else {
            println!("{name:<34}{:>14}{count:>14}", "-");
            failures.push(format!("{name} has no baseline"));
            continue;
        };
        let percent = change(before, count);
        println!("{name:<34}{before:>14}{count:>14}{percent:>+8.2}%");
        if percent > tolerance {
            failures.push(format!("{name} is {percent:.2}% higher"));
        }
    }
    let gone = baseline.keys().filter(|name| !counts.contains_key(*name));
    failures.extend(gone.map(|name| format!("{name} was not counted")));
    failures
}

#[allow(clippy::cast_precision_loss)] // far below 2^53
fn change(before: u64, now: u64) -> f64 {
    (now as f64 - before as f64) * 100.0 / before.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(entries: &[(&str, u64)]) -> Counts {
        let entries = entries.iter();
        entries
            .map(|&(name, count)| (name.to_owned(), count))
            .collect()
    }

    #[test]
    fn reports_counts_above_tolerance() {
        let baseline = counts(&[("a", 1_000), ("b", 1_000), ("c", 1_000)]);
        let now = counts(&[("a", 1_020), ("b", 1_021), ("c", 10)]);
        let failures = compare(&baseline, &now, 2.0);
        assert_eq!(failures, ["b is 2.10% higher"]);
    }

    #[test]
    fn reports_missing_benchmarks() {
        let failures = compare(&counts(&[("gone", 1)]), &counts(&[("new", 1)]), 2.0);
        assert_eq!(failures, ["new has no baseline", "gone was not counted"]);
    }

    #[test]
    fn counts_lines_between_marks() {
        let trace = "==1== Lackey\nrow a 40 1000 20\nI  9000,4\n M 40,4\nI  903e,4\n L 1010,8\n \
            L 40,4\nI  9042,2\n S 203c,8\n M 2000,8\n S 40,4\nI  7000,1\n";
        let touched = read_trace(trace.as_bytes()).unwrap();
        let expected = [
            ("a/code_lines", 2),
            ("a/data_lines", 3),
            ("a/instructions", 2),
        ];
        assert_eq!(touched, counts(&expected));
        let cut = &trace[..trace.len() - 20];
        assert!(read_trace(cut.as_bytes()).is_err());
    }
}
