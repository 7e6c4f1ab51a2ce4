//! How to read a level of the usual lengths with shuffles of sixteen bytes.
//!
//! Where no permutation of all bytes of a level is to be had, each number is loaded from where it begins, and a shuffle
//! puts its digits in the lanes of the [form](super::form): the first number's, the lower digits of the second, the
//! third's, and the second's higher ones. The text is compared where it stands: see [`Checks`].

use super::checks::Checks;
use super::form::{Form, HIGHER, LANES_END, place_of};
use super::parts::{Layout, NUMBERS, Part, WINDOW, lay_out};
use super::table::{Keyed, NO_KEY};

/// How many bytes are loaded for a number.
pub(crate) const LOAD: usize = 16;

/// What puts nothing in a byte of a lane.
const NOTHING: u8 = 0x80;

/// How to read the levels of one pattern.
///
/// Invariant, which [`Shuffles::new`] sees to and nothing changes: from each of `starts` on there are [`LOAD`] bytes
/// in a window. What loads them relies on it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Shuffles {
    pub(crate) checks: Checks,
    /// For each byte of the lanes, which of the bytes that are loaded for its number goes there.
    pub(crate) lanes: [u8; LANES_END],
    key: u64,
    /// From which byte of the window on the second and the third number are loaded.
    starts: [u8; NUMBERS - 1],
    /// Whether the second number has more than eight digits.
    pub(crate) is_long: bool,
}

impl Keyed for Shuffles {
    const NONE: Self = Self {
        checks: Checks::NONE,
        lanes: [NOTHING; LANES_END],
        key: NO_KEY,
        starts: [0; NUMBERS - 1],
        is_long: false,
    };

    #[inline(always)]
    fn key(&self) -> u64 {
        self.key
    }
}

impl Shuffles {
    /// For levels of these parts with this pattern. The last part is what stands between one and the next. None when
    /// the pattern is of no such level, its numbers are too long, or it is too long for a window.
    pub(crate) fn new(form: &Form, key: u64, parts: &[Part<'_>]) -> Option<Self> {
        let mut shuffling = Shuffling {
            form,
            shuffles: Self { key, ..Self::NONE },
            starts: [None; NUMBERS],
            texts: 0,
        };
        lay_out(key, parts, &mut shuffling)?;
        let Shuffling {
            mut shuffles,
            starts: [first, others @ ..],
            texts,
            ..
        } = shuffling;
        // With less text than the form's something would never be looked at.
        (first == Some(0) && texts == form.texts()).then_some(())?;
        for (start, found) in shuffles.starts.iter_mut().zip(others) {
            let found = found.unwrap_or(0);
            (found <= WINDOW - LOAD).then_some(())?;
            *start = u8::try_from(found).ok()?;
        }
        Some(shuffles)
    }

    /// From where on the second and the third number are loaded: [`LOAD`] bytes that are in the window.
    #[inline(always)]
    pub(crate) fn starts(&self) -> [usize; NUMBERS - 1] {
        self.starts.map(usize::from)
    }
}

struct Shuffling<'f> {
    form: &'f Form,
    shuffles: Shuffles,
    /// From where on each number is loaded, if its digits have been met.
    starts: [Option<usize>; NUMBERS],
    /// How much text there was.
    texts: usize,
}

