//! The handler of a venue's own messages.

use std::ops::ControlFlow;

use super::Venue;
use crate::books::Books;
use crate::event::{Event, Handler, Receipt};

/// A [`Handler`] of the feeds of venue `V`, with access to the venue's own messages.
///
/// The events of this crate are the same for every venue. For the fields that they lack, a venue hands on each
/// message that is not an order book and not of the protocol itself, decoded and borrowed from
/// the frame, before the events that it leads to. The default ignores it:
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
/// // For every venue; or for one only, with a method that reads its messages.
/// impl<V: Venue> OnMessage<V> for Strategy {}
/// ```
pub trait OnMessage<V: Venue>: Handler {
    /// A message of the venue. [`ControlFlow::Break`] ends the feed.
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
