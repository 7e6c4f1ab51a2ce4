//! Levels of the usual lengths, in one form.
//!
//! # Safety
//! A level is put down as 32 bytes, of which it is the first 24: [`Level`] has the layout of C, which
//! the assertions below hold to what is put down. There is room for the bytes behind it, since the list is left in time.

use std::arch::x86_64::{
    __m256i, __m512i, _bzhi_u64, _mm_crc32_u64, _mm256_add_epi64, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_mul_epu32, _mm256_permute4x64_epi64, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_setr_epi8, _mm256_setr_epi64x, _mm256_shuffle_epi8,
    _mm512_castsi512_si256, _mm512_permutex2var_epi8, _mm512_setzero_si512, _mm512_sub_epi8,
    _mm512_ternarylogic_epi32,
};
use std::hint::cold_path;
use std::mem::offset_of;

use ticklot_book::Level;

use super::items::items;
use super::{Ends, Fill, Formed, Known, Read, WINDOW, digits, finish, load, skipped};
use crate::scan::form::{OTHER, Places};
use crate::scan::table::{PLACES, Table, Tables};

const _: () = {
    assert!(offset_of!(Level, ticks) == 0 && offset_of!(Level, lots) == 8);
    assert!(offset_of!(Level, count) == 16 && size_of::<Level>() == 24);
    assert!(size_of::<Level>() * 2 >= size_of::<__m256i>());
};

/// The levels from `at` on.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,bmi1,bmi2,lzcnt")]
pub(super) fn levels<F: Formed>(
    shape: F,
    ends: Ends<'_>,
    at: usize,
    tables: &mut Tables,
    mut fill: Fill<'_, Level>,
) -> Option<Read> {
    // That `at` is not behind the end is what all the reading here begins with.
    ends.text.get(at..)?;
    let table = tables.of_levels(F::TABLE, shape.tag())?;
    // Each level takes so many bytes, so that before this place there is room for one and another one behind it.
    let least = skipped::<F>() + F::STEP;
    let stop = ends.full.min(at + least * fill.room().saturating_sub(1));
    // SAFETY: `at` is not behind the end, and `stop` is as is asked for.
    let usual = unsafe { usual(shape, ends, at, stop, table, fill.next())? };
    // SAFETY: all before it is written.
    unsafe { fill.filled_to(usual.next) };
    if usual.is_last {
        return finish(fill, usual.at, false, usual.wrong);
    }
    items(shape, ends, usual.at, &[], tables, fill, usual.wrong)
}

/// How far the levels of the usual kind went.
struct Usual {
    /// The closing brace of the last level of the list; or where the first number of one begins that is none of the
    /// usual kind.
    at: usize,
    is_last: bool,
    /// Where the next level goes.
    next: *mut Level,
    /// What must be zero of all levels.
    wrong: __m512i,
}

/// Most levels are of the usual kind. This takes no others. It is a function of its own so that its loop has the
/// registers to itself.
///
/// The text must not end before `at`; from `next` on there must be room for two levels whenever one begins before
/// `stop`, which must not be behind `full`.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,bmi1,bmi2,lzcnt")]
unsafe fn usual<F: Formed>(
    shape: F,
    ends: Ends<'_>,
    mut at: usize,
    stop: usize,
    mut table: Table<'_, Places, PLACES>,
    mut next: *mut Level,
) -> Option<Usual> {
    let form = F::FORM;
    let [words, mask, other] = [&form.words, &form.mask, &OTHER].map(|bytes| load(&bytes.0));
    // Looked at once, at the end.
    let mut wrong = _mm512_setzero_si512();
    // SAFETY: the text does not end before `at`.
    let mut near = unsafe { Near::first::<F>(ends, at) };
    while at < stop {
        // SAFETY: `at` is before `full`, so there is a window, and the text does not end before it.
        let window = unsafe { ends.full_window(at) };
        // SAFETY: as above.
        let len = unsafe { near.next::<F>(ends, at) }?;
        let (values, digits) = digits(window);
        let key = _bzhi_u64(digits, u32::try_from(len).unwrap_or(0));
        let Some(places) = table.get(key, crc::<F>(key), |key| {
            Places::new(form, key, &shape.parts())
        }) else {
            break;
        };
        let bytes = _mm512_permutex2var_epi8(values, load(&places.places.0), other);
        let left = _mm512_sub_epi8(bytes, words);
        let mut level = level(left);
        if places.is_long {
            level = with_higher(level);
        }
        // SAFETY: there is room for two levels, and so for 32 bytes. They begin with a level.
        unsafe {
            next.cast::<__m256i>().write_unaligned(level);
            next = next.add(1);
        }
        let end = at + len;
        // SAFETY: the end of the level is in the window, and this one byte behind it at most.
        let is_last = unsafe { ends.byte(end + 1) } != b',';
        if is_last {
            let mask = load(&form.mask_of_last.0);
            wrong = _mm512_ternarylogic_epi32::<0xf8>(wrong, left, mask);
            return Some(Usual {
                at: end,
                is_last,
                next,
                wrong,
            });
        }
        wrong = _mm512_ternarylogic_epi32::<0xf8>(wrong, left, mask);
        at = end + F::STEP;
    }
    Some(Usual {
        at,
        is_last: false,
        next,
        wrong,
    })
}

/// CRC-32C of a pattern: as good a hash of a level's as a product is, and two instructions less. (Of trades' it is a bad
/// one: they are so much alike that several have the same bits where it counts.)
#[target_feature(enable = "sse4.2")]
#[inline]
fn crc<F: Formed>(key: u64) -> u64 {
    _mm_crc32_u64(0, key) >> F::HASHED_FROM
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
    /// For a level at `at`, which must not be behind the text's end.
    #[inline(always)]
    unsafe fn first<F: Formed>(ends: Ends<'_>, at: usize) -> Self {
        let from = at + skipped::<F>();
        Self {
            // SAFETY: it is as near as that.
            word: unsafe { ends.word(from) },
            bit: from % 8,
        }
    }

    /// [`Ends::len_of`] the level at `at`, for which this is, if it is less than [`WINDOW`]; then this is for the one
    /// behind it. `at` must not be behind the text's end.
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

/// The level whose digits these are: tens and ones, hundreds and ones, ten thousands and ones, each lane to a word of
/// its own.
#[target_feature(enable = "avx512f,avx512bw,avx2")]
#[inline]
fn level(digits: __m512i) -> __m256i {
    let apart = _mm256_setr_epi8(
        0, 1, 4, 5, -1, -1, -1, -1, 8, 9, 12, 13, -1, -1, -1, -1, //
        0, 1, 4, 5, -1, -1, -1, -1, 8, 9, 12, 13, -1, -1, -1, -1,
    );
    let digits = _mm512_castsi512_si256(digits);
    let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(1 << 8 | 10));
    let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(1 << 16 | 100));
    let fours = _mm256_shuffle_epi8(fours, apart);
    _mm256_madd_epi16(fours, _mm256_set1_epi32(1 << 16 | 10_000))
}

/// The same when the last lane has higher digits of the second number. It is put down behind the level in any case,
/// where it means nothing.
#[target_feature(enable = "avx2")]
#[inline]
fn with_higher(level: __m256i) -> __m256i {
    let higher = _mm256_mul_epu32(level, _mm256_setr_epi64x(0, 0, 0, 100_000_000));
    _mm256_add_epi64(level, _mm256_permute4x64_epi64::<0b00_00_11_00>(higher))
}
