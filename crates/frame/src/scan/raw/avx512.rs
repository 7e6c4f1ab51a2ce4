//! Lists read with AVX-512: see [`recipe`](crate::scan::recipe).
//!
//! # Safety
//! As in [`avx2`](super::avx2), the proof being an [`Avx512`]. Besides, [`Ends`] reads the text and its
//! bits without a check of their own, within bounds that its invariant and one comparison give.

use std::arch::x86_64::{
    __m256i, __m512i, _mm_cvtsi128_si64, _mm256_add_epi32, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_packus_epi32, _mm256_set1_epi16, _mm256_set1_epi32, _mm512_add_epi64, _mm512_and_si512,
    _mm512_castsi512_si256, _mm512_cmpeq_epi8_mask, _mm512_cmplt_epu8_mask,
    _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_madd_epi16, _mm512_maddubs_epi16,
    _mm512_mask_cmpneq_epi8_mask, _mm512_maskz_loadu_epi8, _mm512_maskz_mov_epi8, _mm512_mul_epu32,
    _mm512_or_si512, _mm512_packus_epi32, _mm512_permutexvar_epi8, _mm512_set1_epi8,
    _mm512_set1_epi16, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_srli_epi64, _mm512_sub_epi8, _mm512_test_epi8_mask,
};

use super::Fill;
use super::avx2::Avx2;
use crate::scan::recipe::{LANES, Recipe, Table, WINDOW, bits};
use crate::scan::side::{Known, Lanes, Read};

/// Proof that this processor has AVX-512 with operations on bytes and their permutation, and all
/// that AVX2 stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(Avx2);

impl Avx512 {
    pub(crate) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi");
        Avx2::detect().filter(|_| found).map(Self)
    }

    /// What there is besides.
    pub(crate) fn avx2(self) -> Avx2 {
        self.0
    }

    /// Finds the closing braces of `text`. The bits of them are kept in `bits`, which grows as it must.
    pub(crate) fn ends<'t>(self, text: &'t [u8], bits: &'t mut Vec<u8>) -> Ends<'t> {
        let len = (text.len() / WINDOW + 1) * 8 + BEHIND;
        if bits.len() < len {
            bits.resize(len, 0);
        }
        // SAFETY: `self` proves that the features are there.
        unsafe { mark(text, b'}', bits.as_chunks_mut().0) };
        Ends {
            text,
            bits,
            full: (text.len() + 1).saturating_sub(WINDOW + BEHIND_ITEM),
        }
    }

    /// Reads items from the one whose first number begins at `at`: up to the last one, or to one that begins
    /// with `head`, of [`WINDOW`] bytes at most, if it is not empty. None when something is not as expected.
    pub(crate) fn items<K: Known>(
        self,
        shape: K,
        ends: Ends<'_>,
        at: usize,
        head: &[u8],
        recipes: &mut Table,
        fill: Fill<'_, K::Item>,
    ) -> Option<Read> {
        // SAFETY: `self` proves that the features are there.
        unsafe {
            if head.is_empty() {
                items::<K, false>(shape, ends, at, head, recipes, fill)
            } else {
                items::<K, true>(shape, ends, at, head, recipes, fill)
            }
        }
    }
}

/// How many bytes of bits are read from the one that a byte of the text has its bit in, at most:
/// [`Known::SHORTEST`] in bits, and a word.
const BEHIND: usize = WINDOW / 8 + 8;

/// How many bytes may stand between an item's closing brace and the next item's first number, at most,
/// both braces included.
const BEHIND_ITEM: usize = 16;

/// A text, and a bit for each byte of it that is a closing brace.
///
/// Invariant, which [`Avx512::ends`] sees to and nothing changes: `bits` goes on for [`BEHIND`] bytes
/// from the one with the bit of the text's end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends<'t> {
    text: &'t [u8],
    bits: &'t [u8],
    /// Before this place there are [`WINDOW`] bytes to read, and [`BEHIND_ITEM`] more.
    full: usize,
}

impl<'t> Ends<'t> {
    /// How far the closing brace of an item is from byte `at` on, where its first number begins; 64 and
    /// more when it is too far. `at` must not be behind the text's end.
    #[inline(always)]
    unsafe fn len_of<K: Known>(self, at: usize) -> usize {
        const { assert!(K::SHORTEST < WINDOW) };
        let skipped = K::SHORTEST / 8;
        // SAFETY: `at` is not behind the end, and so many bytes are there: the type's invariant.
        let word: [u8; 8] = unsafe { *self.bits.as_ptr().add(at / 8 + skipped).cast() };
        let bits = u64::from_le_bytes(word) >> (at % 8);
        skipped * 8 + bits.trailing_zeros() as usize
    }

    /// The [`WINDOW`] bytes from `at` on. `at` must be before `full`.
    #[inline(always)]
    unsafe fn full_window(self, at: usize) -> __m512i {
        // SAFETY: there are so many bytes; the proof of AVX-512 is the caller's.
        unsafe { _mm512_loadu_si512(self.text.as_ptr().add(at).cast()) }
    }

