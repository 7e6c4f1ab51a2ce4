//! One connection's life as a pure state machine: `(input, now) -> outputs`.
//!
//! It has no socket and no timer, and its random numbers come from a seed. A driver (the feed, a replay or a
//! test) passes in each input with its time, and carries out the outputs. Live feeds, replay, simulation and
//! tests run this same code.
//!
//! ```text
//!            opened                       disconnected
//! Connect ───────────▶ Open ─────────────────────────────▶ WaitUntil(t) or Done
//!    ▲                                                          │ t has come
//!    └──────────────────────────────────────────────────────────┘
//! ```

use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot_book::{Epoch, Nanos};
use ticklot_frame::{DecodeError, ErrorKind, VenueName};

mod backoff;
mod lateness;
mod limiter;
mod outbox;
mod report;
mod resync;

pub use self::backoff::Reconnect;
pub use self::limiter::RateLimit;
pub use self::outbox::Outbox;
pub use self::resync::ResyncPolicy;

pub(crate) use self::lateness::Lateness;
pub(crate) use self::report::report;
pub(crate) use self::resync::{Due, Resyncs};

use self::limiter::Limiter;
use crate::books::{BookId, Books, ConnectionId};
use crate::event::{Disconnect, Event, Handler, RequestFailure};
use crate::observe::stage_timer::StageClock;
use crate::observe::tap::{Tap, TapList, WireEvent};
use crate::venue::on_message::OnMessage;
use crate::venue::{
    CallOutcome, Concerns, Context, HttpRequest, Liveness, RequestId, SendSlot, Stats, Venue,
};

/// How a session behaves. Every limit is here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// When to reconnect.
    pub reconnect: Reconnect,
    /// When a book is repaired by a new snapshot, and again.
    pub resync: ResyncPolicy,
    /// A live book for which no message, or other proof that it is current
    /// ([`Venue::liveness`]), arrives for longer than this is stale; none for never. A venue that
    /// sends only changes and has no heartbeat needs a long limit. Default: 30 s.
    pub stale_after: Option<Duration>,
    /// The longest frame that is read, in bytes; a longer one costs itself. Over a socket the
    /// connection's own limit comes first (`transport::Config::max_message_size`, 2 MiB), and costs
    /// the connection. A line has at most 4 MiB in any case. Default: 4 MiB.
    pub max_frame: usize,
    /// The most bytes that the books and the desired topics of the feed may hold, of all connections together,
    /// with the buffers that long frames leave, a quarter of it at most, and the reservations
    /// ([`Books::reserve`]) for histograms, another quarter at most: see [`Books::memory`]. The lowest
    /// of the connections' values holds. A book, or a growth of one, that does not fit is refused: the book is
    /// a gap, or stays empty, and [`Event::BadLine`] reports it. A command for a topic that does not fit is
    /// refused ([`Event::Refused`]); latencies whose histograms do not fit are not measured. What a
    /// connection follows from the start is charged, and never refused. Default: 256 MiB.
    pub max_memory: usize,
    /// The seed of the jitter. With a seed, the waits of a session depend on nothing but the seed and its
    /// [`ConnectionId`]. Default: none, each session draws its own from the operating system, so that no two
    /// connections, venues or processes wait alike.
    pub seed: Option<u64>,
    /// Whether frames of a Socket.IO session's own are counted in
    /// [`BookUpdate::frame`](crate::BookUpdate::frame): true when replaying a log, where the number
    /// is a line of the log. Default: false.
    pub count_control: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reconnect: Reconnect::default(),
            resync: ResyncPolicy::default(),
            stale_after: Some(Duration::from_secs(30)),
            max_frame: 4 << 20,
            max_memory: 256 << 20,
            seed: None,
            count_control: false,
        }
    }
}

/// The buffers of a venue's decoder are charged when a longer frame made them grow.
const LONG_FRAME: usize = 64 << 10;

/// The bytes of such buffers for each byte of the frame: copies of the text, and the positions of its parts.
const BUFFERS: usize = 4;

