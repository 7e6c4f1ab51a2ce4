//! Lists of price levels: objects whose members are numbers, in one order and spacing.

use ticklot_book::{Level, Lots, MAX_LEVELS, Scale, Ticks, parse_decimal};

use super::Scan;
use super::cursor::Cursor;
#[cfg(target_arch = "x86_64")]
use super::lanes::Avx2;
use super::lanes::{Lanes, Portable, Sixteen};
use super::literal::Literal;
use super::number::{Integer, Shape, integer, passed};
use super::repeats::Repeats;
use super::window::{LAST, Text, Window, sixteen, word};
use crate::digits::POWERS;
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
    /// How many bytes of that there are from the closing brace on.
    pub(super) from_brace: usize,
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
pub(super) trait Kind: Copy {
    /// Numbers may have a point.
    const DECIMAL: bool;

    /// Whether [`level`] can read such levels.
    fn is_usual(self) -> bool;

    /// The steps of a price and a quantity, of their digits; negative in the second place if they are no whole steps.
    fn steps(self, values: [u64; 2], shapes: [Shape; 2]) -> ([i64; 2], i64);

    /// Any level, also one that [`level`] does not read.
    fn any(self, window: &Window, row: &Row) -> Read<Level>;
}

/// Levels of whole ticks and lots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole;

impl Kind for Whole {
    const DECIMAL: bool = false;

    fn is_usual(self) -> bool {
        true
    }

    #[inline(always)]
    fn steps(self, values: [u64; 2], _: [Shape; 2]) -> ([i64; 2], i64) {
        (values.map(u64::cast_signed), 0)
    }

    #[cold]
    #[inline(never)]
    fn any(self, window: &Window, row: &Row) -> Read<Level> {
        long_whole(window, row)
    }
}

/// Levels of decimals, as steps of a scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimals(pub(super) Scale);

impl Kind for Decimals {
    const DECIMAL: bool = true;

    /// Eight digits and ten decimals fit in an integer.
    fn is_usual(self) -> bool {
        self.0.price_decimals().max(self.0.quantity_decimals()) <= 10
    }

    #[inline(always)]
    fn steps(self, values: [u64; 2], shapes: [Shape; 2]) -> ([i64; 2], i64) {
        let power =
            |decimals: u8, n: usize| u32::from(decimals).wrapping_sub(shapes[n].traits().fraction);
        let powers = [
            power(self.0.price_decimals(), 0),
            power(self.0.quantity_decimals(), 1),
        ];
        let steps = |n: usize| {
            let power = POWERS[(powers[n] & 15) as usize];
            values[n].wrapping_mul(power).cast_signed()
        };
        let is_off_grid = i64::from((powers[0] | powers[1]).cast_signed());
        ([steps(0), steps(1)], is_off_grid)
    }

    #[cold]
    #[inline(never)]
    fn any(self, window: &Window, row: &Row) -> Read<Level> {
        long_decimals(window, row, self.0).unwrap_or(Read {
            item: Level::new(Ticks(0), Lots(0)),
            end: 0,
            bad: true,
        })
    }
}

/// An object, and the offset behind its last value; whether anything in it is not as expected.
pub(super) struct Read<T> {
    item: T,
    end: usize,
    bad: bool,
}

/// With which instructions levels are read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    Portable,
}

