//! Exact conversion between decimal text and integers.

use core::fmt;

use thiserror::Error;

/// The maximum number of decimals of a scale: 10^18 is the largest power of ten in an `i64`.
pub const MAX_DECIMALS: u8 = 18;

/// Why a text could not be converted to a number of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum DecimalError {
    /// The text is not a decimal number.
    #[error("not a decimal number")]
    Syntax,
    /// The number has nonzero digits below the smallest step. It is never rounded.
    #[error("more than {decimals} decimal places")]
    OffGrid {
        /// The number of decimal places of a step.
        decimals: u8,
    },
    /// The number of steps does not fit 64 bits.
    #[error("out of the range of a 64-bit integer")]
    Overflow,
}

/// Parses a decimal text as a number of steps of 10^-`decimals`.
///
/// The text is a JSON number (RFC 8259, section 6): an optional `-`, digits, an optional fraction and an
/// optional exponent. Leading zeros are also allowed, as in `007.50`. The result is exact for any length of
/// text. Trailing zeros are not counted as decimal places (`0.600` with one decimal is 6), and zero may have
/// any exponent.
///
/// Does not allocate.
///
/// # Errors
/// [`DecimalError::Syntax`] if the text is not a decimal number, [`DecimalError::OffGrid`] if it has nonzero
/// digits below the step, [`DecimalError::Overflow`] if the result does not fit an `i64`.
///
/// ```
/// use ticklot_book::{DecimalError, parse_decimal};
///
/// assert_eq!(parse_decimal(b"45.334", 6), Ok(45_334_000));
/// assert_eq!(parse_decimal(b"6e-1", 2), Ok(60));
/// assert_eq!(parse_decimal(b"0.605", 2), Err(DecimalError::OffGrid { decimals: 2 }));
/// ```
pub fn parse_decimal(text: &[u8], decimals: u8) -> Result<i64, DecimalError> {
    let number = Digits::read(text)?;
    if number.nonzero == 0 {
        return Ok(0);
    }
    // The power of ten of the last nonzero digit, in steps.
    let power = number.last_power.saturating_add(i64::from(decimals));
    if power < 0 {
        return Err(DecimalError::OffGrid { decimals });
    }
    let magnitude = number
        .mantissa
        .and_then(|m| {
            u32::try_from(power)
                .ok()
                .and_then(|p| 10_u64.checked_pow(p))
                .map(|p| (m, p))
        })
        .and_then(|(m, p)| m.checked_mul(p))
        .ok_or(DecimalError::Overflow)?;
    let steps = if number.negative {
        0_i64.checked_sub_unsigned(magnitude)
    } else {
        0_i64.checked_add_unsigned(magnitude)
    };
    steps.ok_or(DecimalError::Overflow)
}

/// A parsed decimal text: `mantissa * 10^last_power`, without trailing zeros.
struct Digits {
    negative: bool,
    /// The digits up to the last nonzero one; `None` on overflow.
    mantissa: Option<u64>,
    /// The number of nonzero digits.
    nonzero: u64,
    /// The power of ten of the last nonzero digit.
    last_power: i64,
}

impl Digits {
    fn read(text: &[u8]) -> Result<Self, DecimalError> {
        let (negative, unsigned) = match text.split_first() {
            Some((b'-', rest)) => (true, rest),
            _ => (false, text),
        };
        let (number, exponent) = split_exponent(unsigned)?;
        let mut digits = Self {
            negative,
            mantissa: Some(0),
            nonzero: 0,
            last_power: 0,
        };
        let mut point = None;
        let mut position: i64 = 0;
        // Zeros are counted, and pushed only when a nonzero digit follows. Trailing zeros of any number
        // therefore neither overflow nor count as decimal places.
        let mut held = 0_u32;
        for (at, &byte) in number.iter().enumerate() {
            match byte {
                b'0' => held = held.saturating_add(1),
                b'1'..=b'9' => {
                    digits.push(held, byte - b'0');
                    held = 0;
                    digits.last_power = position;
                }
                b'.' if point.is_none() && at > 0 && at + 1 < number.len() => {
                    point = Some(position);
                    continue;
                }
                _ => return Err(DecimalError::Syntax),
            }
            position += 1;
        }
        if position == 0 {
            return Err(DecimalError::Syntax);
        }
        // Until here, `last_power` was a position counted from the left.
        let units = point.unwrap_or(position) - 1;
        digits.last_power = (units - digits.last_power).saturating_add(exponent);
        Ok(digits)
    }

