//! Levels of the usual lengths, in one form.
//!
//! # Safety
//! A level is put down as 32 bytes, of which it is the first 24: [`Level`] has the layout of C, which
//! the assertions below hold to what is put down. There is room for the bytes behind it, since the list is left in
//! time.

use std::arch::x86_64::__m256i;
use std::hint::cold_path;
use std::mem::offset_of;

use ticklot_book::Level;

use super::{Ends, Fill, Formed, Known, Read, Vectors, WINDOW, skipped};
use crate::scan::table::{LevelTable, Tables};

const _: () = {
    assert!(offset_of!(Level, ticks) == 0 && offset_of!(Level, lots) == 8);
    assert!(offset_of!(Level, count) == 16 && size_of::<Level>() == 24);
    assert!(size_of::<Level>() * 2 >= size_of::<__m256i>());
};

/// The levels from `at` on.
///
/// This is compiled for any processor, so that what is compiled for one stays a function of its own, whose loop has the
/// registers to itself.
#[inline]
pub(super) fn levels<V: Vectors, F: Formed>(
    isa: V,
    shape: F,
    ends: Ends<'_>,
    at: usize,
    tables: &mut Tables,
    mut fill: Fill<'_, Level>,
) -> Option<Read> {
    // That `at` is not behind the end is what all the reading here begins with.
    ends.text.get(at..)?;
    let table = V::table(tables, F::TABLE, shape.tag())?;
    // Each level takes so many bytes, so that before this place there is room for one and another one behind it.
    let least = skipped::<F>() + F::STEP;
    let stop = ends.full.min(at + least * fill.room().saturating_sub(1));
    // SAFETY: `isa` is a proof; `at` is not behind the end, and `stop` is as is asked for.
    let reached = unsafe { isa.usual(shape, ends, at, stop, table, fill.next())? };
    // SAFETY: it is where the next level goes, for which there is room, and all before it is written.
    unsafe { fill.filled_to(reached.next) };
    if reached.wrong.is_none() {
        return Read::of(fill, reached.at, false);
    }
    // SAFETY: `isa` is a proof.
    unsafe { isa.items(shape, ends, (reached.at, reached.wrong), &[], tables, fill) }
}

/// How far the levels of the usual kind went.
pub(in super::super) struct Reached<V: Vectors> {
    /// The closing brace of the last level of the list; or where the first number of one begins that is none of the
    /// usual kind.
    at: usize,
    /// Where the next level goes.
    next: *mut Level,
    /// What must be zero of all levels; none when that was the last one, and it is.
    wrong: Option<V::Bytes>,
}

/// Most levels are of the usual kind. This takes no others.
///
/// # Safety
/// The text must not end before `at`; from `next` on there must be room for two levels whenever one begins before
/// `stop`, which must not be behind `full`.
#[inline(always)]
pub(in super::super) unsafe fn usual<V: Vectors, F: Formed>(
    isa: V,
    shape: F,
    ends: Ends<'_>,
    mut at: usize,
    stop: usize,
    mut table: LevelTable<'_, V::Entry>,
    mut next: *mut Level,
) -> Option<Reached<V>> {
    let form = isa.form::<F>();
    // Looked at once, at the end.
    let mut wrong = isa.zeros();
    // SAFETY: the text does not end before `at`.
    let mut near = unsafe { Near::first::<F>(ends, at) };
    while at < stop {
        // SAFETY: `at` is before `full`, so there is a window, and the text does not end before it.
        let (window, start) = unsafe { ends.full_window(at) };
        // SAFETY: as above.
        let len = unsafe { near.next::<F>(ends, at) }?;
        let bytes = isa.load(window);
        let key = isa.pattern(bytes, len);
        let Some(entry) = table.get(key, isa.crc(key) >> F::HASHED_FROM, |key| {
            V::learn(shape, key)
        }) else {
            break;
        };
        let (level, left) = isa.level::<F>(form, entry, window, bytes);
        // SAFETY: there is room for two levels, and so for 32 bytes. They begin with a level.
        unsafe {
            next.cast::<__m256i>().write_unaligned(level);
            next = next.add(1);
        }
        let end = at + len;
        // SAFETY: the end of the level is in the window, and this one byte behind it at most.
        let is_last = unsafe { *start.add(len + 1) } != b',';
        if is_last {
            wrong = isa.check_last::<F>(wrong, left, entry, len + 1);
            return isa.is_zero(wrong).then_some(Reached {
                at: end,
                next,
                wrong: None,
            });
        }
        wrong = isa.check::<F>(wrong, left, form, entry);
        at = end + F::STEP;
    }
    Some(Reached {
        at,
        next,
        wrong: Some(wrong),
    })
}

/// From the first number of a level to the first byte of the next one that may be its closing brace, at least.
const fn lead<K: Known>() -> usize {
    skipped::<K>() + K::STEP + skipped::<K>()
}

/// Bits in which the closing brace of a level is found.
///
/// Where a level begins is known when its predecessor's end is found, and the next one's end depends on it:
/// that chain is what takes longest. A word that is loaded from there on would make it twice as long, so it is loaded
/// from as far on as a level surely reaches, while the one before it is still being looked at.
struct Near {
    word: u64,
    /// Which bit of it stands for the first byte of the level that may be its closing brace.
    bit: usize,
}

impl Near {
    /// For a level at `at`.
    ///
    /// # Safety
    /// That must not be behind the text's end.
    #[inline(always)]
    unsafe fn first<F: Formed>(ends: Ends<'_>, at: usize) -> Self {
        let from = at + skipped::<F>();
        Self {
            // SAFETY: what is skipped is less than a window.
            word: unsafe { ends.word(from) },
            bit: from % 8,
        }
    }

    /// How far the closing brace of the level at `at` is from there, as [`Ends::len_of`] tells, if that is less than
    /// [`WINDOW`]. This must be for that level, and is then for the one behind it.
    ///
    /// # Safety
    /// `at` must not be behind the text's end.
    #[inline(always)]
    unsafe fn next<F: Formed>(&mut self, ends: Ends<'_>, at: usize) -> Option<usize> {
        const {
            // The longest level's end is not beyond the bits of a word, nor a word beyond all bits.
            assert!(skipped::<F>() > 7 && lead::<F>() <= WINDOW);
        }
        let mut behind = (self.word >> (self.bit % 64)).trailing_zeros() as usize;
        if behind >= WINDOW - skipped::<F>() {
            cold_path();
            // SAFETY: as is asked for.
            behind = unsafe { ends.len_of::<F>(at) } - skipped::<F>();
            if behind >= WINDOW - skipped::<F>() {
                return None;
            }
        }
        let from = at + lead::<F>();
        // SAFETY: `lead` is no more than a window.
        self.word = unsafe { ends.word(from) };
        // The next level is `behind` bytes further away than the nearest.
        self.bit = from % 8 + behind;
        Some(skipped::<F>() + behind)
    }
}
