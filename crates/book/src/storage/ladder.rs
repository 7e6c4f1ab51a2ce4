//! A side as a dense window of ticks around the touch.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::bits::{BLOCK, Bits, shift};
use super::far::{Far, Overflow};
use super::{Storage, sealed};
use crate::change::{Change, Differences, Peeked};
use crate::units::{Level, Lots, Side, Ticks, flip};

/// Ticks that one block of a [`Ladder`]'s window has.
pub const BLOCK_TICKS: usize = BLOCK;

/// A dense window of ticks around the touch, and a sorted array of the levels beyond it: for
/// incremental feeds and deep books.
///
/// The window has `BLOCKS` times [`BLOCK_TICKS`] slots, one a tick, with the lots of each; a bit for
/// each slot marks those that are taken, and a summary of those bits finds the next one in a few
/// instructions, however sparse the book is. Setting a level inside the window is a store, two bit
/// operations and a comparison with the best.
///
/// The best level is always inside: the window moves when a better level comes that is outside, and
/// when the touch has gone three quarters through it. Its place is then a quarter from its better
/// edge, so that the price goes at least 1,024 ticks back, or 2,048 on, before it moves again (for
/// one block). Levels that are worse than the window lie in the array and are as exact as the
/// others, at any price that an `i64` can be.
///
/// # Memory
/// A side holds 12 bytes for each tick of its window, allocated at once (48 KiB for one block; pages
/// that are never written may cost nothing), and 24 bytes for each level that the array had room for
/// at most: never more than twice [`MAX_LEVELS`](crate::MAX_LEVELS). See
/// [`Book::memory`](crate::Book::memory).
///
/// # Choosing the size
/// The window wants to be as wide as the part of the book that changes. One block is right for a
/// thousand levels that lie a few ticks apart; a market whose tick is tiny against its price wants more.
#[derive(Clone)]
pub struct Ladder<const BLOCKS: usize = 4> {
    /// The key of the window's first slot; a multiple of 64.
    base: i64,
    /// Turns a price into its key and back; see [`flip`].
    flip: i64,
    /// The key of the best level; `i64::MAX` when there is none.
    best: i64,
    /// How many levels there are, inside the window and beyond it.
    len: usize,
    /// Whether any level has ever had a count; until then the counts are not looked at.
    counted: bool,
    taken: Bits<BLOCKS>,
    /// Zero where no level is.
    lots: Box<[[i64; BLOCK]; BLOCKS]>,
    counts: Box<[[u32; BLOCK]; BLOCKS]>,
    far: Overflow,
}

impl<const BLOCKS: usize> Ladder<BLOCKS> {
    /// How many ticks the window has.
    pub const TICKS: usize = BLOCKS * BLOCK;
    /// Where the window puts the best level when it moves: a quarter from its better edge.
    const HOME: usize = Self::TICKS / 4;
    /// The slot from which on the best level makes it move.
    const DEEP: usize = Self::TICKS / 4 * 3;
    /// The last base at which the whole window is inside `i64`.
    #[allow(clippy::cast_possible_wrap)] // a window is far smaller
    const LAST_BASE: i64 = i64::MAX - (Self::TICKS as i64 - 1);

    /// The prices that the window has slots for now, the better one first.
    #[must_use]
    pub fn window(&self) -> (Ticks, Ticks) {
        let last = self.key(Self::TICKS - 1);
        (Ticks(self.base ^ self.flip), Ticks(last ^ self.flip))
    }

    /// The slot of a key; not below [`Self::TICKS`] when it is outside.
    ///
    /// A key below the base wraps to a number that is too large: the window lies inside `i64`, so
    /// no key is so far below that it would come around.
    #[inline]
    #[allow(clippy::cast_sign_loss)]
    fn slot(&self, key: i64) -> u64 {
        key.wrapping_sub(self.base) as u64
    }

    /// The key of a slot.
    #[inline]
    #[allow(clippy::cast_possible_wrap)] // below TICKS
    fn key(&self, slot: usize) -> i64 {
        self.base.wrapping_add(slot as i64)
    }

