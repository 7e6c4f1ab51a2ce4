//! The end of every contender's handler, which reads the clock and records the best prices.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use ticklot_book::BookView;
use ticklot_tests::alloc::allocations;

use crate::book::Best;

/// The best prices of one of our books.
#[inline]
pub(super) fn best_of(book: &impl BookView) -> Best {
    [book.best_bid(), book.best_ask()].map(|level| level.map(|level| level.ticks.0))
}

/// A handled message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Handled {
    pub(super) connection: usize,
    /// The time since the origin of the block, or the latency that the contender measured.
    pub(super) ns: u64,
    pub(super) best: Best,
}

/// Nanoseconds since the origin of a block, on the clock of both threads.
#[inline]
pub(super) fn since(origin: Instant) -> u64 {
    u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The messages of a block that were handled.
#[derive(Debug)]
pub(super) struct Record {
    origin: Instant,
    /// Their number, which the server reads.
    count: Arc<AtomicUsize>,
    handled: Vec<Handled>,
    uncounted: usize,
    total: usize,
    allocations: u64,
}

impl Record {
    pub(super) fn new(
        origin: Instant,
        count: Arc<AtomicUsize>,
        uncounted: usize,
        total: usize,
    ) -> Self {
        // Written once, so that no page fault occurs while messages arrive.
        let mut handled = vec![
            Handled {
                connection: 1,
                ns: 1,
                best: [Some(1); 2],
            };
            total
        ];
        handled.clear();
        Self {
            origin,
            count,
            handled,
            uncounted,
            total,
            allocations: 0,
        }
    }

    /// Ends a handler's call: reads the clock. Breaks after the last message.
    #[inline]
    pub(super) fn end(&mut self, connection: usize, best: Best) -> ControlFlow<()> {
        let ns = since(self.origin);
        self.push(Handled {
            connection,
            ns,
            best,
        })
    }

    /// Adds a message. The latency does not include this.
    pub(super) fn push(&mut self, handled: Handled) -> ControlFlow<()> {
        self.handled.push(handled);
        let count = self.handled.len();
        if count == self.uncounted || count == self.total {
            self.allocations = allocations() - self.allocations;
        }
        self.count.store(count, Ordering::Release);
        if count < self.total {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    pub(super) fn handled(&self) -> &[Handled] {
        &self.handled
    }

    /// The allocations of the counted messages.
    pub(super) fn allocations(&self) -> u64 {
        self.allocations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_after_last_message() {
        let count = Arc::new(AtomicUsize::new(0));
        let mut record = Record::new(Instant::now(), count.clone(), 1, 3);
        let best = [Some(1), Some(2)];
        assert!(record.end(0, best).is_continue());
        drop(std::hint::black_box(vec![0_u8; 10]));
        assert!(record.end(0, best).is_continue());
        assert!(record.end(5, best).is_break());
        assert_eq!(count.load(Ordering::Acquire), 3);
        assert_eq!(record.allocations(), 1);
        assert_eq!(
            (record.handled()[2].connection, record.handled()[2].best),
            (5, best)
        );
        assert!(record.handled().is_sorted_by_key(|handled| handled.ns));
    }
}
