//! [`Ladder`]: a side as a dense window of ticks around the touch.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::bits::{BLOCK, Bits, shift};
use super::far::{Far, Overflow};
use super::{Storage, sealed};
use crate::change::{Change, Differences, Peeked};
use crate::units::{Level, Lots, Side, Ticks, flip};

/// The number of ticks in one block of a [`Ladder`]'s window.
pub const BLOCK_TICKS: usize = BLOCK;

/// A dense window of ticks around the touch, and a sorted array of the levels outside it: for incremental
/// feeds and deep books.
///
/// The window has `BLOCKS` times [`BLOCK_TICKS`] slots, one per tick, that hold the lots. A bitmap marks the occupied
/// slots. Its summary level finds the next one in a few instructions, however sparse the book is. Setting a level
/// inside the window takes a store, two bit operations and a comparison with the best price.
///
/// The best level is always inside the window. The window recentres when a better level arrives outside it,
/// and when the touch has moved through three quarters of it. The touch is then a quarter of the window from
/// its better edge. With one block, the price must improve by 1,024 ticks or worsen by 2,048 ticks before the
/// next move. Levels worse than the window are in the array, at any price that an `i64` can represent.
///
/// # Memory
/// A side allocates 12 bytes for each tick of its window when it is created: 48 KiB per block, although pages
/// that are never written may use no memory. The array takes 24 bytes per level of its capacity, which never
/// exceeds twice [`MAX_LEVELS`](crate::MAX_LEVELS). See [`Book::memory`](crate::Book::memory).
///
/// # Choosing the size
/// The window should be as wide as the part of the book that changes. One block suits a thousand levels that
/// are a few ticks apart. A market whose tick is tiny relative to its price needs more.
#[derive(Clone)]
pub struct Ladder<const BLOCKS: usize = 4> {
    /// The key of the window's first slot; a multiple of 64.
    base: i64,
    /// The mask that converts a price to its key and back; see [`flip`].
    flip: i64,
    /// The key of the best level; `i64::MAX` if there is none.
    best: i64,
    /// The number of levels, inside and outside the window.
    len: usize,
    /// Whether any level has ever had a count; until then the counts are not accessed.
    counted: bool,
    taken: Bits<BLOCKS>,
    /// The lots of each slot; zero if there is no level.
    lots: Box<[[i64; BLOCK]; BLOCKS]>,
    counts: Box<[[u32; BLOCK]; BLOCKS]>,
    far: Overflow,
}

impl<const BLOCKS: usize> Ladder<BLOCKS> {
    /// The number of ticks in the window.
    pub const TICKS: usize = BLOCKS * BLOCK;
    /// The slot of the best level after the window moves: a quarter from its better edge.
    const HOME: usize = Self::TICKS / 4;
    /// The window moves when the best level reaches this slot.
    const DEEP: usize = Self::TICKS / 4 * 3;
    /// The largest base at which the whole window is inside the `i64` range.
    #[allow(clippy::cast_possible_wrap)] // a window is far smaller
    const LAST_BASE: i64 = i64::MAX - (Self::TICKS as i64 - 1);

    /// The first and the last price of the current window, the better one first.
    #[must_use]
    pub fn window(&self) -> (Ticks, Ticks) {
        let last = self.key(Self::TICKS - 1);
        (Ticks(self.base ^ self.flip), Ticks(last ^ self.flip))
    }

    /// The slot of a key; [`Self::TICKS`] or more if the key is outside the window.
    ///
    /// A key below the base wraps to a large number. It cannot wrap into the window, because the whole window
    /// is inside the `i64` range.
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

    /// Sets the level of a slot inside the window, and returns the previous lots and count.
    ///
    /// Insert, update and delete share one branchless path, because a branch between them would be
    /// mispredicted. The only branch on the kind of change is taken when the best level is removed.
    #[inline(always)]
    fn set_near(&mut self, slot: usize, lots: i64, count: u32) -> (i64, u32) {
        let key = self.key(slot);
        let old = core::mem::replace(&mut self.lots.as_flattened_mut()[slot], lots);
        let old_count = if self.counted | (count != 0) {
            self.set_count(slot, if lots == 0 { 0 } else { count })
        } else {
            0
        };
        let is_set = lots != 0;
        self.taken.put(slot, is_set);
        self.len = self.len + usize::from(is_set) - usize::from(old != 0);
        self.best = self.best.min(if is_set { key } else { i64::MAX });
        // One test of both conditions, which the compiler does not split into two branches.
        if (self.best ^ key) | i64::from(is_set) == 0 {
            self.find_best(slot);
        }
        (old, old_count)
    }

    /// Finds the best level after the previous one, at `slot`, was removed.
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

    /// Recentres the window after the touch moved deep into it, or out of it.
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
        // Without levels outside the window, a move would gain nothing.
        if let Some(best) = best.filter(|_| !self.far.is_empty()) {
            self.recenter(best);
        }
    }

    /// The number of levels inside the window.
    fn near(&self) -> usize {
        self.len - self.far.len()
    }

    /// Moves the window so that `best` is at slot [`Self::HOME`]. No level is better than `best`.
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

    /// Moves the levels of the last `slots` slots of the window to the array.
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

    /// Moves the levels of the array that are now inside the window to their slots.
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

    /// Puts a level into a free slot.
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

    /// Whether a side with its best level at this price would need another window.
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
        // The best level, if any, is inside the window.
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
        // Rebuild the side if that is less work, or if the window would move while few levels are set.
        let rebuild = changes.len() > levels.len() / 2
            || levels.first().is_none_or(|best| self.is_away(best.ticks));
        if rebuild {
            self.clear();
            self.fill(levels);
            return;
        }
        // Set levels before removing others, so that the side is never empty in between.
        for is_set in [true, false] {
            let these = changes.iter().filter(|c| (c.new_lots.0 != 0) == is_set);
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

/// Zeroed pages from the allocator, instead of an array moved through the stack.
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
    /// The current word of the window's bitmap.
    word: usize,
    /// The remaining bits of that word.
    bits: u64,
    /// The number of levels read from the array.
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
