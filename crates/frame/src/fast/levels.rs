//! Lists of price levels: objects whose members are numbers, in one order and spacing.

use ticklot_book::{Level, Lots, MAX_LEVELS, Scale, Ticks};
use wide::u8x16;

use super::backend::SimdBackend;
use super::dispatch::{CompiledReader, ReadLevels};
use super::lanes::Lanes;
use super::literal::Literal;
use super::number::{LONGEST, number_len};
use super::number_shape::{SHAPES, Shape, digits_len};
use super::window::{Text, Window, word};
use crate::digits::POWERS;
use crate::prefetch;
use crate::pull::PullParser;

/// The most members of an object of a list.
pub(super) const MAX_MEMBERS: usize = 4;

/// How the objects of a list look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LevelFormat {
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
pub(super) trait NumberFormat: Copy {
    /// Numbers may have a point.
    const DECIMAL: bool;

    /// The steps in a unit of the last digit of a price (slot 0) or a quantity (1) with so many decimals. None if that is
    /// no whole number, or a large one.
    fn power(self, slot: usize, fraction: u8) -> Option<u64>;

    /// The number of a slot, of any length.
    fn number(self, slot: usize, json: &mut PullParser<'_>) -> Option<i64>;
}

/// Levels of whole ticks and lots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Integers;

impl NumberFormat for Integers {
    const DECIMAL: bool = false;

    #[inline(always)]
    fn power(self, _: usize, _: u8) -> Option<u64> {
        Some(1)
    }

    fn number(self, _: usize, json: &mut PullParser<'_>) -> Option<i64> {
        json.whole()
    }
}

/// Levels of decimals, as steps of a scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimals(pub(super) Scale);

impl NumberFormat for Decimals {
    const DECIMAL: bool = true;

    #[inline(always)]
    fn power(self, slot: usize, fraction: u8) -> Option<u64> {
        let decimals = [self.0.price_decimals(), self.0.quantity_decimals()][slot];
        let more = usize::from(decimals).wrapping_sub(usize::from(fraction));
        // Times eight digits, these fit.
        (more <= 10).then(|| POWERS[more])
    }

    fn number(self, slot: usize, json: &mut PullParser<'_>) -> Option<i64> {
        match slot {
            0 => json.steps(self.0.price_decimals()),
            1 => json.steps(self.0.quantity_decimals()),
            _ => json.skip_number().map(|()| 0),
        }
    }
}

/// Levels that stand one behind the other.
#[derive(Clone, Copy)]
struct LevelList<'a, K> {
    kind: K,
    text: &'a Text<'a>,
    format: &'a LevelFormat,
}

/// What the numbers of the next level are expected to look like: as those of the one before. So the offset of the next level
/// is known early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExpectedShapes {
    price: Shape,
    /// Of the member that is neither price nor quantity.
    other: Shape,
}

impl ExpectedShapes {
    pub(super) const NOTHING: Self = Self {
        price: Shape::NONE,
        other: Shape::NONE,
    };

    /// As in the level whose first value a window begins with.
    #[inline(always)]
    fn new<K: NumberFormat>(window: &Window, format: &LevelFormat, _: K) -> Self {
        let shape = |len, whole| Shape::of(len, whole).unwrap_or(Shape::NONE);
        let mut expected = Self::NOTHING;
        if K::DECIMAL {
            let (len, whole) = number_len(window);
            expected.price = shape(len, whole);
            return expected;
        }
        let [price, _, other] = format.slots;
        let mut at = 0;
        for member in 0..format.members {
            if member > 0 {
                at += format.before[member].len();
            }
            let len = digits_len(word(window, at));
            if member == price {
                expected.price = shape(len, len);
            } else if member == other {
                expected.other = shape(len, len);
            }
            at += len as usize;
        }
        expected
    }
}

/// Where a run ends.
enum Stop {
    /// At the first value of a level that does not fit, or for which there is no space.
    At(usize),
    /// Behind the last level of the list.
    Behind(usize),
}

