//! Candle series: the candles of one instrument and interval.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;
use std::time::Duration;

use ticklot_book::{Lots, Nanos, Scale, Ticks};
use ticklot_frame::UnixSeconds;

use super::instrument::{Instrument, OwnedInstrument};
use super::staleness::Store;
use super::{Books, CandlesId, ConnectionId};

/// The maximum number of candles of a series: one day of one-minute candles.
pub const MAX_CANDLES: usize = 1440;

/// A candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Candle {
    /// The start of its interval.
    pub opened: UnixSeconds,
    /// The first price.
    pub open: Ticks,
    /// The highest price.
    pub high: Ticks,
    /// The lowest price.
    pub low: Ticks,
    /// The last price.
    pub close: Ticks,
    /// The traded volume.
    pub volume: Lots,
    /// The time of its last modification.
    pub modified: UnixSeconds,
}

/// The candles of one instrument and interval, oldest first. At most [`MAX_CANDLES`]: beyond, the oldest are dropped.
#[derive(Debug)]
pub struct Candles {
    instrument: OwnedInstrument,
    interval: Box<str>,
    scale: Scale,
    /// The slot of their connection.
    slot: usize,
    candles: VecDeque<Candle>,
    live: bool,
    /// Whether a deadline for them is queued.
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

    /// The size of a tick and a lot of the candles.
    #[must_use]
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// The interval, as the venue writes it.
    #[must_use]
    pub fn interval(&self) -> &str {
        &self.interval
    }

    /// Whether the connection is open and delivered a candle within
    /// [`Options::stale_after`](crate::Options::stale_after). Candles from before the connection opened may be missing.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// The newest candle, which may still change.
    #[must_use]
    pub fn last(&self) -> Option<&Candle> {
        self.candles.back()
    }

    /// The candles, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Candle> + ExactSizeIterator {
        self.candles.iter()
    }

    /// The number of candles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.candles.len()
    }

    /// Whether the series is empty.
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

    /// Marks the deadline as queued. Returns true if it was not queued before.
    pub(super) fn arm(&mut self) -> bool {
        !std::mem::replace(&mut self.armed, true)
    }

    /// Handles a deadline. Returns the next one if the candles are not stale.
    pub(super) fn expire(&mut self, now: Nanos, limit: Duration) -> Option<Nanos> {
        self.live &= now.since(self.updated) < limit;
        self.armed = self.live;
        self.live.then(|| self.updated.after(limit))
    }

    /// Adds a candle, or replaces the candle of the same time. A full series drops its oldest candle, which may be the
    /// new one.
    fn put(&mut self, candle: Candle, now: Nanos) {
        self.live = true;
        self.updated = now;
        let is_full = self.candles.len() == MAX_CANDLES;
        let index = self
            .candles
            .binary_search_by_key(&candle.opened, |known| known.opened);
        match index {
            Ok(index) => self.candles[index] = candle,
            Err(0) if is_full => {}
            Err(index) if is_full => {
                self.candles.pop_front();
                self.candles.insert(index - 1, candle);
            }
            Err(index) => self.candles.insert(index, candle),
        }
    }
}

impl Books {
    /// The candles of an instrument and an interval. O(1).
    #[must_use]
    pub fn candles(&self, instrument: &Instrument<'_>, interval: &str) -> Option<&Candles> {
        let ids = self
            .by_interval
            .get(&self.hasher.hash_one((instrument, interval)))?;
        let mut all = ids.iter().filter_map(|id| self.candles.get(id.0));
        all.find(|candles| candles.instrument() == *instrument && candles.interval() == interval)
    }

    /// The candles of all instruments and intervals, in the order in which they were added.
    pub fn all_candles(&self) -> impl Iterator<Item = &Candles> {
        self.candles.iter()
    }

    /// Adds the candles of an instrument and an interval to a connection. For venues; allocates.
    pub fn add_candles(
        &mut self,
        connection: ConnectionId,
        instrument: &Instrument<'_>,
        interval: &str,
        scale: Scale,
    ) -> CandlesId {
        let id = CandlesId(self.candles.len());
        let slot = self.slot(connection, instrument.venue);
        let candles = Candles::new(instrument, interval, scale, slot);
        self.candles.push(candles);
        self.connections[slot].candles.push(id);
        let hash = self.hasher.hash_one((instrument, interval));
        self.by_interval.entry(hash).or_default().push(id);
        id
    }

    pub(crate) fn candles_by_id(&self, id: CandlesId) -> Option<&Candles> {
        self.candles.get(id.0)
    }

    /// Adds a candle to its series, or replaces the candle of the same time.
    pub(crate) fn put_candle(&mut self, id: CandlesId, candle: Candle, now: Nanos) {
        let Some(candles) = self.candles.get_mut(id.0) else {
            return;
        };
        candles.put(candle, now);
        if let Some(limit) = self.connections[candles.slot].limit
            && candles.arm()
        {
            self.deadlines.push(now.after(limit), Store::Candles(id.0));
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
        assert_eq!(closes(&candles)[0], (600, 10), "older than all stored");
        candles.put(candle(630, 0), Nanos(1));
        assert_eq!(
            (candles.len(), closes(&candles)[0]),
            (MAX_CANDLES, (630, 0))
        );
    }
}
