use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use ticklot_book::{
    Book, BookErrorKind, BookState, BookView, Change, Coverage, Epoch, Flat, Gap, Ladder, Level,
    Lots, Nanos, Scale, Side, Storage, Ticks,
};

use crate::views;

/// `data` is what happens to one book, in order, after what its feed covers. It happens to a book of
/// each storage.
pub fn book(data: &[u8]) {
    let Ok((covers, steps)) = <(Covers, Vec<Step>)>::arbitrary_take_rest(Unstructured::new(data))
    else {
        return;
    };
    run::<Flat>(covers.get(), &steps);
    run::<Ladder<1>>(covers.get(), &steps);
    run::<Ladder<2>>(covers.get(), &steps);
}

fn run<S: Storage>(coverage: Coverage, steps: &[Step]) {
    let mut book = Book::<S>::with_storage(Scale::UNIT).with_coverage(coverage);
    let mut model = Model::new(coverage);
    check(&book, &model);
    for step in steps {
        apply(step, &mut book, &mut model);
        check(&book, &model);
    }
}

/// A [`Coverage`].
#[derive(Debug, Arbitrary)]
enum Covers {
    Shown,
    Whole,
    Top(u8),
    Snapshot(u8),
}

impl Covers {
    fn get(&self) -> Coverage {
        match self {
            Self::Shown => Coverage::SnapshotDepth,
            Self::Whole => Coverage::Whole,
            Self::Top(levels) => Coverage::Top((*levels).into()),
            Self::Snapshot(levels) => Coverage::SnapshotLimit((*levels).into()),
        }
    }
}

#[derive(Debug, Arbitrary)]
enum Step {
    Replace {
        bids: Input,
        asks: Input,
        now: Time,
    },
    Apply {
        bids: Vec<AnyLevel>,
        asks: Vec<AnyLevel>,
        now: Time,
    },
    Set {
        ask: bool,
        level: AnyLevel,
        now: Time,
    },
    /// Many levels far apart, one message each: windows move.
    March {
        ask: bool,
        first: Number,
        step: i16,
        levels: u8,
        lots: u8,
    },
    Views {
        levels: u8,
        ticks: Number,
        lots: Number,
        own: Vec<AnyLevel>,
    },
    Begin(u8),
    Disconnect,
    Expire {
        now: Time,
        limit: Time,
    },
    Gap {
        expected: u8,
        got: u8,
        checksum: bool,
    },
}

/// A side of a snapshot.
#[derive(Debug, Arbitrary)]
enum Input {
    /// Any levels, in any order.
    Any(Vec<AnyLevel>),
    /// Many levels, a step apart.
    Ladder {
        first: Number,
        step: i8,
        levels: u8,
        lots: Number,
    },
    /// What the book has, with one level another one.
    Same { place: u8, level: AnyLevel },
}

#[derive(Debug, Arbitrary)]
struct AnyLevel {
    ticks: Number,
    lots: Number,
    count: u8,
}

/// A small number, that prices may meet; or one at an end of the range.
#[derive(Debug, Arbitrary, Clone, Copy)]
struct Number(i8);

impl Number {
    fn get(self) -> i64 {
        match self.0 {
            i8::MIN => i64::MIN,
            i8::MAX => i64::MAX,
            small => small.into(),
        }
    }
}

/// An early moment, or the last one there is.
#[derive(Debug, Arbitrary, Clone, Copy)]
struct Time(u8);

impl Time {
    fn get(self) -> u64 {
        match self.0 {
            u8::MAX => u64::MAX,
            early => early.into(),
        }
    }
}

impl AnyLevel {
    fn get(&self) -> Level {
        Level {
            ticks: Ticks(self.ticks.get()),
            lots: Lots(self.lots.get()),
            count: self.count.into(),
        }
    }
}

impl Input {
    fn levels(&self, now: &[Level]) -> Vec<Level> {
        match self {
            Self::Any(levels) => levels.iter().map(AnyLevel::get).collect(),
            Self::Ladder {
                first,
                step,
                levels,
                lots,
            } => (0..i64::from(*levels))
                .map(|place| {
                    let ticks = first.get().saturating_add(place * i64::from(*step));
                    Level::new(Ticks(ticks), Lots(lots.get()))
                })
                .collect(),
            Self::Same { place, level } => {
                let mut levels = now.to_vec();
                if let Some(at) = levels.get_mut(usize::from(*place)) {
                    *at = level.get();
                }
                levels
            }
        }
    }
}

/// Lots and orders by price.
type Map = BTreeMap<i64, (i64, u32)>;

