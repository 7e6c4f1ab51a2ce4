//! A client's own pings, where the protocol has a message for them.

use std::time::Duration;

use ticklot_book::Nanos;

/// When a ping is to be sent, and when the last one was.
#[derive(Debug, Default)]
pub(crate) struct Pings {
    every: Option<Duration>,
    due: Option<Nanos>,
    /// When the last was sent, until it is answered.
    sent: Option<Nanos>,
}

impl Pings {
    /// Sends one this often, at most ten a second.
    pub(crate) fn set_interval(&mut self, every: Duration) {
        self.every = Some(every.max(Duration::from_millis(100)));
    }

    /// Begins a connection.
    pub(crate) fn restart(&mut self, now: Nanos) {
        self.sent = None;
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
            self.sent = Some(now);
        }
        is_due
    }

    /// The last one was answered: how long that took. None when none was sent, or it was answered
    /// already.
    pub(crate) fn answered(&mut self, received: Nanos) -> Option<Duration> {
        self.sent.take().map(|sent| received.since(sent))
    }
}
