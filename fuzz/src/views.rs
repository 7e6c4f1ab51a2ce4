//! Every view of a book, computed from its levels.

use std::collections::BTreeMap;

use ticklot_book::{BookView, Level, Lots, Side, Ticks};

/// The arguments of the views.
pub(crate) struct Query<'a> {
    /// Levels, or room for them.
    pub(crate) levels: usize,
    /// A price, a range, a step, or the payout of two outcomes.
    pub(crate) ticks: Ticks,
    /// A quantity.
    pub(crate) lots: Lots,
    /// Own orders.
    pub(crate) own: &'a [Level],
}

/// Checks every view of a book with these sides and coverage, bids and asks.
pub(crate) fn check(
    book: &impl BookView,
    sides: &[Vec<Level>; 2],
    covers: [Option<Ticks>; 2],
    query: &Query<'_>,
) {
    touch(book, sides);
    for side in [Side::Bid, Side::Ask] {
        let (levels, covers) = (&sides[side as usize], covers[side as usize]);
        depth(book, side, levels, covers, query);
        fill(book, side, levels, query.lots);
        groups(book, side, levels, query.ticks);
        own(book, side, levels, query.own);
    }
    others(book, sides, covers, query.ticks);
}

fn clamp(number: i128) -> i64 {
    i64::try_from(number.clamp(i64::MIN.into(), i64::MAX.into())).expect("clamped")
}

fn touch(book: &impl BookView, sides: &[Vec<Level>; 2]) {
    let best = sides[0].first().zip(sides[1].first());
    let of = |work: &dyn Fn(i128, i128, i128, i128) -> i128| {
        best.map(|(bid, ask)| {
            let (bid, bids) = (i128::from(bid.ticks.0), i128::from(bid.lots.0));
            let (ask, asks) = (i128::from(ask.ticks.0), i128::from(ask.lots.0));
            work(bid, ask, bids, asks)
        })
    };
    assert_eq!(book.mid().map(|mid| mid.0), of(&|bid, ask, _, _| bid + ask));
    let micro = book.microprice();
    assert_eq!(
        micro.map(|ratio| ratio.numerator),
        of(&|bid, ask, bids, asks| bid * asks + ask * bids)
    );
    assert_eq!(
        micro.map(|ratio| ratio.denominator),
        of(&|_, _, bids, asks| bids + asks)
    );
    let spread = of(&|bid, ask, _, _| ask - bid);
    assert_eq!(book.spread().map(|spread| spread.0), spread.map(clamp));
}

fn sum(levels: &[Level]) -> i128 {
    levels.iter().map(|level| i128::from(level.lots.0)).sum()
}

fn depth(
    book: &impl BookView,
    side: Side,
    levels: &[Level],
    covers: Option<Ticks>,
    query: &Query<'_>,
) {
    let taken = &levels[..levels.len().min(query.levels)];
    let depth = book.depth(side, query.levels);
    assert_eq!((depth.lots, depth.levels), (sum(taken), taken.len()));
    let whole = covers == Some(side.worst_price());
    assert_eq!(depth.covered, whole || levels.len() >= query.levels);

    let within = levels.partition_point(|level| !side.is_better(query.ticks, level.ticks));
    let depth = book.depth_to(side, query.ticks);
    assert_eq!((depth.lots, depth.levels), (sum(&levels[..within]), within));
    let covered = covers.is_some_and(|covers| !side.is_better(covers, query.ticks));
    assert_eq!(depth.covered, covered);

    let mut out = vec![Level::default(); query.levels];
    assert_eq!(book.copy_top(side, &mut out), taken.len());
    assert_eq!(&out[..taken.len()], taken);

    let imbalance = book.imbalance(query.levels);
    let near = book.imbalance_within(query.ticks);
    let (of, near) = match side {
        Side::Bid => (imbalance.bids, near.bids),
        Side::Ask => (imbalance.asks, near.asks),
    };
    assert_eq!(of, book.depth(side, query.levels));
    let best = levels.first().map_or(0, |level| i128::from(level.ticks.0));
    let away = |level: &Level| (i128::from(level.ticks.0) - best).abs();
    let range = i128::from(query.ticks.0);
    let within: Vec<Level> = levels
        .iter()
        .copied()
        .filter(|l| away(l) <= range)
        .collect();
    assert_eq!((near.lots, near.levels), (sum(&within), within.len()));
}

