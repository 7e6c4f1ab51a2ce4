//! How to read an item whose digits stand where some earlier item's stood.
//!
//! Items of a list differ in the lengths of their numbers, and in little else: a book of twenty
//! levels has perhaps ten different patterns of digits in it, and the next message has the same ones.
//! So the pattern (a bit for each byte: is it a digit?) is looked up in a small table, and what is
//! found there says all that has to be known: which bytes are text, and what text, to the first number
//! of the next item; which digits go where. Nothing has to be measured, and no branch depends on a length.
//!
//! Digits go to lanes, the last one to the end of its lane. Lanes are narrow, two of eight digits and one
//! of sixteen, which is all that most items take and half a register; or wide, three of sixteen. A
//! number with decimals becomes whole steps of its scale on the way: its digits go where they belong in
//! the number of steps, what is missing behind them stays zero, and what is finer than a step must be a
//! zero in the text. So the scale is part of the recipe, and nothing has to be multiplied.
//!
//! A pattern that is not in the table is worked out, a few hundred instructions, and takes the place
//! of another one. The table does not grow. A server that sends a new pattern each time is read as
//! if there were no table.

use std::hint::cold_path;

use super::side::Known;

/// How many numbers of an item are converted at most.
pub(crate) const LANES: usize = 3;

/// How many bytes of an item are looked at.
pub(crate) const WINDOW: usize = 64;

/// What an item is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'t> {
    /// Text, byte for byte.
    Text(&'t [u8]),
    /// A whole number, for the next lane.
    Whole,
    /// A whole number of at most so many digits, for the next lane.
    Short(usize),
    /// A number with or without decimals, for the next lane: as steps of 10 to the power of minus this.
    Steps(u8),
    /// A number with or without decimals that is not read, of at most so many bytes.
    Passed(usize),
}

/// How to read the items of one pattern of digits.
///
/// `words` are taken from the window. Where text stands, zero must be left; of the first digit of several,
/// no more than eight; of another digit, its value. So the digits that go to the lanes are values
/// already, all but the first of several, which is one too small: `bias` makes up for it. The other
/// bytes of the lanes are taken from where a text stands, and so are zero.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Recipe {
    /// What is taken from each byte of the window.
    pub(crate) words: [u8; WINDOW],
    /// Which bits of what is left must be zero.
    pub(crate) mask: [u8; WINDOW],
    /// For each byte of the lanes, the byte of the window that goes there.
    pub(crate) places: [u8; WINDOW],
    /// What is to be added to the numbers: of narrow lanes, to each group of eight digits, as they come
    /// to lie in a register; of wide ones, to each number, its lower half first.
    pub(crate) bias: [u32; 8],
    /// The pattern; or [`Recipe::NO_KEY`].
    pub(crate) key: u64,
    /// Where what is known of the window ends.
    end: u8,
    /// Whether the lanes are narrow, and `words` go on to the first number of the next item, if they are
    /// to: see [`Known::IS_SHORT`].
    pub(crate) is_usual: bool,
    /// Whether the lanes are wide.
    pub(crate) is_wide: bool,
    /// Which of its texts the item has, where there is a choice.
    pub(crate) choice: u8,
}

impl Recipe {
    /// What no pattern is: an item ends within the window, and not with a digit. (0 is one, of a text without
    /// digits, and must not be found.)
    const NO_KEY: u64 = u64::MAX;

    /// For no pattern.
    pub(crate) const NONE: Self = Self {
        words: [0; WINDOW],
        mask: [0; WINDOW],
        places: [0; WINDOW],
        bias: [0; 8],
        key: Self::NO_KEY,
        end: 0,
        is_usual: false,
        is_wide: false,
        choice: 0,
    };

