//! How the levels of one side are kept.

mod bits;
mod far;
mod flat;
mod ladder;

use alloc::vec::Vec;
use core::fmt;

pub use flat::{Flat, FlatLevels};
pub use ladder::{BLOCK_TICKS, Ladder, LadderLevels};

use crate::change::Change;
use crate::units::{Level, Side, Ticks};

/// One side of a book: price levels, best first, each price once, none without quantity.
///
/// | storage | a snapshot | one level near the touch | one level far from it |
/// |---|---|---|---|
/// | [`Flat`] | one merge pass | a binary search, and a move of all levels behind it | the same |
/// | [`Ladder`] | one merge pass and a set for each change | a few instructions | a binary search |
///
/// Both hold the same levels after the same calls, at any price that an `i64` can be. The trait is
/// sealed: that is a promise of this crate's tests and not of others'.
pub trait Storage: Clone + fmt::Debug + sealed::Sealed {
    /// What [`Storage::levels`] returns.
    type Levels<'a>: Iterator<Item = Level> + Clone + fmt::Debug
    where
        Self: 'a;

    /// An empty side.
    #[must_use]
    fn new(side: Side) -> Self;

    /// How many levels there are.
    fn len(&self) -> usize;

    /// Whether there is no level.
    #[inline]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The best level: the highest bid or the lowest ask.
    fn best(&self) -> Option<Level>;

    /// The price of the best level; the worst that there is on the side when there is no level.
    fn touch(&self) -> Ticks;

    /// The worst level: the lowest bid or the highest ask.
    fn worst(&self) -> Option<Level>;

    /// The level at a price.
    fn get(&self, ticks: Ticks) -> Option<Level>;

    /// The levels, best first.
    fn levels(&self) -> Self::Levels<'_>;

    /// Puts a level in place, or takes it out when it has no quantity, and returns what was at its
    /// price: a level of zero lots when nothing was. Quantities are not negative.
    fn set(&mut self, level: Level) -> Level;

    /// Puts `levels` in place of all levels and appends to `changes` what differs, best first; or keeps
    /// what was there, to be compared with.
    ///
    /// `levels` are in order, best first, each price once, each with a quantity.
    fn replace(&mut self, levels: &[Level], changes: &mut Vec<Change>);

    /// The bytes that the side holds on the heap now.
    fn heap_bytes(&self) -> usize;
}

pub(crate) mod sealed {
    use crate::change::Replaced;

    /// Keeps [`super::Storage`] to this crate.
    pub trait Sealed {
        /// What the last [`super::Storage::replace`] put in place of what, where it is left to the reader to
        /// compare. Right until the side changes again.
        #[inline]
        fn replaced(&self) -> Replaced<'_> {
            Replaced::default()
        }
    }
}
