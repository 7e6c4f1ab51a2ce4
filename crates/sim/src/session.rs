//! A client's session as a state machine without a socket, a timer or a clock.
//!
//! The protocol of a server is implemented by a [`Session`] and by an exchange
//! ([`bayse::Exchange`](crate::bayse::Exchange), [`jayx::Exchange`](crate::jayx::Exchange)). They receive inputs and
//! timestamps, and return outgoing messages. The servers of this crate drive them with sockets. A simulation can
//! drive them on virtual time:
//!
//! ```
//! use ticklot_sim::{Outgoing, Timestamps, jayx};
//!
//! let now = Timestamps::default();
//! let mut exchange = jayx::Exchange::new(jayx::Config::default(), now)?;
//! let mut session = exchange.upgrade("/", now).expect("the plain mode accepts every path");
//! session.text("{}", now);
//! let error = r#"{"error":{"message":"event is required"}}"#;
//! assert_eq!(session.outgoing(), Some(Outgoing::Text(error.to_owned())));
//! # Ok::<(), std::io::Error>(())
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use ticklot_book::Nanos;

/// A point in time on the two clocks of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timestamps {
    /// On a monotonic clock with an arbitrary origin. Deadlines use this clock.
    pub at: Nanos,
    /// On the wall clock, in milliseconds since the epoch. Messages carry this time. It may jump.
    pub wall_ms: u64,
}

/// An outgoing message of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A text message.
    Text(String),
    /// A WebSocket ping.
    Ping,
    /// A close. No message follows it.
    Close(Close),
}

/// One client's connection, after its upgrade, as a pure state machine.
///
/// The driver passes in the client's messages, expired deadlines and possible market changes. After each call it
/// drains [`Session::outgoing`]. It does not pass in the next message before the replies are written, so that the
/// queue holds at most the output of one call.
pub trait Session {
    /// Handles a text message from the client.
    fn text(&mut self, text: &str, now: Timestamps);

    /// Handles a binary message from the client.
    fn binary(&mut self, now: Timestamps);

    /// Handles a WebSocket pong from the client.
    fn pong(&mut self, now: Timestamps);

    /// When to call [`Session::timeout`], on the clock of [`Timestamps::at`]. `None` for never.
    fn deadline(&self) -> Option<Nanos>;

    /// Handles an expired deadline. A call before the deadline does nothing.
    fn timeout(&mut self, now: Timestamps);

    /// Queues the market updates since the last call.
    fn market_changed(&mut self, now: Timestamps);

    /// Returns the next message to send. Returns `None` after an [`Outgoing::Close`].
    fn outgoing(&mut self) -> Option<Outgoing>;
}

/// The code and the reason of a WebSocket close.
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

    /// The reason that is sent to the client.
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
    /// The `Retry-After` header, in whole seconds.
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

    /// A rejection with 429. `Retry-After` is `wait`, rounded up to whole seconds.
    pub(crate) fn too_many(body: &'static str, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self {
            retry_after: Some(Duration::from_secs(seconds)),
            ..Self::new(429, body)
        }
    }
}

/// The queue of outgoing messages, which ends with a close.
#[derive(Debug, Default)]
pub(crate) struct OutgoingQueue {
    waiting: VecDeque<Outgoing>,
    is_closed: bool,
}

impl OutgoingQueue {
    /// Adds a message, unless a close is queued.
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

    /// Whether a close was queued, even if it was sent already.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The number of queued messages.
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