    /// Bytes from place `place` of the window at `at` on. `at` must be before `full`, `place` not behind the
    /// end of the window, and there may be [`BEHIND_ITEM`] of them at most.
    #[inline(always)]
    unsafe fn bytes<const N: usize>(self, at: usize, place: usize) -> &'t [u8; N] {
        const { assert!(N <= BEHIND_ITEM) };
        // SAFETY: the window is in the text, and so many bytes behind it.
        unsafe { &*self.text.as_ptr().add(at + place).cast() }
    }

    /// The same, with zeros behind the text's end. None when `at` is behind it.
    #[inline(always)]
    fn window(self, at: usize) -> Option<__m512i> {
        if at < self.full {
            // SAFETY: as is asked for.
            return Some(unsafe { self.full_window(at) });
        }
        let rest = self.text.get(at..)?;
        // SAFETY: no more bytes are read than there are; the proof of AVX-512 is the caller's.
        Some(unsafe { _mm512_maskz_loadu_epi8(bits(0, rest.len()), rest.as_ptr().cast()) })
    }
}

/// A bit for each byte of `text` that is `byte`, 64 of them a word. `words` are as many as that
/// takes, or more.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,bmi1,bmi2,lzcnt")]
fn mark(text: &[u8], byte: u8, words: &mut [[u8; 8]]) {
    let (blocks, rest) = text.as_chunks::<WINDOW>();
    let byte = _mm512_set1_epi8(byte.cast_signed());
    for (word, block) in words.iter_mut().zip(blocks) {
        *word = _mm512_cmpeq_epi8_mask(load(block), byte).to_le_bytes();
    }
    if let Some(word) = words.get_mut(blocks.len()) {
        *word = _mm512_cmpeq_epi8_mask(load_short(rest), byte).to_le_bytes();
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,bmi1,bmi2,lzcnt")]
fn items<K: Known, const HAS_HEAD: bool>(
    shape: K,
    ends: Ends<'_>,
    at: usize,
    head: &[u8],
    recipes: &mut Table,
    mut fill: Fill<'_, K::Item>,
) -> Option<Read> {
    let mut at = at;
    let head_bits = bits(0, head.len());
    let head = load_short(head);
    // What must be zero of all items: looked at once, at the end.
    let mut wrong = _mm512_setzero_si512();
    // Most items are of the usual kind. This loop takes no others.
    while at < ends.full {
        // SAFETY: `at` is before `full`, so there is a window, and the text does not end before it.
        let (window, len) = unsafe { (ends.full_window(at), ends.len_of::<K>(at)) };
        if HAS_HEAD && _mm512_mask_cmpneq_epi8_mask(head_bits, window, head) == 0 {
            return finish(fill, at, true, wrong);
        }
        if len >= WINDOW {
            return None;
        }
        let key = digits(window) & ((1 << len) - 1);
        let Some(recipe) = recipes.usual(shape, key) else {
            break;
        };
        let left = _mm512_sub_epi8(window, load(&recipe.words));
        let must_be_zero = _mm512_and_si512(left, load(&recipe.mask));
        let lanes = _mm512_permutexvar_epi8(load(&recipe.places), left);
        if !fill.push(K::item(recipe.choice, narrow(lanes, recipe))) {
            return None;
        }
        // SAFETY: as above, and the end of the item is in the window.
        let goes_on = unsafe {
            if K::IS_SHORT {
                ends.bytes(at, len + 1) == b","
            } else {
                K::goes_on(ends.bytes::<BEHIND_ITEM>(at, len), 0)
            }
        };
        if !goes_on {
            let own = _mm512_maskz_mov_epi8(bits(0, len + 1), must_be_zero);
            wrong = _mm512_or_si512(wrong, own);
            return finish(fill, at + len, false, wrong);
        }
        wrong = _mm512_or_si512(wrong, must_be_zero);
        at += len + K::STEP;
    }
    rest(shape, ends, at, recipes, fill, wrong)
}

/// The list, if nothing is wrong.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn finish<T: Copy>(fill: Fill<'_, T>, at: usize, is_head: bool, wrong: __m512i) -> Option<Read> {
    if _mm512_test_epi8_mask(wrong, wrong) != 0 {
        return None;
    }
    Some(Read {
        at,
        count: fill.finish(),
        is_head,
    })
}

/// The items from `at` on, of any kind; `wrong` must be zero.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,bmi1,bmi2,lzcnt")]
fn rest<K: Known>(
    shape: K,
    ends: Ends<'_>,
    at: usize,
    recipes: &mut Table,
    mut fill: Fill<'_, K::Item>,
    wrong: __m512i,
) -> Option<Read> {
    let (mut at, mut wrong) = (at, wrong);
    let end = loop {
        let window = ends.window(at)?;
        // SAFETY: there is a window, so `at` is not behind the end.
        let len = unsafe { ends.len_of::<K>(at) };
        if len >= WINDOW {
            return None;
        }
        let recipe = recipes.get(shape, digits(window) & ((1 << len) - 1))?;
        let left = _mm512_sub_epi8(window, load(&recipe.words));
        // What follows is not in the window, or is no other item.
        let own = _mm512_maskz_mov_epi8(bits(0, len + 1), left);
        wrong = _mm512_or_si512(wrong, _mm512_and_si512(own, load(&recipe.mask)));
        let lanes = _mm512_permutexvar_epi8(load(&recipe.places), left);
        let item = if recipe.is_wide {
            K::item(recipe.choice, wide(lanes, recipe))
        } else {
            K::item(recipe.choice, narrow(lanes, recipe))
        };
        if !fill.push(item) {
            return None;
        }
        if !K::goes_on(ends.text, at + len) {
            break at + len;
        }
        at += len + K::STEP;
    };
    finish(fill, end, false, wrong)
}

/// The bytes that a text begins with, zeros behind its end.
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
#[inline]
fn load_short(text: &[u8]) -> __m512i {
    // SAFETY: no more bytes are read than there are.
    unsafe { _mm512_maskz_loadu_epi8(bits(0, text.len()), text.as_ptr().cast()) }
}

/// Which bytes are digits.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn digits(window: __m512i) -> u64 {
    let values = _mm512_sub_epi8(window, _mm512_set1_epi8(b'0'.cast_signed()));
    _mm512_cmplt_epu8_mask(values, _mm512_set1_epi8(10))
}

