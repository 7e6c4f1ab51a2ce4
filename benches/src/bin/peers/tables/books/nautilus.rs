//! nautilus-model's order book, by price.

use nautilus_model::data::{BookOrder, OrderBookDelta};
use nautilus_model::enums::{BookAction, BookType, OrderSide};
use nautilus_model::identifiers::InstrumentId;
use nautilus_model::orderbook::{BookLevel, OrderBook};
use nautilus_model::types::fixed::FIXED_PRECISION;
use nautilus_model::types::{Price, Quantity};
use ticklot_benches::WalkStep;
use ticklot_book::Side;

use super::{LOT_DECIMALS, PRICE_DECIMALS, PeerBook, Rest, TEN};

/// Its raw numbers have nine decimals: a tick is so many, and a lot.
const TICK: i64 = 10_i64.pow((FIXED_PRECISION - PRICE_DECIMALS) as u32);
const LOT: u64 = 10_u64.pow((FIXED_PRECISION - LOT_DECIMALS) as u32);

/// A book of levels (`L2_MBP`).
pub(in crate::tables) struct Nautilus(OrderBook);

fn instrument() -> InstrumentId {
    InstrumentId::from("BTCUSDT-PERP.BINANCE")
}

fn rest(price: Price, quantity: Quantity) -> Rest {
    (
        price.raw / TICK,
        i64::try_from(quantity.raw / LOT).unwrap_or(-1),
    )
}

type Ten = [Option<(Price, Quantity)>; TEN];

#[inline(always)]
fn ten<'a>(levels: impl Iterator<Item = &'a BookLevel>) -> Ten {
    let mut out = [None; TEN];
    for (out, level) in out.iter_mut().zip(levels) {
        *out = level.first().map(|order| (level.price.value, order.size));
    }
    out
}

impl PeerBook for Nautilus {
    type Update = OrderBookDelta;
    type Prices = (Option<Price>, Option<Price>);
    type Quotes = [(Option<Price>, Option<Quantity>); 2];
    type Ten = [Ten; 2];

    fn empty(_ticks: (i64, i64)) -> Self {
        Self(OrderBook::new(instrument(), BookType::L2_MBP))
    }

    /// A venue of levels does not say whether a level is new: `Update` with a quantity, `Delete` without.
    fn update(WalkStep { side, level }: &WalkStep) -> OrderBookDelta {
        let side = match side {
            Side::Bid => OrderSide::Buy,
            Side::Ask => OrderSide::Sell,
        };
        let action = match level.lots.0 {
            0 => BookAction::Delete,
            _ => BookAction::Update,
        };
        let price = Price::from_raw(level.ticks.0 * TICK, PRICE_DECIMALS);
        let size = Quantity::from_raw(level.lots.0.unsigned_abs() * LOT, LOT_DECIMALS);
        let order = BookOrder::new(side, price, size, 0);
        OrderBookDelta::new(instrument(), action, order, 0, 1, 1.into(), 1.into())
    }

    #[inline(always)]
    fn apply(&mut self, delta: &OrderBookDelta) -> anyhow::Result<()> {
        self.0.apply_delta(delta)?;
        Ok(())
    }

    fn clear(&mut self) -> anyhow::Result<()> {
        self.0.reset();
        Ok(())
    }

    #[inline(always)]
    fn prices(&self) -> Self::Prices {
        (self.0.best_bid_price(), self.0.best_ask_price())
    }

    #[inline(always)]
    fn quotes(&self) -> Self::Quotes {
        [
            (self.0.best_bid_price(), self.0.best_bid_size()),
            (self.0.best_ask_price(), self.0.best_ask_size()),
        ]
    }

    #[inline(always)]
    fn ten(&self) -> Self::Ten {
        [ten(self.0.bids(Some(TEN))), ten(self.0.asks(Some(TEN)))]
    }

    fn best(&self) -> [Option<Rest>; 2] {
        let both =
            |(price, quantity): (Option<Price>, Option<Quantity>)| Some(rest(price?, quantity?));
        self.quotes().map(both)
    }

    fn ten_told(&self) -> [Vec<Rest>; 2] {
        let told = |side: Ten| {
            side.into_iter()
                .flatten()
                .map(|(p, q)| rest(p, q))
                .collect()
        };
        self.ten().map(told)
    }

    fn levels(&self, side: Side) -> Vec<Rest> {
        let told = |level: &BookLevel| Some(rest(level.price.value, level.first()?.size));
        match side {
            Side::Bid => self.0.bids(None).filter_map(told).collect(),
            Side::Ask => self.0.asks(None).filter_map(told).collect(),
        }
    }
}
