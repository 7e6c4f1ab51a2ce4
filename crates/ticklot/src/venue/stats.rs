//! The counts of a connection.

/// Counts of one connection, over all epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct Stats {
    /// Received frames, except those of the protocol itself.
    pub frames: u64,
    /// Bytes of all received frames.
    pub bytes: u64,
    /// Decoded messages of all types, except those of the protocol itself.
    pub messages: u64,
    /// Applied snapshots.
    pub snapshots: u64,
    /// Applied deltas.
    pub deltas: u64,
    /// Snapshots and deltas that the book already contained, and ignored.
    pub repeated: u64,
    /// Lines that could not be decoded or applied.
    pub bad_lines: u64,
    /// Order books that were decoded on the fast path, because an earlier one had the same format.
    pub fast_path: u64,
    /// Order books that were decoded on the slower general path: the first of each format, and all if the format varies
    /// between messages.
    pub general_path: u64,
    /// Messages of an unknown type.
    pub unknown: u64,
    /// Messages of topics without a subscription, which were dropped.
    pub unrequested: u64,
    /// Frames that were received without an open connection, and dropped.
    pub late: u64,
    /// Gaps of books: a lost message, a wrong checksum, or a message that could not be decoded or applied.
    pub gaps: u64,
    /// Snapshots that were requested to repair a book.
    pub resyncs: u64,
    /// Opened connections.
    pub connects: u64,
    /// Ended connections and failed attempts.
    pub disconnects: u64,
    /// Sent messages.
    pub sent: u64,
    /// How often the venue refused messages because of its rate limit.
    pub rate_limited: u64,
}
