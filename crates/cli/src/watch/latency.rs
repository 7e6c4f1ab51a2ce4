//! Rates and latencies of the last few seconds.

use std::time::Duration;

use hdrhistogram::Histogram;
use ticklot::Nanos;

use crate::book_stats::book_latency;
use crate::units::{nanos, per_second};

/// The interval at which the percentiles are computed. Shorter intervals are unreadable.
pub(crate) const REFRESH: Duration = Duration::from_millis(500);

/// Percentiles cover the current and the previous span.
const SPAN: Duration = Duration::from_secs(10);

/// Messages a second, over about a second.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rate {
    counted: u64,
    since: Option<Nanos>,
    per_second: Option<f64>,
}

impl Rate {
    /// Updates the rate with the total number of messages until `now`.
    pub(crate) fn take(&mut self, count: u64, now: Nanos) {
        const OVER: Duration = Duration::from_secs(1);
        let since = *self.since.get_or_insert(now);
        let time = now.since(since);
        if time >= OVER {
            self.per_second = Some(per_second(count.saturating_sub(self.counted), nanos(time)));
            self.counted = count;
            self.since = Some(now);
        }
    }

    /// None during the first second.
    pub(crate) fn per_second(&self) -> Option<f64> {
        self.per_second
    }
}

/// Percentiles, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LatencySummary {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

/// The latencies from a frame's receipt to the handler, in the last 10 to 20 seconds.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    current: Histogram<u32>,
    before: Histogram<u32>,
    both: Histogram<u32>,
    since: Nanos,
    refreshed: Option<Nanos>,
    summary: Option<LatencySummary>,
}

impl Latency {
    /// The number of its histograms, each a [`book_latency`].
    pub(crate) const HISTOGRAMS: usize = 3;

    /// No latencies yet. None only if the bounds of the histogram are invalid, which would be a bug.
    pub(crate) fn new(now: Nanos) -> Option<Self> {
        let empty = book_latency()?;
        Some(Self {
            current: empty.clone(),
            before: empty.clone(),
            both: empty,
            since: now,
            refreshed: None,
            summary: None,
        })
    }

    pub(crate) fn record(&mut self, ns: u64) {
        self.current.saturating_record(ns);
    }

    /// Starts a new span when the current one is over, and computes the percentiles when they are due.
    pub(crate) fn refresh(&mut self, now: Nanos) {
        if now.since(self.since) >= SPAN {
            std::mem::swap(&mut self.current, &mut self.before);
            self.current.reset();
            self.since = now;
        }
        if self.refreshed.is_none_or(|at| now.since(at) >= REFRESH) {
            self.refreshed = Some(now);
            self.summary = self.summary_now();
        }
    }

    fn summary_now(&mut self) -> Option<LatencySummary> {
        self.both.reset();
        self.both.add(&self.current).ok()?;
        self.both.add(&self.before).ok()?;
        (!self.both.is_empty()).then(|| LatencySummary {
            p50: self.both.value_at_quantile(0.5),
            p99: self.both.value_at_quantile(0.99),
            max: self.both.max(),
        })
    }

    /// None without latencies.
    pub(crate) fn summary(&self) -> Option<LatencySummary> {
        self.summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_updates_once_a_second() {
        let mut rate = Rate::default();
        rate.take(10, Nanos::from_secs(5));
        assert_eq!(rate.per_second(), None);
        rate.take(40, Nanos::from_millis(5_999));
        assert_eq!(rate.per_second(), None);
        rate.take(60, Nanos::from_millis(7_000));
        assert_eq!(rate.per_second(), Some(30.0), "60 in two seconds");
        rate.take(60, Nanos::from_secs(8));
        assert_eq!(rate.per_second(), Some(0.0));
    }

    #[test]
    fn old_latencies_expire() {
        let mut latency = Latency::new(Nanos(0)).unwrap();
        let mut at = |secs, ns: Option<u64>| {
            ns.into_iter().for_each(|ns| latency.record(ns));
            latency.refresh(Nanos::from_secs(secs));
            latency.summary()
        };
        assert_eq!(at(0, None), None);
        let slow = at(1, Some(100_000)).unwrap();
        // Two significant digits: within 1 %.
        assert!((99_000..=101_000).contains(&slow.p50), "{slow:?}");
        // The slow one is in the previous span.
        let both = at(11, Some(1_000)).unwrap();
        assert!(both.p50 < 1_100 && both.max > 99_000, "{both:?}");
        let fast = at(21, Some(1_000)).unwrap();
        assert!(fast.max < 1_100, "{fast:?}");
        assert_eq!(at(41, None), at(41, None));
    }

    #[test]
    fn summary_refreshes_twice_a_second() {
        let mut latency = Latency::new(Nanos(0)).unwrap();
        latency.record(10);
        latency.refresh(Nanos(0));
        let first = latency.summary();
        latency.record(1_000_000);
        latency.refresh(Nanos(nanos(REFRESH) - 1));
        assert_eq!(latency.summary(), first);
        latency.refresh(Nanos(nanos(REFRESH)));
        assert_ne!(latency.summary(), first);
    }
}
