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
    /// A candle that is known already, as it is now.
    pub modify: Option<Candle<'a>>,
}

/// A candle. That its times are seconds is inferred from the documentation's example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Candle<'a> {
    /// The venue's id of it.
    pub id: &'a str,
    /// When it begins.
    pub opened: UnixSeconds,
    /// The first price.
    pub open: Ticks,
    /// The highest price.
    pub high: Ticks,
    /// The lowest price.
    pub low: Ticks,
    /// The last price.
    pub close: Ticks,
    /// What was traded.
    pub volume: Lots,
    /// When it was last modified.
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
