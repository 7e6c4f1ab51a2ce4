//! The messages that are no order books, in the shape that the venue sends: see [`crate::fast`].

use ticklot_book::{Lots, Ticks};

use crate::fast::Cursor;
use crate::fast::fields::{integer, list, nullable, number, string, trade_side};
use crate::jayx::account::{AccountSpace, MAX_ITEMS, Row};
use crate::jayx::kline::{Candle, Kline};
use crate::units::{UnixMillis, UnixSeconds};
use crate::words::WordSpace;

/// What stands around a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrap {
    /// The JSON of a Socket.IO event: `["kline",payload]`.
    Event,
    /// A frame of the plain envelope: a bare payload, or one wrapped with its event's name.
    Plain,
}

/// What was read. Of the account only which message it was: the rest is in the space for it.
#[derive(Clone, Copy)]
pub(super) enum Other<'a> {
    Kline(Kline<'a>),
    Positions,
    OpenOrders,
}

/// Reads a candle, balances, or one's own orders, the last two into `space`. None when the text is anything else, or
/// written otherwise; what `space` then holds means nothing.
pub(super) fn message<'a>(
    text: &'a [u8],
    wrap: Wrap,
    space: &mut AccountSpace,
) -> Option<Other<'a>> {
    if let Some((mut cursor, close)) = begin(
        text,
        wrap,
        b"[\"kline\",",
        b"{\"event\":\"kline\",",
        b"{\"add\":",
    ) {
        let kline = kline(&mut cursor)?;
        close_with(&mut cursor, close)?;
        return Some(Other::Kline(kline));
    }
    if let Some((mut cursor, close)) = begin(
        text,
        wrap,
        b"[\"positions\",",
        b"{\"event\":\"positions\",",
        b"{\"spot\":[",
    ) {
        positions(&mut cursor, space)?;
        close_with(&mut cursor, close)?;
        return Some(Other::Positions);
    }
    let (mut cursor, close) = begin(
        text,
        wrap,
        b"[\"openorders\",",
        b"{\"event\":\"openorders\",",
        b"{\"cancel\":[",
    )?;
    open_orders(&mut cursor, space)?;
    close_with(&mut cursor, close)?;
    Some(Other::OpenOrders)
}

/// Behind `start`, with which a payload begins, and what will stand behind it.
fn begin<'a, const N: usize, const M: usize, const P: usize>(
    text: &'a [u8],
    wrap: Wrap,
    event: &[u8; N],
    wrapped: &[u8; M],
    start: &[u8; P],
) -> Option<(Cursor<'a>, Option<u8>)> {
    let mut cursor = Cursor::new(text, 0);
    let close = open(&mut cursor, wrap, event, wrapped)?;
    cursor.expect(start)?;
    Some((cursor, close))
}

/// Steps over what stands before a payload, `event` or `wrapped` and a key, and tells what will stand
/// behind it.
fn open<const N: usize, const M: usize>(
    cursor: &mut Cursor<'_>,
    wrap: Wrap,
    event: &[u8; N],
    wrapped: &[u8; M],
) -> Option<Option<u8>> {
    if wrap == Wrap::Event {
        cursor.expect(event)?;
        return Some(Some(b']'));
    }
    if !cursor.skip(wrapped) {
        return Some(None);
    }
    if !cursor.skip(b"\"message\":") {
        cursor.expect(b"\"data\":")?;
    }
    Some(Some(b'}'))
}

/// Steps over what stands behind a payload, to the end.
fn close_with(cursor: &mut Cursor<'_>, close: Option<u8>) -> Option<()> {
    if let Some(close) = close {
        cursor.expect(&[close])?;
    }
    cursor.end()
}

fn kline<'a>(cursor: &mut Cursor<'a>) -> Option<Kline<'a>> {
    let add = nullable(cursor, candle)?;
    cursor.expect(b",\"modify\":")?;
    let modify = nullable(cursor, candle)?;
    cursor.expect(b"}")?;
    Some(Kline { add, modify })
}

