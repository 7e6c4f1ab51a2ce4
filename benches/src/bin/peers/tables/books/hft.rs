//! hftbacktest's depths: an array over a range of prices, and a hash map.

use hftbacktest::depth::{HashMapMarketDepth, L2MarketDepth, MarketDepth, ROIVectorMarketDepth};
use hftbacktest::types::Side as HftSide;
use ticklot_benches::WalkStep;
use ticklot_book::Side;

use super::{PeerBook, Rest, TEN};

const TICK: f64 = 0.1;
const LOT: f64 = 0.001;

/// A level as its users have it: the numbers of the message as floats.
#[derive(Clone, Copy)]
pub(in crate::tables) struct Update {
    side: Side,
    price: f64,
    quantity: f64,
}

#[allow(clippy::cast_precision_loss)] // far below 2^53
fn update(step: &WalkStep) -> Update {
    Update {
        side: step.side,
        price: step.level.ticks.0 as f64 / 10.0,
        quantity: step.level.lots.0 as f64 / 1_000.0,
    }
}

#[allow(clippy::cast_possible_truncation)] // far below 2^53
fn lots(quantity: f64) -> i64 {
    (quantity / LOT).round() as i64
}

#[inline(always)]
fn apply(depth: &mut impl L2MarketDepth, update: &Update) {
    match update.side {
        Side::Bid => depth.update_bid_depth(update.price, update.quantity, 1),
        Side::Ask => depth.update_ask_depth(update.price, update.quantity, 1),
    };
}

fn clear(depth: &mut impl L2MarketDepth) {
    // No price up to which: all of it.
    depth.clear_depth(HftSide::Buy, f64::NAN);
    depth.clear_depth(HftSide::Sell, f64::NAN);
}

fn best(depth: &impl MarketDepth) -> [Option<Rest>; 2] {
    let (bid, ask) = (depth.best_bid_tick(), depth.best_ask_tick());
    [
        (bid != i64::MIN).then(|| (bid, lots(depth.best_bid_qty()))),
        (ask != i64::MAX).then(|| (ask, lots(depth.best_ask_qty()))),
    ]
}

fn told(ten: [[(i64, f64); TEN]; 2]) -> [Vec<Rest>; 2] {
    ten.map(|side| {
        side.map(|(ticks, quantity)| (ticks, lots(quantity)))
            .to_vec()
    })
}

/// A depth by price for each side, over a range that holds all prices of the market.
pub(in crate::tables) struct RoiVector(ROIVectorMarketDepth);

impl PeerBook for RoiVector {
    type Update = Update;
    type Prices = (i64, i64);
    type Quotes = [(i64, f64); 2];
    type Ten = [[(i64, f64); TEN]; 2];

    #[allow(clippy::cast_precision_loss)] // far below 2^53
    fn empty((low, high): (i64, i64)) -> Self {
        let (low, high) = (low as f64 / 10.0, high as f64 / 10.0);
        Self(ROIVectorMarketDepth::new(TICK, LOT, low, high))
    }

    fn update(step: &WalkStep) -> Update {
        update(step)
    }

    #[inline(always)]
    fn apply(&mut self, update: &Update) -> anyhow::Result<()> {
        apply(&mut self.0, update);
        Ok(())
    }

    fn clear(&mut self) -> anyhow::Result<()> {
        clear(&mut self.0);
        Ok(())
    }

    #[inline(always)]
    fn prices(&self) -> (i64, i64) {
        (self.0.best_bid_tick(), self.0.best_ask_tick())
    }

    #[inline(always)]
    fn quotes(&self) -> Self::Quotes {
        [
            (self.0.best_bid_tick(), self.0.best_bid_qty()),
            (self.0.best_ask_tick(), self.0.best_ask_qty()),
        ]
    }

