//! The operations of the scanner with AVX2.
//!
//! What it buys can be measured by giving a decoder [`Scan::Avx2`](crate::Scan) and
//! [`Scan::Portable`](crate::Scan) in turn.
//!
//! # Safety
//! There are two reasons for `unsafe` here and no others (but in [`patterns`], where they are told). Code that is
//! compiled for AVX2 may run only where AVX2 is: an [`Avx2`] is the proof, since only [`Avx2::detect`] makes one. And
//! a load into a register takes a pointer: each comes from a reference to an array of as many bytes as are read, so
//! that nothing outside the text is ever read.

mod patterns;

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi8, _mm256_add_epi64, _mm256_and_si256,
    _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_movemask_epi8, _mm256_mul_epu32, _mm256_packus_epi32,
    _mm256_set_m128i, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_epi64x,
    _mm256_shuffle_epi8, _mm256_srli_epi64,
};

pub(super) use patterns::{crc, first, high_half, level, low, narrow, with_higher};

use super::Three;
use crate::scan::Job;
use crate::scan::isa::{Classes, Isa, MAX_RUN, Mantissa, NO_POINT};

/// Proof that this processor has AVX2 and the sets of bit instructions that came with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(crate) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("sse4.2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt");
        found.then_some(Self(()))
    }

    /// Does `job`, compiled for AVX2.
    pub(crate) fn run<J: Job>(self, job: J) -> J::Output {
        // SAFETY: `self` proves that the features are there.
        unsafe { run(self, job) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn run<J: Job>(isa: Avx2, job: J) -> J::Output {
    job.run(isa)
}

impl Isa for Avx2 {
    #[inline(always)]
    fn classes<const POINTS: bool>(self, block: &[u8; 64]) -> Classes {
        // SAFETY: `self` proves that AVX2 is there.
        unsafe { classes::<POINTS>(block) }
    }

    #[inline(always)]
    fn two_integers(self, numbers: &Three<'_>, [a, b]: [usize; 2]) -> Option<[u64; 2]> {
        let keep = [keep(numbers.len(a))?, keep(numbers.len(b))?];
        let bytes = [numbers.ending(a), numbers.ending(b)];
        // SAFETY: `self` proves that AVX2 is there.
        Some(unsafe { integers(bytes, keep) })
    }

    #[inline(always)]
    fn two_decimals(self, numbers: &Three<'_>) -> Option<[Mantissa; 2]> {
        let keep = [keep(numbers.len(0))?, keep(numbers.len(1))?];
        let bytes = [numbers.ending(0), numbers.ending(1)];
        // SAFETY: `self` proves that AVX2 is there.
        Some(unsafe { mantissas(bytes, keep) })
    }
}

/// Sixteen bytes for [`keep`]: none, then all. What is kept of a byte is its low half: the value of
/// a digit, and 14 of a point.
static KEEP: [u8; 32] = {
    let mut keep = [0; 32];
    let mut at = 16;
    while at < 32 {
        keep[at] = 0x0f;
        at += 1;
    }
    keep
};

/// A mask of the last `len` of sixteen bytes. None when there are not so many.
#[inline(always)]
fn keep(len: usize) -> Option<&'static [u8; 16]> {
    KEEP.get(len..)?.first_chunk()
}

/// Shuffles that take a byte out and move those before it up by one; [`NO_POINT`] takes none.
static WITHOUT: [[u8; 16]; MAX_RUN] = {
    let mut shuffles = [[0; 16]; MAX_RUN];
    let mut place = 0;
    while place < MAX_RUN {
        let mut to = 0_u8;
        while to < 16 {
            let moved = (to as usize) <= place && place != NO_POINT;
            shuffles[place][to as usize] = match (moved, to) {
                (false, _) => to,
                // The top bit makes a zero.
                (true, 0) => 0x80,
                (true, _) => to - 1,
            };
            to += 1;
        }
        place += 1;
    }
    shuffles
};

#[target_feature(enable = "avx2")]
#[inline]
fn load_32(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: 32 bytes are read from an array of 32.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load_16(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: 16 bytes are read from an array of 16.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn pair([low, high]: [&[u8; 16]; 2]) -> __m256i {
    _mm256_set_m128i(load_16(high), load_16(low))
}

#[target_feature(enable = "avx2")]
#[inline]
fn classes<const POINTS: bool>(block: &[u8; 64]) -> Classes {
    let (halves, _) = block.as_chunks::<32>();
    let (low, high) = (load_32(&halves[0]), load_32(&halves[1]));
    Classes {
        digits: join(marks(is_digit(low)), marks(is_digit(high))),
        points: if POINTS {
            join(marks(is_byte(low, b'.')), marks(is_byte(high, b'.')))
        } else {
            0
        },
        zeros: join(marks(is_byte(low, b'0')), marks(is_byte(high, b'0'))),
    }
}

#[inline(always)]
fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

#[target_feature(enable = "avx2")]
#[inline]
fn marks(bytes: __m256i) -> u32 {
    _mm256_movemask_epi8(bytes).cast_unsigned()
}

#[target_feature(enable = "avx2")]
#[inline]
fn is_byte(bytes: __m256i, byte: u8) -> __m256i {
    _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed()))
}

#[target_feature(enable = "avx2")]
#[inline]
fn is_digit(bytes: __m256i) -> __m256i {
    // The digits are moved to the very bottom of the signed range, where one comparison tells them.
    let moved = _mm256_add_epi8(
        bytes,
        _mm256_set1_epi8(i8::MIN.wrapping_sub(b'0'.cast_signed())),
    );
    _mm256_cmpgt_epi8(_mm256_set1_epi8(i8::MIN + 10), moved)
}

#[target_feature(enable = "avx2")]
#[inline]
fn values_of(bytes: [&[u8; 16]; 2], keep: [&[u8; 16]; 2]) -> __m256i {
    _mm256_and_si256(pair(bytes), pair(keep))
}

#[target_feature(enable = "avx2")]
#[inline]
fn integers(bytes: [&[u8; 16]; 2], keep: [&[u8; 16]; 2]) -> [u64; 2] {
    two(values_of(bytes, keep))
}

#[target_feature(enable = "avx2")]
#[inline]
fn mantissas(bytes: [&[u8; 16]; 2], keep: [&[u8; 16]; 2]) -> [Mantissa; 2] {
    let values = values_of(bytes, keep);
    let points = marks(is_byte(values, b'.' & 0x0f));
    let place = |points: u32| (points | 1 << NO_POINT).trailing_zeros() as usize;
    let places = [place(points), place(points >> 16)];
    let shuffles = pair([&WITHOUT[places[0]], &WITHOUT[places[1]]]);
    let [a, b] = two(_mm256_shuffle_epi8(values, shuffles));
    [
        Mantissa {
            digits: a,
            point: places[0],
        },
        Mantissa {
            digits: b,
            point: places[1],
        },
    ]
}

/// Two numbers of sixteen digits each, by adding up neighbours: tens and ones, hundreds and ones,
/// ten thousands and ones. (The method of W. Muła, "Parsing series of integers with SIMD", 2018.)
#[target_feature(enable = "avx2")]
#[inline]
fn two(digits: __m256i) -> [u64; 2] {
    let eights = eights(digits);
    // The value is the even half times 10^8, and the odd one.
    let high = _mm256_mul_epu32(eights, _mm256_set1_epi64x(100_000_000));
    let values = _mm256_add_epi64(high, _mm256_srli_epi64::<32>(eights));
    [low(values), high_half(values)]
}

/// Groups of four digits: tens and ones, hundreds and ones.
#[target_feature(enable = "avx2")]
#[inline]
fn fours(digits: __m256i) -> __m256i {
    let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(1 << 8 | 10));
    _mm256_madd_epi16(pairs, _mm256_set1_epi32(1 << 16 | 100))
}

/// Groups of eight digits: the two of each half of a register lie at its start.
#[target_feature(enable = "avx2")]
#[inline]
fn eights(digits: __m256i) -> __m256i {
    let fours = fours(digits);
    let packed = _mm256_packus_epi32(fours, fours);
    _mm256_madd_epi16(packed, _mm256_set1_epi32(1 << 16 | 10_000))
}
