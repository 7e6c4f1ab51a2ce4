//! The clocks of a server.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ticklot_book::Nanos;
use tokio::time::Instant;

use crate::session::Timestamps;

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// The wall clock and a monotonic clock that starts at zero. Copies share the origin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    pub(crate) fn now(self) -> Timestamps {
        Timestamps {
            at: nanos(self.origin.elapsed()),
            wall_ms: now_ms(),
        }
    }

    /// The instant at which [`Timestamps::at`] is `at`. `None` on overflow.
    pub(crate) fn instant(self, at: Nanos) -> Option<Instant> {
        self.origin.checked_add(Duration::from_nanos(at.0))
    }
}

/// Converts a duration. Saturates.
fn nanos(duration: Duration) -> Nanos {
    Nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}
