//! The digest of a book.

use crc32fast::Hasher;

use crate::units::Level;

/// The length of the longest text of a level.
const LONGEST: usize = ",-9223372036854775808:-9223372036854775808".len();

/// The IEEE CRC-32 of `ticks:lots,ticks:lots,...|ticks:lots,...`: bids, then asks, best first.
pub(crate) fn crc32(bids: impl Iterator<Item = Level>, asks: impl Iterator<Item = Level>) -> u32 {
    let mut crc = Hasher::new();
    hash_side(&mut crc, bids);
    crc.update(b"|");
    hash_side(&mut crc, asks);
    crc.finalize()
}

fn hash_side(crc: &mut Hasher, levels: impl Iterator<Item = Level>) {
    for (index, level) in levels.enumerate() {
        hash_level(crc, level, index > 0);
    }
}

/// Not generic, so that it is compiled once, and optimised with this crate.
fn hash_level(crc: &mut Hasher, level: Level, separated: bool) {
    let mut text = [0_u8; LONGEST];
    // Written from the end, because numbers are written from their last digit.
    let mut at = write_number(&mut text, LONGEST, level.lots.0) - 1;
    text[at] = b':';
    at = write_number(&mut text, at, level.ticks.0);
    if separated {
        at -= 1;
        text[at] = b',';
    }
    crc.update(&text[at..]);
}

/// Writes a number that ends before index `end`, and returns the index of its first byte.
fn write_number(text: &mut [u8; LONGEST], end: usize, number: i64) -> usize {
    let mut at = end;
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        text[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        text[at] = b'-';
    }
    at
}
