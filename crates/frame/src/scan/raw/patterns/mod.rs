//! Lists read by the patterns of their digits: levels of the usual lengths the shortest way that an instruction set
//! has, all else by [recipes](crate::scan::recipe).
//!
//! # Safety
//! [`Ends`] reads the text and its bits without a check of their own, within bounds that its invariant and one
//! comparison give; and a level is put down as 32 bytes, which is longer, see [`levels`].

mod items;
mod levels;

use std::arch::x86_64::__m256i;

use ticklot_book::Level;

pub(super) use items::{Narrow, Wide, items};
pub(super) use levels::{Reached, usual};

use self::levels::levels;
use super::Fill;
use super::avx2::Avx2;
use super::avx512::Avx512;
use crate::scan::Job;
use crate::scan::parts::WINDOW;
use crate::scan::recipe::Recipe;
use crate::scan::side::{Formed, Known, Read};
use crate::scan::table::{Keyed, LevelTable, Tables};

/// An instruction set to read by patterns with: the proof that this processor has it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patterns {
    Avx512(Avx512),
    Avx2(Avx2),
}

impl Patterns {
    /// Finds the closing braces of `text`. The bits of them are kept in `bits`, which grows as it must.
    pub(crate) fn ends<'t>(self, text: &'t [u8], bits: &'t mut Vec<u8>) -> Ends<'t> {
        let len = (text.len() / WINDOW + 1) * 8 + BEHIND;
        if bits.len() < len {
            bits.resize(len, 0);
        }
        let words = bits.as_chunks_mut().0;
        // SAFETY: it is a proof.
        unsafe {
            match self {
                Self::Avx512(isa) => isa.mark(text, b'}', words),
                Self::Avx2(isa) => isa.mark(text, b'}', words),
            }
        }
        Ends {
            text,
            bits,
            full: (text.len() + 1).saturating_sub(WINDOW + BEHIND_WINDOW),
        }
    }

    /// Reads levels from the one whose first number begins at `at` to the last one. None when something is not as
    /// expected.
    #[inline]
    pub(crate) fn levels<F: Formed>(
        self,
        shape: F,
        ends: Ends<'_>,
        at: usize,
        tables: &mut Tables,
        fill: Fill<'_, Level>,
    ) -> Option<Read> {
        match self {
            Self::Avx512(isa) => levels(isa, shape, ends, at, tables, fill),
            Self::Avx2(isa) => levels(isa, shape, ends, at, tables, fill),
        }
    }

    /// Reads items from the one whose first number begins at `at`: up to the last one, or to one that begins
    /// with `head`, of [`WINDOW`] bytes at most, if it is not empty. None when something is not as expected.
    #[inline]
    pub(crate) fn items<K: Known>(
        self,
        shape: K,
        ends: Ends<'_>,
        at: usize,
        head: &[u8],
        tables: &mut Tables,
        fill: Fill<'_, K::Item>,
    ) -> Option<Read> {
        // SAFETY: it is a proof.
        unsafe {
            match self {
                Self::Avx512(isa) => isa.items(shape, ends, (at, None), head, tables, fill),
                Self::Avx2(isa) => isa.items(shape, ends, (at, None), head, tables, fill),
            }
        }
    }

    /// Does `job`, compiled for AVX2.
    pub(crate) fn run<J: Job>(self, job: J) -> J::Output {
        match self {
            Self::Avx512(isa) => isa.avx2().run(job),
            Self::Avx2(isa) => isa.run(job),
        }
    }
}

/// What is asked of an instruction set; a value is the proof that this processor has it.
///
/// The last three methods are loops, compiled for the instructions (`#[target_feature]`, which only an `unsafe`
/// method can have). All others must be `#[inline(always)]`, so that they are compiled into those.
pub(super) trait Vectors: Copy {
    /// [`WINDOW`] bytes.
    type Bytes: Copy;

    /// What there is to know of the pattern of a level of the usual lengths.
    type Entry: Keyed;

    /// What is the same for all levels of a venue, in registers.
    type Form: Copy;

    /// The table of the usual levels of a tag.
    fn table(tables: &mut Tables, kind: usize, tag: u16) -> Option<LevelTable<'_, Self::Entry>>;

    /// What there is to know of a pattern. None when it is none of a level of the usual lengths.
    fn learn<F: Formed>(shape: F, key: u64) -> Option<Self::Entry>;

    /// CRC-32C of a pattern.
    fn crc(self, key: u64) -> u64;

    /// The form, or what is needed of it.
    fn form<F: Formed>(self) -> Self::Form;

    /// The bytes.
    fn load(self, bytes: &[u8; WINDOW]) -> Self::Bytes;

    /// The bytes that a text begins with, zeros behind its end.
    fn load_short(self, text: &[u8]) -> Self::Bytes;

    /// Nothing but zeros.
    fn zeros(self) -> Self::Bytes;

