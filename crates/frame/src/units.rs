//! Times, carried decimals, and which scale goes with which instrument.

use ticklot_book::{DecimalError, Lots, Scale, Ticks};

/// Milliseconds since 1970-01-01T00:00:00Z. Not to be mixed up with [`UnixSeconds`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct UnixMillis(pub i64);

/// Seconds since 1970-01-01T00:00:00Z. Not to be mixed up with [`UnixMillis`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct UnixSeconds(pub i64);

/// A decimal number that is only carried: the text as the venue sent it.
///
/// It becomes ticks or lots when it is asked to, exactly or as an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Decimal<'a>(pub &'a str);

impl Decimal<'_> {
    /// The number as a price.
    ///
    /// # Errors
    /// It is finer than a tick, or too large.
    pub fn ticks(&self, scale: Scale) -> Result<Ticks, DecimalError> {
        scale.ticks(self.0.as_bytes())
    }

    /// The number as a quantity.
    ///
    /// # Errors
    /// It is finer than a lot, or too large.
    pub fn lots(&self, scale: Scale) -> Result<Lots, DecimalError> {
        scale.lots(self.0.as_bytes())
    }
}

/// Which scale an instrument has. A [`Scale`] is one for all; a closure can tell them apart.
pub trait Scales {
    /// The scale of the instrument that the venue calls `instrument`.
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

/// What a trade or an order is: `BUY` or `SELL`. A trade's is its taker's.
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
    /// What it was for the taker.
    pub side: TradeSide,
    /// When it was made.
    pub created: UnixMillis,
}
