//! The latency of each stage of a book message, from the socket to the end of the handler.
//!
//! [`Feed::measure`](crate::Feed::measure) or [`Session::measure`](crate::Session::measure) starts the measurement;
//! [`Books::latency`](crate::Books::latency) returns the results, even while the feed runs. A message costs three clock
//! reads, or one comparison if the measurement is off. Only the histograms are allocated, at the start.
//!
//! ```text
//! socket read ──Wait──▶ start ──Decode──▶ message ──Apply──▶ book ──Handle──▶ handler returned
//! └───────────────────────────────────── Total ─────────────────────────────────────┘
//! ```

use std::time::Duration;

pub use hdrhistogram;
use hdrhistogram::{CreationError, Histogram};
use ticklot_frame::VenueName;

use super::stage::Stage;
use crate::books::{ConnectionId, Reservation, nanos};

/// The longest latency of the histograms, in nanoseconds: one minute. Longer latencies are recorded as one minute.
const LONGEST: u64 = 60_000_000_000;

/// The significant digits of the histograms: two limit the error to 1 %.
const DIGITS: u8 = 2;

/// The latencies of one connection's books: a histogram per stage, from 1 ns to one minute with an error of at most 1
/// %. Longer times are recorded as one minute. About 180 kB, allocated up front.
#[derive(Clone, Debug)]
pub struct Latency {
    stages: [Histogram<u64>; Stage::ALL.len()],
}

impl Latency {
    /// Empty histograms.
    ///
    /// # Errors
    /// Never: the bounds are constant and valid.
    pub fn new() -> Result<Self, CreationError> {
        let empty = Histogram::new_with_bounds(1, LONGEST, DIGITS)?;
        Ok(Self {
            stages: std::array::from_fn(|_| empty.clone()),
        })
    }

    /// The latency at a quantile: `0.99` for the 99th percentile. Zero if nothing was measured.
    #[must_use]
    pub fn quantile(&self, stage: Stage, quantile: f64) -> Duration {
        Duration::from_nanos(self.histogram(stage).value_at_quantile(quantile))
    }

    /// The longest latency. Zero if nothing was measured.
    #[must_use]
    pub fn longest(&self, stage: Stage) -> Duration {
        Duration::from_nanos(self.histogram(stage).max())
    }

    /// The number of measurements.
    #[must_use]
    pub fn count(&self, stage: Stage) -> u64 {
        self.histogram(stage).len()
    }

    /// The histogram, in nanoseconds.
    #[must_use]
    pub fn histogram(&self, stage: Stage) -> &Histogram<u64> {
        &self.stages[stage as usize]
    }

    /// Adds the measurements of another connection. Allocates nothing.
    pub fn merge(&mut self, other: &Self) {
        for (own, other) in self.stages.iter_mut().zip(&other.stages) {
            // This cannot fail, since both have the same bounds.
            let _ = own.add(other);
        }
    }

    /// Removes all measurements. Allocates nothing.
    pub fn clear(&mut self) {
        self.stages.iter_mut().for_each(Histogram::reset);
    }

    /// The size in bytes.
    fn memory(&self) -> usize {
        let counts = self.stages.iter().map(Histogram::distinct_values);
        size_of::<Self>() + size_of::<u64>() * counts.sum::<usize>()
    }

    fn record(&mut self, stage: Stage, time: Duration) {
        self.stages[stage as usize].saturating_record(nanos(time));
    }
}

/// The measurements of a connection, and their exported histograms.
pub(crate) struct Measured {
    latency: Latency,
    _memory: Reservation,
    #[cfg(feature = "metrics")]
    exported: [metrics::Histogram; Stage::ALL.len()],
}

impl Measured {
    /// `None` if `reserve` refuses the memory.
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
            exported: crate::observe::metrics::stages(_venue, _of),
        })
    }

    pub(crate) fn latency(&self) -> &Latency {
        &self.latency
    }

    pub(crate) fn record(&mut self, stage: Stage, time: Duration) {
        self.latency.record(stage, time);
        #[cfg(feature = "metrics")]
        self.exported[stage as usize].record(time);
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
