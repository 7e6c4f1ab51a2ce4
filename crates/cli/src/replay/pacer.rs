//! How fast a log is played.

use std::time::{Duration, Instant};

use crate::speed::SpeedArg;
use crate::units::nanos;

/// Says when a record is due.
#[derive(Debug)]
pub(super) struct Pacer {
    speed: SpeedArg,
    /// When the first record that has a time was played, and that time.
    start: Option<(Instant, u64)>,
}

impl Pacer {
    pub(super) fn new(speed: SpeedArg) -> Self {
        Self { speed, start: None }
    }

    /// Whether there is any waiting at all.
    pub(super) fn is_paced(&self) -> bool {
        self.speed != SpeedArg::Max
    }

    /// The time of the log at `now`, in nanoseconds since 1970; none before the first record that has a time.
    pub(super) fn time(&self, now: Instant) -> Option<u64> {
        let SpeedArg::Times(times) = self.speed else {
            return None;
        };
        let (start, zero) = self.start?;
        let passed = now.saturating_duration_since(start).as_secs_f64() * times;
        let passed = Duration::try_from_secs_f64(passed).unwrap_or(Duration::MAX);
        Some(zero.saturating_add(nanos(passed)))
    }

    /// When a record of this time is due, if it is not due yet at `now`.
    pub(super) fn due(&mut self, recv_ns: u64, now: Instant) -> Option<Instant> {
        let SpeedArg::Times(times) = self.speed else {
            return None;
        };
        if recv_ns == 0 {
            return None;
        }
        let (start, zero) = *self.start.get_or_insert((now, recv_ns));
        let after = Duration::from_nanos(recv_ns.saturating_sub(zero)).as_secs_f64() / times;
        // A wait that no clock can count to is as good as any other long one.
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
        assert_eq!(
            pacer.due(100 * SECOND, now),
            None,
            "the first is due at once"
        );
        let wait = |at: Option<Instant>| at.map(|at| at - now);
        assert_eq!(
            wait(pacer.due(103 * SECOND, now)),
            Some(Duration::from_millis(1500))
        );
        let at = |ms| pacer.time(now + Duration::from_millis(ms));
        assert_eq!((at(0), at(1500)), (Some(100 * SECOND), Some(103 * SECOND)));
        let later = now + Duration::from_secs(2);
        assert_eq!(pacer.due(103 * SECOND, later), None);
        assert_eq!(
            pacer.due(99 * SECOND, now),
            None,
            "a clock that goes back waits for nothing"
        );
        assert!(
            Pacer::new(SpeedArg::Times(1e-300))
                .due(SECOND, now)
                .is_none()
        );
        let mut max = Pacer::new(SpeedArg::Max);
        assert_eq!(
            (max.due(SECOND, now), max.due(9 * SECOND, now)),
            (None, None)
        );
        assert!(!max.is_paced() && max.time(now).is_none());
    }
}
