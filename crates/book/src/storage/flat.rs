//! A side as a sorted array.

use core::iter::Copied;
use core::slice;

use smallvec::SmallVec;

use super::{Storage, flip, sealed};
use crate::book::Change;
use crate::changes::ChangeList;
use crate::units::{Level, Lots, Side, Ticks};

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
    fn replace(&mut self, levels: &[Level], changes: &mut ChangeList) {
        // Up to the first difference there is nothing to tell and nothing to copy.
        let pairs = self.levels.iter().zip(levels);
        let same = pairs.take_while(|(old, new)| old == new).count();
        let (old, new) = (&self.levels[same..], &levels[same..]);
        let room = changes.room(old.len() + new.len());
        let count = differences(self.side, old, new, room);
        changes.wrote(count);
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

/// Writes every level in which two sides differ, both in order, best first, and returns how many
/// there are. `changes` has room for all levels of both.
///
/// One walk over both. Most levels are the same, and cost one comparison. Where two differ, the better
/// of their prices is settled without a branch: whether a level came, went or changed cannot be
/// foretold, and a wrong guess costs more than all of it.
#[inline]
fn differences(side: Side, old: &[Level], new: &[Level], changes: &mut [Change]) -> usize {
    let flip = flip(side);
    let (mut i, mut j, mut count) = (0, 0, 0);
    while let (Some(a), Some(b)) = (old.get(i), new.get(j)) {
        if a == b {
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let (was, is) = (a.ticks.0 ^ flip, b.ticks.0 ^ flip);
        let (take_old, take_new) = (was <= is, is <= was);
        let Some(place) = changes.get_mut(count) else {
            return count;
        };
        *place = Change {
            side,
            ticks: Ticks(was.min(is) ^ flip),
            old_lots: Lots(a.lots.0 * i64::from(take_old)),
            new_lots: Lots(b.lots.0 * i64::from(take_new)),
            count: b.count * u32::from(take_new),
        };
        count += 1;
        i += usize::from(take_old);
        j += usize::from(take_new);
    }
    let gone = old[i..]
        .iter()
        .map(|a| Change::between(side, Some(a), None));
    let come = new[j..]
        .iter()
        .map(|b| Change::between(side, None, Some(b)));
    for (place, change) in changes[count..].iter_mut().zip(gone.chain(come)) {
        *place = change;
        count += 1;
    }
    count
}
