//! What one writes without a crate: two maps, or two sorted arrays.

use std::collections::BTreeMap;

use ticklot_benches::WalkStep;
use ticklot_book::Side;

use super::{PeerBook, Rest, TEN};

/// Two maps from price to quantity.
#[derive(Default)]
pub(in crate::tables) struct Maps {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl PeerBook for Maps {
    type Update = WalkStep;
    type Prices = (Option<i64>, Option<i64>);
    type Quotes = [Option<Rest>; 2];
    type Ten = [[Rest; TEN]; 2];

    fn empty(_ticks: (i64, i64)) -> Self {
        Self::default()
    }

    fn update(step: &WalkStep) -> WalkStep {
        *step
    }

    #[inline(always)]
    fn apply(&mut self, WalkStep { side, level }: &WalkStep) -> anyhow::Result<()> {
        let map = match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        };
        if level.lots.0 == 0 {
            map.remove(&level.ticks.0);
        } else {
            map.insert(level.ticks.0, level.lots.0);
        }
        Ok(())
    }

    fn clear(&mut self) -> anyhow::Result<()> {
        *self = Self::default();
        Ok(())
    }

    #[inline(always)]
    fn prices(&self) -> Self::Prices {
        let bid = self.bids.last_key_value().map(|(&ticks, _)| ticks);
        (bid, self.asks.first_key_value().map(|(&ticks, _)| ticks))
    }

    #[inline(always)]
    fn quotes(&self) -> Self::Quotes {
        self.best()
    }

    #[inline(always)]
    fn ten(&self) -> Self::Ten {
        let mut out = [[(0, 0); TEN]; 2];
        for (place, (&ticks, &lots)) in out[0].iter_mut().zip(self.bids.iter().rev()) {
            *place = (ticks, lots);
        }
        for (place, (&ticks, &lots)) in out[1].iter_mut().zip(&self.asks) {
            *place = (ticks, lots);
        }
        out
    }

    #[inline(always)]
    fn best(&self) -> [Option<Rest>; 2] {
        let rest = |(&ticks, &lots): (&i64, &i64)| (ticks, lots);
        [
            self.bids.last_key_value().map(rest),
            self.asks.first_key_value().map(rest),
        ]
    }

    fn ten_told(&self) -> [Vec<Rest>; 2] {
        self.ten().map(Vec::from)
    }

    fn levels(&self, side: Side) -> Vec<Rest> {
        let rest = |(&ticks, &lots): (&i64, &i64)| (ticks, lots);
        match side {
            Side::Bid => self.bids.iter().rev().map(rest).collect(),
            Side::Ask => self.asks.iter().map(rest).collect(),
        }
    }
}

/// Two sorted arrays, best first: the floor for reading levels in their order.
#[derive(Default)]
pub(in crate::tables) struct Vecs {
    sides: [Vec<Rest>; 2],
}

impl PeerBook for Vecs {
    type Update = WalkStep;
    type Prices = (Option<i64>, Option<i64>);
    type Quotes = [Option<Rest>; 2];
    type Ten = [[Rest; TEN]; 2];

    fn empty(_ticks: (i64, i64)) -> Self {
        Self::default()
    }

    fn update(step: &WalkStep) -> WalkStep {
        *step
    }

    #[inline(always)]
    fn apply(&mut self, WalkStep { side, level }: &WalkStep) -> anyhow::Result<()> {
        let (ticks, lots) = (level.ticks.0, level.lots.0);
        let (levels, place) = match side {
            Side::Bid => {
                let levels = &mut self.sides[0];
                let place = levels.partition_point(|rest| rest.0 > ticks);
                (levels, place)
            }
            Side::Ask => {
                let levels = &mut self.sides[1];
                let place = levels.partition_point(|rest| rest.0 < ticks);
                (levels, place)
            }
        };
        let there = levels.get(place).is_some_and(|rest| rest.0 == ticks);
        match (there, lots) {
            (true, 0) => drop(levels.remove(place)),
            (true, _) => levels[place].1 = lots,
            (false, 0) => {}
            (false, _) => levels.insert(place, (ticks, lots)),
        }
        Ok(())
    }

    fn clear(&mut self) -> anyhow::Result<()> {
        self.sides.iter_mut().for_each(Vec::clear);
        Ok(())
    }

    #[inline(always)]
    fn prices(&self) -> Self::Prices {
        let [bid, ask] = self.best();
        (bid.map(|rest| rest.0), ask.map(|rest| rest.0))
    }

    #[inline(always)]
    fn quotes(&self) -> Self::Quotes {
        self.best()
    }

    #[inline(always)]
    fn ten(&self) -> Self::Ten {
        let mut out = [[(0, 0); TEN]; 2];
        for (out, side) in out.iter_mut().zip(&self.sides) {
            let there = side.len().min(TEN);
            out[..there].copy_from_slice(&side[..there]);
        }
        out
    }

    #[inline(always)]
    fn best(&self) -> [Option<Rest>; 2] {
        [
            self.sides[0].first().copied(),
            self.sides[1].first().copied(),
        ]
    }

    fn ten_told(&self) -> [Vec<Rest>; 2] {
        self.ten().map(Vec::from)
    }

    fn levels(&self, side: Side) -> Vec<Rest> {
        self.sides[side as usize].clone()
    }
}
