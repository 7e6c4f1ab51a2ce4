//! Times the client's own pings, for a protocol with a ping message.

use std::collections::VecDeque;
use std::time::Duration;

use ticklot_book::Nanos;

/// The time limit for the reply to a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// A timer that is later than this shows that the process was delayed. The timeout of the reply is then extended by
/// this much.
const GRACE: Duration = Duration::from_secs(1);

/// The schedule of pings, and the unanswered ones.
#[derive(Debug, Default)]
pub(crate) struct PingTimer {
    every: Option<Duration>,
    due: Option<Nanos>,
    /// When the unanswered pings were sent, oldest first. At most the number of intervals in the timeout.
    sent: VecDeque<Nanos>,
    /// The oldest ping is not overdue before this.
    not_before: Nanos,
}

impl PingTimer {
    /// Sends a ping at this interval, at least 100 ms.
    pub(crate) fn set_interval(&mut self, every: Duration) {
        self.every = Some(every.max(Duration::from_millis(100)));
    }

    /// Call when a connection opens.
    pub(crate) fn restart(&mut self, now: Nanos) {
        self.sent.clear();
        self.not_before = Nanos(0);
        self.due = self.every.map(|every| now.after(every));
    }

    /// Makes a ping due now.
    pub(crate) fn request(&mut self, now: Nanos) {
        self.due = Some(now);
    }

    /// When the next ping is due.
    pub(crate) fn due(&self) -> Option<Nanos> {
        self.due
    }

    #[inline]
    pub(crate) fn is_due(&self, now: Nanos) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Whether a ping is due; if so, it is assumed to be sent.
    pub(crate) fn take(&mut self, now: Nanos) -> bool {
        let is_due = self.is_due(now);
        if is_due {
            self.due = self.every.map(|every| now.after(every));
            self.sent.push_back(now);
        }
        is_due
    }

    /// Removes the oldest unanswered ping and returns its round-trip time; none without one.
    pub(crate) fn answered(&mut self, received: Nanos) -> Option<Duration> {
        self.sent.pop_front().map(|sent| received.since(sent))
    }

    /// When [`PingTimer::is_overdue`] must be called.
    pub(crate) fn deadline(&self) -> Option<Nanos> {
        let oldest = self.sent.front()?;
        Some(oldest.after(PING_TIMEOUT).max(self.not_before))
    }

    /// Whether the oldest ping has no reply in time. If the call itself is late, the process was delayed and the reply
    /// may wait in the socket, so the timeout is extended by a second.
    pub(crate) fn is_overdue(&mut self, now: Nanos) -> bool {
        let Some(late) = self.deadline().filter(|by| *by <= now) else {
            return false;
        };
        let was_delayed = now.since(late) >= GRACE;
        if was_delayed {
            self.not_before = now.after(GRACE);
        }
        !was_delayed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Nanos {
        Nanos(millis * 1_000_000)
    }

    /// One ping every second.
    fn pings() -> PingTimer {
        let mut pings = PingTimer::default();
        pings.set_interval(Duration::from_secs(1));
        pings.restart(at(0));
        pings
    }

    #[test]
    fn oldest_unanswered_sets_deadline() {
        let mut pings = pings();
        assert_eq!(pings.deadline(), None);
        assert!(pings.take(at(1_000)) && pings.take(at(2_000)));
        assert_eq!(pings.deadline(), Some(at(11_000)));
        assert!(!pings.is_overdue(at(10_999)));
        assert_eq!(
            pings.answered(at(3_500)),
            Some(Duration::from_millis(2_500))
        );
        assert_eq!(pings.deadline(), Some(at(12_000)));
        assert!(pings.is_overdue(at(12_000)));
        pings.restart(at(13_000));
        assert_eq!((pings.deadline(), pings.answered(at(14_000))), (None, None));
    }

    #[test]
    fn delayed_process_waits_again() {
        let mut pings = pings();
        pings.take(at(1_000));
        assert!(
            !pings.is_overdue(at(60_000)),
            "the reply may wait in the socket"
        );
        assert_eq!(pings.deadline(), Some(at(61_000)));
        assert!(pings.is_overdue(at(61_000)));
        pings.answered(at(61_000));
        assert!(!pings.is_overdue(at(99_000)));
    }
}
