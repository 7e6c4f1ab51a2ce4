//! [`OnMessage`]: a handler of a venue's own messages.

use std::ops::ControlFlow;

use super::Venue;
use crate::books::Books;
use crate::event::{Event, Handler, Receipt};

/// A [`Handler`] of the feeds of venue `V`, with access to the venue's own messages.
///
/// The events of this crate are the same for all venues. For additional fields, a venue also passes each decoded message,
/// borrowed from the frame, before the events of that message. Order books and messages of the protocol itself are not
/// passed. The default ignores all messages:
///
/// ```
/// # use std::ops::ControlFlow;
/// # use ticklot::{Books, Event, Handler, OnMessage};
/// # use ticklot::venue::Venue;
/// struct Strategy;
///
/// impl Handler for Strategy {
///     fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
///         ControlFlow::Continue(())
///     }
/// }
///
/// // For every venue. Implement it for a single venue to read its messages.
/// impl<V: Venue> OnMessage<V> for Strategy {}
/// ```
pub trait OnMessage<V: Venue>: Handler {
    /// Called with a message of the venue. [`ControlFlow::Break`] stops the feed.
    fn on_message(
        &mut self,
        message: &V::Message<'_>,
        receipt: Receipt,
        books: &Books,
    ) -> ControlFlow<()> {
        let _ = (message, receipt, books);
        ControlFlow::Continue(())
    }
}

impl<F, V> OnMessage<V> for F
where
    F: FnMut(Event<'_>, &Books) -> ControlFlow<()>,
    V: Venue,
{
}