/// Numbers in narrow lanes: four groups of eight digits.
#[derive(Clone, Copy, Debug)]
struct Narrow {
    /// The first two groups.
    low: u64,
    /// The last two.
    high: u64,
}

/// Numbers in wide lanes.
#[derive(Clone, Copy, Debug)]
struct Wide([u64; LANES]);

impl Lanes for Narrow {
    #[inline(always)]
    fn first(self) -> u64 {
        self.low & u64::from(u32::MAX)
    }

    #[inline(always)]
    fn second(self) -> u64 {
        self.low >> 32
    }

    #[inline(always)]
    fn third(self) -> u64 {
        (self.high & u64::from(u32::MAX)) * 100_000_000 + (self.high >> 32)
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // half of it
    fn short_third(self) -> u32 {
        (self.high >> 32) as u32
    }
}

impl Lanes for Wide {
    #[inline(always)]
    fn first(self) -> u64 {
        self.0[0]
    }

    #[inline(always)]
    fn second(self) -> u64 {
        self.0[1]
    }

    #[inline(always)]
    fn third(self) -> u64 {
        self.0[2]
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // it has eight digits at most
    fn short_third(self) -> u32 {
        self.0[2] as u32
    }
}

/// As with AVX2: tens and ones, hundreds and ones, ten thousands and ones, in four groups.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2")]
#[inline]
fn narrow(lanes: __m512i, recipe: &Recipe) -> Narrow {
    let digits = _mm512_castsi512_si256(lanes);
    let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(1 << 8 | 10));
    let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(1 << 16 | 100));
    let packed = _mm256_packus_epi32(fours, fours);
    let eights = _mm256_madd_epi16(packed, _mm256_set1_epi32(1 << 16 | 10_000));
    // SAFETY: 32 bytes are read from an array of so many.
    let bias = unsafe { _mm256_loadu_si256(recipe.bias.as_ptr().cast()) };
    let eights = _mm256_add_epi32(eights, bias);
    Narrow {
        low: low(eights),
        high: high_half(eights),
    }
}

/// The same in six groups, of which two make a number.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2")]
#[inline]
fn wide(lanes: __m512i, recipe: &Recipe) -> Wide {
    let pairs = _mm512_maddubs_epi16(lanes, _mm512_set1_epi16(1 << 8 | 10));
    let fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(1 << 16 | 100));
    let packed = _mm512_packus_epi32(fours, fours);
    let eights = _mm512_madd_epi16(packed, _mm512_set1_epi32(1 << 16 | 10_000));
    let high = _mm512_mul_epu32(eights, _mm512_set1_epi64(100_000_000));
    let numbers = _mm512_add_epi64(high, _mm512_srli_epi64::<32>(eights));
    let first = _mm512_castsi512_si256(numbers);
    let [a, b, c] = [
        low(first),
        high_half(first),
        low(_mm512_extracti64x4_epi64::<1>(numbers)),
    ];
    let bias = |lane: usize| {
        let [low, high] = [recipe.bias[2 * lane], recipe.bias[2 * lane + 1]];
        u64::from(low) | u64::from(high) << 32
    };
    // What is no number may come to anything here, and is found out.
    Wide([(a, 0), (b, 1), (c, 2)].map(|(number, lane)| number.wrapping_add(bias(lane))))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn low(numbers: __m256i) -> u64 {
    _mm_cvtsi128_si64(_mm256_castsi256_si128(numbers)).cast_unsigned()
}

#[target_feature(enable = "avx512f")]
#[inline]
fn high_half(numbers: __m256i) -> u64 {
    _mm_cvtsi128_si64(_mm256_extracti128_si256::<1>(numbers)).cast_unsigned()
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(bytes: &[u8; WINDOW]) -> __m512i {
    // SAFETY: 64 bytes are read from an array of 64.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}
