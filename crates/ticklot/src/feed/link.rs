//! A session with the feed's books, handler and clock: the inputs that both drivers pass to it.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot_book::Nanos;
use ticklot_transport::{self as transport, Kind, Message, close};
use tokio::sync::watch;
use tracing::{info, warn};

use super::clock::Clock;
use super::remote::ControlMessage;
use super::warm::{self, Optional, Warm};
use super::{ConnectionSummary, Shared};
use crate::books::Books;
use crate::event::{Disconnect, RequestFailure};
use crate::session::{NextAction, Session};
use crate::venue::on_message::OnMessage;
use crate::venue::{CallOutcome, RequestId, Venue};

/// Frames may have waited in the kernel for as long as the socket was not seen idle. It is seen at least
/// every `MAX_SLEEP`, half of this; less than this is not held against them.
pub(super) const UNSEEN: Duration = Duration::from_secs(1);

/// How many frames are read in a row before others have their turn. The drivers limit the bytes.
const TURN: u32 = 64;

/// How long frames are read in a row, unless one alone takes longer.
const TURN_TIME: Duration = Duration::from_millis(1);

/// How many HTTP requests of a connection are under way at once; more wait in order.
pub(super) const MAX_REQUESTS: usize = 4;

/// Passes inputs to a session, with the books and the handler of its feed, and returns the reason that ends its connection.
pub(super) struct Link<'a, V: Venue, H> {
    pub(super) session: &'a mut Session<V>,
    shared: &'a RefCell<Shared<H>>,
    pub(super) clock: Clock,
    /// The last reading of the clock.
    pub(super) now: Nanos,
    pub(super) stop: &'a watch::Sender<bool>,
    /// The close code for the error that ended the connection.
    close_code: Option<u16>,
    /// The replays of keep-warm, if they are on.
    warm: Option<Warm<V>>,
}

impl<'a, V: Venue, H: OnMessage<V>> Link<'a, V, H> {
    pub(super) fn new(
        session: &'a mut Session<V>,
        shared: &'a RefCell<Shared<H>>,
        clock: Clock,
        stop: &'a watch::Sender<bool>,
    ) -> Self {
        Self {
            session,
            shared,
            clock,
            now: Nanos(0),
            stop,
            close_code: None,
            warm: None,
        }
    }

    /// Keeps the last message for [`Link::replay`], from now on.
    pub(super) fn keep_warm(&mut self) {
        self.warm = Warm::new(self.session);
    }

    /// Decodes and applies the last order book message again, without an effect.
    pub(super) fn replay(&mut self, now: Nanos) {
        if let Some(warm) = &mut self.warm {
            warm.replay::<H>(self.session, &self.shared.borrow().books, now);
        }
    }

    /// The connection is open.
    pub(super) fn opened(&mut self) {
        let now = self.refresh_now();
        let flow = self.with_shared(|session, books, handler| session.opened(now, books, handler));
        self.stop_on_break(flow);
    }

    /// The connection is gone, or could not be made.
    pub(super) fn disconnected(&mut self, reason: &Disconnect) {
        info!(connection = %self.session.id(), %reason, "disconnected");
        let now = self.refresh_now();
        let flow = self.with_shared(|session, books, handler| {
            session.disconnected(now, reason, books, handler)
        });
        self.stop_on_break(flow);
    }

    /// The end of the connection, if no other attempt follows this reason.
    pub(super) fn ended(&self, reason: Disconnect) -> Option<ConnectionSummary> {
        (self.session.next(self.now) == NextAction::Done).then(|| ConnectionSummary {
            connection: self.session.id(),
            reason,
            stats: self.session.stats(),
        })
    }

    /// The reason of a connection whose transport failed.
    pub(super) fn failed(&mut self, error: transport::Error) -> Disconnect {
        self.close_code = error.close_code();
        failed(error)
    }

    /// The close code of a connection that ended for this reason.
    pub(super) fn close_code(&mut self, reason: &Disconnect) -> u16 {
        match reason {
            Disconnect::Closed { code, .. } => *code,
            Disconnect::Binary => close::UNSUPPORTED,
            _ => self.close_code.take().unwrap_or(close::NORMAL),
        }
    }

    /// The server gave a sign of life.
    pub(super) fn record_activity(&mut self) {
        let now = self.refresh_now();
        self.session.record_activity(now);
    }

    /// The hot path: a frame to the session, and from it to the handler.
    pub(super) fn message(&mut self, message: &Message<'_>) -> Option<Disconnect> {
        if message.kind != Kind::Text {
            return Some(Disconnect::Binary);
        }
        if self.shared.borrow().is_over {
            return Some(Disconnect::Stopped);
        }
        let received = self.clock.at(message.received);
        let idle_at = self.clock.at(message.idle_at);
        let as_of = match received.since(idle_at) > UNSEEN {
            true => idle_at,
            false => received,
        };
        let now = self.note_dequeued(received);
        let payload = &*message.payload;
        let (reply, late, updated) = self.with_shared(|session, books, handler| {
            let mut handler = Optional::new(handler);
            let times = (as_of, received, now);
            let reply = warm::frame(session, payload, times, books, &mut handler);
            // A server that never pauses must not delay the timers.
            let late = session.deadline().is_some_and(|deadline| deadline <= now);
            (reply, late, handler.updated())
        });
        if let (Some(warm), Some(book)) = (&mut self.warm, updated) {
            warm.keep(payload, book);
        }
        match self.apply_outcome(reply) {
            None if late => self.timeout(),
            over => over,
        }
    }

