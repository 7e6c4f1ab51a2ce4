//! A feed's time.

use std::time::{Duration, SystemTime};

use ticklot_book::Nanos;
use ticklot_transport::Instant;

/// The longest sleep of a timer. Tokio's clock stands still while the system is suspended, so no timer is
/// later than this after it wakes up.
pub(super) const MAX_SLEEP: Duration = Duration::from_millis(500);

/// The clock of a feed: a monotonic one that counts the time for which the system was suspended
/// ([`Instant`]), from the moment it was made. A copy shows the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    /// The same moment in nanoseconds since 1970.
    unix_zero: u64,
}

impl Clock {
    /// A clock that starts at zero.
    #[must_use]
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
            unix_zero: unix_now(),
        }
    }

    /// The start in nanoseconds since 1970, by the system's clock as it was then: `unix_zero() +
    /// now().0` is the time of day, however that clock is set since, and never goes back.
    #[must_use]
    pub fn unix_zero(&self) -> u64 {
        self.unix_zero
    }

    /// The time since the start.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.at(Instant::now())
    }

    /// What [`Clock::now`] showed at a moment; zero for one before the start.
    #[must_use]
    pub fn at(&self, moment: Instant) -> Nanos {
        Nanos(0).after(moment.saturating_duration_since(self.origin))
    }

    /// When a timer that is set now for `time` is to fire: then, or after [`MAX_SLEEP`] to compare the time
    /// again.
    pub(super) fn wake_at(&self, time: Nanos) -> tokio::time::Instant {
        let sleep = time.since(self.now()).min(MAX_SLEEP);
        tokio::time::Instant::now() + sleep
    }
}

/// Nanoseconds since 1970; 0 for a clock that is set before.
fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |time| Nanos(0).after(time).0)
}