    #[inline]
    fn count(&self, slot: usize) -> u32 {
        if self.counted {
            self.counts.as_flattened()[slot]
        } else {
            0
        }
    }

    #[inline]
    fn level(&self, slot: usize) -> Level {
        Level {
            ticks: Ticks(self.key(slot) ^ self.flip),
            lots: Lots(self.lots.as_flattened()[slot]),
            count: self.count(slot),
        }
    }

    fn far_level(&self, far: &Far) -> Level {
        Level {
            ticks: Ticks(far.key ^ self.flip),
            lots: Lots(far.lots),
            count: far.count,
        }
    }

    /// Sets the level of a slot inside the window, and returns the lots and the count before.
    ///
    /// Whether a level comes, changes or goes cannot be predicted, so there is one way for all three:
    /// the only branch on it is taken when the best goes.
    #[inline(always)]
    fn set_near(&mut self, slot: usize, lots: i64, count: u32) -> (i64, u32) {
        let key = self.key(slot);
        let was = core::mem::replace(&mut self.lots.as_flattened_mut()[slot], lots);
        let was_count = if self.counted | (count != 0) {
            self.set_count(slot, if lots == 0 { 0 } else { count })
        } else {
            0
        };
        let there = lots != 0;
        self.taken.put(slot, there);
        self.len = self.len + usize::from(there) - usize::from(was != 0);
        self.best = self.best.min(if there { key } else { i64::MAX });
        // One test of both, which the compiler does not make two branches of.
        if (self.best ^ key) | i64::from(there) == 0 {
            self.find_best(slot);
        }
        (was, was_count)
    }

    /// The level at `slot` was the best, and is gone.
    #[inline]
    fn find_best(&mut self, slot: usize) {
        let next = self.taken.next(slot);
        self.best = self.key(next);
        if next >= Self::DEEP {
            self.maybe_recenter();
        }
    }

    fn set_count(&mut self, slot: usize, count: u32) -> u32 {
        self.counted = true;
        core::mem::replace(&mut self.counts.as_flattened_mut()[slot], count)
    }

    /// Sets a level outside the window.
    #[cold]
    #[inline(never)]
    fn set_outside(&mut self, far: Far) -> (i64, u32) {
        let better = far.key < self.base || self.len == 0;
        if !better {
            let old = self.far.set(far);
            self.len = self.len + usize::from(far.lots != 0) - usize::from(old.lots != 0);
            return (old.lots, old.count);
        }
        if far.lots != 0 {
            self.recenter(far.key);
            if let Ok(slot) = usize::try_from(self.slot(far.key)) {
                self.set_near(slot, far.lots, far.count);
            }
        }
        (0, 0)
    }

    /// The touch has gone deep into the window, or out of it: moves the window after it.
    #[cold]
    #[inline(never)]
    fn maybe_recenter(&mut self) {
        let near = self.taken.next(0);
        let best = if near < Self::TICKS {
            Some(self.key(near))
        } else {
            self.far.best().map(|far| far.key)
        };
        self.best = best.unwrap_or(i64::MAX);
        // With nothing beyond the window there is nothing to gain by moving it.
        if let Some(best) = best.filter(|_| !self.far.is_empty()) {
            self.recenter(best);
        }
    }

    /// How many levels are inside the window.
    fn near(&self) -> usize {
        self.len - self.far.len()
    }

    /// Moves the window so that `best`, which no level is better than, is at its home in it.
    #[allow(clippy::cast_possible_wrap, clippy::cast_possible_truncation)] // below TICKS
    fn recenter(&mut self, best: i64) {
        let base = best.saturating_sub(Self::HOME as i64) & !63;
        let base = base.min(Self::LAST_BASE);
        let distance = i128::from(self.base) - i128::from(base);
        let most = Self::TICKS as i128;
        let by = distance.clamp(-most, most) as isize;
        self.evict(usize::try_from(by).unwrap_or(0));
        if self.near() > 0 {
            shift(self.lots.as_flattened_mut(), by, 0);
            if self.counted {
                shift(self.counts.as_flattened_mut(), by, 0);
            }
            self.taken.shift(by / 64);
        }
        self.base = base;
        self.admit();
    }

