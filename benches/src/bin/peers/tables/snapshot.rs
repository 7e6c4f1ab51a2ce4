//! Applies a snapshot's levels to a book that returns the changes.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::ops::Range;

use ticklot_benches::{Flow, SEED, snapshots, without_a_common_price};
use ticklot_book::{Book, Change, Level, Lots, Nanos, Scale, Side, Ticks};
use ticklot_sim::market;

use crate::measure::{Case, Clock, Contender};
use crate::plan::{OnRows, Plan, SLICES};

pub(crate) fn run(plan: &Plan, on_rows: &mut OnRows<'_>) -> anyhow::Result<()> {
    for levels in [20, 100] {
        let includes = |flow: &str| plan.includes(&format!("{levels}-{flow}"));
        if !["unchanged", "few", "all"].into_iter().any(includes) {
            continue;
        }
        let count = plan.pool_bytes / (2 * levels * size_of::<Level>());
        let few = snapshots(levels, Flow::Calm, SEED, count);
        let unchanged = vec![few[0].clone(); count];
        let all = without_a_common_price(&few);
        for (flow, views) in [("unchanged", unchanged), ("few", few), ("all", all)] {
            if includes(flow) {
                let name = format!("{levels}-{flow}");
                on_rows(case(name, levels, &Views::new(&views)).measure(plan.rounds)?)?;
            }
        }
    }
    Ok(())
}

/// Snapshots with adjacent levels in memory, so that reading them is a small part of the work.
struct Views {
    levels: Vec<Level>,
    /// For each snapshot, the start of its bids, the start of its asks, and the end of its asks.
    bounds: Vec<[usize; 3]>,
}

impl Views {
    fn new(views: &[market::View]) -> Self {
        let (mut levels, mut bounds) = (Vec::new(), Vec::new());
        for view in views {
            let bids = levels.len();
            levels.extend_from_slice(&view.bids);
            let asks = levels.len();
            levels.extend_from_slice(&view.asks);
            bounds.push([bids, asks, levels.len()]);
        }
        Self { levels, bounds }
    }

    fn get(&self, frame: usize) -> View<'_> {
        let [bids, asks, end] = self.bounds[frame];
        View {
            bids: &self.levels[bids..asks],
            asks: &self.levels[asks..end],
        }
    }
}

/// One snapshot, each side best first.
#[derive(Clone, Copy)]
struct View<'p> {
    bids: &'p [Level],
    asks: &'p [Level],
}

fn case(name: String, levels: usize, views: &Views) -> Case<'_> {
    Case {
        table: "snapshot",
        name,
        frames: views.bounds.len(),
        messages_per_frame: 1,
        bytes: (2 * levels * size_of::<Level>()) as u64,
        slices: SLICES,
        clock: Clock::Thread,
        contenders: vec![
            (
                "ticklot",
                Box::new(Applying::new(views, TicklotBook::new())),
            ),
            (
                "btreemap-rebuild",
                Box::new(Applying::new(views, RebuiltMaps::default())),
            ),
            (
                "btreemap-update",
                Box::new(Applying::new(views, UpdatedMaps::default())),
            ),
        ],
    }
}

/// A book that a snapshot replaces, and that returns the changes: bids first, each side best first.
trait Snapshots {
    fn replace(&mut self, view: View<'_>) -> anyhow::Result<&[Change]>;

    fn best(&self) -> (Option<Ticks>, Option<Ticks>);
}

struct Applying<'p, B> {
    views: &'p Views,
    book: B,
}

impl<'p, B: Snapshots> Applying<'p, B> {
    fn new(views: &'p Views, book: B) -> Self {
        Self { views, book }
    }
}

impl<B: Snapshots> Contender for Applying<'_, B> {
    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        for frame in frames {
            black_box(self.book.replace(black_box(self.views.get(frame)))?);
            black_box(self.book.best());
        }
        Ok(())
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<String> {
        let changes = format!("{:?}", self.book.replace(self.views.get(frame))?);
        Ok(format!("{changes} {:?}", self.book.best()))
    }
}

/// Our book computes its changes lazily. Here all of them are collected into a list, as by the maps.
struct TicklotBook {
    book: Book,
    changes: Vec<Change>,
}

impl TicklotBook {
    fn new() -> Self {
        Self {
            book: Book::new(Scale::UNIT),
            changes: Vec::new(),
        }
    }
}

impl Snapshots for TicklotBook {
    fn replace(&mut self, view: View<'_>) -> anyhow::Result<&[Change]> {
        let found = self.book.apply_snapshot(view.bids, view.asks, Nanos(1))?;
        self.changes.clear();
        self.changes.extend(found);
        Ok(&self.changes)
    }

