//! Our own books.

use ticklot_benches::WalkStep;
use ticklot_book::{
    Book, BookView, Coverage, Flat, Ladder, Level, Nanos, Scale, Side, Storage, Ticks,
};

use super::{PeerBook, Rest, TEN};

/// A [`Book`] of either storage.
pub(in crate::tables) struct Ours<S: Storage>(pub(in crate::tables) Book<S>);

pub(in crate::tables) type FlatBook = Ours<Flat>;
pub(in crate::tables) type LadderBook = Ours<Ladder>;

fn rest(level: Level) -> Rest {
    (level.ticks.0, level.lots.0)
}

impl<S: Storage> PeerBook for Ours<S> {
    type Update = WalkStep;
    type Prices = (Option<Ticks>, Option<Ticks>);
    type Quotes = (Option<Level>, Option<Level>);
    type Ten = [[Level; TEN]; 2];

    fn empty(_ticks: (i64, i64)) -> Self {
        let mut book = Self(Book::with_storage(Scale::UNIT).with_coverage(Coverage::Whole));
        // A book takes deltas after a snapshot only.
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
        self.0.replace(&[], &[], Nanos(0))?;
        Ok(())
    }

    #[inline(always)]
    fn prices(&self) -> Self::Prices {
        let price = |level: Level| level.ticks;
        (self.0.best_bid().map(price), self.0.best_ask().map(price))
    }

    #[inline(always)]
    fn quotes(&self) -> Self::Quotes {
        (self.0.best_bid(), self.0.best_ask())
    }

    #[inline(always)]
    fn ten(&self) -> Self::Ten {
        let mut out = [[Level::default(); TEN]; 2];
        for (side, out) in [Side::Bid, Side::Ask].into_iter().zip(&mut out) {
            std::hint::black_box(self.0.copy_top(side, out));
        }
        out
    }

    fn best(&self) -> [Option<Rest>; 2] {
        [self.0.best_bid().map(rest), self.0.best_ask().map(rest)]
    }

    fn ten_told(&self) -> [Vec<Rest>; 2] {
        self.ten().map(|side| side.map(rest).to_vec())
    }

    fn levels(&self, side: Side) -> Vec<Rest> {
        self.0.levels(side).map(rest).collect()
    }
}
