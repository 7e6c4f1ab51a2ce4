//! The grammar of JSON numbers (RFC 8259, section 6).

use ticklot_book::{DecimalError, parse_decimal};

/// Whether a text is a JSON number, which has no leading zeros.
pub(crate) fn is_json_number(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let leading_zero = matches!(unsigned, [b'0', b'0'..=b'9', ..]);
    !leading_zero && is_decimal(text)
}

/// Whether a text is a decimal number of any size.
pub(crate) fn is_decimal(text: &[u8]) -> bool {
    parse_decimal(text, 0) != Err(DecimalError::Syntax)
}

/// The leading bytes of a text that may belong to a number.
pub(crate) fn leading_number(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !is_number_byte(*byte));
    &text[..end.unwrap_or(text.len())]
}

pub(crate) fn is_number_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}
