//! The recorded logs hold the properties too: some of their frames, in the bodies of three targets.
//!
//! The data is not part of the project: without it the test says in a line that it is skipped. With
//! `TICKLOT_FUZZ_SEEDS=FOLDER` the frames are written there as seeds, a folder for each target.

use std::io::Write;
use std::path::{Path, PathBuf};

use ticklot::capture::FrameLog;

/// One frame of so many: each is decoded some forty times, and the logs are alike all through.
const EACH: usize = 60;

fn frames(name: &str) -> Option<Vec<Vec<u8>>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("TICKLOT_DATA").map_or(here, PathBuf::from);
    let path = folder.join(format!("{name}.frames.jsonl.zst"));
    if !path.exists() {
        // Past the capture of the test harness, so that it is seen in every run.
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

fn hold(target: &str, name: &str, body: fn(&[u8]), inputs: &[Vec<u8>]) {
    let seeds = std::env::var_os("TICKLOT_FUZZ_SEEDS").map(|it| PathBuf::from(it).join(target));
    for (place, input) in inputs.iter().enumerate() {
        body(input);
        if let Some(folder) = &seeds {
            std::fs::create_dir_all(folder).expect("a folder");
            std::fs::write(folder.join(format!("{name}-{place}")), input).expect("a seed");
        }
    }
}

/// JayX's frames, three together, so that a decoder that is used knows another book.
fn jayx_holds(name: &str) {
    if let Some(frames) = frames(name) {
        let together: Vec<_> = frames.chunks(3).map(|some| some.join(&0x1e)).collect();
        hold("jayx", name, ticklot_fuzz::jayx, &together);
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
        hold("bayse", name, ticklot_fuzz::bayse, &on_the_grid);
        hold("lines", name, ticklot_fuzz::lines, &frames);
    }
}

/// The target takes a market's scale from the length of its id. By that of the recorded ones, 36 bytes,
/// prices are whole, and every book would be refused; by two bytes more they have six decimals, as here.
fn of_six_decimals(frame: &[u8]) -> Vec<u8> {
    let frame = str::from_utf8(frame).expect("text");
    let key = r#""marketId":""#;
    frame.replace(key, &format!("{key}6-")).into_bytes()
}
