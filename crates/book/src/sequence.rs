//! How the messages of an incremental feed are numbered.

/// The numbers that a delta carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Ids {
    /// The number of the first update in it.
    pub first: u64,
    /// The number of the last update in it; the same when the feed numbers its messages.
    pub last: u64,
    /// The last number of the message before it, where the feed tells it.
    pub previous: Option<u64>,
}

impl Ids {
    /// A delta that is one update.
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

    /// A delta of what happened after `previous`, up to `last`: numbers in between may belong to other
    /// markets.
    #[must_use]
    pub const fn after(previous: u64, first: u64, last: u64) -> Self {
        Self {
            first,
            last,
            previous: Some(previous),
        }
    }

    /// Whether it goes on where a book that is at `id` ends: nothing between, nothing twice.
    #[inline]
    pub(crate) fn follows(self, id: u64) -> bool {
        self.first <= self.last && self.before() == Some(id)
    }

    /// Whether a snapshot at `id` has all that came before it.
    pub(crate) fn is_bridged_by(self, id: u64) -> bool {
        self.first <= self.last && self.before().is_none_or(|before| before <= id)
    }

    /// The number after which it begins; none when that is before all numbers.
    #[inline]
    fn before(self) -> Option<u64> {
        self.previous.or(self.first.checked_sub(1))
    }
}

/// How a feed numbers its deltas, and so how a missing one is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Sequence {
    /// Not at all. Deltas cannot wait for a snapshot: it must come first. Only a checksum can show that
    /// one is missing. (Kraken.)
    #[default]
    None,
    /// Each delta is one more than the one before it ([`Ids::one`]); its `first` is what counts.
    Contiguous,
    /// Each delta covers a range of numbers ([`Ids::range`], [`Ids::after`]) and begins where the one
    /// before it ended: its previous number is that one's last, or, where none is told, its first
    /// number is one more. (Binance: `U` and `u`, on its futures with `pu`.)
    ///
    /// The first delta after a snapshot may overlap it: it must begin no later than one after the
    /// snapshot's number, and those that end at or before that number are passed over. This is the
    /// venue's rule for spot books (`U <= lastUpdateId + 1 <= u`). Its rule for futures
    /// (`U <= lastUpdateId <= u`) is a special case of it, since there a delta holds all that
    /// happened after `pu`.
    Range,
}

impl Sequence {
    /// The numbers as this rule sees them.
    #[inline]
    pub(crate) fn read(self, ids: Ids) -> Ids {
        match self {
            Self::Contiguous => Ids::one(ids.first),
            _ => ids,
        }
    }
}
