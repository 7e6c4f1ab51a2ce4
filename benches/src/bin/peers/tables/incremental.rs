//! Sets single levels of deep books, and reads the best bid and ask.

use std::fmt::Write;
use std::hint::black_box;
use std::ops::Range;

use ticklot_benches::WalkStep;
use ticklot_book::Side;

use super::books::{
    FlatBook, HashMap, LadderBook, LevelBook, Maps, Market, Replay, RoiVector, memory,
};
use crate::measure::{Case, Clock, Contender, Named};
use crate::plan::{OnRows, Plan, SLICES};

/// The bytes of a pool for each step of the walk: 300,000 steps with a full pool.
const BYTES_A_STEP: usize = 20;
/// The interval of messages at which whole books are compared.
const WHOLE: usize = 5_000;

pub(crate) fn run(plan: &Plan, on_rows: &mut OnRows<'_>) -> anyhow::Result<()> {
    let walks = [("walk-1100", false), ("walk-1100-quantities", true)];
    if walks.iter().any(|(name, _)| plan.includes(name)) {
        let market = Market::walk("walk-1100", plan.pool_bytes / BYTES_A_STEP)?;
        market.print();
        print_memory(&market)?;
        for (name, quantities) in walks {
            if plan.includes(name) {
                on_rows(case(name, &market, quantities).measure(plan.rounds)?)?;
            }
        }
    }
    if plan.includes("usdm-btcusdt")
        && let Some(market) = Market::recorded("usdm-btcusdt")?
    {
        market.print();
        print_memory(&market)?;
        on_rows(case("usdm-btcusdt", &market, false).measure(plan.rounds)?)?;
    }
    Ok(())
}

fn case<'m>(name: &str, market: &'m Market, quantities: bool) -> Case<'m> {
    Case {
        table: "incremental",
        name: name.to_owned(),
        frames: market.steps.len(),
        messages_per_frame: 1,
        bytes: size_of::<WalkStep>() as u64,
        slices: SLICES,
        clock: Clock::Thread,
        contenders: vec![
            named::<LadderBook>("ticklot-ladder", market, quantities),
            named::<FlatBook>("ticklot-flat", market, quantities),
            named::<Maps>("btreemaps", market, quantities),
            named::<RoiVector>("hftbacktest-roivector", market, quantities),
            named::<HashMap>("hftbacktest-hashmap", market, quantities),
        ],
    }
}

fn named<'m, B: LevelBook + 'm>(
    name: &'static str,
    market: &'m Market,
    quantities: bool,
) -> Named<'m> {
    let replay = Replay::<B>::new(market);
    let contender: Box<dyn Contender + 'm> = if quantities {
        Box::new(Updating::<B, true>(replay))
    } else {
        Box::new(Updating::<B, false>(replay))
    };
    (name, contender)
}

/// Sets level by level, and reads the best prices after each; with `QUANTITIES`, their quantities too.
struct Updating<'m, B: LevelBook, const QUANTITIES: bool>(Replay<'m, B>);

impl<B: LevelBook, const QUANTITIES: bool> Contender for Updating<'_, B, QUANTITIES> {
    fn prepare(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        self.0.rewind(frames.start)
    }

    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        self.0.each(frames, |book| {
            if QUANTITIES {
                black_box(book.best_levels());
            } else {
                black_box(book.best_prices());
            }
        })
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<String> {
        let replay = &mut self.0;
        if frame == 0 {
            replay.rewind(0)?;
        }
        replay.apply(frame)?;
        let mut result = String::new();
        // Within a venue's message a book may be crossed, which the books handle differently.
        if replay.market.ends[frame] {
            write!(result, "{:?}", replay.book.best())?;
        }
        if frame.is_multiple_of(WHOLE) || frame + 1 == replay.market.steps.len() {
            let levels = [Side::Bid, Side::Ask].map(|side| replay.book.levels(side));
            write!(result, "{levels:?}")?;
        }
        Ok(result)
    }
}

/// Prints the bytes that the books have allocated with the first levels and at the end.
fn print_memory(market: &Market) -> anyhow::Result<()> {
    println!("  {:<22}{:>14}{:>14}", "", "bytes a book", "at the end");
    let (ladder, bytes) = memory::<LadderBook>(market)?;
    print_bytes("ticklot-ladder", bytes);
    let (flat, bytes) = memory::<FlatBook>(market)?;
    print_bytes("ticklot-flat", bytes);
    print_bytes("btreemaps", memory::<Maps>(market)?.1);
    print_bytes("hftbacktest-roivector", memory::<RoiVector>(market)?.1);
    print_bytes("hftbacktest-hashmap", memory::<HashMap>(market)?.1);
    println!(
        "  Book::memory() at the end, the book itself included: ladder {}, flat {}",
        ladder.0.memory(),
        flat.0.memory()
    );
    Ok(())
}

fn print_bytes(name: &str, [first, last]: [i64; 2]) {
    println!("  {name:<22}{first:>14}{last:>14}");
}
