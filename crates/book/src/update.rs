//! Snapshots and deltas.

use crate::sequence::Ids;
use crate::units::Level;

/// What changed: each level is set, or taken out when it has no lots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delta<'a> {
    /// Bids, applied in order.
    pub bids: &'a [Level],
    /// Asks, applied in order.
    pub asks: &'a [Level],
    /// Its numbers, if the feed has any.
    pub ids: Option<Ids>,
    /// The venue's checksum of the book after it, if it sends one.
    pub checksum: Option<u32>,
}

/// A whole book, or as much of it as the feed shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot<'a> {
    /// Bids, in any order.
    pub bids: &'a [Level],
    /// Asks, in any order.
    pub asks: &'a [Level],
    /// The number of the last update in it, if the feed has any.
    pub id: Option<u64>,
    /// The venue's checksum of it, if it sends one.
    pub checksum: Option<u32>,
}
