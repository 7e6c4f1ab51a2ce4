//! Storages for the levels of one side: [`Flat`] and [`Ladder`].

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
/// | storage | snapshot | one level near the touch | one level far from the touch |
/// |---|---|---|---|
/// | [`Flat`] | one merge pass | a binary search and a move of all worse levels | the same |
/// | [`Ladder`] | one merge pass and a set per change | a few instructions | a binary search |
///
/// Both contain the same levels after the same calls, at any price. The trait is sealed, because the tests of
/// this crate guarantee this only for its own storages.
pub trait Storage: Clone + fmt::Debug + sealed::Sealed {
    /// The iterator that [`Storage::levels`] returns.
    type Levels<'a>: Iterator<Item = Level> + Clone + fmt::Debug
    where
        Self: 'a;

    /// An empty side.
    #[must_use]
    fn new(side: Side) -> Self;

    /// The number of levels.
    fn len(&self) -> usize;

    /// Whether there are no levels.
    #[inline]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The best level: the highest bid or the lowest ask.
    fn best(&self) -> Option<Level>;

    /// The price of the best level, or the worst possible price of an empty side.
    fn touch(&self) -> Ticks;

    /// The worst level: the lowest bid or the highest ask.
    fn worst(&self) -> Option<Level>;

    /// The level at a price.
    fn get(&self, ticks: Ticks) -> Option<Level>;

    /// The levels, best first.
    fn levels(&self) -> Self::Levels<'_>;

    /// Sets a level, or removes it when it has no quantity, and returns the previous level at its price, with
    /// zero lots if there was none. The quantity must not be negative.
    fn set(&mut self, level: Level) -> Level;

    /// Replaces all levels with `levels`. Appends the changes to `changes`, best first, or keeps the previous
    /// levels for a later comparison.
    ///
    /// `levels` must be sorted, best first, each price once, each with a quantity.
    fn replace(&mut self, levels: &[Level], changes: &mut Vec<Change>);

    /// The heap memory of the side in bytes.
    fn heap_bytes(&self) -> usize;
}

pub(crate) mod sealed {
    use crate::change::Replaced;

    /// Seals [`super::Storage`].
    pub trait Sealed {
        /// The levels before and after the last [`super::Storage::replace`], if the storage leaves the
        /// comparison to the reader. Valid until the side changes again.
        #[inline]
        fn replaced(&self) -> Replaced<'_> {
            Replaced::default()
        }
    }
}
