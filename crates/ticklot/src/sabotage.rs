//! Bugs on purpose, for tests of the tests. Behind the feature `sabotage`, which nothing that is
//! shipped turns on; and even where it is compiled in, nothing is wrong unless
//! [`Options::sabotage`](crate::Options) asks for it.

use ticklot_book::{Book, Level, Nanos, Side};

/// A bug that a simulation has to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// A snapshot is merged into the book: levels that it does not have stay.
    MergedSnapshot,
    /// A subscription that was sent counts as confirmed.
    AckNotRequired,
    /// Messages are sent by a token bucket of the venue's rate, not by a sliding window.
    TokenBucket,
}

/// A side of a snapshot with the book's own levels of other prices.
pub(crate) fn merged(book: &Book, side: Side, snapshot: &[Level]) -> Vec<Level> {
    let is_new = |level: &&Level| snapshot.iter().all(|other| other.ticks != level.ticks);
    let old = book.side(side).iter().filter(is_new);
    snapshot.iter().chain(old).copied().collect()
}

/// A token bucket as the time at which it is full again.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    full: Nanos,
}

impl Bucket {
    /// When there is a token, and another one if one is to be left.
    pub(crate) fn next(&self, now: Nanos, drip: Nanos, tokens: u64) -> Nanos {
        let spare = drip.0.saturating_mul(tokens.saturating_sub(1));
        Nanos(self.full.0.saturating_sub(spare)).max(now)
    }

    /// A token is taken.
    pub(crate) fn take(&mut self, now: Nanos, drip: Nanos) {
        self.full = self.full.max(now).after(drip);
    }
}