    /// The recipe for items of these parts with this pattern. `next` is what stands between one and the
    /// first number of the next, if that is to be part of usual ones. None when the pattern is not of
    /// such an item.
    pub(crate) fn new(key: u64, parts: &[Part<'_>], next: Option<&[u8]>) -> Option<Self> {
        let narrow = Self::laid_out(key, parts, false);
        let recipe = narrow.or_else(|| Self::laid_out(key, parts, true))?;
        let mut usual = recipe;
        usual.is_usual = !recipe.is_wide;
        match next {
            Some(next) if usual.push_words(next).is_none() => Some(recipe),
            _ => Some(usual),
        }
    }

    fn laid_out(key: u64, parts: &[Part<'_>], is_wide: bool) -> Option<Self> {
        // The byte behind the first number is text.
        let filler = u8::try_from(run_len(key, 0)).ok()?;
        let mut recipe = Self {
            key,
            is_wide,
            places: [filler; WINDOW],
            ..Self::NONE
        };
        let mut lanes = 0..LANES;
        for part in parts {
            match *part {
                Part::Text(words) => recipe.push_words(words),
                Part::Whole => recipe.push_steps(lanes.next()?, 0, false),
                Part::Short(digits) => {
                    let key = recipe.key >> recipe.end;
                    let is_short = run_len(key, 0) <= digits;
                    is_short.then_some(())?;
                    recipe.push_steps(lanes.next()?, 0, false)
                }
                Part::Steps(decimals) => recipe.push_steps(lanes.next()?, decimals, true),
                Part::Passed(most) => recipe.push_passed(most),
            }?;
        }
        Some(recipe)
    }

    /// Goes on with a text. None when the window is too short for it.
    fn push_words(&mut self, words: &[u8]) -> Option<()> {
        let at = usize::from(self.end);
        let end = at + words.len();
        self.words.get_mut(at..end)?.copy_from_slice(words);
        self.mask.get_mut(at..end)?.fill(0xff);
        self.end = u8::try_from(end).ok()?;
        Some(())
    }

    /// Goes on with the digits that the pattern tells, and tells how many.
    fn push_digits(&mut self) -> Option<usize> {
        let at = usize::from(self.end);
        let count = run_len(self.key, at);
        self.words.get_mut(at..at + count)?.fill(b'0');
        self.end = u8::try_from(at + count).ok()?;
        (count > 0).then_some(count)
    }

    /// The same for those before a point, or where there is none: a zero before others is no number.
    fn push_whole(&mut self) -> Option<usize> {
        let first = usize::from(self.end);
        let count = self.push_digits()?;
        if count > 1 {
            self.words[first] = b'1';
            self.mask[first] = 0xf0;
        }
        Some(count)
    }

    /// The same for a point and those behind it, if the gap that the pattern has there can be a point:
    /// if it is one byte wide. Tells how many digits there are; 0 without a point.
    fn push_fraction(&mut self) -> Option<usize> {
        if run_len(self.key, usize::from(self.end) + 1) == 0 {
            return Some(0);
        }
        self.push_words(b".")?;
        self.push_digits()
    }

    /// Goes on with a number that becomes steps of 10 to the power of minus `decimals`.
    fn push_steps(&mut self, lane: usize, decimals: u8, may_have_point: bool) -> Option<()> {
        let decimals = usize::from(decimals);
        let from = usize::from(self.end);
        let whole = self.push_whole()?;
        self.place(lane, decimals, from, whole)?;
        if whole > 1 {
            self.add(lane, whole + decimals - 1)?;
        }
        if !may_have_point {
            return Some(());
        }
        let from = usize::from(self.end) + 1;
        let fraction = self.push_fraction()?;
        let steps = fraction.min(decimals);
        self.place(lane, decimals - steps, from, steps)?;
        // Finer than a step: only if it is nothing.
        self.mask.get_mut(from + steps..from + fraction)?.fill(0xff);
        Some(())
    }

    fn push_passed(&mut self, most: usize) -> Option<()> {
        let from = usize::from(self.end);
        self.push_whole()?;
        self.push_fraction()?;
        (usize::from(self.end) - from <= most).then_some(())
    }

    /// Where a lane begins and ends.
    fn lane(&self, lane: usize) -> Option<(usize, usize)> {
        const NARROW: [(usize, usize); LANES] = [(0, 8), (8, 16), (16, 32)];
        const WIDE: [(usize, usize); LANES] = [(0, 16), (16, 32), (32, 48)];
        let lanes = if self.is_wide { WIDE } else { NARROW };
        lanes.get(lane).copied()
    }

    /// Puts `count` digits from byte `from` of the window on into a lane, so that `behind` digits follow.
    fn place(&mut self, lane: usize, behind: usize, from: usize, count: usize) -> Option<()> {
        let (start, end) = self.lane(lane)?;
        let first = end.checked_sub(behind + count).filter(|to| *to >= start)?;
        for (place, digit) in self.places[first..first + count].iter_mut().zip(from..) {
            *place = u8::try_from(digit).ok()?;
        }
        Some(())
    }

    /// Adds 10 to the power of `power` to a lane's number.
    fn add(&mut self, lane: usize, power: usize) -> Option<()> {
        let power = u32::try_from(power).ok()?;
        if self.is_wide {
            let words = self.bias.get_mut(2 * lane..2 * lane + 2)?;
            let ten = 10_u64.checked_pow(power)?.to_le_bytes();
            for (word, half) in words.iter_mut().zip(ten.as_chunks().0) {
                *word = u32::from_le_bytes(*half);
            }
            return Some(());
        }
        // Two groups of digits lie at the start of each half of a register.
        let (group, power) = match (lane, power) {
            (2, 0..8) => (5, power),
            (2, _) => (4, power - 8),
            (lane, _) => (lane, power),
        };
        *self.bias.get_mut(group)? = 10_u32.checked_pow(power)?;
        Some(())
    }
}

/// Bits `from` to before `to`.
pub(super) fn bits(from: usize, to: usize) -> u64 {
    let below = |bit: usize| 1_u64.checked_shl(u32::try_from(bit).unwrap_or(u32::MAX));
    let below = |bit: usize| below(bit).unwrap_or(0).wrapping_sub(1);
    below(to) & !below(from)
}

/// How many bits are set from bit `from` on, in a row.
fn run_len(key: u64, from: usize) -> usize {
    let shifted = u32::try_from(from)
        .ok()
        .and_then(|from| key.checked_shr(from));
    (!shifted.unwrap_or(0)).trailing_zeros() as usize
}

/// How many kinds of a venue's items are read by recipes: what comes in more scales is read without.
const MAX_TABLES: usize = 8;

/// The recipes of a venue's items, a table for each tag: see [`Known::tag`].
#[derive(Clone, Debug)]
pub(crate) struct Recipes {
    tables: Vec<(u16, Table)>,
    bits: u32,
}

impl Recipes {
    /// No recipes yet, and room for 2^`bits` of a tag, 1 to 16.
    pub(crate) fn new(bits: u32) -> Self {
        Self {
            tables: Vec::new(),
            bits,
        }
    }

    /// The table of a tag. Allocates when there is none yet; none when there are too many.
    #[inline]
    pub(crate) fn table(&mut self, tag: u16) -> Option<&mut Table> {
        let found = self.tables.iter().position(|(of, _)| *of == tag);
        let place = match found {
            Some(place) => place,
            None => self.add(tag)?,
        };
        self.tables.get_mut(place).map(|(_, table)| table)
    }

    #[cold]
    fn add(&mut self, tag: u16) -> Option<usize> {
        let place = self.tables.len();
        if place == MAX_TABLES {
            return None;
        }
        self.tables.push((tag, Table::new(self.bits)));
        Some(place)
    }
}

/// Recipes by their patterns: hash tables of fixed size, two places a pattern.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// The usual ones, and none that is not.
    usual: Box<[Recipe]>,
    /// Those of every kind.
    all: Box<[Recipe]>,
    /// To take the top bits of a hash.
    shift: u32,
}

impl Table {
    fn new(bits: u32) -> Self {
        let recipes = || vec![Recipe::NONE; 1 << bits].into_boxed_slice();
        Self {
            usual: recipes(),
            all: recipes(),
            shift: u64::BITS - bits,
        }
    }

