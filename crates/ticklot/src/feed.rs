//! The shell around [`Session`]: sockets, timers, and the user's handler.
//!
//! All connections of a feed run as one future, on the task that polls it. A frame is read,
//! decoded, applied and handed to the handler without a queue and without leaving that task.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use ticklot_book::Nanos;
use ticklot_transport::{self as transport, Connection, Incoming, Kind, Reader, Writer, close};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, Sleep, sleep_until};
use tracing::{debug, info};

use crate::backoff::nanos;
use crate::books::{Books, ConnectionId};
use crate::event::{Disconnect, Event, Handler};
use crate::session::{Next, Options, Session};
use crate::venue::{Reply, Stats, Venue};

/// The clock of a feed: monotonic, from the moment it was made. A copy shows the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that starts at zero.
    #[must_use]
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// The time since the start.
    #[must_use]
    pub fn now(&self) -> Nanos {
        nanos(self.origin.elapsed())
    }

    /// The moment that [`Clock::now`] would show as `time`.
    fn instant(&self, time: Nanos) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.origin + Duration::from_nanos(time.0))
    }
}

/// How a connection of a feed came to its end.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ended {
    /// Which one.
    pub connection: ConnectionId,
    /// Why it will not be tried again.
    pub reason: Disconnect,
    /// What it saw.
    pub stats: Stats,
}

/// Ends a feed from anywhere: another task, another thread, a signal's handler.
#[derive(Clone, Debug)]
pub struct Stopper {
    stop: watch::Sender<bool>,
}

impl Stopper {
    /// Ends the feed: its connections are closed properly, at once, and [`Feed::run`] returns.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// Connections to venues, their books, and the handler that is told of everything.
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use ticklot::{Books, Event, Feed, bayse::Bayse, jayx::JayX};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
///     if let Event::Book(update) = event {
///         if let Some(book) = books.live(update.book) {
///             println!("{}: {:?} {:?}", books.name(update.book), book.best_bid(), book.best_ask());
///         }
///     }
///     ControlFlow::Continue(())
/// });
/// feed.add(JayX::new("BTCUSDT").build()?);
/// feed.add(Bayse::new(["a-market-id"]).build());
/// feed.run().await;
/// # Ok(())
/// # }
/// ```
pub struct Feed<H> {
    shared: RefCell<Shared<H>>,
    connections: Vec<Box<dyn Connect<H>>>,
    clock: Clock,
    stop: watch::Sender<bool>,
    tick: Option<Duration>,
}

/// What all connections share. Borrowed only while a frame or an event is worked on, never across
/// a wait.
#[derive(Debug)]
struct Shared<H> {
    books: Books,
    handler: H,
}

impl<H: Handler> Feed<H> {
    /// A feed without connections.
    #[must_use]
    pub fn new(handler: H) -> Self {
        Self {
            shared: RefCell::new(Shared {
                books: Books::new(),
                handler,
            }),
            connections: Vec::new(),
            clock: Clock::start(),
            stop: watch::Sender::new(false),
            tick: None,
        }
    }

    /// Adds a connection, with default options.
    pub fn add<V: Venue + 'static>(&mut self, venue: V) -> ConnectionId {
        let seed = fastrand::u64(..);
        let options = Options {
            seed,
            ..Options::default()
        };
        self.add_with(venue, options, transport::Config::default())
    }

    /// Adds a connection with options of its own.
    pub fn add_with<V: Venue + 'static>(
        &mut self,
        venue: V,
        options: Options,
        transport: transport::Config,
    ) -> ConnectionId {
        let id = ConnectionId(u32::try_from(self.connections.len()).unwrap_or(u32::MAX));
        let session = Session::new(venue, id, options, &mut self.shared.get_mut().books);
        self.connections.push(Box::new(Line { session, transport }));
        id
    }

    /// Tells the handler [`Event::Tick`] this often, whether anything else happens or not. At
    /// least a millisecond.
    pub fn tick_every(&mut self, interval: Duration) {
        self.tick = Some(interval.max(Duration::from_millis(1)));
    }

    /// Ends the feed from elsewhere.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper {
            stop: self.stop.clone(),
        }
    }

    /// The feed's clock: [`BookUpdate::received`](crate::BookUpdate::received) is on it.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Runs until every connection has come to its end: for ever, with the default options, unless
    /// the handler breaks or a [`Stopper`] stops it. Returns how each connection ended.
    ///
    /// Needs a tokio runtime with I/O and time. The future stays on the thread that polls it (the
    /// handler need not be `Send`): give it a current-thread runtime, or `tokio::task::LocalSet`.
    ///
    /// # Cancel safety
    /// Dropping the future drops the connections without a close handshake; prefer
    /// [`Stopper::stop`]. The feed can be run again, and connects anew.
    ///
    /// # Panics
    /// Only if the handler does.
    pub async fn run(&mut self) -> Vec<Ended> {
        let Self {
            shared,
            connections,
            clock,
            stop,
            tick,
        } = self;
        stop.send_replace(false);
        let shared = &*shared;
        let mut running: FuturesUnordered<_> = connections
            .iter_mut()
            .map(|line| line.run(shared, *clock, stop))
            .collect();
        let mut ended = Vec::with_capacity(running.len());
        let mut ticks = pin!(ticks(shared, *clock, stop, *tick));
        loop {
            let next = tokio::select! {
                biased;
                next = running.next() => next,
                () = ticks.as_mut() => None,
            };
            let Some(end) = next else { break };
            ended.push(end);
        }
        ended.sort_by_key(|end| end.connection);
        ended
    }

    /// The handler, while the feed does not run.
    pub fn handler_mut(&mut self) -> &mut H {
        &mut self.shared.get_mut().handler
    }

    /// The books, while the feed does not run.
    #[must_use]
    pub fn books(&mut self) -> &Books {
        &self.shared.get_mut().books
    }

    /// The books, the handler and what it has gathered, when the feed is done.
    pub fn into_parts(self) -> (Books, H) {
        let Shared { books, handler } = self.shared.into_inner();
        (books, handler)
    }
}

