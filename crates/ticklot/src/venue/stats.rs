//! The counts of a connection.

/// Counts of one connection, over all its epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct Stats {
    /// Frames received, without those of the protocol itself.
    pub frames: u64,
    /// Bytes of all frames.
    pub bytes: u64,
    /// Messages decoded, of whatever kind, without those of the protocol itself.
    pub messages: u64,
    /// Snapshots applied.
    pub snapshots: u64,
    /// Deltas applied.
    pub deltas: u64,
    /// Snapshots and deltas that the book had already: passed over.
    pub repeated: u64,
    /// Lines that could not be read or applied.
    pub bad_lines: u64,
    /// Order books that were decoded on the fast path: they have the shape of earlier ones.
    pub fast_path: u64,
    /// Order books that were decoded on the general path, the slower one: the first of each shape, and all of a feed whose
    /// shape changes from message to message.
    pub general_path: u64,
    /// Messages of a kind that is not read.
    pub unknown: u64,
    /// Messages of topics that are not subscribed to, or no longer: dropped.
    pub unrequested: u64,
    /// Frames that were received while no connection was open: dropped.
    pub late: u64,
    /// Gaps of books: a lost message, a wrong checksum, or a message that could not be read or applied.
    pub gaps: u64,
    /// Snapshots that were requested to repair a book.
    pub resyncs: u64,
    /// Connections opened.
    pub connects: u64,
    /// Connections that ended, and attempts that failed.
    pub disconnects: u64,
    /// Messages sent.
    pub sent: u64,
    /// Times the venue refused messages for their rate.
    pub rate_limited: u64,
}
