//! Items of any length, by recipes.

use std::arch::x86_64::{
    __m256i, __m512i, _mm_cvtsi128_si64, _mm256_add_epi32, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_packus_epi32, _mm256_set1_epi16, _mm256_set1_epi32, _mm512_add_epi64,
    _mm512_castsi512_si256, _mm512_extracti64x4_epi64, _mm512_madd_epi16, _mm512_maddubs_epi16,
    _mm512_mask_cmpneq_epi8_mask, _mm512_mul_epu32, _mm512_packus_epi32, _mm512_permutexvar_epi8,
    _mm512_set1_epi16, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_srli_epi64, _mm512_sub_epi8,
    _mm512_ternarylogic_epi32,
};

use super::{Ends, Fill, Known, Read, WINDOW, bits, digits, finish, load, load_short};
use crate::scan::parts::NUMBERS;
use crate::scan::recipe::Recipe;
use crate::scan::side::Lanes;
use crate::scan::table::{Tables, product};

/// The items from `at` on. `wrong` is what was found before of bits that must be zero.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,bmi1,bmi2,lzcnt")]
pub(super) fn items<K: Known>(
    shape: K,
    ends: Ends<'_>,
    at: usize,
    head: &[u8],
    tables: &mut Tables,
    mut fill: Fill<'_, K::Item>,
    wrong: __m512i,
) -> Option<Read> {
    let mut recipes = tables.recipes.get_mut(K::TABLE)?.table(shape.tag())?;
    let has_head = !head.is_empty();
    let head_bits = bits(0, head.len());
    let head = load_short(head);
    let (mut at, mut wrong) = (at, wrong);
    loop {
        let window = ends.window(at)?;
        if has_head && _mm512_mask_cmpneq_epi8_mask(head_bits, window, head) == 0 {
            return finish(fill, at, true, wrong);
        }
        // SAFETY: there is a window, so `at` is not behind the end.
        let len = unsafe { ends.len_of::<K>(at) };
        if len >= WINDOW {
            return None;
        }
        let (_, digits) = digits(window);
        let key = digits & bits(0, len);
        let recipe = recipes.get(key, product(key), |key| shape.recipe(key))?;
        let left = _mm512_sub_epi8(window, load(&recipe.words));
        // What of the masked bits is set, too.
        wrong = _mm512_ternarylogic_epi32::<0xf8>(wrong, left, load(&recipe.mask));
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
            return finish(fill, at + len, false, wrong);
        }
        at += len + K::STEP;
    }
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
struct Wide([u64; NUMBERS]);

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
