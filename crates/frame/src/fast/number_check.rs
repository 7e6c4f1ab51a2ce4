//! Validation of numbers of up to 18 bytes by the classes of their bytes.

use super::lanes::{Lanes, Marks, Portable};
use super::window::{Window, halves};

impl Marks {
    /// One bit for each error in a number: a leading zero, a point without a digit on both sides, or a second point. No
    /// number starts before the first byte.
    #[inline(always)]
    pub(super) fn errors(self) -> u64 {
        let Self {
            digits,
            zeros,
            points,
            ..
        } = self;
        let before_digit = digits >> 1;
        let leading_zeros = zeros & before_digit & !((digits | points) << 1);
        let bare_points = points & !(digits << 1 & before_digit);
        // The addition carries from the digits after a point to the byte after the last one.
        let second_points = points & digits.wrapping_add(points << 1);
        leading_zeros | bare_points | second_points
    }
}

/// The length of the number at the start of a window, and the number of bytes before its point. Both are zero if there
/// is no number.
pub(super) fn number_len(window: &Window) -> (u32, u32) {
    let marks = Portable.marks_of_half(halves(window, 0).0);
    let len = (!(marks.digits | marks.points)).trailing_zeros();
    if marks.errors() & !(u64::MAX << len) != 0 {
        return (0, 0);
    }
    (len, (!marks.digits).trailing_zeros())
}

/// The maximum length of a number that is validated without a conversion, in bytes.
pub(super) const LONGEST: u32 = 18;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fast::window::PaddedInput;

    #[test]
    fn digits_beyond_marks_are_long() {
        let text = [[b'1'; 69].as_slice(), b"\x001:1"].concat();
        let (len, whole) = number_len(PaddedInput::new(&text).window(32));
        assert!(len > LONGEST && whole == len);
        assert_eq!(number_len(PaddedInput::new(&text).window(68)), (1, 1));
    }
}
