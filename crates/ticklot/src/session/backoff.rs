//! The backoff between connection attempts.

use std::time::Duration;

use crate::books::nanos;

/// When and how often to reconnect.
///
/// The wait before attempt `n` (from 0) is drawn uniformly from [`MIN_WAIT`](Self::MIN_WAIT) to `min(base * 2^n, cap)`
/// (full jitter), so that many clients do not reconnect simultaneously. No wait is shorter than `MIN_WAIT`. `n`
/// restarts from 0 after a healthy connection: one that delivered something requested and stayed open for
/// `proven_after`, or that stayed open for `good_after`. The waits therefore also grow for a server that accepts
/// connections and closes them immediately.
///
/// ```
/// use std::time::Duration;
/// use ticklot::Reconnect;
///
/// let mut reconnect = Reconnect::default();
/// reconnect.cap = Duration::from_secs(10);
/// reconnect.attempts = Some(20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconnect {
    /// The longest first wait; at least `MIN_WAIT`. Default: 1 s.
    pub base: Duration,
    /// The longest wait; at least `MIN_WAIT`. Default: 30 s.
    pub cap: Duration,
    /// The longest `Retry-After` of a server that is respected. The drawn wait is added to it, so that clients that
    /// were refused together do not return together. Default: 5 min.
    pub max_retry_after: Duration,
    /// How long a connection that delivered nothing must stay open to be healthy. Default: 30 s.
    pub good_after: Duration,
    /// How long a connection that delivered something requested, such as a book or a confirmation, must stay open to be
    /// healthy. Default: 5 s.
    pub proven_after: Duration,
    /// Whether the wait is random; if false, it is `min(base * 2^n, cap)`. Default: true.
    pub jitter: bool,
    /// The number of failed attempts in a row after which the session gives up; `None` for no limit. Default: `None`.
    pub attempts: Option<u32>,
    /// The number of failed attempts after which the session gives up if no connection ever opened, as with a wrong
    /// address. It no longer applies once a server responded that it is busy
    /// ([`Disconnect::Busy`](crate::Disconnect::Busy)). Default: `None`; only `attempts` applies.
    pub first_attempts: Option<u32>,
    /// Whether to reconnect after a connection that was open. Default: true.
    pub after_close: bool,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(30),
            max_retry_after: Duration::from_secs(300),
            good_after: Duration::from_secs(30),
            proven_after: Duration::from_secs(5),
            jitter: true,
            attempts: None,
            first_attempts: None,
            after_close: true,
        }
    }
}

impl Reconnect {
    /// The shortest wait, which limits any configuration to ten attempts per second.
    pub const MIN_WAIT: Duration = Duration::from_millis(100);

    /// A single attempt: the session is over when the connection ends or cannot be made.
    #[must_use]
    pub fn never() -> Self {
        Self {
            attempts: Some(1),
            after_close: false,
            ..Self::default()
        }
    }

    /// The wait before attempt `n`, from 0.
    pub(crate) fn wait(&self, n: u32, random: &mut fastrand::Rng) -> Duration {
        let limit = doubled(
            self.base.max(Self::MIN_WAIT),
            n,
            self.cap.max(Self::MIN_WAIT),
        );
        Duration::from_nanos(if self.jitter {
            random.u64(nanos(Self::MIN_WAIT)..=nanos(limit))
        } else {
            nanos(limit)
        })
    }

    /// How long a connection must stay open to be healthy.
    pub(crate) fn healthy_after(&self, is_proven: bool) -> Duration {
        match is_proven {
            true => self.proven_after.min(self.good_after),
            false => self.good_after,
        }
    }
}

/// `base`, doubled `times` times, and at most `cap`.
pub(super) fn doubled(base: Duration, times: u32, cap: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times).unwrap_or(u32::MAX);
    base.saturating_mul(factor).min(cap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_cap() {
        let fixed = Reconnect {
            jitter: false,
            ..Reconnect::default()
        };
        let mut random = fastrand::Rng::with_seed(1);
        let waits: Vec<u128> = (0..8)
            .map(|n| fixed.wait(n, &mut random).as_millis())
            .collect();
        assert_eq!(
            waits,
            [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]
        );
        assert_eq!(fixed.wait(63, &mut random), Duration::from_secs(30));
        assert_eq!(fixed.wait(u32::MAX, &mut random), Duration::from_secs(30));
    }

    #[test]
    fn never_is_one_connection() {
        let never = Reconnect::never();
        assert_eq!((never.attempts, never.after_close), (Some(1), false));
    }

    #[test]
    fn jitter_stays_in_range() {
        let mut random = fastrand::Rng::with_seed(7);
        let waits: Vec<u128> = (0..1000)
            .map(|_| Reconnect::default().wait(1, &mut random).as_nanos())
            .collect();
        assert!(waits.iter().all(|&wait| wait <= 2_000_000_000));
        assert!(waits.iter().any(|&wait| wait < 200_000_000));
        assert!(waits.iter().any(|&wait| wait > 1_800_000_000));
        assert!(waits.iter().all(|&wait| wait >= 100_000_000));
    }

    #[test]
    fn waits_respect_the_floor() {
        let mut random = fastrand::Rng::with_seed(1);
        for jitter in [false, true] {
            for (base, cap, first, last) in [(0, 0, 100, 100), (0, 30_000, 100, 30_000)] {
                let rules = Reconnect {
                    base: Duration::from_millis(base),
                    cap: Duration::from_millis(cap),
                    jitter,
                    ..Reconnect::default()
                };
                for n in 0..64 {
                    let wait = rules.wait(n, &mut random).as_millis();
                    assert!((100..=last).contains(&wait), "{rules:?}: {wait} ms");
                }
                assert_eq!(rules.wait(0, &mut random).as_millis(), first);
            }
        }
    }
}
