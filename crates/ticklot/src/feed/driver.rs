//! One session, driven over a socket.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use ticklot_book::Nanos;
use ticklot_transport::{
    self as transport, Connection, HttpClient, Incoming, Kind, Message, Reader, Writer, close,
};
use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;
use tokio::time::sleep_until;
use tracing::{debug, info, warn};

use super::clock::Clock;
use super::remote::{Ask, Remote};
use super::waits::Waits;
use super::{Ended, Shared};
use crate::books::Books;
use crate::event::{Disconnect, OnMessage, RequestFailure};
use crate::session::{Next, Session};
use crate::tap::Tap;
use crate::venue::{HttpRequest, Reply, RequestId, Venue};

/// A connection of any venue.
pub(super) trait Connect<H> {
    fn tap(&mut self, tap: Box<dyn Tap>);

    fn run<'a>(
        &'a mut self,
        shared: &'a RefCell<Shared<H>>,
        clock: Clock,
        stop: &'a watch::Sender<bool>,
    ) -> Pin<Box<dyn Future<Output = Ended> + 'a>>;

    #[cfg(feature = "latency")]
    fn measure(&mut self, clock: Clock, books: &mut Books);
}

/// A session and how to connect it.
pub(super) struct Line<V: Venue> {
    session: Session<V>,
    transport: transport::Config,
    asked: mpsc::Receiver<Ask<V::Command>>,
    /// Kept, so that the receiver waits even when the user has dropped every remote.
    _remote: Remote<V::Command>,
}

impl<V: Venue> Line<V> {
    /// A line and what asks it.
    pub(super) fn new(
        session: Session<V>,
        transport: transport::Config,
    ) -> (Self, Remote<V::Command>) {
        let (remote, asked) = Remote::new(session.id(), session.venue().command_check());
        let line = Self {
            session,
            transport,
            asked,
            _remote: remote.clone(),
        };
        (line, remote)
    }
}

impl<V: Venue, H: OnMessage<V>> Connect<H> for Line<V> {
    fn tap(&mut self, tap: Box<dyn Tap>) {
        self.session.tap(tap);
    }

    fn run<'a>(
        &'a mut self,
        shared: &'a RefCell<Shared<H>>,
        clock: Clock,
        stop: &'a watch::Sender<bool>,
    ) -> Pin<Box<dyn Future<Output = Ended> + 'a>> {
        let driver = Driver {
            session: &mut self.session,
            transport: &self.transport,
            shared,
            clock,
            now: Nanos(0),
            stop,
            calls: Calls {
                stopped: stop.subscribe(),
                asked: &mut self.asked,
            },
            http: HttpClient::new(self.transport.clone()),
            close_code: None,
        };
        Box::pin(driver.run())
    }

    #[cfg(feature = "latency")]
    fn measure(&mut self, clock: Clock, books: &mut Books) {
        self.session.measure(move || clock.now(), books);
    }
}

/// How many frames are read in a row before others have their turn. The reader limits the bytes.
const TURN: u32 = 64;

/// How long frames are read in a row, unless one alone takes longer.
const TURN_TIME: Duration = Duration::from_millis(1);

/// Frames may have waited in the kernel for as long as the socket was not seen idle. It is seen at least
/// every `MAX_SLEEP`, half of this; less than this is not held against them.
const UNSEEN: Duration = Duration::from_secs(1);

/// How many HTTP requests of a connection are under way at once; more wait in order.
const MAX_REQUESTS: usize = 4;

/// Drives one session.
struct Driver<'a, V: Venue, H> {
    session: &'a mut Session<V>,
    transport: &'a transport::Config,
    shared: &'a RefCell<Shared<H>>,
    clock: Clock,
    /// What the clock showed when it was last looked at.
    now: Nanos,
    stop: &'a watch::Sender<bool>,
    calls: Calls<'a, V::Command>,
    http: HttpClient,
    /// The close code for the error that ended the connection.
    close_code: Option<u16>,
}

/// What the user may ask for at any time.
struct Calls<'a, C> {
    stopped: watch::Receiver<bool>,
    asked: &'a mut mpsc::Receiver<Ask<C>>,
}

impl<C> Calls<'_, C> {
    /// Waits for the next call. Cancel safe.
    async fn next(&mut self) -> Ask<C> {
        let Self { stopped, asked } = self;
        // Both senders live as long as the feed: neither wait ends for want of one.
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => Ask::Close,
            Some(ask) = asked.recv() => ask,
        }
    }
}

