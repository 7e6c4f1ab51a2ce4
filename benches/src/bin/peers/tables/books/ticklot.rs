//! Our books.

use ticklot_benches::WalkStep;
use ticklot_book::{Book, BookView, Coverage, Flat, Ladder, Level, Nanos, Scale, Side, Storage};

use super::{DEPTH, DepthBook, LevelBook, Quote};

/// A [`Book`] of either storage.
pub(in crate::tables) struct Ticklot<S: Storage>(pub(in crate::tables) Book<S>);

pub(in crate::tables) type FlatBook = Ticklot<Flat>;
pub(in crate::tables) type LadderBook = Ticklot<Ladder>;

fn quote(level: Level) -> Quote {
    (level.ticks.0, level.lots.0)
}

impl<S: Storage> LevelBook for Ticklot<S> {
    type Update = WalkStep;

    fn empty(_ticks: (i64, i64)) -> Self {
        let mut book = Self(Book::with_storage(Scale::UNIT).with_coverage(Coverage::Full));
        // A book accepts deltas after a snapshot only.
        let _ = book.clear();
        book
    }

    fn update(step: &WalkStep) -> WalkStep {
        *step
    }

    #[inline(always)]
    fn apply(&mut self, step: &WalkStep) -> anyhow::Result<()> {
        self.0.set(step.side, step.level, Nanos(1))?;
        Ok(())
    }

    fn clear(&mut self) -> anyhow::Result<()> {
        self.0.apply_snapshot(&[], &[], Nanos(0))?;
        Ok(())
    }

    #[inline(always)]
    fn best_prices(&self) -> impl Sized {
        let price = |level: Level| level.ticks;
        (self.0.best_bid().map(price), self.0.best_ask().map(price))
    }

    #[inline(always)]
    fn best_levels(&self) -> impl Sized {
        (self.0.best_bid(), self.0.best_ask())
    }

    fn best(&self) -> [Option<Quote>; 2] {
        [self.0.best_bid().map(quote), self.0.best_ask().map(quote)]
    }

    fn levels(&self, side: Side) -> Vec<Quote> {
        self.0.levels(side).map(quote).collect()
    }
}

impl<S: Storage> DepthBook for Ticklot<S> {
    type Top = [[Level; DEPTH]; 2];

    #[inline(always)]
    fn top(&self) -> Self::Top {
        let mut out = [[Level::default(); DEPTH]; 2];
        for (side, out) in [Side::Bid, Side::Ask].into_iter().zip(&mut out) {
            std::hint::black_box(self.0.copy_top(side, out));
        }
        out
    }

    fn quotes(top: Self::Top) -> [Vec<Quote>; 2] {
        top.map(|side| side.map(quote).to_vec())
    }
}
