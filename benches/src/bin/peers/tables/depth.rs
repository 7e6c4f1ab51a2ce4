//! Reads ten levels of both sides, of books at several steps of a walk.

use std::hint::black_box;
use std::ops::Range;

use super::books::{DEPTH, DepthBook, FlatBook, LadderBook, Maps, Market, Replay, RoiVector, Vecs};
use crate::measure::{Case, Clock, Contender, Named, cut};
use crate::plan::{OnRows, Plan, SLICES};

/// The reads of each book. There is a book at the start of each slice of the walk.
const READS: usize = 5_000;
/// The bytes of a pool for each step of the walk.
const BYTES_A_STEP: usize = 20;

pub(crate) fn run(plan: &Plan, on_rows: &mut OnRows<'_>) -> anyhow::Result<()> {
    if !plan.includes("ten-levels") {
        return Ok(());
    }
    let market = Market::walk("ten-levels", plan.pool_bytes / BYTES_A_STEP)?;
    let case = Case {
        table: "depth",
        name: market.name.to_owned(),
        frames: SLICES * READS,
        messages_per_frame: 1,
        bytes: (2 * DEPTH * size_of::<(i64, i64)>()) as u64,
        slices: SLICES,
        clock: Clock::Thread,
        contenders: vec![
            named::<FlatBook>("ticklot-flat", &market),
            named::<LadderBook>("ticklot-ladder", &market),
            named::<Vecs>("sorted-vecs", &market),
            named::<Maps>("btreemaps", &market),
            named::<RoiVector>("hftbacktest-roivector", &market),
        ],
    };
    on_rows(case.measure(plan.rounds)?)
}

fn named<'m, B: DepthBook + 'm>(name: &'static str, market: &'m Market) -> Named<'m> {
    (name, Box::new(Reading::<B>(Replay::new(market))))
}

struct Reading<'m, B: DepthBook>(Replay<'m, B>);

impl<B: DepthBook> Reading<'_, B> {
    /// Resets the book to that of the slice of a frame.
    fn rewind(&mut self, frame: usize) -> anyhow::Result<()> {
        let steps = self.0.market.steps.len();
        self.0.rewind(cut(steps, SLICES, frame / READS).start)
    }
}

impl<B: DepthBook> Contender for Reading<'_, B> {
    fn prepare(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        self.rewind(frames.start)
    }

    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        for _ in frames {
            black_box(black_box(&self.0.book).top());
        }
        Ok(())
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<String> {
        // All reads of a slice use the same book.
        if !frame.is_multiple_of(READS) {
            return Ok(String::new());
        }
        self.rewind(frame)?;
        Ok(format!("{:?}", B::quotes(self.0.book.top())))
    }
}
