//! A reference to a book of either storage.

use core::time::Duration;

use super::{BookView, Depth, Fill, HalfTicks, Imbalance, Ratio};
use crate::book::Book;
use crate::change::Changes;
use crate::coverage::Coverage;
use crate::scale::Scale;
use crate::state::{BookState, Epoch};
use crate::storage::{Flat, FlatLevels, Ladder, LadderLevels};
use crate::units::{Level, Lots, Nanos, Side, Ticks};

/// A shared reference to a book, flat or ladder: what a store of both kinds lends.
///
/// It is `Copy`, two words long, and needs no virtual call: each method matches the storage once and
/// then runs the same code as on the book itself. Only [`BookRef::levels`] (and the views that iterate
/// over it) matches for each level that is taken with `next`; `for_each` and `fold` match once. A loop
/// that must not match at all matches the two variants itself, or takes [`BookRef::as_flat`].
///
/// ```
/// use ticklot_book::{Book, BookRef, BookView, Ladder, Level, Lots, Nanos, Scale, Side, Ticks};
///
/// let bids = [Level::new(Ticks(99), Lots(5)), Level::new(Ticks(98), Lots(1))];
/// let mut flat = Book::new(Scale::UNIT);
/// let mut ladder = Book::<Ladder>::with_storage(Scale::UNIT);
/// flat.apply_snapshot(&bids, &[], Nanos(1))?;
/// ladder.apply_snapshot(&bids, &[], Nanos(1))?;
///
/// for book in [BookRef::from(&flat), BookRef::from(&ladder)] {
///     assert_eq!(book.best_bid(), Some(bids[0]));
///     assert_eq!(book.depth(Side::Bid, 2).lots, 6);
///     let mut top = [Level::default(); 4];
///     assert_eq!(book.copy_top(Side::Bid, &mut top), 2);
/// }
/// assert_eq!(BookRef::from(&flat).as_flat().map(Book::bids), Some(&bids[..]));
/// # Ok::<(), ticklot_book::BookError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum BookRef<'a> {
    /// Sorted arrays.
    Flat(&'a Book<Flat>),
    /// A dense window of ticks.
    Ladder(&'a Book<Ladder>),
}

/// Calls the same method of whichever book it is.
macro_rules! either {
    ($reference:expr, $book:ident => $call:expr) => {
        match $reference {
            BookRef::Flat($book) => $call,
            BookRef::Ladder($book) => $call,
        }
    };
}

/// Methods of [`Book`] under the same name.
macro_rules! forward {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $kind:ty),*) -> $returns:ty;)*) => {
        $(
            $(#[$doc])*
            #[inline]
            #[must_use]
            pub fn $name(self, $($argument: $kind),*) -> $returns {
                either!(self, book => book.$name($($argument),*))
            }
        )*
    };
}

impl<'a> BookRef<'a> {
    forward! {
        /// The book's state: see [`Book::state`].
        state() -> BookState;
        /// The connection that feeds the book: see [`Book::epoch`].
        epoch() -> Epoch;
        /// When the last message was applied.
        updated() -> Nanos;
        /// How long ago the last message was applied.
        age(now: Nanos) -> Duration;
        /// How many messages were applied in this epoch.
        updates() -> u64;
        /// What a tick and a lot are worth.
        scale() -> Scale;
        /// Which part of its market the book covers.
        coverage() -> Coverage;
        /// The levels that the last message changed: see [`Book::changes`].
        changes() -> Changes<'a>;
        /// How many levels a side has.
        depth_levels(side: Side) -> usize;
        /// The level at a price, if anything rests there.
        level(side: Side, ticks: Ticks) -> Option<Level>;
        /// The highest buyer.
        best_bid() -> Option<Level>;
        /// The lowest seller.
        best_ask() -> Option<Level>;
        /// Best ask less best bid: see [`Book::spread`].
        spread() -> Option<Ticks>;
        /// Whether the best bid is above the best ask.
        is_crossed() -> bool;
        /// Whether the best bid equals the best ask.
        is_locked() -> bool;
        /// The worst price that the book covers: see [`Book::covers`].
        covers(side: Side) -> Option<Ticks>;
        /// The digest of both sides: see [`Book::crc32`].
        crc32() -> u32;
        /// The bytes that the book holds: see [`Book::memory`].
        memory() -> usize;
    }

