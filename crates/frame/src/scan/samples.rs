//! Order books as the venues write them, for tests: from the simulator, and recorded ones.

use std::io::{Read, Write};
use std::path::Path;

use ticklot_book::Ticks;
use ticklot_sim::market::View;
use ticklot_sim::{Market, MarketConfig};

use super::{Form, Part, Scan, Scanner, Way};

/// The ways that scan. Which of them differ is this processor's choice.
pub(crate) const WAYS: [Scan; 3] = [Scan::Best, Scan::Avx2, Scan::Portable];

/// A scanner for each of [`WAYS`].
pub(crate) fn scanners() -> [Scanner; 3] {
    WAYS.map(Scanner::new)
}

impl Scanner {
    /// How many of so many texts it should have read by patterns: all, or none where there are none.
    pub(crate) fn all_by_patterns(&self, texts: usize) -> u64 {
        if Way::has_patterns(self.way) {
            texts as u64
        } else {
            0
        }
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

/// The pattern of a text up to its first closing brace.
pub(crate) fn pattern(text: &str) -> u64 {
    let item = text.split('}').next().unwrap();
    let digits = item.bytes().enumerate().filter(|(_, b)| b.is_ascii_digit());
    digits.fold(0, |key, (at, _)| key | 1 << at)
}

/// Parts, and the text between an item and the next one.
pub(crate) fn with<'p>(parts: &[Part<'p>], next: &'p [u8]) -> Vec<Part<'p>> {
    [parts, &[Part::Text(next)]].concat()
}

/// Three whole numbers.
pub(crate) const WHOLE: [Part<'_>; 6] = [
    Part::Whole,
    Part::Text(b",\"lots\":"),
    Part::Whole,
    Part::Text(b",\"count\":"),
    Part::Short(8),
    Part::Text(b"}"),
];

/// The form of levels of [`WHOLE`].
pub(crate) const SPOT: Form = Form::new(
    3,
    [b",\"lots\":", b",\"count\":", b"}"],
    b",{\"ticks\":",
    false,
);

/// Two numbers of three and of two decimals, and one that is not read.
pub(crate) const DECIMAL: [Part<'_>; 6] = [
    Part::Steps(3),
    Part::Text(b",\"quantity\":"),
    Part::Steps(2),
    Part::Text(b",\"total\":"),
    Part::Passed(32),
    Part::Text(b"}"),
];

/// The form of levels of [`DECIMAL`].
pub(crate) const OUTCOME: Form = Form::new(
    2,
    [b",\"quantity\":", b",\"total\":", b"}"],
    b",{\"price\":",
    true,
);

/// What [`DECIMAL`] makes of texts whose pattern is good.
pub(crate) const DECIMALS: [(&str, Option<[u64; 2]>); 12] = [
    (
        "0.499,\"quantity\":2560.29,\"total\":1277.5}",
        Some([499, 256_029]),
    ),
    ("0.05,\"quantity\":20.5,\"total\":1}", Some([50, 2_050])),
    (
        "1,\"quantity\":272,\"total\":131.104}",
        Some([1_000, 27_200]),
    ),
    ("0,\"quantity\":0,\"total\":0.0}", Some([0, 0])),
    (
        "61800.30,\"quantity\":1,\"total\":61800.3}",
        Some([61_800_300, 100]),
    ),
    (
        "161800.3,\"quantity\":1,\"total\":1}",
        Some([161_800_300, 100]),
    ),
    ("0.4990,\"quantity\":1.2500,\"total\":1}", Some([499, 125])),
    ("0.4991,\"quantity\":1,\"total\":1}", None),
    ("00.499,\"quantity\":1,\"total\":1}", None),
    ("0.499,\"quantity\":1,\"total\":01}", None),
    ("0.499,\"quantity\":1,\"total\":01.5}", None),
    ("0,499,\"quantity\":1,\"total\":1}", None),
];

/// What [`DECIMAL`] is not to read at all.
pub(crate) const NO_DECIMALS: [&str; 3] = [
    "1.5,\"quantity\":123456789012345,\"total\":1}",
    "1,\"quantity\":1,\"total\":.5}",
    "5.,\"quantity\":1,\"total\":1}",
];
