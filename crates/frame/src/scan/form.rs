//! How to read a level of the usual lengths, in one order of bytes for all patterns.
//!
//! Nearly all levels have a price of eight digits at most, and a quantity of sixteen. Of such a level all bytes that
//! matter are put in an order that is the same for every pattern: first the digits of its numbers, in lanes of
//! eight; then the text between them, up to the first number of the next level; then the points, the first digits of
//! the numbers, and the digits that are finer than a step. What must be there is then the same for all levels of a
//! venue, and so is how the numbers are read: that is the [`Form`]. What depends on the pattern is only from which
//! byte of the level each comes: that is [`Places`], looked up in a table, and one permutation puts them there.
//!
//! Where a pattern has no byte for a place (a number is short, or has no point), one comes from [`OTHER`].

use super::parts::{Layout, NUMBERS, Part, WINDOW, lay_out};
use super::table::{Keyed, NO_KEY};

/// How many digits a lane has.
const LANE: usize = 8;

/// Lanes: of the first number, of the lower digits of the second, of the third, and of the second's higher ones.
pub(super) const LANES_END: usize = 4 * LANE;

/// Where the last of them begins.
pub(super) const HIGHER: usize = 3 * LANE;

/// Where a digit of a number goes, by how many digits are behind it. None when the number is too long.
pub(super) fn place_of(number: usize, behind: usize) -> Option<usize> {
    const LANES_OF: [&[usize]; NUMBERS] = [&[0], &[1, 3], &[2]];
    let lane = LANES_OF.get(number)?.get(behind / LANE)?;
    Some((lane + 1) * LANE - 1 - behind % LANE)
}

/// What is found in each place, from the first number of a level to that of the next. All bytes are less `'0'`.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Form {
    /// What is taken from each byte. Of a digit that is read nothing is; of the first of several one, so that eight
    /// is left at most.
    pub(crate) words: Bytes,
    /// Which bits of what is left must be zero.
    pub(crate) mask: Bytes,
    /// The same for the last level of a list, which no other one follows.
    pub(crate) mask_of_last: Bytes,
    /// How many numbers are read.
    numbers: usize,
    /// Which checks are of points, of first digits, and of those that are finer than a step: from here on. The texts
    /// are before them.
    points: usize,
    firsts: usize,
    finer: usize,
}

/// A byte for each place, as a register takes them.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Bytes(pub(crate) [u8; WINDOW]);

/// What is taken for a byte that a level does not have.
pub(crate) static OTHER: Bytes = {
    let mut other = [0; WINDOW];
    other[ONE as usize % WINDOW] = 1;
    other[POINT as usize % WINDOW] = less(b'.');
    Bytes(other)
};

/// Places behind the window: of [`OTHER`].
const ZERO: u8 = 64;
const ONE: u8 = 65;
const POINT: u8 = 66;

const fn less(byte: u8) -> u8 {
    byte.wrapping_sub(b'0')
}

impl Form {
    /// For levels of which the first `numbers` are read, 2 or 3, with these texts between and behind their
    /// three numbers, and `next` from there to the first number of the next one. Without points, if all numbers
    /// are whole. Does not compile if that is too much.
    pub(crate) const fn new(numbers: usize, texts: [&[u8]; 3], next: &[u8], points: bool) -> Self {
        assert!(numbers == 2 || numbers == NUMBERS);
        let mut form = Self {
            words: Bytes([0; WINDOW]),
            mask: Bytes([0; WINDOW]),
            mask_of_last: Bytes([0; WINDOW]),
            numbers,
            points: 0,
            firsts: 0,
            finer: 0,
        };
        let mut end = 0;
        let mut text = 0;
        while text < texts.len() {
            end = form.push(end, texts[text], 0xff, true);
            text += 1;
        }
        // Behind the last level of a list there may be anything, and something is left of first digits: neither may be
        // in a lane.
        assert!(form.place(end) >= LANES_END);
        end = form.push(end, next, 0xff, false);
        form.points = end;
        if points {
            end = form.push(end, &[b'.'; NUMBERS], 0xff, true);
        }
        form.firsts = end;
        end = form.push(end, &[b'1'; NUMBERS], 0xf0, true);
        form.finer = end;
        while form.place(end) < WINDOW {
            end = form.push(end, b"0", 0xff, true);
        }
        form
    }

    /// How many numbers are read, the first ones.
    pub(super) const fn numbers(&self) -> usize {
        self.numbers
    }

    /// How many bytes of text a level has, with what stands between it and the next one.
    pub(super) const fn texts(&self) -> usize {
        self.points
    }

    /// Whether the text of a level goes on with `words`, after so many bytes of it.
    pub(super) fn goes_on_with(&self, so_far: usize, words: &[u8]) -> bool {
        let expected = (so_far..self.points).map(|check| self.words.0.get(self.place(check)));
        so_far + words.len() <= self.points
            && expected
                .zip(words)
                .all(|(byte, word)| byte == Some(&less(*word)))
    }

