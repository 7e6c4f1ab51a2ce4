//! The venue's checksum of a book.
//!
//! The input of the CRC is short, at most 760 digits, so converting the digits costs more than the CRC. [`Digits`]
//! converts eight of them at once with three multiplications, as lanes of one 64-bit word. It writes all levels into
//! one buffer, which takes a single CRC update.

use ticklot_book::Level;

/// The number of levels on each side that the checksum covers.
pub const CHECKSUM_LEVELS: usize = 10;

/// The CRC-32 (IEEE) of a book's ten best asks, lowest price first, followed by its ten best bids,
/// highest price first, as the venue computes it.
///
/// A level contributes the digits of its price and then those of its quantity, as printed with the instrument's
/// precision, without the point and without leading zeros. These are the decimal digits of
/// [`Ticks`](ticklot_book::Ticks) and [`Lots`](ticklot_book::Lots) for a scale with exactly that precision
/// ([`Pair::scale`](super::Pair::scale)). Any other scale results in another checksum. Zeros and signs are ignored,
/// because neither occurs in a book.
///
/// Levels after the tenth of a side are ignored. Does not allocate.
///
/// ```
/// use ticklot_book::{Level, Lots, Ticks};
/// use ticklot_frame::kraken::checksum;
///
/// let asks = [Level::new(Ticks(5668), Lots(441_079_769_741))];
/// let bids = [Level::new(Ticks(5666), Lots(483_175_496_356))];
/// // CRC-32 of "56684410797697415666483175496356".
/// assert_eq!(checksum(asks.into_iter(), bids.into_iter()), 0x9e15_c8a2);
/// ```
#[must_use]
pub fn checksum(asks: impl Iterator<Item = Level>, bids: impl Iterator<Item = Level>) -> u32 {
    let mut digits = Digits::new();
    for level in asks.take(CHECKSUM_LEVELS) {
        digits.push_level(level);
    }
    for level in bids.take(CHECKSUM_LEVELS) {
        digits.push_level(level);
    }
    crc32fast::hash(digits.written())
}

/// The number of digits of one word, which are written at once.
const BLOCK: usize = 8;

/// The smallest number that does not fit a block.
const BLOCK_LIMIT: u64 = 100_000_000;

/// Three blocks hold the 19 digits of 2^63, the largest magnitude.
const NUMBER: usize = 3 * BLOCK;

/// The space for all numbers of both sides. They have at most 19 digits each, so the last one also has room for three
/// full blocks.
const CAPACITY: usize = 2 * 2 * CHECKSUM_LEVELS * NUMBER;

/// The digits of the levels.
struct Digits {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Digits {
    fn new() -> Self {
        Self {
            bytes: [0; CAPACITY],
            len: 0,
        }
    }

