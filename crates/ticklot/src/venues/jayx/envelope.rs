//! Detects the server's envelope: Socket.IO or plain JSON.

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot_book::Nanos;
use ticklot_frame::jayx::Envelope;

use crate::event::{Disconnect, Event, Handler};
use crate::venue::Context;

/// The time limit for the first Socket.IO packet while the envelope is unknown.
const OPEN_TIMEOUT: Duration = Duration::from_secs(2);

/// The configured envelope, and the detected one.
#[derive(Clone, Debug)]
pub(super) struct Envelopes {
    pub(super) choice: Envelope,
    /// The envelope of the current or the next connection: never [`Envelope::Auto`].
    pub(super) current: Envelope,
    /// With [`Envelope::Auto`], whether the server's messages have confirmed `current`.
    is_known: bool,
    /// The envelope that was reported.
    reported: Option<Envelope>,
    /// The deadline for the first Socket.IO packet, while the envelope is unknown.
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

    /// Call when a connection opens.
    pub(super) fn opened(&mut self, now: Nanos) {
        let is_awaited = self.is_searching() && self.current == Envelope::SocketIo;
        self.open_by = is_awaited.then(|| now.after(OPEN_TIMEOUT));
    }

    /// The deadline for Socket.IO's open packet.
    pub(super) fn open_by(&self) -> Option<Nanos> {
        self.open_by
    }

    /// Whether the envelope is unknown.
    #[inline]
    fn is_searching(&self) -> bool {
        self.choice == Envelope::Auto && !self.is_known
    }

    /// Detects the envelope from a decoded frame, and reports it once.
    #[inline]
    pub(super) fn learn<H: Handler + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        match self.is_searching() && self.is_confirmed_by(frame) {
            true => self.found(context),
            false => ControlFlow::Continue(()),
        }
    }

    /// Whether a message confirms the current envelope. Plain JSON on the path of Socket.IO does not confirm plain JSON,
    /// because its subscriptions belong to the base URL.
    fn is_confirmed_by(&self, frame: &[u8]) -> bool {
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

    /// Call when a connection has ended or an attempt has failed. `joining` is whether the Socket.IO handshake was
    /// incomplete. Returns whether to try the other envelope immediately.
    pub(super) fn falls_back(&mut self, reason: &Disconnect, joining: bool) -> bool {
        if self.choice != Envelope::Auto || matches!(reason, Disconnect::Stopped) {
            return false;
        }
        self.open_by = None;
        let is_late = joining && matches!(reason, Disconnect::Ended(_));
        let is_refused = is_late || reason.is_wrong_request();
        if self.is_known {
            // The server may have changed its envelope.
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
