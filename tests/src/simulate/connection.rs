//! A connection of the client: its session, and what a driver keeps for it.

use ticklot_book::Nanos;

use super::fault::Fault;
use super::session::AnySession;

/// A session and its shell.
#[derive(Debug)]
pub(super) struct ClientConnection {
    pub(super) session: AnySession,
    /// The connection that is open.
    pub(super) link: Option<u32>,
    /// The number of the attempt, and when it times out, on the client's clock; while it lasts.
    pub(super) attempt: (u32, Option<Nanos>),
    /// When the timer is set, on the true clock.
    pub(super) armed: Nanos,
    /// The faults of the next attempts.
    pub(super) refusals: Vec<Fault>,
    /// How many requests of the next connection are swallowed.
    pub(super) ignored: u32,
    /// A frame of some connection that was.
    pub(super) old_frame: Vec<u8>,
}

impl ClientConnection {
    pub(super) fn new(session: AnySession) -> Self {
        Self {
            session,
            link: None,
            attempt: (0, None),
            armed: Nanos(u64::MAX),
            refusals: Vec::new(),
            ignored: 0,
            old_frame: Vec::new(),
        }
    }
}
