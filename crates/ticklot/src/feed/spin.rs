//! The spinning driver: runs one session over a non-blocking socket.

use std::collections::VecDeque;

use ticklot_book::Nanos;
use ticklot_transport::{
    self as transport, HttpClient, Incoming, Instant, NonblockingConnection, Poller,
};
use tokio::task::AbortHandle;
use tracing::debug;

use super::ConnectionSummary;
use super::handle::ControlMessage;
use super::helper::{Helper, Outcome, Ticket};
use super::inbox::Inbox;
use super::link::{Link, MAX_REQUESTS, Turn};
use crate::books::ConnectionId;
use crate::event::Disconnect;
use crate::session::NextAction;
use crate::venue::on_message::OnMessage;
use crate::venue::{HttpRequest, RequestId, Venue};

/// The state of the spinning thread that its connections share.
pub(super) struct SpinContext {
    pub(super) helper: Helper,
    /// Finds the readable connections. None for a single connection, which is read in each turn.
    pub(super) poller: Option<Poller>,
    /// The start of the previous turn. A socket that was idle in that turn had nothing to read before it.
    pub(super) seen: Instant,
    /// The start of this turn.
    pub(super) now: Nanos,
    /// Whether the feed is to stop.
    pub(super) is_stopped: bool,
}

/// When a connection needs its next turn.
#[derive(Debug)]
pub(super) enum NextTurn {
    /// In the next turn: it may have more to read or write.
    Soon,
    /// In the next turn, although nothing is known to be due: no poller watches its socket.
    Idle,
    /// When its socket is readable, at [`SpinningConnection::due`], or for a command or a task's outcome.
    Later,
    /// Never.
    Ended(Box<ConnectionSummary>),
}

/// A connection of any venue on a spinning thread. No call blocks.
pub(super) trait SpinningConnection {
    /// Reads, writes, and runs due timers.
    fn turn(&mut self, context: &SpinContext) -> NextTurn;

    /// Executes commands.
    fn run_commands(&mut self, context: &SpinContext) -> NextTurn;

    /// Handles the outcome of a task of the helper thread.
    fn task_done(&mut self, attempt: u64, outcome: Outcome, context: &SpinContext) -> NextTurn;

    /// When the next timer is due.
    fn due(&self) -> Nanos;

    /// Replays the last order book message: see [`super::warm`].
    fn replay(&mut self, now: Nanos);
}

/// The maximum number of bytes of consecutive messages before others have their turn, unless a single message has more.
const TURN_BYTES: usize = 64 << 10;

/// The maximum number of consecutive commands before messages are read again.
const TURN_COMMANDS: usize = 64;

/// The index of a connection in its feed.
pub(super) fn index_of(connection: ConnectionId) -> usize {
    connection.0 as usize
}

/// The due time without a timer.
pub(super) const NEVER: Nanos = Nanos(u64::MAX);

/// Drives one session.
pub(super) struct SpinDriver<'a, V: Venue, H> {
    link: Link<'a, V, H>,
    transport: &'a transport::Config,
    inbox: &'a Inbox<ControlMessage<V::Command>>,
    http: HttpClient,
    ticket: Ticket,
    phase: Phase,
    /// HTTP requests beyond [`MAX_REQUESTS`].
    waiting: VecDeque<HttpRequest>,
    /// Running HTTP requests.
    fetches: Vec<(RequestId, AbortHandle)>,
    /// Whether the poller watches the open connection.
    is_watched: bool,
    due: Nanos,
}

enum Phase {
    /// Waits for the time to connect, or for a command.
    Waiting,
    Connecting(AbortHandle),
    Open(Box<NonblockingConnection>),
    /// The session has received the reason already.
    Closing(Box<NonblockingConnection>, Disconnect),
    Ended,
}

impl<'a, V: Venue, H: OnMessage<V>> SpinDriver<'a, V, H> {
    pub(super) fn new(
        link: Link<'a, V, H>,
        transport: &'a transport::Config,
        inbox: &'a Inbox<ControlMessage<V::Command>>,
    ) -> Self {
        link.session.resume();
        Self {
            ticket: Ticket {
                connection: link.session.id(),
                attempt: 0,
            },
            link,
            transport,
            inbox,
            http: HttpClient::new(transport.clone()),
            phase: Phase::Waiting,
            waiting: VecDeque::new(),
            fetches: Vec::new(),
            is_watched: false,
            due: NEVER,
        }
    }

