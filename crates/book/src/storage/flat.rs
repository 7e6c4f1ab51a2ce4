//! [`Flat`]: a side as a sorted array.

use alloc::vec::Vec;
use core::iter::Copied;
use core::slice;

use super::{Storage, sealed};
use crate::change::{Change, Replaced};
use crate::units::{Level, Side, Ticks, flip};

/// The levels of a [`Flat`] side, best first.
pub type FlatLevels<'a> = Copied<slice::Iter<'a, Level>>;

/// A sorted array, best first: for snapshots and for shallow books.
///
/// A level takes 24 bytes and is stored twice: the previous levels are kept after a snapshot, so that its
/// changes can be computed lazily. A lookup is a binary search. An insertion or a removal moves all worse
/// levels.
#[derive(Clone, Debug)]
pub struct Flat {
    levels: Vec<Level>,
    /// The levels before the last snapshot.
    before: Vec<Level>,
    side: Side,
}

impl Flat {
    /// The levels, best first.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[Level] {
        &self.levels
    }

    /// The index of a price, or the index at which to insert it.
    #[inline]
    fn find(&self, ticks: Ticks) -> Result<usize, usize> {
        let flip = flip(self.side);
        let key = ticks.0 ^ flip;
        self.levels
            .binary_search_by_key(&key, |level| level.ticks.0 ^ flip)
    }
}

impl sealed::Sealed for Flat {
    #[inline]
    fn replaced(&self) -> Replaced<'_> {
        Replaced {
            before: &self.before,
            after: &self.levels,
        }
    }
}

impl Storage for Flat {
    type Levels<'a> = FlatLevels<'a>;

    fn new(side: Side) -> Self {
        Self {
            levels: Vec::new(),
            before: Vec::new(),
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
        let is_set = level.lots.0 != 0;
        let old = match self.find(level.ticks) {
            Ok(at) if is_set => core::mem::replace(&mut self.levels[at], level),
            Ok(at) => self.levels.remove(at),
            Err(at) => {
                if is_set {
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
    fn replace(&mut self, levels: &[Level], _: &mut Vec<Change>) {
        core::mem::swap(&mut self.levels, &mut self.before);
        self.levels.clear();
        self.levels.extend_from_slice(levels);
    }

    fn heap_bytes(&self) -> usize {
        (self.levels.capacity() + self.before.capacity()) * size_of::<Level>()
    }
}
