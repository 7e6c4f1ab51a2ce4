//! The drivers around [`Session`]: sockets, timers, and the user's handler.
//!
//! [`Feed::run`] runs all connections of a feed as one future, on the task that polls it; [`Feed::spin`] reads them in a
//! loop that never sleeps. Either reads, decodes and applies a frame and calls the handler without a queue and without
//! leaving the thread.

mod clock;
mod driver;
mod helper;
mod inbox;
mod line;
mod link;
mod remote;
mod running;
mod spin;
mod spinning;
mod waits;
mod warm;

use std::cell::RefCell;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Duration;

use ticklot_book::Nanos;
use ticklot_transport as transport;
use tokio::sync::watch;
use tokio::task::unconstrained;
use tokio::time::MissedTickBehavior;

pub use self::clock::Clock;
pub use self::remote::{CommandError, ConnectionHandle, ShutdownHandle};
pub use self::spinning::{SpinOptions, Spinning};

use self::inbox::Bell;
use self::line::{Connect, Line};
use self::running::Running;
use crate::books::{Books, ConnectionId};
use crate::event::{Disconnect, Event, Handler};
use crate::observe::tap::{Tap, TapList};
use crate::session::{Options, Session, expire_and_report};
use crate::venue::on_message::OnMessage;
use crate::venue::{Stats, Venue};

/// How a connection of a feed came to its end.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectionSummary {
    /// Which one.
    pub connection: ConnectionId,
    /// Why it will not be tried again.
    pub reason: Disconnect,
    /// What it saw.
    pub stats: Stats,
}

/// Connections to venues, their books, and the handler that is told of everything.
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use ticklot::{Books, Event, Feed};
/// use ticklot::venue::Venue;
///
/// # async fn example<V: Venue + 'static>(venue: V) {
/// let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
///     if let Event::Book(update) = event {
///         if let Some(book) = books.live(update.book) {
///             println!("{}: {:?} {:?}", books.name(update.book), book.best_bid(), book.best_ask());
///         }
///     }
///     ControlFlow::Continue(())
/// });
/// feed.add(venue);
/// feed.run().await;
/// # }
/// ```
pub struct Feed<H> {
    shared: RefCell<Shared<H>>,
    connections: Vec<Box<dyn Connect<H>>>,
    clock: Clock,
    stop: watch::Sender<bool>,
    /// Rings when any connection has a command.
    bell: Bell,
    tick: Option<Duration>,
    /// Makes what a connection that is added is tapped with.
    make_taps: Vec<Box<dyn Fn() -> Box<dyn Tap>>>,
    /// For what the feed's own clock finds.
    taps: TapList,
    #[cfg(feature = "latency")]
    measured: bool,
}

/// What all connections share. Borrowed only while a frame or an event is worked on, never across
/// a wait.
#[derive(Debug)]
struct Shared<H> {
    books: Books,
    handler: H,
    /// The handler broke: it gets no more frames of any connection.
    is_over: bool,
}

impl<H: Handler> Feed<H> {
    /// A feed without connections.
    #[must_use]
    pub fn new(handler: H) -> Self {
        Self {
            shared: RefCell::new(Shared {
                books: Books::new(),
                handler,
                is_over: false,
            }),
            connections: Vec::new(),
            clock: Clock::start(),
            stop: watch::Sender::new(false),
            bell: Bell::default(),
            tick: None,
            make_taps: Vec::new(),
            taps: TapList::default(),
            #[cfg(feature = "latency")]
            measured: false,
        }
    }

    /// Adds a connection, with default options.
    pub fn add<V: Venue + 'static>(&mut self, venue: V) -> ConnectionHandle<V::Command>
    where
        H: OnMessage<V>,
    {
        self.add_with(venue, Options::default(), transport::Config::default())
    }

