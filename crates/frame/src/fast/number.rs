//! Numbers of up to 18 bytes, by the marks of their bytes.

use super::lanes::{Lanes, Marks, Portable};
use super::window::{Window, halves};

impl Marks {
    /// A bit for each fault of a number: a zero before other digits, a point without digits on both sides, or a second
    /// point. No number begins before the first byte.
    #[inline(always)]
    pub(super) fn faults(self) -> u64 {
        let Self {
            digits,
            zeros,
            points,
            ..
        } = self;
        let before_digit = digits >> 1;
        let leading_zeros = zeros & before_digit & !((digits | points) << 1);
        let bare_points = points & !(digits << 1 & before_digit);
        // The sum carries each digit behind a point to behind the last one.
        let second_points = points & digits.wrapping_add(points << 1);
        leading_zeros | bare_points | second_points
    }
}

/// How many bytes the number has that a window begins with, and how many of them stand before its point. Both are zero
/// where no number is.
pub(super) fn number_len(window: &Window) -> (u32, u32) {
    let marks = Portable.marks_of_half(halves(window, 0).0);
    let len = (!(marks.digits | marks.points)).trailing_zeros();
    if marks.faults() & !(u64::MAX << len) != 0 {
        return (0, 0);
    }
    (len, (!marks.digits).trailing_zeros())
}

/// The longest number, in bytes, that is checked by its marks and not converted.
pub(super) const LONGEST: u32 = 18;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fast::window::Text;

    #[test]
    fn digits_beyond_marks_are_long() {
        let text = [[b'1'; 69].as_slice(), b"\x001:1"].concat();
        let (len, whole) = number_len(Text::new(&text).window(32));
        assert!(len > LONGEST && whole == len);
        assert_eq!(number_len(Text::new(&text).window(68)), (1, 1));
    }
}
