//! simdjson On-Demand. The C++ reader in `simdjson.cpp` writes directly into the lists of a [`Lists`].
//!
//! The distribution's library selects its instruction set at run time; `-march=native` was not faster. Bayse's decimals are
//! converted to whole steps digit by digit, which is exact and was 10 % faster than `get_double`. simdjson may read 64 bytes
//! after the text. The input's frames provide them, as a connection's buffer would, so nothing is copied.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_uint, c_void};
use std::mem::offset_of;
use std::{slice, str};

use anyhow::{bail, ensure};
use ticklot_book::{Level, Lots, Scale, Ticks};
use ticklot_frame::{Trade, TradeSide, UnixMillis};

use super::{Head, Lists, ParseBook, Text};

/// The number of bytes after a text that simdjson may read (`SIMDJSON_PADDING`).
pub(crate) const PADDING: usize = 64;

/// The capacity that is reserved for the levels of each side, and for the trades.
const CAPACITY: usize = 1_024;

/// The version and the active instruction set.
pub(crate) fn version() -> String {
    // SAFETY: `peers_simdjson_version` has no preconditions. It returns `c_str()` of a `static const std::string`, which
    // ends with a zero and lives as long as the process.
    let version = unsafe { CStr::from_ptr(peers_simdjson_version()) };
    version.to_string_lossy().into_owned()
}

/// Order books of either venue.
pub(crate) struct Books {
    /// The `ondemand::parser` of `peers_simdjson_new`, which `self` owns. No other pointer to it is kept.
    parser: *mut c_void,
    trades: Vec<RawTrade>,
    /// The scale of Bayse Markets; JayX needs none.
    scale: Option<Scale>,
    /// Whether to skip everything except the levels.
    levels_only: bool,
}

impl Books {
    pub(crate) fn new(scale: Option<Scale>, levels_only: bool) -> Self {
        Self {
            // SAFETY: `peers_simdjson_new` has no preconditions. Its `new` returns a parser that the caller owns.
            parser: unsafe { peers_simdjson_new() },
            trades: Vec::new(),
            scale,
            levels_only,
        }
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        // SAFETY: `Books::new` got this parser from `peers_simdjson_new`, which allocates it with `new`.
        // `peers_simdjson_free` deletes it. This is its only call, and `self` cannot be used after `drop`.
        unsafe { peers_simdjson_free(self.parser) }
    }
}

impl ParseBook for Books {
    fn parse<'a>(&'a mut self, text: Text<'a>, lists: &mut Lists) -> anyhow::Result<Head<'a>> {
        let (json, padded) = (text.json(), text.padded());
        ensure!(
            padded.len() >= json.len() + PADDING,
            "no padding after the text"
        );
        lists.clear();
        let trades = &mut self.trades;
        trades.clear();
        let mut message = Message {
            bids: List::new(&mut lists.bids),
            asks: List::new(&mut lists.asks),
            trades: List::new(trades),
            market: Slice::EMPTY,
            outcome: Slice::EMPTY,
            time: Slice::EMPTY,
            last_price: f64::NAN,
            sent: -1,
            last_side: 0,
            levels_only: self.levels_only,
        };
        let (start, len) = (padded.as_ptr().cast(), json.len());
        // SAFETY: the parser lives until `self` is dropped, and `self` is borrowed exclusively. `start` points to
        // `padded.len()` readable bytes, of which the first `len` are the text; `ensure!` has checked that at least
        // `PADDING` bytes follow, as `parser::iterate` requires in `read`. Each list of the message points to the
        // buffer of a vector that is borrowed exclusively, with room for `capacity` items; only `List::push` writes to
        // it, and throws at the capacity. `read` catches the exception, and returns null or the `error_message` of
        // simdjson, a literal that ends with a zero. `steps` refuses a decimal count beyond `POWERS`.
        let error = unsafe {
            let error = match self.scale {
                None => peers_simdjson_jayx(self.parser, start, len, padded.len(), &mut message),
                Some(scale) => peers_simdjson_bayse(
                    self.parser,
                    start,
                    len,
                    padded.len(),
                    &mut message,
                    scale.price_decimals().into(),
                    scale.quantity_decimals().into(),
                ),
            };
            (!error.is_null()).then(|| CStr::from_ptr(error))
        };
        if let Some(error) = error {
            bail!("{}", error.to_string_lossy());
        }
        // SAFETY: `bayse_book` sets these to results of `get_string`, or they are `Slice::EMPTY`. The call succeeded, so
        // `parser::iterate` has validated the text as UTF-8, and `get_string` has unescaped it to UTF-8 into memory of
        // the parser. That memory does not change until the next call with this parser, which cannot happen while `self`
        // is borrowed for `'a`.
        let [market, outcome, time] =
            [message.market, message.outcome, message.time].map(|it| unsafe { it.text() });
        let head = Head {
            market,
            outcome,
            time: (!time.is_empty()).then_some(time),
            last_price: (!message.last_price.is_nan()).then_some(message.last_price),
            last_side: side(message.last_side),
            sent: (message.sent >= 0).then_some(message.sent),
        };
        // SAFETY: `List::push` of simdjson.cpp alone changes a `length`. It writes the item at `length`, which is below
        // `capacity`, before it adds one.
        unsafe {
            lists.bids.set_len(message.bids.length);
            lists.asks.set_len(message.asks.length);
            trades.set_len(message.trades.length);
        }
        lists.trades.extend(trades.iter().map(Trade::from));
        Ok(head)
    }
}

