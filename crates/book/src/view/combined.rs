//! [`Combined`]: two books of one instrument, merged.

use core::iter::Peekable;

use super::{BookView, impl_copy};
use crate::units::{Level, Lots, Side, Ticks};

/// Two books of one instrument, merged by price: for example a YES book and the [complement] of the NO book,
/// or the books of two venues. Its best prices are the best of both, so it may be crossed although neither
/// book is.
///
/// At a common price, lots and counts are added, and the sums saturate. The view covers the prices that both
/// books cover, and contains no others.
///
/// [complement]: super::Complement
#[derive(Debug)]
pub struct Combined<'a, A, B> {
    first: &'a A,
    second: &'a B,
}

impl<'a, A, B> Combined<'a, A, B> {
    pub(super) const fn new(first: &'a A, second: &'a B) -> Self {
        Self { first, second }
    }
}

impl_copy!(Combined<A, B>);

impl<A: BookView, B: BookView> BookView for Combined<'_, A, B> {
    fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        let covers = self.covers(side);
        let levels = CombinedLevels {
            first: self.first.levels(side).peekable(),
            second: self.second.levels(side).peekable(),
            side,
        };
        levels.take_while(move |level| covers.is_some_and(|c| !side.is_better(c, level.ticks)))
    }

    fn covers(&self, side: Side) -> Option<Ticks> {
        let (first, second) = self.first.covers(side).zip(self.second.covers(side))?;
        Some(if side.is_better(first, second) {
            first
        } else {
            second
        })
    }
}

/// The levels of two sides, merged by price, best first.
#[derive(Clone, Debug)]
pub struct CombinedLevels<A: Iterator<Item = Level>, B: Iterator<Item = Level>> {
    first: Peekable<A>,
    second: Peekable<B>,
    side: Side,
}

impl<A, B> Iterator for CombinedLevels<A, B>
where
    A: Iterator<Item = Level>,
    B: Iterator<Item = Level>,
{
    type Item = Level;

    fn next(&mut self) -> Option<Level> {
        let (Some(a), Some(b)) = (self.first.peek(), self.second.peek()) else {
            return self.first.next().or_else(|| self.second.next());
        };
        let (a, b) = (*a, *b);
        if self.side.is_better(a.ticks, b.ticks) {
            return self.first.next();
        }
        self.second.next();
        if a.ticks != b.ticks {
            return Some(b);
        }
        self.first.next();
        Some(Level {
            ticks: a.ticks,
            lots: Lots(a.lots.0.saturating_add(b.lots.0)),
            count: a.count.saturating_add(b.count),
        })
    }
}