/// An HTTP request that is under way, and its number.
type Fetch<'a> = Pin<Box<dyn Future<Output = (RequestId, Result<Vec<u8>, transport::Error>)> + 'a>>;

impl<'a, V: Venue, H: OnMessage<V>> Driver<'a, V, H> {
    async fn run(mut self) -> Ended {
        self.session.resume();
        loop {
            let mut half_closed = None;
            let now = self.look();
            let reason = match self.session.next(now) {
                Next::Connect | Next::Open => self.connect(&mut half_closed).await,
                Next::WaitUntil(time) => match self.wait(Some(time)).await {
                    Some(reason) => reason,
                    None => continue,
                },
                Next::Idle => match self.wait(None).await {
                    Some(reason) => reason,
                    None => continue,
                },
                Next::Done => Disconnect::Stopped,
            };
            info!(connection = %self.session.id(), %reason, "disconnected");
            let now = self.look();
            let flow = self.with_shared(|session, books, handler| {
                session.disconnected(now, &reason, books, handler)
            });
            self.heed(flow);
            if let Some((connection, code)) = half_closed {
                // Its outcome changes nothing: the books are disconnected already, and it takes a
                // bounded time.
                let mut connection: Connection = connection;
                let _ = connection.close(code, "").await;
            }
            if self.session.next(now) == Next::Done {
                let connection = self.session.id();
                let stats = self.session.stats();
                return Ended {
                    connection,
                    reason,
                    stats,
                };
            }
        }
    }

    /// Waits until a time, if one is given, or the next call.
    async fn wait(&mut self, until: Option<Nanos>) -> Option<Disconnect> {
        let time = until.map(|time| self.clock.wake_at(time));
        let wait = async {
            match time {
                Some(time) => sleep_until(time).await,
                None => std::future::pending().await,
            }
        };
        let ask = tokio::select! {
            () = wait => return None,
            ask = self.calls.next() => ask,
        };
        self.answer(ask)
    }

    /// Connects and reads until the connection ends. What is left of it is to be closed, with a
    /// code.
    async fn connect(&mut self, half_closed: &mut Option<(Connection, u16)>) -> Disconnect {
        let url = self.session.url().to_owned();
        let mut connecting = pin!(transport::connect(&url, self.transport));
        let connected = loop {
            let ask = tokio::select! {
                connected = connecting.as_mut() => break connected,
                ask = self.calls.next() => ask,
            };
            if let Some(reason) = self.answer(ask) {
                return reason;
            }
        };
        let (mut reader, mut writer) = match connected {
            Ok(connection) => connection.split(),
            Err(error) => return failed(error),
        };
        debug!(connection = %self.session.id(), "connected");
        let now = self.look();
        let flow = self.with_shared(|session, books, handler| session.opened(now, books, handler));
        self.heed(flow);
        let reason = self.read(&mut reader, &mut writer).await;
        let code = match &reason {
            Disconnect::Closed { code, .. } => *code,
            Disconnect::Binary => close::UNSUPPORTED,
            _ => self.close_code.take().unwrap_or(close::NORMAL),
        };
        *half_closed = Connection::join(reader, writer, self.transport)
            .ok()
            .map(|whole| (whole, code));
        reason
    }

