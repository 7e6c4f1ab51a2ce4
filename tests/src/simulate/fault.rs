//! The kinds of faults, and the counts of their effects.

use std::fmt;

/// Declares the kinds of faults, and the list of all of them.
macro_rules! faults {
    ($(#[doc = $text:literal] $name:ident,)*) => {
        /// A kind of fault. `docs/reliability.md` describes the effects.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $(#[doc = $text] $name,)*
        }

        impl Fault {
            /// Every kind.
            pub const ALL: [Self; [$(Self::$name),*].len()] = [$(Self::$name),*];
        }
    };
}

faults! {
    /// Bytes of one direction are delayed by seconds.
    Delay,
    /// A frame of one connection overtakes an earlier one of another connection.
    Reorder,
    /// The connection breaks between frames.
    Cut,
    /// The connection breaks in the middle of a frame.
    CutInFrame,
    /// Nothing passes in either direction, and neither end is notified.
    HalfOpen,
    /// The server sends no data and processes nothing, but replies to heartbeats.
    Freeze,
    /// The client does not read for a while.
    SlowReader,
    /// The server disconnects a client that does not read.
    GivenUp,
    /// A confirmation is sent several times.
    DuplicateAck,
    /// A confirmation is sent after the data that it confirms.
    LateAck,
    /// The server ignores a request of the client.
    Ignored,
    /// The server ends a subscription without a request.
    RoomDropped,
    /// The server refuses a message with a rate limit error.
    RateLimited,
    /// The connection is refused.
    NoConnection,
    /// The server does not respond to the upgrade.
    NoAnswer,
    /// The upgrade is refused without a `Retry-After`.
    Refused,
    /// The upgrade is refused with a `Retry-After`.
    RetryAfter,
    /// A frame has a line that is not a message, or a message that is invalid for a book.
    Garbage,
    /// A message is truncated, in a complete frame.
    Truncated,
    /// A frame exceeds the limit of the session.
    Oversize,
    /// A frame exceeds the limit of the transport.
    TooBig,
    /// The server sends a binary message.
    Binary,
    /// A frame of an earlier connection reaches the session.
    LateFrame,
    /// The request of a first book fails, is slow, or returns garbage.
    Fetch,
    /// The server's wall clock is set.
    WallClock,
    /// The client's clock is set back.
    ClockBack,
    /// The client and its clock are suspended.
    Suspend,
    /// The server restarts with other books, after a proper close.
    Restart,
    /// The server crashes, and restarts with other books.
    Crash,
    /// The server's machine vanishes without closing connections, and restarts with other books.
    Vanish,
    /// A delta is lost.
    DropDelta,
    /// A delta is sent twice.
    RepeatDelta,
    /// Two consecutive deltas of a symbol are sent in the wrong order.
    SwapDeltas,
    /// A delta has as many levels as before, but other ones than its checksum.
    BadChecksum,
}

impl Fault {
    /// Whether it affects deltas.
    pub(super) fn is_of_delta(self) -> bool {
        matches!(
            self,
            Self::DropDelta | Self::RepeatDelta | Self::SwapDeltas | Self::BadChecksum
        )
    }

    /// Whether it is only a consequence of other faults and of chance.
    pub(super) fn is_consequence(self) -> bool {
        matches!(self, Self::Reorder | Self::GivenUp)
    }
}

/// The number of times that each kind took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts([u64; Fault::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; Fault::ALL.len()])
    }
}

impl Counts {
    /// Counts a fault.
    pub(super) fn add(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// The number of times that a kind took effect.
    #[must_use]
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Adds the counts of another run.
    pub fn merge(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own += other;
        }
    }
}

impl fmt::Display for Counts {
    /// `Delay 12, Reorder 3, ...`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in Fault::ALL.into_iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{fault:?} {}", self.of(fault))?;
        }
        Ok(())
    }
}