    fn push(&mut self, zeros: u32, digit: u8) {
        self.nonzero += 1;
        self.mantissa = self
            .mantissa
            .and_then(|m| {
                // Leading zeros do not shift.
                let shift = if m == 0 {
                    1
                } else {
                    10_u64.checked_pow(zeros.checked_add(1)?)?
                };
                m.checked_mul(shift)
            })
            .and_then(|m| m.checked_add(u64::from(digit)));
    }
}

/// Splits `12.5e-3` into `12.5` and -3. The exponent saturates: with more than nineteen digits, only its sign
/// matters.
fn split_exponent(text: &[u8]) -> Result<(&[u8], i64), DecimalError> {
    let Some(at) = text.iter().position(|b| matches!(b, b'e' | b'E')) else {
        return Ok((text, 0));
    };
    let (sign, digits) = match text[at + 1..].split_first() {
        Some((b'-', rest)) => (-1, rest),
        Some((b'+', rest)) => (1, rest),
        _ => (1, &text[at + 1..]),
    };
    if digits.is_empty() {
        return Err(DecimalError::Syntax);
    }
    let mut exponent: i64 = 0;
    for &byte in digits {
        if !byte.is_ascii_digit() {
            return Err(DecimalError::Syntax);
        }
        exponent = exponent
            .saturating_mul(10)
            .saturating_add(i64::from(byte - b'0'));
    }
    Ok((&text[..at], sign * exponent))
}

/// A fixed-point decimal number: `Fixed::new(6_684_363, 2)` prints `66843.63`.
///
/// Exact, without floats. Printing does not allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    steps: i64,
    decimals: u8,
}

impl Fixed {
    /// `steps` of 10^-`decimals` each.
    #[must_use]
    pub const fn new(steps: i64, decimals: u8) -> Self {
        Self { steps, decimals }
    }

    /// The number of decimal places.
    #[must_use]
    pub const fn decimals(self) -> u8 {
        self.decimals
    }