impl Way {
    /// None without a fast path.
    pub(crate) fn new(scan: Scan) -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if let (Scan::Best, Some(avx2)) = (scan, Avx2::detect()) {
            return Some(Self::Avx2(avx2));
        }
        (scan != Scan::Off).then_some(Self::Portable)
    }

    /// Reads the levels of a list whose bracket ends before `at`. Returns where its closing bracket must be.
    pub(super) fn read_levels(
        self,
        kind: impl Kind,
        text: &Text<'_>,
        at: usize,
        row: &Row,
        plan: &mut Plan,
        levels: &mut Vec<Level>,
    ) -> Option<usize> {
        match self {
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            // SAFETY: the value proves that the processor has these instructions.
            Self::Avx2(avx2) => unsafe { with_avx2(avx2, kind, text, at, row, plan, levels) },
            Self::Portable => read_levels(Portable, kind, text, at, row, plan, levels),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn with_avx2(
    avx2: Avx2,
    kind: impl Kind,
    text: &Text<'_>,
    at: usize,
    row: &Row,
    plan: &mut Plan,
    levels: &mut Vec<Level>,
) -> Option<usize> {
    read_levels(avx2, kind, text, at, row, plan, levels)
}

#[inline(always)]
fn read_levels(
    lanes: impl Lanes,
    kind: impl Kind,
    text: &Text<'_>,
    at: usize,
    row: &Row,
    plan: &mut Plan,
    levels: &mut Vec<Level>,
) -> Option<usize> {
    let [price, quantity, _] = row.slots;
    let members = if kind.is_usual() { row.members } else { 0 };
    match (members, price, quantity) {
        (2, 0, 1) => levels_of::<2, 0, 1>(lanes, kind, text, at, row, plan, levels),
        (2, 1, 0) => levels_of::<2, 1, 0>(lanes, kind, text, at, row, plan, levels),
        (3, 0, 1) => levels_of::<3, 0, 1>(lanes, kind, text, at, row, plan, levels),
        (3, 0, 2) => levels_of::<3, 0, 2>(lanes, kind, text, at, row, plan, levels),
        (3, 1, 0) => levels_of::<3, 1, 0>(lanes, kind, text, at, row, plan, levels),
        (3, 1, 2) => levels_of::<3, 1, 2>(lanes, kind, text, at, row, plan, levels),
        (3, 2, 0) => levels_of::<3, 2, 0>(lanes, kind, text, at, row, plan, levels),
        (3, 2, 1) => levels_of::<3, 2, 1>(lanes, kind, text, at, row, plan, levels),
        _ => levels_of::<0, 0, 0>(lanes, kind, text, at, row, plan, levels),
    }
}

/// What the numbers of the next level are expected to look like: as those of the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    price: Shape,
    /// Of the member that is neither price nor quantity.
    other: Shape,
}

impl Plan {
    /// Such that the level that a window begins with fits, if any does.
    #[inline(never)]
    fn new<const MEMBERS: usize, const PRICE: usize, const QUANTITY: usize, K: Kind>(
        _: K,
        window: &Window,
        row: &Row,
    ) -> Self {
        let mut plan = Self::default();
        let mut at = 0;
        for member in 0..MEMBERS {
            if member > 0 {
                at += row.before[member].len();
            }
            let word = word(window, at);
            let shape = if K::DECIMAL {
                Shape::decimal(sixteen(window, at))
            } else {
                Shape::whole(word)
            };
            if member == PRICE {
                plan.price = shape;
            } else if member != QUANTITY {
                plan.other = shape;
            }
            at += shape.len as usize;
        }
        plan
    }
}

#[inline(always)]
fn levels_of<const MEMBERS: usize, const PRICE: usize, const QUANTITY: usize>(
    lanes: impl Lanes,
    kind: impl Kind,
    text: &Text<'_>,
    mut at: usize,
    row: &Row,
    kept: &mut Plan,
    levels: &mut Vec<Level>,
) -> Option<usize> {
    levels.clear();
    if !row.before[0].is_at(text.window(at), 0) {
        return Some(at);
    }
    at += row.before[0].len();
    // Where the last plan was made: if it does not fit there, no other one does.
    let mut planned = None;
    loop {
        let plan = *kept;
        let (window, found) = loop {
            let window = text.window(at);
            if MEMBERS == 0 {
                break (window, None);
            }
            let found = level::<MEMBERS, PRICE, QUANTITY, _, _>(lanes, kind, window, row, &plan);
            let up_to_next = row.next.differs(found.difference, window, found.end);
            if (found.bad < 0) | !lanes.is_zero(up_to_next) {
                break (window, Some(found));
            }
            if levels.len() == levels.capacity() {
                grow(levels)?;
            }
            levels.push(found.item);
            at += found.next;
        };
        if levels.len() >= MAX_LEVELS {
            return None;
        }
        if let Some(found) = found {
            let up_to_end = row.end.differs(found.difference, window, found.end);
            if (found.bad >= 0) & lanes.is_zero(up_to_end) {
                levels.push(found.item);
                return Some(at + found.end + row.end.len());
            }
            if planned != Some(at) {
                *kept = Plan::new::<MEMBERS, PRICE, QUANTITY, _>(kind, window, row);
                planned = Some(at);
                continue;
            }
        }
        // Numbers that are long, or something that does not fit.
        let Read { item, end, bad } = kind.any(window, row);
        if bad {
            return None;
        }
        levels.push(item);
        at += end;
        if !row.next.is_at(window, end) {
            return row.end.is_at(window, end).then_some(at + row.end.len());
        }
        at += row.next.len();
    }
}

/// Makes room for more items, up to the limit.
#[cold]
#[inline(never)]
fn grow<T>(items: &mut Vec<T>) -> Option<()> {
    (items.len() < MAX_LEVELS).then(|| items.reserve(1))
}

/// A level, if its text is as expected.
struct Candidate {
    item: Level,
    /// Behind the last value.
    end: usize,
    /// The first value of the next level.
    next: usize,
    /// Of the texts between the values.
    difference: Sixteen,
    /// Negative if a number is not as it must be.
    bad: i64,
}

/// Reads the object of `MEMBERS` members whose first value a window begins with.
#[inline(always)]
fn level<const MEMBERS: usize, const PRICE: usize, const QUANTITY: usize, K: Kind, L: Lanes>(
    lanes: L,
    kind: K,
    window: &Window,
    row: &Row,
    plan: &Plan,
) -> Candidate {
    let mut difference = Sixteen::zero();
    let (mut words, mut shapes) = ([0; 3], [Shape::default(); 3]);
    let (mut at, mut bad) = (0, 0);
    for member in 0..MEMBERS {
        if member > 0 {
            difference = row.before[member].differs(difference, window, at);
            at += row.before[member].len();
        }
        let word = word(window, at);
        let (slot, shape) = if member == PRICE {
            (0, plan.price)
        } else if member == QUANTITY && K::DECIMAL {
            (1, Shape::decimal(sixteen(window, at)))
        } else if member == QUANTITY {
            (1, Shape::whole(word))
        } else if K::DECIMAL {
            // Of a total, only that it is a number counts.
            let (len, fault) = passed(sixteen(window, at));
            bad |= fault;
            (2, Shape::digits(len))
        } else {
            (2, plan.other)
        };
        (words[slot], shapes[slot]) = (word, shape);
        at += shape.len as usize;
    }
    let least = |slot: usize, value: u64| {
        (value.cast_signed() - i64::from(shapes[slot].traits().least)) | shapes[slot].too_long()
    };
    let (pair, count);
    if MEMBERS == 3 && !K::DECIMAL {
        let [price, quantity, other];
        ([price, quantity, other], difference) = lanes.values(words, shapes, difference);
        bad |= least(2, other);
        (pair, count) = ([price, quantity], if row.has_count { other } else { 0 });
    } else {
        (pair, difference) = lanes.values([words[0], words[1]], [shapes[0], shapes[1]], difference);
        count = 0;
    }
    if K::DECIMAL {
        let [point, mask] = plan.price.point();
        difference = difference.or_word((words[0] ^ point) & mask);
    }
    let (steps, off_grid) = kind.steps(pair, [shapes[0], shapes[1]]);
    bad |= off_grid | least(0, pair[0]) | least(1, pair[1]);
    let next = match lanes.brace(window) {
        // Known without waiting for the lengths of the numbers.
        Some(brace) if K::DECIMAL => {
            bad |= 63 - i64::from(brace);
            brace as usize + row.from_brace
        }
        _ => at + row.next.len(),
    };
    Candidate {
        item: Level {
            ticks: Ticks(steps[0]),
            lots: Lots(steps[1]),
            // Of eight digits at most, or the level is bad.
            count: u32::try_from(count).unwrap_or(0),
        },
        end: at,
        next,
        difference,
        bad,
    }
}

/// A level of whole numbers of up to sixteen digits.
fn long_whole(window: &Window, row: &Row) -> Read<Level> {
    let mut values = [0; MAX_MEMBERS];
    let (mut at, mut bad) = (0, false);
    for (member, value) in values.iter_mut().enumerate().take(row.members) {
        if member > 0 {
            bad |= !row.before[member].is_at(window, at);
            at += row.before[member].len();
        }
        let number = integer(window, at);
        *value = number.value;
        bad |= number.bad;
        at += number.len;
    }
    // Of a longer number, too few digits were read: the text behind any other number shows that.
    bad |= window[at & LAST].is_ascii_digit();
    let [ticks, lots, count] = row.slots.map(|slot| values[slot % MAX_MEMBERS]);
    let count = u32::try_from(if row.has_count { count } else { 0 });
    Read {
        item: Level {
            ticks: Ticks(ticks.cast_signed()),
            lots: Lots(lots.cast_signed()),
            count: count.unwrap_or(0),
        },
        end: at,
        bad: bad | count.is_err(),
    }
}

/// A level of decimals of any length.
fn long_decimals(window: &Window, row: &Row, scale: Scale) -> Option<Read<Level>> {
    let mut numbers = [""; MAX_MEMBERS];
    let mut at = 0;
    for (member, number) in numbers.iter_mut().enumerate().take(row.members) {
        if member > 0 {
            let literal = row.before[member];
            at += literal.is_at(window, at).then_some(literal.len())?;
        }
        *number = Cursor::new(window, at).number()?;
        at += number.len();
    }
    let steps = |slot: usize, decimals| {
        parse_decimal(numbers[slot % MAX_MEMBERS].as_bytes(), decimals).ok()
    };
    let item = Level::new(
        Ticks(steps(row.slots[0], scale.price_decimals())?),
        Lots(steps(row.slots[1], scale.quantity_decimals())?),
    );
    let bad = at > LAST;
    Some(Read { item, end: at, bad })
}

/// How the trades of a list look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TradeRow {
    pub(super) row: Row,
    /// Which member is the side; the others are numbers.
    pub(super) side: usize,
}

