//! Times, decimal texts, trades, and the scales of instruments.

use ticklot_book::{DecimalError, Lots, Scale, Ticks};

/// Milliseconds since 1970-01-01T00:00:00Z, as a type distinct from [`UnixSeconds`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct UnixMillis(pub i64);

/// Seconds since 1970-01-01T00:00:00Z, as a type distinct from [`UnixMillis`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct UnixSeconds(pub i64);

/// A decimal number as the text that the venue sent.
///
/// Its methods convert it to ticks or lots, exactly or with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Decimal<'a>(pub &'a str);

impl Decimal<'_> {
    /// The number as a price.
    ///
    /// # Errors
    /// The number has more decimal places than the scale, or is out of range.
    pub fn ticks(&self, scale: Scale) -> Result<Ticks, DecimalError> {
        scale.ticks(self.0.as_bytes())
    }

    /// The number as a quantity.
    ///
    /// # Errors
    /// The number has more decimal places than the scale, or is out of range.
    pub fn lots(&self, scale: Scale) -> Result<Lots, DecimalError> {
        scale.lots(self.0.as_bytes())
    }
}

/// The scales of instruments: a [`Scale`] for all instruments, or a closure.
pub trait Scales {
    /// The scale of an instrument, by the venue's name.
    fn scale(&self, instrument: &str) -> Scale;
}

impl Scales for Scale {
    fn scale(&self, _instrument: &str) -> Scale {
        *self
    }
}

impl<F: Fn(&str) -> Scale> Scales for F {
    fn scale(&self, instrument: &str) -> Scale {
        self(instrument)
    }
}

/// The side of an order, or of a trade's taker: `BUY` or `SELL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", serde(rename_all = "UPPERCASE"))]
pub enum TradeSide {
    /// `BUY`.
    Buy,
    /// `SELL`.
    Sell,
}

impl TradeSide {
    /// The venues' word: `BUY`, `SELL`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }
}

/// A trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Trade {
    /// The price.
    pub ticks: Ticks,
    /// The quantity.
    pub lots: Lots,
    /// The side of the taker.
    pub side: TradeSide,
    /// The time of the trade.
    pub created: UnixMillis,
}
