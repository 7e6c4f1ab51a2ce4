//! Lists read by patterns with AVX-512: a register for a window, and one permutation that puts a level in its
//! [`form`].
//!
//! # Safety
//! As in [`avx2`], the proof being an [`Avx512`].

use std::arch::x86_64::{
    __m256i, __m512i, _mm512_add_epi64, _mm512_castsi512_si256, _mm512_cmpeq_epi8_mask,
    _mm512_cmplt_epu8_mask, _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_madd_epi16,
    _mm512_maddubs_epi16, _mm512_mask_cmpneq_epi8_mask, _mm512_maskz_loadu_epi8, _mm512_mul_epu32,
    _mm512_packus_epi32, _mm512_permutex2var_epi8, _mm512_permutexvar_epi8, _mm512_set1_epi8,
    _mm512_set1_epi16, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_srli_epi64, _mm512_sub_epi8, _mm512_ternarylogic_epi32, _mm512_test_epi8_mask,
};

use ticklot_book::Level;

use super::Fill;
use super::avx2::{self, Avx2};
use super::patterns::{Ends, Narrow, Reached, Vectors, Wide, items, usual};
use crate::scan::form::{self, OTHER, Places};
use crate::scan::parts::{WINDOW, bits};
use crate::scan::recipe::Recipe;
use crate::scan::side::{Formed, Known, Read};
use crate::scan::table::{LevelTable, Tables, of_levels};

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
}

/// A form in registers.
#[derive(Clone, Copy)]
pub(super) struct Form {
    words: __m512i,
    mask: __m512i,
    other: __m512i,
}

impl Vectors for Avx512 {
    type Bytes = __m512i;
    type Entry = Places;
    type Form = Form;

