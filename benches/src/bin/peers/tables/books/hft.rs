//! The books of hftbacktest: an array over a range of prices, and a hash map.

use hftbacktest::depth::{HashMapMarketDepth, L2MarketDepth, MarketDepth, ROIVectorMarketDepth};
use hftbacktest::types::Side as HftSide;
use ticklot_benches::WalkStep;
use ticklot_book::Side;

use super::{DEPTH, DepthBook, LevelBook, Quote};

const TICK: f64 = 0.1;
const LOT: f64 = 0.001;

/// A level in the types of hftbacktest's users: the numbers of the message as floats.
#[derive(Clone, Copy)]
pub(in crate::tables) struct Update {
    side: Side,
    price: f64,
    quantity: f64,
}

#[allow(clippy::cast_possible_truncation)] // far below 2^53
fn lots(quantity: f64) -> i64 {
    (quantity / LOT).round() as i64
}

/// The differences between the two books.
pub(in crate::tables) trait Depth: L2MarketDepth + MarketDepth {
    /// A book for the prices from `low` to `high`.
    fn new(low: f64, high: f64) -> Self;

    /// All levels of a side, in any order.
    fn levels(&self, side: Side) -> Vec<Quote>;
}

/// A book of hftbacktest.
pub(in crate::tables) struct Hft<D>(D);

/// An array by price for each side, over a range that holds all prices of the market.
pub(in crate::tables) type RoiVector = Hft<ROIVectorMarketDepth>;

/// A hash map by price for each side.
pub(in crate::tables) type HashMap = Hft<HashMapMarketDepth>;

impl<D: Depth> LevelBook for Hft<D> {
    type Update = Update;

    #[allow(clippy::cast_precision_loss)] // far below 2^53
    fn empty((low, high): (i64, i64)) -> Self {
        Self(D::new(low as f64 / 10.0, high as f64 / 10.0))
    }

    #[allow(clippy::cast_precision_loss)] // far below 2^53
    fn update(step: &WalkStep) -> Update {
        Update {
            side: step.side,
            price: step.level.ticks.0 as f64 / 10.0,
            quantity: step.level.lots.0 as f64 / 1_000.0,
        }
    }

    #[inline(always)]
    fn apply(&mut self, update: &Update) -> anyhow::Result<()> {
        match update.side {
            Side::Bid => self.0.update_bid_depth(update.price, update.quantity, 1),
            Side::Ask => self.0.update_ask_depth(update.price, update.quantity, 1),
        };
        Ok(())
    }

    fn clear(&mut self) -> anyhow::Result<()> {
        // NaN: all prices.
        self.0.clear_depth(HftSide::Buy, f64::NAN);
        self.0.clear_depth(HftSide::Sell, f64::NAN);
        Ok(())
    }

    #[inline(always)]
    fn best_prices(&self) -> impl Sized {
        (self.0.best_bid_tick(), self.0.best_ask_tick())
    }

    #[inline(always)]
    fn best_levels(&self) -> impl Sized {
        [
            (self.0.best_bid_tick(), self.0.best_bid_qty()),
            (self.0.best_ask_tick(), self.0.best_ask_qty()),
        ]
    }

    fn best(&self) -> [Option<Quote>; 2] {
        let (bid, ask) = (self.0.best_bid_tick(), self.0.best_ask_tick());
        [
            (bid != i64::MIN).then(|| (bid, lots(self.0.best_bid_qty()))),
            (ask != i64::MAX).then(|| (ask, lots(self.0.best_ask_qty()))),
        ]
    }

    fn levels(&self, side: Side) -> Vec<Quote> {
        let mut levels = self.0.levels(side);
        levels.sort_unstable();
        if side == Side::Bid {
            levels.reverse();
        }
        levels
    }
}

impl Depth for ROIVectorMarketDepth {
    fn new(low: f64, high: f64) -> Self {
        Self::new(TICK, LOT, low, high)
    }

    fn levels(&self, side: Side) -> Vec<Quote> {
        let (low, high) = self.roi_tick();
        let depth = match side {
            Side::Bid => self.bid_depth(),
            Side::Ask => self.ask_depth(),
        };
        let levels = (low..=high).zip(depth);
        let levels = levels.filter(|(_, quantity)| **quantity > 0.0);
        levels.map(|(ticks, &it)| (ticks, lots(it))).collect()
    }
}

impl Depth for HashMapMarketDepth {
    fn new(_low: f64, _high: f64) -> Self {
        Self::new(TICK, LOT)
    }

    fn levels(&self, side: Side) -> Vec<Quote> {
        let depth = match side {
            Side::Bid => &self.bid_depth,
            Side::Ask => &self.ask_depth,
        };
        depth
            .iter()
            .map(|(&ticks, &it)| (ticks, lots(it)))
            .collect()
    }
}

impl DepthBook for RoiVector {
    type Top = [[(i64, f64); DEPTH]; 2];

    /// Reads its arrays tick by tick from the best price on, as its examples do.
    #[inline(always)]
    #[allow(
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        clippy::cast_possible_truncation
    )]
    fn top(&self) -> Self::Top {
        let mut out = [[(0, 0.0); DEPTH]; 2];
        let (low, _) = self.0.roi_tick();
        let (bids, asks) = (self.0.bid_depth(), self.0.ask_depth());
        let bid = (self.0.best_bid_tick() - low) as usize;
        let ask = (self.0.best_ask_tick() - low) as usize;
        let exists = |&(_, &quantity): &(usize, &f64)| quantity > 0.0;
        let bids = bids[..=bid].iter().enumerate().rev().filter(exists);
        for (out, (index, &quantity)) in out[0].iter_mut().zip(bids) {
            *out = (index as i64 + low, quantity);
        }
        let asks = asks[ask..].iter().enumerate().filter(exists);
        for (out, (index, &quantity)) in out[1].iter_mut().zip(asks) {
            *out = ((index + ask) as i64 + low, quantity);
        }
        out
    }

    fn quotes(top: Self::Top) -> [Vec<Quote>; 2] {
        top.map(|side| side.map(|(ticks, it)| (ticks, lots(it))).to_vec())
    }
}
