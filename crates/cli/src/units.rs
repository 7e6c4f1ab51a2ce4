//! Times, lengths of time and rates as numbers and as text.

use std::time::{Duration, Instant, UNIX_EPOCH};

/// A time in nanoseconds since 1970 as `2024-08-08T23:54:14.087896568Z`.
pub(crate) fn utc(ns: u64) -> String {
    humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(ns)).to_string()
}

/// A length of time in nanoseconds; the longest that fits, when it does not.
pub(crate) fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

/// The nanoseconds since `start`.
pub(crate) fn elapsed_ns(start: Instant) -> u64 {
    nanos(start.elapsed())
}

/// A rate, for display only: a float is precise enough.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn per_second(count: u64, ns: u64) -> f64 {
    if ns == 0 {
        0.0
    } else {
        count as f64 * 1e9 / ns as f64
    }
}
