//! The input of the books: a walk, or a recorded feed.

use std::collections::BTreeMap;

use anyhow::Context;
use ticklot_benches::{SEED, WalkStep, walk};
use ticklot_book::{Level, Lots, Scale, Side, Ticks};
use ticklot_tests::delta_venue::{self, Message};
use ticklot_tests::raw_recordings::{self, Sides};

use super::{LevelBook, Maps};
use crate::measure::cut;
use crate::plan::SLICES;

/// The decimals of prices in every market here: a tick is 0.1.
const PRICE_DECIMALS: u8 = 1;
/// The decimals of quantities: a lot is 0.001.
const LOT_DECIMALS: u8 = 3;

/// Levels that are set one by one, and the book before each slice of them.
pub(in crate::tables) struct Market {
    pub(in crate::tables) name: &'static str,
    pub(in crate::tables) steps: Vec<WalkStep>,
    /// Whether each step is the last one of a venue's message. Within a message a book may be crossed.
    pub(in crate::tables) ends: Vec<bool>,
    /// The lowest and the highest price.
    pub(in crate::tables) ticks: (i64, i64),
    /// The levels before the first step of each slice, each side best first.
    before: BTreeMap<usize, Vec<WalkStep>>,
}

impl Market {
    /// The feed of [`walk`], which leaves any window of the size of the book.
    pub(in crate::tables) fn walk(name: &'static str, steps: usize) -> anyhow::Result<Self> {
        let (first, steps) = walk(SEED, steps);
        let ends = vec![true; steps.len()];
        Self::new(name, &first, steps, ends)
    }

    /// The recorded diffs of a Binance futures book after its snapshot. Without the file, prints a line and returns `None`.
    pub(in crate::tables) fn recorded(name: &'static str) -> anyhow::Result<Option<Self>> {
        let Some(path) = raw_recordings::path("usdm_btcusdt_20240808.gz", name) else {
            return Ok(None);
        };
        let scale = Scale::new(PRICE_DECIMALS, LOT_DECIMALS)?;
        let lines = raw_recordings::lines(&path);
        let messages: Vec<Message> = lines
            .filter_map(|line| delta_venue::read(line.split_once(' ')?.1, scale))
            .collect();
        let snapshot = messages.iter().find_map(|message| match message {
            Message::Snapshot(snapshot) => Some((snapshot.ids.last, &snapshot.sides)),
            _ => None,
        });
        let (id, first) = snapshot.context("no snapshot")?;
        let (mut steps, mut ends) = (Vec::new(), Vec::new());
        for message in &messages {
            match message {
                // The snapshot includes the earlier diffs.
                Message::Diff(update) if update.ids.last >= id => {
                    steps.extend(steps_of(&update.sides));
                    ends.resize(steps.len(), false);
                    if let Some(end) = ends.last_mut() {
                        *end = true;
                    }
                }
                _ => {}
            }
        }
        let first: Vec<WalkStep> = steps_of(first).collect();
        Self::new(name, &first, steps, ends).map(Some)
    }

    fn new(
        name: &'static str,
        first: &[WalkStep],
        steps: Vec<WalkStep>,
        ends: Vec<bool>,
    ) -> anyhow::Result<Self> {
        let (mut book, mut before) = (Maps::default(), BTreeMap::new());
        first.iter().try_for_each(|step| book.apply(step))?;
        for slice in 0..SLICES {
            let range = cut(steps.len(), SLICES, slice);
            before.insert(range.start, levels(&book));
            steps[range].iter().try_for_each(|step| book.apply(step))?;
        }
        let all = || first.iter().chain(&steps).map(|step| step.level.ticks.0);
        let ticks = (all().min().unwrap_or(0), all().max().unwrap_or(0));
        Ok(Self {
            name,
            steps,
            ends,
            ticks,
            before,
        })
    }

    /// The levels before the first step of a slice.
    pub(in crate::tables) fn before(&self, step: usize) -> anyhow::Result<&[WalkStep]> {
        let levels = self.before.get(&step);
        levels.map(Vec::as_slice).context("no slice begins here")
    }

    /// Prints its size.
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

/// The levels of both sides, best first.
fn levels(book: &Maps) -> Vec<WalkStep> {
    let steps = |side| {
        let levels = book.levels(side).into_iter();
        levels.map(move |(ticks, lots)| WalkStep {
            side,
            level: Level::new(Ticks(ticks), Lots(lots)),
        })
    };
    steps(Side::Bid).chain(steps(Side::Ask)).collect()
}
