//! The level changes that a message made.

use alloc::vec::Vec;
use core::fmt;
use core::iter::Copied;
use core::slice;

use crate::units::{Level, Lots, Side, Ticks, flip};

/// A price level that was added, changed or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Change {
    /// The side of the level.
    pub side: Side,
    /// The price of the level.
    pub ticks: Ticks,
    /// The previous quantity; 0 when the level is new.
    pub old_lots: Lots,
    /// The new quantity; 0 when the level was removed.
    pub new_lots: Lots,
    /// The new number of orders; 0 when the level was removed or the venue sends no counts.
    pub count: u32,
}

impl Change {
    #[inline]
    pub(crate) fn between(side: Side, old: Option<&Level>, new: Option<&Level>) -> Self {
        let ticks = new.or(old).map_or(Ticks(0), |level| level.ticks);
        Self {
            side,
            ticks,
            old_lots: old.map_or(Lots(0), |level| level.lots),
            new_lots: new.map_or(Lots(0), |level| level.lots),
            count: new.map_or(0, |level| level.count),
        }
    }
}

/// The levels that a message changed.
///
/// After a snapshot: bids, then asks, each best first, each price once. After a delta: bids, then asks, each
/// in the order of the delta and followed by the levels that a depth limit removed, worst first. A level that
/// a delta changes twice appears twice. A mirror of the book that applies the changes in order equals the
/// book.
///
/// A flat book computes the changes of a snapshot lazily, in one pass over the levels before and after it:
/// they cost nothing unless they are read. Only [`Changes::to_vec`] allocates.
#[derive(Clone, Copy, Default)]
pub struct Changes<'a> {
    recorded: &'a [Change],
    replaced: [Replaced<'a>; 2],
}

/// The levels of a side before and after a snapshot; both are empty when there was none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replaced<'a> {
    pub(crate) before: &'a [Level],
    pub(crate) after: &'a [Level],
}

impl<'a> Replaced<'a> {
    #[inline]
    pub(crate) fn differences(self, side: Side) -> Differences<'a, &'a [Level]> {
        Differences::new(side, self.before, self.after)
    }
}

impl<'a> Changes<'a> {
    /// The recorded changes, followed by the differences of the bids and the asks.
    pub(crate) fn new(recorded: &'a [Change], replaced: [Replaced<'a>; 2]) -> Self {
        Self { recorded, replaced }
    }

    /// Iterates over the changes.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> ChangesIter<'a> {
        let [bids, asks] = self.replaced;
        ChangesIter {
            recorded: self.recorded.iter().copied(),
            current: bids.differences(Side::Bid),
            next: Some(asks.differences(Side::Ask)),
        }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let same = |replaced: &Replaced<'_>| replaced.before == replaced.after;
        self.recorded.is_empty() && self.replaced.iter().all(same)
    }

    /// The number of changes. Iterates over the changes, which a flat book computes lazily.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Copies the changes. Allocates.
    #[must_use]
    pub fn to_vec(&self) -> Vec<Change> {
        self.iter().collect()
    }
}

impl fmt::Debug for Changes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Equal if both have the same changes in the same order.
impl PartialEq for Changes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Changes<'_> {}

impl<T: AsRef<[Change]>> PartialEq<T> for Changes<'_> {
    fn eq(&self, other: &T) -> bool {
        self.iter().eq(other.as_ref().iter().copied())
    }
}

impl<'a> IntoIterator for Changes<'a> {
    type Item = Change;
    type IntoIter = ChangesIter<'a>;

    #[inline]
    fn into_iter(self) -> ChangesIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Changes<'a> {
    type Item = Change;
    type IntoIter = ChangesIter<'a>;

    #[inline]
    fn into_iter(self) -> ChangesIter<'a> {
        self.iter()
    }
}

/// The iterator over [`Changes`].
#[derive(Clone, Debug)]
pub struct ChangesIter<'a> {
    recorded: Copied<slice::Iter<'a, Change>>,
    /// The side being compared, and the next one.
    current: Differences<'a, &'a [Level]>,
    next: Option<Differences<'a, &'a [Level]>>,
}

