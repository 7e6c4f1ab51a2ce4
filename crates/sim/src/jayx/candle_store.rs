//! The candles of one symbol, computed from its fills.

use std::collections::VecDeque;

use ticklot_book::{Lots, Ticks};

use crate::market::Fill;
use crate::wire::jayx::Candle;

/// The intervals of candles, in minutes. A client requests one as decimal text: `"60"`.
pub const INTERVALS: [u32; 11] = [1, 3, 5, 15, 30, 60, 120, 240, 360, 720, 1_440];

/// The index of the interval that a client requests.
pub(super) fn interval(text: &str) -> Option<usize> {
    let mut intervals = INTERVALS.iter();
    intervals.position(|minutes| minutes.to_string() == text)
}

/// All candles of one symbol.
#[derive(Debug)]
pub(super) struct CandleStore(Vec<CandleSeries>);

impl CandleStore {
    /// `rng` draws the id of each series. `capacity` is the number of candles per series.
    pub(super) fn new(mut rng: fastrand::Rng, capacity: usize) -> Self {
        let series = INTERVALS.iter().map(|minutes| CandleSeries {
            seconds: u64::from(*minutes) * 60,
            id: rng.u64(..),
            candles: VecDeque::new(),
            capacity: capacity.max(1),
            total: 0,
        });
        Self(series.collect())
    }

    /// The candles of an interval, by its index.
    pub(super) fn series(&self, interval: usize) -> &CandleSeries {
        &self.0[interval]
    }

    /// Adds the fills of a step.
    pub(super) fn add(&mut self, fills: &[Fill], now_ms: u64, step: u64) {
        for series in &mut self.0 {
            for fill in fills {
                series.add(fill.ticks, fill.lots, now_ms / 1_000, step);
            }
        }
    }
}

/// The last candles of one symbol and interval, oldest first.
#[derive(Debug)]
pub(super) struct CandleSeries {
    seconds: u64,
    id: u64,
    candles: VecDeque<CandleRecord>,
    capacity: usize,
    /// The number of candles so far, evicted ones included.
    total: u64,
}

/// A candle, and the steps in which it was created and last changed.
#[derive(Clone, Copy, Debug)]
struct CandleRecord {
    candle: Candle,
    created: u64,
    changed: u64,
}

/// An update of a candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CandleUpdate {
    pub(super) candle: Candle,
    pub(super) is_new: bool,
}

impl CandleSeries {
    /// The stored candles, oldest first.
    pub(super) fn candles(&self) -> impl Iterator<Item = Candle> {
        self.candles.iter().map(|it| it.candle)
    }

    /// The initial message of a subscription: the current candle. It is new if it is the first candle of the series.
    pub(super) fn current(&self) -> Option<CandleUpdate> {
        self.candles.back().map(|it| CandleUpdate {
            candle: it.candle,
            is_new: self.total == 1,
        })
    }

    /// The candles that changed after a step, oldest first.
    pub(super) fn since(&self, step: u64) -> impl Iterator<Item = CandleUpdate> {
        let from = self.candles.partition_point(|it| it.changed <= step);
        self.candles.range(from..).map(move |it| CandleUpdate {
            candle: it.candle,
            is_new: it.created > step,
        })
    }

    fn add(&mut self, ticks: Ticks, lots: Lots, now: u64, step: u64) {
        let created = now - now % self.seconds;
        // If the clock is set back, the trade is added to the current candle.
        if let Some(last) = self.candles.back_mut()
            && created <= last.candle.created
        {
            return last.add(ticks, lots, now, step);
        }
        let candle = Candle {
            series: self.id,
            created,
            open: ticks,
            high: ticks,
            low: ticks,
            close: ticks,
            volume: lots,
            modified: now,
        };
        self.candles.push_back(CandleRecord {
            candle,
            created: step,
            changed: step,
        });
        self.total += 1;
        if self.candles.len() > self.capacity {
            self.candles.pop_front();
        }
    }
}

impl CandleRecord {
    fn add(&mut self, ticks: Ticks, lots: Lots, now: u64, step: u64) {
        let candle = &mut self.candle;
        candle.high = candle.high.max(ticks);
        candle.low = candle.low.min(ticks);
        candle.close = ticks;
        candle.volume = candle.volume + lots;
        candle.modified = candle.modified.max(now);
        self.changed = step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes() -> CandleSeries {
        let mut candles = CandleStore::new(fastrand::Rng::with_seed(1), 3);
        candles.0.remove(0)
    }

    fn ohlcv(candle: &Candle) -> [i64; 5] {
        let Candle {
            open, high, low, ..
        } = candle;
        [open.0, high.0, low.0, candle.close.0, candle.volume.0]
    }

    #[test]
    fn candle_sums_its_trades() {
        let mut series = minutes();
        for (ticks, now) in [(50, 125), (53, 130), (48, 130), (49, 179)] {
            series.add(Ticks(ticks), Lots(2), now, 1);
        }
        let update = series.current().unwrap();
        assert_eq!(ohlcv(&update.candle), [50, 53, 48, 49, 8]);
        assert_eq!((update.candle.created, update.candle.modified), (120, 179));
        assert!(update.is_new);
    }

    /// An interval without trades has no candle and does not affect the next one.
    #[test]
    fn quiet_interval_has_no_candle() {
        let mut series = minutes();
        series.add(Ticks(50), Lots(1), 59, 1);
        series.add(Ticks(51), Lots(1), 240, 2);
        let created: Vec<_> = series.candles().map(|it| it.created).collect();
        assert_eq!(created, [0, 240]);
        assert_ne!(series.current().unwrap().candle.id(), "");
        assert!(!series.current().unwrap().is_new);
    }

    /// The changes since a step: the final state of the old candle, then each new candle.
    #[test]
    fn returns_changes_since_step() {
        let mut series = minutes();
        for step in 1..=9_u64 {
            series.add(Ticks(1), Lots(1), step * 20, step);
        }
        let since = |step| {
            let update = series.since(step);
            update
                .map(|it| (it.candle.created, it.is_new))
                .collect::<Vec<_>>()
        };
        assert_eq!(since(9), []);
        assert_eq!(since(8), [(180, true)]);
        assert_eq!(since(7), [(120, false), (180, true)]);
        assert_eq!(since(0), [(60, true), (120, true), (180, true)]);
    }

    #[test]
    fn reads_interval_text() {
        assert_eq!(interval("1"), Some(0));
        assert_eq!(interval("1440"), Some(10));
        for text in ["", "2", "01", "60 ", "D"] {
            assert_eq!(interval(text), None, "{text}");
        }
    }
}
