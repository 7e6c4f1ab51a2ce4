//! The resynchronisation of books: which of them need a new snapshot, and when to request it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ticklot_book::Nanos;

use super::backoff::{Reconnect, doubled};
use crate::books::BookId;

/// The longest `Retry-After` that is respected.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

/// When to request a new snapshot of a book that is a gap, without a new connection.
///
/// The first request is sent immediately. Until the book is repaired, the request is repeated after a wait that doubles
/// from `snapshot_timeout` to `cap`. Up to half of each wait is added at random, so that many books and many clients do
/// not send their requests together. After a failure with HTTP's `Retry-After`, the connection requests no snapshot of
/// any book for that time, at most ten minutes, not even after a reconnect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResyncPolicy {
    /// How long to wait for the snapshot of the first request; at least 100 ms. Default: 5 s.
    pub snapshot_timeout: Duration,
    /// The longest wait, before the random part. Default: 60 s.
    pub cap: Duration,
}

impl Default for ResyncPolicy {
    fn default() -> Self {
        Self {
            snapshot_timeout: Duration::from_secs(5),
            cap: Duration::from_secs(60),
        }
    }
}

impl ResyncPolicy {
    /// The wait after request `attempt`, from 1.
    fn wait(&self, attempt: u32, random: &mut fastrand::Rng) -> Duration {
        let wait = doubled(self.snapshot_timeout, attempt.saturating_sub(1), self.cap);
        let wait = wait.max(Reconnect::MIN_WAIT);
        wait + wait.mul_f64(random.f64() / 2.0)
    }
}

/// The books of one connection that wait for a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Resyncs {
    books: BTreeMap<BookId, Pending>,
    /// The same books by the time at which their next request is due.
    due: BTreeSet<(Nanos, BookId)>,
    /// The server accepts no request before this time.
    not_before: Nanos,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    due: Nanos,
    /// The requests made so far.
    attempts: u32,
    /// Whether the last one failed.
    failed: bool,
}

/// Why a request is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It is the first one.
    First,
    /// The last request, of this number, timed out.
    TimedOut(u32),
    /// The last request failed.
    Failed,
}

impl Resyncs {
    /// Adds a book that needs a snapshot, with its first request due now. A book that is waiting already keeps its
    /// time.
    pub(crate) fn add(&mut self, book: BookId, now: Nanos) {
        if !self.books.contains_key(&book) {
            self.set(book, now, 0, false);
        }
    }

    /// Removes a book that needs no snapshot any more.
    #[inline]
    pub(crate) fn done(&mut self, book: BookId) {
        if !self.books.is_empty() {
            self.remove(book);
        }
    }

    #[cold]
    fn remove(&mut self, book: BookId) {
        if let Some(pending) = self.books.remove(&book) {
            self.due.remove(&(pending.due, book));
        }
    }

    /// Removes all books: those of a new connection receive regular snapshots.
    pub(crate) fn clear(&mut self) {
        self.books.clear();
        self.due.clear();
    }