    /// The first of the places of a pattern.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // sixteen bits at most
    fn place(&self, key: u64) -> usize {
        (hash(key) >> self.shift) as usize
    }

    /// The recipe of `shape` for a pattern, as it is known or as the shape tells, if it is a usual one.
    #[inline(always)]
    pub(crate) fn usual<K: Known>(&mut self, shape: K, key: u64) -> Option<&Recipe> {
        let place = self.place(key);
        if self.usual.get(place)?.key == key {
            return self.usual.get(place);
        }
        cold_path();
        self.learn_usual(shape, key)
    }

    /// The recipe of `shape` for a pattern, as it is known or as the shape tells.
    #[inline(always)]
    pub(crate) fn get<K: Known>(&mut self, shape: K, key: u64) -> Option<&Recipe> {
        let place = self.place(key);
        if self.all.get(place)?.key == key {
            return self.all.get(place);
        }
        cold_path();
        self.learn(shape, key)
    }

    #[cold]
    #[inline(never)]
    fn learn_usual<K: Known>(&mut self, shape: K, key: u64) -> Option<&Recipe> {
        let place = self.place(key);
        find(&mut self.usual, place, key, || {
            let recipe = find(&mut self.all, place, key, || shape.recipe(key))?;
            recipe.is_usual.then_some(*recipe)
        })
    }

