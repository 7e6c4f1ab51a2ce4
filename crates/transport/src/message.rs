//! Incoming messages and control frames, and the times of their reads.

use crate::Instant;

/// The side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

/// The type of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Valid UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// A complete message, in the connection's buffer.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message<'a> {
    /// Text or binary.
    pub kind: Kind,
    /// The content. Mutable, so that a parser may work in place: the connection does not read it again.
    pub payload: &'a mut [u8],
    /// The time when the socket read that completed the message returned. All messages of one read have the same time,
    /// so the difference from now includes the processing of earlier ones. With TLS, the time of decryption.
    pub received: Instant,
    /// The last known time when the socket was empty. The message arrived between that time and
    /// [`received`](Self::received). If the difference exceeds the interval at which the owner polls or calls
    /// [`Reader::mark_idle`](crate::Reader::mark_idle), the message may have waited in the kernel, because the process
    /// was stopped or is slower than the peer.
    pub idle_at: Instant,
}

/// The times of a socket read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    /// When the read returned.
    pub(crate) at: Instant,
    /// The last known time before it when the socket was empty.
    pub(crate) idle_at: Instant,
}

/// Tracks when the socket was read, and when it was empty.
#[derive(Debug)]
pub(crate) struct Arrivals {
    read: Read,
    /// Whether the socket was empty at the last read.
    is_idle: bool,
    /// When the socket was last read, or marked idle.
    seen_at: Instant,
}

impl Arrivals {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            read: Read {
                at: now,
                idle_at: now,
            },
            is_idle: false,
            seen_at: now,
        }
    }

    /// The last read.
    pub(crate) fn read(&self) -> Read {
        self.read
    }

    /// Records that a read found the socket empty.
    pub(crate) fn set_idle(&mut self) {
        self.is_idle = true;
    }

    /// Whether the socket was empty at the last read.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// Records that an idle socket was still empty at `time`.
    pub(crate) fn mark_idle(&mut self, time: Instant) {
        if self.is_idle {
            self.seen_at = self.seen_at.max(time);
        }
    }

    /// Records a read that returned bytes, the end of the stream or an error. Reads the clock.
    pub(crate) fn has_read(&mut self) {
        self.read.at = Instant::now();
        if self.is_idle {
            self.read.idle_at = self.seen_at;
            self.is_idle = false;
        }
        self.seen_at = self.read.at;
    }
}

impl<'a> Message<'a> {
    pub(crate) fn new(kind: Kind, payload: &'a mut [u8], read: Read) -> Self {
        Self {
            kind,
            payload,
            received: read.at,
            idle_at: read.idle_at,
        }
    }
}

/// An incoming message or control frame.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incoming<'a> {
    /// A complete message.
    Message(Message<'a>),
    /// A ping. Reply with [`Writer::pong`](crate::Writer::pong) and this payload.
    Ping(&'a [u8]),
    /// A pong: the reply to a ping, or an unsolicited one.
    Pong(&'a [u8]),
    /// The peer's close frame, the last frame. Reply with [`Writer::close`](crate::Writer::close) and this code.
    Close {
        /// The code, or [`NO_STATUS`](crate::close::NO_STATUS) if the frame has none.
        code: u16,
        /// The reason, often empty. At most 123 bytes: a control frame has at most 125, and the code takes two (RFC 6455,
        /// section 5.5).
        reason: &'a str,
    },
}
