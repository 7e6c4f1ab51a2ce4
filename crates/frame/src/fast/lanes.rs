//! The vector operations of the level reader, with AVX2 and portable.
//!
//! The unsafe code calls functions with AVX2 intrinsics, which a value of [`Avx2`] proves to be supported, and loads
//! from arrays whose length is part of their type.

use wide::{u8x16, u8x32};

use super::number_shape::{Shape, decimal};
use super::window::{Window, halves};

/// The vector operations of a backend.
pub(super) trait Lanes: Copy {
    /// Classifies 32 bytes.
    fn marks_of_half(self, bytes: &[u8; 32]) -> Marks;

    /// Classifies the bytes from offset `at`, which is below 32, at least up to the first brace. `None` if there is no
    /// brace in 64 bytes.
    #[inline(always)]
    fn marks(self, window: &Window, at: usize) -> Option<Marks> {
        let (low, high) = halves(window, at);
        let low = self.marks_of_half(low);
        if low.braces != 0 {
            return Some(low);
        }
        let high = self.marks_of_half(high);
        (high.braces != 0).then_some(Marks {
            digits: low.digits | high.digits << 32,
            zeros: low.zeros | high.zeros << 32,
            points: low.points | high.points << 32,
            braces: high.braces << 32,
        })
    }

    /// Converts the digits of each word to a number, by the shape of the word. Adds bytes other than digits to the
    /// difference.
    fn values<const NUMBERS: usize>(
        self,
        strings: [u64; NUMBERS],
        shapes: [Shape; NUMBERS],
        difference: u8x16,
    ) -> ([u64; NUMBERS], u8x16);

    /// Whether no bit is set.
    #[inline(always)]
    fn is_zero(self, difference: u8x16) -> bool {
        difference.simd_eq(u8x16::ZERO).all()
    }
}

/// The classes of up to 64 bytes: one bit per byte, the first byte in the lowest bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) digits: u64,
    /// The digits that are zero.
    pub(super) zeros: u64,
    pub(super) points: u64,
    /// The closing braces.
    pub(super) braces: u64,
}

/// The operations for any processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

impl Lanes for Portable {
    #[inline(always)]
    fn marks_of_half(self, bytes: &[u8; 32]) -> Marks {
        let bytes = u8x32::new(*bytes);
        let values = bytes - u8x32::splat(b'0');
        let is = |byte: u8| bytes.simd_eq(u8x32::splat(byte)).to_bitmask().into();
        Marks {
            digits: (values.min(u8x32::splat(9)).simd_eq(values).to_bitmask()).into(),
            zeros: is(b'0'),
            points: is(b'.'),
            braces: is(b'}'),
        }
    }

    #[inline(always)]
    fn values<const NUMBERS: usize>(
        self,
        strings: [u64; NUMBERS],
        shapes: [Shape; NUMBERS],
        difference: u8x16,
    ) -> ([u64; NUMBERS], u8x16) {
        let (mut values, mut others) = ([0; NUMBERS], 0);
        for number in 0..NUMBERS {
            let other;
            (values[number], other) = decimal(strings[number], shapes[number]);
            others |= other;
        }
        (values, or_word(difference, others))
    }
}