    /// The pattern of the first `len` bytes, fewer than there are: a bit for each that is a digit.
    fn pattern(self, window: Self::Bytes, len: usize) -> u64;

    /// `bytes` less `others`.
    fn less(self, bytes: Self::Bytes, others: Self::Bytes) -> Self::Bytes;

    /// `wrong` and those bits of `left` that are in the mask.
    fn or_masked(self, wrong: Self::Bytes, left: Self::Bytes, mask: Self::Bytes) -> Self::Bytes;

    /// Whether all bytes are zero.
    fn is_zero(self, bytes: Self::Bytes) -> bool;

    /// Whether the bytes are those of `head`, of which there are `len`.
    fn begins(self, bytes: Self::Bytes, head: Self::Bytes, len: usize) -> bool;

    /// The level in a window, as it is put down, and what is left of its text. `window` holds `bytes`.
    fn level<F: Formed>(
        self,
        form: Self::Form,
        entry: &Self::Entry,
        window: &[u8; WINDOW],
        bytes: Self::Bytes,
    ) -> (__m256i, Self::Bytes);

    /// `wrong` and what must be zero of what is left of a level.
    fn check<F: Formed>(
        self,
        wrong: Self::Bytes,
        left: Self::Bytes,
        form: Self::Form,
        entry: &Self::Entry,
    ) -> Self::Bytes;

    /// The same for the last level of a list, of `len` bytes with its brace.
    fn check_last<F: Formed>(
        self,
        wrong: Self::Bytes,
        left: Self::Bytes,
        entry: &Self::Entry,
        len: usize,
    ) -> Self::Bytes;

    /// What is left of an item, as numbers in narrow lanes.
    fn narrow(self, left: Self::Bytes, recipe: &Recipe) -> Narrow;

    /// The same in wide lanes.
    fn wide(self, left: Self::Bytes, recipe: &Recipe) -> Wide;

    /// A bit for each byte of `text` that is `byte`, 64 of them a word. `words` are as many as that
    /// takes, or more.
    ///
    /// # Safety
    /// The processor must have the instructions, as each value says; so for the others.
    unsafe fn mark(self, text: &[u8], byte: u8, words: &mut [[u8; 8]]);

    /// Does [`usual`].
    ///
    /// # Safety
    /// What that asks for besides.
    unsafe fn usual<F: Formed>(
        self,
        shape: F,
        ends: Ends<'_>,
        at: usize,
        stop: usize,
        table: LevelTable<'_, Self::Entry>,
        next: *mut Level,
    ) -> Option<Reached<Self>>;

    /// Does [`items`].
    ///
    /// # Safety
    /// As above.
    unsafe fn items<K: Known>(
        self,
        shape: K,
        ends: Ends<'_>,
        from: (usize, Option<Self::Bytes>),
        head: &[u8],
        tables: &mut Tables,
        fill: Fill<'_, K::Item>,
    ) -> Option<Read>;
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
/// Invariant, which [`Patterns::ends`] sees to and nothing changes: `bits` goes on for [`BEHIND`] bytes
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

    /// A word of bits, from the first one of the byte that has that of place `at`: 57 of them are from there on, at
    /// least.
    ///
    /// # Safety
    /// `at` must be at most [`WINDOW`] bytes behind a place that is not behind the text's end.
    #[inline(always)]
    unsafe fn word(self, at: usize) -> u64 {
        // SAFETY: so many bytes are there: the type's invariant.
        let word: [u8; 8] = unsafe { *self.bits.as_ptr().add(at / 8).cast() };
        u64::from_le_bytes(word)
    }

    /// How far the closing brace of an item is from byte `at` on, where its first number begins; [`WINDOW`] and
    /// more when it is too far.
    ///
    /// # Safety
    /// `at` must not be behind the text's end.
    #[inline(always)]
    unsafe fn len_of<K: Known>(self, at: usize) -> usize {
        let from = at + skipped::<K>();
        // SAFETY: what is skipped is less than a window.
        let bits = unsafe { self.word(from) } >> (from % 8);
        skipped::<K>() + bits.trailing_zeros() as usize
    }

    /// The [`WINDOW`] bytes from `at` on, and where they begin: there are [`BEHIND_WINDOW`] more.
    ///
    /// # Safety
    /// `at` must be before `full`.
    #[inline(always)]
    unsafe fn full_window(self, at: usize) -> (&'t [u8; WINDOW], *const u8) {
        // SAFETY: there are so many bytes, and an array of them needs no alignment.
        unsafe {
            let start = self.text.as_ptr().add(at);
            (&*start.cast(), start)
        }
    }

    /// The same as [`Ends::full_window`], with zeros behind the text's end. None when `at` is behind it.
    #[inline(always)]
    fn window<V: Vectors>(self, isa: V, at: usize) -> Option<V::Bytes> {
        let rest = self.text.get(at..)?;
        Some(match rest.first_chunk() {
            Some(window) => isa.load(window),
            None => isa.load_short(rest),
        })
    }
}
