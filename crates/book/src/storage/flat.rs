//! A side as a sorted array.

use alloc::vec::Vec;
use core::iter::Copied;
use core::slice;

use smallvec::SmallVec;

use super::{Storage, differences, flip, sealed};
use crate::book::Change;
use crate::units::{Level, Side, Ticks};

/// How many levels a side holds before it moves to the heap: JayX and most venues send twenty.
pub(crate) const INLINE_LEVELS: usize = 32;

pub(crate) type Levels = SmallVec<[Level; INLINE_LEVELS]>;

/// The levels of a [`Flat`] side, best first.
pub type FlatLevels<'a> = Copied<slice::Iter<'a, Level>>;

/// A sorted array, best first: for snapshots and for shallow books.
///
/// Up to 32 levels live inside it, more on the heap, 24 bytes each. One level is found by a binary
/// search; one that comes or goes moves all levels behind it.
#[derive(Clone, Debug)]
pub struct Flat {
    levels: Levels,
    side: Side,
}

impl Flat {
    /// The levels as they lie in memory, best first.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[Level] {
        &self.levels
    }

    /// Where a price is, or where it would be.
    #[inline]
    fn find(&self, ticks: Ticks) -> Result<usize, usize> {
        let flip = flip(self.side);
        let key = ticks.0 ^ flip;
        self.levels
            .binary_search_by_key(&key, |level| level.ticks.0 ^ flip)
    }
}

impl sealed::Sealed for Flat {}

impl Storage for Flat {
    type Levels<'a> = FlatLevels<'a>;

    fn new(side: Side) -> Self {
        Self {
            levels: Levels::new(),
            side,
        }
    }

    #[inline]
    fn len(&self) -> usize {
        self.levels.len()
    }

    #[inline]
    fn best(&self) -> Option<Level> {
        self.levels.first().copied()
    }

    #[inline]
    fn touch(&self) -> Ticks {
        self.best()
            .map_or(self.side.worst_price(), |level| level.ticks)
    }

    #[inline]
    fn worst(&self) -> Option<Level> {
        self.levels.last().copied()
    }

    fn get(&self, ticks: Ticks) -> Option<Level> {
        let at = self.find(ticks).ok()?;
        self.levels.get(at).copied()
    }

    #[inline]
    fn levels(&self) -> Self::Levels<'_> {
        self.levels.iter().copied()
    }

    fn set(&mut self, level: Level) -> Level {
        let there = level.lots.0 != 0;
        let old = match self.find(level.ticks) {
            Ok(at) if there => core::mem::replace(&mut self.levels[at], level),
            Ok(at) => self.levels.remove(at),
            Err(at) => {
                if there {
                    self.levels.insert(at, level);
                }
                Level::default()
            }
        };
        Level {
            ticks: level.ticks,
            ..old
        }
    }

    #[inline]
    fn replace(&mut self, levels: &[Level], changes: &mut Vec<Change>) {
        // Up to the first difference there is nothing to tell and nothing to copy.
        let pairs = self.levels.iter().zip(levels);
        let same = pairs.take_while(|(old, new)| old == new).count();
        let old = self.levels[same..].iter().copied();
        differences(self.side, old, &levels[same..], changes);
        self.levels.truncate(same);
        self.levels.extend_from_slice(&levels[same..]);
    }

    fn heap_bytes(&self) -> usize {
        if self.levels.spilled() {
            self.levels.capacity() * size_of::<Level>()
        } else {
            0
        }
    }
}
