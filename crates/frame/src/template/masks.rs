//! Which bytes of a window are digits, and which are points.

use super::window::WINDOW;
#[cfg(any(test, not(target_arch = "x86_64")))]
use crate::scan::{Classes, Isa, Portable};

/// The last offset that the masks have a bit for.
pub(super) const LAST_BIT: usize = 63;

/// A bit for each of the first 64 bytes of a window.
#[derive(Clone, Copy)]
pub(super) struct Masks {
    pub(super) digits: u64,
    pub(super) points: u64,
}

impl Masks {
    /// How many digits and points there are from an offset on.
    #[inline(always)]
    pub(super) fn len_of_number(self, at: usize) -> u32 {
        let others = !(self.digits | self.points);
        (others >> (at & LAST_BIT)).trailing_zeros()
    }

    /// Whether a number begins or ends with a point, has two of them, or has no bytes at all.
    #[inline(always)]
    pub(super) fn is_bad(self, at: usize, len: u32) -> bool {
        let below = |len: u32| 1_u64.wrapping_shl(len).wrapping_sub(1);
        let points = self.points >> (at & LAST_BIT) & below(len);
        let ends = 1 | below(len) ^ below(len) >> 1;
        (points & ends != 0) | (points & points.wrapping_sub(1) != 0) | (len == 0)
    }
}

/// The masks of a window.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn masks(window: &[u8; WINDOW]) -> Masks {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_set1_epi8,
        _mm_sub_epi8,
    };
    let (chunks, _) = window.as_chunks::<16>();
    let mut masks = Masks {
        digits: 0,
        points: 0,
    };
    for (place, chunk) in chunks.iter().take(4).enumerate() {
        // SAFETY: all of x86-64 has SSE2, and the 16 bytes are those of `chunk`.
        #[allow(unsafe_code)]
        let [digits, points] = unsafe {
            let bytes = _mm_loadu_si128(chunk.as_ptr().cast::<__m128i>());
            let value = _mm_sub_epi8(bytes, _mm_set1_epi8(b'0'.cast_signed()));
            let is_digit = _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
            let is_point = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'.'.cast_signed()));
            [_mm_movemask_epi8(is_digit), _mm_movemask_epi8(is_point)]
        };
        masks.digits |= u64::from(digits.cast_unsigned()) << (16 * place);
        masks.points |= u64::from(points.cast_unsigned()) << (16 * place);
    }
    masks
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) use portable as masks;

/// The same with plain arithmetic.
#[cfg(any(test, not(target_arch = "x86_64")))]
pub(super) fn portable(window: &[u8; WINDOW]) -> Masks {
    let (blocks, _) = window.as_chunks::<64>();
    let Classes { digits, points, .. } = Portable.classes::<true>(&blocks[0]);
    Masks { digits, points }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for at in 0..64 {
            for byte in 0..=255 {
                let mut window = [b' '; WINDOW];
                window[at] = byte;
                let Masks { digits, points } = masks(&window);
                let is_set = |is_one: bool| u64::from(is_one) << at;
                assert_eq!(digits, is_set(byte.is_ascii_digit()));
                assert_eq!(points, is_set(byte == b'.'));
                let plain = portable(&window);
                assert_eq!((plain.digits, plain.points), (digits, points));
            }
        }
    }
}
