//! What the reader of levels asks of a processor, with the instructions of all processors ([`Portable`]) and with AVX2.
//!
//! The unsafe code loads from arrays, whose lengths are in their types, and calls intrinsics, which all of x86-64 has or
//! a value of [`Avx2`] proves to be there.

use super::number::{Shape, decimal};
use super::window::Window;

/// The instructions of a processor.
pub(super) trait Lanes: Copy {
    /// The digits of two or three words as numbers, each word in its own shape. Adds bytes other than digits to the difference.
    fn values<const NUMBERS: usize>(
        self,
        words: [u64; NUMBERS],
        shapes: [Shape; NUMBERS],
        difference: Sixteen,
    ) -> ([u64; NUMBERS], Sixteen);

    /// How far the first closing brace is from the start of a window, 64 if it is not in its first 64 bytes. None if these
    /// instructions do not find it quickly.
    fn brace(self, window: &Window) -> Option<u32>;

    /// Whether no bit is set.
    #[inline(always)]
    fn is_zero(self, difference: Sixteen) -> bool {
        difference.is_zero()
    }
}

/// Sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sixteen(Bytes);

#[cfg(target_arch = "x86_64")]
type Bytes = std::arch::x86_64::__m128i;
#[cfg(not(target_arch = "x86_64"))]
type Bytes = u128;

/// For any processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

impl Lanes for Portable {
    #[inline(always)]
    fn values<const NUMBERS: usize>(
        self,
        words: [u64; NUMBERS],
        shapes: [Shape; NUMBERS],
        difference: Sixteen,
    ) -> ([u64; NUMBERS], Sixteen) {
        let (mut values, mut others) = ([0; NUMBERS], 0);
        for number in 0..NUMBERS {
            let other;
            (values[number], other) = decimal(words[number], shapes[number]);
            others |= other;
        }
        (values, difference.or_word(others))
    }

    #[inline(always)]
    fn brace(self, _: &Window) -> Option<u32> {
        None
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Sixteen {
    #[inline(always)]
    pub(super) fn zero() -> Self {
        Self(0)
    }

    #[inline(always)]
    pub(super) fn load(bytes: &[u8; 16]) -> Self {
        Self(u128::from_le_bytes(*bytes))
    }

    /// Adds to the bits that are set those in which two texts differ, where the mask has bits.
    #[inline(always)]
    pub(super) fn or_difference(self, a: Self, b: Self, mask: Self) -> Self {
        Self(self.0 | (a.0 ^ b.0) & mask.0)
    }

    /// Adds the bits of a word.
    #[inline(always)]
    pub(super) fn or_word(self, word: u64) -> Self {
        Self(self.0 | u128::from(word))
    }

    /// Whether no bit is set.
    #[inline(always)]
    pub(super) fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// A bit for each byte that is a digit, and for each that is a point.
    #[inline(always)]
    pub(super) fn digits_and_points(self) -> [u32; 2] {
        plain_masks(&self.0.to_le_bytes())
    }
}

/// The masks with plain arithmetic.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_masks(bytes: &[u8; 16]) -> [u32; 2] {
    let bits = |is_set: fn(&u8) -> bool| {
        let set = bytes.iter().rev().map(|byte| u32::from(is_set(byte)));
        set.fold(0, |bits, bit| bits << 1 | bit)
    };
    [bits(u8::is_ascii_digit), bits(|byte| *byte == b'.')]
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::Avx2;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Lanes, Shape, Sixteen};
    use crate::fast::window::Window;

    impl Sixteen {
        #[inline(always)]
        pub(in crate::fast) fn zero() -> Self {
            // SAFETY: all of x86-64 has SSE2.
            Self(unsafe { _mm_setzero_si128() })
        }

        #[inline(always)]
        pub(in crate::fast) fn load(bytes: &[u8; 16]) -> Self {
            // SAFETY: all of x86-64 has SSE2, and the sixteen bytes are there.
            Self(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
        }

        /// Adds to the bits that are set those in which two texts differ, where the mask has bits.
        #[inline(always)]
        pub(in crate::fast) fn or_difference(self, a: Self, b: Self, mask: Self) -> Self {
            // SAFETY: all of x86-64 has SSE2.
            Self(unsafe { _mm_or_si128(self.0, _mm_and_si128(_mm_xor_si128(a.0, b.0), mask.0)) })
        }

        /// Adds the bits of a word.
        #[inline(always)]
        pub(in crate::fast) fn or_word(self, word: u64) -> Self {
            // SAFETY: all of x86-64 has SSE2.
            Self(unsafe { _mm_or_si128(self.0, _mm_cvtsi64_si128(word.cast_signed())) })
        }

        /// Whether no bit is set.
        #[inline(always)]
        pub(in crate::fast) fn is_zero(self) -> bool {
            // SAFETY: all of x86-64 has SSE2.
            let equal = unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(self.0, _mm_setzero_si128())) };
            equal == 0xffff
        }

