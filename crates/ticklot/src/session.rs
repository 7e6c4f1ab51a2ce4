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
use ticklot_frame::{DecodeError, ErrorKind, VenueName};

use crate::backoff::{Reconnect, nanos};
use crate::books::{Books, ConnectionId};
use crate::event::{Disconnect, Event, Handler};
use crate::limiter::Limiter;
use crate::marks::Watch;
use crate::outbox::Outbox;
use crate::tap::{Tap, Taps, What};
use crate::venue::{Context, Reply, Slot, Stats, Venue};

/// How a session behaves. Every limit is here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// When to reconnect.
    pub reconnect: Reconnect,
    /// A live book that hears nothing for longer than this is stale; none for never. A venue that
    /// sends only what changes needs a long limit. Default: 30 s.
    pub stale_after: Option<Duration>,
    /// The longest frame that is read, in bytes; a longer one costs itself. Over a socket the
    /// connection's own limit comes first (`transport::Config::max_message_size`, 4 MiB), and costs
    /// the connection. A line has at most 4 MiB in any case. Default: 4 MiB.
    pub max_frame: usize,
    /// The seed of the jitter. Default: 0; the feed draws its own.
    pub seed: u64,
    /// Whether frames of a Socket.IO session's own are counted in
    /// [`BookUpdate::frame`](crate::BookUpdate::frame): true when replaying a log, where the number
    /// is a line of the log. Default: false.
    pub count_control: bool,
    /// A bug on purpose, for tests of the tests. Default: none.
    #[cfg(feature = "sabotage")]
    pub sabotage: Option<crate::Sabotage>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reconnect: Reconnect::default(),
            stale_after: Some(Duration::from_secs(30)),
            max_frame: 4 << 20,
            seed: 0,
            count_control: false,
            #[cfg(feature = "sabotage")]
            sabotage: None,
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
    /// Nothing until a command gives it something to connect for.
    Idle,
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
    limiter: Option<Limiter>,
    /// The message being sent.
    sending: Vec<u8>,
    /// When there is a place for the next message, if one may be waiting.
    send_at: Option<Nanos>,
    /// Something else than a frame may have given a reason to send.
    ask: bool,
    stats: Stats,
    random: fastrand::Rng,
    frames: u64,
    /// Attempts that failed since a connection last proved good.
    failures: u32,
    /// Whether any connection ever opened.
    ever_open: bool,
    /// When the connection opened.
    since: Nanos,
    /// When the server last gave a sign of life.
    heard: Nanos,
    /// No book can be stale before this; none for never.
    stale_due: Option<Nanos>,
    /// Who sees what passes.
    taps: Taps,
    /// A message as they see it.
    shown: Vec<u8>,
    watch: Watch,
    #[cfg(feature = "metrics")]
    handles: crate::metrics::Handles,
}

impl<V: Venue> Session<V> {
    /// A session that has not connected yet. Its books that are known by name are added to `books`.
    pub fn new(mut venue: V, id: ConnectionId, options: Options, books: &mut Books) -> Self {
        venue.register(id, books);
        books.set_venue(id, venue.name());
        if let Some(limit) = options.stale_after {
            books.set_limit(id, nanos(limit));
        }
        #[cfg(feature = "metrics")]
        books.count_stale(id, crate::metrics::stale(venue.name(), id));
        let limiter = venue.rate_limit().map(Limiter::new);
        #[cfg(feature = "sabotage")]
        let limiter = sabotaged(limiter, &mut venue, &options);
        Self {
            id,
            next: Next::Connect,
            epoch: Epoch::default(),
            outbox: Outbox::default(),
            limiter,
            sending: Vec::new(),
            send_at: None,
            ask: true,
            stats: Stats::default(),
            random: fastrand::Rng::with_seed(options.seed),
            options,
            frames: 0,
            failures: 0,
            ever_open: false,
            since: Nanos(0),
            heard: Nanos(0),
            stale_due: None,
            taps: Taps::default(),
            shown: Vec::new(),
            watch: Watch::default(),
            #[cfg(feature = "metrics")]
            handles: crate::metrics::Handles::new(venue.name(), id),
            venue,
        }
    }

    /// Lets `tap` see everything that passes from now on.
    pub fn tap(&mut self, tap: Box<dyn Tap>) {
        self.taps.add(tap);
    }

    /// Where to connect to.
    pub fn url(&self) -> &str {
        self.venue.url()
    }

    /// Measures from now on how long the stages of each book's way take, with this clock: the one that
    /// the session is told the time of. [`Books::latency`] shows it.
    #[cfg(feature = "latency")]
    pub fn measure(
        &mut self,
        clock: impl Fn() -> Nanos + Send + Sync + 'static,
        books: &mut Books,
    ) {
        books.measure(self.id, self.venue.name());
        self.watch = Watch::new(clock);
    }

