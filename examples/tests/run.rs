//! Each example runs against the embedded venues, ends by itself in time, and prints what it should.
#![cfg(feature = "feed")]
// A function that a test calls fails like the test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// Far more than any of them takes, on a machine that others load.
const LIMIT: Duration = Duration::from_secs(120);

/// Cargo builds the examples with the tests, beside them; but not when it is told to build this test alone. So it is
/// seen to that the program is not that of an earlier source.
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
        "{name} is not built: `cargo build -p ticklot-examples --examples` builds it, as `cargo test` does without `--test`"
    );
    program
}

/// When a file was written, if it is there.
fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|file| file.modified())
        .ok()
}

/// The lines that an example prints.
fn lines(name: &str) -> Vec<String> {
    let mut command = Command::new(program(name));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let start = Instant::now();
    // What they print fits a pipe many times over.
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("{name} does not end");
        }
        sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{name}: {}: {errors}",
        output.status
    );
    assert_eq!(errors, "", "{name}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The whole numbers of a line.
fn numbers(line: &str) -> Vec<i64> {
    let words = line.split(|c: char| !c.is_ascii_digit() && c != '-');
    words.filter_map(|word| word.parse().ok()).collect()
}

// Each takes up to a few seconds: it waits for books that come every few milliseconds.

#[test]
fn best_bid_ask() {
    let lines = lines("best_bid_ask");
    assert_eq!(lines.len(), 10, "{lines:#?}");
    for line in &lines {
        let prices: Vec<f64> = line
            .split(['x', '|'])
            .map(str::trim)
            .filter_map(|word| word.parse().ok())
            .collect();
        let [bid, ask, _lots] = prices[..] else {
            panic!("{line}")
        };
        assert!(
            line.starts_with("BTCUSDT ") && 0.0 < bid && bid < ask,
            "{line}"
        );
    }
    assert!(
        lines.windows(2).all(|pair| pair[0] != pair[1]),
        "{lines:#?}"
    );
}

#[test]
fn runs_market_maker_example() {
    let lines = lines("market_maker");
    for state in ["stale", "gap", "disconnected"] {
        let cancel = format!("BTCUSDT: cancel, the book is {state}; ");
        assert!(
            lines.iter().any(|line| line.starts_with(&cancel)),
            "{state}: {lines:#?}"
        );
    }
    assert!(
        numbers(lines.last().unwrap())[0] > 0,
        "it quoted: {lines:#?}"
    );
}

#[test]
fn runs_two_venues_example() {
    let lines = lines("two_venues");
    let [mid, cost, updates] = &lines[..] else {
        panic!("{lines:#?}")
    };
    assert!(mid.starts_with("BTCUSDT: mid moved by "), "{mid}");
    assert!(
        cost.starts_with("mkt_us-rate-cut: YES and NO together cost "),
        "{cost}"
    );
    let cost = numbers(cost)[0];
    assert!((50..200).contains(&cost), "{cost} cents");
    assert!(
        numbers(updates).iter().all(|count| *count >= 200),
        "{updates}"
    );
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
    assert!(
        last.starts_with("last: Some(") && last.ends_with(" ms"),
        "{last}"
    );
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
    // The handshake's packets are frames too, and what was sent is recorded besides.
    assert!(all > frames && frames > 100 && dropped == 0, "{recorded}");
    assert_eq!(numbers(counts), [100, 100]);
    assert_eq!(verdict, "every digest is equal");
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
    assert!(touch.starts_with("BTCUSDT Some(Level"), "{touch}");
    assert!(counts.starts_with("100 live books of "), "{counts}");
}

#[test]
fn runs_hot_loop_example() {
    let lines = lines("hot_loop");
    let [speed, sum] = &lines[..] else {
        panic!("{lines:#?}")
    };
    assert!(
        speed.starts_with("2000 messages of ") && speed.contains(" ns each"),
        "{speed}"
    );
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