    #[cold]
    #[inline(never)]
    fn learn<K: Known>(&mut self, shape: K, key: u64) -> Option<&Recipe> {
        let place = self.place(key);
        find(&mut self.all, place, key, || shape.recipe(key))
    }
}

/// The recipe for a pattern, in one of its two places, or in the first once `make` has made it: what was
/// there takes the second, and what was in that is forgotten.
fn find(
    recipes: &mut [Recipe],
    first: usize,
    key: u64,
    make: impl FnOnce() -> Option<Recipe>,
) -> Option<&Recipe> {
    let places = [first, first ^ 1];
    let is_known = |place: &usize| recipes.get(*place).is_some_and(|known| known.key == key);
    if let Some(place) = places.into_iter().find(is_known) {
        return recipes.get(place);
    }
    let recipe = make()?;
    recipes.swap(first, first ^ 1);
    *recipes.get_mut(first)? = recipe;
    recipes.get(first)
}

/// A product that every bit of the pattern is in the top bits of. (Multiplicative hashing: Knuth, The
/// Art of Computer Programming, volume 3, section 6.4.)
#[inline(always)]
fn hash(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::isa::Isa;
    use crate::scan::raw::Three;
    use crate::scan::side::{Lanes, Shape};

    /// The pattern of a text up to its first closing brace.
    fn pattern(text: &str) -> u64 {
        let item = text.split('}').next().unwrap();
        let digits = item.bytes().enumerate().filter(|(_, b)| b.is_ascii_digit());
        digits.fold(0, |key, (at, _)| key | 1 << at)
    }

    /// What a recipe makes of a text, byte by byte: its numbers, if nothing is wrong with it.
    fn read(recipe: &Recipe, text: &str) -> Option<[u64; LANES]> {
        let mut window = [0; WINDOW];
        let len = text.len().min(WINDOW);
        window[..len].copy_from_slice(&text.as_bytes()[..len]);
        let left: Vec<u8> = window
            .iter()
            .zip(recipe.words)
            .map(|(byte, word)| byte.wrapping_sub(word))
            .collect();
        if left
            .iter()
            .zip(recipe.mask)
            .any(|(left, mask)| left & mask != 0)
        {
            return None;
        }
        let digits = |from: usize, to: usize| {
            let digits = recipe.places[from..to]
                .iter()
                .map(|place| left[usize::from(*place)]);
            digits.fold(0, |number, digit| number * 10 + u64::from(digit))
        };
        let bias = recipe.bias.map(u64::from);
        Some(if recipe.is_wide {
            [0, 1, 2].map(|lane| {
                digits(lane * 16, lane * 16 + 16) + bias[2 * lane] + (bias[2 * lane + 1] << 32)
            })
        } else {
            let third = (digits(16, 24) + bias[4]) * 100_000_000 + digits(24, 32) + bias[5];
            [digits(0, 8) + bias[0], digits(8, 16) + bias[1], third]
        })
    }

    const WHOLE: [Part<'_>; 6] = [
        Part::Whole,
        Part::Text(b",\"lots\":"),
        Part::Whole,
        Part::Text(b",\"count\":"),
        Part::Short(8),
        Part::Text(b"}"),
    ];

    const DECIMAL: [Part<'_>; 6] = [
        Part::Steps(3),
        Part::Text(b",\"quantity\":"),
        Part::Steps(2),
        Part::Text(b",\"total\":"),
        Part::Passed(32),
        Part::Text(b"}"),
    ];

    fn made(text: &str, parts: &[Part<'_>], next: Option<&[u8]>) -> Option<Recipe> {
        Recipe::new(pattern(text), parts, next)
    }

    #[test]
    fn whole_numbers() {
        let next = Some(b",{\"ticks\":".as_slice());
        let text = "6684363,\"lots\":1004817,\"count\":12},{\"ticks\":7";
        let recipe = made(text, &WHOLE, next).unwrap();
        assert_eq!(read(&recipe, text), Some([6_684_363, 1_004_817, 12]));
        assert!(recipe.is_usual && !recipe.is_wide);
        for wrong in [
            "0684363,\"lots\":1004817,\"count\":12},{\"ticks\":7",
            "6684363,\"lots\":1004817,\"count\":02},{\"ticks\":7",
            "6684363,\"lotz\":1004817,\"count\":12},{\"ticks\":7",
            "6684363,\"lots\":1004817,\"count\":12},{\"ticks\" 7",
        ] {
            assert_eq!(read(&recipe, wrong), None, "{wrong}");
        }
        let long = "123456789,\"lots\":1,\"count\":0}";
        let recipe = made(long, &WHOLE, next).unwrap();
        assert_eq!(read(&recipe, long), None, "nothing follows");
        assert!(recipe.is_wide && !recipe.is_usual);
        let recipe = made(long, &WHOLE, None).unwrap();
        assert_eq!(read(&recipe, long), Some([123_456_789, 1, 0]));
        for none in [
            "",
            "\"lots\":1",
            "1,\"lots\":2,\"count\":}",
            "12345678901234567,\"lots\":2,\"count\":3}",
            "1,\"lots\":2,\"count\":123456789}",
        ] {
            assert!(made(none, &WHOLE, None).is_none(), "{none}");
        }
    }

    #[test]
    fn decimals_become_steps() {
        let table = [
            (
                "0.499,\"quantity\":2560.29,\"total\":1277.5}",
                Some([499, 256_029]),
            ),
            ("0.05,\"quantity\":20.5,\"total\":1}", Some([50, 2_050])),
            (
                "1,\"quantity\":272,\"total\":131.104}",
                Some([1_000, 27_200]),
            ),
            ("0,\"quantity\":0,\"total\":0.0}", Some([0, 0])),
            (
                "61800.30,\"quantity\":1,\"total\":61800.3}",
                Some([61_800_300, 100]),
            ),
            (
                "161800.3,\"quantity\":1,\"total\":1}",
                Some([161_800_300, 100]),
            ),
            ("0.4990,\"quantity\":1.2500,\"total\":1}", Some([499, 125])),
            ("0.4991,\"quantity\":1,\"total\":1}", None),
            ("00.499,\"quantity\":1,\"total\":1}", None),
            ("0.499,\"quantity\":1,\"total\":01}", None),
            ("0.499,\"quantity\":1,\"total\":01.5}", None),
            ("0,499,\"quantity\":1,\"total\":1}", None),
        ];
        for (text, numbers) in table {
            let recipe = made(text, &DECIMAL, None).unwrap();
            let found = read(&recipe, text).map(|[price, quantity, _]| [price, quantity]);
            assert_eq!(found, numbers, "{text}");
        }
        for none in [
            "1.5,\"quantity\":123456789012345,\"total\":1}",
            "1,\"quantity\":1,\"total\":.5}",
            "5.,\"quantity\":1,\"total\":1}",
        ] {
            let recipe = made(none, &DECIMAL, None);
            assert!(
                recipe.is_none_or(|recipe| read(&recipe, none).is_none()),
                "{none}"
            );
        }
    }

    #[test]
    fn numbers_of_every_length() {
        for len in 1..=16 {
            for third in [1, 7, 8, 9, 16] {
                let digits = |len: usize| "1234567890".chars().cycle().take(len);
                let (a, c): (String, String) = (digits(len).collect(), digits(third).collect());
                let parts = [Part::Whole, Part::Text(b":"), Part::Whole, Part::Text(b"}")];
                let text = format!("{a}:{c}}}");
                let recipe = made(&text, &parts, None).unwrap();
                let [first, second, _] = read(&recipe, &text).unwrap();
                assert_eq!(
                    (first.to_string(), second.to_string()),
                    (a.clone(), c.clone())
                );
                let parts = [
                    &parts[..3],
                    &[Part::Text(b":"), Part::Whole, Part::Text(b"}")],
                ]
                .concat();
                let text = format!("{a}:1:{c}}}");
                let recipe = made(&text, &parts, None).unwrap();
                let [first, _, third] = read(&recipe, &text).unwrap();
                assert_eq!((first.to_string(), third.to_string()), (a, c));
            }
        }
    }

    /// A shape whose recipes have the pattern and the tag, to be told apart by.
    #[derive(Clone, Copy)]
    struct Tagged(u16, bool);

    impl Shape for Tagged {
        type Item = ();
        const HEAD: &'static [u8] = b"";
        const WIDE: bool = false;

        fn goes_on(_: &[u8], _: usize) -> bool {
            false
        }

        fn measured<I: Isa>(self, _: I, _: Three<'_>) -> Option<()> {
            None
        }
    }

    impl Known for Tagged {
        const TABLE: usize = 0;
        const SHORTEST: usize = 0;
        const IS_SHORT: bool = true;

        fn tag(self) -> u16 {
            self.0
        }

        fn recipe(self, key: u64) -> Option<Recipe> {
            let choice = u8::try_from(self.0).unwrap();
            // Whether it is a usual one must not depend on the bits that a hash takes.
            let is_usual = key.count_ones().is_multiple_of(2);
            self.1.then_some(Recipe {
                key,
                choice,
                is_usual,
                ..Recipe::NONE
            })
        }

        fn item(_: u8, _: impl Lanes) {}
    }

    #[test]
    fn a_table_gives_back_what_was_put_in_and_no_others_recipes() {
        for bits in [1, 4, 10] {
            let mut recipes = Recipes::new(bits);
            let keys: Vec<u64> = (0..1000_u64).map(|n| ((n * n * 977) << 1) | 1).collect();
            for key in keys.iter().chain(&keys).chain(keys.iter().rev()) {
                for tag in [3, 5] {
                    let table = recipes.table(tag).unwrap();
                    for known in [true, false] {
                        let shape = Tagged(tag, known);
                        let recipe = table.get(shape, *key).unwrap();
                        assert_eq!((recipe.key, u16::from(recipe.choice)), (*key, tag));
                        let is_usual = recipe.is_usual;
                        let usual = table.usual(shape, *key).map(|recipe| recipe.key);
                        assert_eq!(usual, is_usual.then_some(*key));
                    }
                }
            }
            let table = recipes.table(3).unwrap();
            assert!(table.get(Tagged(3, false), 0xabcd_ef01).is_none());
        }
    }

    #[test]
    fn tables_are_bounded() {
        let mut recipes = Recipes::new(1);
        for tag in 0..100 {
            assert_eq!(recipes.table(tag).is_some(), usize::from(tag) < MAX_TABLES);
        }
        assert!(recipes.table(0).is_some(), "the first ones stay");
    }
}
