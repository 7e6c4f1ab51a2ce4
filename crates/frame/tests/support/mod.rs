//! Short forms of decoding errors, and the comparison of syntax errors with `serde_json`.

#![allow(dead_code)] // each test binary uses a part

use ticklot_book::DecimalError;
use ticklot_frame::{DecodeError, ErrorKind};

pub(crate) const fn missing(field: &'static str) -> ErrorKind {
    ErrorKind::Missing { field }
}

pub(crate) const fn duplicate(field: &'static str) -> ErrorKind {
    ErrorKind::Duplicate { field }
}

pub(crate) const fn not(field: &'static str, expected: &'static str) -> ErrorKind {
    ErrorKind::Type { field, expected }
}

pub(crate) const fn number(field: &'static str, error: DecimalError) -> ErrorKind {
    ErrorKind::Number { field, error }
}

pub(crate) const fn off_grid(field: &'static str, decimals: u8) -> ErrorKind {
    number(field, DecimalError::OffGrid { decimals })
}

pub(crate) const fn negative(field: &'static str) -> ErrorKind {
    ErrorKind::Negative { field }
}

pub(crate) const fn value(field: &'static str) -> ErrorKind {
    ErrorKind::Value { field }
}

/// Checks that a decoder reports a syntax error if and only if `serde_json` does.
pub(crate) fn check_syntax(text: &[u8], error: Option<DecodeError>) {
    let json = serde_json::from_slice::<serde_json::Value>(text);
    // JSON with a number that `serde_json` cannot represent.
    let is_out_of_range = |error: &serde_json::Error| error.to_string().contains("out of range");
    if json.as_ref().is_err_and(is_out_of_range) {
        return;
    }
    let is_syntax = error.is_some_and(|error| {
        assert!(error.offset as usize <= text.len(), "{error}");
        matches!(error.kind, ErrorKind::Json | ErrorKind::Utf8)
    });
    assert_eq!(is_syntax, json.is_err(), "{error:?}");
}
