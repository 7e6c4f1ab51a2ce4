//! A connection of the client: its session, and the driver's state.

use ticklot_book::Nanos;

use super::fault::Fault;
use super::session::AnySession;

/// A session and its driver's state.
#[derive(Debug)]
pub(super) struct ClientConnection {
    pub(super) session: AnySession,
    /// The open connection.
    pub(super) link: Option<u32>,
    /// The number of the last attempt, and its timeout on the client's clock while it is pending.
    pub(super) attempt: (u32, Option<Nanos>),
    /// The timer, in virtual time.
    pub(super) armed: Nanos,
    /// The faults of the next attempts.
    pub(super) refusals: Vec<Fault>,
    /// The number of the next connection's requests that the server ignores.
    pub(super) ignored: u32,
    /// A frame of an earlier connection.
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