fn fill(book: &impl BookView, side: Side, levels: &[Level], lots: Lots) {
    let fill = book.fill(side, lots);
    let (mut rest, mut cost, mut taken) = (i128::from(lots.0.max(0)), 0, 0);
    for level in levels {
        let here = rest.min(level.lots.0.into());
        cost += here * i128::from(level.ticks.0);
        rest -= here;
        taken += usize::from(here > 0);
    }
    assert_eq!((fill.cost, fill.levels), (cost, taken));
    assert_eq!(i128::from(fill.lots.0), i128::from(lots.0.max(0)) - rest);
    assert_eq!(fill.is_complete(), rest == 0);
    let worst = taken.checked_sub(1).map(|last| levels[last].ticks);
    assert_eq!(fill.worst, worst);
    assert_eq!(
        fill.average().map(|ratio| ratio.numerator),
        worst.map(|_| cost)
    );
}

fn groups(book: &impl BookView, side: Side, levels: &[Level], step: Ticks) {
    let whole = i128::from(step.0.max(1));
    let mut groups: BTreeMap<i64, (i128, u64)> = BTreeMap::new();
    for level in levels {
        let ticks = i128::from(level.ticks.0);
        let group = match side {
            Side::Bid => ticks.div_euclid(whole) * whole,
            Side::Ask => -(-ticks).div_euclid(whole) * whole,
        };
        let all = groups.entry(clamp(group)).or_default();
        all.0 += i128::from(level.lots.0);
        all.1 += u64::from(level.count);
    }
    let mut expected: Vec<Level> = groups
        .into_iter()
        .map(|(ticks, (lots, count))| Level {
            ticks: Ticks(ticks),
            lots: Lots(clamp(lots)),
            count: u32::try_from(count).unwrap_or(u32::MAX),
        })
        .collect();
    if side == Side::Bid {
        expected.reverse();
    }
    assert_eq!(
        book.grouped(step).levels(side).collect::<Vec<_>>(),
        expected
    );
}

fn own(book: &impl BookView, side: Side, levels: &[Level], own: &[Level]) {
    let others = levels.iter().filter_map(|level| {
        let mine = own
            .iter()
            .filter(|o| o.ticks == level.ticks && o.lots > Lots(0));
        let (mut lots, mut count) = (i128::from(level.lots.0), i64::from(level.count));
        for own in mine {
            lots -= i128::from(own.lots.0);
            count -= i64::from(own.count.max(1));
        }
        (lots > 0).then(|| Level {
            lots: Lots(clamp(lots)),
            count: u32::try_from(count).unwrap_or(0),
            ..*level
        })
    });
    let view = book.without_own(own, own);
    assert_eq!(
        view.levels(side).collect::<Vec<_>>(),
        others.collect::<Vec<_>>()
    );
}

/// The other outcome, and both as one.
fn others(book: &impl BookView, sides: &[Vec<Level>; 2], covers: [Option<Ticks>; 2], one: Ticks) {
    let turned = book.complement(one);
    let both = book.combined(&turned);
    for side in [Side::Bid, Side::Ask] {
        let other = side.opposite();
        let expected: Vec<Level> = sides[other as usize]
            .iter()
            .filter_map(|level| {
                let ticks = Ticks(one.0.checked_sub(level.ticks.0)?);
                Some(Level { ticks, ..*level })
            })
            .collect();
        assert_eq!(turned.levels(side).collect::<Vec<_>>(), expected);
        let far = covers[other as usize].map(|ticks| {
            if ticks == other.worst_price() {
                side.worst_price()
            } else {
                Ticks(one.0.saturating_sub(ticks.0))
            }
        });
        assert_eq!(turned.covers(side), far);
        let ends = covers[side as usize].zip(far);
        let end = ends.map(|(a, b)| if side.is_better(a, b) { a } else { b });
        assert_eq!(both.covers(side), end);
        let mut sums: BTreeMap<i64, i128> = BTreeMap::new();
        for level in sides[side as usize].iter().chain(&expected) {
            if end.is_some_and(|end| !side.is_better(end, level.ticks)) {
                *sums.entry(level.ticks.0).or_default() += i128::from(level.lots.0);
            }
        }
        let mut sums: Vec<(i64, i64)> = sums.into_iter().map(|(t, l)| (t, clamp(l))).collect();
        if side == Side::Bid {
            sums.reverse();
        }
        let got = both.levels(side).map(|level| (level.ticks.0, level.lots.0));
        assert_eq!(got.collect::<Vec<_>>(), sums);
    }
}