    /// The connection's id.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// The venue's rules, to look at.
    pub fn venue(&self) -> &V {
        &self.venue
    }

    /// How many messages are written and wait to be sent: answers that the session owes, such as
    /// pongs. Subscriptions are written when there is a place for them, and do not wait here.
    pub fn queued(&self) -> usize {
        self.outbox.len()
    }

    /// Counts over all epochs.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// What to do next.
    #[must_use]
    pub fn next(&self, now: Nanos) -> Next {
        match self.next {
            Next::WaitUntil(until) if until > now => Next::WaitUntil(until),
            Next::WaitUntil(_) | Next::Connect | Next::Idle if self.venue.is_wanted() => {
                Next::Connect
            }
            Next::WaitUntil(_) | Next::Connect => Next::Idle,
            next => next,
        }
    }

    /// Whether [`Session::outgoing`] may have a message, or a new [`Session::deadline`] to tell. False is
    /// certain: it spares a driver the call, and the look at the clock that the call takes. `now` may
    /// be the time of the last frame.
    #[must_use]
    pub fn has_outgoing(&self, now: Nanos) -> bool {
        self.ask
            || !self.outbox.is_empty()
            || self.send_at.is_some_and(|at| at <= now)
            || self.venue.has_message(now)
    }

    /// The next message to send, to be taken until there is none: after every other call, and at
    /// [`Session::deadline`]. What has no place under the
    /// venue's rate limit waits in order, and [`Session::deadline`] says until when. Allocates only
    /// to grow.
    pub fn outgoing(&mut self, now: Nanos) -> Option<&mut [u8]> {
        self.sending.clear();
        self.send_at = None;
        self.ask = false;
        if self.next != Next::Open {
            return None;
        }
        // When there is a place for any message, and for a ping.
        let (any, ping) = match &self.limiter {
            None => (now, now),
            Some(limiter) => (limiter.next(now, false), limiter.next(now, true)),
        };
        if ping > now {
            self.send_at = Some(ping);
            return None;
        }
        let slot = if any > now { Slot::Ping } else { Slot::Any };
        let queued = slot == Slot::Any && self.outbox.pop(&mut self.sending);
        if !queued && !self.venue.next_message(now, slot, &mut self.sending) {
            let place = Some(any).filter(|any| *any > now);
            self.send_at = [place, self.venue.next_due()].into_iter().flatten().min();
            return None;
        }
        if let Some(limiter) = &mut self.limiter {
            limiter.sent(now);
        }
        if !self.taps.is_empty() {
            self.show(now);
        }
        self.stats.sent += 1;
        self.publish();
        Some(&mut self.sending)
    }

    /// Shows the message that is being sent, without its secrets.
    #[cold]
    fn show(&mut self, now: Nanos) {
        self.shown.clear();
        self.shown.extend_from_slice(&self.sending);
        self.venue.redact(&mut self.shown);
        let what = What::Sent(&self.shown);
        self.taps.tell(self.id, self.venue.name(), now, what);
    }

    #[inline]
    fn tell(&mut self, now: Nanos, what: What<'_>) {
        if !self.taps.is_empty() {
            self.taps.tell(self.id, self.venue.name(), now, what);
        }
    }

