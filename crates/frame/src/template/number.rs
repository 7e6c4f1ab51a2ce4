//! Numbers, eight digits at a time in a general register.

use super::window::{WINDOW, two_words, word};
use crate::scan::{eight, leading_digits};

const ONES: u64 = u64::from_le_bytes([1; 8]);
const ZEROS: u64 = ONES * b'0' as u64;
const TOPS: u64 = ONES << 7;

/// A number, how many bytes it has, and whether it is none or not in the form of JSON.
#[derive(Clone, Copy)]
pub(super) struct Integer {
    pub(super) value: u64,
    pub(super) len: usize,
    pub(super) bad: bool,
}

/// The whole number at an offset, of up to eight digits. Of a longer one, its first eight.
#[inline(always)]
pub(super) fn integer(window: &[u8; WINDOW], at: usize) -> Integer {
    let digits = word(window, at) ^ ZEROS;
    let bits = bits_of_digits(digits);
    Integer {
        value: eight(digits.wrapping_shl(64 - bits)),
        len: bits as usize / 8,
        bad: (bits == 0) | ((digits & 0xff == 0) & (bits > 8)),
    }
}

/// The same, of up to 16 digits.
#[inline(always)]
pub(super) fn long_integer(window: &[u8; WINDOW], at: usize) -> Integer {
    let [first, second] = two_words(window, at);
    let (value, len) = leading_digits(u128::from(second) << 64 | u128::from(first));
    let leading_zero = first & 0xff == u64::from(b'0');
    Integer {
        value,
        len,
        bad: (len == 0) | (leading_zero & (len > 1)),
    }
}

/// The first powers of ten.
pub(super) const POWERS: [u64; 19] = {
    let mut powers = [1; 19];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// How many bits the digits take that the word begins with; the word's bytes are less `'0'`.
#[inline(always)]
fn bits_of_digits(word: u64) -> u32 {
    // 0x76 carries every value from ten on into the top bit. Only a byte that is no digit itself carries into the next.
    let others = (word.wrapping_add(ONES * 0x76) | word) & TOPS;
    others.trailing_zeros() & !7
}

/// A decimal number of up to eight bytes: its digits without the point, and how many stand behind the point.
/// `len` is its length, from 1 to 8, `point` the offset of the point in it, `len` for none.
#[inline(always)]
pub(super) fn decimal(window: &[u8; WINDOW], at: usize, len: u32, point: u32) -> (u64, u32) {
    let digits = word(window, at) ^ ZEROS;
    let whole = low_bytes(point);
    let has_point = u32::from(point < len);
    // The digits behind the point move one byte, onto it.
    let joined = if has_point == 1 {
        digits & whole | digits >> 8 & !whole
    } else {
        digits
    };
    let count = len - has_point;
    (
        eight(joined.wrapping_shl(64 - 8 * count)),
        (len - point).saturating_sub(1),
    )
}

/// The lowest bytes of a word: `count`, below 8.
#[inline(always)]
fn low_bytes(count: u32) -> u64 {
    (1_u64.wrapping_shl(8 * count)).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_ends_before_any_other_byte() {
        let numbers = [
            "",
            "0",
            "7",
            "10",
            "1234567",
            "12345678",
            "123456789",
            "1234567890123456",
        ];
        for number in numbers {
            for behind in (0..=255).filter(|byte: &u8| !byte.is_ascii_digit()) {
                let mut window = [b'9'; WINDOW];
                window[..number.len()].copy_from_slice(number.as_bytes());
                window[number.len()] = behind;
                let read = long_integer(&window, 0);
                assert_eq!(read.len, number.len(), "{number} {behind}");
                let value = (!read.bad).then_some(read.value);
                assert_eq!(value, number.parse().ok(), "{number} {behind}");
            }
        }
    }
}
