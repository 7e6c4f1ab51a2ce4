//! What a book says about itself.

use core::fmt;

/// Which connection a book's levels came from. Each connection is a new epoch, and a book of a new
/// epoch starts with a snapshot: levels of two epochs are not mixed. The one exception is a book that
/// continues on a replacement connection at a proven sequence position (see
/// [`DeltaBook::adopt`](crate::DeltaBook::adopt)): it takes the new epoch and keeps its levels, because no update lies
/// between the two. 0 is the epoch before the first connection.
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

/// Why a book cannot be bridged by what came next.
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
        /// The number that came.
        got: u64,
    },
    /// The venue's checksum differs from the book's.
    Checksum {
        /// The venue's.
        expected: u32,
        /// The book's.
        got: u32,
    },
    /// A delta came for a book that had no snapshot, and could not be kept for one: the feed does not
    /// number its deltas.
    NoSnapshot,
    /// A message came without the sequence number that the feed's rule asks for.
    Unnumbered {
        /// The number that would have continued the book; 0 when any could have come.
        expected: u64,
    },
    /// More deltas came before a snapshot than are kept for it; those that were kept are dropped.
    Overflow {
        /// The most levels that are kept: [`MAX_BUFFERED_LEVELS`](crate::MAX_BUFFERED_LEVELS).
        limit: usize,
    },
    /// A message that may concern the book could not be read or applied: the book is out of date.
    Refused,
    /// Records are missing from the log that is replayed.
    Dropped,
    /// The size of a tick or a lot changed: the levels are in another unit.
    Scale,
    /// A new snapshot was requested, and the feed of this book is interrupted until it arrives.
    Resync,
}

/// Whether a book can be trusted, and if not, why.
///
/// Only [`BookState::Live`] may be traded on. Every other state keeps the last known levels, to be
/// looked at through calls that say so in their name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum BookState {
    /// No snapshot has ever come.
    #[default]
    Empty,
    /// A snapshot of this epoch has come, and nothing speaks against it.
    Live,
    /// Nothing has come for as long as the book's limit, though the connection is up.
    Stale,
    /// A message is missing or a checksum was wrong; only a snapshot repairs it.
    Gap(Gap),
    /// The best bid is above the best ask.
    Crossed,
    /// The connection that fed the book is gone, and no snapshot of a new one has come yet.
    Disconnected,
}

impl BookState {
    /// Whether a strategy may trade on the book.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Live)
    }

    /// Whether both are the same state, whatever their causes: two gaps are, of any kind.
    #[must_use]
    pub fn is_same(self, other: Self) -> bool {
        core::mem::discriminant(&self) == core::mem::discriminant(&other)
    }

    /// One word: `empty`, `live`, `stale`, `gap`, `crossed` or `disconnected`.
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
