//! Every view against what one would compute by hand, over both storages.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod oracle;

use std::collections::BTreeMap;

use oracle::{Naive, Random, counted, level};
use ticklot_book::{
    Book, BookRef, BookView, Coverage, Depth, Flat, HalfTicks, Imbalance, Ladder, Level, Lots,
    Nanos, Ratio, Scale, Side, Storage, Ticks,
};

const SIDES: [Side; 2] = [Side::Bid, Side::Ask];

fn book<S: Storage>(naive: &Naive, coverage: Coverage) -> Book<S> {
    let mut book = Book::with_storage(Scale::UNIT).with_coverage(coverage);
    let (bids, asks) = (naive.levels(Side::Bid), naive.levels(Side::Ask));
    book.apply_snapshot(&bids, &asks, Nanos(0)).unwrap();
    book
}

/// A book of prices from a few ticks to all there are, and of lots likewise.
fn random_book(random: &mut Random) -> Naive {
    let mut naive = Naive::default();
    let reach = [6, 60, 9_000, 1 << 61][usize::try_from(random.below(4)).unwrap()];
    let most = [4, 1_000, i64::MAX][usize::try_from(random.below(3)).unwrap()];
    let touch = random.range(-reach, reach);
    for side in SIDES {
        for _ in 0..random.below(30) {
            let away = random.range(0, reach);
            let ticks = if side == Side::Bid {
                touch - away
            } else {
                touch + 1 + away
            };
            let count = u32::try_from(random.below(3)).unwrap();
            naive.set(side, counted(ticks, random.range(0, most) + 1, count));
        }
    }
    naive
}

/// Random books, each looked at by `check` in both storages.
fn for_books(check: impl Fn(&Naive, &dyn Fn(&Naive, Coverage) -> Box<dyn Any>, &mut Random)) {
    let mut random = Random(42);
    for _ in 0..1_500 {
        let naive = random_book(&mut random);
        check(&naive, &|n, c| Box::new(book::<Flat>(n, c)), &mut random);
        check(
            &naive,
            &|n, c| Box::new(book::<Ladder<1>>(n, c)),
            &mut random,
        );
    }
}

/// A view behind a pointer: [`BookView`] itself has iterators of its own type.
trait Any {
    fn all_levels(&self, side: Side) -> Vec<Level>;
    fn touch(&self) -> Touch;
    fn depths(&self, side: Side, levels: usize, limit: Ticks) -> (Depth, Depth);
    fn imbalances(&self, levels: usize, range: Ticks) -> (Imbalance, Imbalance);
    fn filled(&self, side: Side, lots: Lots) -> ticklot_book::Fill;
    fn copied(&self, side: Side, room: usize) -> Vec<Level>;
    fn by_step(&self, side: Side, step: Ticks) -> (Vec<Level>, Option<Ticks>);
    fn turned(&self, side: Side, one: Ticks) -> (Vec<Level>, Option<Ticks>);
    fn without(&self, side: Side, own: &[Level]) -> (Vec<Level>, Option<Ticks>);
    fn with(&self, other: &Book<Flat>, side: Side) -> (Vec<Level>, Option<Ticks>);
    fn coverage_of(&self, side: Side) -> Option<Ticks>;
    fn digest(&self) -> u32;
}

type Touch = (
    [Option<Level>; 2],
    Option<Ticks>,
    Option<HalfTicks>,
    Option<Ratio>,
);

fn all(view: &impl BookView, side: Side) -> (Vec<Level>, Option<Ticks>) {
    assert_eq!(view.best(side), view.levels(side).next());
    (view.levels(side).collect(), view.covers(side))
}

