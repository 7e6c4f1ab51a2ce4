//! Ten levels of both sides read, of books that a walk has left.

use std::hint::black_box;
use std::ops::Range;

use super::books::{
    Barter, Fed, FlatBook, LadderBook, Maps, Market, Nautilus, PeerBook, RoiVector, TEN, Vecs,
};
use super::incremental::add_side;
use super::{Plan, SLICES, Show};
use crate::field::Fields;
use crate::measure::{Case, Clock, Contender, Named, cut};

/// Reads of each of the books that the slices of the walk begin with.
const READS: usize = 5_000;
/// Bytes that a pool has for each level of the walk.
const BYTES_A_STEP: usize = 20;

pub(crate) fn run(plan: &Plan, show: &mut Show<'_>) -> anyhow::Result<()> {
    if !plan.wants("ten-levels") {
        return Ok(());
    }
    let market = Market::walk("ten-levels", plan.pool_bytes / BYTES_A_STEP);
    let case = Case {
        table: "depth",
        name: market.name.to_owned(),
        frames: SLICES * READS,
        messages_per_frame: 1,
        bytes: (2 * TEN * size_of::<(i64, i64)>()) as u64,
        slices: SLICES,
        clock: Clock::Thread,
        contenders: vec![
            named::<FlatBook>("ticklot-flat", &market),
            named::<LadderBook>("ticklot-ladder", &market),
            named::<Vecs>("sorted-vecs", &market),
            named::<Maps>("btreemaps", &market),
            named::<RoiVector>("hftbacktest-roivector", &market),
            named::<Nautilus>("nautilus", &market),
            named::<Barter>("barter", &market),
        ],
    };
    show(case.measure(plan.rounds)?)
}

fn named<'m, B: PeerBook + 'm>(name: &'static str, market: &'m Market) -> Named<'m> {
    (name, Box::new(Reading::<B>(Fed::new(market))))
}

struct Reading<'m, B: PeerBook>(Fed<'m, B>);

impl<B: PeerBook> Reading<'_, B> {
    /// The book of the slice that a frame is in.
    fn rewind(&mut self, frame: usize) -> anyhow::Result<()> {
        let steps = self.0.market.steps.len();
        self.0.rewind(cut(steps, SLICES, frame / READS).start)
    }
}

impl<B: PeerBook> Contender for Reading<'_, B> {
    fn prepare(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        self.rewind(frames.start)
    }

    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        for _ in frames {
            black_box(black_box(&self.0.book).ten());
        }
        Ok(())
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<Fields> {
        let mut fields = Fields::new();
        // All reads of a slice are of the same book.
        if frame.is_multiple_of(READS) {
            self.rewind(frame)?;
            for side in self.0.book.ten_told() {
                add_side(&mut fields, &side);
            }
        }
        Ok(fields)
    }
}