    /// Adds a connection with options of its own.
    pub fn add_with<V: Venue + 'static>(
        &mut self,
        venue: V,
        options: Options,
        transport: transport::Config,
    ) -> ConnectionHandle<V::Command>
    where
        H: OnMessage<V>,
    {
        let connection = ConnectionId(u32::try_from(self.connections.len()).unwrap_or(u32::MAX));
        let mut session =
            Session::new(venue, connection, options, &mut self.shared.get_mut().books);
        for make in &self.make_taps {
            session.tap(make());
        }
        let (line, remote) = Line::new(session, transport, &self.bell);
        self.connections.push(Box::new(line));
        #[cfg(feature = "latency")]
        if self.measured {
            self.measure();
        }
        remote
    }

    /// Tells the handler [`Event::Tick`] this often, whether anything else happens or not. At
    /// least a millisecond.
    pub fn tick_every(&mut self, interval: Duration) {
        self.tick = Some(interval.max(Duration::from_millis(1)));
    }

    /// Lets `tap` see everything that passes over the connections, those that are added later too.
    pub fn tap(&mut self, tap: impl Tap + Clone + 'static) {
        for line in &mut self.connections {
            line.tap(Box::new(tap.clone()));
        }
        self.taps.add(Box::new(tap.clone()));
        self.make_taps.push(Box::new(move || Box::new(tap.clone())));
    }

    /// Measures from now on how long the stages of each book's way take, of every connection.
    /// [`Books::latency`] shows it, to the handler too.
    #[cfg(feature = "latency")]
    pub fn measure(&mut self) {
        self.measured = true;
        let books = &mut self.shared.get_mut().books;
        for line in &mut self.connections {
            line.measure(self.clock, books);
        }
    }

    /// Ends the feed from elsewhere.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle::new(self.stop.clone())
    }

    /// The feed's clock: [`BookUpdate::received`](crate::BookUpdate::received) is on it.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Runs until every connection has come to its end: for ever, with the default options, unless
    /// the handler breaks or a [`ShutdownHandle`] stops it. Returns how each connection ended. The feed can
    /// be run again, and then connects anew.
    ///
    /// Needs a tokio runtime with I/O and time. The future stays on the thread that polls it (the
    /// handler need not be `Send`): give it a current-thread runtime, or `tokio::task::LocalSet`.
    ///
    /// # Cancel safety
    /// Dropping the future drops the connections without a close handshake and disconnects the books,
    /// without a word to the handler; prefer [`ShutdownHandle::stop`].
    ///
    /// # Panics
    /// Only if the handler does.
    pub async fn run(&mut self) -> Vec<ConnectionSummary> {
        let Self {
            shared,
            connections,
            clock,
            stop,
            tick,
            taps,
            ..
        } = self;
        shared.get_mut().is_over = false;
        let shared = &*shared;
        let lines = connections.iter_mut();
        let mut running = Running::new(lines.map(|line| line.run(shared, *clock, stop)));
        let mut ended = Vec::with_capacity(running.len());
        // The clock's ticks are few; the budget that many frames use up is not theirs.
        let mut ticks = pin!(unconstrained(ticks(shared, *clock, stop, *tick, taps)));
        loop {
            let next = tokio::select! {
                biased;
                next = poll_fn(|cx| running.poll_next(cx)) => next,
                () = ticks.as_mut() => None,
            };
            let Some(end) = next else { break };
            ended.push(end);
        }
        drop(running);
        // What was asked for is done; it is not for the next run.
        stop.send_replace(false);
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
        let Shared { books, handler, .. } = self.shared.into_inner();
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

/// Tells the handler the time, until it has broken off.
async fn ticks<H: Handler>(
    shared: &RefCell<Shared<H>>,
    clock: Clock,
    stop: &watch::Sender<bool>,
    every: Option<Duration>,
    taps: &mut TapList,
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
        if tick(shared, clock.now(), stop, taps).is_break() {
            break;
        }
    }
    // The connections are closed meanwhile; who has broken off is told no more.
    drop(interval);
    std::future::pending::<()>().await;
}

/// Tells the handler the time. A handler that breaks stops the feed; one that has broken off is told nothing.
fn tick<H: Handler>(
    shared: &RefCell<Shared<H>>,
    now: Nanos,
    stop: &watch::Sender<bool>,
    taps: &mut TapList,
) -> ControlFlow<()> {
    let mut shared = shared.borrow_mut();
    let Shared {
        books,
        handler,
        is_over,
    } = &mut *shared;
    if *is_over {
        return ControlFlow::Break(());
    }
    // The connections' own timers may be later than this one.
    let told = expire_and_report(now, books, handler, taps);
    if told.is_break() || handler.on_event(Event::Tick { now }, books).is_break() {
        *is_over = true;
        stop.send_replace(true);
        return ControlFlow::Break(());
    }
    ControlFlow::Continue(())
}
