//! Which part of its market a feed tells.

use crate::units::{Level, Side, Ticks};

/// Which part of its market a feed tells, and so which prices a book speaks for.
///
/// What a book does not speak for it does not hold: its best prices, its iterators and every view
/// end there, and [`Book::covers`](crate::Book::covers) says where that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Coverage {
    /// The venue does not say how deep it goes: each side is known up to its worst level. For
    /// snapshots of a depth that is not told.
    #[default]
    SnapshotDepth,
    /// The feed sends every level of the market: an empty price is known to be empty, at any distance.
    Whole,
    /// The best `n` levels of a side are kept up by the venue: after each message what is beyond
    /// them is dropped, and the venue tells the level that moves up. A side with fewer levels is
    /// whole. (Kraken's books, each of a depth that is subscribed to.)
    Top(usize),
    /// A snapshot tells the best `n` levels of a side, and deltas go on for all prices: a side is known
    /// up to the worst level of its snapshot, or whole when that had fewer than `n`. Deltas beyond
    /// are not applied: of the levels that lie there the snapshot has told none. (Binance's
    /// `depth` snapshot with a limit.)
    SnapshotLimit(usize),
}

impl Coverage {
    /// The most levels that a side keeps.
    #[inline]
    pub(crate) const fn max_levels(self) -> usize {
        match self {
            Self::Top(most) => most,
            _ => usize::MAX,
        }
    }

    /// The levels of a snapshot, best first, that are kept.
    #[inline]
    pub(crate) fn cut(self, levels: &[Level]) -> &[Level] {
        &levels[..levels.len().min(self.max_levels())]
    }

    /// The worst price that is kept after a snapshot.
    #[inline]
    pub(crate) fn bound(self, side: Side, levels: &[Level]) -> Ticks {
        let limit = match (self, levels.last()) {
            (Self::SnapshotLimit(limit), Some(worst)) if levels.len() >= limit => Some(worst.ticks),
            _ => None,
        };
        limit.unwrap_or(side.worst_price())
    }
}
