//! Checks that each change of a book's state has exactly one event with its cause. The event must be in the call to the
//! session that caused it, before the [`Event::Book`] of the same message.

use ticklot::events::{Cause, StateChange};
use ticklot::{BookId, BookState, Books, Event, Gap};
use ticklot_book::Nanos;

use super::{Invariant, Oracle};

impl Oracle {
    /// Checks a delivered event. A state change must start from the last reported state and change it. A book update requires
    /// that the book's state has been reported.
    pub(super) fn delivered(&mut self, event: &Event<'_>, books: &Books, now: Nanos) {
        match event {
            Event::State(change) => {
                let last = self.reported(change.book);
                if !last.is_same(change.old) || change.old.is_same(change.new) {
                    let expected = format!("a change from {last}");
                    let actual = format!("{} to {} ({})", change.old, change.new, change.cause);
                    return self.report(now, Invariant::Events, expected, actual);
                }
                self.check_cause(change, books, now);
                self.reported.insert(change.book, change.new);
            }
            Event::Book(update) => self.compare(update.book, books, now),
            _ => {}
        }
    }

    /// Checks that the cause fits the state and the venue, and counts gaps that were repaired on their connection.
    fn check_cause(&mut self, change: &StateChange<'_>, books: &Books, now: Nanos) {
        let index = books.connection(change.book).map(super::index_of);
        let is_delta = index.is_some_and(|index| self.is_delta(index));
        if !fits(change, is_delta) {
            let expected = format!("a cause of {:?}", change.new);
            let actual = format!("{} after {}", change.cause, change.old);
            return self.report(now, Invariant::Events, expected, actual);
        }
        let is_repair = matches!(change.old, BookState::Gap(_)) && change.new.is_live();
        self.repairs += u64::from(is_delta && is_repair);
    }

    /// Checks that all changes were reported by the end of a call to a session.
    pub(in super::super) fn call_over(&mut self, books: &Books, now: Nanos) {
        for id in books.ids() {
            self.compare(id, books, now);
        }
        self.deltas_applied();
    }

    fn compare(&mut self, id: BookId, books: &Books, now: Nanos) {
        let (reported, actual) = (self.reported(id), books.state(id));
        if !reported.is_same(actual) {
            let expected = format!("{} reported as {actual}", books.name(id));
            let actual = format!("reported as {reported}");
            self.report(now, Invariant::Events, expected, actual);
        }
    }

    fn reported(&self, id: BookId) -> BookState {
        self.reported.get(&id).copied().unwrap_or_default()
    }
}

/// Whether a cause can lead to a state. Only the delta venue has deltas, and heartbeats that revive a book.
fn fits(change: &StateChange<'_>, is_delta: bool) -> bool {
    match (change.new, change.cause) {
        (BookState::Live, Cause::Snapshot)
        | (BookState::Stale, Cause::Timeout)
        | (BookState::Crossed, Cause::Crossed)
        | (BookState::Disconnected, Cause::Disconnected | Cause::Unsubscribed) => true,
        (BookState::Live, Cause::Delta) => is_delta,
        (BookState::Live, Cause::Alive) => is_delta && change.old == BookState::Stale,
        (BookState::Gap(gap), cause) => cause == cause_of(gap),
        _ => false,
    }
}

fn cause_of(gap: Gap) -> Cause {
    match gap {
        Gap::Sequence { .. } => Cause::SequenceGap,
        Gap::Checksum { .. } => Cause::ChecksumMismatch,
        Gap::NoSnapshot | Gap::Unnumbered { .. } | Gap::Overflow { .. } => Cause::NoSnapshot,
        Gap::Dropped => Cause::RecordsDropped,
        Gap::Scale => Cause::ScaleChanged,
        Gap::Resync => Cause::Resync,
        _ => Cause::BadMessage,
    }
}
