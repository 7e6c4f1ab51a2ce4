//! The shapes of numbers of up to eight bytes, and their values.

use crate::digits::{each, eight, not_digits};

/// What a number of up to eight bytes looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// From which byte of the number each of eight digits comes, the last digit last. A byte with its top bit set is a
    /// zero.
    pub(super) sources: u64,
    /// What the value of the digits must not be below, so that the first of them is no superfluous zero.
    pub(super) least: u32,
    /// Its length in bytes.
    pub(super) len: u8,
    /// How many bytes stand before its point; its length if it has none.
    whole: u8,
    /// How many digits stand behind the point.
    pub(super) fraction: u8,
}

/// All shapes, at eight times the length plus the bytes before the point, less nine.
pub(super) static SHAPES: [Shape; 64] = {
    let mut shapes = [Shape::NONE; 64];
    let mut len = 1;
    while len <= 8 {
        let mut whole = 1;
        while whole <= len {
            // A point is followed by a digit.
            if whole + 1 != len {
                shapes[8 * len + whole - 9] = Shape::new(len, whole);
            }
            whole += 1;
        }
        len += 1;
    }
    shapes
};

impl Shape {
    /// Of no number.
    pub(super) const NONE: Self = Self {
        sources: u64::MAX,
        least: u32::MAX,
        len: 0,
        whole: 0,
        fraction: u8::MAX,
    };

    #[allow(clippy::cast_possible_truncation)] // up to 8
    const fn new(len: usize, whole: usize) -> Self {
        let count = if whole < len { len - 1 } else { len };
        let (mut from, mut digit, mut least) = ([0xff; 8], 0, 1);
        while digit < count {
            let source = if digit < whole { digit } else { digit + 1 };
            from[8 - count + digit] = source as u8;
            digit += 1;
            if digit < count {
                least *= 10;
            }
        }
        Self {
            sources: u64::from_le_bytes(from),
            least: if whole > 1 { least } else { 0 },
            len: len as u8,
            whole: whole as u8,
            fraction: (count - whole) as u8,
        }
    }

    /// That of a number of so many bytes, `whole` of them before its point. None of a longer one.
    #[inline(always)]
    pub(super) fn of(len: u32, whole: u32) -> Option<Self> {
        SHAPES
            .get(((8 * len + whole) as usize).wrapping_sub(9))
            .copied()
    }

    /// The point of a word in this shape, and a mask for it.
    #[inline(always)]
    pub(super) fn point(self) -> [u64; 2] {
        let at = |byte: u8| u64::from(byte).wrapping_shl(8 * u32::from(self.whole));
        let has_point = self.whole < self.len;
        if has_point {
            [at(b'.'), at(0xff)]
        } else {
            [0; 2]
        }
    }
}

/// How many digits a word begins with.
#[inline(always)]
pub(super) fn digits_len(word: u64) -> u32 {
    not_digits(word ^ each(b'0')).trailing_zeros() / 8
}

/// The digits of the number that a word begins with, without the point; and a bit where its shape has a digit and the word
/// has none.
#[inline(always)]
pub(super) fn decimal(word: u64, shape: Shape) -> (u64, u64) {
    let (len, whole) = (u32::from(shape.len), u32::from(shape.whole));
    if len == 0 {
        return (0, 0);
    }
    let text = (word ^ each(b'0')).wrapping_shl(64_u32.wrapping_sub(8 * len));
    if whole >= len {
        return (eight(text), not_digits(text));
    }
    // The digits before the point move one byte, onto it.
    let behind = 8 * (len - whole - 1);
    let up_to_point = u64::MAX.wrapping_shr(behind);
    let digits = text << 8 & up_to_point | text & !up_to_point;
    (eight(digits), not_digits(digits))
}