    const fn push(&mut self, check: usize, words: &[u8], mask: u8, of_last: bool) -> usize {
        let mut word = 0;
        while word < words.len() {
            let place = self.place(check + word);
            self.words.0[place] = less(words[word]);
            self.mask.0[place] = mask;
            if of_last {
                self.mask_of_last.0[place] = mask;
            }
            word += 1;
        }
        check + words.len()
    }

    /// Where what is checked has its place: behind the lanes, and before that in one that no number has. (Of a good
    /// text nothing is left, so that it is as if the lane were empty.)
    const fn place(&self, check: usize) -> usize {
        const FREE: usize = 2 * LANE;
        match check.checked_sub(if self.numbers < NUMBERS { LANE } else { 0 }) {
            Some(behind) => LANES_END + behind,
            None => FREE + check,
        }
    }
}

/// From where each place of the form comes, for one pattern: a byte of the window, or of [`OTHER`].
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Places {
    pub(crate) places: Bytes,
    key: u64,
    /// Whether the second number has more than eight digits.
    pub(crate) is_long: bool,
}

impl Keyed for Places {
    // Nothing comes from the window: no text would be as it must be.
    const NONE: Self = Self {
        places: Bytes([ZERO; WINDOW]),
        key: NO_KEY,
        is_long: false,
    };

    #[inline(always)]
    fn key(&self) -> u64 {
        self.key
    }
}

impl Places {
    /// For levels of these parts with this pattern. The last part is what stands between one and the next. None when
    /// the pattern is of no such level, or its numbers are too long.
    pub(crate) fn new(form: &Form, key: u64, parts: &[Part<'_>]) -> Option<Self> {
        let mut placing = Placing {
            form,
            places: [ZERO; WINDOW],
            texts: 0,
            finer: form.finer,
            is_long: false,
        };
        (form.points..form.firsts).try_for_each(|check| placing.check(check, POINT))?;
        (form.firsts..form.finer).try_for_each(|check| placing.check(check, ONE))?;
        lay_out(key, parts, &mut placing)?;
        // With less text than the form's something would never be looked at.
        (placing.texts == form.texts()).then_some(Self {
            places: Bytes(placing.places),
            key,
            is_long: placing.is_long,
        })
    }
}

struct Placing<'f> {
    form: &'f Form,
    places: [u8; WINDOW],
    /// Which check the next byte of text is for, and the next digit that is finer than a step.
    texts: usize,
    finer: usize,
    is_long: bool,
}

impl Placing<'_> {
    /// What is checked comes from there.
    fn check(&mut self, check: usize, from: u8) -> Option<()> {
        *self.places.get_mut(self.form.place(check))? = from;
        Some(())
    }
}

/// A byte of the window.
fn byte(at: usize) -> Option<u8> {
    u8::try_from(at).ok().filter(|byte| *byte < ZERO)
}