    /// Parses a decimal text exactly and keeps its number of decimal places. See [`parse_decimal`] for the
    /// syntax.
    ///
    /// # Errors
    /// The text is not a number, has more than [`MAX_DECIMALS`] decimal places, or is out of range.
    pub fn parse(text: &[u8]) -> Result<Self, DecimalError> {
        let (number, exponent) = split_exponent(text)?;
        let point = number.iter().position(|byte| *byte == b'.');
        let written = point.map_or(0, |at| number.len() - at - 1);
        let written = i64::try_from(written).unwrap_or(i64::MAX);
        let decimals = written.saturating_sub(exponent);
        let decimals = decimals.clamp(0, i64::from(MAX_DECIMALS));
        let decimals = u8::try_from(decimals).unwrap_or(MAX_DECIMALS);
        parse_decimal(text, decimals).map(|steps| Self::new(steps, decimals))
    }
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written from right to left. The buffer holds the longest text: 20 digits, a point, and as many
        // decimal places as a `u8` allows.
        let mut buffer = [b'0'; 20 + 1 + u8::MAX as usize];
        let mut at = buffer.len();
        let mut rest = self.steps.unsigned_abs();
        let mut written = 0_usize;
        let decimals = usize::from(self.decimals);
        while rest > 0 || written <= decimals {
            if written == decimals && decimals > 0 {
                at -= 1;
                buffer[at] = b'.';
            }
            at -= 1;
            // A decimal digit fits a byte.
            buffer[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            written += 1;
        }
        let text = core::str::from_utf8(&buffer[at..]).map_err(|_| fmt::Error)?;
        f.pad_integral(self.steps >= 0, "", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_by_table() {
        let off = |decimals| Err(DecimalError::OffGrid { decimals });
        let table: &[(&str, u8, Result<i64, DecimalError>)] = &[
            ("0", 0, Ok(0)),
            ("-0", 2, Ok(0)),
            ("-0.000", 2, Ok(0)),
            ("500", 2, Ok(50_000)),
            ("300.0", 0, Ok(300)),
            ("3.7037", 4, Ok(37_037)),
            ("3.7037", 3, off(3)),
            ("0.600000000000000000000000000000000", 1, Ok(6)),
            ("0.6000000000000000000000000000000001", 18, off(18)),
            ("1e2", 0, Ok(100)),
            ("1E+2", 0, Ok(100)),
            ("1.25e1", 1, Ok(125)),
            ("125e-3", 3, Ok(125)),
            ("125e-3", 2, off(2)),
            ("100e-2", 0, Ok(1)),
            ("0e999999999999999999999999", 2, Ok(0)),
            ("0.0e-999999999999999999999999", 2, Ok(0)),
            ("1e999999999999999999999999", 2, Err(DecimalError::Overflow)),
            ("1e-999999999999999999999999", 2, off(2)),
            ("1e400", 2, Err(DecimalError::Overflow)),
            ("9223372036854775807", 0, Ok(i64::MAX)),
            ("9223372036854775808", 0, Err(DecimalError::Overflow)),
            ("-9223372036854775808", 0, Ok(i64::MIN)),
            ("-9223372036854775809", 0, Err(DecimalError::Overflow)),
            ("9.223372036854775807", 18, Ok(i64::MAX)),
            ("123456789012345678", 0, Ok(123_456_789_012_345_678)),
            ("0.123456789012345678", 18, Ok(123_456_789_012_345_678)),
            ("99999999999999999999999999999999999999999.5", 0, off(0)),
            (
                "99999999999999999999999999999999999999999",
                0,
                Err(DecimalError::Overflow),
            ),
            ("007.50", 1, Ok(75)),
            ("-0.6", 2, Ok(-60)),
        ];
        for &(text, decimals, expected) in table {
            assert_eq!(
                parse_decimal(text.as_bytes(), decimals),
                expected,
                "{text} at {decimals}"
            );
        }
    }

    #[test]
    fn rejects_malformed_text() {
        for text in [
            "", "-", ".", "-.", ".5", "5.", "1..2", "1.2.3", "e5", "1e", "1e+", "1e5.0", "1 ",
            " 1", "+1", "0x10", "NaN", "inf", "1_000", "--1", "1e--5", "1,5", "٣",
        ] {
            assert_eq!(
                parse_decimal(text.as_bytes(), 2),
                Err(DecimalError::Syntax),
                "{text:?}"
            );
        }
    }

    #[test]
    fn fixed_prints_its_value() {
        let table = [
            (6_684_363, 2, "66843.63"),
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (5, 0, "5"),
            (i64::MIN, 18, "-9.223372036854775808"),
            (i64::MAX, 0, "9223372036854775807"),
            (1, 18, "0.000000000000000001"),
        ];
        for (steps, decimals, text) in table {
            assert_eq!(std::format!("{}", Fixed::new(steps, decimals)), text);
        }
        assert_eq!(std::format!("{:>9}", Fixed::new(-150, 2)), "    -1.50");
    }

    #[test]
    fn fixed_keeps_written_decimals() {
        let table = [
            ("12", 12, 0),
            ("0.65", 65, 2),
            ("1.50", 150, 2),
            ("-66843.630", -66_843_630, 3),
            ("1.5e3", 1_500, 0),
            ("125e-3", 125, 3),
            ("1.25e1", 125, 1),
        ];
        for (text, steps, decimals) in table {
            let read = Fixed::parse(text.as_bytes());
            assert_eq!(read, Ok(Fixed::new(steps, decimals)), "{text}");
        }
        let fine = Fixed::parse(b"0.1234567890123456789");
        let off = DecimalError::OffGrid { decimals: 18 };
        assert_eq!(fine, Err(off));
        assert_eq!(Fixed::parse(b"1."), Err(DecimalError::Syntax));
    }

    /// A naive oracle that works on the text: pads the fraction and removes the point.
    fn oracle(int: &str, fraction: &str, decimals: u8) -> Result<i64, DecimalError> {
        let kept = fraction.trim_end_matches('0');
        if kept.len() > usize::from(decimals) {
            return Err(DecimalError::OffGrid { decimals });
        }
        let whole = std::format!("{int}{kept:0<width$}", width = usize::from(decimals));
        whole.parse::<i64>().map_err(|_| DecimalError::Overflow)
    }

    proptest! {
        #[test]
        fn agrees_with_the_text_oracle(
            int in "[0-9]{1,22}", fraction in "[0-9]{1,24}", decimals in 0..=MAX_DECIMALS,
        ) {
            let text = std::format!("{int}.{fraction}");
            prop_assert_eq!(parse_decimal(text.as_bytes(), decimals), oracle(&int, &fraction, decimals));
        }

        #[test]
        fn prints_and_reads_back(steps: i64, decimals in 0..=MAX_DECIMALS) {
            let text = std::format!("{}", Fixed::new(steps, decimals));
            prop_assert_eq!(parse_decimal(text.as_bytes(), decimals), Ok(steps));
        }

        #[test]
        fn an_exponent_moves_the_point(mantissa in 0_i64..1_000_000_000, e in 0_u8..9, decimals in 0..=9_u8) {
            let scaled = std::format!("{mantissa}e-{e}");
            let plain = std::format!("{}", Fixed::new(mantissa, e));
            prop_assert_eq!(
                parse_decimal(scaled.as_bytes(), decimals),
                parse_decimal(plain.as_bytes(), decimals)
            );
        }

        #[test]
        fn decimal_text_never_panics(text in proptest::collection::vec(any::<u8>(), 0..40), decimals: u8) {
            let _ = parse_decimal(&text, decimals);
        }
    }
}
