//! Rate limits with a sliding window.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use ticklot_book::Nanos;

/// A rate limit with a sliding window: no period of length `per` contains more than `count` events. Rejected events do
/// not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The maximum number of events.
    pub count: u32,
    /// The length of the window.
    pub per: Duration,
}

/// The admitted events of one client in the window.
#[derive(Debug, Default)]
pub(crate) struct SlidingWindow {
    admitted: VecDeque<Nanos>,
}

impl SlidingWindow {
    /// Admits an event, or returns the time until the next one is admitted.
    pub(crate) fn admit(&mut self, rate: Rate, now: Nanos) -> Result<(), Duration> {
        self.expire(rate, now);
        let max = usize::try_from(rate.count).unwrap_or(usize::MAX);
        if self.admitted.len() < max {
            self.admitted.push_back(now);
            return Ok(());
        }
        let first = self.admitted.front().copied().unwrap_or(now);
        let free = first.after(rate.per);
        Err(free.since(now))
    }

    fn expire(&mut self, rate: Rate, now: Nanos) {
        let is_expired = |it: &Nanos| it.after(rate.per) <= now;
        while self.admitted.front().is_some_and(is_expired) {
            self.admitted.pop_front();
        }
    }
}

/// The windows of all addresses with recent events.
#[derive(Debug, Default)]
pub(crate) struct PerIpLimiter(HashMap<IpAddr, SlidingWindow>);

impl PerIpLimiter {
    pub(crate) fn admit(&mut self, ip: IpAddr, rate: Rate, now: Nanos) -> Result<(), Duration> {
        self.0.retain(|_, window| {
            window.expire(rate, now);
            !window.admitted.is_empty()
        });
        self.0.entry(ip).or_default().admit(rate, now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const RATE: Rate = Rate {
        count: 2,
        per: Duration::from_millis(100),
    };

    #[test]
    fn window_never_exceeds_count() {
        let mut window = SlidingWindow::default();
        let mut admit = |ms| window.admit(RATE, Nanos::from_millis(ms));
        assert_eq!(admit(0), Ok(()));
        assert_eq!(admit(60), Ok(()));
        assert_eq!(admit(90), Err(Duration::from_millis(10)));
        assert_eq!(admit(99), Err(Duration::from_millis(1)));
        assert_eq!(admit(100), Ok(()));
        assert_eq!(admit(120), Err(Duration::from_millis(40)));
        assert_eq!(admit(160), Ok(()));
    }

    #[test]
    fn limits_each_address_separately() {
        let (mut limiter, zero) = (PerIpLimiter::default(), Nanos(0));
        let ip = |last| IpAddr::from(Ipv4Addr::new(10, 0, 0, last));
        for last in [1, 2, 1, 2] {
            assert_eq!(limiter.admit(ip(last), RATE, zero), Ok(()));
        }
        assert!(limiter.admit(ip(1), RATE, zero).is_err());
        assert_eq!(limiter.admit(ip(3), RATE, Nanos(0).after(RATE.per)), Ok(()));
        assert_eq!(limiter.0.len(), 1);
    }
}
