//! The grammar of JSON numbers.

use ticklot_book::{DecimalError, parse_decimal};

/// Whether it is a number by the grammar of JSON, which allows no leading zeros.
pub(crate) fn is_json_number(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let leading_zero = matches!(unsigned, [b'0', b'0'..=b'9', ..]);
    !leading_zero && is_decimal(text)
}

/// Whether it is a decimal number, of any size.
pub(crate) fn is_decimal(text: &[u8]) -> bool {
    parse_decimal(text, 0) != Err(DecimalError::Syntax)
}

/// The bytes of a number that a text begins with.
pub(crate) fn leading_number(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !is_number_byte(*byte));
    &text[..end.unwrap_or(text.len())]
}

pub(crate) fn is_number_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}
