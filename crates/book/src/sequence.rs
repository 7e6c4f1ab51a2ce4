//! The numbering of the messages of an incremental feed.

/// The sequence numbers of a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Ids {
    /// The number of its first update.
    pub first: u64,
    /// The number of its last update; equal to `first` when the feed numbers its messages.
    pub last: u64,
    /// The last number of the previous message, if the feed sends it.
    pub previous: Option<u64>,
}

impl Ids {
    /// A delta of one update.
    #[must_use]
    pub const fn one(id: u64) -> Self {
        Self::range(id, id)
    }

    /// A delta of all updates from `first` to `last`.
    #[must_use]
    pub const fn range(first: u64, last: u64) -> Self {
        Self {
            first,
            last,
            previous: None,
        }
    }

    /// A delta of the updates after `previous` up to `last`. Numbers in between may belong to other markets.
    #[must_use]
    pub const fn after(previous: u64, first: u64, last: u64) -> Self {
        Self {
            first,
            last,
            previous: Some(previous),
        }
    }

    /// Whether the delta starts directly after `id`, without a gap or an overlap.
    #[inline]
    pub(crate) fn follows(self, id: u64) -> bool {
        self.first <= self.last && self.before() == Some(id)
    }

    /// Whether a snapshot with number `id` contains all updates before the delta.
    pub(crate) fn is_bridged_by(self, id: u64) -> bool {
        self.first <= self.last && self.before().is_none_or(|before| before <= id)
    }

    /// The number before the delta; `None` if the delta starts at 0.
    #[inline]
    fn before(self) -> Option<u64> {
        self.previous.or(self.first.checked_sub(1))
    }
}

/// How a feed numbers its deltas, and so how a missing delta is detected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Sequence {
    /// No numbers. Deltas cannot be buffered, so the snapshot must come first. Only a checksum can reveal a
    /// missing delta. (Kraken.)
    #[default]
    None,
    /// The number of each delta ([`Ids::one`]) is one more than the previous one. Only `first` is used.
    Contiguous,
    /// Each delta covers a range of numbers ([`Ids::range`], [`Ids::after`]) that starts directly after the
    /// previous delta. Its `previous` must equal the last number of that delta; without `previous`, its
    /// `first` must be one more. (Binance: `U` and `u`, and `pu` for futures.)
    ///
    /// The first delta after a snapshot may overlap it: it must start no later than one after the snapshot's
    /// number. Deltas that end at or before that number are ignored. This is Binance's rule for spot books
    /// (`U <= lastUpdateId + 1 <= u`). Its rule for futures (`U <= lastUpdateId <= u`) is a special case,
    /// because there a delta contains all updates after `pu`.
    Range,
}

impl Sequence {
    /// The numbers that this rule compares.
    #[inline]
    pub(crate) fn read(self, ids: Ids) -> Ids {
        match self {
            Self::Contiguous => Ids::one(ids.first),
            _ => ids,
        }
    }
}