/// What a book should be.
struct Model {
    bids: Map,
    asks: Map,
    changes: Vec<Change>,
    coverage: Coverage,
    /// The worst prices that are kept, bids and asks.
    bounds: (i64, i64),
    known: bool,
    state: BookState,
    epoch: u32,
    updated: u64,
    updates: u64,
}

impl Model {
    fn new(coverage: Coverage) -> Self {
        Self {
            coverage,
            bounds: (i64::MIN, i64::MAX),
            known: false,
            bids: Map::new(),
            asks: Map::new(),
            changes: Vec::new(),
            state: BookState::Empty,
            epoch: 0,
            updated: 0,
            updates: 0,
        }
    }

    fn disconnect(&mut self) {
        if self.state != BookState::Empty {
            self.state = BookState::Disconnected;
        }
    }

    fn replace(&mut self, mut bids: Map, mut asks: Map, now: u64) {
        self.known = true;
        self.bounds = (i64::MIN, i64::MAX);
        if let Coverage::Top(most) = self.coverage {
            cut(&mut bids, &mut asks, most);
        }
        if let Coverage::SnapshotLimit(most) = self.coverage {
            if bids.len() >= most {
                self.bounds.0 = bids.keys().next().map_or(i64::MIN, |worst| *worst);
            }
            if asks.len() >= most {
                self.bounds.1 = asks.keys().next_back().map_or(i64::MAX, |worst| *worst);
            }
        }
        self.changes = changes(Side::Bid, &self.bids, &bids);
        self.changes.extend(changes(Side::Ask, &self.asks, &asks));
        self.bids = bids;
        self.asks = asks;
        self.settle(now);
    }

    fn settle(&mut self, now: u64) {
        let best = (self.bids.keys().next_back(), self.asks.keys().next());
        self.state = match best {
            (Some(bid), Some(ask)) if bid > ask => BookState::Crossed,
            _ => BookState::Live,
        };
        self.updated = now;
        self.updates += 1;
    }

    /// Why a delta cannot be applied, if it cannot; the state that it leaves then.
    fn refuses(&mut self, levels: &[Level]) -> Option<BookErrorKind> {
        if !matches!(
            self.state,
            BookState::Live | BookState::Crossed | BookState::Stale
        ) {
            if self.state == BookState::Empty {
                self.state = BookState::Gap(Gap::NoSnapshot);
            }
            return Some(BookErrorKind::NoSnapshot);
        }
        if levels.iter().any(|level| level.lots < Lots(0)) {
            self.state = BookState::Gap(Gap::Refused);
            return Some(BookErrorKind::NegativeLots);
        }
        None
    }

    /// One level of a delta. What was there, or the lots themselves beyond what is covered.
    fn set(&mut self, side: Side, level: Level) -> Lots {
        let (map, beyond) = match side {
            Side::Bid => (&mut self.bids, level.ticks.0 < self.bounds.0),
            Side::Ask => (&mut self.asks, level.ticks.0 > self.bounds.1),
        };
        if beyond {
            return level.lots;
        }
        let old = if level.lots == Lots(0) {
            map.remove(&level.ticks.0)
        } else {
            map.insert(level.ticks.0, (level.lots.0, level.count))
        };
        Lots(old.map_or(0, |level| level.0))
    }

    fn cut(&mut self) {
        if let Coverage::Top(most) = self.coverage {
            cut(&mut self.bids, &mut self.asks, most);
        }
    }

    fn covers(&self, side: Side) -> Option<Ticks> {
        let levels = self.side(side);
        let worst = levels.last().map(|level| level.ticks);
        match self.coverage {
            Coverage::SnapshotDepth => worst,
            _ if !self.known => None,
            Coverage::Top(most) if levels.len() >= most => worst,
            _ if side == Side::Bid => Some(Ticks(self.bounds.0)),
            _ => Some(Ticks(self.bounds.1)),
        }
    }

    fn side(&self, side: Side) -> Vec<Level> {
        let map = match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        };
        let level = |(&ticks, &(lots, count)): (&i64, &(i64, u32))| Level {
            ticks: Ticks(ticks),
            lots: Lots(lots),
            count,
        };
        match side {
            Side::Bid => map.iter().rev().map(level).collect(),
            Side::Ask => map.iter().map(level).collect(),
        }
    }
}

/// The best `most` levels of each side are kept.
fn cut(bids: &mut Map, asks: &mut Map, most: usize) {
    while bids.len() > most {
        bids.pop_first();
    }
    while asks.len() > most {
        asks.pop_last();
    }
}