    /// Connects if it is time.
    fn wait(&mut self, context: &SpinContext) -> NextTurn {
        let now = self.link.refresh_now();
        self.due = NEVER;
        match self.link.session.next(now) {
            NextAction::Connect | NextAction::Open => {
                self.ticket.attempt += 1;
                let url = self.link.session.url().to_owned();
                let config = self.transport.clone();
                let task = context.helper.connect(self.ticket, url, config);
                self.phase = Phase::Connecting(task);
                NextTurn::Later
            }
            NextAction::WaitUntil(time) => {
                self.due = time;
                NextTurn::Later
            }
            NextAction::Idle => NextTurn::Later,
            NextAction::Done => self.end(Disconnect::Stopped),
        }
    }

    /// Ends the connection, or the attempt to connect.
    fn end(&mut self, reason: Disconnect) -> NextTurn {
        self.waiting.clear();
        for (_, fetch) in self.fetches.drain(..) {
            fetch.abort();
        }
        // Outcomes of its tasks must not reach the next attempt.
        self.ticket.attempt += 1;
        self.due = NEVER;
        let code = self.link.close_code(&reason);
        let phase = std::mem::replace(&mut self.phase, Phase::Waiting);
        self.link.disconnected(&reason);
        match phase {
            Phase::Open(mut connection) => {
                // The books are disconnected already, so the result does not matter. `try_close` has a time limit.
                let _ = connection.close(code, "");
                self.phase = Phase::Closing(connection, reason);
                NextTurn::Soon
            }
            Phase::Connecting(task) => {
                task.abort();
                self.finish(reason)
            }
            _ => self.finish(reason),
        }
    }

    /// Ends the attempt, after the close handshake if there is one.
    fn finish(&mut self, reason: Disconnect) -> NextTurn {
        self.phase = Phase::Waiting;
        match self.link.ended(reason) {
            Some(ended) => {
                self.phase = Phase::Ended;
                NextTurn::Ended(Box::new(ended))
            }
            // The next turn executes commands that arrived during the close handshake.
            None => NextTurn::Soon,
        }
    }

    fn connected(
        &mut self,
        mut connection: Box<NonblockingConnection>,
        context: &SpinContext,
    ) -> NextTurn {
        debug!(connection = %self.link.session.id(), "connected");
        let poller = context.poller.as_ref();
        let added =
            poller.map(|poller| poller.add(&mut connection, index_of(self.ticket.connection)));
        match added.transpose() {
            Ok(is_watched) => self.is_watched = is_watched.unwrap_or_default(),
            Err(error) => {
                let reason = self.link.failed(transport::Error::Io(error));
                return self.end(reason);
            }
        }
        self.phase = Phase::Open(connection);
        self.link.opened();
        self.settle(context)
    }

    /// Sends queued messages, starts requests, and sets the next timer.
    fn settle(&mut self, context: &SpinContext) -> NextTurn {
        if let Phase::Open(connection) = &mut self.phase {
            if !connection.has_pending() {
                // Before the write: while a write is blocked, the socket is not read.
                connection.mark_idle(context.seen);
            }
            if let Some(reason) = send(&mut self.link, connection) {
                return self.end(reason);
            }
        }
        self.start_requests(context);
        self.due = self.link.session.deadline().unwrap_or(NEVER);
        self.next_turn()
    }

    /// When the connection needs its next turn.
    fn next_turn(&self) -> NextTurn {
        match &self.phase {
            Phase::Open(connection) if connection.is_idle() && !connection.has_pending() => {
                match self.is_watched {
                    true => NextTurn::Later,
                    false => NextTurn::Idle,
                }
            }
            _ => NextTurn::Soon,
        }
    }

    /// Starts the venue's HTTP requests, at most [`MAX_REQUESTS`] concurrently.
    fn start_requests(&mut self, context: &SpinContext) {
        while let Some(request) = self.link.session.next_request(self.link.now) {
            self.waiting.push_back(request);
        }
        while self.fetches.len() < MAX_REQUESTS
            && let Some(request) = self.waiting.pop_front()
        {
            let id = request.id;
            let fetch = context
                .helper
                .fetch(self.ticket, request, self.http.clone());
            self.fetches.push((id, fetch));
        }
    }

