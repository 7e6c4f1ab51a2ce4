//! Runs each example against the simulated venues, with a time limit, and checks its output.
#![cfg(feature = "feed")]
// Helpers fail like tests.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// A time limit that no example reaches, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// The program of an example. Cargo builds the examples together with the tests, but not with `--test`, so this checks
/// that the program is not older than its source.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().unwrap().parent().unwrap();
    let program = built.join("examples").join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let source = match source.is_dir() {
        true => source.join("main.rs"),
        false => source.with_extension("rs"),
    };
    assert!(
        Some(changed(&source).unwrap()) <= changed(&program),
        "{name} is not built: run `cargo build -p ticklot-examples --examples`, or `cargo test` without `--test`"
    );
    program
}

/// When a file was last modified, if it exists.
fn changed(path: &Path) -> Option<SystemTime> {
    let file = std::fs::metadata(path).ok()?;
    file.modified().ok()
}

/// Asserts that a line starts with a text.
#[track_caller]
fn assert_starts(line: &str, start: &str) {
    assert!(line.starts_with(start), "{line}");
}

/// The lines that an example prints.
fn lines(name: &str) -> Vec<String> {
    let mut command = Command::new(program(name));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{name}: {error}"));
    let start = Instant::now();
    // The output is far smaller than the buffer of a pipe.
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("{name} does not end");
        }
        sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let (status, errors) = (output.status, String::from_utf8_lossy(&output.stderr));
    assert!(status.success(), "{name}: {status}: {errors}");
    assert_eq!(errors, "", "{name}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The whole numbers of a line.
fn numbers(line: &str) -> Vec<i64> {
    let words = line.split(|c: char| !c.is_ascii_digit() && c != '-');
    words.filter_map(|word| word.parse().ok()).collect()
}

// Each takes up to a few seconds, for books that change every few milliseconds.

#[test]
fn best_bid_ask() {
    let lines = lines("best_bid_ask");
    assert_eq!(lines.len(), 10, "{lines:#?}");
    for line in &lines {
        let words = line.split(['x', '|']).map(str::trim);
        let prices: Vec<f64> = words.filter_map(|word| word.parse().ok()).collect();
        let [bid, ask, _lots] = prices[..] else {
            panic!("{line}")
        };
        assert_starts(line, "BTCUSDT ");
        assert!(0.0 < bid && bid < ask, "{line}");
    }
    let differ = lines.windows(2).all(|pair| pair[0] != pair[1]);
    assert!(differ, "{lines:#?}");
}

#[test]
fn runs_market_maker_example() {
    let lines = lines("market_maker");
    for state in ["stale", "gap", "disconnected"] {
        let cancel = format!("BTCUSDT: cancel, the book is {state}; ");
        let has_cancel = lines.iter().any(|line| line.starts_with(&cancel));
        assert!(has_cancel, "{state}: {lines:#?}");
    }
    let quotes = numbers(lines.last().unwrap())[0];
    assert!(quotes > 0, "{lines:#?}");
}

#[test]
fn runs_two_venues_example() {
    let lines = lines("two_venues");
    let [mid, cost, updates] = &lines[..] else {
        panic!("{lines:#?}")
    };
    assert_starts(mid, "BTCUSDT: mid moved by ");
    assert_starts(cost, "mkt_us-rate-cut: YES and NO together cost ");
    let cost = numbers(cost)[0];
    assert!((50..200).contains(&cost), "{cost} cents");
    let are_enough = numbers(updates).iter().all(|count| *count >= 200);
    assert!(are_enough, "{updates}");
}

#[test]
fn runs_pinned_thread_example() {
    let lines = lines("pinned_thread");
    let [pinned, last] = &lines[..] else {
        panic!("{lines:#?}")
    };
    let [_processor, touches, lost] = numbers(pinned)[..] else {
        panic!("{pinned}")
    };
    assert_eq!(touches + lost, 300, "{pinned}");
    assert_starts(last, "last: Some(");
    assert!(last.ends_with(" ms"), "{last}");
}

#[test]
fn runs_recording_example() {
    let lines = lines("recording");
    let [recorded, counts, verdict] = &lines[..] else {
        panic!("{lines:#?}")
    };
    let [all, frames, dropped] = numbers(recorded)[..] else {
        panic!("{recorded}")
    };
    // Handshake packets are frames too, and the sent messages are recorded as well.
    assert!(all > frames && frames > 100 && dropped == 0, "{recorded}");
    assert_eq!(numbers(counts), [100, 100]);
    assert_eq!(verdict, "all checksums are equal");
}

#[test]
fn runs_own_venue_example() {
    let lines = lines("own_venue");
    assert_eq!(lines, ["20 books of BTC-USD, spread 1.00, connection 2"]);
}

#[test]
fn runs_own_socket_example() {
    let lines = lines("own_socket");
    let [touch, counts] = &lines[..] else {
        panic!("{lines:#?}")
    };
    assert_starts(touch, "BTCUSDT Some(Level");
    assert_starts(counts, "100 live books of ");
}

#[test]
fn runs_hot_loop_example() {
    let lines = lines("hot_loop");
    let [speed, sum] = &lines[..] else {
        panic!("{lines:#?}")
    };
    assert_starts(speed, "2000 messages of ");
    assert!(speed.contains(" ns each"), "{speed}");
    assert_ne!(numbers(sum), [0], "{sum}");
}

#[test]
fn runs_fuzz_venue_example() {
    let lines = lines("fuzz_venue");
    let [inputs, books] = numbers(&lines[0])[..] else {
        panic!("{lines:#?}")
    };
    assert!(inputs == 2_000 && books > 10_000, "{lines:#?}");
}
