//! What is asked of an instruction set, and the answers of plain 64-bit arithmetic.

use super::raw::Three;

/// The most bytes of a number that is converted here, its point included.
pub(crate) const MAX_RUN: usize = 16;

/// What the bytes of a block are: a bit for each, the lowest for the first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Classes {
    pub(crate) digits: u64,
    pub(crate) points: u64,
    pub(crate) zeros: u64,
}

/// A decimal number without its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mantissa {
    /// Below 10^16.
    pub(crate) digits: u64,
    /// The byte of sixteen that the point was; [`NO_POINT`] when there was none. Behind it are as
    /// many decimals as bytes.
    pub(crate) point: usize,
}

/// The place of a point that is not there. Behind the last byte but one there can be none.
pub(crate) const NO_POINT: usize = MAX_RUN - 1;

/// The operations of the scanner that instruction sets do differently.
///
/// Numbers must be sound, as [`Runs`](super::runs::Runs) finds them; nothing but a wrong value
/// comes of it otherwise.
pub(crate) trait Isa: Copy {
    /// Sorts bytes; looks for points only when `POINTS`.
    fn classes<const POINTS: bool>(self, block: &[u8; 64]) -> Classes;

    /// Two whole numbers. None when one is longer than [`MAX_RUN`].
    fn two_integers(self, numbers: &Three<'_>, places: [usize; 2]) -> Option<[u64; 2]>;

    /// The first two numbers, with or without points. None as above.
    fn two_decimals(self, numbers: &Three<'_>) -> Option<[Mantissa; 2]>;
}

/// The portable answers: eight or sixteen bytes in a register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

const ONES: u64 = u64::from_le_bytes([1; 8]);
const TOPS: u64 = ONES << 7;
const ZEROS: u128 = u128::from_le_bytes([b'0'; 16]);
/// Set in a point and in no digit, once [`ZEROS`] are taken away by exclusive or.
const POINT_BITS: u128 = u128::from_le_bytes([0x10; 16]);

impl Isa for Portable {
    #[inline(always)]
    fn classes<const POINTS: bool>(self, block: &[u8; 64]) -> Classes {
        Classes {
            digits: mask(block, |word| !not_a_digit(word)),
            points: if POINTS {
                mask(block, |word| !not_this(word, b'.'))
            } else {
                0
            },
            zeros: mask(block, |word| !not_this(word, b'0')),
        }
    }

    #[inline(always)]
    fn two_integers(self, numbers: &Three<'_>, [a, b]: [usize; 2]) -> Option<[u64; 2]> {
        Some([
            sixteen(digits_of(numbers, a)?),
            sixteen(digits_of(numbers, b)?),
        ])
    }

    #[inline(always)]
    fn two_decimals(self, numbers: &Three<'_>) -> Option<[Mantissa; 2]> {
        Some([mantissa(numbers, 0)?, mantissa(numbers, 1)?])
    }
}

/// A bit for each byte of the block, from words with the top bit of each byte set.
#[inline(always)]
fn mask(block: &[u8; 64], tops: impl Fn(u64) -> u64) -> u64 {
    // The product moves the lowest bits of the eight bytes side by side to the top.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (words, _) = block.as_chunks::<8>();
    words.iter().rev().fold(0, |mask, word| {
        let bits = (tops(u64::from_le_bytes(*word)) & TOPS) >> 7;
        mask << 8 | bits.wrapping_mul(GATHER) >> 56
    })
}

/// The top bit of each byte that is no digit.
#[inline(always)]
fn not_a_digit(word: u64) -> u64 {
    let value = word ^ (ONES * u64::from(b'0'));
    // 0x76 carries every value from ten on into the top bit, and none into the next byte.
    ((value & !TOPS) + ONES * 0x76) | value
}

/// The top bit of each byte that is not `byte`.
#[inline(always)]
fn not_this(word: u64, byte: u8) -> u64 {
    let value = word ^ (ONES * u64::from(byte));
    ((value & !TOPS) + !TOPS) | value
}

/// The number's bytes less `'0'`, its last one at the top, zeros below its first.
#[inline(always)]
fn digits_of(numbers: &Three<'_>, number: usize) -> Option<u128> {
    let foreign = u32::try_from(MAX_RUN.checked_sub(numbers.len(number))? * 8).ok()?;
    let word = u128::from_le_bytes(*numbers.ending(number)) ^ ZEROS;
    (word >> foreign).checked_shl(foreign)
}

/// Sixteen digits, the first in the lowest byte.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // the two halves are meant
fn sixteen(digits: u128) -> u64 {
    eight(digits as u64) * 100_000_000 + eight((digits >> 64) as u64)
}

/// Eight digits, the first in the lowest byte: neighbours are added up, tens and ones, hundreds and
/// ones, ten thousands and ones (the method of D. Lemire, "Quickly parsing eight digits", 2018).
#[inline(always)]
pub(crate) fn eight(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// The value of the digits that sixteen bytes begin with, the first the lowest, and how many there are.
#[inline(always)]
pub(crate) fn leading_digits(bytes: u128) -> (u64, usize) {
    let word = bytes ^ ZEROS;
    // As `not_a_digit`, for sixteen.
    const TOPS: u128 = u128::from_le_bytes([0x80; 16]);
    let foreign = (((word & !TOPS) + u128::from_le_bytes([0x76; 16])) | word) & TOPS;
    let len = foreign.trailing_zeros() / 8;
    let digits = word.checked_shl(8 * (16 - len)).unwrap_or(0);
    (sixteen(digits), len as usize)
}

#[inline(always)]
fn mantissa(numbers: &Three<'_>, number: usize) -> Option<Mantissa> {
    let word = digits_of(numbers, number)?;
    let points = word & POINT_BITS | 1 << (8 * NO_POINT);
    let point = (points.trailing_zeros() / 8) as usize;
    Some(Mantissa {
        digits: sixteen(without_byte(word, point)),
        point,
    })
}

/// Takes byte `at` out, those below it moving up by one; [`NO_POINT`] takes nothing.
#[inline(always)]
fn without_byte(word: u128, at: usize) -> u128 {
    if at == NO_POINT {
        return word;
    }
    let below = (1 << (8 * at)) - 1;
    let above = !(below << 8 | 0xff);
    (word & below) << 8 | word & above
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scan::{Job, Scan, Way};

    struct Integers<'t>(Three<'t>);

    impl Job for Integers<'_> {
        type Output = Option<[u64; 2]>;
        #[inline(always)]
        fn run<I: Isa>(self, isa: I) -> Self::Output {
            isa.two_integers(&self.0, [1, 2])
        }
    }

    struct Decimals<'t>(Three<'t>);

