//! Digits that become numbers, eight of them in a general register.

/// The byte in each byte of a word.
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
    // 0x76 carries every value from ten on into the top bit. Only a byte that is no digit itself carries into the next.
    (digits.wrapping_add(each(0x76)) | digits) & TOPS
}

/// Eight digits, the first in the lowest byte: neighbours are added up, tens and ones, hundreds and
/// ones, ten thousands and ones (the method of D. Lemire, "Quickly parsing eight digits", 2018).
#[inline(always)]
pub(crate) fn eight(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// The value of the digits that a word begins with, the first the lowest, and how many there are.
#[inline(always)]
pub(crate) fn leading_digits(word: u64) -> (u64, usize) {
    let digits = word ^ each(b'0');
    let bits = not_digits(digits).trailing_zeros() & !7;
    (value(digits, bits), bits as usize / 8)
}

/// The value of the digits in the lowest bits of a word, the first the lowest.
#[inline(always)]
pub(crate) fn value(digits: u64, bits: u32) -> u64 {
    eight(digits.checked_shl(64 - bits).unwrap_or(0))
}
