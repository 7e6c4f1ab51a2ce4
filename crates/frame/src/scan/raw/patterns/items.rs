//! Items of any length, by recipes.

use super::{Ends, Fill, Known, Read, Vectors, WINDOW};
use crate::scan::parts::NUMBERS;
use crate::scan::recipe::Recipe;
use crate::scan::side::Lanes;
use crate::scan::table::{Tables, product};

/// The items from one on, where it begins; and what was found before of bits that must be zero, if anything was.
#[inline(always)]
pub(in super::super) fn items<V: Vectors, K: Known>(
    isa: V,
    shape: K,
    ends: Ends<'_>,
    from: (usize, Option<V::Bytes>),
    head: &[u8],
    tables: &mut Tables,
    mut fill: Fill<'_, K::Item>,
) -> Option<Read> {
    let mut recipes = tables.recipes.get_mut(K::TABLE)?.table(shape.tag())?;
    let head_len = head.len();
    let head = isa.load_short(head);
    let (mut at, before) = from;
    let mut wrong = before.unwrap_or_else(|| isa.zeros());
    loop {
        let window = ends.window(isa, at)?;
        if head_len > 0 && isa.begins(window, head, head_len) {
            return finish(isa, fill, at, true, wrong);
        }
        // SAFETY: there is a window, so `at` is not behind the end.
        let len = unsafe { ends.len_of::<K>(at) };
        if len >= WINDOW {
            return None;
        }
        let key = isa.pattern(window, len);
        let recipe = recipes.get(key, product(key), |key| shape.recipe(key))?;
        let left = isa.less(window, isa.load(&recipe.checks.words));
        wrong = isa.or_masked(wrong, left, isa.load(&recipe.checks.mask));
        let item = if recipe.is_wide {
            K::item(recipe.choice, isa.wide(left, recipe))
        } else {
            K::item(recipe.choice, isa.narrow(left, recipe))
        };
        if !fill.push(item) {
            return None;
        }
        if !K::goes_on(ends.text, at + len) {
            return finish(isa, fill, at + len, false, wrong);
        }
        at += len + K::STEP;
    }
}

/// The list, if nothing is wrong: if no bit is set that must be zero.
#[inline(always)]
fn finish<V: Vectors, T: Copy>(
    isa: V,
    fill: Fill<'_, T>,
    at: usize,
    is_head: bool,
    wrong: V::Bytes,
) -> Option<Read> {
    if !isa.is_zero(wrong) {
        return None;
    }
    Read::of(fill, at, is_head)
}

/// Numbers in narrow lanes: four groups of eight digits.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Narrow {
    /// The first two groups.
    pub(in super::super) low: u64,
    /// The last two.
    pub(in super::super) high: u64,
}

/// Numbers in wide lanes.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Wide([u64; NUMBERS]);

impl Wide {
    /// What the lanes come to, and what the recipe adds.
    #[inline(always)]
    pub(in super::super) fn new([a, b, c]: [u64; NUMBERS], recipe: &Recipe) -> Self {
        let bias = |lane: usize| {
            let [low, high] = [recipe.bias[2 * lane], recipe.bias[2 * lane + 1]];
            u64::from(low) | u64::from(high) << 32
        };
        // What is no number may come to anything here, and is found out.
        Self([(a, 0), (b, 1), (c, 2)].map(|(number, lane)| number.wrapping_add(bias(lane))))
    }
}

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
