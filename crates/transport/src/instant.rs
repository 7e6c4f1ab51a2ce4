//! A monotonic clock that includes the time for which the system was suspended.

use std::sync::OnceLock;
use std::time::Duration;

/// A point in time on a monotonic clock that also advances while the system is suspended: the age of a book includes the
/// hours for which a laptop was closed.
///
/// The clock is `CLOCK_BOOTTIME` on Linux and Android, and on Apple's systems the equivalent `CLOCK_MONOTONIC`. It is read
/// through the C library, so tools that replace the clock (libfaketime, for example) work. On other systems it is
/// [`std::time::Instant`], which includes suspended time on Windows and depends on the kernel elsewhere.
///
/// It differs from tokio's clock: [`tokio::time::Instant`] stops during a suspend on Linux, and `tokio::time::pause` affects
/// only that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The current time. One call of the C library, through the vDSO where there is one.
    #[must_use]
    pub fn now() -> Self {
        Self(since_boot())
    }

    /// The time since `earlier`; zero if that is later.
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn since_boot() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    #[cfg(target_vendor = "apple")]
    let clock = ClockId::CLOCK_MONOTONIC;
    #[cfg(not(target_vendor = "apple"))]
    let clock = ClockId::CLOCK_BOOTTIME;
    // Every kernel since 2011 has it.
    clock_gettime(clock).map_or_else(|_| since_start(), Duration::from)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
use since_start as since_boot;

/// The time since the first call.
fn since_start() -> Duration {
    static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();
    ORIGIN.get_or_init(std::time::Instant::now).elapsed()
}
