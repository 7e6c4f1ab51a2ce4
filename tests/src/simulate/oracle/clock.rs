//! The history of the client's clock. It may be set back or stop, but never gains time.

use std::time::Duration;

use ticklot_book::Nanos;

/// The history of the client's clock.
#[derive(Debug)]
pub(super) struct Clock {
    /// The start of each interval and the clock's lead over virtual time in it, oldest first.
    intervals: Vec<(Nanos, Duration)>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            intervals: Vec::new(),
        }
    }

    /// Records that it shows `shown` at `now`.
    pub(super) fn set(&mut self, now: Nanos, shown: Nanos) {
        self.intervals.push((now, shown.since(now)));
    }

    /// The earliest time that is at most `length` ago on the client's clock.
    pub(super) fn earliest(&self, now: Nanos, length: Duration) -> Nanos {
        let ahead = self.intervals.last().map_or(Duration::ZERO, |it| it.1);
        let shown = now.after(ahead).before(length);
        let mut earliest = now.before(length);
        for (index, (from, ahead)) in self.intervals.iter().enumerate() {
            let until = self.intervals.get(index + 1).map_or(now, |next| next.0);
            let start = shown.before(*ahead).max(*from);
            if start <= until {
                earliest = earliest.min(start);
            }
        }
        earliest
    }

    /// The total time that it has lost.
    pub(super) fn lost(&self) -> Duration {
        let first = self.intervals.first().map_or(Duration::ZERO, |it| it.1);
        let last = self.intervals.last().map_or(Duration::ZERO, |it| it.1);
        first.saturating_sub(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_step_rejuvenates_the_past() {
        let (s, d) = (Nanos::from_secs, Duration::from_secs);
        let mut clock = Clock::new();
        clock.set(s(0), s(100));
        assert_eq!(clock.earliest(s(50), d(10)), s(40));
        clock.set(s(50), s(145));
        // It shows 147. It showed 137 at 37.
        assert_eq!(clock.earliest(s(52), d(10)), s(37));
        // It shows 165. It showed 155 at 60, after the step.
        assert_eq!(clock.earliest(s(70), d(10)), s(60));
        assert_eq!(clock.lost(), d(5));
    }
}
