//! Conversion of up to eight digits to a number, in a general register.

/// A word with `byte` in each of its bytes.
pub(crate) const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The top bit of each byte.
const TOPS: u64 = each(0x80);

/// The first powers of ten.
pub(crate) static POWERS: [u64; 19] = {
    let mut powers = [1; 19];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// The top bit of each byte above nine, exact up to the first such byte.
#[inline(always)]
pub(crate) fn not_digits(digits: u64) -> u64 {
    // Adding 0x76 carries every value of ten or more into the top bit. Only a byte that is not a digit carries into the
    // next one.
    (digits.wrapping_add(each(0x76)) | digits) & TOPS
}

/// The value of eight digits, the first in the lowest byte. Combines neighbours to pairs, fours and eights (D. Lemire,
/// "Quickly parsing eight digits", 2018).
#[inline(always)]
pub(crate) fn eight(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// The value and the number of the leading digits of a word, the first in the lowest byte.
#[inline(always)]
pub(crate) fn leading_digits(word: u64) -> (u64, usize) {
    let digits = word ^ each(b'0');
    let bits = not_digits(digits).trailing_zeros() & !7;
    (value(digits, bits), bits as usize / 8)
}

/// The value of the digits in the lowest `bits` bits of a word, the first in the lowest byte.
#[inline(always)]
pub(crate) fn value(digits: u64, bits: u32) -> u64 {
    eight(digits.checked_shl(64 - bits).unwrap_or(0))
}