    /// The book, if it can be traded on.
    #[inline]
    #[must_use]
    pub fn live(self) -> Option<Self> {
        self.state().is_live().then_some(self)
    }

    /// The levels of one side, best first.
    #[inline]
    #[must_use]
    pub fn levels(self, side: Side) -> BookRefLevels<'a> {
        match self {
            Self::Flat(book) => BookRefLevels::Flat(book.levels(side)),
            Self::Ladder(book) => BookRefLevels::Ladder(book.levels(side)),
        }
    }

    /// The buyers' levels, best (highest) first.
    #[inline]
    #[must_use]
    pub fn bids(self) -> BookRefLevels<'a> {
        self.levels(Side::Bid)
    }

    /// The sellers' levels, best (lowest) first.
    #[inline]
    #[must_use]
    pub fn asks(self) -> BookRefLevels<'a> {
        self.levels(Side::Ask)
    }

    /// The book with its sides as slices, when it is flat.
    #[inline]
    #[must_use]
    pub fn as_flat(self) -> Option<&'a Book<Flat>> {
        match self {
            Self::Flat(book) => Some(book),
            Self::Ladder(_) => None,
        }
    }
}

impl<'a> From<&'a Book<Flat>> for BookRef<'a> {
    fn from(book: &'a Book<Flat>) -> Self {
        Self::Flat(book)
    }
}

impl<'a> From<&'a Book<Ladder>> for BookRef<'a> {
    fn from(book: &'a Book<Ladder>) -> Self {
        Self::Ladder(book)
    }
}

impl BookView for BookRef<'_> {
    #[inline]
    fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        BookRef::levels(*self, side)
    }

    fn covers(&self, side: Side) -> Option<Ticks> {
        BookRef::covers(*self, side)
    }

    #[inline]
    fn best(&self, side: Side) -> Option<Level> {
        either!(self, book => book.best(side))
    }

    fn mid(&self) -> Option<HalfTicks> {
        either!(self, book => book.mid())
    }

    fn microprice(&self) -> Option<Ratio> {
        either!(self, book => book.microprice())
    }

    fn imbalance(&self, levels: usize) -> Imbalance {
        either!(self, book => book.imbalance(levels))
    }

    fn imbalance_within(&self, range: Ticks) -> Imbalance {
        either!(self, book => book.imbalance_within(range))
    }

    fn depth(&self, side: Side, levels: usize) -> Depth {
        either!(self, book => book.depth(side, levels))
    }

    fn depth_to(&self, side: Side, limit: Ticks) -> Depth {
        either!(self, book => book.depth_to(side, limit))
    }

    fn fill(&self, side: Side, lots: Lots) -> Fill {
        either!(self, book => book.fill(side, lots))
    }

    #[inline]
    fn copy_top(&self, side: Side, out: &mut [Level]) -> usize {
        either!(self, book => book.copy_top(side, out))
    }

    fn crc32(&self) -> u32 {
        BookRef::crc32(*self)
    }
}

/// The levels of one side of a [`BookRef`], best first.
#[derive(Clone, Debug)]
pub enum BookRefLevels<'a> {
    /// Of a flat book.
    Flat(FlatLevels<'a>),
    /// Of a ladder.
    Ladder(LadderLevels<'a, 4>),
}

impl Iterator for BookRefLevels<'_> {
    type Item = Level;

    #[inline]
    fn next(&mut self) -> Option<Level> {
        match self {
            Self::Flat(levels) => levels.next(),
            Self::Ladder(levels) => levels.next(),
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Flat(levels) => levels.size_hint(),
            Self::Ladder(levels) => levels.size_hint(),
        }
    }

    /// One match for all levels; `for_each`, `sum` and `count` use it.
    #[inline]
    fn fold<B, F: FnMut(B, Level) -> B>(self, init: B, f: F) -> B {
        match self {
            Self::Flat(levels) => levels.fold(init, f),
            Self::Ladder(levels) => levels.fold(init, f),
        }
    }
}
