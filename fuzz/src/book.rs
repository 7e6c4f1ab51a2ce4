//! Books with each storage against a naive book.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use ticklot_book::{
    Book, BookErrorKind, BookState, BookView, Change, Coverage, Epoch, Flat, Gap, Ladder, Level,
    Lots, Nanos, Scale, Side, Storage, Ticks,
};

use crate::naive::Naive;
use crate::naive::views::{self, Query, View};

const SIDES: [Side; 2] = [Side::Bid, Side::Ask];

/// The worst prices of bids and asks without a bound.
const UNBOUNDED: [i64; 2] = [i64::MIN, i64::MAX];

/// `data` is a coverage and a list of steps, which are applied to a book with each storage.
pub fn book(data: &[u8]) {
    let Ok((coverage, steps)) =
        <(AnyCoverage, Vec<Step>)>::arbitrary_take_rest(Unstructured::new(data))
    else {
        return;
    };
    run::<Flat>(coverage.get(), &steps);
    run::<Ladder<1>>(coverage.get(), &steps);
    run::<Ladder<2>>(coverage.get(), &steps);
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

/// A [`Coverage`] of few levels.
#[derive(Debug, Arbitrary)]
enum AnyCoverage {
    SnapshotDepth,
    Full,
    Top(u8),
    SnapshotLimit(u8),
}

impl AnyCoverage {
    fn get(&self) -> Coverage {
        match self {
            Self::SnapshotDepth => Coverage::SnapshotDepth,
            Self::Full => Coverage::Full,
            Self::Top(levels) => Coverage::Top((*levels).into()),
            Self::SnapshotLimit(levels) => Coverage::SnapshotLimit((*levels).into()),
        }
    }
}

#[derive(Debug, Arbitrary)]
enum Step {
    Snapshot {
        bids: AnySide,
        asks: AnySide,
        now: AnyTime,
    },
    Delta {
        bids: Vec<AnyLevel>,
        asks: Vec<AnyLevel>,
        now: AnyTime,
    },
    Set {
        ask: bool,
        level: AnyLevel,
        now: AnyTime,
    },
    /// Sets many levels far apart, one message each, so that windows move.
    March {
        ask: bool,
        first: AnyNumber,
        step: i16,
        levels: u8,
        lots: u8,
    },
    Views {
        levels: u8,
        ticks: AnyNumber,
        lots: AnyNumber,
        own: Vec<AnyLevel>,
    },
    StartEpoch(u8),
    Disconnect,
    Expire {
        now: AnyTime,
        limit: AnyTime,
    },
    Gap {
        expected: u8,
        got: u8,
        checksum: bool,
    },
}

/// A side of a snapshot.
#[derive(Debug, Arbitrary)]
enum AnySide {
    /// Any levels, in any order.
    Any(Vec<AnyLevel>),
    /// Many levels, a step apart.
    Ladder {
        first: AnyNumber,
        step: i8,
        levels: u8,
        lots: AnyNumber,
    },
    /// The levels of the book, with one of them replaced.
    Same { index: u8, level: AnyLevel },
}

#[derive(Debug, Arbitrary)]
struct AnyLevel {
    ticks: AnyNumber,
    lots: AnyNumber,
    count: u8,
}

/// A small number, so that prices coincide, or one at an end of the range.
#[derive(Debug, Arbitrary, Clone, Copy)]
struct AnyNumber(i8);

impl AnyNumber {
    fn get(self) -> i64 {
        match self.0 {
            i8::MIN => i64::MIN,
            i8::MAX => i64::MAX,
            small => small.into(),
        }
    }
}

/// An early time, or the last one.
#[derive(Debug, Arbitrary, Clone, Copy)]
struct AnyTime(u8);

impl AnyTime {
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

impl AnySide {
    fn levels(&self, now: &[Level]) -> Vec<Level> {
        match self {
            Self::Any(levels) => levels.iter().map(AnyLevel::get).collect(),
            Self::Ladder {
                first,
                step,
                levels,
                lots,
            } => (0..i64::from(*levels))
                .map(|index| {
                    let ticks = first.get().saturating_add(index * i64::from(*step));
                    Level::new(Ticks(ticks), Lots(lots.get()))
                })
                .collect(),
            Self::Same { index, level } => {
                let mut levels = now.to_vec();
                if let Some(at) = levels.get_mut(usize::from(*index)) {
                    *at = level.get();
                }
                levels
            }
        }
    }
}

/// The expected state of a book.
struct Model {
    levels: Naive,
    changes: Vec<Change>,
    coverage: Coverage,
    /// The worst prices that the book stores, by [`Side`].
    bounds: [i64; 2],
    has_snapshot: bool,
    state: BookState,
    epoch: u32,
    updated: u64,
    updates: u64,
}

impl Model {
    fn new(coverage: Coverage) -> Self {
        Self {
            coverage,
            bounds: UNBOUNDED,
            has_snapshot: false,
            levels: Naive::default(),
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

    fn replace(&mut self, mut levels: Naive, now: u64) {
        self.has_snapshot = true;
        self.bounds = UNBOUNDED;
        if let Coverage::Top(max_levels) = self.coverage {
            truncate(&mut levels, max_levels);
        }
        if let Coverage::SnapshotLimit(max_levels) = self.coverage {
            for (side, bound) in SIDES.into_iter().zip(&mut self.bounds) {
                let worst = levels.worst(side);
                if let Some(worst) = worst.filter(|_| levels.side(side).len() >= max_levels) {
                    *bound = worst.ticks.0;
                }
            }
        }
        self.changes = self.levels.changes_to(&levels);
        self.levels = levels;
        self.finish_update(now);
    }

    fn finish_update(&mut self, now: u64) {
        self.state = match self.levels.is_crossed() {
            true => BookState::Crossed,
            false => BookState::Live,
        };
        self.updated = now;
        self.updates += 1;
    }

    /// The error of a delta that cannot be applied. Sets the resulting state.
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

    /// Applies one level of a delta. Returns the lots before it, or its own lots if it is beyond the coverage.
    fn set(&mut self, side: Side, level: Level) -> Lots {
        if side.is_better(Ticks(self.bounds[side as usize]), level.ticks) {
            return level.lots;
        }
        Lots(self.levels.set(side, level).0)
    }

    fn truncate(&mut self) {
        if let Coverage::Top(max_levels) = self.coverage {
            truncate(&mut self.levels, max_levels);
        }
    }

    fn covers(&self, side: Side) -> Option<Ticks> {
        let worst = self.levels.worst(side).map(|level| level.ticks);
        match self.coverage {
            Coverage::SnapshotDepth => worst,
            _ if !self.has_snapshot => None,
            Coverage::Top(max_levels) if self.levels.side(side).len() >= max_levels => worst,
            _ => Some(Ticks(self.bounds[side as usize])),
        }
    }
}

/// Keeps the best `max_levels` levels of each side.
fn truncate(levels: &mut Naive, max_levels: usize) {
    for side in SIDES {
        for level in levels.levels(side).into_iter().skip(max_levels) {
            levels.sides[side as usize].remove(&level.ticks.0);
        }
    }
}

fn apply<S: Storage>(step: &Step, book: &mut Book<S>, model: &mut Model) {
    match step {
        Step::Snapshot { bids, asks, now } => {
            let bids = bids.levels(&model.levels.levels(Side::Bid));
            let asks = asks.levels(&model.levels.levels(Side::Ask));
            replace(&bids, &asks, now.get(), book, model);
        }
        Step::Delta { bids, asks, now } => {
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
            for index in 0..i64::from(*levels) {
                let ticks = first.get().saturating_add(index * i64::from(*step) * 64);
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
            let query = Query {
                levels: (*levels).into(),
                ticks: Ticks(ticks.get()),
                lots: Lots(lots.get()),
                own: &own,
            };
            let expected = View {
                sides: SIDES.map(|side| model.levels.levels(side)),
                covers: SIDES.map(|side| model.covers(side)),
            };
            views::check(book, &expected, &query);
        }
        Step::StartEpoch(epoch) => {
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
    model.truncate();
    model.finish_update(now);
    // `set` returns the change instead.
    model.changes.clear();
}

/// Applies a delta, and checks that its changes convert the old levels to the new ones.
fn delta<S: Storage>(
    bids: &[Level],
    asks: &[Level],
    now: u64,
    book: &mut Book<S>,
    model: &mut Model,
) {
    let mut mirror = model.levels.clone();
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
    model.truncate();
    model.finish_update(now);
    model.changes = result.expect("a valid delta");
    for change in &model.changes {
        let level = Level {
            ticks: change.ticks,
            lots: change.new_lots,
            count: change.count,
        };
        let old = mirror.set(change.side, level);
        assert_eq!(old.0, change.old_lots.0);
        assert_ne!(old, (level.lots.0, level.count), "a change");
    }
    assert_eq!(mirror, model.levels);
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
    match Naive::of(bids, asks) {
        Ok(levels) => {
            model.replace(levels, now);
            assert_eq!(result.as_ref(), Ok(&model.changes));
        }
        Err(side) => {
            model.changes.clear();
            let error = result.expect_err("an invalid snapshot");
            let input = match side {
                Side::Bid => bids,
                Side::Ask => asks,
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
    let (bids, asks) = (
        model.levels.levels(Side::Bid),
        model.levels.levels(Side::Ask),
    );
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
    assert_eq!(book.crc32(), model.levels.crc32());
}
