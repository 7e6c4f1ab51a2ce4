//! Digits that become numbers in general registers.

const ZEROS: u128 = u128::from_le_bytes([b'0'; 16]);

/// Eight digits, the first in the lowest byte: neighbours are added up, tens and ones, hundreds and
/// ones, ten thousands and ones (the method of D. Lemire, "Quickly parsing eight digits", 2018).
#[inline(always)]
pub(super) fn eight(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// Sixteen digits, the first in the lowest byte.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // the two halves are meant
fn sixteen(digits: u128) -> u64 {
    eight(digits as u64) * 100_000_000 + eight((digits >> 64) as u64)
}

/// The value of the digits that sixteen bytes begin with, the first the lowest, and how many there are.
#[inline(always)]
pub(super) fn leading_digits(bytes: u128) -> (u64, usize) {
    let word = bytes ^ ZEROS;
    // Every value from ten on is carried into the top bit.
    const TOPS: u128 = u128::from_le_bytes([0x80; 16]);
    let others = (((word & !TOPS) + u128::from_le_bytes([0x76; 16])) | word) & TOPS;
    let len = others.trailing_zeros() / 8;
    let digits = word.checked_shl(8 * (16 - len)).unwrap_or(0);
    (sixteen(digits), len as usize)
}
