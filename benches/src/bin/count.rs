//! Counts instructions, and holds them against the baseline:
//! `cargo run -p ticklot-benches --features instructions --bin count`.
//!
//! It runs the benchmark `instructions` under callgrind, prints what it counted beside what
//! `instructions.baseline.json` says, and fails when a count is higher by more than the tolerance, or is
//! missing. Counts depend on the compiler; a new one, or a change that is worth its price, is taken over with
//! `--bless`, which writes the file anew.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};
use clap::Parser;
use serde_json::Value;

/// The version of the runner: that of the crate.
const RUNNER: &str = "0.20.0";

/// Holds instruction counts against the baseline.
#[derive(Debug, Parser)]
struct Args {
    /// Takes the counts over as the new baseline
    #[arg(long)]
    bless: bool,
    /// How many percent a count may be above its baseline
    #[arg(long, default_value_t = 2.0)]
    tolerance: f64,
}

/// Instructions by the name of the benchmark.
type Counts = BTreeMap<String, u64>;

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let counts = count()?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.baseline.json");
    if args.bless {
        let mut text = serde_json::to_string_pretty(&counts)?;
        text.push('\n');
        fs::write(&path, text)?;
    }
    let baseline = fs::read(&path).with_context(|| path.display().to_string())?;
    let baseline: Counts = serde_json::from_slice(&baseline)?;
    let wrong = compare(&baseline, &counts, args.tolerance);
    for line in &wrong {
        println!("{line}");
    }
    if wrong.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "if that is meant: cargo run -p ticklot-benches --features instructions --bin count -- --bless"
    );
    Ok(ExitCode::FAILURE)
}

/// Runs the benchmark, and reads its summaries: a JSON object a line.
fn count() -> anyhow::Result<Counts> {
    let output = Command::new(env!("CARGO"))
        .args(["bench", "--locked", "-p", "ticklot-benches"])
        .args(["--features", "instructions", "--bench", "instructions"])
        .args(["--", "--output-format=json"])
        .env("GUNGRAUN_RUNNER", runner()?)
        .stderr(Stdio::inherit())
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

/// The runner, which is installed if it is not there in the right version.
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

/// Prints both, and gives what is wrong.
fn compare(baseline: &Counts, counts: &Counts, tolerance: f64) -> Vec<String> {
    println!("{:<34}{:>14}{:>14}{:>9}", "", "baseline", "now", "");
    let mut wrong = Vec::new();
    for (name, &count) in counts {
        let Some(&before) = baseline.get(name) else {
            println!("{name:<34}{:>14}{count:>14}", "-");
            wrong.push(format!("{name} has no baseline"));
            continue;
        };
        let percent = change(before, count);
        println!("{name:<34}{before:>14}{count:>14}{percent:>+8.2}%");
        if percent > tolerance {
            wrong.push(format!("{name} takes {percent:.2}% more instructions"));
        }
    }
    let gone = baseline.keys().filter(|name| !counts.contains_key(*name));
    wrong.extend(gone.map(|name| format!("{name} was not counted")));
    wrong
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
    fn more_than_the_tolerance_is_wrong_and_less_is_not() {
        let baseline = counts(&[("a", 1_000), ("b", 1_000), ("c", 1_000)]);
        let now = counts(&[("a", 1_020), ("b", 1_021), ("c", 10)]);
        let wrong = compare(&baseline, &now, 2.0);
        assert_eq!(wrong, ["b takes 2.10% more instructions"]);
    }

    #[test]
    fn a_benchmark_on_one_side_only_is_wrong() {
        let wrong = compare(&counts(&[("gone", 1)]), &counts(&[("new", 1)]), 2.0);
        assert_eq!(wrong, ["new has no baseline", "gone was not counted"]);
    }
}
