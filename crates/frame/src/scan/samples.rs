//! Order books as the venues write them, for tests: from the simulator, and recorded ones.

use std::io::{Read, Write};
use std::path::Path;

use ticklot_book::Ticks;
use ticklot_sim::market::View;
use ticklot_sim::{Market, MarketConfig};

use super::{Scan, Scanner, Way};

/// The ways that scan. Which of them differ is this processor's choice.
pub(crate) const WAYS: [Scan; 3] = [Scan::Best, Scan::Avx2, Scan::Portable];

/// A scanner for each of [`WAYS`].
pub(crate) fn scanners() -> [Scanner; 3] {
    WAYS.map(|way| Scanner::new(way, [8, 8]))
}

impl Scanner {
    /// Whether it reads by recipes where it can.
    pub(crate) fn has_recipes(&self) -> bool {
        Way::has_recipes(self.way)
    }
}

/// What a market shows, step by step, from an empty book to a full one.
pub(crate) fn views(config: MarketConfig, seed: u64, count: usize) -> Vec<View> {
    let mut market = Market::new(config, seed);
    let steps = (0..count as u64).map(|step| {
        market.step(1_700_000_000_000 + step * 100);
        market.view()
    });
    steps.collect()
}

/// A spot pair with `depth` levels a side.
pub(crate) fn spot(depth: usize) -> MarketConfig {
    MarketConfig {
        depth,
        max_levels: 300,
        orders: 900,
        ..MarketConfig::btcusdt()
    }
}

/// An outcome with `depth` levels a side, prices in tenths of a cent.
pub(crate) fn outcome(depth: usize) -> MarketConfig {
    MarketConfig {
        min: Ticks(1),
        max: Ticks(999),
        depth,
        max_levels: 400,
        orders: 600,
        ..MarketConfig::outcome(Ticks(500))
    }
}

/// The frames of a recorded log, which is not part of the project; none, and a visible line that says
/// so, where it is not.
pub(crate) fn recorded(name: &str) -> Option<Vec<Vec<u8>>> {
    let folder = std::env::var_os("TICKLOT_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        Into::into,
    );
    let path = folder.join(format!("{name}.frames.jsonl.zst"));
    let Ok(file) = std::fs::File::open(&path) else {
        // Past the capture of the test harness, so that it is seen in every run.
        let _ = writeln!(std::io::stderr(), "skipped: no {}", path.display());
        return None;
    };
    let mut lines = String::new();
    let mut log = zstd::Decoder::new(file).unwrap();
    log.read_to_string(&mut lines).unwrap();
    let frame = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        record["frame"].as_str().unwrap().as_bytes().to_vec()
    };
    Some(lines.lines().map(frame).collect())
}