impl<H: std::fmt::Debug> std::fmt::Debug for Feed<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed")
            .field("shared", &self.shared)
            .field("connections", &self.connections.len())
            .finish_non_exhaustive()
    }
}

/// Tells the handler the time, for ever.
async fn ticks<H: Handler>(
    shared: &RefCell<Shared<H>>,
    clock: Clock,
    stop: &watch::Sender<bool>,
    every: Option<Duration>,
) {
    let Some(every) = every else {
        return std::future::pending().await;
    };
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // The first tick comes at once, before anything has happened.
    interval.tick().await;
    loop {
        interval.tick().await;
        let mut shared = shared.borrow_mut();
        let Shared { books, handler } = &mut *shared;
        if handler
            .on_event(Event::Tick { now: clock.now() }, books)
            .is_break()
        {
            stop.send_replace(true);
        }
    }
}

/// A connection of any venue.
trait Connect<H> {
    fn run<'a>(
        &'a mut self,
        shared: &'a RefCell<Shared<H>>,
        clock: Clock,
        stop: &'a watch::Sender<bool>,
    ) -> Pin<Box<dyn Future<Output = Ended> + 'a>>;
}

/// A session and how to connect it.
struct Line<V> {
    session: Session<V>,
    transport: transport::Config,
}

impl<V: Venue, H: Handler> Connect<H> for Line<V> {
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
            stop,
            stopped: stop.subscribe(),
        };
        Box::pin(driver.run())
    }
}

/// Drives one session.
struct Driver<'a, V, H> {
    session: &'a mut Session<V>,
    transport: &'a transport::Config,
    shared: &'a RefCell<Shared<H>>,
    clock: Clock,
    stop: &'a watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
}

