//! A client's session as a state machine without a socket, a timer or a clock.
//!
//! All decisions of a server are in a [`Session`] and in an exchange
//! ([`bayse::Exchange`](crate::bayse::Exchange), [`jayx::Exchange`](crate::jayx::Exchange)): they are
//! get the inputs and their times, and return the messages to send. The servers of this crate are a shell of
//! sockets around them; a simulation on virtual time is another.

use std::collections::VecDeque;
use std::time::Duration;

use ticklot_book::Nanos;

/// A point in time on the two clocks of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timestamps {
    /// On a clock that never goes back, from whatever start. Deadlines are counted on it.
    pub at: Nanos,
    /// On the wall clock, in milliseconds since the epoch: what messages are stamped with. It may be
    /// set back or forward.
    pub wall_ms: u64,
}

/// An outgoing message of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A text message.
    Text(String),
    /// A WebSocket ping.
    Ping,
    /// A close: the last that there is.
    Close(Close),
}

/// One client's connection, after its upgrade, as a pure state machine.
///
/// The shell passes it the client's messages, and reports that its deadline has come or that the market may have
/// moved; after each of these it takes [`Session::outgoing`] until there is none. Messages that a client sends
/// while the last replies are still being written wait in the shell: the queue is then as
/// long as the reply to one call, a step of the market at most.
pub trait Session {
    /// A text message of the client's.
    fn text(&mut self, text: &str, now: Timestamps);

    /// A binary message of the client's.
    fn binary(&mut self, now: Timestamps);

    /// A WebSocket pong of the client's.
    fn pong(&mut self, now: Timestamps);

    /// When [`Session::timeout`] is to be called, on the clock of [`Timestamps::at`]; none for not at
    /// all.
    fn deadline(&self) -> Option<Nanos>;

    /// The deadline has come. Too early a call does nothing.
    fn timeout(&mut self, now: Timestamps);

    /// The market may have moved: queues the updates since the last call.
    fn market_changed(&mut self, now: Timestamps);

    /// The next thing to send. After a [`Outgoing::Close`] there is nothing more.
    fn outgoing(&mut self) -> Option<Outgoing>;
}

/// A close: its code and reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
}

impl Close {
    pub(crate) const NORMAL: Self = Self::new(1000, "");
    pub(crate) const AWAY: Self = Self::new(1001, "the server shuts down");
    pub(crate) const PROTOCOL: Self = Self::new(1002, "protocol error");
    pub(crate) const UNMASKED: Self = Self::new(1002, "a client's frames must be masked");
    pub(crate) const BINARY: Self = Self::new(1003, "text frames only");
    pub(crate) const NOT_UTF8: Self = Self::new(1007, "text must be UTF-8");
    pub(crate) const TOO_BIG: Self = Self::new(1009, "message too big");

    pub(crate) const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }

    /// The WebSocket close code.
    #[must_use]
    pub fn code(self) -> u16 {
        self.code
    }

    /// Why.
    #[must_use]
    pub fn reason(self) -> &'static str {
        self.reason
    }
}

/// A rejected upgrade, as an HTTP response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The HTTP status.
    pub status: u16,
    /// How long the client has to wait, if the response says so: whole seconds.
    pub retry_after: Option<Duration>,
    pub(crate) body: &'static str,
}

impl Rejection {
    pub(crate) const fn new(status: u16, body: &'static str) -> Self {
        Self {
            status,
            retry_after: None,
            body,
        }
    }

    /// For a client that may retry after `wait`, rounded up to whole seconds.
    pub(crate) fn too_many(body: &'static str, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self {
            retry_after: Some(Duration::from_secs(seconds)),
            ..Self::new(429, body)
        }
    }
}

/// The messages that wait to be sent. A close is the last.
#[derive(Debug, Default)]
pub(crate) struct OutgoingQueue {
    waiting: VecDeque<Outgoing>,
    is_closed: bool,
}

impl OutgoingQueue {
    /// Adds something, unless a close came before.
    pub(crate) fn push(&mut self, outgoing: Outgoing) {
        if !self.is_closed {
            self.is_closed = matches!(outgoing, Outgoing::Close(_));
            self.waiting.push_back(outgoing);
        }
    }

    pub(crate) fn text(&mut self, text: String) {
        self.push(Outgoing::Text(text));
    }

    pub(crate) fn close(&mut self, close: Close) {
        self.push(Outgoing::Close(close));
    }

    /// Whether a close was added.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn pop(&mut self) -> Option<Outgoing> {
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_ends_with_close() {
        let mut queue = OutgoingQueue::default();
        queue.text("a".to_owned());
        queue.close(Close::NORMAL);
        queue.text("b".to_owned());
        assert_eq!(queue.pop(), Some(Outgoing::Text("a".to_owned())));
        assert_eq!(queue.pop(), Some(Outgoing::Close(Close::NORMAL)));
        assert_eq!(queue.pop(), None);
    }
}
