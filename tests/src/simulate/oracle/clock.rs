//! The client's clock as the simulation sees it: it may be set back, or stand still, but never runs ahead.

use std::time::Duration;

use ticklot_book::Nanos;

/// The history of the client's clock.
#[derive(Debug)]
pub(super) struct Clock {
    /// The start of each stretch and how far the clock was ahead in it, oldest first.
    stretches: Vec<(Nanos, Duration)>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            stretches: Vec::new(),
        }
    }

    /// It shows `shown` at `now`.
    pub(super) fn set(&mut self, now: Nanos, shown: Nanos) {
        self.stretches.push((now, shown.since(now)));
    }

    /// The earliest moment at which it showed less than `length` before what it shows now: what
    /// happened then is, to the client, no older than that.
    pub(super) fn earliest(&self, now: Nanos, length: Duration) -> Nanos {
        let ahead = self.stretches.last().map_or(Duration::ZERO, |it| it.1);
        let shown = now.after(ahead).before(length);
        let mut earliest = now.before(length);
        for (position, (from, ahead)) in self.stretches.iter().enumerate() {
            let until = self.stretches.get(position + 1).map_or(now, |next| next.0);
            let moment = shown.before(*ahead).max(*from);
            if moment <= until {
                earliest = earliest.min(moment);
            }
        }
        earliest
    }

    /// How much time it has lost in all.
    pub(super) fn lost(&self) -> Duration {
        let first = self.stretches.first().map_or(Duration::ZERO, |it| it.1);
        let last = self.stretches.last().map_or(Duration::ZERO, |it| it.1);
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
        // It shows 147, which is 10 after 137, which it showed at 37.
        assert_eq!(clock.earliest(s(52), d(10)), s(37));
        // It shows 165: what it showed at 155 was after the step.
        assert_eq!(clock.earliest(s(70), d(10)), s(60));
        assert_eq!(clock.lost(), d(5));
    }
}