/// What the shell is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextAction {
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
    next: NextAction,
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
    /// Attempts that failed since a connection was last healthy.
    failures: u32,
    /// Whether the connection brought something that was requested.
    proved: bool,
    /// Whether any connection ever opened, or a server was busy: it is there.
    ever_open: bool,
    /// When the connection opened.
    since: Nanos,
    /// When the server last gave a sign of life.
    heard: Nanos,
    /// The connection's slot in the books.
    slot: usize,
    resyncs: Resyncs,
    /// How late the server's messages are, by its own clock.
    lateness: Lateness,
    /// No book can be stale before this; none for never.
    stale_due: Option<Nanos>,
    /// What the feed's budget counts for the decoder's buffers.
    buffers: usize,
    /// The bytes charged for the venue's topics.
    topics: usize,
    /// Who sees what passes.
    taps: TapList,
    /// A message as they see it.
    shown: Vec<u8>,
    watch: StageClock,
    #[cfg(feature = "metrics")]
    handles: crate::observe::metrics::Handles,
}

impl<V: Venue> Session<V> {
    /// A session that has not connected yet. Its books that are known by name are added to `books`.
    pub fn new(mut venue: V, id: ConnectionId, options: Options, books: &mut Books) -> Self {
        books.limit_memory(options.max_memory);
        venue.register(id, books);
        let mut topics = 0;
        books.charge_topics(&mut topics, venue.memory());
        let slot = books.set_connection(id, venue.name(), options.stale_after);
        let limiter = venue.rate_limit().map(Limiter::new);
        Self {
            id,
            next: NextAction::Connect,
            epoch: Epoch::default(),
            outbox: Outbox::default(),
            limiter,
            sending: Vec::new(),
            send_at: None,
            ask: true,
            stats: Stats::default(),
            random: random(options.seed, id),
            options,
            frames: 0,
            failures: 0,
            proved: false,
            ever_open: false,
            since: Nanos(0),
            heard: Nanos(0),
            slot,
            resyncs: Resyncs::default(),
            lateness: Lateness::default(),
            stale_due: None,
            buffers: 0,
            topics,
            taps: TapList::default(),
            shown: Vec::new(),
            watch: StageClock::default(),
            #[cfg(feature = "metrics")]
            handles: crate::observe::metrics::Handles::new(venue.name(), id),
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
    /// the session is told the time of. [`Books::latency`] shows it. Without room for the histograms
    /// ([`Options::max_memory`]) it has none.
    #[cfg(feature = "latency")]
    pub fn measure(
        &mut self,
        clock: impl Fn() -> Nanos + Send + Sync + 'static,
        books: &mut Books,
    ) {
        books.measure(self.id, self.venue.name());
        self.watch = StageClock::new(clock);
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
    pub fn next(&self, now: Nanos) -> NextAction {
        match self.next {
            NextAction::WaitUntil(until) if until > now => NextAction::WaitUntil(until),
            NextAction::WaitUntil(_) | NextAction::Connect | NextAction::Idle
                if self.venue.wants_connection() =>
            {
                NextAction::Connect
            }
            NextAction::WaitUntil(_) | NextAction::Connect => NextAction::Idle,
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
        if self.next != NextAction::Open {
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
        let slot = if any > now {
            SendSlot::Ping
        } else {
            SendSlot::Any
        };
        let queued = slot == SendSlot::Any && self.outbox.pop(&mut self.sending);
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
        let what = WireEvent::Sent(&self.shown);
        self.taps.emit(self.id, self.venue.name(), now, what);
    }

    #[inline]
    fn emit(&mut self, now: Nanos, what: WireEvent<'_>) {
        if !self.taps.is_empty() {
            self.taps.emit(self.id, self.venue.name(), now, what);
        }
    }

    /// The connection is open: a new epoch begins.
    pub fn opened<H: OnMessage<V> + ?Sized>(
        &mut self,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> ControlFlow<()> {
        self.expire(now, books, handler)?;
        self.emit(now, WireEvent::Opened);
        self.epoch = self.epoch.next();
        books.start_epoch(self.slot, self.epoch, now);
        self.next = NextAction::Open;
        self.ask = true;
        self.ever_open = true;
        self.since = now;
        self.heard = now;
        self.proved = false;
        self.outbox.clear();
        self.resyncs.clear();
        self.lateness = Lateness::opened(now);
        if let Some(limiter) = &mut self.limiter {
            limiter.reset();
        }
        self.stats.connects += 1;
        self.publish();
        self.publish_connected(true);
        report(now, books, handler, &mut self.taps, None)?;
        let event = Event::Connected {
            connection: self.id,
            epoch: self.epoch,
        };
        handler.on_event(event, books)?;
        let reply = self.with_context((now, now, now), books, handler, |venue, context, _| {
            venue.opened(context);
            CallOutcome::Data
        });
        match reply {
            CallOutcome::StopFeed => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    /// A text message came. Returns what the venue makes of it; allocates nothing once warm. While no
    /// connection is open it is dropped and counted. One of nothing but white space is a sign of life and no more.
    #[must_use]
    pub fn frame<H: OnMessage<V> + ?Sized>(
        &mut self,
        frame: &[u8],
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> CallOutcome {
        self.frame_received(frame, now, now, books, handler)
    }

    /// As [`Session::frame`], of a message that was read from its socket at `received`, not later than
    /// now, and has waited since: behind others of the same read, say. Its book is as old as that, and
    /// stale when that is longer ago than its limit.
    #[must_use]
    pub fn frame_received<H: OnMessage<V> + ?Sized>(
        &mut self,
        frame: &[u8],
        received: Nanos,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> CallOutcome {
        self.frame_as_of(frame, (received, received, now), books, handler)
    }

    /// As [`Session::frame_received`], of a message that may have waited in the kernel before it was read:
    /// the times are the earliest at which it can have arrived, the read of the socket, and now, none of
    /// them later than the next. Its book is as old as the first; events carry the second.
    #[must_use]
    pub fn frame_as_of<H: OnMessage<V> + ?Sized>(
        &mut self,
        frame: &[u8],
        (as_of, received, now): (Nanos, Nanos, Nanos),
        books: &mut Books,
        handler: &mut H,
    ) -> CallOutcome {
        if self.next != NextAction::Open {
            // Nothing of a connection that is gone may touch a book.
            self.stats.late += 1;
            return CallOutcome::Control;
        }
        self.heard = now;
        // Not one call may show a book as live that is not, however late the timer is.
        if self.expire(now, books, handler).is_break() {
            return CallOutcome::StopFeed;
        }
        let received = received.min(now);
        let as_of = as_of.min(received);
        self.emit(received, WireEvent::Received(frame));
        if self.venue.liveness() == Liveness::Connection {
            books.alive(self.slot, self.lateness.as_of(as_of), now);
        }
        let times = (as_of, received, now);
        let reply = self.with_context(times, books, handler, |venue, context, max_frame| {
            if frame.trim_ascii_start().is_empty() {
                return CallOutcome::Data;
            }
            if frame.len() <= max_frame {
                return venue.frame(frame, context);
            }
            let error = too_long(venue.name(), max_frame);
            CallOutcome::from(context.unreadable(Concerns::Connection, error, frame))
        });
        if frame.len() > LONG_FRAME {
            self.keep_buffers(frame.len(), books);
        }
        if reply != CallOutcome::Control || self.options.count_control {
            self.frames += 1;
            self.stats.frames += 1;
            self.stats.bytes += frame.len() as u64;
        }
        self.publish();
        reply
    }

    /// A long frame made the decoder's buffers grow. They are kept while the feed's budget of memory has room for
    /// them, and are freed otherwise.
    #[cold]
    fn keep_buffers(&mut self, frame: usize, books: &mut Books) {
        if !books.charge_buffers(&mut self.buffers, frame.saturating_mul(BUFFERS)) {
            self.venue.release_memory();
        }
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
    pub fn command<H: OnMessage<V> + ?Sized>(
        &mut self,
        command: V::Command,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> CallOutcome {
        if self.expire(now, books, handler).is_break() {
            return CallOutcome::StopFeed;
        }
        self.ask = true;
        self.with_context((now, now, now), books, handler, |venue, context, _| {
            venue.command(command, context)
        })
    }

    /// Requests a new snapshot of a book without a new connection, if the venue can: see
    /// [`Venue::resync`]. Where that interrupts the book's messages, the book is a gap until the
    /// snapshot arrives. [`Event::Resync`] reports the request, or that the venue has none. Nothing
    /// happens for a book of another connection, or while none is open.
    pub fn resync<H: OnMessage<V> + ?Sized>(
        &mut self,
        book: BookId,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> CallOutcome {
        if self.expire(now, books, handler).is_break() {
            return CallOutcome::StopFeed;
        }
        if self.next != NextAction::Open || books.connection(book) != Some(self.id) {
            return CallOutcome::Data;
        }
        self.ask = true;
        self.with_context((now, now, now), books, handler, |venue, context, _| {
            context.request_snapshot(book);
            CallOutcome::from(context.resync_by_user(venue, book))
        })
    }

    /// The next URL to fetch while the connection goes on, to be taken until there is none, after every
    /// other call. The response goes to [`Session::response`], if the connection is still the same.
    pub fn next_request(&mut self, now: Nanos) -> Option<HttpRequest> {
        if self.next != NextAction::Open {
            return None;
        }
        self.venue.next_request(now)
    }

    /// The body of a request, or why there is none. `request` is none for a body from a log that does
    /// not say which request it answers. While no connection is open it is dropped.
    pub fn response<H: OnMessage<V> + ?Sized>(
        &mut self,
        request: Option<RequestId>,
        body: Result<&[u8], &RequestFailure>,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> CallOutcome {
        if self.next != NextAction::Open {
            return CallOutcome::Control;
        }
        if self.expire(now, books, handler).is_break() {
            return CallOutcome::StopFeed;
        }
        if let Ok(body) = body {
            self.emit(now, WireEvent::Fetched(body));
        }
        self.ask = true;
        self.with_context((now, now, now), books, handler, |venue, context, _| {
            venue.response(request, body, context)
        })
    }

    /// Lets the venue work with everything it may need. The times: the earliest
    /// at which the input can have arrived, its receipt, and now.
    fn with_context<H: OnMessage<V> + ?Sized>(
        &mut self,
        (as_of, received, now): (Nanos, Nanos, Nanos),
        books: &mut Books,
        handler: &mut H,
        work: impl FnOnce(&mut V, &mut Context<'_, H>, usize) -> CallOutcome,
    ) -> CallOutcome {
        let mut context = Context {
            connection: self.id,
            frame: self.frames,
            as_of,
            received,
            now,
            lateness: &mut self.lateness,
            epoch: self.epoch,
            books,
            slot: self.slot,
            outbox: &mut self.outbox,
            stats: &mut self.stats,
            resyncs: &mut self.resyncs,
            policy: &self.options.resync,
            random: &mut self.random,
            slow_down: false,
            proved: false,
            taps: &mut self.taps,
            timer: self.watch.marks(received, now),
            handler,
        };
        let mut reply = work(&mut self.venue, &mut context, self.options.max_frame);
        if reply != CallOutcome::StopFeed && context.run_resyncs(&mut self.venue).is_break() {
            reply = CallOutcome::StopFeed;
        }
        if reply == CallOutcome::StopFeed {
            context.books.drop_changes();
        }
        self.proved |= context.proved;
        let slow_down = context.slow_down;
        if let Some(limiter) = self.limiter.as_mut().filter(|_| slow_down) {
            limiter.slow_down(now);
        }
        self.stats.rate_limited += u64::from(slow_down);
        let topics = self.venue.memory();
        if topics != self.topics {
            books.charge_topics(&mut self.topics, topics);
        }
        // A message may have made something stale sooner than was known.
        self.stale_due = books.stale_due();
        reply
    }

    /// Forgets the messages that wait to be sent: those of a scratch session are not.
    #[cfg(feature = "feed")]
    pub(crate) fn drop_outgoing(&mut self) {
        self.outbox.clear();
    }

    /// A frame was lost before it could be read; the numbering goes on after it.
    pub fn skip_frame(&mut self) {
        self.frames += 1;
    }

    /// The server gave a sign of life that is no message: a ping or a pong.
    pub fn record_activity(&mut self, now: Nanos) {
        self.heard = now;
    }

    /// When [`Session::timeout`] is to be called next, while open, and [`Session::outgoing`] asked
    /// again.
    pub fn deadline(&self) -> Option<Nanos> {
        let silent = self
            .venue
            .silence_limit()
            .map(|limit| self.heard.after(limit));
        let resync = self.resyncs.next_due();
        let venue = self.venue.deadline();
        [silent, self.stale_due, venue, self.send_at, resync]
            .into_iter()
            .flatten()
            .min()
    }

    /// Time has passed: marks books that have become stale, and lets the venue ask again for what
    /// was not answered. `Some` when the connection is to be given up.
    #[must_use]
    pub fn timeout<H: OnMessage<V> + ?Sized>(
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
        let is_due = |time: Option<Nanos>| time.is_some_and(|time| time <= now);
        let venue_is_due = is_due(self.venue.deadline());
        if !venue_is_due && !is_due(self.resyncs.next_due()) {
            return None;
        }
        self.ask = true;
        match self.with_context((now, now, now), books, handler, |venue, context, _| {
            // A resynchronisation that is due is run after the venue.
            match venue_is_due {
                true => venue.timeout(context),
                false => CallOutcome::Data,
            }
        }) {
            CallOutcome::Data | CallOutcome::Control => None,
            CallOutcome::CloseConnection(reason) => Some(Disconnect::Ended(reason)),
            CallOutcome::StopFeed => Some(Disconnect::Stopped),
        }
    }

    /// Marks as stale every book that has heard nothing for its limit, of whatever connection: the handler
    /// sees them all at every call, and another connection's timer may be late.
    fn expire<H: OnMessage<V> + ?Sized>(
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
    pub fn disconnected<H: OnMessage<V> + ?Sized>(
        &mut self,
        now: Nanos,
        reason: &Disconnect,
        books: &mut Books,
        handler: &mut H,
    ) -> ControlFlow<()> {
        let was_open = self.next == NextAction::Open;
        if was_open && now.since(self.since) >= self.options.reconnect.healthy_after(self.proved) {
            self.failures = 0;
        }
        self.emit(now, WireEvent::Closed(reason));
        books.disconnect(self.slot, now);
        // Of the others: this may be the first call after a long pause.
        let told = self.expire(now, books, handler);
        self.outbox.clear();
        self.resyncs.clear();
        let falls_back = self.venue.has_fallback_url(reason);
        if was_open {
            self.venue.closed();
        }
        self.stats.disconnects += 1;
        self.publish();
        self.publish_connected(false);
        let is_final = matches!(reason, Disconnect::Stopped | Disconnect::Impossible(_));
        let retry_in = match falls_back && !is_final && self.next != NextAction::Done {
            true => Some(Duration::ZERO),
            false => self.retry(was_open, reason),
        };
        self.next = retry_in.map_or(NextAction::Done, |wait| {
            NextAction::WaitUntil(now.after(wait))
        });
        let event = Event::Disconnected {
            connection: self.id,
            reason,
            retry_in,
        };
        told?;
        handler.on_event(event, books)
    }

    /// Forgets that it was done, to begin anew. A session that is not done goes on.
    pub fn resume(&mut self) {
        if self.next == NextAction::Done {
            self.next = NextAction::Connect;
            self.failures = 0;
            self.ever_open = false;
        }
    }

    /// The connection is gone without a word, because its driver was dropped: books are disconnected,
    /// nobody is told, and [`Session::next`] is to connect.
    pub fn abandon(&mut self, books: &mut Books) {
        if self.next != NextAction::Open {
            return;
        }
        books.disconnect(self.slot, self.heard);
        // Without a handler nothing is reported: the connection is gone, and so is its driver.
        books.drop_changes();
        self.resyncs.clear();
        self.venue.closed();
        self.stats.disconnects += 1;
        self.publish();
        self.publish_connected(false);
        self.next = NextAction::Connect;
    }

    /// How long to wait before the next attempt, if there is to be one.
    fn retry(&mut self, was_open: bool, reason: &Disconnect) -> Option<Duration> {
        let rules = &self.options.reconnect;
        if self.next == NextAction::Done {
            return None;
        }
        let attempt = self.failures;
        self.failures = self.failures.saturating_add(1);
        self.ever_open |= matches!(reason, Disconnect::Busy { .. });
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
                // The drawn wait is added, since a server sends all clients the same time.
                let most = self.options.reconnect.max_retry_after;
                (*retry_after).min(most).saturating_add(wait)
            }
            _ => wait,
        })
    }
}

/// Marks as stale every book that had no message for its limit, and then reports each: no call shows
/// one of them as live.
pub(crate) fn expire<H: Handler + ?Sized>(
    now: Nanos,
    books: &mut Books,
    handler: &mut H,
    taps: &mut TapList,
) -> ControlFlow<()> {
    if books.stale_due().is_some_and(|due| due <= now) {
        books.expire(now);
    }
    report(now, books, handler, taps, None)
}

/// The random numbers of a session.
fn random(seed: Option<u64>, id: ConnectionId) -> fastrand::Rng {
    // The keys of `RandomState` are the operating system's, and differ at each call.
    let drawn = || RandomState::new().hash_one(());
    let seed = seed.map_or_else(drawn, |seed| seed ^ u64::from(id.0));
    fastrand::Rng::with_seed(seed)
}

fn too_long(venue: VenueName, limit: usize) -> DecodeError {
    DecodeError {
        venue,
        line: 0,
        offset: u32::try_from(limit).unwrap_or(u32::MAX),
        kind: ErrorKind::TooLong { limit },
    }
}