impl<K: NumberFormat> ReadLevels for LevelList<'_, K> {
    type Expected = ExpectedShapes;
    type Stop = Stop;

    #[allow(clippy::cast_possible_truncation)] // small numbers, which a check would cost instructions
    #[inline(always)]
    fn levels<const MEMBERS: usize, const PRICE: usize, const QUANTITY: usize>(
        &self,
        lanes: impl Lanes,
        mut at: usize,
        expected: &mut ExpectedShapes,
        levels: &mut [Level],
    ) -> (usize, Stop) {
        // Copies, which stay in registers.
        let Self { kind, text, format } = *self;
        let all = levels.len();
        let mut levels = levels.iter_mut();
        let (mut windows, mut from) = text.part(at);
        at -= from;
        loop {
            let ExpectedShapes { price, other } = *expected;
            // The number of the first member of decimals that is measured, and where it begins.
            let first = usize::from(PRICE == 0);
            let start = first * (usize::from(price.len) + format.before[1].len());
            let expected_power = kind.power(0, price.fraction);
            let [point, point_mask] = price.point();
            let window = 'level: loop {
                let Some(window) = windows.at(at) else {
                    let (tail, tail_from) = text.tail();
                    if from == tail_from {
                        return (all - levels.len(), Stop::At(from + at));
                    }
                    at = at + from - tail_from;
                    (windows, from) = (tail, tail_from);
                    continue;
                };
                let (mut strings, mut shapes) = ([0; 3], [Shape::NONE; 3]);
                let mut difference = u8x16::ZERO;
                let (mut end, next);
                let mut is_good = true;
                if K::DECIMAL {
                    let Some(marks) = lanes.marks(window, start) else {
                        break window;
                    };
                    // Known without waiting for the lengths of the numbers.
                    let brace = marks.braces.trailing_zeros();
                    next = start + format.from_brace + brace as usize;
                    is_good &= marks.faults() & !(u64::MAX << (brace & 63)) == 0;
                    let not_digits = !marks.digits;
                    let not_numbers = not_digits & !marks.points;
                    // How many bits from a byte on are not set.
                    let length =
                        |of: u64, at: usize| of.wrapping_shr((at - start) as u32).trailing_zeros();
                    if PRICE == 0 {
                        (strings[0], shapes[0]) = (word(window, 0), price);
                        is_good &= (strings[0] ^ point) & point_mask == 0;
                        difference =
                            format.before[1].differs(difference, window, usize::from(price.len));
                    }
                    end = start;
                    for member in first..MEMBERS {
                        if member > first {
                            difference = format.before[member].differs(difference, window, end);
                            end += format.before[member].len();
                        }
                        let len = length(not_numbers, end);
                        if member != PRICE && member != QUANTITY {
                            // Of a total, only that it is a number counts.
                            is_good &= matches!(len, 1..=LONGEST);
                        } else {
                            let Some(shape) = Shape::of(len, length(not_digits, end)) else {
                                break 'level window;
                            };
                            let slot = usize::from(member == QUANTITY);
                            (strings[slot], shapes[slot]) = (word(window, end), shape);
                        }
                        end += len as usize;
                    }
                } else {
                    end = 0;
                    for member in 0..MEMBERS {
                        if member > 0 {
                            difference = format.before[member].differs(difference, window, end);
                            end += format.before[member].len();
                        }
                        let word = word(window, end);
                        let (slot, shape, len) = match member {
                            _ if member == PRICE => (0, Some(price), price.len.into()),
                            _ if member == QUANTITY => {
                                // Not from the table: the next level waits for it.
                                let len = digits_len(word);
                                (1, Shape::of(len, len), len)
                            }
                            _ => (2, Some(other), other.len.into()),
                        };
                        let Some(shape) = shape else {
                            break 'level window;
                        };
                        (strings[slot], shapes[slot]) = (word, shape);
                        end += len as usize;
                    }
                    next = end + format.next.len();
                }
                let (values, third);
                if MEMBERS == 3 && !K::DECIMAL {
                    let all;
                    (all, difference) = lanes.values(strings, shapes, difference);
                    (values, third) = ([all[0], all[1]], all[2]);
                } else {
                    let [price, quantity, _] = strings;
                    let shapes = [shapes[0], shapes[1]];
                    (values, difference) = lanes.values([price, quantity], shapes, difference);
                    third = 0;
                }
                is_good &= values[0] >= u64::from(shapes[0].least);
                if !K::DECIMAL {
                    is_good &= values[1] >= u64::from(shapes[1].least);
                    is_good &= MEMBERS < 3 || third >= u64::from(shapes[2].least);
                }
                let price_power = if PRICE == 0 || !K::DECIMAL {
                    expected_power
                } else {
                    kind.power(0, shapes[0].fraction)
                };
                let power = kind.power(1, shapes[1].fraction);
                let (true, Some(price_power), Some(power)) = (is_good, price_power, power) else {
                    break window;
                };
                let up_to_next = format.next.differs(difference, window, end);
                let is_last = !lanes.is_zero(up_to_next);
                if is_last && !lanes.is_zero(format.end.differs(difference, window, end)) {
                    break window;
                }
                let Some(level) = levels.next() else {
                    return (all, Stop::At(from + at));
                };
                *level = Level {
                    ticks: Ticks((values[0] * price_power).cast_signed()),
                    lots: Lots((values[1] * power).cast_signed()),
                    // Of eight digits at most.
                    count: if format.has_count { third as u32 } else { 0 },
                };
                if is_last {
                    let end = from + at + end + format.end.len();
                    return (all - levels.len(), Stop::Behind(end));
                }
                at += next;
            };
            // The numbers may be of other lengths.
            let found = ExpectedShapes::new(window, format, kind);
            if found == *expected {
                return (all - levels.len(), Stop::At(from + at));
            }
            *expected = found;
        }
    }
}

