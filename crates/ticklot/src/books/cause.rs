//! The causes of book state changes.

use std::fmt;

use ticklot_book::{BookState, Gap};

/// Why a book's state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Cause {
    /// A snapshot was applied.
    Snapshot,
    /// A delta was applied.
    Delta,
    /// The best bid is above the best ask.
    Crossed,
    /// A sequence number is missing.
    SequenceGap,
    /// The venue's checksum differs from the book's.
    ChecksumMismatch,
    /// A delta continues no snapshot, has no sequence number, or does not fit into the buffer of waiting deltas.
    NoSnapshot,
    /// A message that may concern the book could not be parsed or applied.
    BadMessage,
    /// The book had no update for its staleness limit.
    Timeout,
    /// A heartbeat, or another message that counts as one, proved that the book is current.
    Alive,
    /// The connection ended.
    Disconnected,
    /// The user unsubscribed from the book.
    Unsubscribed,
    /// The size of a tick or a lot changed.
    ScaleChanged,
    /// A new snapshot was requested, and the book receives no messages until it arrives.
    Resync,
    /// Records are missing from the log that is replayed.
    RecordsDropped,
}

impl Cause {
    /// The name in lower case: `snapshot`, `delta`, `crossed`, `sequence_gap`, `checksum_mismatch`,
    /// `no_snapshot`, `bad_message`, `timeout`, `alive`, `disconnected`, `unsubscribed`,
    /// `scale_changed`, `resync` or `records_dropped`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Delta => "delta",
            Self::Crossed => "crossed",
            Self::SequenceGap => "sequence_gap",
            Self::ChecksumMismatch => "checksum_mismatch",
            Self::NoSnapshot => "no_snapshot",
            Self::BadMessage => "bad_message",
            Self::Timeout => "timeout",
            Self::Alive => "alive",
            Self::Disconnected => "disconnected",
            Self::Unsubscribed => "unsubscribed",
            Self::ScaleChanged => "scale_changed",
            Self::Resync => "resync",
            Self::RecordsDropped => "records_dropped",
        }
    }

    /// The cause that follows from the state itself.
    pub(crate) fn of(state: BookState) -> Option<Self> {
        match state {
            BookState::Gap(gap) => Some(gap.into()),
            BookState::Crossed => Some(Self::Crossed),
            BookState::Stale => Some(Self::Timeout),
            _ => None,
        }
    }
}

impl From<Gap> for Cause {
    fn from(gap: Gap) -> Self {
        match gap {
            Gap::Sequence { .. } => Self::SequenceGap,
            Gap::Checksum { .. } => Self::ChecksumMismatch,
            Gap::NoSnapshot | Gap::Unnumbered { .. } | Gap::Overflow { .. } => Self::NoSnapshot,
            Gap::Dropped => Self::RecordsDropped,
            Gap::Scale => Self::ScaleChanged,
            Gap::Resync => Self::Resync,
            _ => Self::BadMessage,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
