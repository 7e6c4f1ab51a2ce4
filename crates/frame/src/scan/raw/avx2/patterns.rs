//! Lists read by patterns with AVX2: two registers for a window, and shuffles of sixteen bytes.
//!
//! # Safety
//! As in [`avx2`](super). Besides, [`lanes`] loads numbers from where their [`Shuffles`] say, which is in the window by
//! their invariant.

use std::arch::x86_64::{
    __m256i, _bzhi_u64, _mm_crc32_u64, _mm_cvtsi128_si64, _mm256_add_epi32, _mm256_add_epi64,
    _mm256_adds_epu8, _mm256_and_si256, _mm256_blend_epi32, _mm256_broadcastsi128_si256,
    _mm256_castsi256_si128, _mm256_cmpeq_epi8, _mm256_extracti128_si256, _mm256_inserti128_si256,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_mul_epu32, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_permute4x64_epi64, _mm256_set1_epi8, _mm256_set1_epi32,
    _mm256_setr_epi8, _mm256_setr_epi64x, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_sub_epi8, _mm256_testz_si256, _mm256_xor_si256, _mm256_zextsi128_si256,
};

use ticklot_book::Level;

use super::{Avx2, eights, fours, is_byte, is_digit, join, load_16, load_32, marks, two};
use crate::scan::parts::{NUMBERS, WINDOW, bits};
use crate::scan::raw::Fill;
use crate::scan::raw::patterns::{Ends, Narrow, Reached, Vectors, Wide, items, usual};
use crate::scan::recipe::Recipe;
use crate::scan::shuffles::{LOAD, Shuffles};
use crate::scan::side::{Formed, Known, Read};
use crate::scan::table::{LevelTable, Tables, of_levels};

/// A window: its first half, and its second.
type Halves = [__m256i; 2];

/// A window of ones, then one of zeros: the [`WINDOW`] bytes from `WINDOW - n` on are `n` ones and then zeros.
static ONES_AND_ZEROS: [u8; 2 * WINDOW] = {
    let mut bytes = [0; 2 * WINDOW];
    let mut at = 0;
    while at < WINDOW {
        bytes[at] = 0xff;
        at += 1;
    }
    bytes
};

impl Vectors for Avx2 {
    type Bytes = Halves;
    type Entry = Shuffles;
    type Form = ();