/// Reads trades, as levels are read; the price, the quantity and the time are the slots of the row. Those that were in the
/// list of the message before are not read again.
pub(super) fn read_trades(
    text: &Text<'_>,
    list: usize,
    TradeRow { row, side }: &TradeRow,
    repeats: &mut Repeats<Trade>,
) -> Option<usize> {
    let mut at = list;
    if !row.before[0].is_at(text.window(list), 0) {
        return Some(list);
    }
    loop {
        let rest = text.bytes().get(at..)?;
        if repeats.may_go_on(rest)
            && let Some(end) = memchr::memchr(b']', rest)
            && repeats
                .join(&text.bytes()[list..at], &rest[..end])
                .is_some()
        {
            return Some(at + end);
        }
        at += row.before[0].len();
        let window = text.window(at);
        let Read { item, end, bad } = trade(window, row, *side);
        if bad || repeats.fresh().len() >= MAX_LEVELS {
            return None;
        }
        repeats.fresh().push(item);
        at += end;
        if !row.next.is_at(window, end) {
            let end = row.end.is_at(window, end).then_some(at + row.end.len())?;
            repeats.keep(&text.bytes()[list..end]);
            return Some(end);
        }
        // To the brace of the next one.
        at += row.next.len() - row.before[0].len();
    }
}

