//! Every view against a naive one, for both storages.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod oracle;

use oracle::views::{self, Query, View};
use oracle::{Naive, Random, counted, level};
use ticklot_book::{
    Book, BookRef, BookView, Coverage, Flat, HalfTicks, Imbalance, Ladder, Level, Lots, Nanos,
    Ratio, Scale, Side, Storage, Ticks,
};

const SIDES: [Side; 2] = [Side::Bid, Side::Ask];

fn book<S: Storage>(naive: &Naive, coverage: Coverage) -> Book<S> {
    let mut book = Book::with_storage(Scale::UNIT).with_coverage(coverage);
    let (bids, asks) = (naive.levels(Side::Bid), naive.levels(Side::Ask));
    book.apply_snapshot(&bids, &asks, Nanos(0)).unwrap();
    book
}

/// A random book. Its prices span a few ticks up to the whole range, and its lots likewise.
fn random_book(random: &mut Random) -> Naive {
    let mut naive = Naive::default();
    let reach = random.one_of(&[6, 60, 9_000, 1 << 61]);
    let most = random.one_of(&[4, 1_000, i64::MAX]);
    let touch = random.range(-reach, reach);
    for side in SIDES {
        for _ in 0..random.below(30) {
            let away = random.range(0, reach);
            let ticks = if side == Side::Bid {
                touch - away
            } else {
                touch + 1 + away
            };
            let count = random.one_of(&[0, 1, 2]);
            naive.set(side, counted(ticks, random.range(0, most) + 1, count));
        }
    }
    naive
}

/// The expected levels and coverage of a book.
fn expected(naive: &Naive, coverage: Coverage) -> View {
    let sides = SIDES.map(|side| {
        let mut levels = naive.levels(side);
        if let Coverage::Top(most) = coverage {
            levels.truncate(most);
        }
        levels
    });
    let covers = SIDES.map(|side| {
        let levels = &sides[side as usize];
        let is_whole = match coverage {
            Coverage::SnapshotDepth => false,
            Coverage::Top(most) | Coverage::SnapshotLimit(most) => levels.len() < most,
            _ => true,
        };
        let last = levels.last().map(|level| level.ticks);
        if is_whole {
            Some(side.worst_price())
        } else {
            last
        }
    });
    View { sides, covers }
}

/// Random own orders: some at the prices of the book, and one at another price.
fn random_orders(random: &mut Random, levels: &[Level]) -> Vec<Level> {
    let mut own = vec![level(123_456_789, 5)];
    for level in levels {
        for _ in 0..random.below(3) {
            let some = random.range(-1, level.lots.0.min(50) + 2);
            let lots = random.one_of(&[level.lots.0, some, some]);
            own.push(counted(level.ticks.0, lots, random.one_of(&[0, 1, 2])));
        }
    }
    own
}

#[test]
fn every_view_equals_a_naive_one() {
    let mut random = Random(42);
    for _ in 0..1_500 {
        let (naive, other) = (random_book(&mut random), random_book(&mut random));
        for coverage in [
            Coverage::SnapshotDepth,
            Coverage::Full,
            Coverage::Top(5),
            Coverage::SnapshotLimit(5),
        ] {
            let expected = expected(&naive, coverage);
            let all = expected.sides.concat();
            let near = all.first().map_or(0, |level| level.ticks.0);
            let most = all
                .iter()
                .fold(0_i64, |sum, l| sum.saturating_add(l.lots.0));
            let query = Query {
                levels: usize::try_from(random.below(40)).unwrap(),
                ticks: Ticks(match random.below(3) {
                    0 => random.one_of(&[0, 1, 2, 10, 100, 1_000, i64::MAX, i64::MIN]),
                    1 => random.range(-3, 200),
                    _ => near.saturating_add(random.range(-100, 100)),
                }),
                lots: Lots(match random.below(4) {
                    0 => i64::MAX,
                    1 => random.range(-2, 3),
                    _ => random.range(0, most.saturating_add(most / 8).max(1)),
                }),
                own: &random_orders(&mut random, &all),
            };
            let flat = book::<Flat>(&naive, coverage);
            let ladder = book::<Ladder>(&naive, coverage);
            let second = book::<Flat>(&other, Coverage::SnapshotDepth);
            let combined = expected.combined(&self::expected(&other, Coverage::SnapshotDepth));
            for view in [BookRef::from(&flat), BookRef::from(&ladder)] {
                views::check(&view, &expected, &query);
                views::check_levels(&view.combined(&second), &combined);
                assert_eq!(BookView::crc32(&view), view.crc32());
            }
        }
    }
}

