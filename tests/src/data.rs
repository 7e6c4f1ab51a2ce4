//! The recorded data: real order flow in the venues' shapes, with the truth beside it. It is not part
//! of the project; tests that need it skip in one visible line when it is not there.

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
    /// Whose shape it has.
    pub venue: VenueName,
    /// `--envelope` of the program; empty for none.
    pub envelope: &'static str,
    /// Decimals of price and quantity.
    pub decimals: (u8, u8),
    /// How many frames it has.
    pub frames: u64,
    /// How many order-book messages it has.
    pub books: u64,
}

/// The three logs, with the counts that their own description gives.
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
    /// The frame log, if the data is here; else a visible line says that `test` is skipped.
    #[must_use]
    pub fn path(&self, test: &str) -> Option<PathBuf> {
        let path = folder().join(format!("{}.frames.jsonl.zst", self.name));
        if path.exists() {
            return Some(path);
        }
        // Past the capture of the test harness, so that it is seen in every run.
        let _ = writeln!(std::io::stderr(), "skipped {test}: no {}", path.display());
        None
    }

    /// Every frame of the log.
    ///
    /// # Panics
    /// The log is broken.
    #[must_use]
    pub fn frames(&self, test: &str) -> Option<Vec<(u64, Vec<u8>)>> {
        let log = FrameLog::open(self.path(test)?).expect("the log opens");
        let records = log.map(|record| record.expect("a record"));
        Some(
            records
                .map(|record| (record.recv_ns, record.frame))
                .collect(),
        )
    }

    /// The rows that a right book gives.
    ///
    /// # Panics
    /// The file is missing beside the log, or broken.
    #[must_use]
    pub fn truth(&self) -> String {
        let path = folder().join(format!("{}.truth.csv.zst", self.name));
        let file = std::fs::File::open(path).expect("the truth lies beside the log");
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

    /// The program's options that say how to read it.
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

/// `TICKLOT_DATA`, or `shared/data` beside the project.
#[must_use]
pub fn folder() -> PathBuf {
    std::env::var_os("TICKLOT_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    )
}

/// The columns of rows that `keep` holds for, by their names. Values with a comma are not supported: the rows
/// compared here quote none.
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

/// Says where two texts first differ, line by line, without printing megabytes.
///
/// # Panics
/// They differ.
pub fn assert_same_rows(got: &str, expected: &str, what: &str) {
    for (number, (got, expected)) in got.lines().zip(expected.lines()).enumerate() {
        assert_eq!(got, expected, "{what}: row {number}");
    }
    assert_eq!(
        got.lines().count(),
        expected.lines().count(),
        "{what}: rows"
    );
    assert_eq!(got.len(), expected.len(), "{what}: bytes");
}
