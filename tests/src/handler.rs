//! Building blocks of the tests' handlers.

use std::ops::ControlFlow;

use ticklot::{Books, Event};

/// The flow of a handler: it stops the feed once `is_done`.
pub fn break_if(is_done: bool) -> ControlFlow<()> {
    match is_done {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// A handler that ignores every event.
pub fn ignore(_: Event<'_>, _: &Books) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