    /// Moves the levels of the last `slots` slots of the window beyond it.
    fn evict(&mut self, slots: usize) {
        loop {
            let slot = self.taken.last();
            if slot >= Self::TICKS || slot < Self::TICKS - slots {
                return;
            }
            self.far.push_best(Far {
                key: self.key(slot),
                lots: self.lots.as_flattened()[slot],
                count: self.count(slot),
            });
            self.clear_slot(slot);
        }
    }

    fn clear_slot(&mut self, slot: usize) {
        self.lots.as_flattened_mut()[slot] = 0;
        if self.counted {
            self.counts.as_flattened_mut()[slot] = 0;
        }
        self.taken.put(slot, false);
    }

    /// Takes in the levels from beyond that the window now has slots for.
    fn admit(&mut self) {
        while let Some(far) = self.far.best() {
            let slot = self.slot(far.key);
            if slot >= Self::TICKS as u64 {
                return;
            }
            if let (Some(far), Ok(slot)) = (self.far.pop_best(), usize::try_from(slot)) {
                self.insert(slot, far);
            }
        }
    }

    /// Puts a level in a slot that is free.
    fn insert(&mut self, slot: usize, far: Far) {
        self.lots.as_flattened_mut()[slot] = far.lots;
        if self.counted | (far.count != 0) {
            self.set_count(slot, far.count);
        }
        self.taken.put(slot, true);
    }

    fn clear(&mut self) {
        for _ in 0..self.near() {
            self.clear_slot(self.taken.last());
        }
        self.far.clear();
        self.len = 0;
        self.best = i64::MAX;
    }

    /// Fills an empty side.
    fn fill(&mut self, levels: &[Level]) {
        let Some(best) = levels.first() else {
            return;
        };
        self.best = best.ticks.0 ^ self.flip;
        self.recenter(self.best);
        self.len = levels.len();
        for level in levels.iter().rev() {
            let far = Far {
                key: level.ticks.0 ^ self.flip,
                lots: level.lots.0,
                count: level.count,
            };
            match usize::try_from(self.slot(far.key)) {
                Ok(slot) if slot < Self::TICKS => self.insert(slot, far),
                _ => self.far.push_best(far),
            }
        }
    }

    /// Whether the window would have to move for a side whose best is at this price.
    fn is_away(&self, best: Ticks) -> bool {
        self.slot(best.0 ^ self.flip) >= Self::DEEP as u64
    }
}

impl<const BLOCKS: usize> sealed::Sealed for Ladder<BLOCKS> {}

impl<const BLOCKS: usize> Storage for Ladder<BLOCKS> {
    type Levels<'a> = LadderLevels<'a, BLOCKS>;

    fn new(side: Side) -> Self {
        const { assert!(BLOCKS > 0 && BLOCKS <= 1024, "1 to 1,024 blocks") };
        Self {
            base: 0,
            flip: flip(side),
            best: i64::MAX,
            len: 0,
            counted: false,
            taken: Bits::new(),
            lots: zeros([0; BLOCK]),
            counts: zeros([0; BLOCK]),
            far: Overflow::default(),
        }
    }

    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn best(&self) -> Option<Level> {
        // The best is in the window wherever there is one.
        let slot = usize::try_from(self.slot(self.best)).unwrap_or(usize::MAX);
        let level = (slot < Self::TICKS).then(|| self.level(slot))?;
        (level.lots.0 != 0).then_some(level)
    }

    #[inline]
    fn touch(&self) -> Ticks {
        Ticks(self.best ^ self.flip)
    }

    fn worst(&self) -> Option<Level> {
        if let Some(far) = self.far.worst() {
            return Some(self.far_level(far));
        }
        let last = self.taken.last();
        (last < Self::TICKS).then(|| self.level(last))
    }