        /// A bit for each byte that is a digit, and for each that is a point.
        #[inline(always)]
        pub(in crate::fast) fn digits_and_points(self) -> [u32; 2] {
            // SAFETY: all of x86-64 has SSE2.
            unsafe {
                let values = _mm_sub_epi8(self.0, _mm_set1_epi8(b'0'.cast_signed()));
                let digits = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
                let points = _mm_cmpeq_epi8(self.0, _mm_set1_epi8(b'.'.cast_signed()));
                [
                    _mm_movemask_epi8(digits).cast_unsigned(),
                    _mm_movemask_epi8(points).cast_unsigned(),
                ]
            }
        }
    }

    /// The instructions of AVX2, BMI1 and BMI2. A value proves that the processor has them.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx2(());

    impl Avx2 {
        pub(in crate::fast) fn detect() -> Option<Self> {
            let is_there = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt");
            is_there.then_some(Self(()))
        }
    }

    #[inline(always)]
    fn pair(low: u64, high: u64) -> __m128i {
        // SAFETY: all of x86-64 has SSE2.
        unsafe { _mm_set_epi64x(high.cast_signed(), low.cast_signed()) }
    }

    /// From where in two words each of their digits comes.
    #[inline(always)]
    fn sources(low: Shape, high: Shape) -> __m128i {
        let second_word = pair(0, u64::from_le_bytes([8; 8]));
        // SAFETY: all of x86-64 has SSE2.
        unsafe {
            _mm_or_si128(
                pair(low.traits().sources, high.traits().sources),
                second_word,
            )
        }
    }

    /// The values of two words in the low and the high half; and what is no digit.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn two(words: __m128i, sources: __m128i) -> (u64, __m128i) {
        let text = _mm_sub_epi8(words, _mm_set1_epi8(b'0'.cast_signed()));
        let digits = _mm_shuffle_epi8(text, sources);
        let pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));
        let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x0001_0064));
        let packed = _mm_packus_epi32(fours, fours);
        let eights = _mm_madd_epi16(packed, _mm_set1_epi32(0x0001_2710));
        let others = _mm_subs_epu8(digits, _mm_set1_epi8(9));
        (_mm_cvtsi128_si64(eights).cast_unsigned(), others)
    }

    /// The same of three words: the first two as above, and the third.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn three(words: [__m128i; 2], sources: [__m128i; 2]) -> (u64, u32, __m128i) {
        let words = _mm256_set_m128i(words[1], words[0]);
        let sources = _mm256_set_m128i(sources[1], sources[0]);
        let text = _mm256_sub_epi8(words, _mm256_set1_epi8(b'0'.cast_signed()));
        let digits = _mm256_shuffle_epi8(text, sources);
        let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));
        let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_0064));
        let packed = _mm256_packus_epi32(fours, fours);
        let eights = _mm256_madd_epi16(packed, _mm256_set1_epi32(0x0001_2710));
        let others = _mm256_subs_epu8(digits, _mm256_set1_epi8(9));
        let others = _mm_or_si128(
            _mm256_castsi256_si128(others),
            _mm256_extracti128_si256::<1>(others),
        );
        let low = _mm_cvtsi128_si64(_mm256_castsi256_si128(eights));
        let high = _mm_cvtsi128_si32(_mm256_extracti128_si256::<1>(eights));
        (low.cast_unsigned(), high.cast_unsigned(), others)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn braces(chunk: &[u8; 32]) -> u64 {
        // SAFETY: the chunk has the 32 bytes that are loaded.
        let bytes = unsafe { _mm256_loadu_si256(chunk.as_ptr().cast()) };
        let braces = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'}'.cast_signed()));
        u64::from(_mm256_movemask_epi8(braces).cast_unsigned())
    }

    impl Lanes for Avx2 {
        #[inline(always)]
        fn values<const NUMBERS: usize>(
            self,
            words: [u64; NUMBERS],
            shapes: [Shape; NUMBERS],
            difference: Sixteen,
        ) -> ([u64; NUMBERS], Sixteen) {
            let mut values = [0; NUMBERS];
            let low = (pair(words[0], words[1]), sources(shapes[0], shapes[1]));
            let (both, others);
            if NUMBERS > 2 {
                let high = (pair(words[2], 0), sources(shapes[2], Shape::default()));
                let third;
                // SAFETY: `self` proves AVX2.
                (both, third, others) = unsafe { three([low.0, high.0], [low.1, high.1]) };
                values[2] = u64::from(third);
            } else {
                // SAFETY: `self` proves AVX2.
                (both, others) = unsafe { two(low.0, low.1) };
            }
            (values[0], values[1]) = (both & 0xffff_ffff, both >> 32);
            // SAFETY: all of x86-64 has SSE2.
            let all = unsafe { _mm_or_si128(difference.0, others) };
            (values, Sixteen(all))
        }

        #[inline(always)]
        fn brace(self, window: &Window) -> Option<u32> {
            let (chunks, _) = window.as_chunks::<32>();
            // SAFETY: `self` proves AVX2.
            let braces = unsafe { braces(&chunks[0]) | braces(&chunks[1]) << 32 };
            Some(braces.trailing_zeros())
        }

        // Three instructions a level fewer than with SSE2.
        #[inline(always)]
        fn is_zero(self, difference: Sixteen) -> bool {
            // SAFETY: `self` proves AVX2, which includes SSE4.1.
            unsafe { _mm_testz_si128(difference.0, difference.0) == 1 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for at in 0..16 {
            for byte in 0..=255 {
                let mut bytes = [b' '; 16];
                bytes[at] = byte;
                let is_set = |is_one: bool| u32::from(is_one) << at;
                let expected = [is_set(byte.is_ascii_digit()), is_set(byte == b'.')];
                assert_eq!(Sixteen::load(&bytes).digits_and_points(), expected);
                assert_eq!(plain_masks(&bytes), expected);
            }
        }
    }
}