    impl Job for Decimals<'_> {
        type Output = Option<[Mantissa; 2]>;
        #[inline(always)]
        fn run<I: Isa>(self, isa: I) -> Self::Output {
            isa.two_decimals(&self.0)
        }
    }

    /// Three numbers in a text, with other digits around them that must not count.
    fn text(numbers: [&str; 3]) -> (Vec<u8>, [usize; 6]) {
        let mut text = vec![b'9'; 40];
        let mut edges = [0; 6];
        for (edges, number) in edges.chunks_mut(2).zip(numbers) {
            text.extend(b".9:");
            edges[0] = text.len();
            text.extend(number.as_bytes());
            edges[1] = text.len();
        }
        (text, edges)
    }

    fn three(text: &[u8], edges: [usize; 6]) -> Three<'_> {
        Three::new(text, edges[0], edges.map(|edge| edge - edges[0])).unwrap()
    }

    const WAYS: [Scan; 3] = [Scan::Best, Scan::Avx2, Scan::Portable];

    proptest! {
        #[test]
        fn integers_are_what_the_standard_library_reads(
            a in "0|[1-9][0-9]{0,17}", b in "0|[1-9][0-9]{0,15}",
        ) {
            let (text, edges) = text(["1", &a, &b]);
            let expected = (a.len() <= MAX_RUN).then(|| [a.parse().unwrap(), b.parse().unwrap()]);
            for way in WAYS {
                let three = three(&text, edges);
                prop_assert_eq!(Way::new(way).run(Integers(three)).unwrap(), expected);
            }
        }

        #[test]
        fn decimals_are_what_the_text_says(
            a in "[0-9]{1,9}([.][0-9]{1,9})?", b in "[0-9]{1,7}([.][0-9]{1,8})?",
        ) {
            let (text, edges) = text([&a, &b, "1"]);
            let mantissa = |text: &str| Mantissa {
                digits: text.replace('.', "").parse().unwrap(),
                point: text.split_once('.').map_or(NO_POINT, |(_, after)| NO_POINT - after.len()),
            };
            let expected = (a.len() <= MAX_RUN).then(|| [mantissa(&a), mantissa(&b)]);
            for way in WAYS {
                let three = three(&text, edges);
                prop_assert_eq!(Way::new(way).run(Decimals(three)).unwrap(), expected);
            }
        }
    }
}