impl Layout for Shuffling<'_> {
    fn text(&mut self, at: usize, words: &[u8]) -> Option<()> {
        self.form.goes_on_with(self.texts, words).then_some(())?;
        self.texts += words.len();
        self.shuffles.checks.text(at, words)
    }

    fn point(&mut self, _: usize, at: usize) -> Option<()> {
        self.shuffles.checks.text(at, b".")
    }

    fn whole(&mut self, _: usize, at: usize, count: usize) -> Option<()> {
        self.shuffles.checks.whole(at, count)
    }

    fn fraction(&mut self, at: usize, count: usize) -> Option<()> {
        self.shuffles.checks.digits(at, count)
    }

    fn digits(&mut self, number: usize, at: usize, count: usize, behind: usize) -> Option<()> {
        (number < self.form.numbers()).then_some(())?;
        let start = *self.starts.get_mut(number)?.get_or_insert(at);
        for (digit, at) in (at..at + count).enumerate() {
            let place = place_of(number, behind + count - 1 - digit)?;
            let byte = u8::try_from(at - start).ok()?;
            (usize::from(byte) < LOAD).then_some(())?;
            *self.shuffles.lanes.get_mut(place)? = byte;
            self.shuffles.is_long |= place >= HIGHER;
        }
        Some(())
    }

    fn zeros(&mut self, at: usize, count: usize) -> Option<()> {
        self.shuffles.checks.zeros(at, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::samples::{
        DECIMAL, DECIMALS, NO_DECIMALS, OUTCOME, SPOT, WHOLE, pattern, with,
    };

    /// What the shuffles make of a text, byte by byte: its numbers, if nothing is wrong with it.
    fn read(shuffles: &Shuffles, text: &str, is_last: bool) -> Option<[u64; NUMBERS]> {
        let mut window = [0; WINDOW];
        let len = text.len().min(WINDOW);
        window[..len].copy_from_slice(&text.as_bytes()[..len]);
        let Checks { words, mask } = &shuffles.checks;
        // Behind the last level there may be anything.
        let end = if is_last { text.find('}')? + 1 } else { WINDOW };
        let left = (0..end).map(|at| window[at].wrapping_sub(words[at]) & mask[at]);
        if left.max() != Some(0) {
            return None;
        }
        let [second, third] = shuffles.starts();
        let lane = |lane: usize, start: usize| {
            let bytes = &window[start..start + LOAD];
            let places = &shuffles.lanes[lane * 8..lane * 8 + 8];
            let digits = places.iter().map(|place| match *place {
                NOTHING => 0,
                place => bytes[usize::from(place)] & 0x0f,
            });
            digits.fold(0, |number, digit| number * 10 + u64::from(digit))
        };
        let higher = lane(3, second);
        assert!(shuffles.is_long || higher == 0, "{text}");
        Some([
            lane(0, 0),
            higher * 100_000_000 + lane(1, second),
            lane(2, third),
        ])
    }

    #[test]
    fn whole_numbers() {
        let parts = with(&WHOLE, b",{\"ticks\":");
        for (text, numbers) in [
            (
                "6684363,\"lots\":1004817,\"count\":12",
                [6_684_363, 1_004_817, 12],
            ),
            ("0,\"lots\":0,\"count\":0", [0, 0, 0]),
            (
                "1,\"lots\":9007199254740993,\"count\":1",
                [1, 9_007_199_254_740_993, 1],
            ),
            (
                "12345678,\"lots\":99999999,\"count\":12345678",
                [12_345_678, 99_999_999, 12_345_678],
            ),
        ] {
            let [next, last] = [",{\"ticks\":7", "],"].map(|behind| format!("{text}}}{behind}"));
            let shuffles = Shuffles::new(&SPOT, pattern(&next), &parts).unwrap();
            assert_eq!(read(&shuffles, &next, false), Some(numbers), "{next}");
            assert_eq!(read(&shuffles, &last, true), Some(numbers), "{last}");
            assert_eq!(read(&shuffles, &last, false), None, "{last}");
            assert_eq!(shuffles.is_long, numbers[1] > 99_999_999);
            // Any other byte where there is no digit makes it another text.
            for at in (0..next.len()).filter(|at| !next.as_bytes()[*at].is_ascii_digit()) {
                let mut wrong = next.clone();
                wrong.replace_range(at..=at, "x");
                if pattern(&wrong) == pattern(&next) {
                    assert_eq!(read(&shuffles, &wrong, false), None, "{wrong}");
                }
            }
        }
        let text = "12,\"lots\":34,\"count\":56},{\"ticks\":7";
        let shuffles = Shuffles::new(&SPOT, pattern(text), &parts).unwrap();
        assert_eq!(read(&shuffles, text, false), Some([12, 34, 56]));
        for (digits, others) in [("12", "02"), ("34", "04"), ("56", "06")] {
            assert_eq!(read(&shuffles, &text.replace(digits, others), false), None);
        }
        for none in [
            "",
            "\"lots\":1",
            "1,\"lots\":2,\"count\":}",
            "123456789,\"lots\":2,\"count\":3}",
            "1,\"lots\":12345678901234567,\"count\":3}",
            "1,\"lots\":2,\"count\":123456789}",
        ] {
            let shuffles = Shuffles::new(&SPOT, pattern(none), &parts);
            assert!(shuffles.is_none(), "{none}");
        }
    }

    #[test]
    fn decimals_become_steps() {
        let parts = with(&DECIMAL, b",{\"price\":");
        for (text, numbers) in DECIMALS {
            let is_long = numbers.is_some_and(|[price, _]| price > 99_999_999);
            let shuffles = Shuffles::new(&OUTCOME, pattern(text), &parts);
            assert_eq!(shuffles.is_none(), is_long, "{text}");
            let Some(shuffles) = shuffles else { continue };
            let found = read(&shuffles, text, true).map(|[price, quantity, _]| [price, quantity]);
            assert_eq!(found, numbers, "{text}");
        }
        for none in NO_DECIMALS {
            let found = Shuffles::new(&OUTCOME, pattern(none), &parts)
                .and_then(|shuffles| read(&shuffles, none, true));
            assert_eq!(found, None, "{none}");
        }
    }

    #[test]
    fn a_number_that_is_longer_than_what_is_loaded_is_none() {
        let parts = with(&DECIMAL, b",{\"price\":");
        for (quantity, is_some) in [("1234567890123.56", true), ("12345678901234.56", false)] {
            let text = format!("1,\"quantity\":{quantity},\"total\":1}}");
            let shuffles = Shuffles::new(&OUTCOME, pattern(&text), &parts);
            assert_eq!(shuffles.is_some(), is_some, "{text}");
        }
    }

    #[test]
    fn other_texts_than_the_forms_are_none() {
        let key = pattern("1,\"lots\":2,\"count\":3}");
        let parts = with(&WHOLE, b",{\"ticks\":");
        assert!(Shuffles::new(&SPOT, key, &parts).is_some());
        for other in [
            WHOLE.to_vec(),
            with(&parts, b"x"),
            with(&WHOLE, b",{\"ticks\";"),
        ] {
            assert!(Shuffles::new(&SPOT, key, &other).is_none(), "{other:?}");
        }
        assert!(Shuffles::new(&OUTCOME, key, &parts).is_none());
    }
}
