//! The first pass over a log: finds its live books, times and prices.

use std::ops::ControlFlow;

use ticklot::venue::Venue;
use ticklot::{BookId, BookRef, Books, Event, Handler, OnMessage, Side, Ticks};

use super::log_observer::LogObserver;
use crate::log_position::TimeSpec;

/// The percentage of a side's levels that should be in view, because the outermost may be far out.
const IN_VIEW: usize = 90;

/// The live books of a log between two times.
#[derive(Debug, Default)]
pub(crate) struct RangeScan {
    from: Option<TimeSpec>,
    until: Option<TimeSpec>,
    depth: usize,
    /// The first and the last time of the log, in nanoseconds since 1970.
    pub(crate) times: Option<(u64, u64)>,
    /// Whether `from` is reached.
    begun: bool,
    /// By book id.
    seen: Vec<Option<BookRange>>,
}

/// The prices of a live book.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BookRange {
    /// The lowest best price.
    pub(crate) low: Ticks,
    /// The highest best price.
    pub(crate) high: Ticks,
    /// The greatest common divisor of all prices, in ticks; 0 if all are 0.
    pub(crate) unit: u64,
    /// The number of order-book messages.
    pub(crate) count: u64,
    /// The sum of [`reach`] over sides.
    reach: i128,
    /// The number of these sides.
    sides: i128,
}

impl RangeScan {
    pub(crate) fn new(from: Option<TimeSpec>, until: Option<TimeSpec>, depth: usize) -> Self {
        Self {
            from,
            until,
            depth,
            ..Self::default()
        }
    }

    /// The books that were live.
    pub(crate) fn live(&self) -> Vec<BookId> {
        let ids = (0..).map(BookId).zip(&self.seen);
        ids.filter_map(|(id, seen)| seen.map(|_| id)).collect()
    }

    /// The prices of a book; none if it was never live.
    pub(crate) fn seen(&self, id: BookId) -> Option<BookRange> {
        self.seen.get(id.0 as usize).copied().flatten()
    }

    /// The range of times to draw.
    pub(crate) fn span(&self) -> Option<(u64, u64)> {
        let (first, last) = self.times?;
        let from = self.from.map_or(first, |from| from.of(first));
        let until = self.until.map_or(last, |until| until.of(first));
        Some((from, until))
    }

    fn note(&mut self, id: BookId, books: &Books) {
        let Some(book) = books.live(id) else { return };
        let index = id.0 as usize;
        if self.seen.len() <= index {
            self.seen.resize(index + 1, None);
        }
        let seen = &mut self.seen[index];
        match seen {
            Some(seen) => seen.add(book, self.depth),
            None => *seen = BookRange::new(book, self.depth),
        }
    }
}

impl BookRange {
    /// None for a book without levels.
    pub(crate) fn new(book: BookRef<'_>, depth: usize) -> Option<Self> {
        let any = book.best_bid().or(book.best_ask())?;
        let mut seen = Self {
            low: any.ticks,
            high: any.ticks,
            ..Self::default()
        };
        seen.add(book, depth);
        Some(seen)
    }

    fn add(&mut self, book: BookRef<'_>, depth: usize) {
        self.count += 1;
        for side in [Side::Bid, Side::Ask] {
            let Some(best) = book.levels(side).take(depth).next() else {
                continue;
            };
            self.low = self.low.min(best.ticks);
            self.high = self.high.max(best.ticks);
            self.reach += i128::from(reach(book, side, depth));
            self.sides += 1;
            for level in book.levels(side).take(depth) {
                self.unit = common(self.unit, level.ticks.0.unsigned_abs());
            }
        }
    }

    /// The average distance of most levels from the best price, in ticks: see [`reach`].
    pub(crate) fn reach(&self) -> i64 {
        i64::try_from(self.reach / self.sides.max(1)).unwrap_or(i64::MAX)
    }

    /// The greatest common divisor of all prices, in ticks, at least one.
    pub(crate) fn unit(&self) -> i64 {
        i64::try_from(self.unit.max(1)).unwrap_or(1)
    }
}

/// The distance within which 90 % of the best `depth` levels of a side are from its best level, in ticks.
pub(crate) fn reach(book: BookRef<'_>, side: Side, depth: usize) -> u64 {
    let count = book.depth_levels(side).min(depth);
    let far = book.levels(side).nth(count * IN_VIEW / 100);
    let ends = book.levels(side).next().zip(far);
    ends.map_or(0, |(best, far)| far.ticks.0.abs_diff(best.ticks.0))
}

/// The greatest common divisor.
fn common(mut a: u64, mut b: u64) -> u64 {
    while a > 0 {
        (a, b) = (b % a, a);
    }
    b
}

impl LogObserver for RangeScan {
    fn until(&mut self, at: u64, books: &Books) -> ControlFlow<()> {
        if at == 0 {
            return ControlFlow::Continue(());
        }
        let first = self.times.map_or(at, |(first, _)| first);
        self.times = Some((first, at));
        let (from, until) = self.span().unwrap_or((0, u64::MAX));
        if at > until {
            return ControlFlow::Break(());
        }
        if at >= from && !self.begun {
            self.begun = true;
            // Books of earlier messages are still live.
            books.ids().for_each(|id| self.note(id, books));
        }
        ControlFlow::Continue(())
    }
}

impl Handler for RangeScan {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        if let Event::Book(update) = event
            && self.begun
        {
            self.note(update.book, books);
        }
        ControlFlow::Continue(())
    }
}

impl<V: Venue> OnMessage<V> for RangeScan {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_common_divisor() {
        let divisors = [(0, 12), (12, 18), (12, 0), (7, 9)].map(|(a, b)| common(a, b));
        assert_eq!(divisors, [12, 6, 12, 1]);
    }
}
