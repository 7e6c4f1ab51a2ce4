//! Read-only views of books, with the computations that strategies need.

mod combined;
mod complement;
mod grouped;
mod own;
mod ratio;
mod reference;

pub use combined::{Combined, CombinedLevels};
pub use complement::Complement;
pub use grouped::{Grouped, GroupedLevels};
pub use own::WithoutOwn;
pub use ratio::{Depth, Fill, HalfTicks, Imbalance, Ratio};
pub use reference::{BookRef, BookRefLevels};

use crate::book::Book;
use crate::digest;
use crate::storage::Storage;
use crate::units::{Level, Lots, Side, Ticks};

/// Implements `Clone` and `Copy` for a view of any books: derives would require them of the books.
macro_rules! impl_copy {
    ($view:ident<$($book:ident),+>) => {
        impl<$($book),+> Clone for $view<'_, $($book),+> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($book),+> Copy for $view<'_, $($book),+> {}
    };
}
use impl_copy;

/// A read-only book: a [`Book`] with any storage, or a view of another book.
///
/// No method allocates, and all results are exact: only methods such as [`Ratio::to_f64`] return floats. Sums
/// of lots are `i128`, which holds [`MAX_LEVELS`](crate::MAX_LEVELS) levels of the largest quantity.
///
/// A view does not check the validity of its book: create it from [`Book::live`].
///
/// ```
/// use ticklot_book::{Book, BookView, Level, Lots, Nanos, Scale, Side, Ticks};
///
/// let level = |ticks, lots| Level::new(Ticks(ticks), Lots(lots));
/// let mut book = Book::new(Scale::UNIT);
/// book.apply_snapshot(&[level(98, 4)], &[level(101, 2), level(103, 5)], Nanos(0))?;
///
/// let live = book.live().expect("fresh and uncrossed");
/// assert_eq!(live.mid().map(|mid| mid.to_string()), Some("99.5".to_owned()));
/// let buy = live.fill(Side::Ask, Lots(4));
/// assert_eq!((buy.worst, buy.cost), (Some(Ticks(103)), 2 * 101 + 2 * 103));
/// assert_eq!(live.complement(Ticks(200)).best_bid(), Some(level(99, 2)));
/// # Ok::<(), ticklot_book::BookError>(())
/// ```
pub trait BookView {
    /// The levels of one side, best first: each price once, each with a quantity, none beyond the coverage of
    /// the book.
    fn levels(&self, side: Side) -> impl Iterator<Item = Level>;

    /// The worst price of a side that the book covers: see [`Book::covers`].
    fn covers(&self, side: Side) -> Option<Ticks>;

    /// The best level of a side.
    #[inline]
    fn best(&self, side: Side) -> Option<Level> {
        self.levels(side).next()
    }

    /// The highest bid.
    #[inline]
    fn best_bid(&self) -> Option<Level> {
        self.best(Side::Bid)
    }

    /// The lowest ask.
    #[inline]
    fn best_ask(&self) -> Option<Level> {
        self.best(Side::Ask)
    }

    /// The best ask minus the best bid: zero when locked, negative when crossed, `None` on a one-sided book.
    /// Saturates.
    fn spread(&self) -> Option<Ticks> {
        Some(self.best_ask()?.ticks - self.best_bid()?.ticks)
    }

    /// The midpoint of the best prices, exactly; `None` on a one-sided book.
    fn mid(&self) -> Option<HalfTicks> {
        let (bid, ask) = self.best_bid().zip(self.best_ask())?;
        Some(HalfTicks(i128::from(bid.ticks.0) + i128::from(ask.ticks.0)))
    }

    /// The microprice in ticks: the mean of the best prices, each weighted by the quantity of the opposite
    /// side. A larger bid moves it towards the ask. `None` on a one-sided book. Exact: the products fit
    /// `i128` for all prices and lots.
    fn microprice(&self) -> Option<Ratio> {
        let (bid, ask) = self.best_bid().zip(self.best_ask())?;
        let at = |price: Ticks, lots: Lots| i128::from(price.0) * i128::from(lots.0);
        Some(Ratio {
            numerator: at(bid.ticks, ask.lots) + at(ask.ticks, bid.lots),
            denominator: i128::from(bid.lots.0) + i128::from(ask.lots.0),
        })
    }