    async fn read(&mut self, reader: &mut Reader, writer: &mut Writer) -> Disconnect {
        let mut fetches = FuturesUnordered::new();
        let mut waiting = VecDeque::new();
        let mut armed = Nanos(u64::MAX);
        let mut timer = pin!(sleep_until(self.clock.wake_at(armed)));
        let mut stopped = self.stop.subscribe();
        let mut stopped = pin!(stopped.wait_for(|stop| *stop));
        let mut waits = Waits::new();
        let mut turn = Turn::default();
        // When the driver last ran while the runtime's I/O driver did.
        let mut seen = self.look();
        let mut was_late = false;
        loop {
            if let Some(reason) = self.send(writer).await {
                return reason;
            }
            if was_late || turn.is_over(self.now) {
                // Until the I/O driver has run, the socket of a process that was stopped seems idle.
                yield_now().await;
                if let Some(reason) = self.requested() {
                    return reason;
                }
                turn = Turn::default();
            }
            let under_way = fetches.len();
            self.start_requests(&mut fetches, &mut waiting);
            if fetches.len() > under_way {
                waits.changed();
            }
            // Set anew only to be earlier: one that comes too early looks again.
            let due = self.session.deadline().unwrap_or(Nanos(u64::MAX));
            if due < armed {
                armed = due;
                timer.as_mut().reset(self.clock.wake_at(armed));
                waits.changed();
            }
            let mut waited = false;
            let happened = {
                // Cancel safe: what was read of a frame stays in the reader.
                let mut read = pin!(reader.read());
                let asked = &mut *self.calls.asked;
                let mut others = |cx: &mut Context<'_>| {
                    if stopped.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(Happened::Asked(Ask::Close));
                    }
                    if let Poll::Ready(Some(ask)) = asked.poll_recv(cx) {
                        return Poll::Ready(Happened::Asked(ask));
                    }
                    if let Poll::Ready(Some((id, body))) = fetches.poll_next_unpin(cx) {
                        return Poll::Ready(Happened::Fetched(id, body));
                    }
                    timer.as_mut().poll(cx).map(|()| Happened::Time)
                };
                poll_fn(|cx| {
                    // Incoming messages come first; the turn's limits protect the others.
                    if let Poll::Ready(incoming) = read.as_mut().poll(cx) {
                        return Poll::Ready(Happened::Incoming(incoming));
                    }
                    waited = true;
                    match was_late {
                        true => Poll::Ready(Happened::Idle),
                        false => waits.poll(cx, &mut others),
                    }
                })
                .await
            };
            if waited {
                // The others have had their turn.
                turn = Turn::default();
            }
            let is_frame = matches!(happened, Happened::Incoming(_));
            // After a pause of the whole process a read that waits proves nothing yet.
            was_late = !is_frame
                && !matches!(happened, Happened::Idle)
                && self.look().since(seen) > UNSEEN;
            let over = match happened {
                Happened::Incoming(Ok(Incoming::Message(message))) => self.message(&message),
                Happened::Incoming(Ok(Incoming::Ping(payload))) => {
                    let now = self.look();
                    self.session.heard(now);
                    or_stopped(writer.pong(payload), &mut self.calls.stopped).await
                }
                Happened::Incoming(Ok(Incoming::Close { code, reason })) => {
                    let reason = reason.to_owned();
                    Some(Disconnect::Closed { code, reason })
                }
                Happened::Incoming(Ok(_)) => {
                    let now = self.look();
                    self.session.heard(now);
                    None
                }
                Happened::Incoming(Err(error)) => {
                    self.close_code = error.close_code();
                    Some(failed(error))
                }
                Happened::Asked(ask) => self.answer(ask),
                Happened::Fetched(id, body) => self.fetched(id, body),
                Happened::Time => {
                    // A timer that has fired is ready until it is set anew.
                    armed = Nanos(u64::MAX);
                    timer.as_mut().reset(self.clock.wake_at(armed));
                    self.timeout()
                }
                Happened::Idle => None,
            };
            if is_frame {
                turn.frames += 1;
            } else if !was_late {
                reader.mark_idle();
            }
            if waited && !was_late {
                seen = self.now;
            }
            if let Some(reason) = over {
                return reason;
            }
        }
    }

    /// The hot path: a frame to the session, and from it to the handler.
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
        let now = self.taken_up(received);
        let payload = &*message.payload;
        let (reply, late) = self.with_shared(|session, books, handler| {
            let reply = session.frame_as_of(payload, (as_of, received, now), books, handler);
            // A server that never pauses must not keep what is due from being done.
            (
                reply,
                session.deadline().is_some_and(|deadline| deadline <= now),
            )
        });
        match self.heed_reply(reply) {
            None if late => self.timeout(),
            over => over,
        }
    }

    /// Looks at the clock.
    fn look(&mut self) -> Nanos {
        self.now = self.clock.now();
        self.now
    }

    /// When a frame is taken up. The clock is looked at once for each: when it has just been read, its
    /// reader has done so; when it lay behind others, now.
    fn taken_up(&mut self, received: Nanos) -> Nanos {
        if received <= self.now {
            return self.look();
        }
        self.now = received;
        received
    }

    fn timeout(&mut self) -> Option<Disconnect> {
        let now = self.look();
        let over = self.with_shared(|session, books, handler| session.timeout(now, books, handler));
        if matches!(over, Some(Disconnect::Stopped)) {
            self.heed(ControlFlow::Break(()));
        }
        over
    }

    /// Does what the user asks for.
    fn answer(&mut self, ask: Ask<V::Command>) -> Option<Disconnect> {
        let now = self.look();
        let reply = match ask {
            Ask::Close => return Some(Disconnect::Stopped),
            Ask::Command(command) => self.with_shared(|session, books, handler| {
                session.command(command, now, books, handler)
            }),
            Ask::Resync(book) => self
                .with_shared(|session, books, handler| session.resync(book, now, books, handler)),
        };
        self.heed_reply(reply)
    }

    /// Starts the HTTP requests that the venue has, as many as may be under way.
    fn start_requests(
        &mut self,
        fetches: &mut FuturesUnordered<Fetch<'a>>,
        waiting: &mut VecDeque<HttpRequest>,
    ) {
        while let Some(request) = self.session.next_request(self.now) {
            waiting.push_back(request);
        }
        while fetches.len() < MAX_REQUESTS
            && let Some(HttpRequest { id, url }) = waiting.pop_front()
        {
            let http = self.http.clone();
            fetches.push(Box::pin(async move { (id, http.get(&url).await) }));
        }
    }

    fn fetched(
        &mut self,
        id: RequestId,
        body: Result<Vec<u8>, transport::Error>,
    ) -> Option<Disconnect> {
        let body = body.map_err(|error| {
            warn!(connection = %self.session.id(), %error, "an HTTP request failed");
            request_failure(&error)
        });
        let now = self.look();
        let reply = self.with_shared(|session, books, handler| {
            session.response(Some(id), body.as_deref(), now, books, handler)
        });
        self.heed_reply(reply)
    }

    /// Sends what is due.
    async fn send(&mut self, writer: &mut Writer) -> Option<Disconnect> {
        if !self.session.has_outgoing(self.now) {
            return None;
        }
        // Read once for all: the messages leave together.
        let now = self.look();
        while let Some(message) = self.session.outgoing(now) {
            let over = or_stopped(writer.text(message), &mut self.calls.stopped).await;
            if over.is_some() {
                return over;
            }
        }
        None
    }

    /// Does what the user asked for while frames were read: a server that never pauses must not keep
    /// the user from their turn.
    fn requested(&mut self) -> Option<Disconnect> {
        if *self.calls.stopped.borrow() {
            return Some(Disconnect::Stopped);
        }
        while let Ok(ask) = self.calls.asked.try_recv() {
            let over = self.answer(ask);
            if over.is_some() {
                return over;
            }
        }
        None
    }

    fn heed_reply(&self, reply: Reply) -> Option<Disconnect> {
        match reply {
            Reply::Data | Reply::Control => None,
            Reply::End(what) => Some(Disconnect::Ended(what)),
            Reply::Stop => {
                self.heed(ControlFlow::Break(()));
                Some(Disconnect::Stopped)
            }
        }
    }

    /// A handler that breaks stops every connection of the feed.
    fn heed(&self, flow: ControlFlow<()>) {
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

impl<V: Venue, H> Drop for Driver<'_, V, H> {
    /// A feed that is dropped in the middle leaves no book live behind it.
    fn drop(&mut self) {
        // Not to be had only when the handler has panicked, and then the books go with it.
        if let Ok(mut shared) = self.shared.try_borrow_mut() {
            self.session.abandon(&mut shared.books);
        }
    }
}

