//! One connection's life as a pure state machine: `(input, now) -> outputs`.
//!
//! No socket, no timer, no random number of its own: the shell (the `feed` module's, or a test, or
//! a replay) tells it what happened and when, and does what it says. Live, replay, simulation and
//! tests run this same code.
//!
//! ```text
//!            opened                       disconnected
//! Connect ───────────▶ Open ─────────────────────────────▶ WaitUntil(t) or Done
//!    ▲                                                          │ t has come
//!    └──────────────────────────────────────────────────────────┘
//! ```

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot_book::{Epoch, Nanos};
use ticklot_frame::{DecodeError, ErrorKind};

use crate::backoff::{Reconnect, nanos};
use crate::books::{Books, ConnectionId};
use crate::event::{Disconnect, Event, Handler};
use crate::outbox::Outbox;
use crate::venue::{Context, Reply, Stats, Venue};

/// How a session behaves. Every limit is here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// When to reconnect.
    pub reconnect: Reconnect,
    /// A live book that hears nothing for longer than this is stale; none for never. A venue that
    /// sends only what changes needs a long limit. Default: 30 s.
    pub stale_after: Option<Duration>,
    /// The longest frame that is read, in bytes. Default: 4 MiB.
    pub max_frame: usize,
    /// The seed of the jitter. Default: 0; the feed draws its own.
    pub seed: u64,
    /// Whether frames of a Socket.IO session's own are counted in
    /// [`BookUpdate::frame`](crate::BookUpdate::frame): true when replaying a log, where the number
    /// is a line of the log. Default: false.
    pub count_control: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reconnect: Reconnect::default(),
            stale_after: Some(Duration::from_secs(30)),
            max_frame: 4 << 20,
            seed: 0,
            count_control: false,
        }
    }
}

/// What the shell is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Connect to [`Session::url`]; tell [`Session::opened`] or [`Session::disconnected`].
    Connect,
    /// Nothing before this moment; then connect.
    WaitUntil(Nanos),
    /// Send what [`Session::outgoing`] gives, read frames, and call [`Session::timeout`] at
    /// [`Session::deadline`].
    Open,
    /// There is nothing more to do.
    Done,
}

/// One connection's rules, state and counts.
#[derive(Debug)]
pub struct Session<V> {
    venue: V,
    id: ConnectionId,
    options: Options,
    next: Next,
    epoch: Epoch,
    outbox: Outbox,
    stats: Stats,
    random: fastrand::Rng,
    frames: u64,
    /// Attempts that failed since a connection last proved good.
    failures: u32,
    /// Whether any connection ever opened.
    ever_open: bool,
    /// When the server last gave a sign of life.
    heard: Nanos,
    /// No own book can be stale before this.
    stale_check: Nanos,
}

impl<V: Venue> Session<V> {
    /// A session that has not connected yet. Its books that are known by name are added to `books`.
    pub fn new(mut venue: V, id: ConnectionId, options: Options, books: &mut Books) -> Self {
        venue.register(id, books);
        Self {
            venue,
            id,
            next: Next::Connect,
            epoch: Epoch::default(),
            outbox: Outbox::default(),
            stats: Stats::default(),
            random: fastrand::Rng::with_seed(options.seed),
            options,
            frames: 0,
            failures: 0,
            ever_open: false,
            heard: Nanos(0),
            stale_check: Nanos(0),
        }
    }

    /// Where to connect to.
    pub fn url(&self) -> &str {
        self.venue.url()
    }

    /// The connection's id.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Counts over all epochs.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// What to do next.
    pub fn next(&self, now: Nanos) -> Next {
        match self.next {
            Next::WaitUntil(until) if until <= now => Next::Connect,
            next => next,
        }
    }

    /// The next message to send, to be taken until there is none.
    pub fn outgoing(&mut self) -> Option<&mut [u8]> {
        self.outbox.pop()
    }