    /// Looks at the clock.
    pub(super) fn refresh_now(&mut self) -> Nanos {
        self.now = self.clock.now();
        self.now
    }

    /// When a frame is taken up. The clock is looked at once for each: when it has just been read, its
    /// reader has done so; when it lay behind others, now.
    fn note_dequeued(&mut self, received: Nanos) -> Nanos {
        if received <= self.now {
            return self.refresh_now();
        }
        self.now = received;
        received
    }

    pub(super) fn timeout(&mut self) -> Option<Disconnect> {
        if self.shared.borrow().is_over {
            return Some(Disconnect::Stopped);
        }
        let now = self.refresh_now();
        let over = self.with_shared(|session, books, handler| session.timeout(now, books, handler));
        if matches!(over, Some(Disconnect::Stopped)) {
            self.stop_on_break(ControlFlow::Break(()));
        }
        over
    }

    /// Does what the user asks for.
    pub(super) fn handle_control(&mut self, ask: ControlMessage<V::Command>) -> Option<Disconnect> {
        let now = self.refresh_now();
        let reply = match ask {
            ControlMessage::Close => return Some(Disconnect::Stopped),
            ControlMessage::Command(command) => self.with_shared(|session, books, handler| {
                session.command(command, now, books, handler)
            }),
            ControlMessage::Resync(book) => self
                .with_shared(|session, books, handler| session.resync(book, now, books, handler)),
        };
        self.apply_outcome(reply)
    }

    /// An HTTP response arrived, or failed.
    pub(super) fn fetched(
        &mut self,
        id: RequestId,
        body: Result<Vec<u8>, transport::Error>,
    ) -> Option<Disconnect> {
        let body = body.map_err(|error| {
            warn!(connection = %self.session.id(), %error, "an HTTP request failed");
            request_failure(&error)
        });
        let now = self.refresh_now();
        let reply = self.with_shared(|session, books, handler| {
            session.response(Some(id), body.as_deref(), now, books, handler)
        });
        self.apply_outcome(reply)
    }

    fn apply_outcome(&self, reply: CallOutcome) -> Option<Disconnect> {
        match reply {
            CallOutcome::Data | CallOutcome::Control => None,
            CallOutcome::CloseConnection(what) => Some(Disconnect::Ended(what)),
            CallOutcome::StopFeed => {
                self.stop_on_break(ControlFlow::Break(()));
                Some(Disconnect::Stopped)
            }
        }
    }

    /// A handler that breaks stops every connection of the feed.
    fn stop_on_break(&self, flow: ControlFlow<()>) {
        if flow.is_break() {
            self.shared.borrow_mut().is_over = true;
            self.stop.send_replace(true);
        }
    }

    fn with_shared<R>(&mut self, work: impl FnOnce(&mut Session<V>, &mut Books, &mut H) -> R) -> R {
        let mut shared = self.shared.borrow_mut();
        let Shared { books, handler, .. } = &mut *shared;
        work(self.session, books, handler)
    }
}

impl<V: Venue, H> Drop for Link<'_, V, H> {
    /// A feed that is dropped in the middle leaves no book live behind it.
    fn drop(&mut self) {
        // Not to be had only when the handler has panicked, and then the books go with it.
        if let Ok(mut shared) = self.shared.try_borrow_mut() {
            self.session.abandon(&mut shared.books);
        }
    }
}

/// The frames of a turn.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) frames: u32,
    since: Option<Nanos>,
}

impl Turn {
    /// Whether others are to have their turn. `now` is when the last frame was taken up.
    pub(super) fn is_over(&mut self, now: Nanos) -> bool {
        let since = *self.since.get_or_insert(now);
        self.frames >= TURN || now.since(since) > TURN_TIME
    }
}

fn request_failure(error: &transport::Error) -> RequestFailure {
    match error {
        transport::Error::Refused {
            status,
            retry_after,
            response,
        } => RequestFailure::Status {
            status: *status,
            retry_after: *retry_after,
            text: response.to_string(),
        },
        error => RequestFailure::Transport(error.to_string()),
    }
}

/// The reason of a connection whose transport failed.
pub(super) fn failed(error: transport::Error) -> Disconnect {
    if let Some(retry_after) = error.retry_after() {
        return Disconnect::Busy {
            retry_after,
            error: Box::new(error),
        };
    }
    match error {
        transport::Error::Url(_) | transport::Error::Argument(_) => {
            Disconnect::Impossible(Box::new(error))
        }
        error => Disconnect::Failed(Box::new(error)),
    }
}
