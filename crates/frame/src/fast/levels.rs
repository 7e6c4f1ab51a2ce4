//! Lists of price levels: objects of numbers with the same member order and spacing.

use ticklot_book::{Level, Lots, MAX_LEVELS, Scale, Ticks};
use wide::u8x16;

use super::backend::SimdBackend;
use super::compiled_reader::{CompiledReader, ReadLevels};
use super::lanes::Lanes;
use super::literal::Literal;
use super::number_check::{LONGEST, number_len};
use super::number_shape::{SHAPES, Shape, digits_len};
use super::window::{PaddedInput, Window, word};
use crate::digits::POWERS;
use crate::prefetch;
use crate::pull::PullParser;

/// The maximum number of members of a level.
pub(super) const MAX_MEMBERS: usize = 4;

/// The format of the levels of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LevelFormat {
    /// The text before each value; for the first value, from the opening brace on.
    pub(super) before: [Literal; MAX_MEMBERS],
    /// The text from the end of the last value to the first value of the next level.
    pub(super) next: Literal,
    /// The number of bytes of `next` from the closing brace on.
    pub(super) from_brace: usize,
    /// The text from the end of the last value to the closing brace.
    pub(super) end: Literal,
    /// The number of members.
    pub(super) members: usize,
    /// The indices of the price, the quantity, and the count or another member.
    pub(super) slots: [usize; 3],
    /// Whether the third slot is a count.
    pub(super) has_count: bool,
}

/// The format of the numbers of a list of levels.
pub(super) trait NumberFormat: Copy {
    /// Whether numbers may have a decimal point.
    const DECIMAL: bool;

    /// The number of steps in one unit of the last digit of a price (slot 0) or a quantity (slot 1) with `fraction`
    /// decimals. `None` if it is not an integer, or too large.
    fn power(self, slot: usize, fraction: u8) -> Option<u64>;

    /// Parses the number of a slot, of any length.
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
        // The product with eight digits fits.
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

/// A list of levels in a text.
#[derive(Clone, Copy)]
struct LevelList<'a, K> {
    kind: K,
    text: &'a PaddedInput<'a>,
    format: &'a LevelFormat,
}

/// The expected shapes of the next level's numbers: those of the previous level. The prediction makes the offset of the
/// next level available early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExpectedShapes {
    price: Shape,
    /// The shape of the member that is neither price nor quantity.
    other: Shape,
}

impl ExpectedShapes {
    pub(super) const NOTHING: Self = Self {
        price: Shape::NONE,
        other: Shape::NONE,
    };

    /// The shapes of the level whose first value is at the start of a window.
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

/// Where and why a run of levels ends.
enum Stop {
    /// At the first value of a level that does not match, or that has no space in the buffer.
    At(usize),
    /// After the last level of the list.
    Behind(usize),
}

impl<K: NumberFormat> ReadLevels for LevelList<'_, K> {
    type Expected = ExpectedShapes;
    type Stop = Stop;

    #[allow(clippy::cast_possible_truncation)] // small numbers; a check would cost instructions
    #[inline(always)]
    fn levels<const MEMBERS: usize, const PRICE: usize, const QUANTITY: usize>(
        &self,
        lanes: impl Lanes,
        mut at: usize,
        expected: &mut ExpectedShapes,
        levels: &mut [Level],
    ) -> (usize, Stop) {
        // Copies that stay in registers.
        let Self { kind, text, format } = *self;
        let all = levels.len();
        let mut levels = levels.iter_mut();
        let (mut windows, mut from) = text.part(at);
        at -= from;
        loop {
            let ExpectedShapes { price, other } = *expected;
            // For decimals: the index of the first member whose length is measured, and its offset.
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
                    // Does not depend on the lengths of the numbers.
                    let brace = marks.braces.trailing_zeros();
                    next = start + format.from_brace + brace as usize;
                    is_good &= marks.errors() & !(u64::MAX << (brace & 63)) == 0;
                    let not_digits = !marks.digits;
                    let not_numbers = not_digits & !marks.points;
                    // The number of clear bits from a byte on.
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
                            // Other members, such as a total, only have to be numbers.
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
                                // The length is not read from the table, because the next level depends on it.
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
                    // At most eight digits.
                    count: if format.has_count { third as u32 } else { 0 },
                };
                if is_last {
                    let end = from + at + end + format.end.len();
                    return (all - levels.len(), Stop::Behind(end));
                }
                at += next;
            };
            // The numbers may have other lengths than expected.
            let found = ExpectedShapes::new(window, format, kind);
            if found == *expected {
                return (all - levels.len(), Stop::At(from + at));
            }
            *expected = found;
        }
    }
}

/// The reader for a format. `None` if its levels are parsed number by number.
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

/// The approximate size of the code of [`read_levels`] that runs for a book, in bytes.
const LIST_BYTES: usize = 10 * 64;

/// The same for the reader that it calls.
const READER_BYTES: usize = 28 * 64;

/// Prefetches the code and the data for a list of levels.
pub(super) fn prefetch<K: NumberFormat>(backend: SimdBackend, format: &LevelFormat) {
    if let Some(reader) = reader::<K>(backend, format) {
        prefetch::bytes(reader.code(), READER_BYTES);
    }
    prefetch::bytes(read_levels::<K> as *const u8, LIST_BYTES);
    prefetch::slice(std::slice::from_ref(format));
    prefetch::slice(&SHAPES);
}

/// Reads a list of levels, whose opening bracket ends before `at`. Returns the offset of its closing bracket.
/// `expected` contains the shapes of the last level.
#[inline(never)]
pub(super) fn read_levels<K: NumberFormat>(
    backend: SimdBackend,
    kind: K,
    text: &PaddedInput<'_>,
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
        // The level has long numbers, or does not match.
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

/// Parses a level whose numbers have any length.
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