impl<V: BookView> Any for V {
    fn all_levels(&self, side: Side) -> Vec<Level> {
        BookView::levels(self, side).collect()
    }
    fn touch(&self) -> Touch {
        let best = [self.best_bid(), self.best_ask()];
        (best, self.spread(), self.mid(), self.microprice())
    }
    fn depths(&self, side: Side, levels: usize, limit: Ticks) -> (Depth, Depth) {
        (self.depth(side, levels), self.depth_to(side, limit))
    }
    fn imbalances(&self, levels: usize, range: Ticks) -> (Imbalance, Imbalance) {
        (self.imbalance(levels), self.imbalance_within(range))
    }
    fn filled(&self, side: Side, lots: Lots) -> ticklot_book::Fill {
        BookView::fill(self, side, lots)
    }
    fn copied(&self, side: Side, room: usize) -> Vec<Level> {
        let mut out = vec![level(-1, -1); room];
        let count = BookView::copy_top(self, side, &mut out);
        assert!(
            out[count..].iter().all(|l| *l == level(-1, -1)),
            "untouched"
        );
        out.truncate(count);
        out
    }
    fn by_step(&self, side: Side, step: Ticks) -> (Vec<Level>, Option<Ticks>) {
        all(&BookView::grouped(self, step), side)
    }
    fn turned(&self, side: Side, one: Ticks) -> (Vec<Level>, Option<Ticks>) {
        all(&BookView::complement(self, one), side)
    }
    fn without(&self, side: Side, own: &[Level]) -> (Vec<Level>, Option<Ticks>) {
        let (bids, asks): (&[Level], &[Level]) = match side {
            Side::Bid => (own, &[]),
            Side::Ask => (&[], own),
        };
        let other = self.without_own(bids, asks);
        let untouched = BookView::levels(&other, side.opposite());
        assert!(untouched.eq(BookView::levels(self, side.opposite())));
        all(&other, side)
    }
    fn with(&self, other: &Book<Flat>, side: Side) -> (Vec<Level>, Option<Ticks>) {
        all(&self.combined(other), side)
    }
    fn coverage_of(&self, side: Side) -> Option<Ticks> {
        BookView::covers(self, side)
    }
    fn digest(&self) -> u32 {
        BookView::crc32(self)
    }
}

#[test]
fn touch_has_best_levels() {
    for_books(|naive, make, _| {
        let view = make(naive, Coverage::Whole);
        let (best, spread, mid, micro) = view.touch();
        assert_eq!(best, SIDES.map(|side| naive.best(side)));
        assert_eq!(view.digest(), naive.crc32());
        let Some((bid, ask)) = best[0].zip(best[1]) else {
            assert_eq!((spread, mid, micro), (None, None, None));
            return;
        };
        let (b, a) = (i128::from(bid.ticks.0), i128::from(ask.ticks.0));
        let nearest = (a - b).clamp(i64::MIN.into(), i64::MAX.into());
        assert_eq!(spread.map(|s| i128::from(s.0)), Some(nearest));
        let mid = mid.unwrap();
        assert_eq!(mid, HalfTicks(a + b));
        assert_eq!(mid.floor(), (a + b).div_euclid(2));
        assert_eq!(mid.is_between(), (a + b) % 2 != 0);
        let micro = micro.unwrap();
        let (bl, al) = (i128::from(bid.lots.0), i128::from(ask.lots.0));
        assert_eq!(
            (micro.numerator, micro.denominator),
            (b * al + a * bl, bl + al)
        );
        assert!((b..=a).contains(&micro.floor().unwrap()), "between the two");
    });
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

fn sum<'a>(levels: impl Iterator<Item = &'a Level>) -> (i128, usize) {
    levels.fold((0, 0), |(lots, count), level| {
        (lots + i128::from(level.lots.0), count + 1)
    })
}

