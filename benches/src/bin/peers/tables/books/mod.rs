//! Order books that receive single levels: ours and a user's alternatives, behind one trait.
//!
//! Every book receives its messages in its types, which are built before the clock starts. The measurement therefore
//! excludes a conversion that a peer's users would do when they parse the message.

mod hft;
mod maps;
mod market;
mod ticklot;

use std::ops::Range;

use ticklot_benches::WalkStep;
use ticklot_book::Side;
use ticklot_tests::alloc::allocated_bytes;

pub(super) use self::hft::{HashMap, RoiVector};
pub(super) use self::maps::{Maps, Vecs};
pub(super) use self::market::Market;
pub(super) use self::ticklot::{FlatBook, LadderBook};

/// The price and the quantity of a level, in ticks and lots.
pub(super) type Quote = (i64, i64);

/// The number of levels of a side that the table `depth` reads.
pub(super) const DEPTH: usize = 10;

/// A book whose levels are set one by one.
pub(super) trait LevelBook {
    /// One level in this book's types.
    type Update;

    /// An empty book with room for all prices from the first to the second tick.
    fn empty(ticks: (i64, i64)) -> Self;

    fn update(step: &WalkStep) -> Self::Update;

    fn apply(&mut self, update: &Self::Update) -> anyhow::Result<()>;

    fn clear(&mut self) -> anyhow::Result<()>;

    /// The best bid and ask prices, as this book returns them.
    fn best_prices(&self) -> impl Sized;

    /// The best bid and ask with their quantities, as this book returns them.
    fn best_levels(&self) -> impl Sized;

    /// The best bid and ask.
    fn best(&self) -> [Option<Quote>; 2];

    /// All levels of a side, best first.
    fn levels(&self, side: Side) -> Vec<Quote>;
}

/// A book that returns the best levels of both sides.
pub(super) trait DepthBook: LevelBook {
    /// The levels as this book returns them.
    type Top;

    fn top(&self) -> Self::Top;

    /// The same in ticks and lots.
    fn quotes(top: Self::Top) -> [Vec<Quote>; 2];
}

/// A book, and the updates of a market in its own types.
pub(super) struct Replay<'m, B: LevelBook> {
    pub(super) market: &'m Market,
    pub(super) book: B,
    updates: Vec<B::Update>,
}

impl<'m, B: LevelBook> Replay<'m, B> {
    pub(super) fn new(market: &'m Market) -> Self {
        Self {
            market,
            book: B::empty(market.ticks),
            updates: market.steps.iter().map(B::update).collect(),
        }
    }

    pub(super) fn apply(&mut self, step: usize) -> anyhow::Result<()> {
        self.book.apply(&self.updates[step])
    }

    /// Resets the book to its levels before this update, the first of a slice.
    pub(super) fn rewind(&mut self, step: usize) -> anyhow::Result<()> {
        self.book.clear()?;
        fill(&mut self.book, self.market.before(step)?)
    }

    /// Applies updates in their order, and calls `read` with the book after each.
    #[inline(always)]
    pub(super) fn each(
        &mut self,
        range: Range<usize>,
        mut read: impl FnMut(&B),
    ) -> anyhow::Result<()> {
        for update in &self.updates[range] {
            self.book.apply(std::hint::black_box(update))?;
            read(&self.book);
        }
        Ok(())
    }
}

fn fill<B: LevelBook>(book: &mut B, levels: &[WalkStep]) -> anyhow::Result<()> {
    for level in levels {
        book.apply(&B::update(level))?;
    }
    Ok(())
}

/// The bytes that a book has allocated with the first levels of a market, and at the end.
pub(super) fn memory<B: LevelBook>(market: &Market) -> anyhow::Result<(B, [i64; 2])> {
    let before = allocated_bytes();
    let mut book = B::empty(market.ticks);
    fill(&mut book, market.before(0)?)?;
    let first = allocated_bytes() - before;
    for step in &market.steps {
        book.apply(&B::update(step))?;
    }
    let last = allocated_bytes() - before;
    Ok((book, [first, last]))
}
