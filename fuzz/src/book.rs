use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Arbitrary, Unstructured};
use ticklot_book::{
    Book, BookErrorKind, Change, Epoch, Gap, Level, Lots, Nanos, Scale, Side, State, Ticks,
};

/// `data` is what happens to one book, in order.
pub fn book(data: &[u8]) {
    let Ok(steps) = Vec::<Step>::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    let mut book = Book::new(Scale::UNIT);
    let mut model = Model::new();
    check(&book, &model);
    for step in &steps {
        apply(step, &mut book, &mut model);
        check(&book, &model);
    }
}

#[derive(Debug, Arbitrary)]
enum Step {
    Replace {
        bids: Input,
        asks: Input,
        now: Time,
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
    state: State,
    epoch: u32,
    updated: u64,
    updates: u64,
}

impl Model {
    fn new() -> Self {
        Self {
            bids: Map::new(),
            asks: Map::new(),
            changes: Vec::new(),
            state: State::Empty,
            epoch: 0,
            updated: 0,
            updates: 0,
        }
    }

    fn disconnect(&mut self) {
        if self.state != State::Empty {
            self.state = State::Disconnected;
        }
    }

    fn replace(&mut self, bids: Map, asks: Map, now: u64) {
        self.changes = changes(Side::Bid, &self.bids, &bids);
        self.changes.extend(changes(Side::Ask, &self.asks, &asks));
        let best = (bids.keys().next_back(), asks.keys().next());
        self.state = match best {
            (Some(bid), Some(ask)) if bid > ask => State::Crossed,
            _ => State::Live,
        };
        self.bids = bids;
        self.asks = asks;
        self.updated = now;
        self.updates += 1;
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

fn apply(step: &Step, book: &mut Book, model: &mut Model) {
    match step {
        Step::Replace { bids, asks, now } => {
            let bids = bids.levels(book.bids());
            let asks = asks.levels(book.asks());
            replace(&bids, &asks, now.get(), book, model);
        }
        Step::Begin(epoch) => {
            book.begin(Epoch((*epoch).into()));
            model.epoch = (*epoch).into();
            model.updates = 0;
            model.disconnect();
        }
        Step::Disconnect => {
            book.disconnect();
            model.disconnect();
        }
        Step::Expire { now, limit } => {
            let (now, limit) = (now.get(), limit.get());
            let old = now > model.updated && now - model.updated > limit;
            let expired = old && matches!(model.state, State::Live | State::Crossed);
            assert_eq!(book.expire(Nanos(now), Nanos(limit)), expired);
            if expired {
                model.state = State::Stale;
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
            if !matches!(model.state, State::Empty | State::Disconnected) {
                model.state = State::Gap(gap);
            }
        }
    }
}

fn replace(bids: &[Level], asks: &[Level], now: u64, book: &mut Book, model: &mut Model) {
    let result = book.replace(bids, asks, Nanos(now)).map(<[Change]>::to_vec);
    match (map_of(bids), map_of(asks)) {
        (Some(bids), Some(asks)) => {
            model.replace(bids, asks, now);
            assert_eq!(result.as_ref(), Ok(&model.changes));
        }
        (bids_held, _) => {
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

fn check(book: &Book, model: &Model) {
    let (bids, asks) = (model.side(Side::Bid), model.side(Side::Ask));
    assert_eq!(book.bids(), bids);
    assert_eq!(book.asks(), asks);
    assert_eq!(book.changes(), model.changes);
    assert_eq!(book.state(), model.state);
    assert_eq!(book.live().is_some(), model.state == State::Live);
    assert_eq!(book.epoch(), Epoch(model.epoch));
    assert_eq!(book.updated(), Nanos(model.updated));
    assert_eq!(book.updates(), model.updates);
    assert_eq!(
        (book.best_bid(), book.best_ask()),
        (bids.first().copied(), asks.first().copied())
    );
    for (side, levels) in [(Side::Bid, &bids), (Side::Ask, &asks)] {
        assert_eq!(book.side(side), levels);
        assert_eq!(book.covers(side), levels.last().map(|level| level.ticks));
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