/// Waits for a write, or for the end of the feed: a peer that does not read holds up the one, not
/// the other. The writer finishes a frame that was begun before the next, so nothing is cut.
async fn or_stopped(
    write: impl Future<Output = Result<(), transport::Error>>,
    stopped: &mut watch::Receiver<bool>,
) -> Option<Disconnect> {
    tokio::select! {
        biased;
        written = write => written.err().map(failed),
        _ = stopped.wait_for(|stop| *stop) => Some(Disconnect::Stopped),
    }
}

/// The frames of a turn.
#[derive(Default)]
struct Turn {
    frames: u32,
    since: Option<Nanos>,
}

impl Turn {
    /// Whether others are to have their turn. `now` is when the last frame was taken up.
    fn is_over(&mut self, now: Nanos) -> bool {
        let since = *self.since.get_or_insert(now);
        self.frames >= TURN || now.since(since) > TURN_TIME
    }
}

/// What ends a wait on an open connection.
enum Happened<'a, C> {
    Incoming(Result<Incoming<'a>, transport::Error>),
    Asked(Ask<C>),
    Fetched(RequestId, Result<Vec<u8>, transport::Error>),
    Time,
    /// The socket still has nothing to read, and the I/O driver has run.
    Idle,
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

fn failed(error: transport::Error) -> Disconnect {
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
