//! Candles of one instrument and interval.

use std::collections::VecDeque;
use std::time::Duration;

use ticklot_book::{Lots, Nanos, Scale, Ticks};
use ticklot_frame::UnixSeconds;

use super::instrument::{Instrument, OwnedInstrument};

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

/// The candles of one instrument and interval, oldest first, at most [`MAX_CANDLES`]: of more, the oldest
/// go.
#[derive(Debug)]
pub struct Candles {
    instrument: OwnedInstrument,
    interval: Box<str>,
    scale: Scale,
    /// The slot of the connection that brings them.
    slot: usize,
    candles: VecDeque<Candle>,
    live: bool,
    /// Whether the store knows when they may become stale.
    armed: bool,
    updated: Nanos,
}

impl Candles {
    pub(super) fn new(
        instrument: &Instrument<'_>,
        interval: &str,
        scale: Scale,
        slot: usize,
    ) -> Self {
        Self {
            instrument: (*instrument).into(),
            interval: interval.into(),
            scale,
            slot,
            candles: VecDeque::new(),
            live: false,
            armed: false,
            updated: Nanos(0),
        }
    }

    /// The instrument.
    #[must_use]
    pub fn instrument(&self) -> Instrument<'_> {
        self.instrument.get()
    }

    /// What a tick and a lot of the candles are worth.
    #[must_use]
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// The interval, in the venue's words.
    #[must_use]
    pub fn interval(&self) -> &str {
        &self.interval
    }

    /// Whether the connection is up and brought a candle not longer ago than the session's limit.
    /// Candles of the time before that may be missing.
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

    pub(super) fn slot(&self) -> usize {
        self.slot
    }

    pub(super) fn disconnect(&mut self) {
        self.live = false;
    }

    /// Whether the store has yet to be given the time at which they become stale.
    pub(super) fn arm(&mut self) -> bool {
        !std::mem::replace(&mut self.armed, true)
    }

    /// The time that was given has come. Returns when to check again, if they are not stale.
    pub(super) fn expire(&mut self, now: Nanos, limit: Duration) -> Option<Nanos> {
        self.live &= now.since(self.updated) < limit;
        self.armed = self.live;
        self.live.then(|| self.updated.after(limit))
    }

    /// Adds a candle, or replaces the one of its time.
    pub(super) fn put(&mut self, candle: Candle, now: Nanos) {
        self.live = true;
        self.updated = now;
        self.place(candle);
    }

    /// Adds a candle, or replaces the one of its time. One that is older than all, of a full series, is
    /// dropped.
    fn place(&mut self, candle: Candle) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use ticklot_frame::VenueName;

    fn candle(opened: i64, close: i64) -> Candle {
        Candle {
            opened: UnixSeconds(opened),
            open: Ticks(1),
            high: Ticks(2),
            low: Ticks(1),
            close: Ticks(close),
            volume: Lots(1),
            modified: UnixSeconds(opened),
        }
    }

    fn candles() -> Candles {
        let instrument = Instrument::of_symbol(VenueName("test"), "X");
        Candles::new(&instrument, "1", Scale::UNIT, 0)
    }

    fn closes(candles: &Candles) -> Vec<(i64, i64)> {
        candles
            .iter()
            .map(|candle| (candle.opened.0, candle.close.0))
            .collect()
    }

    #[test]
    fn adds_and_replaces_by_time() {
        let mut candles = candles();
        assert!(candles.is_empty() && !candles.is_live());
        for (opened, close) in [
            (60, 1),
            (60, 2),
            (60, 4),
            (120, 3),
            (240, 5),
            (180, 6),
            (180, 7),
        ] {
            candles.put(candle(opened, close), Nanos(1));
        }
        assert_eq!(closes(&candles), [(60, 4), (120, 3), (180, 7), (240, 5)]);
        assert_eq!(candles.last().unwrap().close, Ticks(5));
        assert!(candles.is_live() && candles.arm() && !candles.arm());
        let limit = Duration::from_nanos(10);
        assert_eq!(candles.expire(Nanos(10), limit), Some(Nanos(11)));
        assert!(candles.is_live());
        assert_eq!(candles.expire(Nanos(11), limit), None);
        assert!(!candles.is_live() && candles.arm());
        candles.put(candle(300, 1), Nanos(12));
        candles.disconnect();
        assert!(!candles.is_live());
        assert_eq!(candles.len(), 5);
    }

    #[test]
    fn keeps_the_newest() {
        let mut candles = candles();
        let count = i64::try_from(MAX_CANDLES).unwrap();
        for n in 0..count + 10 {
            candles.put(candle(n * 60, n), Nanos(1));
        }
        assert_eq!(candles.len(), MAX_CANDLES);
        assert_eq!(closes(&candles)[0], (600, 10));
        candles.put(candle(0, 0), Nanos(1));
        assert_eq!(closes(&candles)[0], (600, 10), "too old to be kept");
        candles.put(candle(630, 0), Nanos(1));
        assert_eq!(
            (candles.len(), closes(&candles)[0]),
            (MAX_CANDLES, (630, 0))
        );
    }
}
