//! Property tests of the market over many seeds and thousands of steps.

use proptest::prelude::*;

use super::*;

/// Checks the invariants of a market.
fn check(market: &Market) {
    let (bids, asks) = (levels(market, Side::Bid), levels(market, Side::Ask));
    if let (Some(bid), Some(ask)) = (bids.first(), asks.first()) {
        assert!(bid.ticks < ask.ticks, "crossed: {bid:?} {ask:?}");
    }
    let totals = market.totals();
    let resting = market.resting(Side::Bid) + market.resting(Side::Ask);
    assert_eq!(totals.rested, totals.cancelled + totals.traded + resting);
}

/// Checks and returns the levels of a side.
fn levels(market: &Market, side: Side) -> Vec<Level> {
    let levels: Vec<_> = market.levels(side).collect();
    let config = &market.config;
    assert!(levels.len() <= config.depth);
    assert!(market.ladder(side).len() <= config.max_levels);
    for level in &levels {
        assert!(level.lots > Lots(0) && level.count >= 1, "{level:?}");
        assert!(level.ticks >= config.min && level.ticks <= config.max);
        assert!(usize::try_from(level.count).unwrap() <= config.max_orders);
    }
    for pair in levels.windows(2) {
        assert!(side.is_better(pair[0].ticks, pair[1].ticks), "{pair:?}");
    }
    levels
}

/// Steps a market, and checks its invariants, fills and new trades after each step.
fn run(market: &mut Market, steps: u64) {
    for now in 1..=steps {
        let before = market.totals().traded;
        market.step(now);
        check(market);
        let traded = market.totals().traded - before;
        check_fills(market, traded);
        let trades = market.trades().take_while(|it| it.created_ms == now);
        let lots: Vec<_> = trades.map(|trade| trade.lots.0).collect();
        assert!(lots.iter().all(|lots| *lots > 0));
        let sum: i64 = lots.iter().sum();
        // Newer trades of the same step may have evicted older ones.
        let is_complete = lots.len() < market.config.trades;
        assert!(sum == traded || !is_complete && sum < traded);
    }
}

