//! A monotonic clock that counts the time for which the system was suspended.

use std::sync::OnceLock;
use std::time::Duration;

/// A point in time on a monotonic clock that also runs while the system is suspended: the age of a book
/// includes the hours for which a laptop was closed.
///
/// The clock is `CLOCK_BOOTTIME` on Linux and Android, and `CLOCK_MONOTONIC` on Apple's systems, which
/// counts the same. It is read through the C library, so that a tool that replaces the clock for a test
/// (libfaketime, say) is respected. Elsewhere it is [`std::time::Instant`]: that includes suspended time on
/// Windows, and depends on the kernel on other systems.
///
/// It is not tokio's clock: [`tokio::time::Instant`] stands still during a suspend on Linux, and follows
/// `tokio::time::pause`, which this clock does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The current time. One call of the C library, without a system call where the kernel offers that.
    #[must_use]
    pub fn now() -> Self {
        Self(since_boot())
    }

    /// The time since an earlier point; zero when `earlier` is later.
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
