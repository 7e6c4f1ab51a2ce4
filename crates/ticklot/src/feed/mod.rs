//! The drivers around [`Session`]: sockets, timers, and the user's handler.
//!
//! [`Feed::run`] runs all connections of a feed as one future, on the task that polls it. [`Feed::spin`] reads them in a
//! loop that never sleeps. Both read, decode and apply a frame and call the handler on one thread, without a queue.

mod clock;
mod connection;
mod driver;
mod handle;
mod helper;
mod inbox;
mod link;
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
pub use self::handle::{CommandError, ConnectionHandle, ShutdownHandle};
pub use self::spinning::{SpinOptions, Spinning};

use self::connection::{DynConnection, FeedConnection};
use self::inbox::Bell;
use self::running::Running;
use crate::books::{Books, ConnectionId};
use crate::event::{Disconnect, Event, Handler};
use crate::observe::tap::{Tap, TapList};
use crate::session::{Options, Session, expire_and_report};
use crate::venue::on_message::OnMessage;
use crate::venue::{Stats, Venue};

/// The end of a connection of a feed: the reason and the counts.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectionSummary {
    /// The connection.
    pub connection: ConnectionId,
    /// The reason why the feed does not reconnect.
    pub reason: Disconnect,
    /// Its counts, over all attempts.
    pub stats: Stats,
}

/// Connections to venues, their books, and the handler of all events.
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
    connections: Vec<Box<dyn DynConnection<H>>>,
    clock: Clock,
    stop: watch::Sender<bool>,
    /// Rings when any connection has a command.
    bell: Bell,
    tick: Option<Duration>,
    /// Make a copy of each tap for a new connection.
    make_taps: Vec<Box<dyn Fn() -> Box<dyn Tap>>>,
    /// Receive the changes of state that the feed's tick finds.
    taps: TapList,
    #[cfg(feature = "latency")]
    measured: bool,
}

/// The state that all connections share. Borrowed only while a frame or an event is processed, never across an `await`.
#[derive(Debug)]
struct Shared<H> {
    books: Books,
    handler: H,
    /// The handler broke, so the connections drop further frames.
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

    /// Adds a connection, with default options. Returns the handle that controls it.
    pub fn add<V: Venue + 'static>(&mut self, venue: V) -> ConnectionHandle<V::Command>
    where
        H: OnMessage<V>,
    {
        self.add_with(venue, Options::default(), transport::Config::default())
    }

    /// Adds a connection, with the given options.
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
        let (connection, handle) = FeedConnection::new(session, transport, &self.bell);
        self.connections.push(Box::new(connection));
        #[cfg(feature = "latency")]
        if self.measured {
            self.measure();
        }
        handle
    }

    /// Emits [`Event::Timer`] at this interval, also while the connections are idle. The minimum is 1 ms.
    pub fn timer_interval(&mut self, interval: Duration) {
        self.tick = Some(interval.max(Duration::from_millis(1)));
    }

    /// Adds a tap to all connections, including those that are added later.
    pub fn tap(&mut self, tap: impl Tap + Clone + 'static) {
        for connection in &mut self.connections {
            connection.tap(Box::new(tap.clone()));
        }
        self.taps.add(Box::new(tap.clone()));
        self.make_taps.push(Box::new(move || Box::new(tap.clone())));
    }

    /// Starts to measure the latency of each stage from frame to handler, on every connection.
    /// [`Books::latency`] returns the histograms, also inside the handler.
    #[cfg(feature = "latency")]
    pub fn measure(&mut self) {
        self.measured = true;
        let books = &mut self.shared.get_mut().books;
        for connection in &mut self.connections {
            connection.measure(self.clock, books);
        }
    }

    /// A handle that stops the feed from another task or thread.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle::new(self.stop.clone())
    }

    /// The clock of all times in the feed, such as [`BookUpdate::received`](crate::BookUpdate::received).
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Runs until every connection has ended. With the default options, that is when the handler breaks or a
    /// [`ShutdownHandle`] stops the feed. Returns a summary of each connection. The feed can be run again; it then
    /// connects again.
    ///
    /// A connection is attempted until it succeeds: see [`Reconnect`](crate::Reconnect). [`Event::Disconnected`] has the
    /// reason of each failure.
    ///
    /// Needs a tokio runtime with I/O and time. The future is not `Send`, and neither must the handler be: use a
    /// current-thread runtime or a `tokio::task::LocalSet`.
    ///
    /// # Cancel safety
    /// Dropping the future drops the connections without a close handshake. The books become disconnected, but the
    /// handler receives no event. Prefer [`ShutdownHandle::stop`].
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
        let runs = connections
            .iter_mut()
            .map(|it| it.run(shared, *clock, stop));
        let mut running = Running::new(runs);
        let mut ended = Vec::with_capacity(running.len());
        // Ticks are rare. Without `unconstrained`, many frames would use up tokio's cooperative budget and delay them.
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
        // The request to stop does not apply to the next run.
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

    /// Ends the feed and returns its books and its handler.
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

/// Emits ticks until the handler breaks. Never returns.
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
    // The first tick of an interval is immediate: skip it.
    interval.tick().await;
    loop {
        interval.tick().await;
        if tick(shared, clock.now(), stop, taps).is_break() {
            break;
        }
    }
    // The connections close meanwhile, and the handler receives nothing more.
    drop(interval);
    std::future::pending::<()>().await;
}

/// Marks books as stale that are due, and emits a tick, unless the handler has broken before. A break stops the feed.
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
    // The timers of the connections may fire later than this one.
    let flow = expire_and_report(now, books, handler, taps);
    if flow.is_break() || handler.on_event(Event::Timer { now }, books).is_break() {
        *is_over = true;
        stop.send_replace(true);
        return ControlFlow::Break(());
    }
    ControlFlow::Continue(())
}
