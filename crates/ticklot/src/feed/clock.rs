//! The clock of a feed.

use std::time::{Duration, SystemTime};

use ticklot_book::Nanos;
use ticklot_transport::Instant;

/// The longest sleep of a timer. Tokio's clock stops while the system is suspended. This bounds the delay of a timer
/// after a resume.
pub(super) const MAX_SLEEP: Duration = Duration::from_millis(500);

/// A monotonic clock that starts at zero and also advances while the system is suspended ([`Instant`]). A copy
/// returns the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    /// The origin in nanoseconds since 1970.
    unix_offset: u64,
}

impl Clock {
    /// A clock that starts at zero.
    #[must_use]
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
            unix_offset: unix_now(),
        }
    }

    /// The start in nanoseconds since 1970, read once from the system clock. `unix_offset() + now().0` is therefore a time of
    /// day that never goes back, even if the system clock is set.
    #[must_use]
    pub fn unix_offset(&self) -> u64 {
        self.unix_offset
    }

    /// The time since the start.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.at(Instant::now())
    }

    /// The time of this clock at `moment`; zero if that is before the start.
    #[must_use]
    pub fn at(&self, moment: Instant) -> Nanos {
        Nanos(0).after(moment.saturating_duration_since(self.origin))
    }

    /// The deadline for a timer that waits for `time`. It is at most [`MAX_SLEEP`] from now: the caller then compares the
    /// time again.
    pub(super) fn wake_at(&self, time: Nanos) -> tokio::time::Instant {
        let sleep = time.since(self.now()).min(MAX_SLEEP);
        tokio::time::Instant::now() + sleep
    }
}

/// Nanoseconds since 1970; 0 if the system clock is earlier.
fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |time| Nanos(0).after(time).0)
}
