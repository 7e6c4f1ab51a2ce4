//! Lists read with AVX-512: levels of the usual lengths in one [`form`](crate::scan::form), all else by
//! [recipes](crate::scan::recipe).
//!
//! # Safety
//! As in [`avx2`](super::avx2), the proof being an [`Avx512`]. Besides, [`Ends`] reads the text and its
//! bits without a check of their own, within bounds that its invariant and one comparison give; and a level is
//! put down as 32 bytes, which is longer, see [`levels`].

mod items;
mod levels;

use std::arch::x86_64::{
    __m512i, _mm512_cmpeq_epi8_mask, _mm512_cmplt_epu8_mask, _mm512_loadu_si512,
    _mm512_maskz_loadu_epi8, _mm512_set1_epi8, _mm512_setzero_si512, _mm512_sub_epi8,
    _mm512_test_epi8_mask,
};

use ticklot_book::Level;

use super::Fill;
use super::avx2::Avx2;
use crate::scan::parts::{WINDOW, bits};
use crate::scan::side::{Formed, Known, Read};
use crate::scan::table::Tables;

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
            full: (text.len() + 1).saturating_sub(WINDOW + BEHIND_WINDOW),
        }
    }

    /// Reads levels from the one whose first number begins at `at` to the last one. None when something is not as
    /// expected.
    pub(crate) fn levels<F: Formed>(
        self,
        shape: F,
        ends: Ends<'_>,
        at: usize,
        tables: &mut Tables,
        fill: Fill<'_, Level>,
    ) -> Option<Read> {
        // SAFETY: `self` proves that the features are there.
        unsafe { levels::levels(shape, ends, at, tables, fill) }
    }

    /// Reads items from the one whose first number begins at `at`: up to the last one, or to one that begins
    /// with `head`, of [`WINDOW`] bytes at most, if it is not empty. None when something is not as expected.
    pub(crate) fn items<K: Known>(
        self,
        shape: K,
        ends: Ends<'_>,
        at: usize,
        head: &[u8],
        tables: &mut Tables,
        fill: Fill<'_, K::Item>,
    ) -> Option<Read> {
        // SAFETY: `self` proves that the features are there.
        unsafe {
            let none = _mm512_setzero_si512();
            items::items(shape, ends, at, head, tables, fill, none)
        }
    }
}

/// How many bytes of bits are read from the one that a byte of the text has its bit in, at most:
/// as many as a window has, and a word.
const BEHIND: usize = WINDOW / 8 + 8;

/// How many bytes behind a window are read at most.
const BEHIND_WINDOW: usize = 1;

/// How many bytes of an item are taken for no closing brace without a look: whole bytes of bits.
const fn skipped<K: Known>() -> usize {
    const { assert!(K::SHORTEST < WINDOW) };
    K::SHORTEST / 8 * 8
}

/// A text, and a bit for each byte of it that is a closing brace.
///
/// Invariant, which [`Avx512::ends`] sees to and nothing changes: `bits` goes on for [`BEHIND`] bytes
/// from the one with the bit of the text's end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends<'t> {
    text: &'t [u8],
    bits: &'t [u8],
    /// Before this place there are [`WINDOW`] bytes to read, and [`BEHIND_WINDOW`] more.
    full: usize,
}

impl<'t> Ends<'t> {
    /// The text.
    #[inline(always)]
    pub(crate) fn text(&self) -> &'t [u8] {
        self.text
    }

    /// A word of bits from byte `at` on, 57 of them at least. `at` must be at most [`WINDOW`] bytes behind a place
    /// that is not behind the text's end.
    #[inline(always)]
    unsafe fn word(self, at: usize) -> u64 {
        // SAFETY: so many bytes are there: the type's invariant.
        let word: [u8; 8] = unsafe { *self.bits.as_ptr().add(at / 8).cast() };
        u64::from_le_bytes(word)
    }

    /// How far the closing brace of an item is from byte `at` on, where its first number begins; [`WINDOW`] and
    /// more when it is too far. `at` must not be behind the text's end.
    #[inline(always)]
    unsafe fn len_of<K: Known>(self, at: usize) -> usize {
        let from = at + skipped::<K>();
        // SAFETY: it is as near as that.
        let bits = unsafe { self.word(from) } >> (from % 8);
        skipped::<K>() + bits.trailing_zeros() as usize
    }

    /// The [`WINDOW`] bytes from `at` on. `at` must be before `full`.
    #[inline(always)]
    unsafe fn full_window(self, at: usize) -> __m512i {
        // SAFETY: there are so many bytes. An `Ends` is a proof of AVX-512: only `Avx512::ends` makes one.
        unsafe { _mm512_loadu_si512(self.text.as_ptr().add(at).cast()) }
    }

    /// The byte at `at`, which must be in a window that begins before `full`, or one of the [`BEHIND_WINDOW`] behind it.
    #[inline(always)]
    unsafe fn byte(self, at: usize) -> u8 {
        // SAFETY: the window is in the text, and so many bytes behind it.
        unsafe { *self.text.as_ptr().add(at) }
    }

    /// The same, with zeros behind the text's end. None when `at` is behind it.
    #[inline(always)]
    fn window(self, at: usize) -> Option<__m512i> {
        if at < self.full {
            // SAFETY: as is asked for.
            return Some(unsafe { self.full_window(at) });
        }
        let rest = self.text.get(at..)?;
        // SAFETY: no more bytes are read than there are; the proof of AVX-512 is as above.
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

/// The list, if nothing is wrong: if no bit is set that must be zero.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn finish<T: Copy>(fill: Fill<'_, T>, at: usize, is_head: bool, wrong: __m512i) -> Option<Read> {
    if _mm512_test_epi8_mask(wrong, wrong) != 0 {
        return None;
    }
    Read::of(fill, at, is_head)
}

/// The bytes that a text begins with, zeros behind its end.
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
#[inline]
fn load_short(text: &[u8]) -> __m512i {
    // SAFETY: no more bytes are read than there are.
    unsafe { _mm512_maskz_loadu_epi8(bits(0, text.len()), text.as_ptr().cast()) }
}

/// All bytes less `'0'`, and which of them are digits.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn digits(window: __m512i) -> (__m512i, u64) {
    let values = _mm512_sub_epi8(window, _mm512_set1_epi8(b'0'.cast_signed()));
    (values, _mm512_cmplt_epu8_mask(values, _mm512_set1_epi8(10)))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(bytes: &[u8; WINDOW]) -> __m512i {
    // SAFETY: 64 bytes are read from an array of 64.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}
