//! A session with the books, the handler and the clock of its feed. Both drivers pass their inputs through it.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot_book::Nanos;
use ticklot_transport::{self as transport, Incoming, Kind, Message, close};
use tokio::sync::watch;
use tracing::{info, warn};

use super::clock::Clock;
use super::handle::ControlMessage;
use super::warm::{self, Optional, Warm};
use super::{ConnectionSummary, Shared};
use crate::books::Books;
use crate::event::{Disconnect, RequestFailure};
use crate::session::{NextAction, Session};
use crate::venue::on_message::OnMessage;
use crate::venue::{CallOutcome, RequestId, Venue};

/// A frame may have waited in the kernel since the socket was last seen idle. Waits up to this limit are ignored,
/// because an idle socket is checked at least every `MAX_SLEEP`, which is half of it.
pub(super) const UNSEEN: Duration = Duration::from_secs(1);

/// The maximum number of consecutive frames of a connection before others have their turn. The drivers limit the bytes.
const TURN: u32 = 64;

/// The longest time for consecutive frames, unless a single frame takes longer.
const TURN_TIME: Duration = Duration::from_millis(1);

/// The maximum number of concurrent HTTP requests of a connection. Others wait in order.
pub(super) const MAX_REQUESTS: usize = 4;

/// Passes inputs to a session, with the books and the handler of its feed. A method that returns a [`Disconnect`] ends
/// the connection for that reason.
pub(super) struct Link<'a, V: Venue, H> {
    pub(super) session: &'a mut Session<V>,
    shared: &'a RefCell<Shared<H>>,
    pub(super) clock: Clock,
    /// The last clock read.
    pub(super) now: Nanos,
    pub(super) stop: &'a watch::Sender<bool>,
    /// The close code for the error that ended the connection.
    close_code: Option<u16>,
    /// The keep-warm replays, if they are enabled.
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

    /// Enables [`Link::replay`]: copies the last order book message from now on.
    pub(super) fn keep_warm(&mut self) {
        self.warm = Warm::new(self.session);
    }

    /// Decodes and applies the last order book message again, without visible effect.
    pub(super) fn replay(&mut self, now: Nanos) {
        if let Some(warm) = &mut self.warm {
            warm.replay::<H>(self.session, &self.shared.borrow().books, now);
        }
    }

    /// Call when the connection has opened.
    pub(super) fn opened(&mut self) {
        let now = self.refresh_now();
        let flow = self.with_shared(|session, books, handler| session.opened(now, books, handler));
        self.stop_on_break(flow);
    }

    /// Call when the connection has ended, or an attempt has failed.
    pub(super) fn disconnected(&mut self, reason: &Disconnect) {
        info!(connection = %self.session.id(), %reason, "disconnected");
        let now = self.refresh_now();
        let flow = self.with_shared(|session, books, handler| {
            session.disconnected(now, reason, books, handler)
        });
        self.stop_on_break(flow);
    }

    /// The summary, if the session does not reconnect.
    pub(super) fn ended(&self, reason: Disconnect) -> Option<ConnectionSummary> {
        (self.session.next(self.now) == NextAction::Done).then(|| ConnectionSummary {
            connection: self.session.id(),
            reason,
            stats: self.session.stats(),
        })
    }

    /// Converts a transport error, and keeps its close code.
    pub(super) fn failed(&mut self, error: transport::Error) -> Disconnect {
        self.close_code = error.close_code();
        failed(error)
    }

    /// The close code to send for this reason.
    pub(super) fn close_code(&mut self, reason: &Disconnect) -> u16 {
        match reason {
            Disconnect::Closed { code, .. } => *code,
            Disconnect::Binary => close::UNSUPPORTED,
            _ => self.close_code.take().unwrap_or(close::NORMAL),
        }
    }

    /// Passes a message or control frame to the session. The driver must reply to a ping with a pong.
    #[inline]
    pub(super) fn incoming(&mut self, incoming: &Incoming<'_>) -> Option<Disconnect> {
        match incoming {
            Incoming::Message(message) => self.message(message),
            Incoming::Close { code, reason } => Some(Disconnect::Closed {
                code: *code,
                reason: (*reason).to_owned(),
            }),
            _ => {
                let now = self.refresh_now();
                self.session.record_activity(now);
                None
            }
        }
    }

    /// The hot path, from a frame to the handler.
    fn message(&mut self, message: &Message<'_>) -> Option<Disconnect> {
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
        let (outcome, late, updated) = self.with_shared(|session, books, handler| {
            let mut handler = Optional::new(handler);
            let times = (as_of, received, now);
            let outcome = warm::frame(session, payload, times, books, &mut handler);
            // A server that never pauses must not delay the timers.
            let late = session.deadline().is_some_and(|deadline| deadline <= now);
            (outcome, late, handler.updated())
        });
        if let (Some(warm), Some(book)) = (&mut self.warm, updated) {
            warm.keep(payload, book);
        }
        match self.apply_outcome(outcome) {
            None if late => self.timeout(),
            over => over,
        }
    }

    /// Reads the clock.
    pub(super) fn refresh_now(&mut self) -> Nanos {
        self.now = self.clock.now();
        self.now
    }

    /// The time when processing of a frame starts, with one clock read per frame: the transport's own if the frame was
    /// just read from the socket. If it was buffered behind others, the clock is read again.
    fn note_dequeued(&mut self, received: Nanos) -> Nanos {
        if received <= self.now {
            return self.refresh_now();
        }
        self.now = received;
        received
    }

    /// Runs the session's due timers.
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

    /// Executes a control message.
    pub(super) fn handle_control(
        &mut self,
        message: ControlMessage<V::Command>,
    ) -> Option<Disconnect> {
        let now = self.refresh_now();
        let outcome = match message {
            ControlMessage::Close => return Some(Disconnect::Stopped),
            ControlMessage::Command(command) => self.with_shared(|session, books, handler| {
                session.command(command, now, books, handler)
            }),
            ControlMessage::Resync(book) => self
                .with_shared(|session, books, handler| session.resync(book, now, books, handler)),
        };
        self.apply_outcome(outcome)
    }

    /// Call when an HTTP request has ended.
    pub(super) fn fetched(
        &mut self,
        id: RequestId,
        body: Result<Vec<u8>, transport::Error>,
    ) -> Option<Disconnect> {
        let body = body.map_err(|error| {
            warn!(connection = %self.session.id(), %error, "HTTP request failed");
            request_failure(&error)
        });
        let now = self.refresh_now();
        let outcome = self.with_shared(|session, books, handler| {
            session.response(Some(id), body.as_deref(), now, books, handler)
        });
        self.apply_outcome(outcome)
    }

    fn apply_outcome(&self, outcome: CallOutcome) -> Option<Disconnect> {
        match outcome {
            CallOutcome::Data | CallOutcome::Control => None,
            CallOutcome::CloseConnection(reason) => Some(Disconnect::Ended(reason)),
            CallOutcome::StopFeed => {
                self.stop_on_break(ControlFlow::Break(()));
                Some(Disconnect::Stopped)
            }
        }
    }

    /// Stops all connections of the feed if the handler broke.
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
    /// Disconnects the books, so that a feed that is dropped while it runs leaves no book live.
    fn drop(&mut self) {
        // Fails only after a panic of the handler, which drops the books as well.
        if let Ok(mut shared) = self.shared.try_borrow_mut() {
            self.session.abandon(&mut shared.books);
        }
    }
}

/// Consecutive frames of one connection.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) frames: u32,
    since: Option<Nanos>,
}

impl Turn {
    /// Whether the limits of a turn are reached. `now` is the time when processing of the last frame started.
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

/// The disconnect reason for a transport error.
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
