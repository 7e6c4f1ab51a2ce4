//! Lists of price levels: objects whose members are numbers, in one order and spacing.

use ticklot_book::{Level, Lots, MAX_LEVELS, Scale, Ticks, parse_decimal};

use super::literal::Literal;
use super::masks::{LAST_BIT, Masks, masks};
use super::number::{Integer, POWERS, decimal, integer, long_integer};
use super::window::{LAST, Text, WINDOW, word};
use crate::units::{Trade, TradeSide, UnixMillis};

/// The most members of an object of a list.
pub(super) const MAX_MEMBERS: usize = 4;

/// Sixteen bytes a number, and as many between two of them: an object of whole numbers ends within a window.
const _: () = assert!((2 * MAX_MEMBERS - 1) * 16 <= LAST);

/// How the objects of a list look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// The text before each member's value; before the first one, from the opening brace on.
    pub(super) before: [Literal; MAX_MEMBERS],
    /// From behind the last value to the first value of the next object.
    pub(super) next: Literal,
    /// From behind the last value to the closing brace.
    pub(super) end: Literal,
    /// How many members there are.
    pub(super) members: usize,
    /// Which of the members are the price, the quantity, and the count or any other than those two.
    pub(super) slots: [usize; 3],
    /// Whether a level has a count.
    pub(super) has_count: bool,
}

/// How the levels of a list are read.
pub(super) trait ReadLevel {
    /// Reads the object of `MEMBERS` members whose first value a window begins with.
    fn level<const MEMBERS: usize>(&self, window: &[u8; WINDOW], row: &Row) -> Read<Level>;
}

/// Levels of whole ticks and lots.
pub(super) struct Whole;

impl ReadLevel for Whole {
    #[inline(always)]
    fn level<const MEMBERS: usize>(&self, window: &[u8; WINDOW], row: &Row) -> Read<Level> {
        whole::<MEMBERS>(window, row)
    }
}

/// Levels of decimals, as steps of a scale.
pub(super) struct Decimals(pub(super) Scale);

impl ReadLevel for Decimals {
    #[inline(always)]
    fn level<const MEMBERS: usize>(&self, window: &[u8; WINDOW], row: &Row) -> Read<Level> {
        decimals::<MEMBERS>(window, row, self.0)
    }
}

/// Reads the levels of a list whose bracket ends before `at`. Returns where its closing bracket must be.
#[inline]
pub(super) fn read_levels(
    reader: &impl ReadLevel,
    text: &Text<'_>,
    at: usize,
    row: &Row,
    levels: &mut Vec<Level>,
) -> Option<usize> {
    match row.members {
        2 => read(text, at, row, levels, |window| {
            reader.level::<2>(window, row)
        }),
        3 => read(text, at, row, levels, |window| {
            reader.level::<3>(window, row)
        }),
        4 => read(text, at, row, levels, |window| {
            reader.level::<4>(window, row)
        }),
        _ => None,
    }
}

/// An object, and the offset behind its last value; whether anything in it is not as expected.
pub(super) struct Read<T> {
    item: T,
    end: usize,
    bad: bool,
}

#[inline(always)]
fn read<T>(
    text: &Text<'_>,
    mut at: usize,
    row: &Row,
    items: &mut Vec<T>,
    object: impl Fn(&[u8; WINDOW]) -> Read<T>,
) -> Option<usize> {
    items.clear();
    if !row.before[0].is_at(text.window(at), 0) {
        return Some(at);
    }
    at += row.before[0].len();
    for _ in 0..MAX_LEVELS {
        let window = text.window(at);
        let Read { item, end, bad } = object(window);
        if bad {
            return None;
        }
        items.push(item);
        at += end;
        if !row.next.is_at(window, end) {
            return row.end.is_at(window, end).then_some(at + row.end.len());
        }
        at += row.next.len();
    }
    None
}

#[inline(always)]
fn whole<const MEMBERS: usize>(window: &[u8; WINDOW], row: &Row) -> Read<Level> {
    let read = whole_by::<MEMBERS>(window, row, integer);
    if read.bad {
        long_whole(window, row)
    } else {
        read
    }
}

/// With numbers of more than eight digits.
#[cold]
#[inline(never)]
fn long_whole(window: &[u8; WINDOW], row: &Row) -> Read<Level> {
    match row.members {
        2 => whole_by::<2>(window, row, long_integer),
        3 => whole_by::<3>(window, row, long_integer),
        _ => whole_by::<4>(window, row, long_integer),
    }
}

