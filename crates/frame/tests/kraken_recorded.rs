//! Recorded Kraken books: after each message, the computed checksum equals the venue's.
//!
//! The log is not part of the project. Without it, the test is skipped and prints a line.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use ticklot_book::{Level, Lots, Scale, Ticks};
use ticklot_frame::kraken::{Book, Decoder, Message, Pair, checksum};

/// The subscribed depth of the log.
const DEPTH: usize = 1_000;

/// The frames of the log and its table of expected books; `None` if the log is absent.
fn recorded(name: &str) -> Option<(Vec<String>, Vec<String>)> {
    let folder = std::env::var_os("TICKLOT_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = folder.join(format!("{name}.frames.jsonl.zst"));
    if !path.exists() {
        // Not captured by the test harness, so the line is visible in every run.
        let _ = writeln!(std::io::stderr(), "skipped: no {}", path.display());
        return None;
    }
    let truth = folder.join(format!("{name}.truth.csv.zst"));
    Some((lines(&path), lines(&truth)))
}

fn lines(path: &Path) -> Vec<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    let mut log = zstd::Decoder::new(file).unwrap();
    log.read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A book of two maps from price to quantity.
#[derive(Default)]
struct Maps {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Maps {
    fn apply(&mut self, book: &Book<'_>) {
        if book.is_snapshot {
            *self = Self::default();
        }
        for (side, levels) in [(&mut self.bids, book.bids), (&mut self.asks, book.asks)] {
            for level in levels {
                match level.lots.0 {
                    0 => side.remove(&level.ticks.0),
                    lots => side.insert(level.ticks.0, lots),
                };
            }
        }
        while self.bids.len() > DEPTH {
            self.bids.pop_first();
        }
        while self.asks.len() > DEPTH {
            self.asks.pop_last();
        }
    }

    fn bids(&self) -> impl Iterator<Item = Level> {
        self.bids.iter().rev().map(level)
    }

    fn asks(&self) -> impl Iterator<Item = Level> {
        self.asks.iter().map(level)
    }

    /// The columns of the table after the frame and the line.
    fn row(&self, symbol: &str) -> String {
        let best = |level: Option<Level>| {
            level.map_or(",".to_owned(), |l| format!("{},{}", l.ticks.0, l.lots.0))
        };
        let text = |levels: Vec<Level>| {
            let level = |l: &Level| format!("{}:{}", l.ticks.0, l.lots.0);
            levels.iter().map(level).collect::<Vec<_>>().join(",")
        };
        let (bids, asks) = (self.bids().collect(), self.asks().collect());
        let digest = crc32fast::hash(format!("{}|{}", text(bids), text(asks)).as_bytes());
        format!(
            "{symbol},{},{},{},{},{digest}",
            best(self.bids().next()),
            best(self.asks().next()),
            self.bids.len(),
            self.asks.len(),
        )
    }
}

fn level((&ticks, &lots): (&i64, &i64)) -> Level {
    Level::new(Ticks(ticks), Lots(lots))
}

/// The state after the frames so far.
#[derive(Default)]
struct Replay {
    scales: HashMap<String, Scale>,
    books: HashMap<String, Maps>,
    /// The number of equal checksums in updates and in snapshots.
    checksums: [usize; 2],
    rows: Vec<String>,
}

impl Replay {
    fn frame(&mut self, number: usize, decoder: &mut Decoder, frame: &str) {
        let scales = |symbol: &str| self.scales[symbol];
        match decoder.decode(frame.as_bytes(), &scales).unwrap() {
            Message::Instruments(pairs) => {
                assert_eq!(pairs.skipped, 0);
                let scale = |pair: Pair<'_>| (pair.symbol.to_owned(), pair.scale().unwrap());
                self.scales.extend(pairs.iter().map(scale));
            }
            Message::Books(books) => {
                for book in books.iter() {
                    self.book(number, &book);
                }
            }
            Message::Unknown { kind } => panic!("unknown: {kind}"),
            _ => {}
        }
    }

    fn book(&mut self, number: usize, book: &Book<'_>) {
        let maps = self.books.entry(book.symbol.to_owned()).or_default();
        maps.apply(book);
        let got = checksum(maps.asks(), maps.bids());
        assert_eq!(Some(got), book.checksum, "frame {number}: {}", book.symbol);
        self.checksums[usize::from(book.is_snapshot)] += 1;
        let row = format!("{number},0,{}", maps.row(book.symbol));
        self.rows.push(row);
    }
}

#[test]
fn every_recorded_checksum_agrees() {
    let Some((log, truth)) = recorded("kraken-6pairs") else {
        return;
    };
    let mut replay = Replay::default();
    let mut decoder = Decoder::new();
    for (number, line) in log.iter().enumerate() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        replay.frame(number, &mut decoder, record["frame"].as_str().unwrap());
    }
    assert_eq!((log.len(), replay.books.len()), (2_516, 6));
    // The venue sent the checksums of the updates. Its v1 snapshots had none, so those in the log were computed.
    assert_eq!(replay.checksums, [2_410, 6]);
    assert_eq!(replay.rows, truth[1..]);
}