    #[inline(always)]
    fn table(tables: &mut Tables, kind: usize, tag: u16) -> Option<LevelTable<'_, Places>> {
        of_levels(&mut tables.places, &mut tables.recipes, (kind, tag))
    }

    #[inline(always)]
    fn learn<F: Formed>(shape: F, key: u64) -> Option<Places> {
        Places::new(F::FORM, key, &shape.parts())
    }

    #[inline(always)]
    fn crc(self, key: u64) -> u64 {
        // SAFETY: `self` proves that the features are there.
        unsafe { avx2::crc(key) }
    }

    #[inline(always)]
    fn form<F: Formed>(self) -> Form {
        let form::Form { words, mask, .. } = F::FORM;
        let [words, mask, other] = [words, mask, &OTHER].map(|bytes| self.load(&bytes.0));
        Form { words, mask, other }
    }

    #[inline(always)]
    fn load(self, bytes: &[u8; WINDOW]) -> __m512i {
        // SAFETY: `self` proves that the features are there.
        unsafe { load(bytes) }
    }

    #[inline(always)]
    fn load_short(self, text: &[u8]) -> __m512i {
        // SAFETY: `self` proves that the features are there.
        unsafe { load_short(text) }
    }

    #[inline(always)]
    fn zeros(self) -> __m512i {
        // SAFETY: `self` proves that the features are there.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn pattern(self, window: __m512i, len: usize) -> u64 {
        // SAFETY: `self` proves that the features are there.
        unsafe {
            let digits = _mm512_cmplt_epu8_mask(values(window), _mm512_set1_epi8(10));
            avx2::first(digits, len)
        }
    }

    #[inline(always)]
    fn less(self, bytes: __m512i, others: __m512i) -> __m512i {
        // SAFETY: `self` proves that the features are there.
        unsafe { _mm512_sub_epi8(bytes, others) }
    }

    #[inline(always)]
    fn or_masked(self, wrong: __m512i, left: __m512i, mask: __m512i) -> __m512i {
        // SAFETY: `self` proves that the features are there.
        unsafe { _mm512_ternarylogic_epi32::<0xf8>(wrong, left, mask) }
    }

    #[inline(always)]
    fn is_zero(self, bytes: __m512i) -> bool {
        // SAFETY: `self` proves that the features are there.
        unsafe { _mm512_test_epi8_mask(bytes, bytes) == 0 }
    }

    #[inline(always)]
    fn begins(self, bytes: __m512i, head: __m512i, len: usize) -> bool {
        // SAFETY: `self` proves that the features are there.
        unsafe { _mm512_mask_cmpneq_epi8_mask(bits(0, len), bytes, head) == 0 }
    }

    #[inline(always)]
    fn level<F: Formed>(
        self,
        form: Form,
        entry: &Places,
        _: &[u8; WINDOW],
        bytes: __m512i,
    ) -> (__m256i, __m512i) {
        // SAFETY: `self` proves that the features are there.
        unsafe {
            let places = load(&entry.places.0);
            let bytes = _mm512_permutex2var_epi8(values(bytes), places, form.other);
            let left = _mm512_sub_epi8(bytes, form.words);
            let mut level = avx2::level(_mm512_castsi512_si256(left));
            if entry.is_long {
                level = avx2::with_higher(level);
            }
            (level, left)
        }
    }

    #[inline(always)]
    fn check<F: Formed>(self, wrong: __m512i, left: __m512i, form: Form, _: &Places) -> __m512i {
        self.or_masked(wrong, left, form.mask)
    }

    #[inline(always)]
    fn check_last<F: Formed>(self, wrong: __m512i, left: __m512i, _: &Places, _: usize) -> __m512i {
        self.or_masked(wrong, left, self.load(&F::FORM.mask_of_last.0))
    }

    #[inline(always)]
    fn narrow(self, left: __m512i, recipe: &Recipe) -> Narrow {
        // SAFETY: `self` proves that the features are there.
        unsafe { avx2::narrow(_mm512_castsi512_si256(lanes(left, recipe)), recipe) }
    }

    #[inline(always)]
    fn wide(self, left: __m512i, recipe: &Recipe) -> Wide {
        // SAFETY: `self` proves that the features are there.
        Wide::new(unsafe { wide(lanes(left, recipe)) }, recipe)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,bmi1,bmi2,lzcnt")]
    unsafe fn mark(self, text: &[u8], byte: u8, words: &mut [[u8; 8]]) {
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
    unsafe fn usual<F: Formed>(
        self,
        shape: F,
        ends: Ends<'_>,
        at: usize,
        stop: usize,
        table: LevelTable<'_, Places>,
        next: *mut Level,
    ) -> Option<Reached<Self>> {
        // SAFETY: what is asked for is what this asks for.
        unsafe { usual(self, shape, ends, at, stop, table, next) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,bmi1,bmi2,lzcnt")]
    unsafe fn items<K: Known>(
        self,
        shape: K,
        ends: Ends<'_>,
        from: (usize, Option<__m512i>),
        head: &[u8],
        tables: &mut Tables,
        fill: Fill<'_, K::Item>,
    ) -> Option<Read> {
        items(self, shape, ends, from, head, tables, fill)
    }
}

#[target_feature(enable = "avx512f,avx512bw,bmi2")]
#[inline]
fn load_short(text: &[u8]) -> __m512i {
    let len = text.len().min(WINDOW);
    let mask = match len {
        0 => 0,
        1.. => u64::MAX >> (WINDOW - len),
    };
    // SAFETY: `len` is from 1 to 64, so the shift is by 0 to 63 and leaves the lowest `len` bits of the 64; without
    // bytes no bit is set. A masked load reads the bytes of the bits that are set and no others: the first `len`
    // of `text`, which has as many.
    unsafe { _mm512_maskz_loadu_epi8(mask, text.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(bytes: &[u8; WINDOW]) -> __m512i {
    // SAFETY: 64 bytes are read from an array of 64.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// All bytes less `'0'`.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn values(window: __m512i) -> __m512i {
    _mm512_sub_epi8(window, _mm512_set1_epi8(b'0'.cast_signed()))
}

/// The digits that are left, in their lanes.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
#[inline]
fn lanes(left: __m512i, recipe: &Recipe) -> __m512i {
    _mm512_permutexvar_epi8(load(&recipe.places), left)
}

/// The numbers in wide lanes: as in narrow ones, in six groups, of which two make a number.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2")]
#[inline]
fn wide(lanes: __m512i) -> [u64; 3] {
    let pairs = _mm512_maddubs_epi16(lanes, _mm512_set1_epi16(1 << 8 | 10));
    let fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(1 << 16 | 100));
    let packed = _mm512_packus_epi32(fours, fours);
    let eights = _mm512_madd_epi16(packed, _mm512_set1_epi32(1 << 16 | 10_000));
    let high = _mm512_mul_epu32(eights, _mm512_set1_epi64(100_000_000));
    let numbers = _mm512_add_epi64(high, _mm512_srli_epi64::<32>(eights));
    let first = _mm512_castsi512_si256(numbers);
    [
        avx2::low(first),
        avx2::high_half(first),
        avx2::low(_mm512_extracti64x4_epi64::<1>(numbers)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_short_reads_the_text_and_zeros() {
        let Some(isa) = Avx512::detect() else {
            println!("skipped: no AVX-512");
            return;
        };
        for len in 0..=3 * WINDOW {
            // Under AddressSanitizer a byte read behind it is found.
            let text: Box<[u8]> = (1..=u8::MAX).cycle().take(len).collect();
            let mut expected = [0; WINDOW];
            let read = len.min(WINDOW);
            expected[..read].copy_from_slice(&text[..read]);
            let loaded = isa.load_short(&text);
            assert!(isa.is_zero(isa.less(loaded, isa.load(&expected))), "{len}");
        }
    }
}
