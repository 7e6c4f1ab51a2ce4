//! The scheduled events, in virtual time.

use std::collections::BTreeMap;

use ticklot_book::Nanos;

/// Events in the order of their times. Events of the same time are in the order of insertion.
#[derive(Debug)]
pub(super) struct EventQueue<E> {
    events: BTreeMap<(Nanos, u64), E>,
    set: u64,
}

impl<E> EventQueue<E> {
    pub(super) fn new() -> Self {
        Self {
            events: BTreeMap::new(),
            set: 0,
        }
    }

    pub(super) fn set(&mut self, time: Nanos, event: E) {
        self.set += 1;
        self.events.insert((time, self.set), event);
    }

    pub(super) fn next(&mut self) -> Option<(Nanos, E)> {
        let ((time, _), event) = self.events.pop_first()?;
        Some((time, event))
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }
}
