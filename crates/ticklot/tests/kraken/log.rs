//! The recorded log: its lines, and the levels of its books as integers.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A file of the recorded data. If it is absent, prints a line and returns none.
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

/// A pair and the decimals of its prices and quantities.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) symbol: String,
    pub(crate) price_decimals: usize,
    pub(crate) qty_decimals: usize,
}

/// A price and a quantity in units of the last decimal.
pub(crate) type Units = (u64, u64);

/// A book message.
#[derive(Clone, Debug)]
pub(crate) struct BookFrame {
    /// The index of its pair.
    pub(crate) pair: usize,
    /// The index of its line.
    pub(crate) line: usize,
    pub(crate) is_snapshot: bool,
    pub(crate) bids: Vec<Units>,
    pub(crate) asks: Vec<Units>,
    pub(crate) checksum: u32,
}

/// The log.
pub(crate) struct Log {
    pub(crate) lines: Vec<String>,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) books: Vec<BookFrame>,
}

impl Log {
    pub(crate) fn read() -> Option<Self> {
        let file = std::fs::File::open(data("kraken-6pairs.frames.jsonl.zst")?).unwrap();
        let mut text = String::new();
        let mut decoder = zstd::Decoder::new(file).unwrap();
        decoder.read_to_string(&mut text).unwrap();
        let lines: Vec<String> = text.lines().map(frame).collect();
        let pairs = pairs(&lines);
        let numbered = lines.iter().enumerate();
        let books = numbered.filter_map(|(line, text)| book_frame(&pairs, line, text));
        let books = books.collect();
        Some(Self {
            lines,
            pairs,
            books,
        })
    }

    pub(crate) fn line(&self, frame: &BookFrame) -> &str {
        &self.lines[frame.line]
    }

    /// The book messages of a pair: its snapshot, then its updates.
    pub(crate) fn of_pair(&self, pair: usize) -> Vec<&BookFrame> {
        let frames: Vec<&BookFrame> = self.books.iter().filter(|it| it.pair == pair).collect();
        assert!(frames[0].is_snapshot && frames[1..].iter().all(|it| !it.is_snapshot));
        frames
    }

    pub(crate) fn symbols(&self) -> Vec<&str> {
        self.pairs.iter().map(|pair| pair.symbol.as_str()).collect()
    }

    pub(crate) fn status(&self) -> &str {
        self.first(r#"{"channel":"status""#)
    }

    pub(crate) fn instruments(&self) -> &str {
        self.first(r#"{"channel":"instrument""#)
    }

    /// The acknowledgement of a pair's subscription.
    pub(crate) fn subscribed(&self, pair: &Pair) -> &str {
        let is_it = |line: &&String| {
            line.starts_with(r#"{"method":"subscribe""#) && line.contains(&pair.symbol)
        };
        self.lines.iter().find(is_it).unwrap()
    }

    fn first(&self, start: &str) -> &str {
        let mut lines = self.lines.iter();
        lines.find(|line| line.starts_with(start)).unwrap()
    }
}

fn frame(line: &str) -> String {
    let record: Value = serde_json::from_str(line).unwrap();
    record["frame"].as_str().unwrap().to_owned()
}

fn pairs(lines: &[String]) -> Vec<Pair> {
    let list = lines.iter().find(|line| line.contains(r#""pairs""#));
    let list: Value = serde_json::from_str(list.unwrap()).unwrap();
    let decimals = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let pair = |pair: &Value| Pair {
        symbol: pair["symbol"].as_str().unwrap().to_owned(),
        price_decimals: decimals(&pair["price_precision"]),
        qty_decimals: decimals(&pair["qty_precision"]),
    };
    let pairs = list["data"]["pairs"].as_array().unwrap();
    pairs.iter().map(pair).collect()
}

/// Parses a book message by its fixed format, so that numbers stay text.
fn book_frame(pairs: &[Pair], line: usize, text: &str) -> Option<BookFrame> {
    let text = text.strip_prefix(r#"{"channel":"book","type":""#)?;
    let symbol = between(text, r#""symbol":""#, '"');
    let at = pairs.iter().position(|pair| pair.symbol == symbol).unwrap();
    let side = |field| levels(between(text, field, ']'), &pairs[at]);
    let checksum = text.split_once(r#""checksum":"#).unwrap().1;
    let checksum = checksum.split_once([',', '}']).unwrap().0;
    Some(BookFrame {
        pair: at,
        line,
        is_snapshot: text.starts_with("snapshot"),
        bids: side(r#""bids":["#),
        asks: side(r#""asks":["#),
        checksum: checksum.parse().unwrap(),
    })
}

fn between<'a>(text: &'a str, start: &str, end: char) -> &'a str {
    let rest = text.split_once(start).unwrap().1;
    rest.split_once(end).unwrap().0
}

fn levels(text: &str, pair: &Pair) -> Vec<Units> {
    let items = text.split(r#"{"price":"#).skip(1);
    let level = |item: &str| {
        let (price, rest) = item.split_once(r#","qty":"#).unwrap();
        let qty = rest.split_once('}').unwrap().0;
        (
            units(price, pair.price_decimals),
            units(qty, pair.qty_decimals),
        )
    };
    items.map(level).collect()
}

fn units(text: &str, decimals: usize) -> u64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    assert!(part.len() <= decimals, "{text}");
    format!("{whole}{part:0<decimals$}").parse().unwrap()
}
