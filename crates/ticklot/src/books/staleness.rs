//! Decides when a book, a candle series or an account becomes stale.
//!
//! A live book is stale once its connection's limit has passed since its last update. If the connection proved later that
//! its quiet books are current, the limit counts from that time. Candles and accounts count only their own updates.
//!
//! [`Deadlines`] holds one deadline per store. An update only moves a store's deadline later, so it does not touch the
//! heap. When an entry is due, [`Books::expire`] computes the current deadline and queues it again if it is later. Each
//! store costs O(log n) per limit, however often it is updated.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use ticklot_book::{BookState, Nanos};

#[cfg(feature = "capture")]
use super::ConnectionId;
use super::{BookId, Books, Cause, Entry};

/// Something that becomes stale without updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Store {
    Book(BookId),
    /// By index.
    Candles(usize),
    /// By the slot of the connection.
    Account(usize),
}

/// The times at which stores can become stale, earliest first.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BinaryHeap<Reverse<(Nanos, Store)>>);

impl Deadlines {
    pub(super) fn push(&mut self, due: Nanos, store: Store) {
        self.0.push(Reverse((due, store)));
    }

    #[inline]
    fn first(&self) -> Option<Nanos> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// Removes the earliest entry that is due.
    fn pop_due(&mut self, now: Nanos) -> Option<(Nanos, Store)> {
        if self.first()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}

impl Entry {
    /// Whether the book needs no new entry in [`Deadlines`]: it has no limit, or its queued deadline is not later than
    /// the deadline after its last update.
    #[inline]
    pub(super) fn has_deadline(&self) -> bool {
        match (self.limit, self.due) {
            (None, _) => true,
            (Some(limit), Some(due)) => {
                self.stored.view().updated().0.saturating_add(limit) >= due.0
            }
            (Some(_), None) => false,
        }
    }
}

fn can_become_stale(state: BookState) -> bool {
    matches!(state, BookState::Live | BookState::Crossed)
}

impl Books {
    /// Marks the book as stale if its deadline has passed; otherwise queues the deadline, unless an earlier one is
    /// queued. Returns whether the book became stale.
    pub(super) fn check_deadline(&mut self, id: BookId, now: Nanos) -> bool {
        let Some(Some(entry)) = self.entries.get_mut(id.0 as usize) else {
            return false;
        };
        let state = entry.stored.state();
        let Some(limit) = entry.limit.filter(|_| can_become_stale(state)) else {
            return false;
        };
        let limit = Duration::from_nanos(limit);
        let alive_at = self.connections[entry.slot].alive_at;
        let due = entry.stored.view().updated().max(alive_at).after(limit);
        if due <= now {
            entry.stored.expire(now, limit);
            return true;
        }
        if entry.due.is_none_or(|queued| due < queued) {
            entry.due = Some(due);
            self.deadlines.push(due, Store::Book(id));
        }
        false
    }

    /// Records that a connection proved at `at` that its quiet books are current, and makes its stale books live again.
    #[inline]
    pub(crate) fn mark_alive(&mut self, slot: usize, at: Nanos, now: Nanos) {
        let of = &mut self.connections[slot];
        of.alive_at = of.alive_at.max(at);
        if of.stale > 0 {
            self.refresh_stale(slot, now);
        }
    }

    #[cold]
    fn refresh_stale(&mut self, slot: usize, now: Nanos) {
        self.for_each(slot, |books, id| {
            books.change(id, now, |stored| (stored.refresh(), Cause::Alive));
        });
    }

    /// A lower bound of the time at which the next store of any connection becomes stale; `None` if none can.
    #[inline]
    pub(crate) fn stale_due(&self) -> Option<Nanos> {
        self.deadlines.first()
    }

    /// Marks each store as stale that had no update for its limit, and queues the changes of state.
    pub(crate) fn expire(&mut self, now: Nanos) {
        while let Some((due, store)) = self.deadlines.pop_due(now) {
            match store {
                Store::Book(id) => self.expire_book(id, due, now),
                Store::Candles(index) => self.expire_candles(index, now),
                Store::Account(slot) => self.expire_account(slot, now),
            }
        }
    }

    fn expire_book(&mut self, id: BookId, due: Nanos, now: Nanos) {
        let Some(entry) = self.entry_mut(id).filter(|entry| entry.due == Some(due)) else {
            return;
        };
        entry.due = None;
        let old = entry.stored.state();
        if can_become_stale(old) {
            self.changed(id, old, Cause::Timeout, now);
        }
    }

    fn expire_candles(&mut self, index: usize, now: Nanos) {
        let Some(candles) = self.candles.get_mut(index) else {
            return;
        };
        let limit = self.connections[candles.slot()].limit;
        if let Some(due) = limit.and_then(|limit| candles.expire(now, limit)) {
            self.deadlines.push(due, Store::Candles(index));
        }
    }

    fn expire_account(&mut self, slot: usize, now: Nanos) {
        let of = &mut self.connections[slot];
        let due = match (&mut of.account, of.limit) {
            (Some(account), Some(limit)) => account.expire(now, limit),
            _ => None,
        };
        if let Some(due) = due {
            self.deadlines.push(due, Store::Account(slot));
        }
    }

    /// Marks each book of a connection as stale that had no update for `limit`: for the replay of a log that records
    /// when books became stale.
    #[cfg(feature = "capture")]
    pub(crate) fn expire_connection(
        &mut self,
        connection: ConnectionId,
        limit: Duration,
        now: Nanos,
    ) {
        let Some(&slot) = self.slots.get(&connection) else {
            return;
        };
        let alive_at = self.connections[slot].alive_at;
        self.for_each(slot, |books, id| {
            books.change(id, now, |stored| {
                if now.since(stored.view().updated().max(alive_at)) >= limit {
                    stored.expire(now, limit);
                }
                ((), Cause::Timeout)
            });
        });
    }
}
