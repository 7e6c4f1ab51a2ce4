//! How long to wait before the next attempt.

use std::time::Duration;

/// When and how often to reconnect.
///
/// The wait before attempt `n` (from 0) is drawn evenly from `MIN_WAIT` to `min(base * 2^n, cap)`: full
/// jitter, so that many clients do not reconnect at once. No wait is shorter than
/// [`MIN_WAIT`](Self::MIN_WAIT), whatever `base` and `cap` are. `n` starts again from 0 after a healthy connection: one that brought something requested and
/// stayed open for `proven_after`, or stayed open for `good_after`. A server that answers and
/// disconnects is dialled with a growing wait.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconnect {
    /// The longest first wait; at least `MIN_WAIT`. Default: 1 s.
    pub base: Duration,
    /// The longest wait; at least `MIN_WAIT`. Default: 30 s.
    pub cap: Duration,
    /// The longest wait that a server can ask for (`Retry-After`). The drawn wait is added to it, so that clients
    /// which were refused together do not return together. Default: 5 min.
    pub max_retry_after: Duration,
    /// How long a connection must have been open to be healthy without having brought anything.
    /// Default: 30 s.
    pub good_after: Duration,
    /// How long a connection must have been open to be healthy when it brought something requested: a
    /// book, or a confirmation. Default: 5 s.
    pub proven_after: Duration,
    /// Whether the wait is drawn at random up to its limit, or is the limit. Default: true.
    pub jitter: bool,
    /// How many attempts may fail in a row before giving up. Default: none, try for ever.
    pub attempts: Option<u32>,
    /// How many attempts may fail before there ever was a connection: a wrong address is better
    /// reported than tried for ever. A server that is busy ([`Disconnect::Busy`](crate::Disconnect::Busy)) is no wrong address: from
    /// its response on this limit is no more. Default: none, as `attempts`.
    pub first_attempts: Option<u32>,
    /// Whether to connect again after a connection that was good. Default: true.
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
    /// The shortest wait, whatever the rules are: at most ten attempts a second.
    pub const MIN_WAIT: Duration = Duration::from_millis(100);

    /// One connection: when it ends, or cannot be made, that is the end.
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
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(if self.jitter {
            random.u64(nanos(Self::MIN_WAIT)..=nanos(limit))
        } else {
            nanos(limit)
        })
    }

    /// How long a connection must have been open to be healthy.
    pub(crate) fn healthy_after(&self, proved: bool) -> Duration {
        match proved {
            true => self.proven_after.min(self.good_after),
            false => self.good_after,
        }
    }
}

/// A wait that doubles `times` times from `base`, up to `cap`.
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
