//! How to read an item whose digits stand where some earlier item's stood.
//!
//! Items of a list differ in the lengths of their numbers, and in little else: a book of twenty
//! levels has perhaps ten different patterns of digits in it, and the next message has the same ones.
//! So the pattern (a bit for each byte: is it a digit?) is looked up in a small table, and what is
//! found there says all that has to be known: which bytes are text, and what text; which digits go
//! where; where the numbers end. Nothing has to be measured, and no branch depends on a length.
//!
//! A pattern that is not in the table is worked out, a few hundred instructions, and takes the place
//! of another one. The table does not grow. A server that sends a new pattern each time is read as
//! if there were no table.

/// How many numbers of an item are converted at most.
pub(crate) const LANES: usize = 3;

/// How many digits a converted number has at most.
pub(crate) const LANE: usize = 16;

/// How many bytes of an item are looked at.
pub(crate) const WINDOW: usize = 64;

/// How to read the items of one pattern of digits.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Recipe {
    /// The text of the window, where it is text.
    pub(crate) words: [u8; WINDOW],
    /// For each byte of the lanes, [`LANE`] a number, the byte of the window that goes there.
    pub(crate) places: [u8; WINDOW],
    /// The pattern. 0 is none: an item begins with a digit.
    pub(crate) key: u64,
    /// Which bytes of the window are text.
    pub(crate) is_word: u64,
    /// Which bytes of the window must not be zero: the first digits of numbers of several.
    pub(crate) not_zero: u64,
    /// Which bytes of the lanes are digits.
    pub(crate) is_digit: u64,
    /// Where the text that `words` has ends.
    pub(crate) end: u8,
    /// How many decimals each number has.
    pub(crate) decimals: [u8; LANES],
    /// Which of its texts the item has, where there is a choice.
    pub(crate) choice: u8,
}

impl Recipe {
    /// For no pattern.
    pub(crate) const NONE: Self = Self {
        words: [0; WINDOW],
        places: [0; WINDOW],
        key: 0,
        is_word: 0,
        not_zero: 0,
        is_digit: 0,
        end: 0,
        decimals: [0; LANES],
        choice: 0,
    };

    fn new(key: u64) -> Self {
        Self { key, ..Self::NONE }
    }

    /// Goes on with a text. None when the window is too short for it.
    fn push_words(&mut self, words: &[u8]) -> Option<()> {
        let at = usize::from(self.end);
        let end = at + words.len();
        self.words.get_mut(at..end)?.copy_from_slice(words);
        self.is_word |= bits(at, end);
        self.end = u8::try_from(end).ok()?;
        Some(())
    }

    /// Goes on with number `lane`, whose digits the pattern tells; a gap of one byte is its point, if
    /// it may have one. None when there is no number, or one too long.
    fn push_number(&mut self, lane: usize, may_have_point: bool) -> Option<()> {
        let start = usize::from(self.end);
        let whole = run_len(self.key, start);
        let point = start + whole;
        let fraction = if may_have_point {
            run_len(self.key, point + 1)
        } else {
            0
        };
        if whole == 0 || whole + fraction > LANE || point + 1 + fraction > WINDOW {
            return None;
        }
        if whole > 1 {
            self.not_zero |= 1 << start;
        }
        let first = (lane + 1) * LANE - (whole + fraction);
        self.is_digit |= bits(first, (lane + 1) * LANE);
        let digits = (start..point).chain(point + 1..point + 1 + fraction);
        for (place, digit) in self.places.get_mut(first..)?.iter_mut().zip(digits) {
            *place = u8::try_from(digit).ok()?;
        }
        *self.decimals.get_mut(lane)? = u8::try_from(fraction).ok()?;
        self.end = u8::try_from(point).ok()?;
        if fraction > 0 {
            self.push_words(b".")?;
            self.end += u8::try_from(fraction).ok()?;
        }
        Some(())
    }
}

/// The recipe of an item that is numbers with texts behind each, by its pattern. None when the
/// pattern is not of such an item.
pub(crate) fn recipe(key: u64, may_have_points: bool, texts: &[&[u8]]) -> Option<Recipe> {
    let mut recipe = Recipe::new(key);
    for (lane, text) in texts.iter().enumerate() {
        recipe.push_number(lane, may_have_points)?;
        recipe.push_words(text)?;
    }
    Some(recipe)
}