impl<V: Venue, H: Handler> Driver<'_, V, H> {
    async fn run(mut self) -> Ended {
        loop {
            let reason = match self.session.next(self.clock.now()) {
                Next::Connect | Next::Open => self.connect().await,
                Next::WaitUntil(time) => {
                    let wait = sleep_until(self.clock.instant(time));
                    tokio::select! {
                        () = wait => continue,
                        () = stopped(&mut self.stopped) => Disconnect::Stopped,
                    }
                }
                Next::Done => Disconnect::Stopped,
            };
            info!(connection = %self.session.id(), %reason, "disconnected");
            let now = self.clock.now();
            let flow = self.with_shared(|session, books, handler| {
                session.disconnected(now, &reason, books, handler)
            });
            self.heed(flow);
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

    /// Connects and reads until the connection ends.
    async fn connect(&mut self) -> Disconnect {
        let connecting = transport::connect(self.session.url(), self.transport);
        let connected = tokio::select! {
            connected = connecting => connected,
            () = stopped(&mut self.stopped) => return Disconnect::Stopped,
        };
        let (mut reader, mut writer) = match connected {
            Ok(connection) => connection.split(),
            Err(error) => return failed(error),
        };
        debug!(connection = %self.session.id(), "connected");
        let now = self.clock.now();
        let flow = self.with_shared(|session, books, handler| session.opened(now, books, handler));
        self.heed(flow);
        let reason = self.read(&mut reader, &mut writer).await;
        let code = match &reason {
            Disconnect::Closed { code } => *code,
            Disconnect::Failed(error) => close_code(&**error),
            _ => close::NORMAL,
        };
        // Its outcome changes nothing: the connection is over either way, in bounded time.
        if let Ok(mut connection) = Connection::join(reader, writer, self.transport) {
            let _ = connection.close(code, "").await;
        }
        reason
    }

    async fn read(&mut self, reader: &mut Reader, writer: &mut Writer) -> Disconnect {
        let mut timer = pin!(self.timer());
        loop {
            if let Err(error) = self.send(writer).await {
                return failed(error);
            }
            let incoming = tokio::select! {
                // What is there to be read comes first; the runtime's budget lets the others have
                // their turn under a server that never pauses.
                biased;
                // Cancel safe: what was read of a frame stays in the reader.
                incoming = reader.read() => incoming,
                () = stopped(&mut self.stopped) => return Disconnect::Stopped,
                () = timer.as_mut() => {
                    if let Some(reason) = self.timeout(timer.as_mut()) {
                        return reason;
                    }
                    continue;
                }
            };
            let outcome = match incoming {
                Ok(Incoming::Message(message)) => self.message(message.kind, message.payload),
                Ok(Incoming::Ping(payload)) => {
                    self.session.heard(self.clock.now());
                    writer.pong(payload).await.err().map(failed)
                }
                Ok(Incoming::Pong(_)) => {
                    self.session.heard(self.clock.now());
                    None
                }
                Ok(Incoming::Close { code, .. }) => Some(Disconnect::Closed { code }),
                Ok(_) => None,
                Err(error) => Some(failed(error)),
            };
            if let Some(reason) = outcome {
                return reason;
            }
        }
    }

    /// The hot path: a frame to the session, and from it to the handler.
    fn message(&mut self, kind: Kind, payload: &[u8]) -> Option<Disconnect> {
        if kind != Kind::Text {
            return Some(Disconnect::Ended("the server sent a binary message"));
        }
        let now = self.clock.now();
        let reply = self.with_shared(|session, books, handler| {
            let reply = session.frame(payload, now, books, handler);
            // A server that never pauses must not keep old books from being marked.
            let late = session.deadline().is_some_and(|deadline| deadline <= now);
            let over = if late {
                session.timeout(now, books, handler)
            } else {
                None
            };
            over.map_or(Ok(reply), Err)
        });
        match reply {
            Ok(Reply::End(what)) => Some(Disconnect::Ended(what)),
            Ok(Reply::Stop) | Err(Disconnect::Stopped) => {
                self.heed(ControlFlow::Break(()));
                Some(Disconnect::Stopped)
            }
            Ok(_) => None,
            Err(reason) => Some(reason),
        }
    }

    fn timeout(&mut self, timer: Pin<&mut Sleep>) -> Option<Disconnect> {
        let now = self.clock.now();
        let over = self.with_shared(|session, books, handler| session.timeout(now, books, handler));
        timer.reset(self.deadline());
        if matches!(over, Some(Disconnect::Stopped)) {
            self.heed(ControlFlow::Break(()));
        }
        over
    }

    async fn send(&mut self, writer: &mut Writer) -> Result<(), transport::Error> {
        while let Some(message) = self.session.outgoing() {
            writer.text(message).await?;
        }
        Ok(())
    }

    fn timer(&self) -> Sleep {
        sleep_until(self.deadline())
    }

    /// When to look at the session's timers again. A deadline that moves on meanwhile is found
    /// then, so the timer is not set anew for each frame; one that the session has only since a
    /// frame (a handshake's heartbeat) is found within a second.
    fn deadline(&self) -> tokio::time::Instant {
        let soon = self.clock.now().after(Nanos::from_secs(1));
        self.clock.instant(
            self.session
                .deadline()
                .map_or(soon, |deadline| deadline.min(soon)),
        )
    }

    /// A handler that breaks stops every connection of the feed.
    fn heed(&self, flow: ControlFlow<()>) {
        if flow.is_break() {
            self.stop.send_replace(true);
        }
    }

    fn with_shared<R>(&mut self, work: impl FnOnce(&mut Session<V>, &mut Books, &mut H) -> R) -> R {
        let mut shared = self.shared.borrow_mut();
        let Shared { books, handler } = &mut *shared;
        work(self.session, books, handler)
    }
}

/// Waits until the feed is stopped. Cancel safe.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // The feed holds a sender for as long as it runs.
        std::future::pending::<()>().await;
    }
}

fn failed(error: transport::Error) -> Disconnect {
    match error {
        transport::Error::Refused {
            retry_after: Some(after),
            ..
        } => Disconnect::Busy {
            retry_after: nanos(after),
            error: Box::new(error),
        },
        error => Disconnect::Failed(Box::new(error)),
    }
}

/// The close code that an error asks for.
fn close_code(error: &(dyn std::error::Error + Send + Sync + 'static)) -> u16 {
    let code = error
        .downcast_ref::<transport::Error>()
        .and_then(transport::Error::close_code);
    code.unwrap_or(close::NORMAL)
}
