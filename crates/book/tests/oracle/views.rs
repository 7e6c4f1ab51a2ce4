//! A naive version of every view of a book, computed from its levels.

use std::collections::BTreeMap;

use ticklot_book::{BookView, Depth, Fill, HalfTicks, Level, Lots, Ratio, Side, Ticks};

const SIDES: [Side; 2] = [Side::Bid, Side::Ask];

/// The expected levels of a view, best first, and the prices that it covers, by [`Side`].
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) sides: [Vec<Level>; 2],
    pub(crate) covers: [Option<Ticks>; 2],
}

/// The arguments of the views.
pub(crate) struct Query<'a> {
    /// The number of levels.
    pub(crate) levels: usize,
    /// A price, a range, a step, or the payout of two outcomes.
    pub(crate) ticks: Ticks,
    /// A quantity.
    pub(crate) lots: Lots,
    /// Own orders: all of them on the bid side, the second half on the ask side.
    pub(crate) own: &'a [Level],
}

/// Checks every view of a book with these levels.
pub(crate) fn check(book: &impl BookView, expected: &View, query: &Query<'_>) {
    check_levels(book, expected);
    check_touch(book, expected);
    for side in SIDES {
        check_depth(book, side, expected, query);
        check_fill(book, side, &expected.sides[side as usize], query.lots);
    }
    let grouped = expected.grouped(query.ticks);
    check_levels(&book.grouped(query.ticks), &grouped);
    let (bids, asks) = (query.own, &query.own[query.own.len() / 2..]);
    let others = expected.without([bids, asks]);
    check_levels(&book.without_own(bids, asks), &others);
    let complement = expected.complement(query.ticks);
    check_levels(&book.complement(query.ticks), &complement);
    let combined = expected.combined(&complement);
    check_levels(&book.combined(&book.complement(query.ticks)), &combined);
}

/// Checks the levels and the coverage of a view.
pub(crate) fn check_levels(view: &impl BookView, expected: &View) {
    for side in SIDES {
        let levels = &expected.sides[side as usize];
        assert_eq!(&view.levels(side).collect::<Vec<_>>(), levels, "{side}");
        assert_eq!(view.best(side), levels.first().copied(), "{side}");
        assert_eq!(view.covers(side), expected.covers[side as usize], "{side}");
    }
}

fn clamp(number: i128) -> i64 {
    i64::try_from(number.clamp(i64::MIN.into(), i64::MAX.into())).unwrap()
}

/// The levels of a side, with the sums of those with equal prices.
fn merged(side: Side, levels: impl Iterator<Item = Level>) -> Vec<Level> {
    let mut sums: BTreeMap<Ticks, (i128, u64)> = BTreeMap::new();
    for level in levels {
        let (lots, count) = sums.entry(level.ticks).or_default();
        *lots += i128::from(level.lots.0);
        *count += u64::from(level.count);
    }
    let level = |(ticks, (lots, count))| Level {
        ticks,
        lots: Lots(clamp(lots)),
        count: u32::try_from(count).unwrap_or(u32::MAX),
    };
    let mut levels: Vec<Level> = sums.into_iter().map(level).collect();
    if side == Side::Bid {
        levels.reverse();
    }
    levels
}

impl View {
    fn grouped(&self, step: Ticks) -> Self {
        let step = i128::from(step.0.max(1));
        let group = |side, ticks: Ticks| match side {
            Side::Bid => i128::from(ticks.0).div_euclid(step) * step,
            Side::Ask => -(-i128::from(ticks.0)).div_euclid(step) * step,
        };
        let covers = |side: Side, last: Ticks| {
            let inward = if side == Side::Bid { step } else { -step };
            let group = group(side, last);
            let is_whole = group == i128::from(last.0) || last == side.worst_price();
            if is_whole {
                last
            } else {
                Ticks(clamp(i128::from(clamp(group)) + inward))
            }
        };
        Self {
            sides: SIDES.map(|side| {
                let levels = self.sides[side as usize].iter().map(|level| Level {
                    ticks: Ticks(clamp(group(side, level.ticks))),
                    ..*level
                });
                merged(side, levels)
            }),
            covers: SIDES.map(|side| Some(covers(side, self.covers[side as usize]?))),
        }
    }

    fn without(&self, own: [&[Level]; 2]) -> Self {
        let rest = |level: &Level, own: &[Level]| {
            let (mut lots, mut count) = (i128::from(level.lots.0), i64::from(level.count));
            for own in own
                .iter()
                .filter(|own| own.ticks == level.ticks && own.lots > Lots(0))
            {
                lots -= i128::from(own.lots.0);
                count -= i64::from(own.count.max(1));
            }
            (lots > 0).then(|| Level {
                lots: Lots(clamp(lots)),
                count: u32::try_from(count).unwrap_or(0),
                ..*level
            })
        };
        let side = |side: Side| {
            let levels = self.sides[side as usize].iter();
            levels
                .filter_map(|level| rest(level, own[side as usize]))
                .collect()
        };
        Self {
            sides: SIDES.map(side),
            covers: self.covers,
        }
    }