    /// The connection is open: a new epoch begins.
    pub fn opened<H: Handler + ?Sized>(
        &mut self,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> ControlFlow<()> {
        self.expire(now, books, handler)?;
        self.tell(now, What::Opened);
        self.epoch = self.epoch.next();
        for (_, book) in books.of_connection(self.id) {
            book.begin(self.epoch);
        }
        self.next = Next::Open;
        self.ask = true;
        self.ever_open = true;
        self.since = now;
        self.heard = now;
        self.outbox.clear();
        if let Some(limiter) = &mut self.limiter {
            limiter.reset();
        }
        self.venue.opened(now, &mut self.outbox);
        self.stats.connects += 1;
        self.publish();
        self.publish_connected(true);
        let event = Event::Connected {
            connection: self.id,
            epoch: self.epoch,
        };
        handler.on_event(event, books)
    }

    /// A text message came. Returns what the venue makes of it; allocates nothing once warm. While no
    /// connection is open it is dropped and counted.
    #[must_use]
    pub fn frame<H: Handler + ?Sized>(
        &mut self,
        frame: &[u8],
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> Reply {
        self.frame_received(frame, now, now, books, handler)
    }

    /// As [`Session::frame`], of a message that was read from its socket at `received`, not later than
    /// now, and has waited since: behind others of the same read, say. Its book is as old as that, and
    /// stale when that is longer ago than its limit.
    #[must_use]
    pub fn frame_received<H: Handler + ?Sized>(
        &mut self,
        frame: &[u8],
        received: Nanos,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> Reply {
        if self.next != Next::Open {
            // Nothing of a connection that is gone may touch a book.
            self.stats.late += 1;
            return Reply::Control;
        }
        self.heard = now;
        // Not one call may show a book as live that is not, however late the timer is.
        if self.expire(now, books, handler).is_break() {
            return Reply::Stop;
        }
        let times = (received.min(now), now);
        self.tell(times.0, What::Received(frame));
        let reply = self.with_context(times, books, handler, |venue, context, max_frame| {
            if frame.len() <= max_frame {
                return venue.frame(frame, context);
            }
            Reply::from(context.bad_line(too_long(venue.name(), max_frame)))
        });
        // One that waited may be stale sooner than another that comes now.
        self.stale_due = books.stale_due();
        if reply != Reply::Control || self.options.count_control {
            self.frames += 1;
            self.stats.frames += 1;
            self.stats.bytes += frame.len() as u64;
        }
        self.publish();
        reply
    }

    /// Tells the recorder of metrics, if there is one, what the counts are.
    #[inline]
    fn publish(&mut self) {
        #[cfg(feature = "metrics")]
        self.handles.tell(&self.stats);
    }

    fn publish_connected(&self, _yes: bool) {
        #[cfg(feature = "metrics")]
        self.handles.connected(_yes);
    }

    /// The user asks for something. What it leads to is in [`Session::outgoing`] at once.
    pub fn command<H: Handler + ?Sized>(
        &mut self,
        command: V::Command,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> Reply {
        if self.expire(now, books, handler).is_break() {
            return Reply::Stop;
        }
        self.ask = true;
        self.with_context((now, now), books, handler, |venue, context, _| {
            venue.command(command, context)
        })
    }

    /// A URL to fetch beside the connection that has just opened. The answer goes to
    /// [`Session::fetched`], if the connection is still the same.
    pub fn fetch(&mut self) -> Option<String> {
        self.venue.fetch()
    }

    /// What was fetched.
    pub fn fetched<H: Handler + ?Sized>(
        &mut self,
        body: &[u8],
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> Reply {
        if self.expire(now, books, handler).is_break() {
            return Reply::Stop;
        }
        self.tell(now, What::Fetched(body));
        self.ask = true;
        self.with_context((now, now), books, handler, |venue, context, _| {
            venue.fetched(body, context)
        })
    }

    /// Lets the venue work with everything it may need. The times: when what it works on was received,
    /// and now.
    fn with_context<H: Handler + ?Sized>(
        &mut self,
        (received, now): (Nanos, Nanos),
        books: &mut Books,
        handler: &mut H,
        work: impl FnOnce(&mut V, &mut Context<'_, H>, usize) -> Reply,
    ) -> Reply {
        let mut context = Context {
            connection: self.id,
            frame: self.frames,
            received,
            now,
            epoch: self.epoch,
            books,
            outbox: &mut self.outbox,
            stats: &mut self.stats,
            slow_down: false,
            proved: false,
            #[cfg(feature = "sabotage")]
            sabotage: self.options.sabotage,
            taps: &mut self.taps,
            marks: self.watch.marks(received, now),
            handler,
        };
        let reply = work(&mut self.venue, &mut context, self.options.max_frame);
        if context.proved {
            self.failures = 0;
        }
        let slow_down = context.slow_down;
        if let Some(limiter) = self.limiter.as_mut().filter(|_| slow_down) {
            limiter.slow_down(now);
        }
        self.stats.rate_limited += u64::from(slow_down);
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

    /// When [`Session::timeout`] is to be called next, while open, and [`Session::outgoing`] asked
    /// again.
    pub fn deadline(&self) -> Option<Nanos> {
        let silent = self
            .venue
            .silence_limit()
            .map(|limit| self.heard.after(limit));
        [silent, self.stale_due, self.venue.deadline(), self.send_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Time has passed: marks books that have become stale, and lets the venue ask again for what
    /// was not answered. `Some` when the connection is to be given up.
    #[must_use]
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
        if self.expire(now, books, handler).is_break() {
            return Some(Disconnect::Stopped);
        }
        if self.venue.deadline().is_none_or(|deadline| deadline > now) {
            return None;
        }
        self.ask = true;
        match self.with_context((now, now), books, handler, |venue, context, _| {
            venue.timeout(context)
        }) {
            Reply::Data | Reply::Control => None,
            Reply::End(what) => Some(Disconnect::Ended(what)),
            Reply::Stop => Some(Disconnect::Stopped),
        }
    }

    /// Marks every book that has heard nothing for its limit, of whatever connection: the handler
    /// sees them all at every call, and another connection's timer may be late.
    fn expire<H: Handler + ?Sized>(
        &mut self,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> ControlFlow<()> {
        let flow = expire(now, books, handler, &mut self.taps);
        self.stale_due = books.stale_due();
        flow
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
        if was_open && now.since(self.since) >= nanos(self.options.reconnect.good_after) {
            self.failures = 0;
        }
        books.disconnect(self.id);
        // Of the others: this may be the first that is heard of anything after a long pause.
        let told = self.expire(now, books, handler);
        self.tell(now, What::Closed(reason));
        self.outbox.clear();
        if was_open {
            self.venue.closed();
        }
        self.stats.disconnects += 1;
        self.publish();
        self.publish_connected(false);
        let retry_in = self.retry(was_open, reason);
        self.next = retry_in.map_or(Next::Done, |wait| Next::WaitUntil(now.after(wait)));
        let event = Event::Disconnected {
            connection: self.id,
            reason,
            retry_in,
        };
        let flow = handler.on_event(event, books);
        if told.is_break() { told } else { flow }
    }

    /// Forgets that it was done, to begin anew. A session that is not done goes on.
    pub fn resume(&mut self) {
        if self.next == Next::Done {
            self.next = Next::Connect;
            self.failures = 0;
            self.ever_open = false;
        }
    }

    /// The connection is gone without a word, because its driver was dropped: books are disconnected,
    /// nobody is told, and [`Session::next`] is to connect.
    pub fn abandon(&mut self, books: &mut Books) {
        if self.next != Next::Open {
            return;
        }
        books.disconnect(self.id);
        self.venue.closed();
        self.stats.disconnects += 1;
        self.publish();
        self.publish_connected(false);
        self.next = Next::Connect;
    }

    /// How long to wait before the next attempt, if there is to be one.
    fn retry(&mut self, was_open: bool, reason: &Disconnect) -> Option<Nanos> {
        let rules = &self.options.reconnect;
        if self.next == Next::Done {
            return None;
        }
        let attempt = self.failures;
        self.failures = self.failures.saturating_add(1);
        let spent = |limit: Option<u32>| limit.is_some_and(|limit| self.failures >= limit);
        let over = match reason {
            Disconnect::Stopped | Disconnect::Impossible(_) => true,
            _ if was_open && !rules.after_close => true,
            _ if !self.ever_open && spent(rules.first_attempts) => true,
            _ => spent(rules.attempts),
        };
        if over {
            return None;
        }
        let wait = rules.wait(attempt, &mut self.random);
        Some(match reason {
            Disconnect::Busy { retry_after, .. } => {
                let most = nanos(self.options.reconnect.max_retry_after);
                wait.max((*retry_after).min(most))
            }
            _ => wait,
        })
    }
}

/// Marks every book that has heard nothing for its limit, and then tells of each: no call shows
/// one of them as live.
pub(crate) fn expire<H: Handler + ?Sized>(
    now: Nanos,
    books: &mut Books,
    handler: &mut H,
    taps: &mut Taps,
) -> ControlFlow<()> {
    if books.stale_due().is_none_or(|due| due > now) {
        return ControlFlow::Continue(());
    }
    books.expire(now);
    tell_expired(now, books, handler, taps)
}

/// Tells of each book that has become stale.
pub(crate) fn tell_expired<H: Handler + ?Sized>(
    now: Nanos,
    books: &mut Books,
    handler: &mut H,
    taps: &mut Taps,
) -> ControlFlow<()> {
    while let Some(book) = books.next_expired() {
        taps.trust_lost(book, now, books);
        handler.on_event(Event::Stale { book }, books)?;
    }
    ControlFlow::Continue(())
}

#[cfg(feature = "sabotage")]
fn sabotaged<V: Venue>(
    mut limiter: Option<Limiter>,
    venue: &mut V,
    options: &Options,
) -> Option<Limiter> {
    if let Some(bug) = options.sabotage {
        venue.sabotage(bug);
    }
    if let Some(limiter) = &mut limiter
        && options.sabotage == Some(crate::Sabotage::TokenBucket)
    {
        limiter.sabotage();
    }
    limiter
}

fn too_long(venue: VenueName, limit: usize) -> DecodeError {
    DecodeError {
        venue,
        line: 0,
        offset: u32::try_from(limit).unwrap_or(u32::MAX),
        kind: ErrorKind::TooLong { limit },
    }
}
