//! A replay of the recorded log: each book equals the ground truth after each message.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use ticklot::capture::{BookRows, FrameLog, Replay};
use ticklot::kraken::Kraken;
use ticklot::{Books, Event};

use crate::log::data;

fn rows(log: &Path, ladder: bool) -> String {
    let mut out = Vec::new();
    let mut rows = BookRows::new(&mut out).unwrap();
    let mut changes: HashMap<_, Vec<String>> = HashMap::new();
    {
        let mut handler = |event: Event<'_>, books: &Books| {
            match event {
                Event::Book(update) => rows.write(&update, books).unwrap(),
                Event::State(change) => changes
                    .entry(change.book)
                    .or_default()
                    .push(format!("{} {}", change.new, change.cause)),
                _ => {}
            }
            ControlFlow::Continue(())
        };
        let mut replay = Replay::new();
        let mut log = FrameLog::open(log).unwrap().everything();
        while let Some(record) = log.next_record() {
            let record = record.unwrap();
            if !replay.knows(record) {
                let venue = Kraken::any().ladder(ladder).build().unwrap();
                replay.add(record, venue).unwrap();
            }
            replay.apply(record, &mut handler);
        }
        replay.finish();
    }
    assert_eq!(changes.len(), 6);
    assert!(changes.values().all(|all| *all == ["live snapshot"]));
    String::from_utf8(out).unwrap()
}

/// The first ten columns.
fn own_columns(rows: &str) -> String {
    let cut = |line: &str| line.split(',').take(10).collect::<Vec<_>>().join(",") + "\n";
    rows.lines().map(cut).collect()
}

#[test]
fn recorded_books_equal_the_truth() {
    let (Some(log), Some(truth)) = (
        data("kraken-6pairs.frames.jsonl.zst"),
        data("kraken-6pairs.truth.csv.zst"),
    ) else {
        return;
    };
    let truth = zstd::decode_all(std::fs::File::open(truth).unwrap()).unwrap();
    let truth = String::from_utf8(truth).unwrap();
    let flat = rows(&log, false);
    assert_eq!(flat.lines().count(), 2_417);
    assert!(own_columns(&flat) == truth, "the flat books differ");
    assert!(rows(&log, true) == flat, "the ladders differ");
}