    fn complement(&self, one: Ticks) -> Self {
        let side = |side: Side| {
            let turned = |level: &Level| {
                let ticks = Ticks(one.0.checked_sub(level.ticks.0)?);
                Some(Level { ticks, ..*level })
            };
            let levels = self.sides[side.opposite() as usize].iter();
            levels.filter_map(turned).collect()
        };
        let covers = |side: Side| {
            let last = self.covers[side.opposite() as usize]?;
            Some(if last == side.opposite().worst_price() {
                side.worst_price()
            } else {
                Ticks(one.0.saturating_sub(last.0))
            })
        };
        Self {
            sides: SIDES.map(side),
            covers: SIDES.map(covers),
        }
    }

    pub(crate) fn combined(&self, other: &Self) -> Self {
        let covers = SIDES.map(|side| {
            let (a, b) = self.covers[side as usize].zip(other.covers[side as usize])?;
            Some(if side.is_better(a, b) { a } else { b })
        });
        let side = |side: Side| {
            let [first, second] = [self, other].map(|view| view.sides[side as usize].iter());
            let mut levels = merged(side, first.chain(second).copied());
            let last = covers[side as usize];
            levels.retain(|level| last.is_some_and(|last| !side.is_better(last, level.ticks)));
            levels
        };
        Self {
            sides: SIDES.map(side),
            covers,
        }
    }
}

fn check_touch(book: &impl BookView, expected: &View) {
    let best = SIDES.map(|side| expected.sides[side as usize].first().copied());
    assert_eq!([book.best_bid(), book.best_ask()], best);
    let (spread, mid, micro) = (book.spread(), book.mid(), book.microprice());
    let [Some(bid), Some(ask)] = best else {
        assert_eq!((spread, mid, micro), (None, None, None));
        return;
    };
    let (b, a) = (i128::from(bid.ticks.0), i128::from(ask.ticks.0));
    let (bl, al) = (i128::from(bid.lots.0), i128::from(ask.lots.0));
    assert_eq!(spread, Some(Ticks(clamp(a - b))));
    assert_eq!(mid, Some(HalfTicks(a + b)));
    let mid = mid.unwrap();
    assert_eq!(mid.floor(), (a + b).div_euclid(2));
    assert_eq!(mid.is_half_tick(), (a + b) % 2 != 0);
    let ratio = Ratio {
        numerator: b * al + a * bl,
        denominator: bl + al,
    };
    assert_eq!(micro, Some(ratio));
    assert!((b.min(a)..=b.max(a)).contains(&ratio.floor().unwrap()));
}

fn check_depth(book: &impl BookView, side: Side, expected: &View, query: &Query<'_>) {
    let levels = &expected.sides[side as usize];
    let covers = expected.covers[side as usize];
    let total = |levels: &[Level], covered| Depth {
        lots: levels.iter().map(|level| i128::from(level.lots.0)).sum(),
        levels: levels.len(),
        covered,
    };
    let taken = &levels[..levels.len().min(query.levels)];
    let is_all = taken.len() == query.levels || covers == Some(side.worst_price());
    assert_eq!(book.depth(side, query.levels), total(taken, is_all));
    let depth_to = |limit: Ticks| {
        let within = levels.partition_point(|level| !side.is_better(limit, level.ticks));
        let is_covered = covers.is_some_and(|covers| !side.is_better(covers, limit));
        total(&levels[..within], is_covered)
    };
    assert_eq!(book.depth_to(side, query.ticks), depth_to(query.ticks));

    let mut out = vec![Level::new(Ticks(-1), Lots(-1)); query.levels];
    assert_eq!(book.copy_top(side, &mut out), taken.len());
    assert_eq!(&out[..taken.len()], taken);
    let is_untouched = |level: &Level| level.lots == Lots(-1);
    assert!(out[taken.len()..].iter().all(is_untouched));

    let imbalances = [
        book.imbalance(query.levels),
        book.imbalance_within(query.ticks),
    ];
    let [by_levels, within] = imbalances.map(|imbalance| match side {
        Side::Bid => imbalance.bids,
        Side::Ask => imbalance.asks,
    });
    assert_eq!(by_levels, total(taken, is_all));
    let expected = match levels.first() {
        Some(best) if query.ticks >= Ticks(0) => {
            let sign = if side == Side::Bid { -1 } else { 1 };
            let limit = i128::from(best.ticks.0) + sign * i128::from(query.ticks.0);
            depth_to(Ticks(clamp(limit)))
        }
        _ => total(&[], true),
    };
    assert_eq!(within, expected);
}

fn check_fill(book: &impl BookView, side: Side, levels: &[Level], lots: Lots) {
    let wanted = i128::from(lots.0.max(0));
    let (mut rest, mut cost, mut taken) = (wanted, 0, 0);
    for level in levels {
        let here = rest.min(level.lots.0.into());
        cost += here * i128::from(level.ticks.0);
        rest -= here;
        taken += usize::from(here > 0);
    }
    let expected = Fill {
        requested: lots,
        lots: Lots(clamp(wanted - rest)),
        worst: taken.checked_sub(1).map(|last| levels[last].ticks),
        levels: taken,
        cost,
    };
    let fill = book.fill(side, lots);
    assert_eq!(fill, expected);
    assert_eq!(fill.is_complete(), rest == 0);
    let average = fill
        .average()
        .map(|ratio| (ratio.numerator, ratio.denominator));
    assert_eq!(average, (taken > 0).then_some((cost, wanted - rest)));
}
