//! The kinds of faults, and how often each took effect.

use std::fmt;

/// A kind of fault. What each does is in `docs/reliability.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Bytes of one direction are held up for seconds.
    Delay,
    /// A frame of one connection overtakes one of another that was sent before.
    Reorder,
    /// The connection breaks between frames.
    Cut,
    /// The connection breaks in the middle of a frame.
    CutInFrame,
    /// Nothing passes any more in either direction, and nobody is told.
    HalfOpen,
    /// The server tells nothing new and does nothing, but its pings and pongs go on.
    Freeze,
    /// The client does not read for a while.
    SlowReader,
    /// The server gives up a client that does not read.
    GivenUp,
    /// A confirmation comes several times.
    DuplicateAck,
    /// A confirmation comes late, after what it confirms.
    LateAck,
    /// A request of the client's is swallowed.
    Ignored,
    /// The server ends a subscription by itself.
    RoomDropped,
    /// A message is refused as one too many.
    RateLimited,
    /// The connection is refused.
    NoConnection,
    /// The upgrade is never answered.
    NoAnswer,
    /// The upgrade is refused, without a time to come back.
    Refused,
    /// The upgrade is refused, with a `Retry-After`.
    RetryAfter,
    /// A line that is no message stands in a frame, or a message that no book can hold.
    Garbage,
    /// A message is cut short, in a frame that is whole.
    Truncated,
    /// A frame is longer than the session reads.
    Oversize,
    /// A frame is longer than the transport reads.
    TooBig,
    /// A binary message comes.
    Binary,
    /// A frame of a connection that is gone reaches the session.
    LateFrame,
    /// A first book over HTTP fails, comes late or is garbage.
    Fetch,
    /// The server's wall clock is set.
    WallClock,
    /// The client's clock goes back.
    ClockBack,
    /// The client is suspended, and its clock with it.
    Suspend,
    /// The server restarts with other books, after a proper close.
    Restart,
    /// The server crashes, and comes back with other books.
    Crash,
    /// The server's machine vanishes without a word, and another comes up with other books.
    Vanish,
    /// A delta is lost.
    DropDelta,
    /// A delta is sent twice.
    RepeatDelta,
    /// Two consecutive deltas of a symbol are sent in the wrong order.
    SwapDeltas,
    /// A delta has other levels than its checksum, and the right number.
    BadChecksum,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 34] = [
        Self::Delay,
        Self::Reorder,
        Self::Cut,
        Self::CutInFrame,
        Self::HalfOpen,
        Self::Freeze,
        Self::SlowReader,
        Self::GivenUp,
        Self::DuplicateAck,
        Self::LateAck,
        Self::Ignored,
        Self::RoomDropped,
        Self::RateLimited,
        Self::NoConnection,
        Self::NoAnswer,
        Self::Refused,
        Self::RetryAfter,
        Self::Garbage,
        Self::Truncated,
        Self::Oversize,
        Self::TooBig,
        Self::Binary,
        Self::LateFrame,
        Self::Fetch,
        Self::WallClock,
        Self::ClockBack,
        Self::Suspend,
        Self::Restart,
        Self::Crash,
        Self::Vanish,
        Self::DropDelta,
        Self::RepeatDelta,
        Self::SwapDeltas,
        Self::BadChecksum,
    ];

    /// Whether it concerns a delta.
    pub(super) fn is_of_delta(self) -> bool {
        let all = [
            Self::DropDelta,
            Self::RepeatDelta,
            Self::SwapDeltas,
            Self::BadChecksum,
        ];
        all.contains(&self)
    }

    /// Whether it only follows from others and from chance.
    pub(super) fn is_consequence(self) -> bool {
        matches!(self, Self::Reorder | Self::GivenUp)
    }
}

/// How often each kind took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts([u64; Fault::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; Fault::ALL.len()])
    }
}

impl Counts {
    /// One more.
    pub(super) fn add(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// How often it took effect.
    #[must_use]
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Those of another run too.
    pub fn merge(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own += other;
        }
    }
}

impl fmt::Display for Counts {
    /// `Delay 12, Reorder 3, ...`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in Fault::ALL.into_iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{fault:?} {}", self.of(fault))?;
        }
        Ok(())
    }
}
