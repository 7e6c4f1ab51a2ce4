//! The handler of all sessions: it calls the oracle.

use std::ops::ControlFlow;

use ticklot::{Books, Event, Handler};
use ticklot_book::Nanos;

use super::oracle::Oracle;
use super::trace::Trace;

/// Checks all books at every event, since a strategy may read them there.
#[derive(Debug)]
pub(super) struct CheckingHandler<'a> {
    pub(super) now: Nanos,
    pub(super) oracle: &'a mut Oracle,
    pub(super) trace: &'a mut Trace,
}

impl Handler for CheckingHandler<'_> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        self.oracle.event(&event, books, self.now);
        self.oracle.check_books(books, self.now);
        match &event {
            Event::Book(update) => {
                let (name, state) = (books.name(update.book), books.state(update.book));
                let changes = update.changes.len();
                let source = update.source;
                self.trace.note(
                    self.now,
                    format_args!("  book {name} {state}, {changes} changes, {source:?}"),
                );
            }
            event => self.trace.note(self.now, format_args!("  {event:?}")),
        }
        ControlFlow::Continue(())
    }
}
