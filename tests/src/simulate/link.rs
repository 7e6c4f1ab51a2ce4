//! A TCP connection of the simulated network and its messages.

use std::time::Duration;

use std::collections::VecDeque;

use ticklot::venue::RequestId;
use ticklot_book::Nanos;
use ticklot_sim::{Outgoing, Session};

use super::fault::Fault;

/// The limit of unread bytes in flight to a client and in the buffers of both machines.
pub(super) const BUFFER: usize = 64 * 1024;

/// An event that reaches the client.
#[derive(Debug)]
pub(super) enum Arrival {
    /// The upgrade of this attempt succeeded: the connection is open.
    Opened { attempt: u32, link: u32 },
    /// The attempt has failed.
    Failed { attempt: u32, why: Failure },
    /// A whole frame, created by the server at `born`.
    Packet {
        link: u32,
        packet: Packet,
        born: Nanos,
    },
    /// The connection is broken.
    Broken { link: u32, why: &'static str },
    /// The response to an HTTP request.
    Fetched {
        link: u32,
        id: RequestId,
        body: Option<String>,
        born: Nanos,
    },
}

/// Why an attempt fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Refused, with a `Retry-After` in seconds.
    Busy(u64),
    /// Refused, or no connection.
    Other(&'static str),
}

/// A frame to the client.
#[derive(Debug)]
pub(super) enum Packet {
    Text(Vec<u8>),
    Binary,
    Ping,
    Close(u16),
}

impl Packet {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary | Self::Ping | Self::Close(_) => 2,
        }
    }
}

/// A message to the server.
#[derive(Debug)]
pub(super) enum Upstream {
    Text(String),
    Pong,
    /// The client is gone.
    Gone,
}

/// A connection between a client and a server.
#[derive(Default)]
pub(super) struct Link {
    pub(super) index: usize,
    pub(super) host: usize,
    /// The server's end; `None` once it is closed.
    pub(super) session: Option<Box<dyn Session>>,
    /// Whether the client still has its end.
    pub(super) is_held: bool,
    /// When the server upgraded it.
    pub(super) upgraded: Nanos,
    /// Half open: nothing passes, and neither end notices.
    pub(super) is_dead: bool,
    /// Broken: messages in flight are lost.
    pub(super) is_cut: bool,
    /// The arrival of the last message in flight, at the client and at the server. Messages stay in order.
    pub(super) last: [Nanos; 2],
    /// Bytes that the client has not read yet.
    pub(super) unread: usize,
    /// Messages that the server could not write yet.
    pub(super) pending: VecDeque<(Outgoing, Nanos)>,
    /// The time since which the server cannot write.
    pub(super) blocked: Option<Nanos>,
    /// Messages of the client that the server has not read.
    pub(super) inbox: VecDeque<Upstream>,
    /// The server's timer.
    pub(super) armed: Option<Nanos>,
    /// The server is frozen until then.
    pub(super) frozen: Option<Nanos>,
    /// An additional latency, until a time.
    pub(super) slow: (u64, Nanos),
    pub(super) pending_faults: PendingFaults,
}

/// The faults that are pending for the next messages.
#[derive(Debug, Default)]
pub(super) struct PendingFaults {
    pub(super) cut_next: bool,
    pub(super) truncate_next: bool,
    /// The number of repetitions of the next confirmation.
    pub(super) repeat_ack: u32,
    /// The delay of the next confirmation.
    pub(super) delay_ack: Option<u64>,
    /// The number of requests to ignore.
    pub(super) ignore: u32,
    /// The number of requests to refuse with a rate limit error.
    pub(super) reject: u32,
    /// The fault of the next delta of a symbol.
    pub(super) delta: Option<(Fault, &'static str)>,
    /// A delta that is held until the next one of its symbol was sent.
    pub(super) held: Option<String>,
}

impl Link {
    /// Whether both ends are gone.
    pub(super) fn is_over(&self) -> bool {
        self.session.is_none() && !self.is_held
    }

    /// Whether the server does not serve the client now.
    pub(super) fn is_busy(&self) -> bool {
        self.blocked.is_some() || self.frozen.is_some()
    }

    /// The arrival of a message that is sent now. `direction` is 0 to the client and 1 to the server.
    pub(super) fn arrival(&mut self, direction: usize, now: Nanos, latency: u64) -> Nanos {
        let extra = if now < self.slow.1 { self.slow.0 } else { 0 };
        let at = now.after(Duration::from_nanos(latency.saturating_add(extra)));
        self.last[direction] = self.last[direction].max(at);
        self.last[direction]
    }
}
