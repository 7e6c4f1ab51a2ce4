//! The first pass over a log: finds its books, times and prices.

use std::ops::ControlFlow;

use ticklot::venue::Venue;
use ticklot::{BookId, BookRef, Books, Event, Handler, OnMessage, Side, Ticks};

use super::log_observer::LogObserver;
use crate::log_position::TimeSpec;

/// Of a side's levels, how many of a hundred are to be in view: the outermost may be far out.
const IN_VIEW: usize = 90;

/// What a log has, between two moments.
#[derive(Debug)]
pub(crate) struct RangeScan {
    from: Option<TimeSpec>,
    until: Option<TimeSpec>,
    depth: usize,
    /// The first and the last time of the log, in nanoseconds since 1970.
    pub(crate) times: Option<(u64, u64)>,
    /// Whether `from` has come.
    begun: bool,
    /// By book.
    seen: Vec<Option<BookRange>>,
}

/// What a live book was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BookRange {
    /// The lowest bid and the highest ask.
    pub(crate) low: Ticks,
    pub(crate) high: Ticks,
    /// What all prices are multiples of, in ticks; 0 when all are 0.
    pub(crate) unit: u64,
    /// Snapshots.
    pub(crate) count: u64,
    /// How far from the best price most levels are: a sum over sides, and how many.
    reach: i128,
    sides: i128,
}

impl RangeScan {
    pub(crate) fn new(from: Option<TimeSpec>, until: Option<TimeSpec>, depth: usize) -> Self {
        Self {
            from,
            until,
            depth,
            times: None,
            begun: false,
            seen: Vec::new(),
        }
    }

    /// The books that were live.
    pub(crate) fn live(&self) -> Vec<BookId> {
        let ids = (0..).map(BookId).zip(&self.seen);
        ids.filter_map(|(id, seen)| seen.map(|_| id)).collect()
    }

    /// What a book was; none when it was never live.
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
        let place = id.0 as usize;
        if self.seen.len() <= place {
            self.seen.resize(place + 1, None);
        }
        let seen = &mut self.seen[place];
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
            unit: 0,
            count: 0,
            reach: 0,
            sides: 0,
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

    /// How far beyond the best prices most levels are, on average.
    pub(crate) fn reach(&self) -> i64 {
        i64::try_from(self.reach / self.sides.max(1)).unwrap_or(i64::MAX)
    }

    /// What all prices are multiples of, in ticks: at least one.
    pub(crate) fn unit(&self) -> i64 {
        i64::try_from(self.unit.max(1)).unwrap_or(1)
    }
}

/// How far most of the best `depth` levels of a side are from the best one, in ticks.
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
            // Earlier books are still there.
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
        assert_eq!(common(0, 12), 12);
        assert_eq!(common(12, 18), 6);
        assert_eq!(common(12, 0), 12);
        assert_eq!(common(7, 9), 1);
    }
}
