//! How long each stage of a book's way takes, from the socket to the end of the handler.
//!
//! [`Feed::measure`](crate::Feed::measure) or [`Session::measure`](crate::Session::measure) turn it on;
//! [`Books::latency`](crate::Books::latency) shows it, also while the feed runs. Off, it costs a
//! comparison for each message; on, three looks at the clock. Nothing is allocated but the histograms, at
//! the start.
//!
//! ```text
//! read of the socket ──Wait──▶ taken up ──Decode──▶ message ──Apply──▶ book ──Handle──▶ handler returned
//! └───────────────────────────────────────── Total ──────────────────────────────────────────┘
//! ```

use std::fmt;
use std::time::Duration;

pub use hdrhistogram;
use hdrhistogram::{CreationError, Histogram};
use ticklot_frame::VenueName;

use super::stage::Stage;
use crate::books::{ConnectionId, Reservation};

/// The longest time that is told from longer ones, in nanoseconds: a minute.
const LONGEST: u64 = 60_000_000_000;

/// How many digits of a time are kept: it is right to a hundredth.
const DIGITS: u8 = 2;

/// How long each stage took, for the books of one connection: a histogram each, of nanoseconds from 1 to
/// a minute, right to 1 %. What is longer counts as a minute. About 180 kB, allocated at once.
#[derive(Clone, Debug)]
pub struct Latency {
    stages: [Histogram<u64>; Stage::ALL.len()],
}

impl Latency {
    /// Nothing measured yet.
    ///
    /// # Errors
    /// None happens: the bounds are constant, and good.
    pub fn new() -> Result<Self, CreationError> {
        let empty = Histogram::new_with_bounds(1, LONGEST, DIGITS)?;
        Ok(Self {
            stages: std::array::from_fn(|_| empty.clone()),
        })
    }

    /// The time that so large a share of all took no longer than: `0.99` for the 99th percentile. Zero
    /// when nothing was measured.
    #[must_use]
    pub fn quantile(&self, stage: Stage, quantile: f64) -> Duration {
        Duration::from_nanos(self.histogram(stage).value_at_quantile(quantile))
    }

    /// The longest time. Zero when nothing was measured.
    #[must_use]
    pub fn longest(&self, stage: Stage) -> Duration {
        Duration::from_nanos(self.histogram(stage).max())
    }

    /// How many times were measured.
    #[must_use]
    pub fn count(&self, stage: Stage) -> u64 {
        self.histogram(stage).len()
    }

    /// The histogram itself, in nanoseconds.
    #[must_use]
    pub fn histogram(&self, stage: Stage) -> &Histogram<u64> {
        &self.stages[stage as usize]
    }

    /// Takes in what another has measured. Allocates nothing.
    pub fn merge(&mut self, other: &Self) {
        for (own, other) in self.stages.iter_mut().zip(&other.stages) {
            // Both have the same bounds: everything of one has a place in the other.
            let _ = own.add(other);
        }
    }

    /// Forgets what was measured. Allocates nothing.
    pub fn clear(&mut self) {
        self.stages.iter_mut().for_each(Histogram::reset);
    }

    /// The bytes that it holds.
    fn memory(&self) -> usize {
        let counts = self.stages.iter().map(Histogram::distinct_values);
        size_of::<Self>() + size_of::<u64>() * counts.sum::<usize>()
    }

    fn record(&mut self, stage: Stage, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.stages[stage as usize].saturating_record(nanos);
    }
}

/// What is measured of a connection, and who is told.
pub(crate) struct Measured {
    latency: Latency,
    _memory: Reservation,
    #[cfg(feature = "metrics")]
    told: [metrics::Histogram; Stage::ALL.len()],
}

impl Measured {
    /// None when `reserve` gives no memory for it.
    pub(crate) fn new(
        _venue: VenueName,
        _of: ConnectionId,
        reserve: impl FnOnce(usize) -> Option<Reservation>,
    ) -> Option<Self> {
        let latency = Latency::new().ok()?;
        Some(Self {
            _memory: reserve(latency.memory())?,
            latency,
            #[cfg(feature = "metrics")]
            told: crate::observe::metrics::stages(_venue, _of),
        })
    }

    pub(crate) fn latency(&self) -> &Latency {
        &self.latency
    }

    pub(crate) fn record(&mut self, stage: Stage, time: Duration) {
        self.latency.record(stage, time);
        #[cfg(feature = "metrics")]
        self.told[stage as usize].record(time);
    }
}

impl fmt::Debug for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.latency.stages.iter().map(Histogram::len);
        f.debug_list().entries(counts).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stage_times_keep_one_percent() {
        let mut latency = Latency::new().unwrap();
        for time in 1..=1_000 {
            latency.record(Stage::Decode, Duration::from_micros(time));
        }
        assert_eq!(latency.count(Stage::Decode), 1_000);
        assert_eq!(latency.count(Stage::Apply), 0);
        for (quantile, right) in [(0.5, 500_000), (0.99, 990_000), (1.0, 1_000_000)] {
            let got = latency.quantile(Stage::Decode, quantile).as_nanos();
            assert!(got.abs_diff(right) <= right / 100, "{quantile}: {got}");
        }
        latency.record(Stage::Total, Duration::MAX);
        assert!(
            latency
                .longest(Stage::Total)
                .as_nanos()
                .abs_diff(u128::from(LONGEST))
                <= u128::from(LONGEST / 100)
        );
        let mut all = Latency::new().unwrap();
        all.merge(&latency);
        all.merge(&latency);
        assert_eq!(all.count(Stage::Decode), 2_000);
        all.clear();
        assert_eq!(all.count(Stage::Decode), 0);
    }
}