/// Bits `from` to before `to`.
fn bits(from: usize, to: usize) -> u64 {
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

/// Recipes by their patterns: a hash table of fixed size, two places a pattern.
#[derive(Clone, Debug)]
pub(crate) struct Recipes {
    table: Box<[Recipe]>,
    /// To take the top bits of a hash.
    shift: u32,
}

impl Recipes {
    /// No recipes yet, and room for 2^`bits`, 1 to 16.
    pub(crate) fn new(bits: u32) -> Self {
        Self {
            table: vec![Recipe::NONE; 1 << bits].into_boxed_slice(),
            shift: u64::BITS - bits,
        }
    }

    /// The recipe for a pattern, as it is known or as `make` tells.
    #[inline(always)]
    pub(crate) fn get(&mut self, key: u64, make: fn(u64) -> Option<Recipe>) -> Option<&Recipe> {
        // Sixteen bits at most.
        #[allow(clippy::cast_possible_truncation)]
        let mut place = (hash(key) >> self.shift) as usize;
        if self.table.get(place)?.key != key {
            place = self.get_other(place, key, make)?;
        }
        self.table.get(place)
    }

    /// Where the recipe is that is not in its first place: in its second one, or in either once it
    /// is learned, what is there being forgotten.
    #[cold]
    #[inline(never)]
    fn get_other(
        &mut self,
        first: usize,
        key: u64,
        make: fn(u64) -> Option<Recipe>,
    ) -> Option<usize> {
        let second = first ^ 1;
        if self.table.get(second)?.key == key {
            return Some(second);
        }
        let recipe = make(key)?;
        // The new one takes the first place, and what was there the second.
        self.table.swap(first, second);
        *self.table.get_mut(first)? = recipe;
        Some(first)
    }
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

    /// The pattern of a text up to its first byte that is behind `end`.
    fn pattern(text: &str) -> u64 {
        let digits = text.bytes().enumerate().filter(|(_, b)| b.is_ascii_digit());
        digits.fold(0, |key, (at, _)| key | 1 << at)
    }

    fn check(text: &str, recipe: &Recipe, numbers: &[(&str, u8)]) {
        let text = text.as_bytes();
        let end = usize::from(recipe.end);
        for (at, byte) in text.iter().enumerate().take(end) {
            if recipe.is_word >> at & 1 == 1 {
                assert_eq!(recipe.words[at], *byte);
            } else {
                assert!(byte.is_ascii_digit());
            }
        }
        for (lane, (digits, decimals)) in numbers.iter().enumerate() {
            let lane_bytes = lane * LANE..(lane + 1) * LANE;
            let found: String = lane_bytes
                .filter(|at| recipe.is_digit >> at & 1 == 1)
                .map(|at| char::from(text[usize::from(recipe.places[at])]))
                .collect();
            assert_eq!(found, *digits);
            assert_eq!(recipe.decimals[lane], *decimals);
        }
    }

    #[test]
    fn whole_numbers() {
        let texts: [&[u8]; 3] = [b",\"lots\":", b",\"count\":", b"}"];
        let text = "6684363,\"lots\":1004817,\"count\":12}";
        let found = recipe(pattern(text), false, &texts).unwrap();
        check(text, &found, &[("6684363", 0), ("1004817", 0), ("12", 0)]);
        assert_eq!(usize::from(found.end), text.len());
        assert_eq!(found.not_zero.count_ones(), 3);
        for bad in [
            "",
            "\"lots\":1",
            "1,\"lots\":2,\"count\":}",
            "12345678901234567,\"lots\":2,\"count\":3}",
        ] {
            assert!(recipe(pattern(bad), false, &texts).is_none(), "{bad}");
        }
    }

    #[test]
    fn decimals() {
        let texts: [&[u8]; 3] = [b",\"quantity\":", b",\"total\":", b"}"];
        let text = "0.499,\"quantity\":2560.29,\"total\":1277.5}";
        let found = recipe(pattern(text), true, &texts).unwrap();
        check(text, &found, &[("0499", 3), ("256029", 2), ("12775", 1)]);
        assert_eq!(usize::from(found.end), text.len());
        let text = "1,\"quantity\":272,\"total\":131.104}";
        let found = recipe(pattern(text), true, &texts).unwrap();
        check(text, &found, &[("1", 0), ("272", 0), ("131104", 3)]);
        let long = "1.5,\"quantity\":12345678901234567,\"total\":1}";
        assert!(recipe(pattern(long), true, &texts).is_none());
    }

    #[test]
    fn the_table_gives_back_what_was_put_in() {
        let make = |key| Some(Recipe::new(key));
        for bits in [1, 4, 10] {
            let mut recipes = Recipes::new(bits);
            let keys: Vec<u64> = (0..1000_u64).map(|n| ((n * n * 977) << 1) | 1).collect();
            for key in keys.iter().chain(&keys).chain(keys.iter().rev()) {
                assert_eq!(recipes.get(*key, make).unwrap().key, *key);
                assert_eq!(recipes.get(*key, |_| None).unwrap().key, *key, "known now");
            }
            assert!(recipes.get(0xabcd_ef01, |_| None).is_none());
        }
    }
}
