//! Order books that take single levels: ours and those that a user could pick instead, behind one trait.
//!
//! Every book is handed its messages in its own types, made before the clock runs: no peer pays for a
//! conversion that its users would have done when they read the message.

mod barter;
mod hft;
mod market;
mod nautilus;
mod ours;
mod plain;

use std::ops::Range;

use ticklot_benches::WalkStep;
use ticklot_book::Side;
use ticklot_tests::alloc::allocated_bytes;

pub(super) use self::barter::Barter;
pub(super) use self::hft::{HashMap, RoiVector};
pub(super) use self::market::Market;
pub(super) use self::nautilus::Nautilus;
pub(super) use self::ours::{FlatBook, LadderBook};
pub(super) use self::plain::{Maps, Vecs};

/// Decimals of prices in every market here: a tick is 0.1.
const PRICE_DECIMALS: u8 = 1;
/// Decimals of quantities: a lot is 0.001.
const LOT_DECIMALS: u8 = 3;

/// Ticks and lots.
pub(super) type Rest = (i64, i64);

/// How many levels the table `depth` reads of a side.
pub(super) const TEN: usize = 10;

/// A book that single levels are set in.
pub(super) trait PeerBook {
    /// One level set, or taken out, as this book takes it.
    type Update;
    /// The best two prices as this book gives them.
    type Prices;
    /// The best two prices and what rests there.
    type Quotes;
    /// Ten levels of both sides.
    type Ten;

    /// An empty book that has room for all prices from the first to the second tick.
    fn empty(ticks: (i64, i64)) -> Self;

    fn update(step: &WalkStep) -> Self::Update;

    fn apply(&mut self, update: &Self::Update) -> anyhow::Result<()>;

    fn clear(&mut self) -> anyhow::Result<()>;

    fn prices(&self) -> Self::Prices;

    fn quotes(&self) -> Self::Quotes;

    fn ten(&self) -> Self::Ten;

    /// The best bid and ask, for all books in the same words.
    fn best(&self) -> [Option<Rest>; 2];

    /// What [`PeerBook::ten`] gives, in the same words.
    fn ten_told(&self) -> [Vec<Rest>; 2];

    /// All levels of a side, best first.
    fn levels(&self, side: Side) -> Vec<Rest>;
}

/// A book and the messages of a market in its own types.
pub(super) struct Fed<'m, B: PeerBook> {
    pub(super) market: &'m Market,
    pub(super) book: B,
    updates: Vec<B::Update>,
}

impl<'m, B: PeerBook> Fed<'m, B> {
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

    /// Makes the book what it is before this message, the first of a slice.
    pub(super) fn rewind(&mut self, step: usize) -> anyhow::Result<()> {
        self.book.clear()?;
        fill(&mut self.book, self.market.before(step)?)
    }

    /// Applies messages in their order, and hands the book to `read` after each.
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

fn fill<B: PeerBook>(book: &mut B, levels: &[WalkStep]) -> anyhow::Result<()> {
    for level in levels {
        book.apply(&B::update(level))?;
    }
    Ok(())
}

/// The bytes that a book has allocated with the levels that a market begins with, and at its end.
pub(super) fn memory<B: PeerBook>(market: &Market) -> anyhow::Result<(B, [i64; 2])> {
    // What is shared by all books, such as a table of names, is there already.
    fill(&mut B::empty(market.ticks), market.before(0)?)?;
    let before = allocated_bytes();
    let mut book = B::empty(market.ticks);
    fill(&mut book, market.before(0)?)?;
    let first = allocated_bytes() - before;
    for step in &market.steps {
        // What the message itself takes is given back before the bytes are counted.
        book.apply(&B::update(step))?;
    }
    let last = allocated_bytes() - before;
    Ok((book, [first, last]))
}