/// Every price where the two differ, best first.
fn changes(side: Side, old: &Map, new: &Map) -> Vec<Change> {
    let prices: BTreeSet<i64> = old.keys().chain(new.keys()).copied().collect();
    let mut changes: Vec<Change> = prices
        .into_iter()
        .filter(|ticks| old.get(ticks) != new.get(ticks))
        .map(|ticks| {
            let (was, is) = (old.get(&ticks), new.get(&ticks));
            Change {
                side,
                ticks: Ticks(ticks),
                old_lots: Lots(was.map_or(0, |level| level.0)),
                new_lots: Lots(is.map_or(0, |level| level.0)),
                count: is.map_or(0, |level| level.1),
            }
        })
        .collect();
    if side == Side::Bid {
        changes.reverse();
    }
    changes
}

/// A side as a map; none when no book can hold it.
fn map_of(levels: &[Level]) -> Option<Map> {
    let prices: BTreeSet<i64> = levels.iter().map(|level| level.ticks.0).collect();
    if prices.len() < levels.len() || levels.iter().any(|level| level.lots.0 < 0) {
        return None;
    }
    let held = levels.iter().filter(|level| level.lots.0 > 0);
    Some(held.map(|l| (l.ticks.0, (l.lots.0, l.count))).collect())
}

fn apply<S: Storage>(step: &Step, book: &mut Book<S>, model: &mut Model) {
    match step {
        Step::Replace { bids, asks, now } => {
            let bids = bids.levels(&model.side(Side::Bid));
            let asks = asks.levels(&model.side(Side::Ask));
            replace(&bids, &asks, now.get(), book, model);
        }
        Step::Apply { bids, asks, now } => {
            let levels = |side: &[AnyLevel]| side.iter().map(AnyLevel::get).collect::<Vec<_>>();
            delta(&levels(bids), &levels(asks), now.get(), book, model);
        }
        Step::Set { ask, level, now } => set(side_of(*ask), level.get(), now.get(), book, model),
        Step::March {
            ask,
            first,
            step,
            levels,
            lots,
        } => {
            for place in 0..i64::from(*levels) {
                let ticks = first.get().saturating_add(place * i64::from(*step) * 64);
                let level = Level::new(Ticks(ticks), Lots((*lots).into()));
                set(side_of(*ask), level, 1, book, model);
            }
        }
        Step::Views {
            levels,
            ticks,
            lots,
            own,
        } => {
            let own: Vec<Level> = own.iter().map(AnyLevel::get).collect();
            let asked = views::Asked {
                levels: (*levels).into(),
                ticks: Ticks(ticks.get()),
                lots: Lots(lots.get()),
                own: &own,
            };
            let sides = [model.side(Side::Bid), model.side(Side::Ask)];
            let covers = [model.covers(Side::Bid), model.covers(Side::Ask)];
            views::check(book, &sides, covers, &asked);
        }
        Step::Begin(epoch) => {
            book.start_epoch(Epoch((*epoch).into()));
            model.epoch = (*epoch).into();
            model.updates = 0;
            model.changes.clear();
            model.disconnect();
        }
        Step::Disconnect => {
            book.disconnect();
            model.disconnect();
        }
        Step::Expire { now, limit } => {
            let (now, limit) = (now.get(), limit.get());
            let old = now.saturating_sub(model.updated) >= limit;
            let expired = old && matches!(model.state, BookState::Live | BookState::Crossed);
            assert_eq!(
                book.expire(Nanos(now), Duration::from_nanos(limit)),
                expired
            );
            if expired {
                model.state = BookState::Stale;
            }
        }
        Step::Gap {
            expected,
            got,
            checksum,
        } => {
            let gap = if *checksum {
                Gap::Checksum {
                    expected: (*expected).into(),
                    got: (*got).into(),
                }
            } else {
                Gap::Sequence {
                    expected: (*expected).into(),
                    got: (*got).into(),
                }
            };
            book.mark_gap(gap);
            if !matches!(model.state, BookState::Empty | BookState::Disconnected) {
                model.state = BookState::Gap(gap);
            }
        }
    }
}

fn side_of(ask: bool) -> Side {
    if ask { Side::Ask } else { Side::Bid }
}

fn set<S: Storage>(side: Side, level: Level, now: u64, book: &mut Book<S>, model: &mut Model) {
    let result = book.set(side, level, Nanos(now));
    if let Some(kind) = model.refuses(&[level]) {
        assert_eq!(result, Err(kind));
        return;
    }
    assert_eq!(result, Ok(model.set(side, level)));
    model.cut();
    model.settle(now);
    // It has told what it changed.
    model.changes.clear();
}

