//! A feed's time.

use std::time::Duration;

use ticklot_book::Nanos;
use tokio::time::Instant;

use crate::backoff::nanos;

/// The clock of a feed: tokio's monotonic one, from the moment it was made. A copy shows the same
/// time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that starts at zero.
    #[must_use]
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// The time since the start.
    #[must_use]
    pub fn now(&self) -> Nanos {
        nanos(self.origin.elapsed())
    }

    /// The moment that [`Clock::now`] would show as `time`.
    pub(super) fn instant(&self, time: Nanos) -> Instant {
        let far = Duration::from_secs(3600);
        self.origin
            .checked_add(Duration::from_nanos(time.0))
            .unwrap_or_else(|| Instant::now() + far)
    }
}