/// Adds the bits of a word to a difference.
#[inline(always)]
pub(super) fn or_word(difference: u8x16, word: u64) -> u8x16 {
    difference | u8x16::new(u128::from(word).to_le_bytes())
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::Avx2;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    use std::arch::x86_64::*;
    use std::mem::transmute;

    use wide::u8x16;

    use super::{Lanes, Marks, Shape};

    /// Proof that the processor supports AVX2, BMI1, BMI2, LZCNT and POPCNT. [`Avx2::detect`] creates a value after a
    /// check, and [`Avx2::here`] inside a function with these target features.
    ///
    /// The functions that rely on this proof have a subset of these features. They are in this module, and `with_avx2`
    /// in [`dispatch`](crate::fast::dispatch).
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx2(());

    impl Avx2 {
        /// `None` if the processor does not support all of them.
        pub(in crate::fast) fn detect() -> Option<Self> {
            let is_there = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt");
            is_there.then_some(Self(()))
        }

        /// The proof, in a function with these target features.
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        #[inline]
        pub(in crate::fast) fn here() -> Self {
            Self(())
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn pair(low: u64, high: u64) -> __m128i {
        _mm_set_epi64x(high.cast_signed(), low.cast_signed())
    }

    /// The shuffle mask that moves the digits of two words to their lanes.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn sources(low: Shape, high: Shape) -> __m128i {
        let second_word = pair(0, u64::from_le_bytes([8; 8]));
        _mm_or_si128(pair(low.sources, high.sources), second_word)
    }

    /// The values of two words, and a nonzero byte for each byte that is not a digit.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn two(strings: [u64; 2], shapes: [Shape; 2]) -> ([u64; 2], __m128i) {
        let text = _mm_sub_epi8(
            pair(strings[0], strings[1]),
            _mm_set1_epi8(b'0'.cast_signed()),
        );
        let digits = _mm_shuffle_epi8(text, sources(shapes[0], shapes[1]));
        let pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));
        let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x0001_0064));
        let packed = _mm_packus_epi32(fours, fours);
        let eights = _mm_madd_epi16(packed, _mm_set1_epi32(0x0001_2710));
        let both = _mm_cvtsi128_si64(eights).cast_unsigned();
        let others = _mm_subs_epu8(digits, _mm_set1_epi8(9));
        ([both & 0xffff_ffff, both >> 32], others)
    }

    /// The same for three words.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn three(strings: [u64; 3], shapes: [Shape; 3]) -> ([u64; 3], __m128i) {
        let [a, b, c] = shapes;
        let text = _mm256_set_m128i(pair(strings[2], 0), pair(strings[0], strings[1]));
        let text = _mm256_sub_epi8(text, _mm256_set1_epi8(b'0'.cast_signed()));
        let sources = _mm256_set_m128i(sources(c, Shape::NONE), sources(a, b));
        let digits = _mm256_shuffle_epi8(text, sources);
        let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));
        let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_0064));
        let packed = _mm256_packus_epi32(fours, fours);
        let eights = _mm256_madd_epi16(packed, _mm256_set1_epi32(0x0001_2710));
        let both = _mm_cvtsi128_si64(_mm256_castsi256_si128(eights)).cast_unsigned();
        let third = _mm_cvtsi128_si32(_mm256_extracti128_si256::<1>(eights)).cast_unsigned();
        let others = _mm256_subs_epu8(digits, _mm256_set1_epi8(9));
        let high = _mm256_extracti128_si256::<1>(others);
        let others = _mm_or_si128(_mm256_castsi256_si128(others), high);
        ([both & 0xffff_ffff, both >> 32, third.into()], others)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn marks(bytes: &[u8; 32]) -> Marks {
        // SAFETY: `bytes` refers to 32 readable bytes, and the load needs no alignment.
        let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        let values = _mm256_sub_epi8(bytes, _mm256_set1_epi8(b'0'.cast_signed()));
        let low = _mm256_min_epu8(values, _mm256_set1_epi8(9));
        let points = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'.'.cast_signed()));
        let braces = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'}'.cast_signed()));
        let zeros = _mm256_cmpeq_epi8(values, _mm256_setzero_si256());
        let digits = _mm256_cmpeq_epi8(low, values);
        Marks {
            digits: _mm256_movemask_epi8(digits).cast_unsigned().into(),
            zeros: _mm256_movemask_epi8(zeros).cast_unsigned().into(),
            points: _mm256_movemask_epi8(points).cast_unsigned().into(),
            braces: _mm256_movemask_epi8(braces).cast_unsigned().into(),
        }
    }

    impl Lanes for Avx2 {
        #[inline(always)]
        fn marks_of_half(self, bytes: &[u8; 32]) -> Marks {
            // SAFETY: `self` proves AVX2.
            unsafe { marks(bytes) }
        }

        #[inline(always)]
        fn values<const NUMBERS: usize>(
            self,
            strings: [u64; NUMBERS],
            shapes: [Shape; NUMBERS],
            difference: u8x16,
        ) -> ([u64; NUMBERS], u8x16) {
            const { assert!(NUMBERS == 2 || NUMBERS == 3) };
            let mut values = [0; NUMBERS];
            let others;
            if let (Some(strings), Some(shapes)) = (strings.first_chunk(), shapes.first_chunk()) {
                let found;
                // SAFETY: `self` proves AVX2.
                (found, others) = unsafe { three(*strings, *shapes) };
                values.copy_from_slice(&found);
            } else {
                let found;
                // SAFETY: `self` proves AVX2.
                (found, others) = unsafe { two([strings[0], strings[1]], [shapes[0], shapes[1]]) };
                values.copy_from_slice(&found);
            }
            // SAFETY: both types have sixteen bytes, and any value of these is valid for either.
            (
                values,
                difference | unsafe { transmute::<__m128i, u8x16>(others) },
            )
        }

        // Saves three instructions per level compared with SSE2.
        #[inline(always)]
        fn is_zero(self, difference: u8x16) -> bool {
            // SAFETY: both types have sixteen bytes, and any value of these is valid for either.
            let bits = unsafe { transmute::<u8x16, __m128i>(difference) };
            // SAFETY: `self` proves AVX2, which includes SSE4.1.
            unsafe { _mm_testz_si128(bits, bits) == 1 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_offset() {
        for at in 0..32 {
            for byte in 0..=255 {
                let mut bytes = [b' '; 32];
                bytes[at] = byte;
                let is_set = |is_one: bool| u64::from(is_one) << at;
                let expected = Marks {
                    digits: is_set(byte.is_ascii_digit()),
                    zeros: is_set(byte == b'0'),
                    points: is_set(byte == b'.'),
                    braces: is_set(byte == b'}'),
                };
                assert_eq!(Portable.marks_of_half(&bytes), expected);
                #[cfg(target_arch = "x86_64")]
                if let Some(avx2) = Avx2::detect() {
                    assert_eq!(avx2.marks_of_half(&bytes), expected);
                }
            }
        }
    }
}
