//! Books from the standard library: two maps, or two sorted arrays.

use std::collections::BTreeMap;

use ticklot_benches::WalkStep;
use ticklot_book::Side;

use super::{DEPTH, DepthBook, LevelBook, Quote};

/// Two maps from price to quantity.
#[derive(Default)]
pub(in crate::tables) struct Maps {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

fn quote((&ticks, &lots): (&i64, &i64)) -> Quote {
    (ticks, lots)
}

impl LevelBook for Maps {
    type Update = WalkStep;

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
    fn best_prices(&self) -> impl Sized {
        let bid = self.bids.last_key_value().map(|(&ticks, _)| ticks);
        (bid, self.asks.first_key_value().map(|(&ticks, _)| ticks))
    }

    #[inline(always)]
    fn best_levels(&self) -> impl Sized {
        self.best()
    }

    #[inline(always)]
    fn best(&self) -> [Option<Quote>; 2] {
        [
            self.bids.last_key_value().map(quote),
            self.asks.first_key_value().map(quote),
        ]
    }

    fn levels(&self, side: Side) -> Vec<Quote> {
        match side {
            Side::Bid => self.bids.iter().rev().map(quote).collect(),
            Side::Ask => self.asks.iter().map(quote).collect(),
        }
    }
}

impl DepthBook for Maps {
    type Top = [[Quote; DEPTH]; 2];

    #[inline(always)]
    fn top(&self) -> Self::Top {
        let mut out = [[(0, 0); DEPTH]; 2];
        for (out, level) in out[0].iter_mut().zip(self.bids.iter().rev()) {
            *out = quote(level);
        }
        for (out, level) in out[1].iter_mut().zip(&self.asks) {
            *out = quote(level);
        }
        out
    }

    fn quotes(top: Self::Top) -> [Vec<Quote>; 2] {
        top.map(Vec::from)
    }
}

/// Two sorted arrays, best first: the floor for reading levels in order.
#[derive(Default)]
pub(in crate::tables) struct Vecs {
    sides: [Vec<Quote>; 2],
}

impl LevelBook for Vecs {
    type Update = WalkStep;

    fn empty(_ticks: (i64, i64)) -> Self {
        Self::default()
    }

    fn update(step: &WalkStep) -> WalkStep {
        *step
    }

    fn apply(&mut self, step: &WalkStep) -> anyhow::Result<()> {
        let (ticks, lots) = (step.level.ticks.0, step.level.lots.0);
        let levels = &mut self.sides[step.side as usize];
        let index = levels.partition_point(|level| match step.side {
            Side::Bid => level.0 > ticks,
            Side::Ask => level.0 < ticks,
        });
        if levels.get(index).is_some_and(|level| level.0 == ticks) {
            levels.remove(index);
        }
        if lots > 0 {
            levels.insert(index, (ticks, lots));
        }
        Ok(())
    }

    fn clear(&mut self) -> anyhow::Result<()> {
        self.sides.iter_mut().for_each(Vec::clear);
        Ok(())
    }

    fn best_prices(&self) -> impl Sized {
        self.best()
    }

    fn best_levels(&self) -> impl Sized {
        self.best()
    }

    fn best(&self) -> [Option<Quote>; 2] {
        [0, 1].map(|side| self.sides[side].first().copied())
    }

    fn levels(&self, side: Side) -> Vec<Quote> {
        self.sides[side as usize].clone()
    }
}

impl DepthBook for Vecs {
    type Top = [[Quote; DEPTH]; 2];

    #[inline(always)]
    fn top(&self) -> Self::Top {
        let mut out = [[(0, 0); DEPTH]; 2];
        for (out, side) in out.iter_mut().zip(&self.sides) {
            let len = side.len().min(DEPTH);
            out[..len].copy_from_slice(&side[..len]);
        }
        out
    }

    fn quotes(top: Self::Top) -> [Vec<Quote>; 2] {
        top.map(Vec::from)
    }
}
