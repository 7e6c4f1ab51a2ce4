//! Bugs on purpose, for tests of the tests. Behind the feature `sabotage`, which nothing that is
//! shipped turns on; and even where it is compiled in, nothing is wrong unless
//! [`Options::sabotage`](crate::Options) asks for it.

use std::time::Duration;

use ticklot_book::{BookRef, Level, Nanos, Side};

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
pub(crate) fn merged(book: BookRef<'_>, side: Side, snapshot: &[Level]) -> Vec<Level> {
    let is_new = |level: &&Level| snapshot.iter().all(|other| other.ticks != level.ticks);
    let old = book.levels(side).filter(|level| is_new(&level));
    snapshot.iter().copied().chain(old).collect()
}

/// A token bucket as the time at which it is full again.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    full: Nanos,
}

impl Bucket {
    /// When there is a token, of as many as there may be messages; and another one unless it is for a ping.
    pub(crate) fn next(&self, now: Nanos, drip: Duration, messages: u32, ping: bool) -> Nanos {
        let tokens = messages.saturating_sub(u32::from(!ping));
        let spare = drip.saturating_mul(tokens.saturating_sub(1)).as_nanos();
        let spare = u64::try_from(spare).unwrap_or(u64::MAX);
        Nanos(self.full.0.saturating_sub(spare)).max(now)
    }

    /// A token is taken.
    pub(crate) fn take(&mut self, now: Nanos, drip: Duration) {
        self.full = self.full.max(now).after(drip);
    }
}
