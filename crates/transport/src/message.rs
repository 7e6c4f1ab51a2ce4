//! What a reader hands out.

use crate::Instant;

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

/// Whether a message is text or bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8, which has been checked.
    Text,
    /// Any bytes.
    Binary,
}

/// A whole message, in the connection's own buffer.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message<'a> {
    /// Text or bytes.
    pub kind: Kind,
    /// The content. Mutable, so that a parser may work in place: the buffer is
    /// not read again.
    pub payload: &'a mut [u8],
    /// When the read of the socket returned that brought the end of it. A message that lies behind
    /// others of one read has their time, however long they took: the difference from now is how long
    /// it has waited here. With TLS, the moment at which its bytes were decrypted.
    pub received: Instant,
    /// The last known moment at which the socket had nothing to read. The message arrived between
    /// this and [`received`](Self::received): a difference beyond the interval at which the owner polls
    /// or calls [`Reader::mark_idle`](crate::Reader::mark_idle) means that it may have waited in the kernel,
    /// because the process was stopped or reads more slowly than the peer writes.
    pub idle_at: Instant,
}

/// When the socket was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    /// When the last read returned.
    pub(crate) at: Instant,
    /// The last known moment before it at which the socket had nothing to read.
    pub(crate) idle_at: Instant,
}

/// Tracks when the socket was read, and when it had nothing to read.
#[derive(Debug)]
pub(crate) struct Arrivals {
    read: Read,
    /// Whether the socket had nothing to read at the last attempt.
    is_idle: bool,
    /// When the socket was last read, or seen idle by the owner.
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

    /// The socket has nothing to read.
    pub(crate) fn set_idle(&mut self) {
        self.is_idle = true;
    }

    /// Whether the socket had nothing to read at the last attempt.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// A socket that had nothing to read had nothing at `time` either.
    pub(crate) fn mark_idle(&mut self, time: Instant) {
        if self.is_idle {
            self.seen_at = self.seen_at.max(time);
        }
    }

    /// A read has returned with bytes, an end or an error. Looks at the clock.
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

/// What came in, control frames included.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incoming<'a> {
    /// A whole message.
    Message(Message<'a>),
    /// To be answered with [`Writer::pong`](crate::Writer::pong) and this payload.
    Ping(&'a [u8]),
    /// The answer to a ping, or a sign of life that nobody asked for.
    Pong(&'a [u8]),
    /// The peer closes. To be answered with [`Writer::close`](crate::Writer::close)
    /// and this code; nothing follows.
    Close {
        /// Its code, or [`NO_STATUS`](crate::close::NO_STATUS) where it gave none.
        code: u16,
        /// Its reason, checked to be UTF-8, often empty. At most 123 bytes: a control frame carries
        /// 125, and the code takes two (RFC 6455, section 5.5).
        reason: &'a str,
    },
}
