//! Bugs on purpose in the delivery of state changes, between a session and the judge.

use std::ops::ControlFlow;

use ticklot::{BookId, Books, Cause, Event, Handler, OnMessage, State, StateChange, Venue};

use super::session::Watcher;

/// Every how many changes of state a bug strikes.
const EVERY: u64 = 20;

/// A bug on purpose: a fault of the delivery of every n-th change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventBug {
    /// The event is dropped.
    Drop,
    /// The event is delivered in the next call to a session.
    Delay,
    /// The event is delivered twice.
    Repeat,
}

/// A bug, and the state that it needs.
#[derive(Debug)]
pub(super) struct Meddler {
    bug: Option<EventBug>,
    changes: u64,
    delayed: Option<(BookId, State, State, Cause)>,
}

impl Meddler {
    pub(super) fn new(bug: Option<EventBug>) -> Self {
        Self {
            bug,
            changes: 0,
            delayed: None,
        }
    }

    /// Whether the bug strikes this event.
    fn strikes(&mut self, event: &Event<'_>) -> Option<EventBug> {
        let is_change = matches!(event, Event::State(_));
        self.changes += u64::from(is_change);
        let is_due = is_change && self.changes.is_multiple_of(EVERY);
        self.bug.filter(|_| is_due)
    }
}

/// The handler of a session: a bug in front of the watcher.
#[derive(Debug)]
pub(super) struct Relay<'a> {
    pub(super) watcher: Watcher<'a>,
    pub(super) meddler: &'a mut Meddler,
}

impl Relay<'_> {
    /// Delivers the event of the last call that was delayed.
    pub(super) fn deliver_delayed(&mut self, books: &Books) {
        let Some((book, old, new, cause)) = self.meddler.delayed.take() else {
            return;
        };
        if let Some(instrument) = books.instrument(book) {
            let change = StateChange {
                book,
                instrument,
                old,
                new,
                cause,
            };
            let _ = self.watcher.on_event(Event::State(change), books);
        }
    }
}

impl<V: Venue> OnMessage<V> for Relay<'_> {}

impl Handler for Relay<'_> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        let (Some(bug), Event::State(change)) = (self.meddler.strikes(&event), &event) else {
            return self.watcher.on_event(event, books);
        };
        match bug {
            EventBug::Drop => {}
            EventBug::Delay => {
                self.meddler.delayed = Some((change.book, change.old, change.new, change.cause));
            }
            EventBug::Repeat => {
                let _ = self.watcher.on_event(Event::State(*change), books);
                let _ = self.watcher.on_event(Event::State(*change), books);
            }
        }
        ControlFlow::Continue(())
    }
}
