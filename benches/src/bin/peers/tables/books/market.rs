//! What the books are fed: a walk, or a recorded feed.

use std::collections::BTreeMap;

use anyhow::Context;
use ticklot_benches::{SEED, WalkStep, walk};
use ticklot_book::{Level, Lots, Scale, Side, Ticks};
use ticklot_tests::raw::{self, Binance, Sides};

use super::{LOT_DECIMALS, PRICE_DECIMALS};
use crate::measure::cut;
use crate::tables::SLICES;

/// Levels set one by one, and the book before each slice of them.
pub(in crate::tables) struct Market {
    pub(in crate::tables) name: &'static str,
    pub(in crate::tables) steps: Vec<WalkStep>,
    /// Whether a message of the venue ends here: within one a book may be crossed for a moment.
    pub(in crate::tables) ends: Vec<bool>,
    /// The lowest price and the highest.
    pub(in crate::tables) ticks: (i64, i64),
    /// The levels before the first step of each slice, each side best first.
    before: BTreeMap<usize, Vec<WalkStep>>,
}

impl Market {
    /// The walk of [`walk`], that leaves any window of the size of the book.
    pub(in crate::tables) fn walk(name: &'static str, steps: usize) -> Self {
        let (first, steps) = walk(SEED, steps);
        let ends = vec![true; steps.len()];
        Self::new(name, &first, steps, ends)
    }

    /// The recorded diffs of a Binance futures book, after its snapshot; none, in a visible line, without the file.
    pub(in crate::tables) fn recorded(name: &'static str) -> anyhow::Result<Option<Self>> {
        let Some(path) = raw::path("usdm_btcusdt_20240808.gz", name) else {
            return Ok(None);
        };
        let scale = Scale::new(PRICE_DECIMALS, LOT_DECIMALS)?;
        let messages = raw::binance(&path, scale);
        let snapshot = messages.iter().find_map(|message| match message {
            Binance::Snapshot(id, sides) => Some((*id, sides)),
            _ => None,
        });
        let (id, first) = snapshot.context("no snapshot")?;
        let (mut steps, mut ends) = (Vec::new(), Vec::new());
        for message in &messages {
            match message {
                // Those before it the snapshot has in it.
                Binance::Diff(ids, sides) if ids.last >= id => {
                    steps.extend(steps_of(sides));
                    ends.resize(steps.len(), false);
                    if let Some(end) = ends.last_mut() {
                        *end = true;
                    }
                }
                _ => {}
            }
        }
        let first: Vec<WalkStep> = steps_of(first).collect();
        Ok(Some(Self::new(name, &first, steps, ends)))
    }

    fn new(name: &'static str, first: &[WalkStep], steps: Vec<WalkStep>, ends: Vec<bool>) -> Self {
        let (mut sides, mut before) = ([BTreeMap::new(), BTreeMap::new()], BTreeMap::new());
        for step in first {
            set(&mut sides, step);
        }
        for slice in 0..SLICES {
            let range = cut(steps.len(), SLICES, slice);
            before.insert(range.start, levels(&sides));
            for step in &steps[range] {
                set(&mut sides, step);
            }
        }
        let all = || first.iter().chain(&steps).map(|step| step.level.ticks.0);
        let ticks = (all().min().unwrap_or(0), all().max().unwrap_or(0));
        Self {
            name,
            steps,
            ends,
            ticks,
            before,
        }
    }

    /// The levels before a step that a slice begins with.
    pub(in crate::tables) fn before(&self, step: usize) -> anyhow::Result<&[WalkStep]> {
        let levels = self.before.get(&step);
        levels.map(Vec::as_slice).context("no slice begins here")
    }

    /// Says what it is.
    pub(in crate::tables) fn print(&self) {
        let first = self.before.get(&0).map_or(&[][..], Vec::as_slice);
        let bids = first.iter().filter(|step| step.side == Side::Bid).count();
        println!(
            "\n{}: {} bids and {} asks, {} levels set, prices from {} to {} ticks",
            self.name,
            bids,
            first.len() - bids,
            self.steps.len(),
            self.ticks.0,
            self.ticks.1
        );
    }
}

fn steps_of(sides: &Sides) -> impl Iterator<Item = WalkStep> + '_ {
    let bids = sides.bids.iter().map(|&level| (Side::Bid, level));
    let asks = sides.asks.iter().map(|&level| (Side::Ask, level));
    bids.chain(asks)
        .map(|(side, level)| WalkStep { side, level })
}

fn set(sides: &mut [BTreeMap<i64, i64>; 2], step: &WalkStep) {
    let side = &mut sides[step.side as usize];
    if step.level.lots == Lots(0) {
        side.remove(&step.level.ticks.0);
    } else {
        side.insert(step.level.ticks.0, step.level.lots.0);
    }
}

fn levels([bids, asks]: &[BTreeMap<i64, i64>; 2]) -> Vec<WalkStep> {
    let step = |side| {
        move |(&ticks, &lots): (&i64, &i64)| WalkStep {
            side,
            level: Level::new(Ticks(ticks), Lots(lots)),
        }
    };
    let bids = bids.iter().rev().map(step(Side::Bid));
    bids.chain(asks.iter().map(step(Side::Ask))).collect()
}
