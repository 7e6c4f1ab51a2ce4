//! Checks the bounds of queues, memory and timers.

use ticklot_book::Nanos;

use super::super::subscription::Subscription;
use super::{Invariant, Oracle};

/// The maximum number of messages in the outgoing queue.
const QUEUED: usize = 64;

/// The maximum number of unanswered messages according to the client's documentation. They are kept for 16 times the
/// acknowledgement timeout, in which at most ten a second are sent.
const UNANSWERED: usize = 1_024;
const MEMORY: u32 = 16;

/// The maximum number of books: two outcomes of each market in each currency, and one for each symbol of the other venues.
const BOOKS: usize = 16;

/// The load of a client's connection.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Load {
    /// Messages in the outgoing queue.
    pub(in super::super) queued: usize,
    /// Unanswered messages.
    pub(in super::super) unanswered: usize,
    /// Rooms that are desired or being unsubscribed.
    pub(in super::super) rooms: usize,
    /// Books of all connections.
    pub(in super::super) books: usize,
    /// The client's time and its next timer, while the connection is open.
    pub(in super::super) wake: Option<(Nanos, Nanos)>,
}

impl Oracle {
    /// Checks the load of a connection after an event.
    pub(in super::super) fn bounds(&mut self, index: usize, load: Load, now: Nanos) {
        self.pings(index, now);
        let rooms = 2 * Subscription::all().len();
        let limits = [
            ("messages in the queue", load.queued, QUEUED),
            (
                "messages without a reply",
                load.unanswered,
                self.unanswered(),
            ),
            ("rooms", load.rooms, rooms),
            ("books", load.books, BOOKS),
        ];
        for (name, actual, limit) in limits {
            if actual > limit {
                let actual = format!("{actual} on connection {index}");
                let expected = format!("at most {limit} {name}");
                return self.report(now, Invariant::Bounds, expected, actual);
            }
        }
        if let Some((shown, wake)) = load.wake
            && wake <= shown
        {
            let expected = format!("a timer after {} ns", shown.0);
            let actual = format!("{} ns on connection {index}", wake.0);
            self.report(now, Invariant::Bounds, expected, actual);
        }
    }

    /// The limit of unanswered messages: those that can be sent until the first is dropped.
    fn unanswered(&self) -> usize {
        let memory = self.ack_timeout * MEMORY + self.lost();
        let seconds = memory.as_secs() + 2;
        UNANSWERED.min(usize::try_from(10 * seconds).unwrap_or(UNANSWERED))
    }
}
