//! An independent model of a book, written from the venue's documentation.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::log::{BookFrame, Pair, Units};
use crate::wire::crc;

/// The depth of the recorded subscriptions.
const DEPTH: usize = 1_000;

/// The number of levels per side in the checksum.
const CHECKED: usize = 10;

/// A book, in units of the last decimal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    bids: BTreeMap<u64, u64>,
    asks: BTreeMap<u64, u64>,
}

impl Model {
    /// The book of a snapshot.
    pub(crate) fn of(snapshot: &BookFrame) -> Self {
        let mut model = Self::default();
        model.apply(snapshot);
        model
    }

    pub(crate) fn apply(&mut self, frame: &BookFrame) {
        set(&mut self.bids, &frame.bids);
        set(&mut self.asks, &frame.asks);
        while self.bids.len() > DEPTH {
            self.bids.pop_first();
        }
        while self.asks.len() > DEPTH {
            self.asks.pop_last();
        }
    }

    pub(crate) fn checksum(&self) -> u32 {
        let asks = self.asks.iter().take(CHECKED);
        let bids = self.bids.iter().rev().take(CHECKED);
        let mut text = String::new();
        for (price, qty) in asks.chain(bids) {
            write!(text, "{price}{qty}").unwrap();
        }
        crc(&text)
    }

    /// The digest of [`BookView::crc32`](ticklot::book::Book::crc32).
    pub(crate) fn digest(&self) -> u32 {
        let level = |(price, qty): (&u64, &u64)| format!("{price}:{qty}");
        let bids: Vec<String> = self.bids.iter().rev().map(level).collect();
        let asks: Vec<String> = self.asks.iter().map(level).collect();
        crc(&format!("{}|{}", bids.join(","), asks.join(",")))
    }

    /// A snapshot message of this book.
    pub(crate) fn snapshot(&self, pair: &Pair) -> String {
        let level = |(price, qty): (&u64, &u64)| {
            let price = decimal(*price, pair.price_decimals);
            let qty = decimal(*qty, pair.qty_decimals);
            format!(r#"{{"price":{price},"qty":{qty}}}"#)
        };
        let bids: Vec<String> = self.bids.iter().rev().map(level).collect();
        let asks: Vec<String> = self.asks.iter().map(level).collect();
        format!(
            r#"{{"channel":"book","type":"snapshot","data":[{{"symbol":"{}","bids":[{}],"asks":[{}],"checksum":{}}}]}}"#,
            pair.symbol,
            bids.join(","),
            asks.join(","),
            self.checksum(),
        )
    }
}

fn set(side: &mut BTreeMap<u64, u64>, levels: &[Units]) {
    for &(price, qty) in levels {
        if qty == 0 {
            side.remove(&price);
        } else {
            side.insert(price, qty);
        }
    }
}

fn decimal(units: u64, decimals: usize) -> String {
    let digits = format!("{units:0>width$}", width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    match part {
        "" => whole.to_owned(),
        part => format!("{whole}.{part}"),
    }
}

/// The removal of one update.
pub(crate) struct Removal {
    /// The index of the first later frame of the pair whose checksum differs, if any does.
    pub(crate) shows_at: Option<usize>,
    /// The correct book after that frame.
    pub(crate) right: Model,
}

/// Removes update `at` of a pair, whose book is `before` until then.
pub(crate) fn removal(before: &Model, frames: &[&BookFrame], at: usize) -> Removal {
    let (mut wrong, mut right) = (before.clone(), before.clone());
    right.apply(frames[at]);
    for (index, frame) in frames.iter().enumerate().skip(at + 1) {
        wrong.apply(frame);
        right.apply(frame);
        if wrong.checksum() != frame.checksum {
            let shows_at = Some(index);
            return Removal { shows_at, right };
        }
    }
    Removal {
        shows_at: None,
        right,
    }
}