    /// The depth of the best `levels` levels of each side.
    fn imbalance(&self, levels: usize) -> Imbalance {
        Imbalance {
            bids: self.depth(Side::Bid, levels),
            asks: self.depth(Side::Ask, levels),
        }
    }

    /// The depth of each side within `range` of its best price. A negative range contains no levels.
    fn imbalance_within(&self, range: Ticks) -> Imbalance {
        let within = |side| match (self.best(side), side) {
            (None, _) => self.depth(side, 0),
            // Subtraction below would saturate and include the best price at the end of the range.
            _ if range < Ticks(0) => self.depth(side, 0),
            (Some(best), Side::Bid) => self.depth_to(side, best.ticks - range),
            (Some(best), Side::Ask) => self.depth_to(side, best.ticks + range),
        };
        Imbalance {
            bids: within(Side::Bid),
            asks: within(Side::Ask),
        }
    }

    /// The depth of the best `levels` levels of a side.
    fn depth(&self, side: Side, levels: usize) -> Depth {
        let mut depth = Depth::of(self.levels(side).take(levels));
        // Fewer levels than requested are complete only if the book covers the whole side.
        depth.covered = depth.levels == levels || self.covers(side) == Some(side.worst_price());
        depth
    }

    /// The depth of a side at `limit` and at all better prices.
    fn depth_to(&self, side: Side, limit: Ticks) -> Depth {
        let within = |level: &Level| !side.is_better(limit, level.ticks);
        let mut depth = Depth::of(self.levels(side).take_while(within));
        let covers = self.covers(side);
        depth.covered = covers.is_some_and(|worst| !side.is_better(worst, limit));
        depth
    }

    /// The cost of an order that takes `lots` from a side, best level first: from [`Side::Ask`] to buy, from
    /// [`Side::Bid`] to sell. The fill is limited by the levels of the book, and is empty for zero or
    /// negative `lots`.
    fn fill(&self, side: Side, lots: Lots) -> Fill {
        let mut fill = Fill {
            requested: lots,
            ..Fill::default()
        };
        for level in self.levels(side) {
            let rest = Lots(lots.0.saturating_sub(fill.lots.0));
            if rest <= Lots(0) {
                break;
            }
            fill.take(level, rest.min(level.lots));
        }
        fill
    }

    /// Copies the best levels of a side to `out`, as many as fit, and returns their number.
    #[inline]
    fn copy_top(&self, side: Side, out: &mut [Level]) -> usize {
        let mut count = 0;
        for (slot, level) in out.iter_mut().zip(self.levels(side)) {
            *slot = level;
            count += 1;
        }
        count
    }

    /// The digest of both sides: see [`Book::crc32`].
    fn crc32(&self) -> u32 {
        digest::crc32(self.levels(Side::Bid), self.levels(Side::Ask))
    }

    /// The book with its levels aggregated by a price step, as venues group theirs (JayX's `precise`): see
    /// [`Grouped`]. The minimum step is one tick.
    fn grouped(&self, step: Ticks) -> Grouped<'_, Self>
    where
        Self: Sized,
    {
        Grouped::new(self, step)
    }

    /// The book of the other outcome of a two-outcome market, where `one` is the total payout of both
    /// outcomes, such as `Ticks(100)` at two decimals: see [`Complement`].
    fn complement(&self, one: Ticks) -> Complement<'_, Self>
    where
        Self: Sized,
    {
        Complement::new(self, one)
    }

    /// This book merged with another of the same instrument: see [`Combined`].
    fn combined<'a, V: BookView>(&'a self, other: &'a V) -> Combined<'a, Self, V>
    where
        Self: Sized,
    {
        Combined::new(self, other)
    }

    /// The book without the caller's own resting orders: see [`WithoutOwn`].
    fn without_own<'a>(&'a self, bids: &'a [Level], asks: &'a [Level]) -> WithoutOwn<'a, Self>
    where
        Self: Sized,
    {
        WithoutOwn::new(self, bids, asks)
    }
}

impl<S: Storage> BookView for Book<S> {
    #[inline]
    fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        Book::levels(self, side)
    }

    fn covers(&self, side: Side) -> Option<Ticks> {
        Book::covers(self, side)
    }

    #[inline]
    fn best(&self, side: Side) -> Option<Level> {
        self.storage(side).best()
    }
}
