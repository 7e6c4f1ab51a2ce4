//! The validity and the epoch of a book.

use core::fmt;

/// The connection that a book's levels are from. Each connection is a new epoch, and a book starts each epoch with a
/// snapshot, so levels of two epochs are not mixed. 0 is the epoch before the first connection.
///
/// There is one exception: a book may continue on a replacement connection at a proven sequence position (see
/// [`DeltaBook::adopt`](crate::DeltaBook::adopt)). It takes the new epoch and keeps its levels, because no
/// update is missing between the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The epoch of the next connection.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// Why a book is out of date until its next snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Gap {
    /// A sequence number is missing.
    Sequence {
        /// The number that would have continued the book.
        expected: u64,
        /// The received number.
        got: u64,
    },
    /// The venue's checksum differs from the book's.
    Checksum {
        /// The venue's checksum.
        expected: u32,
        /// The book's checksum.
        got: u32,
    },
    /// A delta arrived before the first snapshot, and could not be buffered because the feed does not number
    /// its deltas.
    NoSnapshot,
    /// A message arrived without the sequence number that the rule of the feed requires.
    Unnumbered {
        /// The number that would have continued the book; 0 if the next number was unknown.
        expected: u64,
    },
    /// The buffer for deltas before a snapshot overflowed, and the buffered deltas were dropped.
    Overflow {
        /// The maximum number of buffered levels: [`MAX_BUFFERED_LEVELS`](crate::MAX_BUFFERED_LEVELS).
        limit: usize,
    },
    /// A message that may concern the book could not be decoded or applied.
    Refused,
    /// Records are missing from the replayed log.
    Dropped,
    /// The size of a tick or a lot changed, so the levels are in the old unit.
    Scale,
    /// A new snapshot was requested, and the feed of this book is interrupted until it arrives.
    Resync,
}

/// Whether a book is valid, and if not, why.
///
/// Trade only on a [`BookState::Live`] book. In every other state the book keeps its last known levels, which
/// may be wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum BookState {
    /// No snapshot has been received.
    #[default]
    Empty,
    /// A snapshot of this epoch was applied, and the book is valid.
    Live,
    /// No update was received within the staleness limit, although the connection is up.
    Stale,
    /// The book is out of date, for the given reason. Only a snapshot repairs it.
    Gap(Gap),
    /// The best bid is above the best ask.
    Crossed,
    /// The connection that fed the book was lost, and no snapshot of a new one was received yet.
    Disconnected,
}

impl BookState {
    /// Whether a strategy may trade on the book.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Live)
    }

    /// Whether both are the same state. All gaps are the same state, whatever their cause.
    #[must_use]
    pub fn is_same(self, other: Self) -> bool {
        core::mem::discriminant(&self) == core::mem::discriminant(&other)
    }

    /// The name of the state: `empty`, `live`, `stale`, `gap`, `crossed` or `disconnected`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Gap(_) => "gap",
            Self::Crossed => "crossed",
            Self::Disconnected => "disconnected",
        }
    }
}

impl fmt::Display for BookState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
