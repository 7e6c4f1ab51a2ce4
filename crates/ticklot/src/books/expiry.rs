//! When something becomes stale, without a walk over what there is.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ticklot_book::Nanos;

use super::BookId;

/// Something that becomes stale when it is not updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Book(BookId),
    Candles(usize),
    /// By the connection's slot.
    Account(usize),
}

/// The earliest times at which subjects can become stale.
///
/// An update only moves a subject's deadline later, so it does not touch the heap. When an entry comes
/// due, its owner compares the subject's current deadline, and arms it again if that is later. Each
/// subject costs O(log n) per limit, however often it is updated.
#[derive(Debug, Default)]
pub(super) struct Expiry(BinaryHeap<Reverse<(Nanos, Subject)>>);

impl Expiry {
    pub(super) fn arm(&mut self, due: Nanos, subject: Subject) {
        self.0.push(Reverse((due, subject)));
    }

    /// The earliest entry's time.
    #[inline]
    pub(super) fn due(&self) -> Option<Nanos> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes the earliest entry that is due.
    pub(super) fn pop(&mut self, now: Nanos) -> Option<(Nanos, Subject)> {
        if self.due()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}