    /// When the next request is due.
    #[inline]
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        let due = self.due.first().map(|(due, _)| *due)?;
        Some(due.max(self.not_before))
    }

    /// The first book whose next request is due, and the reason.
    pub(crate) fn first_due(&self, now: Nanos) -> Option<(BookId, Due)> {
        let (due, book) = *self.due.first()?;
        let pending = self.books.get(&book)?;
        let why = match pending.attempts {
            _ if pending.failed => Due::Failed,
            0 => Due::First,
            attempts => Due::TimedOut(attempts),
        };
        (due.max(self.not_before) <= now).then_some((book, why))
    }

    /// Restarts the timeout of the last request, which is still in progress.
    pub(crate) fn postpone(
        &mut self,
        book: BookId,
        now: Nanos,
        policy: &ResyncPolicy,
        random: &mut fastrand::Rng,
    ) {
        let attempts = self.books.get(&book).map_or(0, |it| it.attempts);
        let due = now.after(policy.wait(attempts.max(1), random));
        self.set(book, due, attempts, false);
    }

    /// Records a request. Returns its number, from 1.
    pub(crate) fn requested(
        &mut self,
        book: BookId,
        now: Nanos,
        policy: &ResyncPolicy,
        random: &mut fastrand::Rng,
    ) -> u32 {
        let before = self.books.get(&book).map_or(0, |it| it.attempts);
        let attempts = before.saturating_add(1);
        let due = now.after(policy.wait(attempts, random));
        self.set(book, due, attempts, false);
        attempts
    }

    /// Records that the last request failed. The next one follows after the usual wait, and no request of any book
    /// follows before `at_least`. Returns the number of the failed request and the wait; `None` if the book is not
    /// waiting.
    pub(crate) fn failed(
        &mut self,
        book: BookId,
        now: Nanos,
        at_least: Duration,
        policy: &ResyncPolicy,
        random: &mut fastrand::Rng,
    ) -> Option<(u32, Duration)> {
        let at_least = at_least.min(MAX_RETRY_AFTER);
        self.not_before = self.not_before.max(now.after(at_least));
        let attempts = self.books.get(&book)?.attempts;
        let wait = policy.wait(attempts.max(1), random).max(at_least);
        self.set(book, now.after(wait), attempts, true);
        Some((attempts, wait))
    }

    fn set(&mut self, book: BookId, due: Nanos, attempts: u32, failed: bool) {
        self.done(book);
        let pending = Pending {
            due,
            attempts,
            failed,
        };
        self.books.insert(book, pending);
        self.due.insert((due, book));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: BookId = BookId(3);

    fn setup() -> (Resyncs, ResyncPolicy, fastrand::Rng) {
        let random = fastrand::Rng::with_seed(1);
        (Resyncs::default(), ResyncPolicy::default(), random)
    }

    #[test]
    fn resync_waits_double() {
        let (mut resyncs, policy, mut random) = setup();
        let mut now = Nanos::from_secs(1);
        resyncs.add(BOOK, now);
        resyncs.add(BOOK, now.after(policy.cap));
        for (attempt, secs) in (1..).zip([5, 10, 20, 40, 60, 60]) {
            let why = match attempt {
                1 => Due::First,
                _ => Due::TimedOut(attempt - 1),
            };
            assert_eq!(resyncs.first_due(now), Some((BOOK, why)));
            assert_eq!(resyncs.requested(BOOK, now, &policy, &mut random), attempt);
            let due = resyncs.next_due().unwrap();
            let wait = due.since(now);
            let least = Duration::from_secs(secs);
            assert!(least <= wait && wait <= least.mul_f64(1.5), "{wait:?}");
            assert_eq!(resyncs.first_due(Nanos(due.0 - 1)), None);
            now = due;
        }
        resyncs.done(BOOK);
        assert_eq!(resyncs.next_due(), None);
    }

    #[test]
    fn failure_respects_retry_after() {
        let (mut resyncs, policy, mut random) = setup();
        let (now, minute) = (Nanos(5), Duration::from_secs(60));
        assert_eq!(
            resyncs.failed(BOOK, now, minute, &policy, &mut random),
            None
        );
        resyncs.add(BOOK, now);
        resyncs.requested(BOOK, now, &policy, &mut random);
        let failed = resyncs.failed(BOOK, now, minute, &policy, &mut random);
        assert_eq!(failed, Some((1, minute)));
        let due = now.after(minute);
        assert_eq!(resyncs.next_due(), Some(due));
        assert_eq!(resyncs.first_due(due), Some((BOOK, Due::Failed)));
    }

    #[test]
    fn postponed_request_keeps_attempt() {
        let (mut resyncs, policy, mut random) = setup();
        let now = Nanos(5);
        resyncs.add(BOOK, now);
        resyncs.requested(BOOK, now, &policy, &mut random);
        let later = resyncs.next_due().unwrap();
        resyncs.postpone(BOOK, later, &policy, &mut random);
        let wait = resyncs.next_due().unwrap().since(later);
        let timeout = policy.snapshot_timeout;
        assert!(timeout <= wait && wait <= timeout.mul_f64(1.5));
        let due = later.after(wait);
        assert_eq!(resyncs.first_due(due), Some((BOOK, Due::TimedOut(1))));
        assert_eq!(resyncs.requested(BOOK, due, &policy, &mut random), 2);
    }

    #[test]
    fn retry_time_is_bounded() {
        let (mut resyncs, policy, mut random) = setup();
        let now = Nanos(5);
        resyncs.add(BOOK, now);
        resyncs.requested(BOOK, now, &policy, &mut random);
        let failed = resyncs.failed(BOOK, now, Duration::MAX, &policy, &mut random);
        assert_eq!(failed, Some((1, MAX_RETRY_AFTER)));
        assert_eq!(resyncs.next_due(), Some(now.after(MAX_RETRY_AFTER)));
    }

    #[test]
    fn retry_after_covers_all_books() {
        let (mut resyncs, policy, mut random) = setup();
        let (now, minute) = (Nanos(5), Duration::from_secs(60));
        resyncs.add(BOOK, now);
        resyncs.requested(BOOK, now, &policy, &mut random);
        resyncs.failed(BOOK, now, minute, &policy, &mut random);
        // Another connection, and another book.
        resyncs.clear();
        assert_eq!(resyncs.next_due(), None);
        resyncs.add(BookId(4), now);
        assert_eq!(resyncs.first_due(now), None);
        assert_eq!(resyncs.next_due(), Some(now.after(minute)));
        assert_eq!(
            resyncs.first_due(now.after(minute)),
            Some((BookId(4), Due::First))
        );
    }
}
