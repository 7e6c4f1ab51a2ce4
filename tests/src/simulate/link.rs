//! A TCP connection of the simulated network and its messages.

use std::time::Duration;

use std::collections::VecDeque;

use ticklot::venue::RequestId;
use ticklot_book::Nanos;
use ticklot_sim::{Outgoing, Session};

use super::fault::Fault;

/// How many bytes may be under way to a client, or wait in the buffers of the two machines.
pub(super) const BUFFER: usize = 64 * 1024;

/// An event that reaches the client.
#[derive(Debug)]
pub(super) enum Arrival {
    /// The answer to the upgrade of this attempt: the connection is open.
    Opened { attempt: u32, link: u32 },
    /// The attempt has failed.
    Failed { attempt: u32, why: Failure },
    /// A whole frame, made by the server at `born`.
    Packet {
        link: u32,
        packet: Packet,
        born: Nanos,
    },
    /// The connection is broken.
    Broken { link: u32, why: &'static str },
    /// The answer to a request beside the connection.
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
    /// Refused, with the seconds to wait.
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

/// A connection, seen from outside.
#[derive(Default)]
pub(super) struct Link {
    pub(super) index: usize,
    pub(super) host: usize,
    /// The server's end; none once that is gone.
    pub(super) session: Option<Box<dyn Session>>,
    /// Whether the client still has its end.
    pub(super) is_held: bool,
    /// When the server upgraded it.
    pub(super) upgraded: Nanos,
    /// Half open: nothing passes any more, and neither end notices.
    pub(super) is_dead: bool,
    /// Broken: what is under way is lost.
    pub(super) is_cut: bool,
    /// When the last message in flight arrives, at the client and at the server: messages keep their order.
    pub(super) last: [Nanos; 2],
    /// Bytes that the client has not read yet.
    pub(super) unread: usize,
    /// Messages that the server could not write yet.
    pub(super) pending: VecDeque<(Outgoing, Nanos)>,
    /// Since when it has not.
    pub(super) blocked: Option<Nanos>,
    /// Messages of the client that the server has not read.
    pub(super) inbox: VecDeque<Upstream>,
    /// When the server's timer is set.
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
    /// How often the next confirmation is repeated.
    pub(super) repeat_ack: u32,
    /// How late the next confirmation comes.
    pub(super) delay_ack: Option<u64>,
    /// How many requests are swallowed.
    pub(super) ignore: u32,
    /// How many requests are refused as too many.
    pub(super) reject: u32,
    /// The fault of the next delta of a symbol.
    pub(super) delta: Option<(Fault, &'static str)>,
    /// A delta that waits until the next one of its symbol is sent.
    pub(super) held: Option<String>,
}

impl Link {
    /// Whether both ends are gone.
    pub(super) fn is_over(&self) -> bool {
        self.session.is_none() && !self.is_held
    }

    /// Whether the server has no time for the client.
    pub(super) fn is_busy(&self) -> bool {
        self.blocked.is_some() || self.frozen.is_some()
    }

    /// When something that leaves now and takes so long arrives: `way` is 0 to the client.
    pub(super) fn arrival(&mut self, way: usize, now: Nanos, takes: u64) -> Nanos {
        let extra = if now < self.slow.1 { self.slow.0 } else { 0 };
        let at = now.after(Duration::from_nanos(takes.saturating_add(extra)));
        self.last[way] = self.last[way].max(at);
        self.last[way]
    }
}
