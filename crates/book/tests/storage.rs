//! Both storages against two maps: the same tests for each, with more than a million operations.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod oracle;

use std::time::Duration;

use oracle::{Naive, Random, counted, level};
use ticklot_book::{
    Book, BookErrorKind, BookState, Coverage, Flat, Gap, Ladder, Level, Lots, MAX_LEVELS, Nanos,
    Scale, Side, Storage, Ticks,
};

const SIDES: [Side; 2] = [Side::Bid, Side::Ask];

/// Defines the tests for each storage.
macro_rules! for_each_storage {
    ($($name:ident),* $(,)?) => {
        mod flat {
            $(#[test] fn $name() { super::$name::<ticklot_book::Flat>(); })*
        }
        mod ladder {
            $(#[test] fn $name() { super::$name::<ticklot_book::Ladder>(); })*
        }
        mod ladder_of_one_block {
            $(#[test] fn $name() { super::$name::<ticklot_book::Ladder<1>>(); })*
        }
        mod ladder_of_three_blocks {
            $(#[test] fn $name() { super::$name::<ticklot_book::Ladder<3>>(); })*
        }
    };
}

for_each_storage!(
    a_million_operations,
    snapshots_and_deltas,
    the_ends_of_the_range,
    windows_do_not_wrap_around,
    a_level_without_lots_is_none,
    a_refused_delta_is_a_gap,
    no_more_levels_than_the_limit,
    only_the_top_is_kept,
    a_snapshot_with_a_limit_covers_its_range,
    a_whole_book_covers_everything,
);

fn book<S: Storage>() -> Book<S> {
    let mut book = Book::with_storage(Scale::UNIT);
    book.apply_snapshot(&[], &[], Nanos(0)).unwrap();
    book
}

/// Compares all accessors of both sides.
fn check<S: Storage>(book: &Book<S>, naive: &Naive) {
    for side in SIDES {
        let levels = naive.levels(side);
        assert!(book.levels(side).eq(levels.iter().copied()), "{side}s");
        assert_eq!(book.depth_levels(side), levels.len());
        assert_eq!(book.storage(side).is_empty(), levels.is_empty());
    }
    check_touch(book, naive);
    assert_eq!(book.crc32(), naive.crc32());
}

/// Compares the accessors that are checked after every operation.
fn check_touch<S: Storage>(book: &Book<S>, naive: &Naive) {
    for side in SIDES {
        assert_eq!(book.storage(side).best(), naive.best(side));
        assert_eq!(book.storage(side).worst(), naive.worst(side));
        let touch = naive.best(side).map_or(side.worst_price(), |l| l.ticks);
        assert_eq!(book.storage(side).touch(), touch);
    }
    assert_eq!(book.best_bid(), naive.best(Side::Bid));
    assert_eq!(book.best_ask(), naive.best(Side::Ask));
    let state = if naive.is_crossed() {
        BookState::Crossed
    } else {
        BookState::Live
    };
    assert_eq!(book.state(), state);
}

/// The parameters of a random walk.
#[derive(Clone, Copy)]
struct Walk {
    /// The maximum distance of levels from the touch.
    reach: i64,
    /// One operation in `jump` moves the touch.
    jump: u64,
    /// The maximum distance of such a move.
    leap: i64,
    /// One operation in `sets` sets a level; the others remove one.
    sets: u64,
    counts: bool,
}

fn random_walk<S: Storage>(seed: u64, operations: u32, walk: Walk) {
    let mut random = Random(seed);
    let (mut book, mut naive) = (book::<S>(), Naive::default());
    let mut touch = 0_i64;
    for operation in 0..operations {
        if random.below(walk.jump) == 0 {
            touch += random.range(-walk.leap, walk.leap + 1);
        }
        let side = SIDES[usize::from(random.below(2) == 0)];
        // Prices near the touch are more likely.
        let reach = 1 + random.below(u64::try_from(walk.reach).unwrap());
        let ticks = touch + random.range(-8, i64::try_from(reach).unwrap());
        let ticks = if side == Side::Bid { -ticks } else { ticks };
        let lots = if random.below(walk.sets) == 0 {
            random.range(1, 1000)
        } else {
            0
        };
        // Half of the removed levels are the best ones, as after trades.
        let best = naive
            .best(side)
            .filter(|_| lots == 0 && random.below(2) == 0);
        let ticks = best.map_or(ticks, |best| best.ticks.0);
        let count = u32::from(walk.counts && lots % 3 == 1);
        let level = counted(ticks, lots, if lots == 0 { 0 } else { count });
        let old = naive.set(side, level);
        assert_eq!(book.set(side, level, Nanos(1)), Ok(Lots(old.0)));
        check_touch(&book, &naive);
        let now = naive
            .side(side)
            .get(&ticks)
            .map(|&(l, c)| counted(ticks, l, c));
        assert_eq!(book.level(side, Ticks(ticks)), now);
        if operation % 20_011 == 0 {
            check(&book, &naive);
        }
    }
    check(&book, &naive);
}

// Some seconds in a debug build: more than a million operations, each checked against the maps.
fn a_million_operations<S: Storage>() {
    let near = Walk {
        reach: 3_000,
        jump: 20,
        leap: 6,
        sets: 2,
        counts: false,
    };
    random_walk::<S>(1, 400_000, near);
    // Few levels, so that sides are sometimes empty, and windows move.
    let sparse = Walk {
        reach: 30_000,
        jump: 50,
        leap: 9_000,
        sets: 4,
        counts: true,
    };
    random_walk::<S>(2, 300_000, sparse);
    // Levels far outside any window, and a touch that moves far.
    let wide = Walk {
        reach: 1 << 40,
        jump: 200,
        leap: 1 << 38,
        sets: 3,
        counts: false,
    };
    random_walk::<S>(3, 200_000, wide);
    let dense = Walk {
        reach: 40,
        jump: 3,
        leap: 1,
        sets: 2,
        counts: true,
    };
    random_walk::<S>(4, 200_000, dense);
}

/// A snapshot near the last one or elsewhere.
fn snapshot(random: &mut Random, naive: &Naive) -> Naive {
    let mut new = match random.below(3) {
        0 => Naive::default(),
        _ => naive.clone(),
    };
    let somewhere = random.range(-30_000, 30_000);
    for side in SIDES {
        for _ in 0..random.below(40) {
            let ticks = somewhere + random.range(-9_000, 9_000);
            let lots = random.range(0, 9);
            new.set(side, counted(ticks, lots, u32::try_from(lots % 2).unwrap()));
        }
        if random.below(9) == 0 {
            new.sides[side as usize].clear();
        }
    }
    new
}

fn shuffled(random: &mut Random, mut levels: Vec<Level>) -> Vec<Level> {
    if random.below(2) == 0 {
        for index in (1..levels.len()).rev() {
            let other = usize::try_from(random.below(index as u64 + 1)).unwrap();
            levels.swap(index, other);
        }
    }
    levels
}

// Over a second in a debug build: thousands of snapshots and deltas with complete comparisons.
fn snapshots_and_deltas<S: Storage>() {
    let mut random = Random(7);
    let (mut book, mut naive) = (book::<S>(), Naive::default());
    let mut mirror = Naive::default();
    for _ in 0..3_000 {
        let new = snapshot(&mut random, &naive);
        if random.below(3) == 0 {
            let bids = shuffled(&mut random, new.levels(Side::Bid));
            let asks = shuffled(&mut random, new.levels(Side::Ask));
            let changes = book.apply_snapshot(&bids, &asks, Nanos(1)).unwrap();
            assert_eq!(changes, naive.changes_to(&new));
            mirror.mirror(book.changes());
            naive = new;
        } else {
            // A delta with the same changes, some of them twice.
            let mut sides = [Vec::new(), Vec::new()];
            for change in naive.changes_to(&new) {
                let level = counted(change.ticks.0, change.new_lots.0, change.count);
                if random.below(8) == 0 {
                    sides[change.side as usize].push(counted(change.ticks.0, 77, 7));
                }
                sides[change.side as usize].push(level);
                naive.set(change.side, level);
            }
            let [bids, asks] = sides.map(|levels| {
                if levels.is_empty() {
                    vec![level(1 << 50, 0)]
                } else {
                    levels
                }
            });
            mirror.mirror(book.apply_delta(&bids, &asks, Nanos(1)).unwrap());
        }
        check(&book, &naive);
        assert_eq!(mirror, naive);
    }
}

fn the_ends_of_the_range<S: Storage>() {
    let (mut book, mut naive) = (book::<S>(), Naive::default());
    let window = i64::try_from(Ladder::<3>::TICKS).unwrap();
    let mut prices: Vec<i64> = Vec::new();
    for near in [
        0,
        1,
        63,
        64,
        65,
        1023,
        1024,
        3071,
        3072,
        4095,
        4096,
        4097,
        window,
        window + 1,
    ] {
        prices.extend([i64::MIN + near, i64::MAX - near, near, -near]);
    }
    let mut random = Random(11);
    for _ in 0..20_000 {
        let index = usize::try_from(random.below(prices.len() as u64)).unwrap();
        let side = SIDES[usize::from(random.below(2) == 0)];
        let lots = [0, 0, 1, i64::MAX][usize::try_from(random.below(4)).unwrap()];
        let level = level(prices[index], lots);
        let old = naive.set(side, level);
        assert_eq!(book.set(side, level, Nanos(1)), Ok(Lots(old.0)));
        check_touch(&book, &naive);
        let sides = SIDES.map(|side| naive.levels(side));
        assert!(book.levels(Side::Bid).eq(sides[0].iter().copied()));
        assert!(book.levels(Side::Ask).eq(sides[1].iter().copied()));
    }
    check(&book, &naive);
}

/// A window at one end of the range does not contain the other end.
fn windows_do_not_wrap_around<S: Storage>() {
    for (side, worst) in [(Side::Bid, i64::MIN), (Side::Ask, i64::MAX)] {
        for near in [0, 1, 64, 1_000, 5_000, 13_000] {
            for far in [0, 1, 64, 1_000, 3_000, 5_000, 13_000] {
                let inward = |from: i64, by: i64| if from < 0 { from + by } else { from - by };
                let (mut book, mut naive) = (book::<S>(), Naive::default());
                let other = if worst < 0 { i64::MAX } else { i64::MIN };
                let prices = [inward(worst, near), inward(other, far), worst, other];
                for ticks in prices.into_iter().chain([prices[0] ^ 1]) {
                    naive.set(side, level(ticks, 7));
                    book.set(side, level(ticks, 7), Nanos(1)).unwrap();
                    check(&book, &naive);
                }
                for ticks in prices {
                    naive.set(side, level(ticks, 0));
                    book.set(side, level(ticks, 0), Nanos(1)).unwrap();
                    check(&book, &naive);
                }
            }
        }
    }
}

fn a_level_without_lots_is_none<S: Storage>() {
    let mut book = book::<S>();
    assert_eq!(
        book.apply_delta(&[counted(5, 0, 9)], &[], Nanos(1))
            .unwrap(),
        []
    );
    assert_eq!(
        (book.best_bid(), book.level(Side::Bid, Ticks(5))),
        (None, None)
    );
    book.apply_delta(&[counted(5, 1, 9)], &[], Nanos(1))
        .unwrap();
    assert_eq!(book.set(Side::Bid, counted(5, 0, 3), Nanos(1)), Ok(Lots(1)));
    assert_eq!(book.set(Side::Bid, level(5, 2), Nanos(1)), Ok(Lots(0)));
    assert_eq!(
        book.best_bid(),
        Some(level(5, 2)),
        "the old count is removed"
    );
}

fn a_refused_delta_is_a_gap<S: Storage>() {
    let mut book = Book::<S>::with_storage(Scale::UNIT);
    let error = book.apply_delta(&[], &[level(3, 1)], Nanos(1)).unwrap_err();
    assert_eq!(error.kind, BookErrorKind::NoSnapshot);
    assert_eq!(book.state(), BookState::Gap(Gap::NoSnapshot));
    assert_eq!(
        book.set(Side::Ask, level(3, 1), Nanos(1)),
        Err(BookErrorKind::NoSnapshot)
    );
    assert_eq!(book.depth_levels(Side::Ask), 0);

    book.apply_snapshot(&[], &[level(3, 1)], Nanos(1)).unwrap();
    let error = book
        .apply_delta(&[level(1, 1)], &[level(3, 5), level(4, -1)], Nanos(2))
        .unwrap_err();
    assert_eq!(
        (error.kind, error.side, error.index, error.ticks),
        (BookErrorKind::NegativeLots, Side::Ask, 1, Ticks(4))
    );
    assert_eq!(book.state(), BookState::Gap(Gap::Refused));
    assert_eq!(
        book.best_ask(),
        Some(level(3, 1)),
        "no part of the delta is applied"
    );

    book.apply_snapshot(&[], &[level(3, 1)], Nanos(1)).unwrap();
    assert_eq!(
        book.set(Side::Bid, level(1, -1), Nanos(2)),
        Err(BookErrorKind::NegativeLots)
    );
    assert_eq!(book.state(), BookState::Gap(Gap::Refused));

    // A negative quantity, and a book in a gap.
    assert_eq!(
        book.set(Side::Bid, level(2, -1), Nanos(2)),
        Err(BookErrorKind::NoSnapshot)
    );
    assert_eq!(book.depth_levels(Side::Bid), 0);

    // Stale and crossed books accept deltas.
    book.apply_snapshot(&[], &[level(3, 1)], Nanos(1)).unwrap();
    assert!(book.expire(Nanos(9), Duration::from_nanos(1)));
    book.set(Side::Bid, level(4, 1), Nanos(9)).unwrap();
    assert_eq!(book.state(), BookState::Crossed);
    book.set(Side::Bid, level(4, 0), Nanos(9)).unwrap();
    assert_eq!((book.state(), book.updated()), (BookState::Live, Nanos(9)));

    book.disconnect();
    let error = book.apply_delta(&[], &[], Nanos(10)).unwrap_err();
    assert_eq!(error.kind, BookErrorKind::NoSnapshot);
    assert_eq!(book.state(), BookState::Disconnected);
}

fn no_more_levels_than_the_limit<S: Storage>() {
    let mut book = book::<S>();
    let many: Vec<Level> = (1..=MAX_LEVELS)
        .map(|n| level(i64::try_from(n * 3).unwrap(), 1))
        .collect();
    book.apply_delta(&[], &many, Nanos(1)).unwrap();
    let here = many[MAX_LEVELS / 2];
    assert_eq!(
        book.set(Side::Ask, here, Nanos(1)),
        Ok(Lots(1)),
        "an existing level"
    );
    assert_eq!(
        book.set(Side::Ask, level(1, 1), Nanos(1)),
        Err(BookErrorKind::TooManyLevels)
    );
    assert_eq!(book.depth_levels(Side::Ask), MAX_LEVELS);
    // A full side that is also not live, or gets a negative quantity.
    assert_eq!(
        book.set(Side::Ask, level(1, 1), Nanos(1)),
        Err(BookErrorKind::NoSnapshot)
    );
    book.apply_snapshot(&[], &many, Nanos(1)).unwrap();
    assert_eq!(
        book.set(Side::Ask, level(1, -1), Nanos(1)),
        Err(BookErrorKind::NegativeLots)
    );
    assert_eq!(book.depth_levels(Side::Ask), MAX_LEVELS);
    book.apply_snapshot(&[], &many, Nanos(1)).unwrap();
    let error = book.apply_delta(&[], &[level(3, 0), level(1, 1), level(2, 1)], Nanos(1));
    let error = error.unwrap_err();
    assert_eq!((error.kind, error.index), (BookErrorKind::TooManyLevels, 2));
    assert_eq!(book.state(), BookState::Gap(Gap::Refused));
}

fn only_the_top_is_kept<S: Storage>() {
    let mut book = Book::<S>::with_storage(Scale::UNIT).with_coverage(Coverage::Top(3));
    assert_eq!(book.coverage(), Coverage::Top(3));
    assert_eq!(book.covers(Side::Ask), None);
    let asks = [level(14, 4), level(11, 1), level(12, 2), level(13, 3)];
    book.apply_snapshot(&[level(9, 1)], &asks, Nanos(1))
        .unwrap();
    assert_eq!(book.depth_levels(Side::Ask), 3);
    assert_eq!(
        (book.covers(Side::Ask), book.covers(Side::Bid)),
        (Some(Ticks(13)), Some(Ticks(i64::MIN))),
        "a side with fewer levels than the limit is complete"
    );
    let mut mirror = Naive::default();
    mirror.mirror(book.changes());
    let delta = [level(10, 9), level(20, 5), level(11, 0)];
    let changes = book.apply_delta(&[], &delta, Nanos(2)).unwrap();
    assert_eq!(changes.len(), 4, "removals are reported: {changes:?}");
    mirror.mirror(changes);
    assert_eq!(
        mirror.levels(Side::Ask),
        [level(10, 9), level(12, 2), level(13, 3)]
    );
    assert!(book.levels(Side::Ask).eq(mirror.levels(Side::Ask)));
    // The same with `set`.
    book.set(Side::Ask, level(9, 1), Nanos(3)).unwrap();
    assert_eq!(book.covers(Side::Ask), Some(Ticks(12)));
    book.set(Side::Ask, level(9, 0), Nanos(3)).unwrap();
    assert_eq!(book.covers(Side::Ask), Some(Ticks(i64::MAX)));
}

fn a_snapshot_with_a_limit_covers_its_range<S: Storage>() {
    let mut book = Book::<S>::with_storage(Scale::UNIT).with_coverage(Coverage::SnapshotLimit(2));
    assert_eq!(book.coverage(), Coverage::SnapshotLimit(2));
    book.apply_snapshot(&[level(9, 1), level(7, 1)], &[level(11, 1)], Nanos(1))
        .unwrap();
    assert_eq!(book.covers(Side::Bid), Some(Ticks(7)));
    assert_eq!(
        book.covers(Side::Ask),
        Some(Ticks(i64::MAX)),
        "a complete side"
    );
    let changes = book.apply_delta(&[level(6, 5), level(8, 5)], &[level(99, 1)], Nanos(2));
    assert_eq!(changes.unwrap().len(), 2, "6 is not covered");
    assert_eq!(book.level(Side::Bid, Ticks(6)), None);
    // The price leaves the covered range: there is no best bid, rather than a wrong one.
    let gone = [level(9, 0), level(8, 0), level(7, 0), level(5, 5)];
    book.apply_delta(&gone, &[], Nanos(3)).unwrap();
    assert_eq!(
        (book.best_bid(), book.covers(Side::Bid)),
        (None, Some(Ticks(7)))
    );
    assert_eq!(book.set(Side::Bid, level(6, 5), Nanos(4)), Ok(Lots(5)));
    assert_eq!(book.best_bid(), None);
    // A new snapshot has a new range.
    book.apply_snapshot(&[level(5, 1), level(3, 1)], &[], Nanos(5))
        .unwrap();
    assert_eq!(book.covers(Side::Bid), Some(Ticks(3)));
}

fn a_whole_book_covers_everything<S: Storage>() {
    let mut book = Book::<S>::with_storage(Scale::UNIT).with_coverage(Coverage::Full);
    assert_eq!(book.coverage(), Coverage::Full);
    assert_eq!(book.covers(Side::Bid), None);
    book.mark_gap(Gap::Refused);
    let _ = book.apply_delta(&[], &[], Nanos(0));
    assert_eq!(book.covers(Side::Bid), None, "a gap before any snapshot");
    book.apply_snapshot(&[], &[], Nanos(1)).unwrap();
    assert_eq!(book.covers(Side::Bid), Some(Ticks(i64::MIN)));
    assert_eq!(book.covers(Side::Ask), Some(Ticks(i64::MAX)));
}

#[test]
fn the_window_follows_the_touch() {
    let mut side = Ladder::<1>::new(Side::Ask);
    side.set(level(1_000_000, 1));
    let (first, last) = side.window();
    assert!(first < Ticks(1_000_000) && last > Ticks(1_003_000));
    assert_eq!(last - first, Ticks(4095));
    side.set(level(1_000_000 + 20_000, 1));
    assert_eq!(
        side.window(),
        (first, last),
        "a level outside does not move it"
    );
    side.set(level(first.0 - 1, 1));
    assert!(side.window().0 < first, "a better level does");
    let moved = side.window();
    side.set(level(first.0 - 1, 0));
    assert_eq!(side.window(), moved, "the touch is not deep in the window");
    side.set(level(1_000_000, 0));
    assert!(side.window().0 > Ticks(1_018_000), "{:?}", side.window());
    assert_eq!(side.best(), Some(level(1_020_000, 1)));
    side.set(level(1_020_000, 0));
    assert_eq!((side.best(), side.worst(), side.len()), (None, None, 0));
}

#[test]
fn side_windows_mirror_each_other() {
    let mut asks = Ladder::<1>::new(Side::Ask);
    let mut bids = Ladder::<1>::new(Side::Bid);
    for ticks in [1_000_000, -3, 20] {
        asks.set(level(ticks, 1));
        // A bid at -1 - ticks has the slot of an ask at `ticks`.
        bids.set(level(-1 - ticks, 1));
        let (best, last) = asks.window();
        assert!(best <= Ticks(ticks) && last >= Ticks(ticks));
        assert_eq!(bids.window(), (Ticks(-1 - best.0), Ticks(-1 - last.0)));
        assert_eq!(format!("{asks:?}"), format!("{:?}", [level(ticks, 1)]));
        asks.set(level(ticks, 0));
        bids.set(level(-1 - ticks, 0));
    }
}

/// The bound of the documentation.
#[test]
fn memory_is_bounded() {
    let level_bytes = size_of::<Level>();
    let window = 12 * 4 * ticklot_book::BLOCK_TICKS;
    let mut book = book::<Ladder>();
    assert_eq!(book.storage(Side::Bid).heap_bytes(), window);
    let fresh = book.memory();
    assert!(fresh < 2 * window + 16 * 1024, "{fresh} bytes");
    // The worst case, repeatedly: the maximum number of levels, with one of them in the window.
    let mut random = Random(5);
    for _ in 0..400_000 {
        let ticks = i64::try_from(random.below(1 << 60)).unwrap();
        let _ = book.set(Side::Ask, level(ticks, 1), Nanos(1));
        if !book.state().is_live() {
            book.apply_snapshot(&[], &[], Nanos(1)).unwrap();
        }
        assert!(book.storage(Side::Ask).heap_bytes() <= window + 2 * MAX_LEVELS * level_bytes);
    }
    // A lower bound: all levels except one are outside the window.
    book.apply_snapshot(&[], &[], Nanos(1)).unwrap();
    for n in 0..1_000 {
        book.set(Side::Ask, level(n << 40, 1), Nanos(1)).unwrap();
    }
    let side = book.storage(Side::Ask);
    assert!(side.heap_bytes() >= window + (side.len() - 1) * level_bytes);
    let mut flat = self::book::<Flat>();
    assert!(flat.memory() < 4 * 1024, "{} bytes", flat.memory());
    for n in 0..1_100 {
        flat.set(Side::Ask, level(n, 1), Nanos(1)).unwrap();
    }
    println!(
        "a ladder: {fresh} bytes when new; flat: {} bytes with 1,100 levels on a side",
        flat.memory()
    );
    assert!(flat.memory() < 4 * 1024 + 2 * 1_100 * level_bytes);
}