/// The reader for a format. None if its levels are read number by number.
fn reader<'a, K: NumberFormat>(
    backend: SimdBackend,
    format: &LevelFormat,
) -> Option<CompiledReader<LevelList<'a, K>>> {
    let [price, quantity, _] = format.slots;
    Some(match (format.members, price, quantity) {
        (2, 0, 1) => CompiledReader::new::<2, 0, 1>(backend),
        (2, 1, 0) => CompiledReader::new::<2, 1, 0>(backend),
        (3, 0, 1) => CompiledReader::new::<3, 0, 1>(backend),
        (3, 0, 2) => CompiledReader::new::<3, 0, 2>(backend),
        (3, 1, 0) => CompiledReader::new::<3, 1, 0>(backend),
        (3, 1, 2) => CompiledReader::new::<3, 1, 2>(backend),
        (3, 2, 0) => CompiledReader::new::<3, 2, 0>(backend),
        (3, 2, 1) => CompiledReader::new::<3, 2, 1>(backend),
        _ => return None,
    })
}

/// About how much code of [`read_levels`] runs for a book.
const LIST_BYTES: usize = 10 * 64;

/// The same of the reader that it calls.
const READER_BYTES: usize = 28 * 64;

/// Asks for what the levels of a row need.
pub(super) fn prefetch<K: NumberFormat>(backend: SimdBackend, format: &LevelFormat) {
    if let Some(reader) = reader::<K>(backend, format) {
        prefetch::bytes(reader.code(), READER_BYTES);
    }
    prefetch::bytes(read_levels::<K> as *const u8, LIST_BYTES);
    prefetch::slice(std::slice::from_ref(format));
    prefetch::slice(&SHAPES);
}

/// Reads the levels of a list whose bracket ends before `at`. Returns where its closing bracket must be. `expected` is
/// what the last level looked like.
#[inline(never)]
pub(super) fn read_levels<K: NumberFormat>(
    backend: SimdBackend,
    kind: K,
    text: &Text<'_>,
    mut at: usize,
    format: &LevelFormat,
    expected: &mut ExpectedShapes,
    levels: &mut Vec<Level>,
) -> Option<usize> {
    if !format.before[0].is_at(text.window(at), 0) {
        levels.clear();
        return Some(at);
    }
    at += format.before[0].len();
    let run = LevelList { kind, text, format };
    let mut count = 0;
    let end = loop {
        if count == levels.len() {
            if count >= MAX_LEVELS {
                return None;
            }
            levels.resize(2 * count + 16, Level::new(Ticks(0), Lots(0)));
        }
        let (more, stop) = match reader(backend, format) {
            Some(reader) => reader.read(&run, at, expected, &mut levels[count..]),
            None => (0, Stop::At(at)),
        };
        count += more;
        match stop {
            Stop::Behind(end) => break end,
            Stop::At(stop) => at = stop,
        }
        if count == levels.len() {
            continue;
        }
        // Numbers that are long, or something that does not fit.
        let len;
        (levels[count], len) = any_level(kind, text.bytes().get(at..)?, format)?;
        count += 1;
        at += len;
        let window = text.window(at);
        if !format.next.is_at(window, 0) {
            break at + format.end.is_at(window, 0).then_some(format.end.len())?;
        }
        at += format.next.len();
    };
    levels.truncate(count);
    (count <= MAX_LEVELS).then_some(end)
}

/// A level whose numbers have any length.
#[cold]
#[inline(never)]
fn any_level(kind: impl NumberFormat, text: &[u8], format: &LevelFormat) -> Option<(Level, usize)> {
    let mut json = PullParser::new(text);
    let mut values = [0; MAX_MEMBERS];
    for (member, value) in values.iter_mut().enumerate().take(format.members) {
        if member > 0 {
            json.expect_text(format.before[member].text())?;
        }
        let slot = format.slots.iter().position(|it| *it == member);
        *value = kind.number(slot.unwrap_or(2), &mut json)?;
    }
    let [ticks, lots, count] = format.slots.map(|slot| values[slot % MAX_MEMBERS]);
    let count = u32::try_from(if format.has_count { count } else { 0 }).ok()?;
    let item = Level {
        ticks: Ticks(ticks),
        lots: Lots(lots),
        count,
    };
    Some((item, json.at()))
}
