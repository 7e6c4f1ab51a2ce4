//! Snapshots and deltas, the inputs of a [`DeltaBook`](crate::DeltaBook).

use crate::sequence::Ids;
use crate::units::Level;

/// A delta: sets each level, or removes it when it has no lots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delta<'a> {
    /// Bids, applied in order.
    pub bids: &'a [Level],
    /// Asks, applied in order.
    pub asks: &'a [Level],
    /// Its sequence numbers, if the feed has any.
    pub ids: Option<Ids>,
    /// The venue's checksum of the book after the delta, if it sends one.
    pub checksum: Option<u32>,
}

/// A snapshot: the complete book, up to the depth that the feed covers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot<'a> {
    /// Bids, in any order.
    pub bids: &'a [Level],
    /// Asks, in any order.
    pub asks: &'a [Level],
    /// The number of the last update in it, if the feed has numbers.
    pub id: Option<u64>,
    /// The venue's checksum of the book, if it sends one.
    pub checksum: Option<u32>,
}
