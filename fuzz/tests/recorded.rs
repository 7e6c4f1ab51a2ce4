//! Checks the properties of three targets for some frames of the recorded logs.
//!
//! The data is not part of the project. Without it, the tests are skipped and print a line. With
//! `TICKLOT_FUZZ_SEEDS=FOLDER`, the frames are written there as seeds, in a folder for each target.

use std::io::Write;
use std::path::{Path, PathBuf};

use ticklot::capture::FrameLog;

/// Every `EACH`th frame is used: each is decoded about forty times, and the logs are homogeneous.
const EACH: usize = 60;

fn frames(name: &str) -> Option<Vec<Vec<u8>>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("TICKLOT_DATA").map_or(here, PathBuf::from);
    let path = folder.join(format!("{name}.frames.jsonl.zst"));
    if !path.exists() {
        // Not captured by the test harness, so the line is visible in every run.
        let _ = writeln!(std::io::stderr(), "skipped: no {}", path.display());
        return None;
    }
    let log = FrameLog::open(path).expect("it can be read");
    let frames: Vec<_> = log
        .step_by(EACH)
        .map(|record| record.expect("whole").frame)
        .collect();
    assert!(!frames.is_empty(), "an empty log");
    Some(frames)
}

fn check_target(target: &str, name: &str, body: fn(&[u8]), inputs: &[Vec<u8>]) {
    let seeds = std::env::var_os("TICKLOT_FUZZ_SEEDS").map(|it| PathBuf::from(it).join(target));
    for (index, input) in inputs.iter().enumerate() {
        body(input);
        if let Some(folder) = &seeds {
            std::fs::create_dir_all(folder).expect("a folder");
            std::fs::write(folder.join(format!("{name}-{index}")), input).expect("a seed");
        }
    }
}

/// Checks frames of JayX in groups of three, so that a used decoder has decoded another book.
fn jayx_holds(name: &str) {
    if let Some(frames) = frames(name) {
        let together: Vec<_> = frames.chunks(3).map(|some| some.join(&0x1e)).collect();
        check_target("jayx", name, ticklot_fuzz::jayx, &together);
    }
}

#[test]
fn recorded_jayx_packets_hold() {
    jayx_holds("jayx-btcusdt-top20");
}

#[test]
fn recorded_jayx_payloads_hold() {
    jayx_holds("jayx-btcusdt-top100");
}

#[test]
fn recorded_bayse_books_hold() {
    let name = "bayse-books150";
    if let Some(frames) = frames(name) {
        let on_the_grid: Vec<_> = frames.iter().map(|frame| of_six_decimals(frame)).collect();
        check_target("bayse", name, ticklot_fuzz::bayse, &on_the_grid);
        check_target("lines", name, ticklot_fuzz::lines, &frames);
    }
}

/// The target derives the scale of a market from the length of its id. The recorded ids have 36 bytes, which means
/// integer prices, so every book would be rejected. Two more bytes mean six decimals, as in the log.
fn of_six_decimals(frame: &[u8]) -> Vec<u8> {
    let frame = str::from_utf8(frame).expect("text");
    let key = r#""marketId":""#;
    frame.replace(key, &format!("{key}6-")).into_bytes()
}