    #[inline(always)]
    fn table(tables: &mut Tables, kind: usize, tag: u16) -> Option<LevelTable<'_, Shuffles>> {
        of_levels(&mut tables.shuffles, &mut tables.recipes, (kind, tag))
    }

    #[inline(always)]
    fn learn<F: Formed>(shape: F, key: u64) -> Option<Shuffles> {
        Shuffles::new(F::FORM, key, &shape.parts())
    }

    #[inline(always)]
    fn crc(self, key: u64) -> u64 {
        // SAFETY: `self` proves that the features are there.
        unsafe { crc(key) }
    }

    #[inline(always)]
    fn form<F: Formed>(self) {}

    #[inline(always)]
    fn load(self, bytes: &[u8; WINDOW]) -> Halves {
        // SAFETY: `self` proves that the features are there.
        unsafe { load(bytes) }
    }

    #[inline(always)]
    fn load_short(self, text: &[u8]) -> Halves {
        let mut bytes = [0; WINDOW];
        let len = text.len().min(WINDOW);
        bytes[..len].copy_from_slice(&text[..len]);
        self.load(&bytes)
    }

    #[inline(always)]
    fn zeros(self) -> Halves {
        // SAFETY: `self` proves that the features are there.
        let zeros = unsafe { _mm256_setzero_si256() };
        [zeros; 2]
    }

    #[inline(always)]
    fn pattern(self, [low, high]: Halves, len: usize) -> u64 {
        // SAFETY: `self` proves that the features are there.
        unsafe { first(join(marks(is_digit(low)), marks(is_digit(high))), len) }
    }

    #[inline(always)]
    fn less(self, [a, b]: Halves, [c, d]: Halves) -> Halves {
        // SAFETY: `self` proves that the features are there.
        unsafe { [_mm256_sub_epi8(a, c), _mm256_sub_epi8(b, d)] }
    }

    #[inline(always)]
    fn or_masked(self, wrong: Halves, left: Halves, mask: Halves) -> Halves {
        // SAFETY: `self` proves that the features are there.
        unsafe { [0, 1].map(|half| or_masked(wrong[half], left[half], mask[half])) }
    }

    #[inline(always)]
    fn is_zero(self, [low, high]: Halves) -> bool {
        // SAFETY: `self` proves that the features are there.
        unsafe {
            let any = _mm256_or_si256(low, high);
            _mm256_testz_si256(any, any) == 1
        }
    }

    #[inline(always)]
    fn begins(self, [a, b]: Halves, [c, d]: Halves, len: usize) -> bool {
        // SAFETY: `self` proves that the features are there.
        let same = unsafe {
            join(
                marks(_mm256_cmpeq_epi8(a, c)),
                marks(_mm256_cmpeq_epi8(b, d)),
            )
        };
        !same & bits(0, len) == 0
    }

    #[inline(always)]
    fn level<F: Formed>(
        self,
        (): (),
        entry: &Shuffles,
        window: &[u8; WINDOW],
        bytes: Halves,
    ) -> (__m256i, Halves) {
        let left = self.less(bytes, self.load(&entry.checks.words));
        let has_third = F::FORM.numbers() == NUMBERS;
        // SAFETY: `self` proves that the features are there.
        let mut level = unsafe { level(lanes(entry, window, has_third)) };
        if entry.is_long {
            // SAFETY: `self` proves that the features are there.
            level = unsafe { with_higher(level) };
        }
        (level, left)
    }

    #[inline(always)]
    fn check<F: Formed>(self, wrong: Halves, left: Halves, (): (), entry: &Shuffles) -> Halves {
        self.or_masked(wrong, left, self.load(&entry.checks.mask))
    }

    #[inline(always)]
    fn check_last<F: Formed>(
        self,
        wrong: Halves,
        left: Halves,
        entry: &Shuffles,
        len: usize,
    ) -> Halves {
        let ones = ONES_AND_ZEROS.get(WINDOW.saturating_sub(len)..);
        let ones = ones
            .and_then(<[u8]>::first_chunk)
            .unwrap_or(&[0xff; WINDOW]);
        let (mask, ones) = (self.load(&entry.checks.mask), self.load(ones));
        // SAFETY: `self` proves that the features are there.
        let mask = unsafe { [0, 1].map(|half| _mm256_and_si256(mask[half], ones[half])) };
        self.or_masked(wrong, left, mask)
    }

    #[inline(always)]
    fn narrow(self, left: Halves, recipe: &Recipe) -> Narrow {
        let [all, _] = halves(&recipe.places);
        // SAFETY: `self` proves that the features are there.
        unsafe { narrow(gather(left, all), recipe) }
    }

    #[inline(always)]
    fn wide(self, left: Halves, recipe: &Recipe) -> Wide {
        let [first_two, third] = halves(&recipe.places);
        // SAFETY: `self` proves that the features are there.
        unsafe {
            let [a, b] = two(gather(left, first_two));
            let [c, _] = two(gather(left, third));
            Wide::new([a, b, c], recipe)
        }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    unsafe fn mark(self, text: &[u8], byte: u8, words: &mut [[u8; 8]]) {
        let (blocks, rest) = text.as_chunks::<WINDOW>();
        let mark =
            |[low, high]: Halves| join(marks(is_byte(low, byte)), marks(is_byte(high, byte)));
        for (word, block) in words.iter_mut().zip(blocks) {
            *word = mark(load(block)).to_le_bytes();
        }
        if let Some(word) = words.get_mut(blocks.len()) {
            *word = mark(self.load_short(rest)).to_le_bytes();
        }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    unsafe fn usual<F: Formed>(
        self,
        shape: F,
        ends: Ends<'_>,
        at: usize,
        stop: usize,
        table: LevelTable<'_, Shuffles>,
        next: *mut Level,
    ) -> Option<Reached<Self>> {
        // SAFETY: what is asked for is what this asks for.
        unsafe { usual(self, shape, ends, at, stop, table, next) }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    unsafe fn items<K: Known>(
        self,
        shape: K,
        ends: Ends<'_>,
        from: (usize, Option<Halves>),
        head: &[u8],
        tables: &mut Tables,
        fill: Fill<'_, K::Item>,
    ) -> Option<Read> {
        items(self, shape, ends, from, head, tables, fill)
    }
}

/// The halves of as many bytes as a window has.
#[inline(always)]
fn halves(bytes: &[u8; WINDOW]) -> [&[u8; WINDOW / 2]; 2] {
    let (halves, _) = bytes.as_chunks();
    [&halves[0], &halves[1]]
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(bytes: &[u8; WINDOW]) -> Halves {
    let [low, high] = halves(bytes);
    [load_32(low), load_32(high)]
}

/// The first `len` bits, of no more than there are.
#[target_feature(enable = "bmi2")]
#[inline]
pub(in super::super) fn first(bits: u64, len: usize) -> u64 {
    _bzhi_u64(bits, u32::try_from(len).unwrap_or(0))
}

/// CRC-32C of a pattern: as good a hash of a level's as a product is, and two instructions less. (Of trades' it is a
/// bad one: they are so much alike that several have the same bits where it counts.)
#[target_feature(enable = "sse4.2")]
#[inline]
pub(in super::super) fn crc(key: u64) -> u64 {
    _mm_crc32_u64(0, key)
}

#[target_feature(enable = "avx2")]
#[inline]
fn or_masked(wrong: __m256i, left: __m256i, mask: __m256i) -> __m256i {
    _mm256_or_si256(wrong, _mm256_and_si256(left, mask))
}

/// The digits of a level in the lanes of the form.
#[target_feature(enable = "avx2")]
#[inline]
fn lanes(entry: &Shuffles, window: &[u8; WINDOW], has_third: bool) -> __m256i {
    let number = |start: usize| {
        // SAFETY: from each start on there are so many bytes in the window, by the invariant of `Shuffles`, and from
        // 0 on.
        unsafe { load_16(&*window.as_ptr().add(start).cast::<[u8; LOAD]>()) }
    };
    let [second, third] = entry.starts();
    let mut others = _mm256_zextsi128_si256(number(0));
    if has_third {
        others = _mm256_inserti128_si256::<1>(others, number(third));
    }
    let second = _mm256_broadcastsi128_si256(number(second));
    let lanes = load_32(&entry.lanes);
    // Every other lane is the second number's.
    let bytes = _mm256_blend_epi32::<0b1100_1100>(
        _mm256_shuffle_epi8(others, lanes),
        _mm256_shuffle_epi8(second, lanes),
    );
    _mm256_and_si256(bytes, _mm256_set1_epi8(0x0f))
}

/// The level whose digits these are: tens and ones, hundreds and ones, ten thousands and ones, each lane to a word of
/// its own.
#[target_feature(enable = "avx2")]
#[inline]
pub(in super::super) fn level(digits: __m256i) -> __m256i {
    let apart = _mm256_setr_epi8(
        0, 1, 4, 5, -1, -1, -1, -1, 8, 9, 12, 13, -1, -1, -1, -1, //
        0, 1, 4, 5, -1, -1, -1, -1, 8, 9, 12, 13, -1, -1, -1, -1,
    );
    let fours = _mm256_shuffle_epi8(fours(digits), apart);
    _mm256_madd_epi16(fours, _mm256_set1_epi32(1 << 16 | 10_000))
}

/// The same when the last lane has higher digits of the second number. It is put down behind the level in any case,
/// where it means nothing.
#[target_feature(enable = "avx2")]
#[inline]
pub(in super::super) fn with_higher(level: __m256i) -> __m256i {
    let higher = _mm256_mul_epu32(level, _mm256_setr_epi64x(0, 0, 0, 100_000_000));
    _mm256_add_epi64(level, _mm256_permute4x64_epi64::<0b00_00_11_00>(higher))
}

/// The bytes of a window at these places.
#[target_feature(enable = "avx2")]
#[inline]
fn gather([low, high]: Halves, places: &[u8; 32]) -> __m256i {
    // Each sixteen of them twice.
    let quarters = [
        _mm256_permute2x128_si256::<0x00>(low, low),
        _mm256_permute2x128_si256::<0x11>(low, low),
        _mm256_permute2x128_si256::<0x00>(high, high),
        _mm256_permute2x128_si256::<0x11>(high, high),
    ];
    let places = load_32(places);
    let mut found = _mm256_setzero_si256();
    for (quarter, first) in quarters.into_iter().zip([0_i8, 16, 32, 48]) {
        // A place of this quarter becomes one of sixteen, any other one more; and then it has the top bit, which
        // makes a zero.
        let of_it = _mm256_xor_si256(places, _mm256_set1_epi8(first));
        let of_it = _mm256_adds_epu8(of_it, _mm256_set1_epi8(0x70));
        found = _mm256_or_si256(found, _mm256_shuffle_epi8(quarter, of_it));
    }
    found
}

/// The numbers in narrow lanes: as in [`level`], in four groups.
#[target_feature(enable = "avx2")]
#[inline]
pub(in super::super) fn narrow(digits: __m256i, recipe: &Recipe) -> Narrow {
    // SAFETY: 32 bytes are read from an array of so many.
    let bias = unsafe { _mm256_loadu_si256(recipe.bias.as_ptr().cast()) };
    let eights = _mm256_add_epi32(eights(digits), bias);
    Narrow {
        low: low(eights),
        high: high_half(eights),
    }
}

#[target_feature(enable = "avx2")]
#[inline]
pub(in super::super) fn low(numbers: __m256i) -> u64 {
    _mm_cvtsi128_si64(_mm256_castsi256_si128(numbers)).cast_unsigned()
}

#[target_feature(enable = "avx2")]
#[inline]
pub(in super::super) fn high_half(numbers: __m256i) -> u64 {
    _mm_cvtsi128_si64(_mm256_extracti128_si256::<1>(numbers)).cast_unsigned()
}
