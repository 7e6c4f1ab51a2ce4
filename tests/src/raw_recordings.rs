//! Books of other exchanges as they were recorded (`raw/` in the recorded data), and readers of the formats that
//! the library does not read.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;
use ticklot_book::{Level, Lots, Scale, Ticks};

/// A recorded file, or none: then a visible line says that `test` is skipped.
#[must_use]
pub fn path(name: &str, test: &str) -> Option<PathBuf> {
    let path = crate::data::folder().join("raw").join(name);
    if path.exists() {
        return Some(path);
    }
    // Past the capture of the test harness, so that it is seen in every run.
    let _ = writeln!(std::io::stderr(), "skipped {test}: no {}", path.display());
    None
}

/// Prints what a test has reached, past the capture of the test harness.
pub fn reached(what: &str) {
    let _ = writeln!(std::io::stderr(), "reached: {what}");
}

/// The lines of a file, compressed or not.
///
/// # Panics
/// It cannot be read.
pub fn lines(path: &PathBuf) -> impl Iterator<Item = String> + use<> {
    let file = std::fs::File::open(path).expect("the file opens");
    let reader: Box<dyn Read> = match path.extension().and_then(|ending| ending.to_str()) {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Some("zst") => Box::new(zstd::Decoder::new(file).expect("Zstandard")),
        _ => Box::new(file),
    };
    BufReader::new(reader)
        .lines()
        .map(|line| line.expect("text"))
}

/// A snapshot or a delta, its prices and quantities read exactly.
#[derive(Clone, Debug, Default)]
pub struct Sides {
    /// Bids as they came.
    pub bids: Vec<Level>,
    /// Asks as they came.
    pub asks: Vec<Level>,
}

fn level(scale: Scale, price: &str, quantity: &str) -> Level {
    Level::new(
        scale.ticks(price.as_bytes()).expect("a price of the scale"),
        scale.lots(quantity.as_bytes()).expect("lots of the scale"),
    )
}

/// A line of a recording in cryptofeed's form.
#[derive(Deserialize)]
struct Recorded {
    t: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    data: String,
}

fn recorded(path: &PathBuf) -> impl Iterator<Item = Recorded> + use<> {
    lines(path).map(|line| serde_json::from_str(&line).expect("a record"))
}

/// A book of Crypto.com: which instrument, and its levels.
#[derive(Clone, Debug)]
pub struct CryptoCom {
    /// Which of the instruments, in the order in which they came.
    pub instrument: usize,
    /// The levels.
    pub sides: Sides,
}

#[derive(Deserialize)]
struct CryptoComText<'a> {
    #[serde(borrow)]
    result: Option<CryptoComResult<'a>>,
}

#[derive(Deserialize)]
struct CryptoComResult<'a> {
    channel: &'a str,
    instrument_name: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct CryptoComBook<'a> {
    #[serde(borrow)]
    bids: Vec<[&'a RawValue; 3]>,
    #[serde(borrow)]
    asks: Vec<[&'a RawValue; 3]>,
}

#[derive(Deserialize)]
struct Instruments {
    result: InstrumentList,
}

#[derive(Deserialize)]
struct InstrumentList {
    instruments: Vec<Instrument>,
}

#[derive(Deserialize)]
struct Instrument {
    instrument_name: String,
    price_decimals: u8,
    quantity_decimals: u8,
}

/// The books of a Crypto.com recording in order, and each instrument's scale as the venue tells it.
///
/// # Panics
/// The file is not what it should be.
#[must_use]
pub fn crypto_com(path: &PathBuf) -> (Vec<CryptoCom>, Vec<Scale>) {
    let mut told = HashMap::new();
    let (mut names, mut scales, mut all) = (HashMap::new(), Vec::new(), Vec::new());
    for record in recorded(path) {
        if record.t == "http" && record.url.ends_with("get-instruments") {
            let text: Instruments = serde_json::from_str(&record.data).expect("instruments");
            for one in text.result.instruments {
                let scale = Scale::new(one.price_decimals, one.quantity_decimals);
                told.insert(one.instrument_name, scale.expect("few decimals"));
            }
        }
        if record.t != "recv" {
            continue;
        }
        let Ok(text) = serde_json::from_str::<CryptoComText<'_>>(&record.data) else {
            continue;
        };
        let Some(result) = text.result.filter(|result| result.channel == "book") else {
            continue;
        };
        let books: Vec<CryptoComBook<'_>> =
            serde_json::from_str(result.data.get()).expect("a book");
        let next = names.len();
        let instrument = *names
            .entry(result.instrument_name.to_owned())
            .or_insert(next);
        if instrument == scales.len() {
            scales.push(told[result.instrument_name]);
        }
        let sides = crypto_com_sides(&books[0], scales[instrument]);
        all.push(CryptoCom { instrument, sides });
    }
    (all, scales)
}

fn crypto_com_sides(book: &CryptoComBook<'_>, scale: Scale) -> Sides {
    let levels = |side: &[[&RawValue; 3]]| {
        let levels = side.iter().map(|[price, quantity, count]| Level {
            count: count.get().parse().expect("a count"),
            ..level(scale, price.get(), quantity.get())
        });
        levels.collect()
    };
    Sides {
        bids: levels(&book.bids),
        asks: levels(&book.asks),
    }
}

#[derive(Deserialize)]
struct PolymarketText {
    bids: Vec<PolymarketLevel>,
    asks: Vec<PolymarketLevel>,
    tick_size: String,
}

#[derive(Deserialize)]
struct PolymarketLevel {
    price: String,
    size: String,
}

/// A Polymarket book, and one tick of it.
#[derive(Clone, Debug)]
pub struct Polymarket {
    /// The levels as they came: bids ascending, asks descending.
    pub sides: Sides,
    /// The market's own tick, in ticks of the scale.
    pub tick: Ticks,
    /// All lots of the bids, added up from the text.
    pub bid_lots: Lots,
}

/// The Polymarket books.
///
/// # Panics
/// The file is not what it should be.
#[must_use]
pub fn polymarket(path: &PathBuf, scale: Scale) -> Vec<Polymarket> {
    let read = |line: String| {
        let text: PolymarketText = serde_json::from_str(&line).expect("a book");
        let levels = |side: &[PolymarketLevel]| -> Vec<Level> {
            let levels = side.iter().map(|l| level(scale, &l.price, &l.size));
            levels.collect()
        };
        let (bids, asks) = (levels(&text.bids), levels(&text.asks));
        Polymarket {
            bid_lots: bids.iter().fold(Lots(0), |sum, level| sum + level.lots),
            sides: Sides { bids, asks },
            tick: scale.ticks(text.tick_size.as_bytes()).expect("a tick"),
        }
    };
    lines(path).map(read).collect()
}