#[inline(always)]
fn whole_by<const MEMBERS: usize>(
    window: &[u8; WINDOW],
    row: &Row,
    integer: impl Fn(&[u8; WINDOW], usize) -> Integer,
) -> Read<Level> {
    let mut values = [0; MEMBERS];
    let (mut at, mut bad, mut difference) = (0, false, 0);
    for (member, value) in values.iter_mut().enumerate() {
        if member > 0 {
            difference |= row.before[member].difference(window, at);
            at += row.before[member].len();
        }
        let number = integer(window, at);
        *value = number.value;
        bad |= number.bad;
        at += number.len;
    }
    // Of a longer number, too few digits were read: the text behind any other number shows that.
    bad |= window[at & LAST].is_ascii_digit();
    let value = |slot: usize| values.get(slot).copied().unwrap_or(0);
    let [ticks, lots, count] = row.slots.map(value);
    let count = u32::try_from(if row.has_count { count } else { 0 });
    Read {
        item: Level {
            ticks: Ticks(ticks.cast_signed()),
            lots: Lots(lots.cast_signed()),
            count: count.unwrap_or(0),
        },
        end: at,
        bad: bad | (difference != 0) | count.is_err(),
    }
}

#[inline(always)]
fn decimals<const MEMBERS: usize>(window: &[u8; WINDOW], row: &Row, scale: Scale) -> Read<Level> {
    let masks = masks(window);
    let mut spans = [(0, 0_u32); MEMBERS];
    let (mut at, mut bad, mut difference) = (0, false, 0);
    for (member, span) in spans.iter_mut().enumerate() {
        if member > 0 {
            difference |= row.before[member].difference(window, at);
            at += row.before[member].len();
        }
        let len = masks.len_of_number(at);
        bad |= masks.is_bad(at, len) | is_leading_zero(window, masks, at);
        *span = (at, len);
        at += len as usize;
    }
    let steps = |slot: usize, decimals: u8| {
        let (at, len) = spans.get(slot).copied().unwrap_or_default();
        steps(window, at, len, masks.points, decimals)
    };
    let ticks = steps(row.slots[0], scale.price_decimals());
    let lots = steps(row.slots[1], scale.quantity_decimals());
    Read {
        item: Level {
            ticks: Ticks(ticks.unwrap_or(0)),
            lots: Lots(lots.unwrap_or(0)),
            count: 0,
        },
        end: at,
        bad: bad | (difference != 0) | (at > LAST_BIT) | ticks.is_none() | lots.is_none(),
    }
}

/// A number as steps of 10^-`decimals`.
#[inline(always)]
fn steps(window: &[u8; WINDOW], at: usize, len: u32, points: u64, decimals: u8) -> Option<i64> {
    if len > 8 || len == 0 {
        return any_steps(window, at, len, decimals);
    }
    let point = (points >> (at & LAST_BIT)).trailing_zeros().min(len);
    let (value, fraction) = decimal(window, at, len, point);
    match u32::from(decimals).checked_sub(fraction) {
        // Below 10^8 times 10^10.
        Some(power @ 0..=10) => Some((value * POWERS[power as usize]).cast_signed()),
        _ => any_steps(window, at, len, decimals),
    }
}

/// The same of any number.
#[cold]
#[inline(never)]
fn any_steps(window: &[u8; WINDOW], at: usize, len: u32, decimals: u8) -> Option<i64> {
    parse_decimal(window.get(at..at + len as usize)?, decimals).ok()
}

/// Whether a zero stands before another digit.
#[inline(always)]
fn is_leading_zero(window: &[u8; WINDOW], masks: Masks, at: usize) -> bool {
    (window[at & LAST_BIT] == b'0') & (masks.digits >> (at & LAST_BIT) & 2 != 0)
}

/// How the trades of a list look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TradeRow {
    pub(super) row: Row,
    /// Which member is the side; the others are numbers.
    pub(super) side: usize,
}

/// Reads trades, as levels are read; the price, the quantity and the time are the slots of the row.
pub(super) fn read_trades(
    text: &Text<'_>,
    at: usize,
    TradeRow { row, side }: &TradeRow,
    trades: &mut Vec<Trade>,
) -> Option<usize> {
    read(text, at, row, trades, |window| trade(window, row, *side))
}

fn trade(window: &[u8; WINDOW], row: &Row, side: usize) -> Read<Trade> {
    let mut values = [0; MAX_MEMBERS];
    let (mut end, mut bad) = (0, false);
    for (member, value) in values.iter_mut().enumerate().take(row.members) {
        if member > 0 {
            bad |= row.before[member].difference(window, end) != 0;
            end += row.before[member].len();
        }
        let number = if member == side {
            side_of(window, end)
        } else {
            long_integer(window, end)
        };
        *value = number.value;
        bad |= number.bad;
        end += number.len;
    }
    let [ticks, lots, created] = row.slots.map(|slot| values[slot].cast_signed());
    let item = Trade {
        ticks: Ticks(ticks),
        lots: Lots(lots),
        side: if values[side] == BUY {
            TradeSide::Buy
        } else {
            TradeSide::Sell
        },
        created: UnixMillis(created),
    };
    Read { item, end, bad }
}

const BUY: u64 = 0;
const SELL: u64 = 1;

/// `BUY` or `SELL` before a quote, as a number.
fn side_of(window: &[u8; WINDOW], at: usize) -> Integer {
    let word = word(window, at).to_le_bytes();
    let is_buy = word.starts_with(b"BUY\"");
    Integer {
        value: if is_buy { BUY } else { SELL },
        len: if is_buy { 3 } else { 4 },
        bad: !is_buy & !word.starts_with(b"SELL\""),
    }
}