impl Layout for Placing<'_> {
    fn text(&mut self, at: usize, words: &[u8]) -> Option<()> {
        self.form.goes_on_with(self.texts, words).then_some(())?;
        for at in at..at + words.len() {
            self.check(self.texts, byte(at)?)?;
            self.texts += 1;
        }
        Some(())
    }

    fn point(&mut self, number: usize, at: usize) -> Option<()> {
        let check = self.form.points + number;
        (check < self.form.firsts).then_some(())?;
        self.check(check, byte(at)?)
    }

    fn whole(&mut self, number: usize, at: usize, count: usize) -> Option<()> {
        if count > 1 {
            self.check(self.form.firsts + number, byte(at)?)?;
        }
        Some(())
    }

    fn fraction(&mut self, _: usize, _: usize) -> Option<()> {
        Some(())
    }

    fn digits(&mut self, number: usize, at: usize, count: usize, behind: usize) -> Option<()> {
        (number < self.form.numbers).then_some(())?;
        for (digit, at) in (at..at + count).enumerate() {
            let place = place_of(number, behind + count - 1 - digit)?;
            *self.places.get_mut(place)? = byte(at)?;
            self.is_long |= place >= HIGHER;
        }
        Some(())
    }

    fn zeros(&mut self, at: usize, count: usize) -> Option<()> {
        for at in at..at + count {
            self.check(self.finer, byte(at)?)?;
            self.finer += 1;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::samples::{
        DECIMAL, DECIMALS, NO_DECIMALS, OUTCOME, SPOT, WHOLE, pattern, with,
    };

    /// What a form makes of a text, byte by byte: its numbers, if nothing is wrong with it.
    fn read(form: &Form, places: &Places, text: &str, is_last: bool) -> Option<Vec<u64>> {
        let mut both = [0; 2 * WINDOW];
        for (byte, text) in both.iter_mut().zip(text.bytes().take(WINDOW)) {
            *byte = less(text);
        }
        both[WINDOW..].copy_from_slice(&OTHER.0);
        let left = |place: usize| {
            both[usize::from(places.places.0[place])].wrapping_sub(form.words.0[place])
        };
        let mask = if is_last {
            &form.mask_of_last
        } else {
            &form.mask
        };
        if (0..WINDOW).any(|place| left(place) & mask.0[place] != 0) {
            return None;
        }
        let lanes = [0, 1, 2, 3].map(|lane| {
            let digits = (lane * LANE..(lane + 1) * LANE).map(left);
            digits.fold(0, |number, digit| number * 10 + u64::from(digit))
        });
        let [first, low, third, high] = lanes;
        let numbers = [first, high * 100_000_000 + low, third];
        Some(numbers[..form.numbers].to_vec())
    }

    #[test]
    fn whole_numbers() {
        let parts = with(&WHOLE, b",{\"ticks\":");
        let texts = [
            (
                "6684363,\"lots\":1004817,\"count\":12",
                [6_684_363, 1_004_817, 12],
            ),
            ("0,\"lots\":0,\"count\":0", [0, 0, 0]),
            (
                "10,\"lots\":99999999,\"count\":10000000",
                [10, 99_999_999, 10_000_000],
            ),
            (
                "1,\"lots\":9007199254740993,\"count\":1",
                [1, 9_007_199_254_740_993, 1],
            ),
        ];
        for (text, numbers) in texts {
            let [next, last] = [",{\"ticks\":7", "],"].map(|behind| format!("{text}}}{behind}"));
            let places = Places::new(&SPOT, pattern(&next), &parts).unwrap();
            assert_eq!(
                read(&SPOT, &places, &next, false),
                Some(numbers.to_vec()),
                "{next}"
            );
            assert_eq!(
                read(&SPOT, &places, &next, true),
                Some(numbers.to_vec()),
                "{next}"
            );
            assert_eq!(
                read(&SPOT, &places, &last, true),
                Some(numbers.to_vec()),
                "{last}"
            );
            assert_eq!(read(&SPOT, &places, &last, false), None, "{last}");
        }
        let good = "6684363,\"lots\":1004817,\"count\":12},{\"ticks\":7";
        let places = Places::new(&SPOT, pattern(good), &parts).unwrap();
        // Any other byte than a digit of a number makes it another text.
        for at in 0..good.len() - 1 {
            let is_digit = good.as_bytes()[at].is_ascii_digit();
            for other in [b'0', b'x', b'/', b':', 0x80, 0] {
                let mut text = good.as_bytes().to_vec();
                text[at] = other;
                let Ok(text) = String::from_utf8(text) else {
                    continue;
                };
                let is_first = at == 0 || !good.as_bytes()[at - 1].is_ascii_digit();
                let taken = text == good || (is_digit && other == b'0' && !is_first);
                if pattern(&text) == pattern(good) {
                    let found = read(&SPOT, &places, &text, false);
                    assert_eq!(found.is_some(), taken, "{text}");
                }
            }
        }
        for none in [
            "",
            "\"lots\":1",
            "1,\"lots\":2,\"count\":}",
            "123456789,\"lots\":2,\"count\":3}",
            "1,\"lots\":12345678901234567,\"count\":3}",
            "1,\"lots\":2,\"count\":123456789}",
        ] {
            assert!(
                Places::new(&SPOT, pattern(none), &parts).is_none(),
                "{none}"
            );
        }
    }

    #[test]
    fn decimals_become_steps() {
        let parts = with(&DECIMAL, b",{\"price\":");
        for (text, numbers) in DECIMALS {
            let is_long = numbers.is_some_and(|[price, _]| price > 99_999_999);
            // There is room for two digits that are finer than a step.
            let is_fine = text.starts_with("0.4990,\"quantity\":1.2500");
            let places = Places::new(&OUTCOME, pattern(text), &parts);
            assert_eq!(places.is_none(), is_long || is_fine, "{text}");
            let Some(places) = places else { continue };
            let found = read(&OUTCOME, &places, text, true);
            assert_eq!(found, numbers.map(|numbers| numbers.to_vec()), "{text}");
        }
        for none in NO_DECIMALS {
            let places = Places::new(&OUTCOME, pattern(none), &parts);
            let found = places.and_then(|places| read(&OUTCOME, &places, none, true));
            assert_eq!(found, None, "{none}");
        }
    }

    #[test]
    fn other_texts_than_the_forms_are_not_placed() {
        let key = pattern("1,\"lots\":2,\"count\":3}");
        let parts = with(&WHOLE, b",{\"ticks\":");
        assert!(Places::new(&SPOT, key, &parts).is_some());
        assert!(Places::new(&SPOT, key, &WHOLE).is_none(), "too little");
        assert!(
            Places::new(&SPOT, key, &with(&parts, b"x")).is_none(),
            "too much"
        );
        assert!(Places::new(&SPOT, key, &with(&WHOLE, b",{\"ticks\";")).is_none());
        assert!(Places::new(&OUTCOME, key, &parts).is_none());
    }
}
