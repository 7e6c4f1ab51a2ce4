//! Merges the trades of each cell of the picture into one mark.

use std::collections::BTreeMap;

use ticklot::Ticks;
use ticklot::events::TradeSide;

/// Marks by cell and side, so that memory does not grow with the number of trades.
#[derive(Debug, Default)]
pub(crate) struct Trades(BTreeMap<(usize, usize, u8), Mark>);

/// The trades of one cell and side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mark {
    /// None if the venue did not report the side.
    pub(crate) side: Option<TradeSide>,
    /// The number of trades.
    pub(crate) count: u64,
    /// The traded quantity; zero where the venue reports prices only.
    pub(crate) lots: i128,
    /// The sum of the times.
    times: u128,
    /// The sum of the prices.
    prices: i128,
}

impl Mark {
    /// The average time of the trades in nanoseconds since 1970.
    pub(crate) fn time(&self) -> u128 {
        self.times / u128::from(self.count.max(1))
    }

    /// Twice the average price of the trades in ticks.
    pub(crate) fn double_ticks(&self) -> i128 {
        2 * self.prices / i128::from(self.count.max(1))
    }
}

impl Trades {
    /// Adds a trade to the cell at `(x, y)`.
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

    /// All marks, the largest first, so that small ones are drawn on top.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let mut marks: Vec<Mark> = self.0.values().copied().collect();
        marks.sort_by_key(|mark| std::cmp::Reverse(mark.lots));
        marks
    }

    /// The number of all trades.
    pub(crate) fn count(&self) -> u64 {
        self.0.values().map(|mark| mark.count).sum()
    }
}
