//! How many messages may be sent, and when.

use std::collections::VecDeque;
use std::time::Duration;

use ticklot_book::Nanos;

/// A venue's limit on what a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many messages may be sent in any `window`. One of them is kept for pings.
    pub messages: u32,
    /// The window. A little longer than the venue's own: what left here evenly spaced may arrive
    /// there less so.
    pub window: Duration,
}

/// The most that the window is stretched after the venue complained.
const MAX_STRETCH: u32 = 8;

/// How long the stretch lasts after the last complaint, in windows of normal length.
const CALM: u32 = 30;

/// A strict sliding window: among any `messages + 1` sendings in a row, the first and the last are
/// more than a window apart.
///
/// A token bucket of the same rate would let through almost twice as many in a second: a full
/// bucket at once, and what drips in meanwhile.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: RateLimit,
    /// When the last messages went out, oldest first: at most `limit.messages` of them.
    sent: VecDeque<Nanos>,
    /// The window is stretched so many times.
    stretch: u32,
    /// Until when.
    stretched_until: Nanos,
    /// Nothing is sent before this.
    pause: Nanos,
}

impl Limiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        let messages = limit.messages.max(1);
        Self {
            limit: RateLimit { messages, ..limit },
            sent: VecDeque::with_capacity(messages as usize),
            stretch: 1,
            stretched_until: Nanos(0),
            pause: Nanos(0),
        }
    }

    /// When the next message may go out, if nothing else does before: now or later. Others than
    /// pings leave one place of the window free.
    pub(crate) fn next(&self, now: Nanos, ping: bool) -> Nanos {
        let places = self.limit.messages as usize;
        let places = if ping { places } else { (places - 1).max(1) };
        let free = match self.sent.len().checked_sub(places) {
            // More than a window after the message that fills the last place.
            Some(at) => self
                .sent
                .get(at)
                .map(|sent| sent.after(self.window(now) + Duration::from_nanos(1))),
            None => None,
        };
        free.unwrap_or(now).max(self.pause).max(now)
    }

    /// A message went out.
    pub(crate) fn sent(&mut self, now: Nanos) {
        if self.sent.len() == self.limit.messages as usize {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// The venue complained: nothing for two windows, then half as much as before for a while.
    pub(crate) fn slow_down(&mut self, now: Nanos) {
        let window = self.limit.window;
        let stretch = if now < self.stretched_until {
            self.stretch
        } else {
            1
        };
        self.stretch = (stretch * 2).min(MAX_STRETCH);
        self.stretched_until = now.after(window.saturating_mul(CALM));
        self.pause = now.after(window.saturating_mul(2));
    }

    /// A new connection: the venue counts anew.
    pub(crate) fn reset(&mut self) {
        self.sent.clear();
        self.pause = Nanos(0);
    }

    fn window(&self, now: Nanos) -> Duration {
        let stretch = if now < self.stretched_until {
            self.stretch
        } else {
            1
        };
        self.limit.window.saturating_mul(stretch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const START: Nanos = Nanos::from_secs(1);

    fn limiter() -> Limiter {
        Limiter::new(RateLimit {
            messages: 10,
            window: Duration::from_secs(1),
        })
    }

    /// Sends as soon as allowed; every `pings`th message is a ping.
    fn send(limiter: &mut Limiter, now: &mut Nanos, count: usize, pings: usize) -> Vec<Nanos> {
        (1..=count)
            .map(|n| {
                *now = limiter.next(*now, pings > 0 && n % pings == 0);
                limiter.sent(*now);
                *now
            })
            .collect()
    }

    /// The most sendings in any closed second.
    fn busiest(sent: &[Nanos]) -> usize {
        sent.iter()
            .map(|end| {
                sent.iter()
                    .filter(|t| **t <= *end && end.since(**t) <= SECOND)
                    .count()
            })
            .max()
            .unwrap()
    }

    #[test]
    fn burst_reserves_a_ping_slot() {
        let mut limiter = limiter();
        let mut now = START;
        let sent = send(&mut limiter, &mut now, 9, 0);
        assert!(
            sent.iter().all(|t| *t == START),
            "a burst may use the window"
        );
        assert_eq!(limiter.next(now, true), now, "the tenth place is a ping's");
        assert_eq!(limiter.next(now, false), Nanos(2_000_000_001));
        limiter.sent(now);
        assert_eq!(
            limiter.next(now, true),
            Nanos(2_000_000_001),
            "an eleventh is nobody's"
        );
    }

    #[test]
    fn at_most_ten_per_second() {
        for pings in [0, 1, 2, 3, 7, 50] {
            let mut limiter = limiter();
            let mut now = Nanos(5);
            let mut sent = send(&mut limiter, &mut now, 300, pings);
            // A rest, and another burst.
            now = now.after(SECOND / 2);
            sent.extend(send(&mut limiter, &mut now, 300, pings));
            assert!(busiest(&sent) <= 10, "{pings}: {}", busiest(&sent));
        }
    }

    #[test]
    fn irregular_sending_respects_limit() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..50 {
            let mut limiter = limiter();
            let mut now = Nanos(0);
            let mut sent = Vec::new();
            for _ in 0..200 {
                now = now.after(Duration::from_nanos(random.u64(0..250_000_000)));
                let burst = random.usize(0..12);
                sent.extend(send(&mut limiter, &mut now, burst, random.usize(0..4)));
            }
            assert!(busiest(&sent) <= 10);
        }
    }

    #[test]
    fn rate_error_pauses_then_halves() {
        let mut limiter = limiter();
        let mut now = Nanos::from_secs(10);
        limiter.slow_down(now);
        assert_eq!(limiter.next(now, true), now.after(2 * SECOND));
        let start = limiter.next(now, false);
        now = start;
        let sent = send(&mut limiter, &mut now, 91, 0);
        // Ten windows of nine messages, each twice as long.
        assert!(sent[90].since(start) >= 20 * SECOND);
        limiter.slow_down(now);
        limiter.slow_down(now);
        limiter.slow_down(now);
        limiter.slow_down(now);
        assert_eq!(limiter.window(now), 8 * SECOND, "a bounded stretch");
        now = now.after(30 * SECOND);
        assert_eq!(limiter.window(now), SECOND, "forgiven after a while");
        assert_eq!(limiter.window(Nanos(now.0 - 1)), 8 * SECOND);
        limiter.slow_down(now);
        assert_eq!(limiter.window(now), 2 * SECOND, "and counted anew");
    }

    #[test]
    fn reset_clears_the_window() {
        let mut limiter = limiter();
        let mut now = START;
        send(&mut limiter, &mut now, 9, 0);
        limiter.slow_down(now);
        limiter.reset();
        assert_eq!(limiter.next(now, false), now);
    }

    #[test]
    fn limit_of_one_still_sends() {
        let mut limiter = Limiter::new(RateLimit {
            messages: 0,
            window: Duration::from_secs(1),
        });
        assert_eq!(limiter.next(Nanos(7), false), Nanos(7));
        limiter.sent(Nanos(7));
        assert_eq!(limiter.next(Nanos(7), true), Nanos(1_000_000_008));
    }
}
