//! Numbers, eight digits at a time in a general register.

use super::lanes::Sixteen;
use super::window::{Window, sixteen};
use crate::digits::{each, eight, not_digits, sixteen_digits};

/// What a number of up to eight bytes looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Its length in bytes.
    pub(super) len: u32,
    /// How many bytes stand before its point; its length if it has none.
    pub(super) whole: u32,
}

/// What is known of a shape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traits {
    /// From which byte of the number each of eight digits comes, the last digit last. A byte with its top bit set is a
    /// zero.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub(super) sources: u64,
    /// What the value of the digits must not be below, so that the first of them is no superfluous zero. Nothing is enough
    /// for a shape that no number has.
    pub(super) least: u32,
    /// How many digits stand behind the point.
    pub(super) fraction: u32,
}

/// Those of each shape, at sixteen times the bytes before its point, plus its length.
static TRAITS: [Traits; 128] = {
    let none = Traits {
        sources: u64::MAX,
        least: u32::MAX,
        fraction: 0,
    };
    let mut traits = [none; 128];
    let mut len = 1;
    while len <= 8 {
        let mut whole = 1;
        while whole <= len {
            // A point is followed by a digit.
            if whole + 1 != len {
                traits[(whole * 16 + len) % 128] = traits_of(whole, len);
            }
            whole += 1;
        }
        len += 1;
    }
    traits
};

#[allow(clippy::cast_possible_truncation)] // up to 8
const fn traits_of(whole: usize, len: usize) -> Traits {
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
    Traits {
        sources: u64::from_le_bytes(from),
        least: if whole > 1 { least } else { 0 },
        fraction: (count - whole) as u32,
    }
}

impl Shape {
    /// That of so many digits.
    #[inline(always)]
    pub(super) fn digits(len: u32) -> Self {
        Self { len, whole: len }
    }

    /// That of the digits that a word begins with.
    #[inline(always)]
    pub(super) fn whole(word: u64) -> Self {
        Self::digits(not_digits(word ^ each(b'0')).trailing_zeros() / 8)
    }

    /// That of the number that sixteen bytes begin with.
    #[inline(always)]
    pub(super) fn decimal(text: &[u8; 16]) -> Self {
        let Run {
            digits,
            behind,
            point,
        } = Run::of(text);
        Self {
            len: (!(digits | point)).trailing_zeros(),
            whole: behind.trailing_zeros(),
        }
    }

    /// Negative if it has more bytes than there are traits for.
    #[inline(always)]
    pub(super) fn too_long(self) -> i64 {
        8 - i64::from(self.len)
    }

    #[inline(always)]
    pub(super) fn traits(self) -> &'static Traits {
        &TRAITS[(self.whole * 16 + self.len) as usize % 128]
    }

    /// The point of a word in this shape, and a mask for it.
    #[inline(always)]
    pub(super) fn point(self) -> [u64; 2] {
        let at = |byte: u8| u64::from(byte).wrapping_shl(8 * self.whole);
        let has_point = self.whole < self.len;
        if has_point {
            [at(b'.'), at(0xff)]
        } else {
            [0; 2]
        }
    }
}

/// The digits of the number that a word begins with, without the point; and a bit where its shape has a digit and the word
/// has none.
#[inline(always)]
pub(super) fn decimal(word: u64, shape: Shape) -> (u64, u64) {
    if shape.len == 0 {
        return (0, 0);
    }
    let text = (word ^ each(b'0')).wrapping_shl(64_u32.wrapping_sub(8 * shape.len));
    if shape.whole >= shape.len {
        return (eight(text), not_digits(text));
    }
    // The digits before the point move one byte, onto it.
    let behind = 8 * (shape.len - shape.whole - 1);
    let up_to_point = u64::MAX.wrapping_shr(behind);
    let digits = text << 8 & up_to_point | text & !up_to_point;
    (eight(digits), not_digits(digits))
}

/// Where the digits are that sixteen bytes begin with: a bit for each byte.
struct Run {
    /// The digits of all sixteen bytes.
    digits: u32,
    /// The first byte that is no digit.
    behind: u32,
    /// The same, if it is a point.
    point: u32,
}

impl Run {
    #[inline(always)]
    fn of(text: &[u8; 16]) -> Self {
        let [digits, points] = Sixteen::load(text).digits_and_points();
        let behind = !digits & (digits + 1);
        Self {
            digits,
            behind,
            point: behind & points,
        }
    }
}

/// How long the number is that sixteen bytes begin with; negative in the second place if it is not in the form of JSON.
#[inline(always)]
pub(super) fn passed(text: &[u8; 16]) -> (u32, i64) {
    let Run {
        digits,
        behind,
        point,
    } = Run::of(text);
    let len = (!(digits | point)).trailing_zeros();
    // Both are zero, or the first byte is no digit, or none is behind the point.
    let faults = (behind | point << 1 & !digits) & (1 | point << 1);
    let leading_zero = (i64::from(text[0] != b'0') - 1) & -i64::from(digits >> 1 & 1);
    (len, leading_zero | -i64::from(faults))
}

/// A number, how many bytes it has, and whether it is none or not in the form of JSON.
#[derive(Clone, Copy)]
pub(super) struct Integer {
    pub(super) value: u64,
    pub(super) len: usize,
    pub(super) bad: bool,
}

/// The whole number of up to 16 digits at an offset. Of a longer one, its first 16.
#[inline(always)]
pub(super) fn integer(window: &Window, at: usize) -> Integer {
    let text = sixteen(window, at);
    let (value, len) = sixteen_digits(text);
    let leading_zero = text[0] == b'0';
    Integer {
        value,
        len,
        bad: (len == 0) | (leading_zero & (len > 1)),
    }
}
