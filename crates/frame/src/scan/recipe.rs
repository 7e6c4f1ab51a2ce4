//! How to read an item whose digits stand where some earlier item's stood.
//!
//! The pattern of an item's digits is looked up in a [table](super::table), and what is
//! found there says all that has to be known: which bytes are text, and what text; which digits go
//! where. Nothing has to be measured, and no branch depends on a length.
//!
//! Digits go to lanes, the last one to the end of its lane. Lanes are narrow, two of eight digits and one
//! of sixteen, which is all that most items take and half a register; or wide, three of sixteen. A
//! number with decimals becomes whole steps of its scale on the way: its digits go where they belong in
//! the number of steps, what is missing behind them stays zero, and what is finer than a step must be a
//! zero in the text. So the scale is part of the recipe, and nothing has to be multiplied.

use super::checks::Checks;
use super::parts::{Layout, NUMBERS, Part, WINDOW, lay_out, run_len};
use super::table::{Keyed, NO_KEY};

/// How to read the items of one pattern of digits.
///
/// What the [`Checks`] take from the window leaves the digits' values, which go to the lanes, but of the first of
/// several one too little: `bias` makes up for it. The other bytes of the lanes are taken from where a text stands,
/// and so are zero.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Recipe {
    pub(crate) checks: Checks,
    /// For each byte of the lanes, the byte of the window that goes there.
    pub(crate) places: [u8; WINDOW],
    /// What is to be added to the numbers: of narrow lanes, to each group of eight digits, as they come
    /// to lie in a register; of wide ones, to each number, its lower half first.
    pub(crate) bias: [u32; 8],
    key: u64,
    /// Whether the lanes are wide.
    pub(crate) is_wide: bool,
    /// Which of its texts the item has, where there is a choice.
    pub(crate) choice: u8,
}

impl Keyed for Recipe {
    const NONE: Self = Self {
        checks: Checks::NONE,
        places: [0; WINDOW],
        bias: [0; 8],
        key: NO_KEY,
        is_wide: false,
        choice: 0,
    };

    #[inline(always)]
    fn key(&self) -> u64 {
        self.key
    }
}

impl Recipe {
    /// For items of these parts with this pattern. None when the pattern is of no such item.
    pub(crate) fn new(key: u64, parts: &[Part<'_>]) -> Option<Self> {
        let made = |is_wide| {
            // The byte behind the first number is text.
            let filler = u8::try_from(run_len(key, 0)).ok()?;
            let mut recipe = Self {
                key,
                is_wide,
                places: [filler; WINDOW],
                ..Self::NONE
            };
            lay_out(key, parts, &mut recipe)?;
            Some(recipe)
        };
        made(false).or_else(|| made(true))
    }

    /// Where a lane begins and ends.
    fn lane(&self, lane: usize) -> Option<(usize, usize)> {
        const NARROW: [(usize, usize); NUMBERS] = [(0, 8), (8, 16), (16, 32)];
        const WIDE: [(usize, usize); NUMBERS] = [(0, 16), (16, 32), (32, 48)];
        let lanes = if self.is_wide { WIDE } else { NARROW };
        lanes.get(lane).copied()
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

impl Layout for Recipe {
    fn text(&mut self, at: usize, words: &[u8]) -> Option<()> {
        self.checks.text(at, words)
    }

    fn point(&mut self, _: usize, at: usize) -> Option<()> {
        self.text(at, b".")
    }

    fn whole(&mut self, _: usize, at: usize, count: usize) -> Option<()> {
        self.checks.whole(at, count)
    }

    fn fraction(&mut self, at: usize, count: usize) -> Option<()> {
        self.checks.digits(at, count)
    }

    fn digits(&mut self, number: usize, at: usize, count: usize, behind: usize) -> Option<()> {
        let (start, end) = self.lane(number)?;
        let first = end.checked_sub(behind + count).filter(|to| *to >= start)?;
        for (place, digit) in self.places[first..first + count].iter_mut().zip(at..) {
            *place = u8::try_from(digit).ok()?;
        }
        let is_one_too_small = count > 1 && self.checks.words.get(at) == Some(&b'1');
        if is_one_too_small {
            self.add(number, behind + count - 1)?;
        }
        Some(())
    }

    fn zeros(&mut self, at: usize, count: usize) -> Option<()> {
        self.checks.zeros(at, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::samples::{DECIMAL, DECIMALS, NO_DECIMALS, WHOLE, pattern};

    /// What a recipe makes of a text, byte by byte: its numbers, if nothing is wrong with it.
    fn read(recipe: &Recipe, text: &str) -> Option<[u64; NUMBERS]> {
        let mut window = [0; WINDOW];
        let len = text.len().min(WINDOW);
        window[..len].copy_from_slice(&text.as_bytes()[..len]);
        let left: Vec<u8> = window
            .iter()
            .zip(recipe.checks.words)
            .map(|(byte, word)| byte.wrapping_sub(word))
            .collect();
        if left
            .iter()
            .zip(recipe.checks.mask)
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

    fn made(text: &str, parts: &[Part<'_>]) -> Option<Recipe> {
        Recipe::new(pattern(text), parts)
    }

    #[test]
    fn whole_numbers() {
        let text = "6684363,\"lots\":1004817,\"count\":12},{\"ticks\":7";
        let recipe = made(text, &WHOLE).unwrap();
        assert_eq!(read(&recipe, text), Some([6_684_363, 1_004_817, 12]));
        assert!(!recipe.is_wide);
        for wrong in [
            "0684363,\"lots\":1004817,\"count\":12},{\"ticks\":7",
            "6684363,\"lots\":1004817,\"count\":02},{\"ticks\":7",
            "6684363,\"lotz\":1004817,\"count\":12},{\"ticks\":7",
        ] {
            assert_eq!(read(&recipe, wrong), None, "{wrong}");
        }
        let long = "123456789,\"lots\":1,\"count\":0}";
        let recipe = made(long, &WHOLE).unwrap();
        assert!(recipe.is_wide);
        assert_eq!(read(&recipe, long), Some([123_456_789, 1, 0]));
        for none in [
            "",
            "\"lots\":1",
            "1,\"lots\":2,\"count\":}",
            "12345678901234567,\"lots\":2,\"count\":3}",
            "1,\"lots\":2,\"count\":123456789}",
        ] {
            assert!(made(none, &WHOLE).is_none(), "{none}");
        }
    }

    #[test]
    fn decimals_become_steps() {
        for (text, numbers) in DECIMALS {
            let recipe = made(text, &DECIMAL).unwrap();
            let found = read(&recipe, text).map(|[price, quantity, _]| [price, quantity]);
            assert_eq!(found, numbers, "{text}");
        }
        for none in NO_DECIMALS {
            let recipe = made(none, &DECIMAL);
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
                let recipe = made(&text, &parts).unwrap();
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
                let recipe = made(&text, &parts).unwrap();
                let [first, _, third] = read(&recipe, &text).unwrap();
                assert_eq!((first.to_string(), third.to_string()), (a, c));
            }
        }
    }
}
