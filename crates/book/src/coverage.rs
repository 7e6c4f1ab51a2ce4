//! The part of a market that a feed covers.

use crate::units::{Level, Side, Ticks};

/// The part of a market that a feed covers, and so the prices at which a book is known.
///
/// A book stores no levels beyond its coverage: best prices, iterators and views end there.
/// [`Book::covers`](crate::Book::covers) returns the last covered price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Coverage {
    /// Snapshots of unknown depth: each side is known up to its worst level.
    #[default]
    SnapshotDepth,
    /// The feed sends every level of the market: a price without a level is known to be empty, at any
    /// distance.
    Full,
    /// The venue maintains the best `n` levels of a side. After each message, the book drops the levels
    /// beyond them, and the venue sends each level that moves up into the range. A side with fewer levels is
    /// complete. (Kraken's books, with the subscribed depth.)
    Top(usize),
    /// A snapshot contains the best `n` levels of a side, and deltas follow for all prices. A side is known
    /// up to the worst level of its snapshot, and is complete when the snapshot had fewer than `n` levels.
    /// Deltas beyond that level are ignored, because the other levels there are unknown. (Binance's `depth`
    /// snapshot with a limit.)
    SnapshotLimit(usize),
}

impl Coverage {
    /// The maximum number of levels of a side.
    #[inline]
    pub(crate) const fn max_levels(self) -> usize {
        match self {
            Self::Top(most) => most,
            _ => usize::MAX,
        }
    }

    /// The levels of a snapshot that the book stores. `levels` are sorted, best first.
    #[inline]
    pub(crate) fn cut(self, levels: &[Level]) -> &[Level] {
        &levels[..levels.len().min(self.max_levels())]
    }

    /// The worst price that the book stores after a snapshot.
    #[inline]
    pub(crate) fn bound(self, side: Side, levels: &[Level]) -> Ticks {
        let limit = match (self, levels.last()) {
            (Self::SnapshotLimit(limit), Some(worst)) if levels.len() >= limit => Some(worst.ticks),
            _ => None,
        };
        limit.unwrap_or(side.worst_price())
    }
}
