//! The rate limit of outgoing messages: a sliding window.

use std::collections::VecDeque;
use std::time::Duration;

use ticklot_book::Nanos;

/// A venue's limit on the rate of a client's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The maximum number of messages in any `window`. One of them is reserved for pings.
    pub messages: u32,
    /// The window. It should be a little longer than the venue's, because the network changes the spacing of messages.
    pub window: Duration,
}

/// The largest factor by which rate errors of the venue stretch the window.
const MAX_STRETCH: u32 = 8;

/// How long the stretch lasts after the last rate error, in windows of normal length.
const CALM: u32 = 30;

/// A strict sliding window: of any `messages + 1` consecutive messages, the first and the last are more than a window
/// apart.
///
/// A token bucket of the same rate would allow almost twice as many messages in a window: the full bucket immediately,
/// and the tokens that are added in the meantime.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: RateLimit,
    /// When the last messages were sent, oldest first: at most `limit.messages` times.
    sent: VecDeque<Nanos>,
    /// The factor by which the window is stretched until `stretched_until`.
    stretch: u32,
    stretched_until: Nanos,
    /// No message is sent before this time.
    paused_until: Nanos,
}

impl Limiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        let messages = limit.messages.max(1);
        Self {
            limit: RateLimit { messages, ..limit },
            sent: VecDeque::with_capacity(messages as usize),
            stretch: 1,
            stretched_until: Nanos(0),
            paused_until: Nanos(0),
        }
    }

    /// The earliest time for the next message: now or later. Messages other than pings leave one slot of the window
    /// free.
    pub(crate) fn next(&self, now: Nanos, ping: bool) -> Nanos {
        let slots = self.limit.messages as usize;
        let slots = if ping { slots } else { (slots - 1).max(1) };
        // The message that must leave the window first, if all slots are taken.
        let blocking = self.sent.len().checked_sub(slots);
        let sent = blocking.and_then(|index| self.sent.get(index));
        let free = sent.map(|sent| sent.after(self.window(now) + Duration::from_nanos(1)));
        free.unwrap_or(now).max(self.paused_until).max(now)
    }

    /// Records a sent message.
    pub(crate) fn sent(&mut self, now: Nanos) {
        if self.sent.len() == self.limit.messages as usize {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// Handles a rate error of the venue: pauses for two windows, then halves the rate for [`CALM`] windows.
    pub(crate) fn slow_down(&mut self, now: Nanos) {
        let window = self.limit.window;
        self.stretch = (self.stretch(now) * 2).min(MAX_STRETCH);
        self.stretched_until = now.after(window.saturating_mul(CALM));
        self.paused_until = now.after(window.saturating_mul(2));
    }

    /// Clears the window for a new connection. The stretch remains.
    pub(crate) fn reset(&mut self) {
        self.sent.clear();
        self.paused_until = Nanos(0);
    }

    fn stretch(&self, now: Nanos) -> u32 {
        match now < self.stretched_until {
            true => self.stretch,
            false => 1,
        }
    }

    fn window(&self, now: Nanos) -> Duration {
        self.limit.window.saturating_mul(self.stretch(now))
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

    /// Sends `count` messages as early as allowed; every `pings`th message is a ping.
    fn send(limiter: &mut Limiter, now: &mut Nanos, count: usize, pings: usize) -> Vec<Nanos> {
        (1..=count)
            .map(|n| {
                *now = limiter.next(*now, pings > 0 && n % pings == 0);
                limiter.sent(*now);
                *now
            })
            .collect()
    }

    /// The maximum number of messages in any closed interval of one second.
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
        assert_eq!(
            limiter.next(now, true),
            now,
            "the tenth slot is reserved for pings"
        );
        assert_eq!(limiter.next(now, false), Nanos(2_000_000_001));
        limiter.sent(now);
        assert_eq!(
            limiter.next(now, true),
            Nanos(2_000_000_001),
            "there is no eleventh slot"
        );
    }

    #[test]
    fn at_most_ten_per_second() {
        for pings in [0, 1, 2, 3, 7, 50] {
            let mut limiter = limiter();
            let mut now = Nanos(5);
            let mut sent = send(&mut limiter, &mut now, 300, pings);
            // A pause, and another burst.
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
        assert_eq!(limiter.window(now), SECOND, "the stretch ends");
        assert_eq!(limiter.window(Nanos(now.0 - 1)), 8 * SECOND);
        limiter.slow_down(now);
        assert_eq!(limiter.window(now), 2 * SECOND, "and starts over");
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