#[test]
fn depth_and_imbalance() {
    for_books(|naive, make, random| {
        for coverage in [
            Coverage::SnapshotDepth,
            Coverage::Whole,
            Coverage::Top(5),
            Coverage::SnapshotLimit(5),
        ] {
            let view = make(naive, coverage);
            let count = usize::try_from(random.below(40)).unwrap();
            let range = random.range(-3, 200);
            let (by_levels, within) = view.imbalances(count, Ticks(range));
            for (side, by_levels, within) in [
                (Side::Bid, by_levels.bids, within.bids),
                (Side::Ask, by_levels.asks, within.asks),
            ] {
                let mut levels = naive.levels(side);
                if coverage == Coverage::Top(5) {
                    levels.truncate(5);
                }
                let whole = match coverage {
                    Coverage::SnapshotDepth => false,
                    Coverage::Whole => true,
                    _ => levels.len() < 5,
                };
                let (lots, taken) = sum(levels.iter().take(count));
                let covered = taken == count || whole;
                assert_eq!(
                    by_levels,
                    Depth {
                        lots,
                        levels: taken,
                        covered
                    }
                );

                let best = levels.first().map_or(0, |l| i128::from(l.ticks.0));
                let sign = if side == Side::Bid { -1 } else { 1 };
                let limit = best + sign * i128::from(range);
                let limit = i64::try_from(limit.clamp(i64::MIN.into(), i64::MAX.into())).unwrap();
                let (_, to) = view.depths(side, 0, Ticks(limit));
                let inside = |l: &&Level| !side.is_better(Ticks(limit), l.ticks);
                let (lots, taken) = sum(levels.iter().filter(inside));
                let last = levels.last().map(|l| l.ticks);
                let covered = whole || last.is_some_and(|l| !side.is_better(l, Ticks(limit)));
                assert_eq!(
                    to,
                    Depth {
                        lots,
                        levels: taken,
                        covered
                    },
                    "{coverage:?}"
                );
                if !levels.is_empty() {
                    assert_eq!(within, to);
                }
            }
        }
    });
}

#[test]
fn fills_walk_the_levels() {
    for_books(|naive, make, random| {
        let view = make(naive, Coverage::Whole);
        for side in SIDES {
            let (there, _) = sum(naive.levels(side).iter());
            let most = i64::try_from(there.min(i64::MAX.into())).unwrap();
            let asked = match random.below(4) {
                0 => i64::MAX,
                1 => random.range(-2, 3),
                _ => random.range(0, most.saturating_add(most / 8).max(1)),
            };
            let fill = view.filled(side, Lots(asked));
            // Lot by lot, as it were.
            let (mut rest, mut cost, mut worst, mut levels) = (i128::from(asked), 0, None, 0);
            for level in naive.levels(side) {
                if rest <= 0 {
                    break;
                }
                let taken = rest.min(level.lots.0.into());
                cost += taken * i128::from(level.ticks.0);
                rest -= taken;
                worst = Some(level.ticks);
                levels += 1;
            }
            let got = i128::from(asked.max(0)) - rest.max(0);
            assert_eq!((fill.cost, fill.worst, fill.levels), (cost, worst, levels));
            assert_eq!(i128::from(fill.lots.0), got);
            assert_eq!((fill.asked, fill.is_complete()), (Lots(asked), rest <= 0));
            let average = fill.average().map(|r| (r.numerator, r.denominator));
            assert_eq!(average, (got > 0).then_some((cost, got)));
        }
    });
}

#[test]
fn the_top_is_copied() {
    for_books(|naive, make, random| {
        let view = make(naive, Coverage::Whole);
        for side in SIDES {
            let room = usize::try_from(random.below(40)).unwrap();
            let mut levels = naive.levels(side);
            assert_eq!(view.all_levels(side), levels);
            levels.truncate(room);
            assert_eq!(view.copied(side, room), levels);
        }
    });
}

fn clamp(number: i128) -> i64 {
    i64::try_from(number.clamp(i64::MIN.into(), i64::MAX.into())).unwrap()
}

