//! The handler of all sessions.

use std::ops::ControlFlow;

use ticklot::{Books, Event, Handler};
use ticklot_book::Nanos;

use super::judge::Judge;
use super::trace::Trace;

/// The strategy: looks at all books at every call, and the judge with it.
#[derive(Debug)]
pub(super) struct Watcher<'a> {
    pub(super) now: Nanos,
    pub(super) judge: &'a mut Judge,
    pub(super) trace: &'a mut Trace,
}

impl Handler for Watcher<'_> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        self.judge.event(&event, books, self.now);
        self.judge.look(books, self.now);
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