impl Iterator for ChangesIter<'_> {
    type Item = Change;

    #[inline]
    fn next(&mut self) -> Option<Change> {
        if let Some(change) = self.recorded.next() {
            return Some(change);
        }
        loop {
            if let Some(change) = self.current.next() {
                return Some(change);
            }
            self.current = self.next.take()?;
        }
    }

    #[inline]
    fn fold<B, F: FnMut(B, Change) -> B>(self, init: B, mut f: F) -> B {
        let acc = self.recorded.fold(init, &mut f);
        let current = self.current.fold(acc, &mut f);
        self.next.into_iter().flatten().fold(current, f)
    }
}

/// A cursor over levels, best first.
pub(crate) trait Cursor {
    /// The current level.
    fn level(&self) -> Option<Level>;

    /// Moves to the next level, if `condition`.
    fn advance(&mut self, condition: bool);

    /// Skips levels that are equal in `other`, if that is faster than comparing them one by one.
    #[inline]
    fn skip_same(&mut self, _other: &mut &[Level]) {}
}

impl Cursor for &[Level] {
    #[inline]
    fn level(&self) -> Option<Level> {
        self.first().copied()
    }

    #[inline]
    fn advance(&mut self, condition: bool) {
        // Branchless.
        *self = self.get(usize::from(condition)..).unwrap_or_default();
    }

    #[inline]
    fn skip_same(&mut self, other: &mut &[Level]) {
        let pairs = self.iter().zip(*other);
        let same = pairs.take_while(|(a, b)| is_same(a, b)).count();
        *self = &self[same..];
        *other = &other[same..];
    }
}

/// Whether two levels are equal, in one branch for all fields.
#[inline]
fn is_same(a: &Level, b: &Level) -> bool {
    let (prices, lots) = (a.ticks.0 ^ b.ticks.0, a.lots.0 ^ b.lots.0);
    prices | lots | i64::from(a.count ^ b.count) == 0
}

/// A cursor over an iterator.
#[derive(Clone, Debug)]
pub(crate) struct Peeked<I> {
    next: Option<Level>,
    rest: I,
}

impl<I: Iterator<Item = Level>> Peeked<I> {
    pub(crate) fn new(mut levels: I) -> Self {
        Self {
            next: levels.next(),
            rest: levels,
        }
    }
}

impl<I: Iterator<Item = Level>> Cursor for Peeked<I> {
    fn level(&self) -> Option<Level> {
        self.next
    }

    fn advance(&mut self, condition: bool) {
        if condition {
            self.next = self.rest.next();
        }
    }
}

/// The levels that differ between two sides, best first. Both inputs are sorted.
///
/// A merge of both: each step compares the better of the two prices. Equal levels, by far the most common
/// case, cost one comparison.
#[derive(Clone, Debug)]
pub(crate) struct Differences<'a, C> {
    side: Side,
    before: C,
    after: &'a [Level],
}

impl<'a, C: Cursor> Differences<'a, C> {
    #[inline]
    pub(crate) fn new(side: Side, before: C, after: &'a [Level]) -> Self {
        Self {
            side,
            before,
            after,
        }
    }

    /// Compares the levels at the better of the two current prices and advances past that price. Branchless,
    /// because the order of the prices cannot be predicted.
    #[inline]
    fn compare_next(&mut self, old: &Level, new: &Level) -> Change {
        let flip = flip(self.side);
        let (old_key, new_key) = (old.ticks.0 ^ flip, new.ticks.0 ^ flip);
        let (has_old, has_new) = (old_key <= new_key, new_key <= old_key);
        self.before.advance(has_old);
        self.after.advance(has_new);
        let lots = |exists: bool, level: &Level| if exists { level.lots } else { Lots(0) };
        Change {
            side: self.side,
            ticks: if has_old { old.ticks } else { new.ticks },
            old_lots: lots(has_old, old),
            new_lots: lots(has_new, new),
            count: if has_new { new.count } else { 0 },
        }
    }
}

impl<C: Cursor> Iterator for Differences<'_, C> {
    type Item = Change;

    #[inline]
    fn next(&mut self) -> Option<Change> {
        loop {
            self.before.skip_same(&mut self.after);
            match (self.before.level(), self.after.level()) {
                (Some(old), Some(new)) => {
                    let change = self.compare_next(&old, &new);
                    if !is_same(&old, &new) {
                        return Some(change);
                    }
                }
                (Some(old), None) => {
                    self.before.advance(true);
                    return Some(Change::between(self.side, Some(&old), None));
                }
                (None, Some(new)) => {
                    self.after.advance(true);
                    return Some(Change::between(self.side, None, Some(&new)));
                }
                (None, None) => return None,
            }
        }
    }
}