#[test]
fn groups_merge_levels_exactly() {
    for_books(|naive, make, random| {
        let view = make(naive, Coverage::SnapshotDepth);
        let step = [-1, 0, 1, 2, 10, 1_000, i64::MAX][usize::try_from(random.below(7)).unwrap()];
        let whole = i128::from(step.max(1));
        for side in SIDES {
            let group = |ticks: i64| match side {
                Side::Bid => i128::from(ticks).div_euclid(whole) * whole,
                Side::Ask => -(-i128::from(ticks)).div_euclid(whole) * whole,
            };
            let mut groups: BTreeMap<i64, (i128, u32)> = BTreeMap::new();
            for level in naive.levels(side) {
                let all = groups.entry(clamp(group(level.ticks.0))).or_default();
                all.0 += i128::from(level.lots.0);
                all.1 += level.count;
            }
            let mut expected: Vec<Level> = groups
                .into_iter()
                .map(|(ticks, (lots, count))| counted(ticks, clamp(lots), count))
                .collect();
            if side == Side::Bid {
                expected.reverse();
            }
            let (levels, covers) = view.by_step(side, Ticks(step));
            assert_eq!(levels, expected, "{side} by {step}");
            let last = naive.worst(side).map(|l| i128::from(l.ticks.0));
            let expected = last.map(|last| {
                let last_group = group(clamp(last));
                let inward = if side == Side::Bid { whole } else { -whole };
                if last_group == last {
                    last
                } else {
                    i128::from(clamp(last_group)) + inward
                }
            });
            assert_eq!(
                covers,
                expected.map(|c| Ticks(clamp(c))),
                "{side} by {step}"
            );
        }
    });
}

#[test]
fn complements_mirror_the_book() {
    for_books(|naive, make, random| {
        let one = [0, 100, 1_000, i64::MAX, i64::MIN][usize::try_from(random.below(5)).unwrap()];
        let view = make(naive, Coverage::SnapshotDepth);
        for side in SIDES {
            let other = naive.levels(side.opposite()).into_iter();
            let turned =
                other.filter_map(|l| Some(counted(one.checked_sub(l.ticks.0)?, l.lots.0, l.count)));
            let (levels, covers) = view.turned(side, Ticks(one));
            assert_eq!(levels, turned.collect::<Vec<_>>());
            let last = naive.worst(side.opposite());
            assert_eq!(
                covers,
                last.map(|l| Ticks(clamp(i128::from(one) - i128::from(l.ticks.0))))
            );
        }
        let whole = make(naive, Coverage::Whole);
        assert_eq!(whole.turned(Side::Bid, Ticks(one)).1, Some(Ticks(i64::MIN)));
        assert_eq!(whole.turned(Side::Ask, Ticks(one)).1, Some(Ticks(i64::MAX)));
    });
}

