//! [`BookRef`]: a reference to a book with either storage.

use core::time::Duration;

use super::{BookView, Depth, Fill, HalfTicks, Imbalance, Ratio};
use crate::book::Book;
use crate::change::Changes;
use crate::coverage::Coverage;
use crate::scale::Scale;
use crate::state::{BookState, Epoch};
use crate::storage::{Flat, FlatLevels, Ladder, LadderLevels};
use crate::units::{Level, Lots, Nanos, Side, Ticks};

/// A shared reference to a flat or a ladder book, for collections with books of both kinds.
///
/// It is `Copy`, two words long, and needs no virtual call: each method matches the storage once, then runs
/// the same code as on the book itself. Only [`BookRef::levels`], and the views that iterate over it, match
/// once per call of `next`; `for_each` and `fold` match once. To avoid that, match the two variants outside
/// the loop, or use [`BookRef::as_flat`].
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
    /// A book of sorted arrays.
    Flat(&'a Book<Flat>),
    /// A book of dense windows of ticks.
    Ladder(&'a Book<Ladder>),
}

/// Calls the same method of either book.
macro_rules! either {
    ($reference:expr, $book:ident => $call:expr) => {
        match $reference {
            BookRef::Flat($book) => $call,
            BookRef::Ladder($book) => $call,
        }
    };
}

/// Defines methods that forward to those of [`Book`] with the same name.
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
        /// The time when the last message was received.
        updated() -> Nanos;
        /// The time since the last message was received.
        age(now: Nanos) -> Duration;
        /// The number of messages applied in this epoch.
        updates() -> u64;
        /// The value of a tick and a lot.
        scale() -> Scale;
        /// The part of its market that the book covers.
        coverage() -> Coverage;
        /// The levels that the last message changed: see [`Book::changes`].
        changes() -> Changes<'a>;
        /// The number of levels of a side.
        depth_levels(side: Side) -> usize;
        /// The level at a price, if there is one.
        level(side: Side, ticks: Ticks) -> Option<Level>;
        /// The highest bid.
        best_bid() -> Option<Level>;
        /// The lowest ask.
        best_ask() -> Option<Level>;
        /// The best ask minus the best bid: see [`Book::spread`].
        spread() -> Option<Ticks>;
        /// Whether the best bid is above the best ask.
        is_crossed() -> bool;
        /// Whether the best bid equals the best ask.
        is_locked() -> bool;
        /// The worst price that the book covers: see [`Book::covers`].
        covers(side: Side) -> Option<Ticks>;
        /// The digest of both sides: see [`Book::crc32`].
        crc32() -> u32;
        /// The memory of the book in bytes: see [`Book::memory`].
        memory() -> usize;
    }

    /// The book, if it is valid and may be traded on.
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

    /// The bid levels, best (highest) first.
    #[inline]
    #[must_use]
    pub fn bids(self) -> BookRefLevels<'a> {
        self.levels(Side::Bid)
    }

    /// The ask levels, best (lowest) first.
    #[inline]
    #[must_use]
    pub fn asks(self) -> BookRefLevels<'a> {
        self.levels(Side::Ask)
    }

    /// The book itself, if it is flat: its sides are slices.
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
    /// The levels of a flat book.
    Flat(FlatLevels<'a>),
    /// The levels of a ladder.
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