fn candle<'a>(cursor: &mut Cursor<'a>) -> Option<Candle<'a>> {
    let candle = Candle {
        id: string(cursor, b"{\"_id\":\"")?,
        opened: UnixSeconds(integer(cursor, b",\"created\":")?),
        open: Ticks(integer(cursor, b",\"o\":")?),
        high: Ticks(integer(cursor, b",\"h\":")?),
        low: Ticks(integer(cursor, b",\"l\":")?),
        close: Ticks(integer(cursor, b",\"c\":")?),
        volume: Lots(integer(cursor, b",\"v\":")?),
        modified: UnixSeconds(integer(cursor, b",\"m\":")?),
        symbol: string(cursor, b",\"symbol\":\"")?,
    };
    cursor.expect(b"}")?;
    Some(candle)
}

fn positions(cursor: &mut Cursor<'_>, space: &mut AccountSpace) -> Option<()> {
    let AccountSpace { words, .. } = space;
    words.clear();
    list(cursor, b"]", MAX_ITEMS, |cursor| {
        words.push(string(cursor, b"{\"asset\":\"")?);
        words.push(decimal(cursor, b",\"balance\":\"")?);
        words.push(decimal(cursor, b",\"available\":\"")?);
        cursor.expect(b"}")
    })?;
    cursor.expect(b"}")
}

fn open_orders(cursor: &mut Cursor<'_>, space: &mut AccountSpace) -> Option<()> {
    space.begin_orders();
    let AccountSpace {
        words,
        cancelled,
        modified,
        ..
    } = space;
    orders(cursor, words, cancelled)?;
    cursor.expect(b",\"modify\":[")?;
    orders(cursor, words, modified)?;
    cursor.expect(b"}")
}

fn orders(cursor: &mut Cursor<'_>, words: &mut WordSpace, rows: &mut Vec<Row>) -> Option<()> {
    list(cursor, b"]", MAX_ITEMS, |cursor| {
        rows.push(order(cursor, words)?);
        Some(())
    })
}

fn order(cursor: &mut Cursor<'_>, words: &mut WordSpace) -> Option<Row> {
    let id = integer(cursor, b"{\"id\":")?;
    let first = words.push(string(cursor, b",\"type\":\"")?);
    words.push(string(cursor, b",\"state\":\"")?);
    cursor.expect(b",\"side\":")?;
    let row = Row {
        id,
        side: trade_side(cursor)?,
        reserved: Some(integer(cursor, b",\"resd\":")?),
        executed: Some(Lots(integer(cursor, b",\"exec\":")?)),
        cost: Some(integer(cursor, b",\"cost\":")?),
        last_lots: nullable_integer(cursor, b",\"lastLots\":")?.map(Lots),
        last_ticks: nullable_integer(cursor, b",\"lastTicks\":")?.map(Ticks),
        created: Some(UnixMillis(integer(cursor, b",\"created\":")?)),
        modified: Some(UnixMillis(integer(cursor, b",\"modified\":")?)),
        has_kind: true,
        has_price: true,
        words: first,
    };
    words.push(string(cursor, b",\"symbol\":\"")?);
    words.push(decimal(cursor, b",\"price\":\"")?);
    words.push(decimal(cursor, b",\"quantity\":\"")?);
    cursor.expect(b"}")?;
    Some(row)
}

fn nullable_integer<const N: usize>(cursor: &mut Cursor<'_>, key: &[u8; N]) -> Option<Option<i64>> {
    cursor.expect(key)?;
    nullable(cursor, Cursor::integer)
}

/// The string behind `key`, which is a decimal number.
fn decimal<'a, const N: usize>(cursor: &mut Cursor<'a>, key: &[u8; N]) -> Option<&'a str> {
    let number = number(cursor, key)?;
    cursor.expect(b"\"")?;
    Some(number.0)
}

#[cfg(test)]
mod tests;
