//! Candles.

use ticklot_book::{Lots, Ticks};

use crate::error::DecodeFailure;
use crate::json::{Value, read_fields};
use crate::record::{Field, record};
use crate::units::UnixSeconds;

/// A candle was added, modified, or both (`kline`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Kline<'a> {
    /// A new candle.
    pub add: Option<Candle<'a>>,
    /// The new state of an existing candle.
    pub modify: Option<Candle<'a>>,
}

/// A candle. The unit of its times, seconds, is inferred from the documentation's example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Candle<'a> {
    /// The venue's id of the candle.
    pub id: &'a str,
    /// The start time.
    pub opened: UnixSeconds,
    /// The first price.
    pub open: Ticks,
    /// The highest price.
    pub high: Ticks,
    /// The lowest price.
    pub low: Ticks,
    /// The last price.
    pub close: Ticks,
    /// The traded quantity.
    pub volume: Lots,
    /// The time of the last modification.
    pub modified: UnixSeconds,
    /// The symbol.
    pub symbol: &'a str,
}

pub(super) fn kline<'a>(payload: Value<'_, 'a>) -> Result<Kline<'a>, DecodeFailure> {
    read_fields!(payload, "kline", { "add" => add, "modify" => modify });
    Ok(Kline {
        add: add.optional(Field::parse)?,
        modify: modify.optional(Field::parse)?,
    })
}

record! { Candle<'a> as "candle" {
    "_id" => id,
    "created" => opened,
    "o" => open,
    "h" => high,
    "l" => low,
    "c" => close,
    "v" => volume,
    "m" => modified,
    "symbol" => symbol,
} }
