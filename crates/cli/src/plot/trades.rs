//! Trades, those of one place on the picture as one mark.

use std::collections::BTreeMap;

use ticklot::Ticks;
use ticklot::events::TradeSide;

/// Marks by where they are: no more than places, however many trades there are.
#[derive(Debug, Default)]
pub(crate) struct Trades(BTreeMap<(usize, usize, u8), Mark>);

/// Trades of one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mark {
    /// None when the venue did not say.
    pub(crate) side: Option<TradeSide>,
    /// How many.
    pub(crate) count: u64,
    /// The traded quantity; zero where the venue reports prices only.
    pub(crate) lots: i128,
    /// Sums over the trades.
    times: u128,
    prices: i128,
}

impl Mark {
    /// The trades' time, on average, in nanoseconds since 1970.
    pub(crate) fn time(&self) -> u128 {
        self.times / u128::from(self.count.max(1))
    }

    /// Twice the trades' price, on average, in ticks.
    pub(crate) fn double_ticks(&self) -> i128 {
        2 * self.prices / i128::from(self.count.max(1))
    }
}

impl Trades {
    /// Adds a trade that belongs at `place`, across and up.
    pub(crate) fn add(
        &mut self,
        (x, y): (usize, usize),
        at: u64,
        (ticks, lots): (Ticks, i64),
        side: Option<TradeSide>,
    ) {
        let taker = match side {
            None => 0,
            Some(TradeSide::Sell) => 1,
            Some(TradeSide::Buy) => 2,
        };
        let key = (x, y, taker);
        let mark = self.0.entry(key).or_insert(Mark {
            side,
            count: 0,
            lots: 0,
            times: 0,
            prices: 0,
        });
        mark.count += 1;
        mark.lots += i128::from(lots);
        mark.times += u128::from(at);
        mark.prices += i128::from(ticks.0);
    }

    /// All marks, the largest first, so that a small one is not hidden.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let mut marks: Vec<Mark> = self.0.values().copied().collect();
        marks.sort_by_key(|mark| std::cmp::Reverse(mark.lots));
        marks
    }

    /// How many trades there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.values().map(|mark| mark.count).sum()
    }
}