fn side(side: u8) -> Option<TradeSide> {
    match side {
        1 => Some(TradeSide::Buy),
        2 => Some(TradeSide::Sell),
        _ => None,
    }
}

// These declarations repeat those of simdjson.cpp. Both files assert the same layout.

const _: () = {
    assert!(size_of::<usize>() == 8);
    assert!(size_of::<Level>() == 24 && offset_of!(Level, ticks) == 0);
    assert!(offset_of!(Level, lots) == 8 && offset_of!(Level, count) == 16);
    assert!(size_of::<RawTrade>() == 32 && offset_of!(RawTrade, lots) == 8);
    assert!(offset_of!(RawTrade, created) == 16 && offset_of!(RawTrade, side) == 24);
    assert!(size_of::<List<Level>>() == 24 && offset_of!(List<Level>, items) == 0);
    assert!(offset_of!(List<Level>, capacity) == 8 && offset_of!(List<Level>, length) == 16);
    assert!(size_of::<Slice>() == 16 && offset_of!(Slice, length) == 8);
    assert!(size_of::<Message>() == 144 && offset_of!(Message, bids) == 0);
    assert!(offset_of!(Message, asks) == 24 && offset_of!(Message, trades) == 48);
    assert!(offset_of!(Message, market) == 72 && offset_of!(Message, outcome) == 88);
    assert!(offset_of!(Message, time) == 104 && offset_of!(Message, last_price) == 120);
    assert!(offset_of!(Message, sent) == 128 && offset_of!(Message, last_side) == 136);
    assert!(offset_of!(Message, levels_only) == 137);
};

#[repr(C)]
struct Message {
    bids: List<Level>,
    asks: List<Level>,
    trades: List<RawTrade>,
    market: Slice,
    outcome: Slice,
    time: Slice,
    last_price: f64,
    sent: i64,
    last_side: u8,
    levels_only: bool,
}

/// The buffer of an empty vector, for the reader to fill.
#[repr(C)]
struct List<T> {
    items: *mut T,
    capacity: usize,
    length: usize,
}

impl<T> List<T> {
    fn new(vector: &mut Vec<T>) -> Self {
        vector.reserve(CAPACITY);
        Self {
            items: vector.as_mut_ptr(),
            capacity: vector.capacity(),
            length: 0,
        }
    }
}

#[derive(Clone, Copy)]
#[repr(C)]
struct RawTrade {
    ticks: i64,
    lots: i64,
    created: i64,
    side: u8,
}

impl From<&RawTrade> for Trade {
    fn from(trade: &RawTrade) -> Self {
        Self {
            ticks: Ticks(trade.ticks),
            lots: Lots(trade.lots),
            side: side(trade.side).unwrap_or(TradeSide::Buy),
            created: UnixMillis(trade.created),
        }
    }
}

/// A text in the parser's memory.
#[derive(Clone, Copy)]
#[repr(C)]
struct Slice {
    start: *const u8,
    length: usize,
}

