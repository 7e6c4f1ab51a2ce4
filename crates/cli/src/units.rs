//! Times, durations and rates as numbers and as text.

use std::time::{Duration, Instant, UNIX_EPOCH};

/// A time in nanoseconds since 1970 as `2024-08-08T23:54:14.087896568Z`.
pub(crate) fn utc(ns: u64) -> String {
    humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(ns)).to_string()
}

/// A duration in nanoseconds, saturating.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The nanoseconds since `start`.
pub(crate) fn elapsed_ns(start: Instant) -> u64 {
    nanos(start.elapsed())
}

/// The number of trailing decimal zeros; `u8::MAX` for zero.
pub(crate) fn trailing_zeros(number: i64) -> u8 {
    if number == 0 {
        return u8::MAX;
    }
    let (mut rest, mut zeros) = (number, 0);
    while rest % 10 == 0 {
        rest /= 10;
        zeros += 1;
    }
    zeros
}

/// A rate. For display only, so a float is precise enough.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn per_second(count: u64, ns: u64) -> f64 {
    if ns == 0 {
        0.0
    } else {
        count as f64 * 1e9 / ns as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_trailing_zeros() {
        for (number, zeros) in [(1, 0), (10, 1), (-1_200, 2), (0, u8::MAX), (i64::MIN, 0)] {
            assert_eq!(trailing_zeros(number), zeros, "{number}");
        }
    }
}
