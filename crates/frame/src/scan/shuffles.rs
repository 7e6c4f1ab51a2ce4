//! How to read a level of the usual lengths with shuffles of sixteen bytes.
//!
//! Where no permutation of all bytes of a level is to be had, each number is loaded from where it begins, and a shuffle
//! puts its digits in the lanes of the [form](super::form): the first number's, the lower digits of the second, the
//! third's, and the second's higher ones. The text is compared where it stands: see [`Checks`].

use super::checks::Checks;
use super::form::{Form, HIGHER, LANES_END, place_of};
use super::parts::{Layout, NUMBERS, Part, WINDOW, lay_out};
use super::table::Keyed;

/// How many bytes are loaded for a number.
pub(crate) const LOAD: usize = 16;

/// What puts nothing in a byte of a lane.
const NOTHING: u8 = 0x80;

/// How to read the levels of one pattern.
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
        key: Self::NO_KEY,
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
        };
        lay_out(key, parts, &mut shuffling)?;
        let Shuffling {
            mut shuffles,
            starts,
            ..
        } = shuffling;
        for (start, found) in shuffles.starts.iter_mut().zip(&starts[1..]) {
            *start = u8::try_from(found.unwrap_or(0)).ok()?;
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
}

impl Layout for Shuffling<'_> {
    fn text(&mut self, at: usize, words: &[u8]) -> Option<()> {
        self.shuffles.checks.text(at, words)
    }

    fn point(&mut self, _: usize, at: usize) -> Option<()> {
        self.text(at, b".")
    }

    fn whole(&mut self, _: usize, at: usize, count: usize) -> Option<()> {
        self.shuffles.checks.whole(at, count)
    }

    fn fraction(&mut self, at: usize, count: usize) -> Option<()> {
        self.shuffles.checks.digits(at, count)
    }

    fn digits(&mut self, number: usize, at: usize, count: usize, behind: usize) -> Option<()> {
        (number < self.form.numbers()).then_some(())?;
        let start = *self
            .starts
            .get_mut(number)?
            .get_or_insert(at.min(WINDOW - LOAD));
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