#[test]
fn ratios_print_as_decimals() {
    assert_eq!(HalfTicks(0).to_string(), "0");
    assert_eq!(HalfTicks(199).to_string(), "99.5");
    assert_eq!(HalfTicks(-1).to_string(), "-0.5");
    assert_eq!(HalfTicks(-4).to_string(), "-2");
    assert_eq!(HalfTicks(-3).to_f64(), -1.5);
    assert_eq!(HalfTicks(-3).floor(), -2);
    let ratio = |numerator, denominator| Ratio {
        numerator,
        denominator,
    };
    assert_eq!(ratio(7, 4).to_f64(), 1.75);
    assert_eq!(
        (ratio(-7, 4).floor(), ratio(1, 0).floor()),
        (Some(-2), None)
    );
    let none = Imbalance::default();
    assert_eq!(none.ratio(), None);
    let mut only_bids = none;
    only_bids.bids.lots = 5;
    assert_eq!(only_bids.ratio(), Some(ratio(5, 5)));
    let mut more_asks = only_bids;
    more_asks.asks.lots = 7;
    assert_eq!(more_asks.ratio(), Some(ratio(-2, 12)));
}

#[test]
fn both_outcomes_as_one() {
    // YES 60 bid, 65 requested; NO 38 bid, 39 requested: to sell NO at 39 is to buy YES at 61.
    let yes = Naive {
        sides: [[(60, (5, 0))].into(), [(65, (5, 0))].into()],
    };
    let no = Naive {
        sides: [[(38, (7, 0)), (35, (1, 0))].into(), [(39, (9, 0))].into()],
    };
    let yes = book::<Ladder>(&yes, Coverage::Full);
    let no = book::<Flat>(&no, Coverage::Full);
    let turned = no.complement(Ticks(100));
    let both = yes.combined(&turned);
    assert_eq!(both.best_bid(), Some(level(61, 9)));
    assert_eq!(both.best_ask(), Some(level(62, 7)));
    let asks: Vec<Level> = both.levels(Side::Ask).collect();
    assert_eq!(
        asks,
        [level(62, 7), level(65, 6)],
        "one price in both: added"
    );
    assert_eq!(both.fill(Side::Ask, Lots(10)).cost, 7 * 62 + 3 * 65);
}

/// The other tests read books through references; this one compares a reference with its book.
#[test]
fn a_reference_is_its_book() {
    let mut random = Random(8);
    for _ in 0..100 {
        let naive = random_book(&mut random);
        let flat = book::<Flat>(&naive, Coverage::SnapshotDepth);
        let reference = BookRef::from(&flat);
        assert_eq!(reference.as_flat().map(Book::asks), Some(flat.asks()));
        assert_eq!(reference.live().is_some(), flat.live().is_some());
        assert_eq!(reference.crc32(), BookView::crc32(&flat));
        for side in SIDES {
            let levels = reference.levels(side);
            assert_eq!(levels.size_hint(), flat.levels(side).size_hint());
        }
        let expected = expected(&naive, Coverage::SnapshotDepth);
        let ladder = book::<Ladder<1>>(&naive, Coverage::SnapshotDepth);
        views::check_levels(&flat, &expected);
        views::check_levels(&ladder, &expected);
    }
    let ladder = Book::<Ladder>::with_storage(Scale::UNIT);
    assert!(BookRef::from(&ladder).as_flat().is_none());
}

/// Also at the end of the range, where no price is beyond the best one.
#[test]
fn a_negative_range_holds_nothing() {
    for (side, best) in [(Side::Bid, i64::MAX), (Side::Ask, i64::MIN), (Side::Ask, 5)] {
        let mut naive = Naive::default();
        naive.set(side, level(best, 7));
        let book = book::<Flat>(&naive, Coverage::SnapshotDepth);
        let (none, all) = (
            book.imbalance_within(Ticks(-1)),
            book.imbalance_within(Ticks(0)),
        );
        let lots = |it: Imbalance| it.bids.lots + it.asks.lots;
        assert_eq!((lots(none), lots(all)), (0, 7), "{side}");
    }
}
