//! Fields of a message in the venue's own shape: each key where the venue puts it, and what stands behind it.
//!
//! None is always: something else stands there, and the line is the general path's.

use super::Cursor;
use crate::units::{Decimal, TradeSide};

/// What `read` finds behind `key`; nothing, and no step, where another text stands.
pub(crate) fn optional<'a, T, const N: usize>(
    cursor: &mut Cursor<'a>,
    key: &[u8; N],
    read: impl FnOnce(&mut Cursor<'a>) -> Option<T>,
) -> Option<Option<T>> {
    if cursor.skip(key) {
        read(cursor).map(Some)
    } else {
        Some(None)
    }
}

/// What `read` finds, or null.
pub(crate) fn nullable<'a, T>(
    cursor: &mut Cursor<'a>,
    read: impl FnOnce(&mut Cursor<'a>) -> Option<T>,
) -> Option<Option<T>> {
    if cursor.skip(b"null") {
        Some(None)
    } else {
        read(cursor).map(Some)
    }
}

/// `"BUY"` or `"SELL"`.
pub(crate) fn trade_side(cursor: &mut Cursor<'_>) -> Option<TradeSide> {
    if cursor.skip(b"\"BUY\"") {
        return Some(TradeSide::Buy);
    }
    cursor.expect(b"\"SELL\"")?;
    Some(TradeSide::Sell)
}

/// The string behind `key`, which ends with the opening quote.
#[inline(always)]
pub(crate) fn string<'a, const N: usize>(
    cursor: &mut Cursor<'a>,
    key: &[u8; N],
) -> Option<&'a str> {
    cursor.expect(key)?;
    cursor.string()
}

/// The string or the null behind `key`.
#[inline(always)]
pub(crate) fn nullable_string<'a, const N: usize>(
    cursor: &mut Cursor<'a>,
    key: &[u8; N],
) -> Option<Option<&'a str>> {
    cursor.expect(key)?;
    nullable(cursor, |cursor| string(cursor, b"\""))
}

/// The number behind `key`, as text.
#[inline(always)]
pub(crate) fn number<'a, const N: usize>(
    cursor: &mut Cursor<'a>,
    key: &[u8; N],
) -> Option<Decimal<'a>> {
    cursor.expect(key)?;
    cursor.number().map(Decimal)
}

/// The whole number behind `key`.
#[inline(always)]
pub(crate) fn integer<const N: usize>(cursor: &mut Cursor<'_>, key: &[u8; N]) -> Option<i64> {
    cursor.expect(key)?;
    cursor.integer()
}

/// Steps over the items of a list, whose opening bracket was stepped over, and over its closing one,
/// `close`. None when there are more than `limit`.
#[inline(always)]
pub(crate) fn list<'a>(
    cursor: &mut Cursor<'a>,
    close: &[u8; 1],
    limit: usize,
    mut item: impl FnMut(&mut Cursor<'a>) -> Option<()>,
) -> Option<()> {
    if cursor.skip(close) {
        return Some(());
    }
    for _ in 0..limit {
        item(cursor)?;
        if !cursor.skip(b",") {
            return cursor.expect(close);
        }
    }
    None
}
