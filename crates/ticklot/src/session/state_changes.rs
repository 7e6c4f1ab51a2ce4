//! Reports changes of book states to the handler, the taps and the resynchronisation.

use std::ops::ControlFlow;

use ticklot_book::{BookState, Nanos};

use super::resync::Resyncs;
use crate::books::{Books, Cause, ConnectionId};
use crate::event::{Event, Handler, StateChange};
use crate::observe::tap::TapList;

/// Marks each book of any connection as stale that had no update for its limit, and reports all changes of state. All
/// books are marked before the first report, so that the handler sees none of them as live.
pub(crate) fn expire_and_report<H: Handler + ?Sized>(
    now: Nanos,
    books: &mut Books,
    handler: &mut H,
    taps: &mut TapList,
) -> ControlFlow<()> {
    if books.stale_due().is_some_and(|due| due <= now) {
        books.expire(now);
    }
    report_state_changes(now, books, handler, taps, None)
}

/// Reports the queued changes of state. With the `resyncs` of a connection, also updates which of its books need a
/// snapshot. If the handler breaks, drops the remaining changes.
pub(crate) fn report_state_changes<H: Handler + ?Sized>(
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
                BookState::Gap(_) => resyncs.add(change.book, now),
                _ => resyncs.done(change.book),
            }
        }
        let is_loss = change.old.is_live() || change.new == BookState::Stale;
        let is_end = matches!(change.cause, Cause::Disconnected | Cause::Unsubscribed);
        if is_loss && !is_end {
            taps.emit_invalidated(change.book, now, books);
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