    fn written(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn push_level(&mut self, level: Level) {
        self.push(level.ticks.0.unsigned_abs());
        self.push(level.lots.0.unsigned_abs());
    }

    fn push(&mut self, number: u64) {
        let rest = self.bytes.get_mut(self.len..).unwrap_or_default();
        if let Some(out) = rest.first_chunk_mut() {
            self.len += write_number(out, number);
        }
    }
}

/// Writes a number without leading zeros, and nothing for zero. Returns the number of digits.
///
/// Blocks are written completely, so the bytes after the number are overwritten, too.
fn write_number(out: &mut [u8; NUMBER], number: u64) -> usize {
    let (high, low) = split(number);
    if high == 0 {
        return write_first(out, low);
    }
    let (top, middle) = split(high);
    if top == 0 {
        let len = write_first(out, middle);
        return write_next(out, len, low);
    }
    let (_, top) = split(top);
    let len = write_first(out, top);
    let len = write_next(out, len, middle);
    write_next(out, len, low)
}

/// Splits off the last eight digits.
#[expect(clippy::cast_possible_truncation)] // less than 10^8
const fn split(number: u64) -> (u64, u32) {
    let high = number / BLOCK_LIMIT;
    (high, (number - high * BLOCK_LIMIT) as u32)
}

/// Writes the first block of a number, from its first nonzero digit.
fn write_first(out: &mut [u8; NUMBER], block: u32) -> usize {
    let digits = eight_digits(block);
    // The first digit is the lowest byte, so leading zeros are trailing zero bytes.
    let zeros = digits.trailing_zeros() / u8::BITS;
    let text = (digits | ASCII_ZEROS).checked_shr(zeros * u8::BITS);
    write_block(out, 0, text.unwrap_or(0));
    BLOCK - zeros as usize
}

/// Writes all eight digits of a block at `len`.
fn write_next(out: &mut [u8; NUMBER], len: usize, block: u32) -> usize {
    write_block(out, len, eight_digits(block) | ASCII_ZEROS);
    len + BLOCK
}

fn write_block(out: &mut [u8; NUMBER], at: usize, text: u64) {
    let rest = out.get_mut(at..).unwrap_or_default();
    if let Some(block) = rest.first_chunk_mut() {
        *block = text.to_le_bytes();
    }
}

/// The digit `0` in each byte.
const ASCII_ZEROS: u64 = 0x3030_3030_3030_3030;

/// The eight decimal digits of a number below 10^8, one per byte, the first in the lowest byte.
///
/// Each step splits every lane of `n` into a quotient `q` and a remainder `r = n - d q`: one lane of eight digits, two
/// of four, four of two, eight of one. If the remainder's lane is `w` bits above the quotient's, the result is `q + (r
/// << w)`, which is `(n << w) - q ((d << w) - 1)`.
///
/// A division of a lane by a constant is a multiplication and a shift. It is exact in the range of the lane: `10486 /
/// 2^20` divides by 100 up to 9,999, and `103 / 2^10` divides by 10 up to 99.
const fn eight_digits(number: u32) -> u64 {
    let (number, high) = (number as u64, (number / 10_000) as u64);
    let fours = (number << 32) - high * ((10_000 << 32) - 1);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = (fours << 16) - hundreds * ((100 << 16) - 1);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    (twos << 8) - tens * ((10 << 8) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ticklot_book::{Lots, Ticks};

    use super::*;

    /// The venue's rule, applied to text level by level.
    fn oracle(asks: &[Level], bids: &[Level]) -> u32 {
        let mut text = String::new();
        for level in asks.iter().take(10).chain(bids.iter().take(10)) {
            for number in [level.ticks.0, level.lots.0] {
                let digits = number.unsigned_abs().to_string();
                text.push_str(digits.trim_start_matches('0'));
            }
        }
        bitwise_crc(text.as_bytes())
    }

    fn bitwise_crc(text: &[u8]) -> u32 {
        let mut crc = u32::MAX;
        for &byte in text {
            crc ^= u32::from(byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
            }
        }
        !crc
    }

    fn pushed(number: u64) -> String {
        let mut digits = Digits::new();
        digits.push(number);
        String::from_utf8(digits.written().to_vec()).unwrap()
    }

    #[test]
    fn every_length_of_number() {
        assert_eq!(pushed(0), "");
        let mut power = 1_u64;
        for _ in 0..19 {
            for number in [power, power + 1, power * 9, power * 10 - 1] {
                assert_eq!(pushed(number), number.to_string());
            }
            power = power.saturating_mul(10);
        }
        let largest = i64::MIN.unsigned_abs();
        assert_eq!(pushed(largest), largest.to_string());
    }

    #[test]
    fn four_digits_in_both_halves() {
        for four in 0..10_000_u32 {
            for number in [four, four * 10_000, four * 10_001] {
                let text = (eight_digits(number) | ASCII_ZEROS).to_le_bytes();
                assert_eq!(text, format!("{number:08}").as_bytes());
            }
        }
    }

    #[test]
    fn crc_of_check_string() {
        // 0xcbf43926 is the published check value of this CRC for these digits.
        let level = Level::new(Ticks(12_345), Lots(6_789));
        assert_eq!(checksum([level].into_iter(), [].into_iter()), 0xcbf4_3926);
        assert_eq!(checksum([].into_iter(), [level].into_iter()), 0xcbf4_3926);
        assert_eq!(checksum([].into_iter(), [].into_iter()), 0);
    }

    #[test]
    fn the_longest_numbers_fit() {
        let level = Level::new(Ticks(i64::MAX), Lots(i64::MIN));
        let side = [level; 12];
        let got = checksum(side.into_iter(), side.into_iter());
        assert_eq!(got, oracle(&side, &side));
    }

    fn side() -> impl Strategy<Value = Vec<Level>> {
        let number = (0..64_u32, any::<i64>()).prop_map(|(shift, number)| number >> shift);
        let level = (number.clone(), number).prop_map(|(t, l)| Level::new(Ticks(t), Lots(l)));
        proptest::collection::vec(level, 0..14)
    }

    proptest! {
        #[test]
        fn agrees_with_the_text_oracle(asks in side(), bids in side()) {
            let got = checksum(asks.iter().copied(), bids.iter().copied());
            prop_assert_eq!(got, oracle(&asks, &bids));
        }
    }
}
