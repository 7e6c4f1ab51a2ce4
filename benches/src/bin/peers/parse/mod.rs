//! The peers' parsers of the venues' messages: each in the fastest form that an expert in the library would write.

pub(crate) mod messages;
pub(crate) mod rs_bayse;
pub(crate) mod serde;
pub(crate) mod simdjson;

use ::serde::Serialize;
use ticklot_book::{Level, Lots, Scale, Ticks};
use ticklot_frame::{Trade, TradeSide};

/// The lists of a book. They are reused, so nothing is allocated once they have grown.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    pub(crate) bids: Vec<Level>,
    pub(crate) asks: Vec<Level>,
    pub(crate) trades: Vec<Trade>,
}

impl Lists {
    fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.trades.clear();
    }

    /// Sorts the sides unless they are sorted, because the venues guarantee no order.
    pub(crate) fn sort(&mut self) {
        sort(&mut self.bids, |a, b| a > b);
        sort(&mut self.asks, |a, b| a < b);
    }
}

fn sort(levels: &mut [Level], comes_before: fn(Ticks, Ticks) -> bool) {
    let in_order = levels.is_sorted_by(|a, b| comes_before(a.ticks, b.ticks));
    if !in_order {
        levels.sort_unstable_by(|a, b| {
            comes_before(b.ticks, a.ticks).cmp(&comes_before(a.ticks, b.ticks))
        });
    }
}

/// The other fields of an order book of Bayse Markets. JayX has none.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Head<'a> {
    pub(crate) market: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) time: Option<&'a str>,
    pub(crate) last_price: Option<f64>,
    pub(crate) last_side: Option<TradeSide>,
    pub(crate) sent: Option<i64>,
}

/// A message's JSON, and the bytes after it in the same buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    buffer: &'a str,
    len: usize,
}

impl<'a> Text<'a> {
    /// The first `len` bytes of a buffer.
    pub(crate) fn new(buffer: &'a str, len: usize) -> Self {
        Self { buffer, len }
    }

    pub(crate) fn json(self) -> &'a str {
        &self.buffer[..self.len]
    }

    /// The JSON, and the bytes after it.
    pub(crate) fn padded(self) -> &'a [u8] {
        self.buffer.as_bytes()
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(json: &'a str) -> Self {
        Self::new(json, json.len())
    }
}

/// Parses order books.
pub(crate) trait ParseBook {
    fn parse<'a>(&'a mut self, text: Text<'a>, lists: &mut Lists) -> anyhow::Result<Head<'a>>;
}

/// A scale for floats: the factors of prices and quantities.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factors {
    price: f64,
    quantity: f64,
}

impl Factors {
    pub(crate) fn new(scale: Scale) -> Self {
        let power = |decimals: u8| 10_f64.powi(decimals.into());
        Self {
            price: power(scale.price_decimals()),
            quantity: power(scale.quantity_decimals()),
        }
    }

    pub(crate) fn level(self, price: f64, quantity: f64) -> Level {
        Level::new(
            Ticks(nearest(price * self.price)),
            Lots(nearest(quantity * self.quantity)),
        )
    }
}

/// Rounds a number that is not negative. Without SSE4.1, `f64::round` calls the C library and takes several times as long.
#[allow(clippy::cast_possible_truncation)] // the cast saturates
fn nearest(number: f64) -> i64 {
    (number + 0.5) as i64
}