/// The fills of a step account for all traded lots, and have opposite sides and valid owners.
fn check_fills(market: &Market, traded: i64) {
    let fills = market.fills();
    let filled: i64 = fills.iter().map(|fill| fill.lots.0).sum();
    assert_eq!(filled, traded);
    for fill in fills {
        assert_eq!(fill.maker.side, fill.taker.side.opposite());
        assert_eq!(fill.maker.limit, Some(fill.ticks));
        assert!(fill.maker.id < fill.taker.id, "{fill:?}");
        for order in [fill.maker, fill.taker] {
            assert!(order.left() >= Lots(0) && order.filled >= fill.lots);
            assert!(order.owner.0 < market.config.owners);
            let is_fair = |limit: Ticks| match order.side {
                Side::Bid => fill.ticks <= limit,
                Side::Ask => fill.ticks >= limit,
            };
            assert!(order.limit.is_none_or(is_fair), "{fill:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn spot_market_keeps_invariants(seed: u64) {
        run(&mut Market::btcusdt(seed), 1_500);
    }

    #[test]
    fn prediction_market_keeps_invariants(seed: u64, fair in 1_i64..=99) {
        let mut pair = OutcomePair::new(Ticks(fair), seed);
        for now in 0..1_500 {
            pair.step(now);
            check(pair.yes());
            check(pair.no());
            prop_assert_eq!(pair.yes().fair() + pair.no().fair(), Ticks(100));
        }
    }

    /// The trades of one order account for the changes of the levels that it matched.
    #[test]
    fn trades_match_level_changes(seed: u64, lots in 1_i64..20_000_000, buys: bool) {
        let mut market = Market::btcusdt(seed);
        let taker = if buys { Side::Bid } else { Side::Ask };
        let all = |market: &Market| market.ladder(taker.opposite()).levels().collect::<Vec<_>>();
        let before = all(&market);
        market.fills.clear();
        let mut order = market.order(taker, None, lots, 7);
        market.trade(&mut order, 7);
        let left = order.left().0;
        let after = all(&market);
        let mut trades: Vec<_> = market.trades().copied().collect();
        trades.reverse();
        for trade in &trades {
            let at = |levels: &[Level]| {
                let level = levels.iter().find(|level| level.ticks == trade.ticks);
                level.map_or(Lots(0), |level| level.lots)
            };
            prop_assert_eq!(at(&before) - at(&after), trade.lots);
            prop_assert_eq!((trade.taker, trade.created_ms), (taker, 7));
            let fills = market.fills().iter().filter(|fill| fill.ticks == trade.ticks);
            prop_assert_eq!(fills.map(|fill| fill.lots.0).sum::<i64>(), trade.lots.0);
        }
        if trades.len() < market.config.trades {
            let traded: i64 = trades.iter().map(|trade| trade.lots.0).sum();
            prop_assert_eq!(traded, lots - left);
            let first: Vec<_> = before.iter().take(trades.len()).map(|it| it.ticks).collect();
            prop_assert_eq!(first, trades.iter().map(|it| it.ticks).collect::<Vec<_>>());
        }
    }

    /// With one event per step, a fill is the only change of its level.
    #[test]
    fn fill_reduces_its_level(seed: u64) {
        let one = MarketConfig { events: 1, ..MarketConfig::outcome(Ticks(50)) };
        let mut market = Market::new(one, seed);
        let mut filled = 0;
        for now in 0..2_000 {
            let before = market.clone();
            market.step(now);
            for fills in market.fills().chunk_by(|a, b| a.ticks == b.ticks) {
                let at = |market: &Market| {
                    let mut levels = market.ladder(fills[0].maker.side).levels();
                    levels.find(|it| it.ticks == fills[0].ticks).map_or(0, |it| it.lots.0)
                };
                let lots: i64 = fills.iter().map(|fill| fill.lots.0).sum();
                prop_assert_eq!(at(&before) - at(&market), lots);
                filled += 1;
            }
        }
        prop_assert!(filled > 50, "{} levels with fills", filled);
    }

    #[test]
    fn seed_determines_market(seed: u64) {
        let mut one = Market::btcusdt(seed);
        let mut other = Market::btcusdt(seed);
        let mut stranger = Market::btcusdt(!seed);
        for now in 0..200 {
            one.step(now);
            other.step(now);
            stranger.step(now);
            prop_assert_eq!(one.view(), other.view());
        }
        prop_assert_ne!(one.view(), stranger.view());
    }
}

/// The number of simulated traders does not affect the published state.
#[test]
fn owners_do_not_affect_market() {
    let mut few = OutcomePair::with_owners(Ticks(62), 3, 1);
    let mut many = OutcomePair::with_owners(Ticks(62), 3, 50);
    let mut owners = std::collections::BTreeSet::new();
    for now in 0..500 {
        few.step(now);
        many.step(now);
        assert_eq!(few.yes().view(), many.yes().view());
        owners.extend(many.yes().fills().iter().map(|fill| fill.maker.owner));
    }
    assert!(owners.len() > 40, "{} of 50 trade", owners.len());
}

/// A minute of steps has plausible spreads, depths, changes and price movements.
#[test]
fn spot_market_trades_and_moves() {
    for seed in 0..8 {
        let mut market = Market::btcusdt(seed);
        let (mut spreads, mut shallow, mut changed) = (Vec::new(), 0, 0);
        let mut mids = std::collections::BTreeSet::new();
        let mut last = market.view();
        for now in 0..1_200 {
            market.step(now);
            let view = market.view();
            shallow += u32::from(view.bids.len() < 20 || view.asks.len() < 20);
            changed += u32::from(view != last);
            let (bid, ask) = (view.bids[0].ticks.0, view.asks[0].ticks.0);
            spreads.push(ask - bid);
            mids.insert((bid + ask) / 2);
            last = view;
        }
        spreads.sort_unstable();
        let median = spreads[spreads.len() / 2];
        assert!(
            (2..=60).contains(&median),
            "seed {seed}: a spread of {median}"
        );
        assert!(shallow < 12, "seed {seed}: {shallow} shallow books");
        assert!(changed > 1_000, "seed {seed}: {changed} changes");
        let span = mids.last().unwrap() - mids.first().unwrap();
        assert!(
            (100..60_000).contains(&span),
            "seed {seed}: a span of {span}"
        );
        assert!(mids.len() > 300, "seed {seed}: {} mids", mids.len());
        assert!(market.trades().count() == 20, "seed {seed}");
    }
}

/// YES and NO share one fair value but have independent orders.
#[test]
fn outcome_books_differ() {
    let mut mirrored = 0;
    let mut pair = OutcomePair::new(Ticks(62), 5);
    for now in 0..500 {
        pair.step(now);
        let mirror = |level: Level| Ticks(100 - level.ticks.0);
        let no: Vec<_> = pair.no().levels(Side::Bid).map(mirror).collect();
        let yes: Vec<_> = pair.yes().levels(Side::Ask).map(|it| it.ticks).collect();
        mirrored += u32::from(no == yes);
    }
    assert!(mirrored < 50, "{mirrored} of 500 books mirror each other");
}

#[test]
fn books_near_bounds_one_sided() {
    let (mut one_sided, mut two_sided) = (0, 0);
    for seed in 0..4 {
        let mut pair = OutcomePair::new(Ticks(2), seed);
        for now in 0..2_000 {
            pair.step(now);
            let is_one_sided = pair.yes().best(Side::Bid).is_none();
            one_sided += u32::from(is_one_sided);
            two_sided += u32::from(!is_one_sided);
        }
    }
    assert!(one_sided > 20 && two_sided > 20, "{one_sided} {two_sided}");
}
