//! Lists read with AVX-512: see [`recipe`](crate::scan::recipe).
//!
//! # Safety
//! As in [`avx2`](super::avx2), the proof being an [`Avx512`].

use std::arch::x86_64::{
    __m256i, __m512i, _mm_cvtsi128_si64, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm512_add_epi64, _mm512_castsi512_si256, _mm512_cmpeq_epi8_mask, _mm512_cmplt_epu8_mask,
    _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_madd_epi16, _mm512_maddubs_epi16,
    _mm512_mask_cmpneq_epi8_mask, _mm512_maskz_permutexvar_epi8, _mm512_mul_epu32,
    _mm512_packus_epi32, _mm512_set1_epi8, _mm512_set1_epi16, _mm512_set1_epi32, _mm512_set1_epi64,
    _mm512_srli_epi64, _mm512_sub_epi8, _mm512_testn_epi8_mask,
};

use super::avx2::Avx2;
use super::{Bits, Fill};
use crate::scan::recipe::{LANES, Recipe, Recipes, WINDOW};
use crate::scan::side::Known;

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

    /// A bit for each byte of `text` that is `byte`, 64 of them a word. `words` are as many as that
    /// takes, or more.
    pub(crate) fn mark(self, text: &[u8], byte: u8, words: &mut [[u8; 8]]) {
        // SAFETY: `self` proves that the features are there.
        unsafe { mark(text, byte, words) }
    }

    /// Reads items from the one whose first number begins at `at`, and tells where the last one's
    /// closing brace is. `ends` are the closing braces. None when something is not as expected.
    pub(crate) fn items<K: Known>(
        self,
        shape: K,
        text: &[u8],
        ends: Bits<'_>,
        at: usize,
        recipes: &mut Recipes,
        fill: &mut Fill<'_, K::Item>,
    ) -> Option<usize> {
        // SAFETY: `self` proves that the features are there.
        unsafe { items(shape, text, ends, at, recipes, fill) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,bmi1,bmi2,lzcnt")]
fn mark(text: &[u8], byte: u8, words: &mut [[u8; 8]]) {
    let (blocks, rest) = text.as_chunks::<WINDOW>();
    let mut last = [0; WINDOW];
    last[..rest.len()].copy_from_slice(rest);
    let byte = _mm512_set1_epi8(byte.cast_signed());
    for (word, block) in words.iter_mut().zip(blocks.iter().chain([&last])) {
        *word = _mm512_cmpeq_epi8_mask(load(block), byte).to_le_bytes();
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,bmi1,bmi2,lzcnt")]
fn items<K: Known>(
    shape: K,
    text: &[u8],
    ends: Bits<'_>,
    at: usize,
    recipes: &mut Recipes,
    fill: &mut Fill<'_, K::Item>,
) -> Option<usize> {
    let mut at = at;
    loop {
        let len = ends.next_after(at)?;
        let rest = text.get(at..)?;
        let window = match rest.first_chunk() {
            Some(window) => load(window),
            None => near_the_end(rest),
        };
        fill.push(item(shape, window, len, recipes)?)?;
        let end = at + len;
        if !K::goes_on(text, end) {
            return Some(end);
        }
        at = end + K::STEP;
    }
}

/// The last bytes of the text are read from a copy, which owns what is behind them.
#[cold]
#[inline(never)]
#[target_feature(enable = "avx512f")]
fn near_the_end(rest: &[u8]) -> __m512i {
    let mut copy = [0; WINDOW];
    for (to, from) in copy.iter_mut().zip(rest) {
        *to = *from;
    }
    load(&copy)
}

/// The item whose closing brace is at byte `len` of `window`.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,bmi1,bmi2,lzcnt")]
#[inline]
fn item<K: Known>(shape: K, window: __m512i, len: usize, recipes: &mut Recipes) -> Option<K::Item> {
    let values = _mm512_sub_epi8(window, _mm512_set1_epi8(b'0'.cast_signed()));
    let digits = _mm512_cmplt_epu8_mask(values, _mm512_set1_epi8(10));
    let inside = (1_u64 << (len % WINDOW)) - 1;
    let recipe = recipes.get(digits & inside, K::recipe)?;
    let wrong_words = _mm512_mask_cmpneq_epi8_mask(recipe.is_word, window, load(&recipe.words));
    let wrong_zeros = _mm512_testn_epi8_mask(values, values) & recipe.not_zero;
    // The recipe goes to its closing brace, which must be the one that was found.
    if (wrong_words | wrong_zeros != 0) | (usize::from(recipe.end) != len + 1) {
        return None;
    }
    shape.known(recipe, lanes(values, recipe))
}

/// The numbers of a window.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
#[inline]
fn lanes(values: __m512i, recipe: &Recipe) -> [u64; LANES] {
    let digits = _mm512_maskz_permutexvar_epi8(recipe.is_digit, load(&recipe.places), values);
    // As with AVX2: tens and ones, hundreds and ones, ten thousands and ones, in four lanes.
    let pairs = _mm512_maddubs_epi16(digits, _mm512_set1_epi16(1 << 8 | 10));
    let fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(1 << 16 | 100));
    let packed = _mm512_packus_epi32(fours, fours);
    let eights = _mm512_madd_epi16(packed, _mm512_set1_epi32(1 << 16 | 10_000));
    let high = _mm512_mul_epu32(eights, _mm512_set1_epi64(100_000_000));
    let numbers = _mm512_add_epi64(high, _mm512_srli_epi64::<32>(eights));
    let first = _mm512_castsi512_si256(numbers);
    [
        low(first),
        high_half(first),
        low(_mm512_extracti64x4_epi64::<1>(numbers)),
    ]
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