    /// The connection is open: a new epoch begins.
    pub fn opened<H: Handler + ?Sized>(
        &mut self,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> ControlFlow<()> {
        self.epoch = self.epoch.next();
        for (_, book) in books.of_connection(self.id) {
            book.begin(self.epoch);
        }
        self.next = Next::Open;
        self.ever_open = true;
        self.heard = now;
        self.stale_check = now;
        self.outbox.clear();
        self.venue.opened(&mut self.outbox);
        let event = Event::Connected {
            connection: self.id,
            epoch: self.epoch,
        };
        handler.on_event(event, books)
    }

    /// A text message came. Returns what the venue makes of it; allocates nothing once warm.
    pub fn frame<H: Handler + ?Sized>(
        &mut self,
        frame: &[u8],
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> Reply {
        self.heard = now;
        self.failures = 0;
        let mut context = Context {
            connection: self.id,
            frame: self.frames,
            now,
            epoch: self.epoch,
            books,
            outbox: &mut self.outbox,
            stats: &mut self.stats,
            handler,
        };
        let reply = if frame.len() > self.options.max_frame {
            let error = too_long(&self.venue, self.options.max_frame);
            match context.bad_line(error) {
                ControlFlow::Continue(()) => Reply::Data,
                ControlFlow::Break(()) => Reply::Stop,
            }
        } else {
            self.venue.frame(frame, &mut context)
        };
        if reply != Reply::Control || self.options.count_control {
            self.frames += 1;
            self.stats.frames += 1;
            self.stats.bytes += frame.len() as u64;
        }
        reply
    }

    /// A frame was lost before it could be read; the numbering goes on after it.
    pub fn skip_frame(&mut self) {
        self.frames += 1;
    }

    /// The server gave a sign of life that is no message: a ping or a pong.
    pub fn heard(&mut self, now: Nanos) {
        self.heard = now;
    }

    /// When [`Session::timeout`] is to be called next, while open.
    pub fn deadline(&self) -> Option<Nanos> {
        let silent = self
            .venue
            .silence_limit()
            .map(|limit| self.heard.after(limit));
        let stale = self
            .options
            .stale_after
            .map(|limit| self.stale_check.after(nanos(limit)));
        match (silent, stale) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Time has passed: marks books that have become stale. `Some` when the connection is to be
    /// given up.
    pub fn timeout<H: Handler + ?Sized>(
        &mut self,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> Option<Disconnect> {
        let silence = now.since(self.heard);
        if self
            .venue
            .silence_limit()
            .is_some_and(|limit| silence >= limit)
        {
            return Some(Disconnect::Silent);
        }
        match self.expire(now, books, handler) {
            ControlFlow::Continue(()) => None,
            ControlFlow::Break(()) => Some(Disconnect::Stopped),
        }
    }

    /// Marks every book of this connection that has heard nothing for its limit.
    fn expire<H: Handler + ?Sized>(
        &mut self,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> ControlFlow<()> {
        let Some(limit) = self.options.stale_after.map(nanos) else {
            return ControlFlow::Continue(());
        };
        if now < self.stale_check.after(limit) {
            return ControlFlow::Continue(());
        }
        // The book that will be stale first, of those that are not yet.
        let mut oldest = now;
        for id in books.ids() {
            if books.connection(id) != Some(self.id) {
                continue;
            }
            let Some(book) = books.book_mut(id) else {
                continue;
            };
            if book.expire(now, limit) {
                handler.on_event(Event::Stale { book: id }, books)?;
            } else if book.state().is_live() {
                oldest = oldest.min(book.updated());
            }
        }
        self.stale_check = oldest;
        ControlFlow::Continue(())
    }

    /// The connection is gone, or could not be made: its books are disconnected, and
    /// [`Session::next`] says whether and when to try again.
    pub fn disconnected<H: Handler + ?Sized>(
        &mut self,
        now: Nanos,
        reason: &Disconnect,
        books: &mut Books,
        handler: &mut H,
    ) -> ControlFlow<()> {
        let was_open = self.next == Next::Open;
        for (_, book) in books.of_connection(self.id) {
            book.disconnect();
        }
        self.outbox.clear();
        let retry_in = self.retry(was_open, reason);
        self.next = retry_in.map_or(Next::Done, |wait| Next::WaitUntil(now.after(wait)));
        let connection = self.id;
        handler.on_event(
            Event::Disconnected {
                connection,
                reason,
                retry_in,
            },
            books,
        )
    }

    /// How long to wait before the next attempt, if there is to be one.
    fn retry(&mut self, was_open: bool, reason: &Disconnect) -> Option<Nanos> {
        let rules = &self.options.reconnect;
        let attempt = self.failures;
        self.failures = self.failures.saturating_add(1);
        let spent = |limit: Option<u32>| limit.is_some_and(|limit| self.failures >= limit);
        let over = match reason {
            Disconnect::Stopped => true,
            _ if was_open && !rules.after_close => true,
            _ if !self.ever_open && spent(rules.first_attempts) => true,
            _ => spent(rules.attempts),
        };
        if over {
            return None;
        }
        let wait = rules.wait(attempt, &mut self.random);
        Some(match reason {
            Disconnect::Busy { retry_after, .. } => wait.max(*retry_after),
            _ => wait,
        })
    }
}

fn too_long<V: Venue>(venue: &V, limit: usize) -> DecodeError {
    DecodeError {
        venue: venue.name(),
        line: 0,
        offset: u32::try_from(limit).unwrap_or(u32::MAX),
        kind: ErrorKind::TooLong { limit },
    }
}
