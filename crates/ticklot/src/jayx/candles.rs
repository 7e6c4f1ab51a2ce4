//! Candles of one symbol and interval.

use std::collections::VecDeque;

use ticklot_book::{Lots, Nanos, Ticks};
use ticklot_frame::UnixSeconds;
use ticklot_frame::jayx::{self, Kline};

/// How many candles a series keeps: a day of minutes.
pub const MAX_CANDLES: usize = 1440;

/// A candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Candle {
    /// When it begins.
    pub opened: UnixSeconds,
    /// The first price.
    pub open: Ticks,
    /// The highest price.
    pub high: Ticks,
    /// The lowest price.
    pub low: Ticks,
    /// The last price.
    pub close: Ticks,
    /// What was traded.
    pub volume: Lots,
    /// When it was last modified.
    pub modified: UnixSeconds,
}

/// The candles of one symbol and interval, oldest first, at most [`MAX_CANDLES`]: of more, the oldest
/// go.
#[derive(Debug)]
pub struct Candles {
    symbol: Box<str>,
    interval: Box<str>,
    candles: VecDeque<Candle>,
    live: bool,
    updated: Nanos,
}

impl Candles {
    pub(crate) fn new(symbol: &str, interval: &str) -> Self {
        Self {
            symbol: symbol.into(),
            interval: interval.into(),
            candles: VecDeque::new(),
            live: false,
            updated: Nanos(0),
        }
    }

    /// The symbol.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// The interval, in the venue's words.
    #[must_use]
    pub fn interval(&self) -> &str {
        &self.interval
    }

    /// Whether the connection is up and has told of a candle, not longer ago than the session's limit.
    /// What happened while it was not may be missing.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// The candle that is being made.
    #[must_use]
    pub fn last(&self) -> Option<&Candle> {
        self.candles.back()
    }

    /// The candles, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Candle> + ExactSizeIterator {
        self.candles.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.candles.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.candles.is_empty()
    }

    pub(crate) fn disconnect(&mut self) {
        self.live = false;
    }

    pub(crate) fn expire(&mut self, now: Nanos, limit: Nanos) {
        self.live &= now.since(self.updated) < limit;
    }

    /// Takes over what a message says. A modification finishes the candle that an addition follows.
    pub(crate) fn apply(&mut self, kline: &Kline<'_>, now: Nanos) {
        self.live = true;
        self.updated = now;
        for candle in [kline.modify, kline.add].iter().flatten() {
            self.put(Candle::from(candle));
        }
    }

    /// Adds a candle, or replaces the one of its time. One that is older than all, of a full series, is
    /// dropped.
    fn put(&mut self, candle: Candle) {
        match self
            .candles
            .binary_search_by_key(&candle.opened, |known| known.opened)
        {
            Ok(place) => self.candles[place] = candle,
            Err(0) if self.candles.len() == MAX_CANDLES => {}
            Err(place) => {
                if self.candles.len() == MAX_CANDLES {
                    self.candles.pop_front();
                    self.candles.insert(place - 1, candle);
                } else {
                    self.candles.insert(place, candle);
                }
            }
        }
    }
}

impl From<&jayx::Candle<'_>> for Candle {
    fn from(candle: &jayx::Candle<'_>) -> Self {
        Self {
            opened: candle.opened,
            open: candle.open,
            high: candle.high,
            low: candle.low,
            close: candle.close,
            volume: candle.volume,
            modified: candle.modified,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candle(opened: i64, close: i64) -> jayx::Candle<'static> {
        jayx::Candle {
            id: "1",
            opened: UnixSeconds(opened),
            open: Ticks(1),
            high: Ticks(2),
            low: Ticks(1),
            close: Ticks(close),
            volume: Lots(1),
            modified: UnixSeconds(opened),
            symbol: "X",
        }
    }

    fn closes(candles: &Candles) -> Vec<(i64, i64)> {
        candles
            .iter()
            .map(|candle| (candle.opened.0, candle.close.0))
            .collect()
    }

    #[test]
    fn adds_and_modifies() {
        let mut candles = Candles::new("X", "1");
        assert!(candles.is_empty() && !candles.is_live());
        candles.apply(
            &Kline {
                add: Some(candle(60, 1)),
                modify: None,
            },
            Nanos(1),
        );
        candles.apply(
            &Kline {
                add: None,
                modify: Some(candle(60, 2)),
            },
            Nanos(1),
        );
        candles.apply(
            &Kline {
                add: Some(candle(120, 3)),
                modify: Some(candle(60, 4)),
            },
            Nanos(1),
        );
        assert_eq!(closes(&candles), [(60, 4), (120, 3)]);
        assert_eq!(candles.last().unwrap().close, Ticks(3));
        // A modification of a candle that was never added, and an addition that came before.
        candles.apply(
            &Kline {
                add: None,
                modify: Some(candle(240, 5)),
            },
            Nanos(1),
        );
        candles.apply(
            &Kline {
                add: Some(candle(180, 6)),
                modify: None,
            },
            Nanos(1),
        );
        candles.apply(
            &Kline {
                add: Some(candle(180, 7)),
                modify: None,
            },
            Nanos(1),
        );
        assert_eq!(closes(&candles), [(60, 4), (120, 3), (180, 7), (240, 5)]);
        assert!(candles.is_live());
        candles.expire(Nanos(10), Nanos(10));
        assert!(candles.is_live());
        candles.expire(Nanos(11), Nanos(10));
        assert!(!candles.is_live());
        candles.disconnect();
        assert!(!candles.is_live());
        assert_eq!(candles.len(), 4);
    }

    #[test]
    fn keeps_the_newest() {
        let mut candles = Candles::new("X", "1");
        let count = i64::try_from(MAX_CANDLES).unwrap();
        for n in 0..count + 10 {
            candles.apply(
                &Kline {
                    add: Some(candle(n * 60, n)),
                    modify: None,
                },
                Nanos(1),
            );
        }
        assert_eq!(candles.len(), MAX_CANDLES);
        assert_eq!(closes(&candles)[0], (600, 10));
        candles.apply(
            &Kline {
                add: None,
                modify: Some(candle(0, 0)),
            },
            Nanos(1),
        );
        assert_eq!(closes(&candles)[0], (600, 10), "too old to be kept");
        candles.apply(
            &Kline {
                add: None,
                modify: Some(candle(630, 0)),
            },
            Nanos(1),
        );
        assert_eq!(
            (candles.len(), closes(&candles)[0]),
            (MAX_CANDLES, (630, 0))
        );
    }
}