impl Slice {
    const EMPTY: Self = Self {
        start: b"".as_ptr(),
        length: 0,
    };

    /// # Safety
    /// The bytes must be readable, valid UTF-8 and unchanged for `'a`.
    unsafe fn text<'a>(self) -> &'a str {
        // SAFETY: the caller guarantees that the bytes are readable, valid UTF-8 and unchanged for `'a`.
        unsafe { str::from_utf8_unchecked(slice::from_raw_parts(self.start, self.length)) }
    }
}

// SAFETY: these signatures are those of the functions with C linkage in simdjson.cpp, and the layouts that they share are
// asserted above and there. They are `noexcept`: `read` catches the exceptions of simdjson, and any other one, such as for
// lack of memory, ends the process.
unsafe extern "C" {
    fn peers_simdjson_new() -> *mut c_void;
    fn peers_simdjson_free(parser: *mut c_void);
    fn peers_simdjson_version() -> *const c_char;
    fn peers_simdjson_jayx(
        parser: *mut c_void,
        json: *const c_char,
        length: usize,
        capacity: usize,
        out: *mut Message,
    ) -> *const c_char;
    fn peers_simdjson_bayse(
        parser: *mut c_void,
        json: *const c_char,
        length: usize,
        capacity: usize,
        out: *mut Message,
        price_decimals: c_uint,
        quantity_decimals: c_uint,
    ) -> *const c_char;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a text with padding.
    fn read(reader: &mut Books, json: &str) -> anyhow::Result<Lists> {
        let buffer = format!("{json}{:64}", "");
        let mut lists = Lists::default();
        reader.parse(Text::new(&buffer, json.len()), &mut lists)?;
        Ok(lists)
    }

    #[test]
    fn reads_keys_in_any_order() {
        let json = r#"{"trades":[{"side":"SELL","created":4,"ticks":1,"lots":2}],"more":[{}],
            "orderBook":{"bids":[{"count":3,"lots":2,"new":{"a":[1]},"ticks":1}],"asks":[]}}"#;
        let lists = read(&mut Books::new(None, false), json).unwrap();
        let level = |ticks, lots, count| Level {
            ticks: Ticks(ticks),
            lots: Lots(lots),
            count,
        };
        assert_eq!((lists.bids, lists.asks), (vec![level(1, 2, 3)], vec![]));
        let trade = lists.trades[0];
        assert_eq!(
            (trade.side, trade.created),
            (TradeSide::Sell, UnixMillis(4))
        );
        assert!(
            read(&mut Books::new(None, true), json)
                .unwrap()
                .trades
                .is_empty()
        );
    }

    #[test]
    fn reads_decimals_exactly() {
        let mut reader = Books::new(Scale::new(3, 2).ok(), false);
        let mut lots = |quantity: &str| {
            let levels = format!(r#"[{{"price":0.1,"quantity":{quantity} }}]"#);
            let book = format!(r#"{{"orderbook":{{"bids":{levels}}}}}"#);
            let json = format!(r#"{{"type":"orderbook_update","data":{book}}}"#);
            read(&mut reader, &json).map(|lists| lists.bids[0].lots.0)
        };
        for (quantity, expected) in [
            ("7", 700),
            ("1.5", 150),
            ("1.25000", 125),
            ("9007199254740993", 900_719_925_474_099_300),
        ] {
            assert_eq!(lots(quantity).unwrap(), expected, "{quantity}");
        }
        for quantity in ["1.001", "1e2", "-1", "", "\"1\"", "12345678901234567"] {
            assert!(lots(quantity).is_err(), "{quantity}");
        }
    }

    #[test]
    fn refuses_invalid_text() {
        let mut reader = Books::new(None, false);
        for json in [
            "",
            "[]",
            "{} {}",
            r#"{"orderBook":"#,
            "{\"trades\":[{\"side\":1}]}",
        ] {
            assert!(read(&mut reader, json).is_err(), "{json}");
        }
        let level = r#"{"ticks":1,"lots":1},"#.repeat(CAPACITY);
        let long = format!(r#"{{"orderBook":{{"bids":[{level}{{}}]}}}}"#);
        assert!(read(&mut reader, &long).is_err());
        assert!(reader.parse("{}".into(), &mut Lists::default()).is_err());
    }
}