    fn best(&self) -> (Option<Ticks>, Option<Ticks>) {
        let book = self.book.live();
        let bid = book.and_then(Book::best_bid).map(|level| level.ticks);
        let ask = book.and_then(Book::best_ask).map(|level| level.ticks);
        (bid, ask)
    }
}

/// The lots and orders at a price.
type Quantity = (Lots, u32);

/// The key of a price in the map of its side. Bids have the negative price, so that the best price is the first.
fn key(side: Side, ticks: Ticks) -> i64 {
    match side {
        Side::Bid => -ticks.0,
        Side::Ask => ticks.0,
    }
}

fn change(side: Side, key: i64, old: Option<Quantity>, new: Option<Quantity>) -> Change {
    let nothing = (Lots(0), 0);
    let (old, new) = (old.unwrap_or(nothing), new.unwrap_or(nothing));
    Change {
        side,
        ticks: Ticks(self::key(side, Ticks(key))),
        old_lots: old.0,
        new_lots: new.0,
        count: new.1,
    }
}

/// New maps from each snapshot, built in bulk because the levels are sorted. A merge of the old and the new maps finds
/// the changes.
#[derive(Default)]
struct RebuiltMaps {
    bids: BTreeMap<i64, Quantity>,
    asks: BTreeMap<i64, Quantity>,
    changes: Vec<Change>,
}

impl Snapshots for RebuiltMaps {
    fn replace(&mut self, view: View<'_>) -> anyhow::Result<&[Change]> {
        let Self {
            bids,
            asks,
            changes,
        } = self;
        changes.clear();
        rebuild(Side::Bid, bids, view.bids, changes);
        rebuild(Side::Ask, asks, view.asks, changes);
        Ok(changes)
    }

    fn best(&self) -> (Option<Ticks>, Option<Ticks>) {
        best(&self.bids, &self.asks)
    }
}

fn best<V>(bids: &BTreeMap<i64, V>, asks: &BTreeMap<i64, V>) -> (Option<Ticks>, Option<Ticks>) {
    let bid = bids.first_key_value().map(|(key, _)| Ticks(-key));
    let ask = asks.first_key_value().map(|(key, _)| Ticks(*key));
    (bid, ask)
}

fn rebuild(
    side: Side,
    map: &mut BTreeMap<i64, Quantity>,
    levels: &[Level],
    changes: &mut Vec<Change>,
) {
    let entries = levels.iter();
    let entries = entries.map(|level| (key(side, level.ticks), (level.lots, level.count)));
    let old = std::mem::replace(map, entries.collect());
    let (mut old, mut new) = (old.iter().peekable(), map.iter().peekable());
    loop {
        match (old.peek(), new.peek()) {
            (Some(&(was, before)), Some(&(is, after))) if was == is => {
                if before != after {
                    changes.push(change(side, *is, Some(*before), Some(*after)));
                }
                old.next();
                new.next();
            }
            (Some(&(was, before)), after) if after.is_none_or(|(is, _)| was < is) => {
                changes.push(change(side, *was, Some(*before), None));
                old.next();
            }
            (_, Some(&(is, after))) => {
                changes.push(change(side, *is, None, Some(*after)));
                new.next();
            }
            (_, None) => break,
        }
    }
}

/// Maps that are updated: changed levels are written, and levels of earlier snapshots are removed.
#[derive(Default)]
struct UpdatedMaps {
    bids: BTreeMap<i64, (Quantity, u64)>,
    asks: BTreeMap<i64, (Quantity, u64)>,
    changes: Vec<Change>,
    snapshot: u64,
}

impl Snapshots for UpdatedMaps {
    fn replace(&mut self, view: View<'_>) -> anyhow::Result<&[Change]> {
        let Self {
            bids,
            asks,
            changes,
            snapshot,
        } = self;
        changes.clear();
        *snapshot += 1;
        update(Side::Bid, bids, view.bids, *snapshot, changes);
        update(Side::Ask, asks, view.asks, *snapshot, changes);
        Ok(changes)
    }

    fn best(&self) -> (Option<Ticks>, Option<Ticks>) {
        best(&self.bids, &self.asks)
    }
}

fn update(
    side: Side,
    map: &mut BTreeMap<i64, (Quantity, u64)>,
    levels: &[Level],
    snapshot: u64,
    changes: &mut Vec<Change>,
) {
    let start = changes.len();
    for level in levels {
        let (key, new) = (key(side, level.ticks), (level.lots, level.count));
        match map.insert(key, (new, snapshot)) {
            Some((old, _)) if old == new => {}
            old => changes.push(change(side, key, old.map(|(old, _)| old), Some(new))),
        }
    }
    if map.len() > levels.len() {
        map.retain(|&key, &mut (old, seen)| {
            if seen != snapshot {
                changes.push(change(side, key, Some(old), None));
            }
            seen == snapshot
        });
        changes[start..].sort_unstable_by_key(|change| key(side, change.ticks));
    }
}
