//! Which envelope the server speaks.

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot_book::Nanos;
use ticklot_frame::jayx::Envelope;

use crate::event::{Disconnect, Event, Handler};
use crate::venue::Context;

/// How long the server's first packet may take while it is not known whether it speaks Socket.IO.
const OPEN_PATIENCE: Duration = Duration::from_secs(2);

/// The user's choice, and what the server has shown.
#[derive(Clone, Debug)]
pub(super) struct Envelopes {
    pub(super) choice: Envelope,
    /// That of the present or the next connection: never [`Envelope::Auto`].
    pub(super) current: Envelope,
    /// With [`Envelope::Auto`], whether the server's messages have shown that it is `current`.
    is_known: bool,
    /// The one that was reported.
    reported: Option<Envelope>,
    /// When the server's first packet must have arrived, while the envelope is not known.
    open_by: Option<Nanos>,
}

impl Envelopes {
    pub(super) fn new(choice: Envelope) -> Self {
        Self {
            choice,
            current: match choice {
                Envelope::Plain => Envelope::Plain,
                Envelope::SocketIo | Envelope::Auto => Envelope::SocketIo,
            },
            is_known: false,
            reported: None,
            open_by: None,
        }
    }

    /// A connection is open.
    pub(super) fn opened(&mut self, now: Nanos) {
        let is_awaited = self.is_searching() && self.current == Envelope::SocketIo;
        self.open_by = is_awaited.then(|| now.after(OPEN_PATIENCE));
    }

    /// When the connection ends without Socket.IO's open packet.
    pub(super) fn open_by(&self) -> Option<Nanos> {
        self.open_by
    }

    /// Whether the server's envelope is not known yet.
    #[inline]
    fn is_searching(&self) -> bool {
        self.choice == Envelope::Auto && !self.is_known
    }

    /// Learns from a readable frame which envelope it is: that is remembered, and reported when it is news.
    #[inline]
    pub(super) fn learn<H: Handler + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        match self.is_searching() && self.is_shown_by(frame) {
            true => self.found(context),
            false => ControlFlow::Continue(()),
        }
    }

    /// Whether a message shows that the server speaks the current one. Plain JSON on Socket.IO's path shows
    /// nothing: the subscriptions go to the base URL.
    fn is_shown_by(&self, frame: &[u8]) -> bool {
        let is_packet = frame.first().is_some_and(u8::is_ascii_digit);
        is_packet == (self.current == Envelope::SocketIo)
    }

    #[cold]
    fn found<H: Handler + ?Sized>(&mut self, context: &mut Context<'_, H>) -> ControlFlow<()> {
        self.open_by = None;
        self.is_known = true;
        if self.reported.replace(self.current) == Some(self.current) {
            return ControlFlow::Continue(());
        }
        let connection = context.connection();
        let protocol = match self.current {
            Envelope::Plain => "plain JSON",
            Envelope::SocketIo | Envelope::Auto => "Socket.IO",
        };
        context.emit(Event::Protocol {
            connection,
            protocol,
        })
    }

    /// The connection ended, or could not be made; `joining` is whether Socket.IO's handshake was not completed.
    /// Returns whether the other envelope is to be tried at once.
    pub(super) fn falls_back(&mut self, reason: &Disconnect, joining: bool) -> bool {
        if self.choice != Envelope::Auto || matches!(reason, Disconnect::Stopped) {
            return false;
        }
        self.open_by = None;
        let is_late = joining && matches!(reason, Disconnect::Ended(_));
        let is_refused = is_late || reason.is_wrong_request();
        if self.is_known {
            // The server may speak the other one now.
            self.is_known = !is_refused;
            return false;
        }
        let falls_back = self.current == Envelope::SocketIo && is_refused;
        self.current = match falls_back {
            true => Envelope::Plain,
            false => Envelope::SocketIo,
        };
        falls_back
    }
}
