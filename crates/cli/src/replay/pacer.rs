//! The pace of a replay.

use std::time::{Duration, Instant};

use crate::speed::SpeedArg;
use crate::units::nanos;

/// Computes when a record is due.
#[derive(Debug)]
pub(super) struct Pacer {
    speed: SpeedArg,
    /// When the first record with a time was replayed, and that time.
    start: Option<(Instant, u64)>,
}

impl Pacer {
    pub(super) fn new(speed: SpeedArg) -> Self {
        Self { speed, start: None }
    }

    /// Whether the replay ever waits.
    pub(super) fn is_paced(&self) -> bool {
        self.speed != SpeedArg::Max
    }

    /// The time of the log at `now`, in nanoseconds since 1970. None before the first record with a time.
    pub(super) fn time(&self, now: Instant) -> Option<u64> {
        let SpeedArg::Times(times) = self.speed else {
            return None;
        };
        let (start, zero) = self.start?;
        let passed = now.saturating_duration_since(start).as_secs_f64() * times;
        let passed = Duration::try_from_secs_f64(passed).unwrap_or(Duration::MAX);
        Some(zero.saturating_add(nanos(passed)))
    }

    /// When a record of this time is due; none if it is due already at `now`.
    pub(super) fn due(&mut self, recv_ns: u64, now: Instant) -> Option<Instant> {
        let SpeedArg::Times(times) = self.speed else {
            return None;
        };
        if recv_ns == 0 {
            return None;
        }
        let (start, zero) = *self.start.get_or_insert((now, recv_ns));
        let after = Duration::from_nanos(recv_ns.saturating_sub(zero)).as_secs_f64() / times;
        // A wait too long for the clock is replaced by another long one.
        let after = Duration::try_from_secs_f64(after).unwrap_or(LONG);
        start.checked_add(after).filter(|due| *due > now)
    }
}

const LONG: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn double_speed_halves_the_wait() {
        let now = Instant::now();
        let mut pacer = Pacer::new(SpeedArg::Times(2.0));
        assert!(pacer.is_paced());
        assert_eq!(pacer.due(0, now), None, "no time, no wait");
        assert_eq!(pacer.time(now), None);
        let first = pacer.due(100 * SECOND, now);
        assert_eq!(first, None, "the first is due immediately");
        let due = pacer.due(103 * SECOND, now).unwrap();
        assert_eq!(due - now, Duration::from_millis(1500));
        let at = |ms| pacer.time(now + Duration::from_millis(ms));
        assert_eq!((at(0), at(1500)), (Some(100 * SECOND), Some(103 * SECOND)));
        let later = now + Duration::from_secs(2);
        assert_eq!(pacer.due(103 * SECOND, later), None);
        // A step back of the recorded clock causes no wait.
        assert_eq!(pacer.due(99 * SECOND, now), None);
        let mut slow = Pacer::new(SpeedArg::Times(1e-300));
        assert!(slow.due(SECOND, now).is_none());
        let mut max = Pacer::new(SpeedArg::Max);
        assert!([1, 9].iter().all(|at| max.due(at * SECOND, now).is_none()));
        assert!(!max.is_paced() && max.time(now).is_none());
    }
}
