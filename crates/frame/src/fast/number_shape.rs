//! The shapes of numbers of up to eight bytes, and the conversion by shape.

use crate::digits::{each, eight, not_digits};

/// The shape of a number of up to eight bytes: its length and the position of its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The shuffle mask: the source byte of each of eight digits, the last digit last. A byte with its top bit set
    /// yields a zero.
    pub(super) sources: u64,
    /// The smallest valid value of the digits. A lower value has a leading zero.
    pub(super) least: u32,
    /// The length in bytes.
    pub(super) len: u8,
    /// The number of bytes before the point; the length if there is no point.
    whole: u8,
    /// The number of digits after the point.
    pub(super) fraction: u8,
}

/// All shapes. The index is `8 * len + whole - 9`.
pub(super) static SHAPES: [Shape; 64] = {
    let mut shapes = [Shape::NONE; 64];
    let mut len = 1;
    while len <= 8 {
        let mut whole = 1;
        while whole <= len {
            // A digit must follow the point.
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
    /// The shape of an absent number.
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

    /// The shape of a number of `len` bytes with `whole` bytes before its point. `None` for a longer one.
    #[inline(always)]
    pub(super) fn of(len: u32, whole: u32) -> Option<Self> {
        SHAPES
            .get(((8 * len + whole) as usize).wrapping_sub(9))
            .copied()
    }

    /// The point in a word of this shape, and the mask of its byte.
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

/// The number of leading digits of a word.
#[inline(always)]
pub(super) fn digits_len(word: u64) -> u32 {
    not_digits(word ^ each(b'0')).trailing_zeros() / 8
}

/// The value of the number at the start of a word, without its point, and a bit for each byte that should be a digit by
/// the shape but is not.
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
    // Moves the digits before the point by one byte, over the point.
    let behind = 8 * (len - whole - 1);
    let up_to_point = u64::MAX.wrapping_shr(behind);
    let digits = text << 8 & up_to_point | text & !up_to_point;
    (eight(digits), not_digits(digits))
}
