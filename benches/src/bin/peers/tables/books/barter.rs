//! barter-data's order book.

use barter_data::books::{Asks, Bids, Level, OrderBookSide};
use rust_decimal::Decimal;
use ticklot_benches::WalkStep;
use ticklot_book::Side;

use super::{LOT_DECIMALS, PRICE_DECIMALS, PeerBook, Rest, TEN};

/// Its two sides: `OrderBook::update` does no more than to hand each its levels, out of an `OrderBook`
/// that would have to be allocated for each message.
#[derive(Default)]
pub(in crate::tables) struct Barter {
    bids: OrderBookSide<Bids>,
    asks: OrderBookSide<Asks>,
}

fn rest(level: &Level) -> Rest {
    let whole = |number: Decimal| i64::try_from(number.mantissa()).unwrap_or(i64::MIN);
    (whole(level.price), whole(level.amount))
}

#[inline(always)]
fn ten(levels: &[Level]) -> [Level; TEN] {
    let mut out = [Level::default(); TEN];
    let there = levels.len().min(TEN);
    out[..there].copy_from_slice(&levels[..there]);
    out
}

impl PeerBook for Barter {
    type Update = (Side, Level);
    type Prices = (Option<Decimal>, Option<Decimal>);
    type Quotes = [Option<Level>; 2];
    type Ten = [[Level; TEN]; 2];

    fn empty(_ticks: (i64, i64)) -> Self {
        Self::default()
    }

    fn update(WalkStep { side, level }: &WalkStep) -> (Side, Level) {
        let price = Decimal::new(level.ticks.0, PRICE_DECIMALS.into());
        let amount = Decimal::new(level.lots.0, LOT_DECIMALS.into());
        (*side, Level { price, amount })
    }

    #[inline(always)]
    fn apply(&mut self, (side, level): &(Side, Level)) -> anyhow::Result<()> {
        let levels = std::slice::from_ref(level);
        match side {
            Side::Bid => self.bids.upsert(levels),
            Side::Ask => self.asks.upsert(levels),
        }
        Ok(())
    }

    fn clear(&mut self) -> anyhow::Result<()> {
        *self = Self::default();
        Ok(())
    }

    #[inline(always)]
    fn prices(&self) -> Self::Prices {
        let bid = self.bids.best().map(|level| level.price);
        (bid, self.asks.best().map(|level| level.price))
    }

    #[inline(always)]
    fn quotes(&self) -> Self::Quotes {
        [self.bids.best().copied(), self.asks.best().copied()]
    }

    #[inline(always)]
    fn ten(&self) -> Self::Ten {
        [ten(self.bids.levels()), ten(self.asks.levels())]
    }

    fn best(&self) -> [Option<Rest>; 2] {
        [self.bids.best().map(rest), self.asks.best().map(rest)]
    }

    fn ten_told(&self) -> [Vec<Rest>; 2] {
        self.ten().map(|side| side.iter().map(rest).collect())
    }

    fn levels(&self, side: Side) -> Vec<Rest> {
        match side {
            Side::Bid => self.bids.levels().iter().map(rest).collect(),
            Side::Ask => self.asks.levels().iter().map(rest).collect(),
        }
    }
}
