//! The clocks of the server.

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

/// A server's clock: the wall clock, and one that starts with it and never goes back. A copy shows
/// the same time.
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

    /// The moment that [`Timestamps::at`] shows as `at`; none when no clock can count to it.
    pub(crate) fn instant(self, at: Nanos) -> Option<Instant> {
        self.origin.checked_add(Duration::from_nanos(at.0))
    }
}

/// A length of time; the longest there is, when it does not fit.
pub(crate) fn nanos(length: Duration) -> Nanos {
    Nanos(u64::try_from(length.as_nanos()).unwrap_or(u64::MAX))
}
