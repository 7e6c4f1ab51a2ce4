//! A client's own pings, where the protocol has a message for them.

use std::collections::VecDeque;
use std::time::Duration;

use ticklot_book::Nanos;

/// How long the answer to a ping may take.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How late a timer may be before the process counts as held up, and how long the answer may take then.
const GRACE: Duration = Duration::from_secs(1);

/// When a ping is to be sent, and when the unanswered ones were.
#[derive(Debug, Default)]
pub(crate) struct PingTimer {
    every: Option<Duration>,
    due: Option<Nanos>,
    /// When those without an answer were sent, oldest first: at most as many as fit into the timeout.
    sent: VecDeque<Nanos>,
    /// The oldest is not overdue before.
    not_before: Nanos,
}

impl PingTimer {
    /// Sends one this often, at most ten a second.
    pub(crate) fn set_interval(&mut self, every: Duration) {
        self.every = Some(every.max(Duration::from_millis(100)));
    }

    /// Begins a connection.
    pub(crate) fn restart(&mut self, now: Nanos) {
        self.sent.clear();
        self.not_before = Nanos(0);
        self.due = self.every.map(|every| now.after(every));
    }

    /// Sends one now.
    pub(crate) fn request(&mut self, now: Nanos) {
        self.due = Some(now);
    }

    /// When the next is to be sent.
    pub(crate) fn due(&self) -> Option<Nanos> {
        self.due
    }

    #[inline]
    pub(crate) fn is_due(&self, now: Nanos) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Takes one that is due for sent.
    pub(crate) fn take(&mut self, now: Nanos) -> bool {
        let is_due = self.is_due(now);
        if is_due {
            self.due = self.every.map(|every| now.after(every));
            self.sent.push_back(now);
        }
        is_due
    }

    /// The oldest was answered: how long that took. None when none is unanswered.
    pub(crate) fn answered(&mut self, received: Nanos) -> Option<Duration> {
        self.sent.pop_front().map(|sent| received.since(sent))
    }

    /// When [`PingTimer::is_overdue`] is to be called.
    pub(crate) fn deadline(&self) -> Option<Nanos> {
        let oldest = self.sent.front()?;
        Some(oldest.after(PING_TIMEOUT).max(self.not_before))
    }

    /// Whether the oldest has had no answer in time. When the call itself is late, the process was held up, and the
    /// answer may wait in the socket: it gets another second.
    pub(crate) fn is_overdue(&mut self, now: Nanos) -> bool {
        let Some(late) = self.deadline().filter(|by| *by <= now) else {
            return false;
        };
        let was_held_up = now.since(late) >= GRACE;
        if was_held_up {
            self.not_before = now.after(GRACE);
        }
        !was_held_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Nanos {
        Nanos(millis * 1_000_000)
    }

    /// One every second, from 0 on.
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
            "the answer may wait to be read"
        );
        assert_eq!(pings.deadline(), Some(at(61_000)));
        assert!(pings.is_overdue(at(61_000)));
        pings.answered(at(61_000));
        assert!(!pings.is_overdue(at(99_000)));
    }
}