#[inline(never)]
fn trade(window: &Window, row: &Row, side: usize) -> Read<Trade> {
    let mut values = [0; MAX_MEMBERS];
    let mut difference = Sixteen::zero();
    let (mut end, mut bad) = (0, false);
    for (member, value) in values.iter_mut().enumerate().take(row.members) {
        if member > 0 {
            difference = row.before[member].differs(difference, window, end);
            end += row.before[member].len();
        }
        let number = if member == side {
            side_of(word(window, end))
        } else {
            integer(window, end)
        };
        *value = number.value;
        bad |= number.bad;
        end += number.len;
    }
    let [ticks, lots, created] = row
        .slots
        .map(|slot| values[slot % MAX_MEMBERS].cast_signed());
    let item = Trade {
        ticks: Ticks(ticks),
        lots: Lots(lots),
        side: if values[side % MAX_MEMBERS] == BUY {
            TradeSide::Buy
        } else {
            TradeSide::Sell
        },
        created: UnixMillis(created),
    };
    // Of a longer number, the first digits were read.
    bad |= window[end & LAST].is_ascii_digit() | !difference.is_zero();
    Read { item, end, bad }
}

const BUY: u64 = 0;
const SELL: u64 = 1;

/// `BUY` or `SELL` before a quote, as a number.
#[inline(always)]
fn side_of(word: u64) -> Integer {
    let word = word.to_le_bytes();
    let is_buy = word.starts_with(b"BUY\"");
    Integer {
        value: if is_buy { BUY } else { SELL },
        len: if is_buy { 3 } else { 4 },
        bad: !is_buy & !word.starts_with(b"SELL\""),
    }
}
