//! Decimal numbers against arithmetic on text.

use std::cmp::Ordering;

use ticklot_book::{DecimalError, Fixed, parse_decimal};

/// The first byte is the number of decimals, and the rest is a text.
pub fn decimal(data: &[u8]) {
    let Some((&decimals, text)) = data.split_first() else {
        return;
    };
    let steps = parse_decimal(text, decimals);
    assert_eq!(steps, exact(text, decimals));
    if let Ok(steps) = steps {
        round_trip(steps, decimals);
    }
    if let Some((number, _)) = text.split_first_chunk() {
        round_trip(i64::from_le_bytes(*number), decimals);
    }
}

fn round_trip(steps: i64, decimals: u8) {
    let printed = Fixed::new(steps, decimals).to_string();
    assert_eq!(printed, shown(steps, decimals));
    assert_eq!(parse_decimal(printed.as_bytes(), decimals), Ok(steps));
}

/// `steps` as a decimal text: its digits with a point.
fn shown(steps: i64, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let sign = if steps < 0 { "-" } else { "" };
    let digits = format!("{:0>1$}", steps.unsigned_abs(), decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let point = if decimals > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}

/// Converts a decimal text to a number of steps of 10^-`decimals`, by operations on the text.
pub(crate) fn exact(text: &[u8], decimals: u8) -> Result<i64, DecimalError> {
    let text = std::str::from_utf8(text).map_err(|_| DecimalError::Syntax)?;
    let (sign, text) = text
        .strip_prefix('-')
        .map_or(("", text), |text| ("-", text));
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent_of(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, digits(fraction)?),
        None => (number, ""),
    };
    let all = [digits(whole)?, fraction].concat();
    let significant = all.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    // The number of steps is `significant` followed by `zeros` zeros.
    let trimmed = all.len() - significant.len();
    let zeros = exponent - signed(fraction.len()) + signed(trimmed) + i64::from(decimals);
    let zeros = usize::try_from(zeros).map_err(|_| DecimalError::OffGrid { decimals })?;
    let significant = significant.trim_start_matches('0');
    if significant.len() + zeros > MOST.len() {
        return Err(DecimalError::Overflow);
    }
    let steps = format!("{significant}{}", "0".repeat(zeros));
    let most = if sign.is_empty() { MOST } else { LEAST };
    if by_length(&steps, most).is_gt() {
        return Err(DecimalError::Overflow);
    }
    Ok(format!("{sign}{steps}").parse().expect("it fits"))
}

/// The digits of the largest and of the smallest `i64`.
const MOST: &str = "9223372036854775807";
const LEAST: &str = "9223372036854775808";

/// Compares two integers without leading zeros.
fn by_length(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn digits(text: &str) -> Result<&str, DecimalError> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then_some(text).ok_or(DecimalError::Syntax)
}

/// An exponent, limited to 10^12, because no text is that long.
fn exponent_of(text: &str) -> Result<i64, DecimalError> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let number = digits(text)?.trim_start_matches('0');
    Ok(match number.len() {
        0 => 0,
        1..=12 => sign * number.parse::<i64>().expect("twelve digits fit"),
        _ => sign * 1_000_000_000_000,
    })
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).expect("a text is shorter")
}
