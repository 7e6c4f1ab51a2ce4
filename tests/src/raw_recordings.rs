//! Recorded books of other exchanges (`raw/` in the recorded data), and readers of formats that the library does not
//! support.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use ticklot_book::{Level, Lots, Scale, Ticks};

use crate::data;

/// The path of a recorded file. If it is absent, prints that `test` is skipped and returns `None`.
#[must_use]
pub fn path(name: &str, test: &str) -> Option<PathBuf> {
    data::existing(data::folder().join("raw").join(name), test)
}

/// Prints the result of a test. The test harness does not capture it.
pub fn reached(result: &str) {
    let _ = writeln!(std::io::stderr(), "reached: {result}");
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

/// The levels of a snapshot or a delta, read exactly.
#[derive(Clone, Debug, Default)]
pub struct Sides {
    /// Bids in the order of the message.
    pub bids: Vec<Level>,
    /// Asks in the order of the message.
    pub asks: Vec<Level>,
}

fn level(scale: Scale, price: &str, quantity: &str) -> Level {
    Level::new(
        scale.ticks(price.as_bytes()).expect("a price of the scale"),
        scale.lots(quantity.as_bytes()).expect("lots of the scale"),
    )
}

/// A line of a recording in cryptofeed's format.
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

/// A book of Crypto.com.
#[derive(Clone, Debug)]
pub struct CryptoCom {
    /// The index of its instrument, in the order of the first books.
    pub instrument: usize,
    /// The levels.
    pub sides: Sides,
}

#[derive(Deserialize)]
struct CryptoComMessage<'a> {
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

/// The scales in a response of `get-instruments`, by instrument.
fn crypto_com_scales(data: &str) -> HashMap<String, Scale> {
    let response: Value = serde_json::from_str(data).expect("instruments");
    let instruments = response["result"]["instruments"].as_array();
    let scale = |it: &Value| {
        let decimals = |name: &str| it[name].as_u64().and_then(|it| u8::try_from(it).ok());
        let [price, quantity] = ["price_decimals", "quantity_decimals"].map(decimals);
        let scale = Scale::new(price.expect("decimals"), quantity.expect("decimals"));
        let name = it["instrument_name"].as_str().expect("a name");
        (name.to_owned(), scale.expect("few decimals"))
    };
    instruments.expect("a list").iter().map(scale).collect()
}

/// The books of a Crypto.com recording in order, and the venue's scale of each instrument.
///
/// # Panics
/// The file has another format.
#[must_use]
pub fn crypto_com(path: &PathBuf) -> (Vec<CryptoCom>, Vec<Scale>) {
    let mut all_scales = HashMap::new();
    let (mut names, mut scales, mut all) = (HashMap::new(), Vec::new(), Vec::new());
    for record in recorded(path) {
        if record.t == "http" && record.url.ends_with("get-instruments") {
            all_scales = crypto_com_scales(&record.data);
        }
        if record.t != "recv" {
            continue;
        }
        let Ok(message) = serde_json::from_str::<CryptoComMessage<'_>>(&record.data) else {
            continue;
        };
        let Some(result) = message.result.filter(|result| result.channel == "book") else {
            continue;
        };
        let books: Vec<CryptoComBook<'_>> =
            serde_json::from_str(result.data.get()).expect("a book");
        let next = names.len();
        let instrument = *names
            .entry(result.instrument_name.to_owned())
            .or_insert(next);
        if instrument == scales.len() {
            scales.push(all_scales[result.instrument_name]);
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

/// A Polymarket book and its tick.
#[derive(Clone, Debug)]
pub struct Polymarket {
    /// The levels in the order of the message: bids ascending, asks descending.
    pub sides: Sides,
    /// The market's tick, in ticks of the scale.
    pub tick: Ticks,
    /// The sum of the bids' lots.
    pub bid_lots: Lots,
}

/// The Polymarket books.
///
/// # Panics
/// The file has another format.
#[must_use]
pub fn polymarket(path: &PathBuf, scale: Scale) -> Vec<Polymarket> {
    let read = |line: String| {
        let book: Value = serde_json::from_str(&line).expect("a book");
        let text = |value: &Value| value.as_str().expect("a number as text").to_owned();
        let levels = |side: &str| -> Vec<Level> {
            let levels = book[side].as_array().expect("levels").iter();
            let levels = levels.map(|it| level(scale, &text(&it["price"]), &text(&it["size"])));
            levels.collect()
        };
        let (bids, asks) = (levels("bids"), levels("asks"));
        Polymarket {
            bid_lots: bids.iter().fold(Lots(0), |sum, level| sum + level.lots),
            sides: Sides { bids, asks },
            tick: scale
                .ticks(text(&book["tick_size"]).as_bytes())
                .expect("a tick"),
        }
    };
    lines(path).map(read).collect()
}
