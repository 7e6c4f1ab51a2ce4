//! Bounds of queues, memory and timers.

use ticklot_book::Nanos;

use super::super::subscription::Subscription;
use super::{Invariant, Oracle};

/// The most messages that are written and wait for a place.
const QUEUED: usize = 64;

/// The most messages that are remembered for their answers, by the client's documentation. It also
/// says for how long: sixteen times the acknowledgement timeout, in which no more than ten a second can be sent.
const UNANSWERED: usize = 1_024;
const MEMORY: u32 = 16;

/// The most books: two outcomes of each market in each currency, and one of each symbol of the others.
const BOOKS: usize = 16;

/// The load of a client's connection.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Load {
    /// Messages that are written and wait for a place.
    pub(in super::super) queued: usize,
    /// Messages that were sent and are not answered.
    pub(in super::super) unanswered: usize,
    /// Rooms, desired or being left.
    pub(in super::super) rooms: usize,
    /// Books of all connections.
    pub(in super::super) books: usize,
    /// The time that the client's clock shows, and when it wants to be woken; both only while it is
    /// open.
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
                "messages without an answer",
                load.unanswered,
                self.unanswered(),
            ),
            ("rooms", load.rooms, rooms),
            ("books", load.books, BOOKS),
        ];
        for (what, actual, limit) in limits {
            if actual > limit {
                let actual = format!("{actual} on connection {index}");
                let expected = format!("at most {limit} {what}");
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

    /// How many messages may be remembered: those that can be sent while one is.
    fn unanswered(&self) -> usize {
        let memory = self.ack_timeout * MEMORY + self.lost();
        let seconds = memory.as_secs() + 2;
        UNANSWERED.min(usize::try_from(10 * seconds).unwrap_or(UNANSWERED))
    }
}
