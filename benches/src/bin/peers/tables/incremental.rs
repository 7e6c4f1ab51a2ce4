//! A level set, and the best bid and ask read: single levels of deep books.

use std::hint::black_box;
use std::ops::Range;

use ticklot_benches::WalkStep;
use ticklot_book::Side;

use super::books::{
    Barter, Fed, FlatBook, HashMap, LadderBook, Maps, Market, Nautilus, PeerBook, Rest, RoiVector,
    memory,
};
use super::{Plan, SLICES, Show};
use crate::field::{Field, Fields};
use crate::measure::{Case, Clock, Contender, Named};

/// Bytes that a pool has for each level of the walk: 300,000 of them with a full pool.
const BYTES_A_STEP: usize = 20;
/// Every so many messages the whole book is compared.
const WHOLE: usize = 5_000;

pub(crate) fn run(plan: &Plan, show: &mut Show<'_>) -> anyhow::Result<()> {
    let walks = [("walk-1100", false), ("walk-1100-quantities", true)];
    if walks.iter().any(|(name, _)| plan.wants(name)) {
        let market = Market::walk("walk-1100", plan.pool_bytes / BYTES_A_STEP);
        market.print();
        print_memory(&market)?;
        for (name, quantities) in walks {
            if plan.wants(name) {
                show(case(name, &market, quantities).measure(plan.rounds)?)?;
            }
        }
    }
    if plan.wants("usdm-btcusdt")
        && let Some(market) = Market::recorded("usdm-btcusdt")?
    {
        market.print();
        print_memory(&market)?;
        show(case("usdm-btcusdt", &market, false).measure(plan.rounds)?)?;
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
            named::<Nautilus>("nautilus", market, quantities),
            named::<Barter>("barter", market, quantities),
        ],
    }
}

fn named<'m, B: PeerBook + 'm>(
    name: &'static str,
    market: &'m Market,
    quantities: bool,
) -> Named<'m> {
    let fed = Fed::<B>::new(market);
    let contender: Box<dyn Contender + 'm> = if quantities {
        Box::new(Updating::<B, true>(fed))
    } else {
        Box::new(Updating::<B, false>(fed))
    };
    (name, contender)
}

/// Sets level by level, and reads the best prices after each; with `QUANTITIES`, what rests there too.
struct Updating<'m, B: PeerBook, const QUANTITIES: bool>(Fed<'m, B>);

impl<B: PeerBook, const QUANTITIES: bool> Contender for Updating<'_, B, QUANTITIES> {
    fn prepare(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        self.0.rewind(frames.start)
    }

    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        self.0.each(frames, |book| {
            if QUANTITIES {
                black_box(book.quotes());
            } else {
                black_box(book.prices());
            }
        })
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<Fields> {
        let fed = &mut self.0;
        if frame == 0 {
            fed.rewind(0)?;
        }
        fed.apply(frame)?;
        let mut fields = Fields::new();
        // In the middle of a venue's message a book may be crossed, and each has its own mind about that.
        if fed.market.ends[frame] {
            let [bid, ask] = fed.book.best();
            fields.extend([bid, ask].map(|rest| rest.map(|rest| rest.0).into()));
            fields.extend([bid, ask].map(|rest| rest.map(|rest| rest.1).into()));
        }
        if frame.is_multiple_of(WHOLE) || frame + 1 == fed.market.steps.len() {
            for side in [Side::Bid, Side::Ask] {
                add_side(&mut fields, &fed.book.levels(side));
            }
        }
        Ok(fields)
    }
}

pub(super) fn add_side(fields: &mut Fields, levels: &[Rest]) {
    fields.push(Field::from("side"));
    for &(ticks, lots) in levels {
        fields.extend([ticks.into(), lots.into()]);
    }
}

/// What the books hold: the bytes that they have allocated, with the levels of the beginning and at the end.
fn print_memory(market: &Market) -> anyhow::Result<()> {
    println!("  {:<22}{:>14}{:>14}", "", "bytes a book", "at the end");
    let (ladder, bytes) = memory::<LadderBook>(market)?;
    print_bytes("ticklot-ladder", bytes);
    let (flat, bytes) = memory::<FlatBook>(market)?;
    print_bytes("ticklot-flat", bytes);
    print_bytes("btreemaps", memory::<Maps>(market)?.1);
    print_bytes("hftbacktest-roivector", memory::<RoiVector>(market)?.1);
    print_bytes("hftbacktest-hashmap", memory::<HashMap>(market)?.1);
    print_bytes("nautilus", memory::<Nautilus>(market)?.1);
    print_bytes("barter", memory::<Barter>(market)?.1);
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