    /// Reads frames until the socket is empty or the turn is over. Returns whether anything happened.
    fn read(&mut self, context: &SpinContext) -> Result<bool, Disconnect> {
        let Self {
            link,
            phase: Phase::Open(connection),
            ..
        } = self
        else {
            return Ok(false);
        };
        let was_blocked = connection.has_pending();
        if !was_blocked {
            connection.mark_idle(context.seen);
        } else if !connection.flush().map_err(|error| link.failed(error))? {
            // Backpressure: while the peer does not read, its messages stay in the kernel.
            return Ok(false);
        }
        let mut turn = Turn::default();
        let mut bytes = 0;
        loop {
            let over = match connection.try_read() {
                Ok(Some(incoming)) => {
                    if let Incoming::Message(message) = &incoming {
                        bytes += message.payload.len();
                    }
                    match (link.incoming(&incoming), incoming) {
                        (None, Incoming::Ping(_)) => {
                            connection.pong().err().map(|error| link.failed(error))
                        }
                        (over, _) => over,
                    }
                }
                Ok(None) => break,
                Err(error) => Some(link.failed(error)),
            };
            // Replies to a message are sent before the next one is read.
            if let Some(reason) = over.or_else(|| send(link, connection)) {
                return Err(reason);
            }
            turn.frames += 1;
            if bytes >= TURN_BYTES || connection.has_pending() || turn.is_over(link.now) {
                break;
            }
        }
        Ok(was_blocked || turn.frames > 0)
    }
}

/// Sends queued messages, as far as the socket accepts them.
fn send<V: Venue, H: OnMessage<V>>(
    link: &mut Link<'_, V, H>,
    connection: &mut NonblockingConnection,
) -> Option<Disconnect> {
    if !link.session.has_outgoing(link.now) {
        return None;
    }
    let now = link.refresh_now();
    while !connection.has_pending() {
        let message = link.session.outgoing(now)?;
        if let Err(error) = connection.text(message) {
            return Some(link.failed(error));
        }
    }
    None
}

impl<V: Venue, H: OnMessage<V>> SpinningConnection for SpinDriver<'_, V, H> {
    fn turn(&mut self, context: &SpinContext) -> NextTurn {
        match &mut self.phase {
            Phase::Waiting => self.run_commands(context),
            Phase::Connecting(_) | Phase::Ended => NextTurn::Later,
            Phase::Closing(connection, _) => {
                if matches!(connection.try_close(), Ok(false)) {
                    return NextTurn::Soon;
                }
                match std::mem::replace(&mut self.phase, Phase::Waiting) {
                    Phase::Closing(_, reason) => self.finish(reason),
                    _ => NextTurn::Later,
                }
            }
            Phase::Open(_) => {
                let over = match self.read(context) {
                    Err(reason) => Some(reason),
                    Ok(_) if self.due <= context.now => self.link.timeout(),
                    Ok(false) => return self.next_turn(),
                    Ok(true) => None,
                };
                match over {
                    Some(reason) => self.end(reason),
                    None => self.settle(context),
                }
            }
        }
    }

    fn run_commands(&mut self, context: &SpinContext) -> NextTurn {
        if matches!(self.phase, Phase::Closing(..) | Phase::Ended) {
            return NextTurn::Later;
        }
        if context.is_stopped {
            return self.end(Disconnect::Stopped);
        }
        let mut remaining = TURN_COMMANDS;
        while let Some(message) = self.inbox.try_next() {
            if let Some(reason) = self.link.handle_control(message) {
                return self.end(reason);
            }
            remaining -= 1;
            if remaining == 0 {
                self.inbox.ring();
                break;
            }
        }
        match self.phase {
            Phase::Open(_) => self.settle(context),
            Phase::Waiting => self.wait(context),
            _ => NextTurn::Later,
        }
    }

    fn task_done(&mut self, attempt: u64, outcome: Outcome, context: &SpinContext) -> NextTurn {
        if attempt != self.ticket.attempt {
            return NextTurn::Later;
        }
        if context.is_stopped {
            return self.end(Disconnect::Stopped);
        }
        let over = match (outcome, &self.phase) {
            (Outcome::Connected(Ok(connection)), Phase::Connecting(_)) => {
                return self.connected(connection, context);
            }
            (Outcome::Connected(Err(error)), Phase::Connecting(_)) => Some(self.link.failed(error)),
            (Outcome::Fetched(id, body), Phase::Open(_)) => {
                self.fetches.retain(|(of, _)| *of != id);
                self.link.fetched(id, body)
            }
            (Outcome::Panicked(payload), _) => std::panic::resume_unwind(payload),
            _ => None,
        };
        match over {
            Some(reason) => self.end(reason),
            None => self.settle(context),
        }
    }

    fn due(&self) -> Nanos {
        self.due
    }

    fn replay(&mut self, now: Nanos) {
        self.link.replay(now);
    }
}
