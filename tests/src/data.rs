//! The recorded data: real order flow in the venues' formats, with the expected books. It is not part of the project. If it
//! is absent, each test that needs it prints a line and skips.

use std::io::Write;
use std::path::PathBuf;

use ticklot::Scale;
use ticklot::capture::FrameLog;
use ticklot::venue::VenueName;

/// A recorded log.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// The files' common name.
    pub name: &'static str,
    /// The venue whose format it has.
    pub venue: VenueName,
    /// The value of the option `--envelope`; empty for none.
    pub envelope: &'static str,
    /// Decimals of price and quantity.
    pub decimals: (u8, u8),
    /// The number of its frames.
    pub frames: u64,
    /// The number of its order-book messages.
    pub books: u64,
}

/// The three logs, with the counts of their description.
pub const LOGS: [Log; 3] = [
    Log {
        name: "jayx-btcusdt-top20",
        venue: VenueName::JAYX,
        envelope: "socketio",
        decimals: (2, 6),
        frames: 6520,
        books: 6176,
    },
    Log {
        name: "jayx-btcusdt-top100",
        venue: VenueName::JAYX,
        envelope: "plain",
        decimals: (2, 8),
        frames: 3731,
        books: 3386,
    },
    Log {
        name: "bayse-books150",
        venue: VenueName::BAYSE,
        envelope: "",
        decimals: (6, 6),
        frames: 694,
        books: 1525,
    },
];

impl Log {
    /// The path of the frame log. If it is absent, prints that `test` is skipped and returns `None`.
    #[must_use]
    pub fn path(&self, test: &str) -> Option<PathBuf> {
        existing(
            folder().join(format!("{}.frames.jsonl.zst", self.name)),
            test,
        )
    }

    /// Every frame of the log.
    ///
    /// # Panics
    /// The log is damaged.
    #[must_use]
    pub fn frames(&self, test: &str) -> Option<Vec<(u64, Vec<u8>)>> {
        let log = FrameLog::open(self.path(test)?).expect("the log opens");
        let records = log.map(|record| record.expect("a record"));
        let frames = records.map(|record| (record.recv_ns, record.frame));
        Some(frames.collect())
    }

    /// The rows of correct books.
    ///
    /// # Panics
    /// Their file is missing or damaged.
    #[must_use]
    pub fn truth(&self) -> String {
        let path = folder().join(format!("{}.truth.csv.zst", self.name));
        let file = std::fs::File::open(path).expect("the file with the expected books");
        let bytes = zstd::decode_all(file).expect("Zstandard");
        String::from_utf8(bytes).expect("text")
    }

    /// Its scale.
    ///
    /// # Panics
    /// Never: the decimals are few.
    #[must_use]
    pub fn scale(&self) -> Scale {
        Scale::new(self.decimals.0, self.decimals.1).expect("few decimals")
    }

    /// The program's options for this log.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        let (price, quantity) = self.decimals;
        let mut options = vec![
            "--venue".to_owned(),
            self.venue.to_string(),
            format!("--price-decimals={price}"),
            format!("--quantity-decimals={quantity}"),
        ];
        if !self.envelope.is_empty() {
            options.push(format!("--envelope={}", self.envelope));
        }
        options
    }
}

/// The folder of the recorded data: `TICKLOT_DATA`, or `../shared/data`.
#[must_use]
pub fn folder() -> PathBuf {
    std::env::var_os("TICKLOT_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    )
}

/// A path that exists. Otherwise prints that `test` is skipped and returns `None`.
#[must_use]
pub fn existing(path: PathBuf, test: &str) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    // Not captured by the test harness, so that every run shows it.
    let _ = writeln!(std::io::stderr(), "skipped {test}: no {}", path.display());
    None
}

/// Rows with only those columns that `keep` selects by name. Quoted values are not supported.
///
/// # Panics
/// A value is quoted.
#[must_use]
pub fn columns(rows: &str, keep: impl Fn(&str) -> bool) -> String {
    assert!(!rows.contains('"'), "a quoted value");
    let header = rows.lines().next().unwrap_or_default();
    let kept: Vec<bool> = header.split(',').map(keep).collect();
    let row = |row: &str| {
        let values = row.split(',').zip(&kept);
        let values: Vec<_> = values.filter(|it| *it.1).map(|it| it.0).collect();
        values.join(",") + "\n"
    };
    rows.lines().map(row).collect()
}

/// Compares two texts line by line, and prints only the first difference.
///
/// # Panics
/// The texts differ.
pub fn assert_same_rows(got: &str, expected: &str, name: &str) {
    for (number, (got, expected)) in got.lines().zip(expected.lines()).enumerate() {
        assert_eq!(got, expected, "{name}: row {number}");
    }
    assert_eq!(
        got.lines().count(),
        expected.lines().count(),
        "{name}: rows"
    );
    assert_eq!(got.len(), expected.len(), "{name}: bytes");
}