    /// From the best price on, tick by tick, over its arrays: the way that its examples go.
    #[inline(always)]
    #[allow(
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        clippy::cast_possible_truncation
    )]
    fn ten(&self) -> Self::Ten {
        let mut out = [[(0, 0.0); TEN]; 2];
        let (low, _) = self.0.roi_tick();
        let (bids, asks) = (self.0.bid_depth(), self.0.ask_depth());
        let bid = (self.0.best_bid_tick() - low) as usize;
        let ask = (self.0.best_ask_tick() - low) as usize;
        let there = |&(_, &quantity): &(usize, &f64)| quantity > 0.0;
        let bids = bids[..=bid].iter().enumerate().rev().filter(there);
        for (out, (place, &quantity)) in out[0].iter_mut().zip(bids) {
            *out = (place as i64 + low, quantity);
        }
        let asks = asks[ask..].iter().enumerate().filter(there);
        for (out, (place, &quantity)) in out[1].iter_mut().zip(asks) {
            *out = ((place + ask) as i64 + low, quantity);
        }
        out
    }

    fn best(&self) -> [Option<Rest>; 2] {
        best(&self.0)
    }

    fn ten_told(&self) -> [Vec<Rest>; 2] {
        told(self.ten())
    }

    fn levels(&self, side: Side) -> Vec<Rest> {
        let (low, high) = self.0.roi_tick();
        let rest = |depth: &[f64]| -> Vec<Rest> {
            let all = (low..=high)
                .zip(depth)
                .filter(|(_, quantity)| **quantity > 0.0);
            all.map(|(ticks, &quantity)| (ticks, lots(quantity)))
                .collect()
        };
        match side {
            Side::Bid => rest(self.0.bid_depth()).into_iter().rev().collect(),
            Side::Ask => rest(self.0.ask_depth()),
        }
    }
}

/// A hash map by price for each side.
pub(in crate::tables) struct HashMap(HashMapMarketDepth);

impl PeerBook for HashMap {
    type Update = Update;
    type Prices = (i64, i64);
    type Quotes = [(i64, f64); 2];
    type Ten = [[(i64, f64); TEN]; 2];

    fn empty(_ticks: (i64, i64)) -> Self {
        Self(HashMapMarketDepth::new(TICK, LOT))
    }

    fn update(step: &WalkStep) -> Update {
        update(step)
    }

    #[inline(always)]
    fn apply(&mut self, update: &Update) -> anyhow::Result<()> {
        apply(&mut self.0, update);
        Ok(())
    }

    fn clear(&mut self) -> anyhow::Result<()> {
        clear(&mut self.0);
        Ok(())
    }

    #[inline(always)]
    fn prices(&self) -> (i64, i64) {
        (self.0.best_bid_tick(), self.0.best_ask_tick())
    }

    #[inline(always)]
    fn quotes(&self) -> Self::Quotes {
        [
            (self.0.best_bid_tick(), self.0.best_bid_qty()),
            (self.0.best_ask_tick(), self.0.best_ask_qty()),
        ]
    }

    /// From the best price on, tick by tick.
    #[inline(always)]
    fn ten(&self) -> Self::Ten {
        let mut out = [[(0, 0.0); TEN]; 2];
        let bids = (self.0.low_bid_tick..=self.0.best_bid_tick).rev();
        let bids = bids.map(|ticks| (ticks, self.0.bid_qty_at_tick(ticks)));
        for (out, level) in out[0].iter_mut().zip(bids.filter(|level| level.1 > 0.0)) {
            *out = level;
        }
        let asks = self.0.best_ask_tick..=self.0.high_ask_tick;
        let asks = asks.map(|ticks| (ticks, self.0.ask_qty_at_tick(ticks)));
        for (out, level) in out[1].iter_mut().zip(asks.filter(|level| level.1 > 0.0)) {
            *out = level;
        }
        out
    }

    fn best(&self) -> [Option<Rest>; 2] {
        best(&self.0)
    }

    fn ten_told(&self) -> [Vec<Rest>; 2] {
        told(self.ten())
    }

    fn levels(&self, side: Side) -> Vec<Rest> {
        let depth = match side {
            Side::Bid => &self.0.bid_depth,
            Side::Ask => &self.0.ask_depth,
        };
        let mut all: Vec<Rest> = depth.iter().map(|(&ticks, &q)| (ticks, lots(q))).collect();
        all.sort_unstable();
        if side == Side::Bid {
            all.reverse();
        }
        all
    }
}
