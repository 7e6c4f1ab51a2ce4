//! The value of a tick and a lot.

use thiserror::Error;

use crate::decimal::{DecimalError, Fixed, MAX_DECIMALS, parse_decimal};
use crate::units::{Lots, Ticks};

/// The value of a tick and a lot of one instrument: 10^-decimals of its price and quantity.
///
/// With 2 price decimals a tick is 0.01, and `66843.63` is 6,684,363 ticks. Venues do not always publish
/// their scales, so the user sets them. A number with more decimal places than the scale is an error, and is
/// never rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Decimals"))]
pub struct Scale {
    price_decimals: u8,
    quantity_decimals: u8,
}

/// A scale was requested with more than [`MAX_DECIMALS`] decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{decimals} decimals: a scale has at most {MAX_DECIMALS}")]
pub struct ScaleError {
    /// The requested number of decimals.
    pub decimals: u8,
}

impl Scale {
    /// A tick and a lot of 1, for venues that send ticks and lots as integers.
    pub const UNIT: Self = Self {
        price_decimals: 0,
        quantity_decimals: 0,
    };

    /// A scale with these numbers of decimals, each 0 to [`MAX_DECIMALS`].
    ///
    /// # Errors
    /// [`ScaleError`] if either is larger.
    pub const fn new(price_decimals: u8, quantity_decimals: u8) -> Result<Self, ScaleError> {
        let most = if price_decimals > quantity_decimals {
            price_decimals
        } else {
            quantity_decimals
        };
        if most > MAX_DECIMALS {
            return Err(ScaleError { decimals: most });
        }
        Ok(Self {
            price_decimals,
            quantity_decimals,
        })
    }

    /// The number of decimals of a price.
    #[must_use]
    pub const fn price_decimals(self) -> u8 {
        self.price_decimals
    }

    /// The number of decimals of a quantity.
    #[must_use]
    pub const fn quantity_decimals(self) -> u8 {
        self.quantity_decimals
    }

    /// Parses a price from decimal text, exactly. See [`parse_decimal`] for the syntax.
    ///
    /// # Errors
    /// The text is not a number, has more decimal places than the scale, or is out of range.
    pub fn ticks(self, text: &[u8]) -> Result<Ticks, DecimalError> {
        parse_decimal(text, self.price_decimals).map(Ticks)
    }

    /// Parses a quantity from decimal text, exactly. See [`parse_decimal`] for the syntax.
    ///
    /// # Errors
    /// The text is not a number, has more decimal places than the scale, or is out of range.
    pub fn lots(self, text: &[u8]) -> Result<Lots, DecimalError> {
        parse_decimal(text, self.quantity_decimals).map(Lots)
    }

    /// A price as a decimal number.
    #[must_use]
    pub const fn price(self, ticks: Ticks) -> Fixed {
        Fixed::new(ticks.0, self.price_decimals)
    }

    /// A quantity as a decimal number.
    #[must_use]
    pub const fn quantity(self, lots: Lots) -> Fixed {
        Fixed::new(lots.0, self.quantity_decimals)
    }
}

/// A deserialized scale before its validation.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct Decimals {
    price_decimals: u8,
    quantity_decimals: u8,
}

#[cfg(feature = "serde")]
impl TryFrom<Decimals> for Scale {
    type Error = ScaleError;

    fn try_from(read: Decimals) -> Result<Self, ScaleError> {
        Self::new(read.price_decimals, read.quantity_decimals)
    }
}

/// Any valid scale.
#[cfg(feature = "arbitrary")]
impl arbitrary::Arbitrary<'_> for Scale {
    fn arbitrary(u: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Self> {
        Ok(Self {
            price_decimals: u.int_in_range(0..=MAX_DECIMALS)?,
            quantity_decimals: u.int_in_range(0..=MAX_DECIMALS)?,
        })
    }

    fn size_hint(_depth: usize) -> (usize, Option<usize>) {
        (2, Some(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_both_axes() {
        let scale = Scale::new(2, 6).unwrap();
        assert_eq!(scale.ticks(b"66843.63"), Ok(Ticks(6_684_363)));
        assert_eq!(scale.lots(b"1.004817"), Ok(Lots(1_004_817)));
        assert_eq!(
            std::format!("{}", scale.price(Ticks(6_684_363))),
            "66843.63"
        );
        assert_eq!(
            std::format!("{}", scale.quantity(Lots(1_004_817))),
            "1.004817"
        );
    }

    #[test]
    fn refuses_too_many_decimals() {
        assert_eq!(Scale::new(2, 19), Err(ScaleError { decimals: 19 }));
        assert_eq!(Scale::new(200, 0), Err(ScaleError { decimals: 200 }));
        assert!(Scale::new(18, 18).is_ok());
    }
}