#[test]
fn both_outcomes_as_one() {
    // YES 60 bid, 65 asked; NO 38 bid, 39 asked: to sell NO at 39 is to buy YES at 61.
    let yes = Naive {
        sides: [[(60, (5, 0))].into(), [(65, (5, 0))].into()],
    };
    let no = Naive {
        sides: [[(38, (7, 0)), (35, (1, 0))].into(), [(39, (9, 0))].into()],
    };
    let yes = book::<Ladder>(&yes, Coverage::Whole);
    let no = book::<Flat>(&no, Coverage::Whole);
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

#[test]
fn two_books_as_one() {
    for_books(|naive, make, _| {
        let view = make(naive, Coverage::SnapshotDepth);
        let mut other = Random(naive.crc32().into());
        other.next();
        let other = random_book(&mut other);
        let second = book::<Flat>(&other, Coverage::SnapshotDepth);
        for side in SIDES {
            let mut sum: BTreeMap<i64, (i128, u32)> = BTreeMap::new();
            let both = naive.side(side).iter().chain(other.side(side));
            for (&ticks, &(lots, count)) in both {
                let all = sum.entry(ticks).or_default();
                all.0 += i128::from(lots);
                all.1 += count;
            }
            let ends = naive.worst(side).zip(other.worst(side));
            let covers = ends.map(|(a, b)| match side {
                Side::Bid => a.ticks.max(b.ticks),
                Side::Ask => a.ticks.min(b.ticks),
            });
            let mut expected: Vec<Level> = sum
                .into_iter()
                .map(|(ticks, (lots, count))| counted(ticks, clamp(lots), count))
                .filter(|l| covers.is_some_and(|c| !side.is_better(c, l.ticks)))
                .collect();
            if side == Side::Bid {
                expected.reverse();
            }
            assert_eq!(view.with(&second, side), (expected, covers));
        }
    });
}

#[test]
fn own_orders_are_taken_out() {
    for_books(|naive, make, random| {
        let view = make(naive, Coverage::SnapshotDepth);
        for side in SIDES {
            let levels = naive.levels(side);
            let mut own: Vec<Level> = Vec::new();
            for level in &levels {
                for _ in 0..random.below(3) {
                    let lots = match random.below(3) {
                        0 => level.lots.0,
                        _ => random.range(-1, level.lots.0.min(50) + 2),
                    };
                    own.push(counted(
                        level.ticks.0,
                        lots,
                        u32::try_from(random.below(3)).unwrap(),
                    ));
                }
            }
            own.push(level(123_456_789, 5));
            let mut expected = Vec::new();
            for level in &levels {
                let mine = own
                    .iter()
                    .filter(|o| o.ticks == level.ticks && o.lots.0 > 0);
                let (mut lots, mut count) = (i128::from(level.lots.0), i64::from(level.count));
                for own in mine {
                    lots -= i128::from(own.lots.0);
                    count -= i64::from(own.count.max(1));
                }
                if lots > 0 {
                    let count = u32::try_from(count.max(0)).unwrap();
                    expected.push(counted(level.ticks.0, clamp(lots), count));
                }
            }
            let covers = view.coverage_of(side);
            assert_eq!(view.without(side, &own), (expected, covers));
        }
    });
}

/// A reference says what its book says, of whichever storage it is.
#[test]
fn a_reference_is_its_book() {
    let mut random = Random(8);
    for _ in 0..100 {
        let naive = random_book(&mut random);
        let flat = book::<Flat>(&naive, Coverage::SnapshotDepth);
        let ladder = book::<Ladder>(&naive, Coverage::SnapshotDepth);
        for reference in [BookRef::from(&flat), BookRef::from(&ladder)] {
            let (one, other): (&dyn Any, &dyn Any) = (&flat, &reference);
            assert_eq!(one.touch(), other.touch());
            assert_eq!(one.digest(), other.digest());
            assert_eq!(one.imbalances(2, Ticks(9)), other.imbalances(2, Ticks(9)));
            for side in SIDES {
                assert_eq!(one.all_levels(side), other.all_levels(side));
                assert_eq!(reference.best(side), flat.best(side));
                assert_eq!(one.coverage_of(side), other.coverage_of(side));
                let limit = naive.worst(side).map_or(Ticks(0), |level| level.ticks);
                assert_eq!(one.depths(side, 2, limit), other.depths(side, 2, limit));
                assert_eq!(one.filled(side, Lots(9)), other.filled(side, Lots(9)));
                assert_eq!(one.copied(side, 3), other.copied(side, 3));
            }
        }
        assert!(
            BookRef::from(&flat)
                .as_flat()
                .is_some_and(|it| it.asks() == flat.asks())
        );
        assert!(BookRef::from(&ladder).as_flat().is_none());
        let live = [flat.live().is_some(), BookRef::from(&flat).live().is_some()];
        assert_eq!(live[0], live[1]);
        let levels = BookRef::from(&flat).levels(Side::Bid);
        assert_eq!(levels.size_hint(), flat.levels(Side::Bid).size_hint());
    }
}

/// Beyond the best price there is nothing, also where no price is beyond it.
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