    fn get(&self, ticks: Ticks) -> Option<Level> {
        let key = ticks.0 ^ self.flip;
        match usize::try_from(self.slot(key)) {
            Ok(slot) if slot < Self::TICKS => Some(self.level(slot)).filter(|l| l.lots.0 != 0),
            _ => self.far.get(key).map(|far| self.far_level(far)),
        }
    }

    #[inline]
    fn levels(&self) -> Self::Levels<'_> {
        LadderLevels::new(self)
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // below TICKS
    fn set(&mut self, level: Level) -> Level {
        let key = level.ticks.0 ^ self.flip;
        let slot = self.slot(key);
        let (lots, count) = if slot < Self::TICKS as u64 {
            self.set_near(slot as usize, level.lots.0, level.count)
        } else {
            self.set_outside(Far {
                key,
                lots: level.lots.0,
                count: level.count,
            })
        };
        Level {
            ticks: level.ticks,
            lots: Lots(lots),
            count,
        }
    }

    fn replace(&mut self, levels: &[Level], changes: &mut Vec<Change>) {
        let side = if self.flip == 0 { Side::Ask } else { Side::Bid };
        let first = changes.len();
        changes.extend(Differences::new(side, Peeked::new(self.levels()), levels));
        let changes = &changes[first..];
        // Anew, when that is less work, or when the window would move while levels are few.
        let anew = changes.len() > levels.len() / 2
            || levels.first().is_none_or(|best| self.is_away(best.ticks));
        if anew {
            self.clear();
            self.fill(levels);
            return;
        }
        // What comes before what goes, so that the side is never empty in between.
        for there in [true, false] {
            let these = changes.iter().filter(|c| (c.new_lots.0 != 0) == there);
            for change in these {
                self.set(Level {
                    ticks: change.ticks,
                    lots: change.new_lots,
                    count: change.count,
                });
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        size_of_val(&*self.lots) + size_of_val(&*self.counts) + self.far.heap_bytes()
    }
}

impl<const BLOCKS: usize> fmt::Debug for Ladder<BLOCKS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.levels()).finish()
    }
}

/// Zeroed pages from the allocator, rather than an array moved through the stack.
fn zeros<T: Copy, const BLOCKS: usize>(zero: T) -> Box<[T; BLOCKS]> {
    let blocks = vec![zero; BLOCKS].into_boxed_slice();
    blocks
        .try_into()
        .unwrap_or_else(|_| Box::new([zero; BLOCKS]))
}

/// The levels of a [`Ladder`], best first.
#[derive(Clone, Debug)]
pub struct LadderLevels<'a, const BLOCKS: usize> {
    ladder: &'a Ladder<BLOCKS>,
    /// The word of the window that is being read.
    word: usize,
    /// What is left of it.
    bits: u64,
    /// How many levels beyond the window were read.
    far: usize,
}

impl<'a, const BLOCKS: usize> LadderLevels<'a, BLOCKS> {
    #[inline]
    fn new(ladder: &'a Ladder<BLOCKS>) -> Self {
        let first = ladder.taken.next(0);
        let word = first / 64;
        let bits = if first < Ladder::<BLOCKS>::TICKS {
            ladder.taken.word(word)
        } else {
            0
        };
        Self {
            ladder,
            word,
            bits,
            far: 0,
        }
    }

    #[cold]
    fn next_far(&mut self) -> Option<Level> {
        let far = self.ladder.far.nth(self.far)?;
        self.far += 1;
        Some(self.ladder.far_level(far))
    }
}

impl<const BLOCKS: usize> Iterator for LadderLevels<'_, BLOCKS> {
    type Item = Level;

    #[inline]
    fn next(&mut self) -> Option<Level> {
        if self.bits == 0 {
            self.word = self.ladder.taken.next_word(self.word + 1);
            if self.word >= BLOCKS * 64 {
                self.word = BLOCKS * 64;
                return self.next_far();
            }
            self.bits = self.ladder.taken.word(self.word);
        }
        let slot = self.word * 64 + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(self.ladder.level(slot))
    }
}
