//! Reports of changes of state.

use std::ops::ControlFlow;

use ticklot_book::{BookState, Nanos};

use super::resync::Resyncs;
use crate::books::{Books, Cause, ConnectionId};
use crate::event::{Event, Handler, StateChange};
use crate::observe::tap::TapList;

/// Reports the changes of state that were not reported yet. With `resyncs` of a connection, keeps the list
/// of its books that need a snapshot. When the handler breaks, the rest is dropped.
pub(crate) fn report<H: Handler + ?Sized>(
    now: Nanos,
    books: &mut Books,
    handler: &mut H,
    taps: &mut TapList,
    mut resyncs: Option<(ConnectionId, &mut Resyncs)>,
) -> ControlFlow<()> {
    while let Some(change) = books.next_change() {
        if let Some((connection, resyncs)) = &mut resyncs
            && books.connection(change.book) == Some(*connection)
        {
            match change.new {
                BookState::Gap(_) => resyncs.want(change.book, now),
                _ => resyncs.done(change.book),
            }
        }
        let is_loss = change.old.is_live() || change.new == BookState::Stale;
        let is_end = matches!(change.cause, Cause::Disconnected | Cause::Unsubscribed);
        if is_loss && !is_end {
            taps.invalidated(change.book, now, books);
        }
        let Some(instrument) = books.instrument(change.book) else {
            continue;
        };
        let event = Event::State(StateChange {
            book: change.book,
            instrument,
            old: change.old,
            new: change.new,
            cause: change.cause,
        });
        if handler.on_event(event, books).is_break() {
            books.drop_changes();
            return ControlFlow::Break(());
        }
    }
    ControlFlow::Continue(())
}