/// A delta; its changes bring what was there to what is there.
fn delta<S: Storage>(
    bids: &[Level],
    asks: &[Level],
    now: u64,
    book: &mut Book<S>,
    model: &mut Model,
) {
    let mut mirror = [model.bids.clone(), model.asks.clone()];
    let result = book
        .apply_delta(bids, asks, Nanos(now))
        .map(|changes| changes.to_vec());
    model.changes.clear();
    if let Some(kind) = model.refuses(&[bids, asks].concat()) {
        assert_eq!(result.map_err(|error| error.kind), Err(kind));
        return;
    }
    for (side, levels) in [(Side::Bid, bids), (Side::Ask, asks)] {
        for level in levels {
            model.set(side, *level);
        }
    }
    model.cut();
    model.settle(now);
    model.changes = result.expect("nothing against it");
    for change in &model.changes {
        let map = &mut mirror[change.side as usize];
        let new = (change.new_lots.0, change.count);
        let old = if change.new_lots == Lots(0) {
            map.remove(&change.ticks.0)
        } else {
            map.insert(change.ticks.0, new)
        };
        assert_eq!(old.map_or(0, |level| level.0), change.old_lots.0);
        assert_ne!(old.unwrap_or_default(), new, "a change");
    }
    assert_eq!(mirror, [model.bids.clone(), model.asks.clone()]);
}

fn replace<S: Storage>(
    bids: &[Level],
    asks: &[Level],
    now: u64,
    book: &mut Book<S>,
    model: &mut Model,
) {
    let result = book
        .apply_snapshot(bids, asks, Nanos(now))
        .map(|changes| changes.to_vec());
    match (map_of(bids), map_of(asks)) {
        (Some(bids), Some(asks)) => {
            model.replace(bids, asks, now);
            assert_eq!(result.as_ref(), Ok(&model.changes));
        }
        (bids_held, _) => {
            model.changes.clear();
            let error = result.expect_err("no book can hold it");
            let (side, input) = if bids_held.is_none() {
                (Side::Bid, bids)
            } else {
                (Side::Ask, asks)
            };
            assert_eq!(error.side, side);
            assert_eq!(error.ticks, input[error.index].ticks);
            let before = &input[..error.index];
            match error.kind {
                BookErrorKind::DuplicatePrice => {
                    assert!(before.iter().any(|level| level.ticks == error.ticks));
                }
                BookErrorKind::NegativeLots => assert!(input[error.index].lots < Lots(0)),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn check<S: Storage>(book: &Book<S>, model: &Model) {
    let (bids, asks) = (model.side(Side::Bid), model.side(Side::Ask));
    assert_eq!(book.changes(), model.changes);
    assert_eq!(book.state(), model.state);
    assert_eq!(book.live().is_some(), model.state == BookState::Live);
    assert_eq!(book.epoch(), Epoch(model.epoch));
    assert_eq!(book.updated(), Nanos(model.updated));
    assert_eq!(book.updates(), model.updates);
    assert_eq!(
        (book.best_bid(), book.best_ask()),
        (bids.first().copied(), asks.first().copied())
    );
    for (side, levels) in [(Side::Bid, &bids), (Side::Ask, &asks)] {
        assert_eq!(&book.levels(side).collect::<Vec<_>>(), levels);
        assert_eq!(book.depth_levels(side), levels.len());
        assert_eq!(book.covers(side), model.covers(side));
        assert_eq!(BookView::best(book, side), levels.first().copied());
        assert_eq!(book.storage(side).worst(), levels.last().copied());
        for level in levels {
            assert_eq!(book.level(side, level.ticks), Some(*level));
        }
    }
    let best = bids.first().zip(asks.first());
    let spread = best.map(|(bid, ask)| i128::from(ask.ticks.0) - i128::from(bid.ticks.0));
    assert_eq!(book.is_crossed(), spread.is_some_and(|spread| spread < 0));
    assert_eq!(book.is_locked(), spread == Some(0));
    let nearest = spread.map(|s| s.clamp(i64::MIN.into(), i64::MAX.into()));
    assert_eq!(book.spread().map(|spread| i128::from(spread.0)), nearest);
    assert_eq!(book.crc32(), digest(&bids, &asks));
}

fn digest(bids: &[Level], asks: &[Level]) -> u32 {
    let side = |levels: &[Level]| {
        let levels = levels.iter().map(|l| format!("{}:{}", l.ticks.0, l.lots.0));
        levels.collect::<Vec<_>>().join(",")
    };
    crc32(format!("{}|{}", side(bids), side(asks)).as_bytes())
}

/// The IEEE CRC-32, a bit at a time.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
        }
    }
    !crc
}
