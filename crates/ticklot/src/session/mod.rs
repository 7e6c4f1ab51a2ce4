//! The lifecycle of one connection as a pure state machine: `(input, now) -> outputs`.
//!
//! It has no socket and no timer, and its random numbers come from a seed. A driver (the feed, a replay or a test)
//! passes in each input with its time and carries out the outputs. Live feeds, replay, simulation and tests run the
//! same code.
//!
//! ```text
//!            opened                       disconnected
//! Connect ───────────▶ Open ─────────────────────────────▶ WaitUntil(t) or Done
//!    ▲                                                          │ now ≥ t
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
mod resync;
mod state_changes;

pub use self::backoff::Reconnect;
pub use self::limiter::RateLimit;
pub use self::outbox::Outbox;
pub use self::resync::ResyncPolicy;

pub(crate) use self::lateness::Lateness;
pub(crate) use self::resync::{Due, Resyncs};
pub(crate) use self::state_changes::{expire_and_report, report_state_changes};

use self::limiter::Limiter;
use crate::books::{BookId, Books, ConnectionId};
use crate::event::{Disconnect, Event, RequestFailure};
use crate::observe::stage_timer::StageClock;
use crate::observe::tap::{Tap, TapList, WireEvent};
use crate::venue::on_message::OnMessage;
use crate::venue::{
    CallOutcome, Context, ErrorScope, HttpRequest, Liveness, RequestId, SendSlot, Stats, Venue,
};

/// The configuration of a session, with all of its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// When to reconnect.
    pub reconnect: Reconnect,
    /// When to request a new snapshot of a book that is a gap.
    pub resync: ResyncPolicy,
    /// How long a live book can go without a message, or another proof that it is current ([`Venue::liveness`]), before
    /// it becomes stale; `None` for no limit. A venue that sends only changes and has no heartbeat needs a long limit.
    /// Default: 30 s.
    pub stale_after: Option<Duration>,
    /// The longest frame that is decoded, in bytes; a longer one is dropped and reported as [`Event::BadLine`]. Over a
    /// socket, the connection's limit (`transport::Config::max_message_size`, 2 MiB) applies first and closes the
    /// connection. A line always has at most 4 MiB. Default: 4 MiB.
    pub max_frame: usize,
    /// The memory budget of the feed, in bytes, for all of its connections together: see [`Books::memory`]. It covers
    /// books, desired topics, the buffers that long frames leave (at most a quarter), and the reservations for
    /// histograms ([`Books::reserve`], at most another quarter). The lowest value of the feed's connections applies.
    ///
    /// A book that does not fit stays empty, and a book whose growth does not fit becomes a gap; [`Event::BadLine`]
    /// reports both. A command for a topic that does not fit is refused ([`Event::Refused`]). Latencies whose
    /// histograms do not fit are not measured. The topics that a connection is configured with are charged, but never
    /// refused. Default: 256 MiB.
    pub max_memory: usize,
    /// The seed of the jitter. With a seed, the waits of a session depend only on the seed and its [`ConnectionId`].
    /// Default: `None`; each session draws a seed from the operating system, so that connections and processes do not
    /// retry in lockstep.
    pub seed: Option<u64>,
    /// Whether the frames of the Socket.IO protocol itself are counted in
    /// [`BookUpdate::frame`](crate::BookUpdate::frame): true for the replay of a log, where the number is a line of the
    /// log. Default: false.
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

/// The buffers of a venue's decoder are charged after a frame that is longer than this, in bytes.
const LONG_FRAME: usize = 64 << 10;

/// The bytes of such buffers for each byte of the frame: copies of the text, and the offsets of its tokens.
const BUFFERS: usize = 4;

/// The next action of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextAction {
    /// Connect to [`Session::url`], then call [`Session::opened`] or [`Session::disconnected`].
    Connect,
    /// Wait until this time, then connect.
    WaitUntil(Nanos),
    /// Wait for a command that requires a connection.
    Idle,
    /// Send the messages of [`Session::outgoing`], read frames, and call [`Session::timeout`] at
    /// [`Session::deadline`].
    Open,
    /// Stop: the session is over.
    Done,
}

/// The venue, the state and the counts of one connection. `examples/own_socket.rs` runs one over its own socket.
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
    /// When the rate limit has a slot for the next message, if one may be waiting.
    send_at: Option<Nanos>,
    /// Whether an input other than a frame may have queued a message.
    may_send: bool,
    stats: Stats,
    random: fastrand::Rng,
    frames: u64,
    /// Attempts that failed since a connection was last healthy.
    failures: u32,
    /// Whether the connection delivered something that was requested.
    is_proven: bool,
    /// Whether the server is known to exist: a connection opened, or the server was busy.
    ever_open: bool,
    /// When the connection opened.
    opened_at: Nanos,
    /// When a frame, a ping or a pong was last received.
    last_received: Nanos,
    /// The connection's slot in the books.
    slot: usize,
    resyncs: Resyncs,
    /// How late the server's messages are, by the server's clock.
    lateness: Lateness,
    /// No book becomes stale before this; `None` if none can.
    stale_due: Option<Nanos>,
    /// The bytes charged for the decoder's buffers.
    buffers: usize,
    /// The bytes charged for the venue's topics.
    topics: usize,
    taps: TapList,
    /// The message being sent without its secrets, for the taps.
    redacted: Vec<u8>,
    stage_clock: StageClock,
    #[cfg(feature = "metrics")]
    handles: crate::observe::metrics::Handles,
}

impl<V: Venue> Session<V> {
    /// A session that has not connected yet. Adds the books that the venue knows by name to `books`.
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
            may_send: true,
            stats: Stats::default(),
            random: random(options.seed, id),
            options,
            frames: 0,
            failures: 0,
            is_proven: false,
            ever_open: false,
            opened_at: Nanos(0),
            last_received: Nanos(0),
            slot,
            resyncs: Resyncs::default(),
            lateness: Lateness::default(),
            stale_due: None,
            buffers: 0,
            topics,
            taps: TapList::default(),
            redacted: Vec::new(),
            stage_clock: StageClock::default(),
            #[cfg(feature = "metrics")]
            handles: crate::observe::metrics::Handles::new(venue.name(), id),
            venue,
        }
    }

    /// Adds a tap, which receives a record of each later message and event of the connection.
    pub fn tap(&mut self, tap: Box<dyn Tap>) {
        self.taps.add(tap);
    }

    /// The URL to connect to.
    pub fn url(&self) -> &str {
        self.venue.url()
    }

    /// Starts to measure the latency of each stage of a book message: see [`Books::latency`]. `clock` must be the clock
    /// of the times that the driver passes in. Without room for the histograms ([`Options::max_memory`]) nothing is
    /// measured.
    #[cfg(feature = "latency")]
    pub fn measure(
        &mut self,
        clock: impl Fn() -> Nanos + Send + Sync + 'static,
        books: &mut Books,
    ) {
        books.measure(self.id, self.venue.name());
        self.stage_clock = StageClock::new(clock);
    }

    /// The connection's id.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// The venue's rules.
    pub fn venue(&self) -> &V {
        &self.venue
    }

    /// The number of messages that wait to be sent: replies such as pongs. Subscriptions are not among them, since they
    /// are written only when the rate limit has a slot.
    pub fn queued(&self) -> usize {
        self.outbox.len()
    }

    /// Counts over all epochs.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// The next action of the driver.
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

    /// Whether [`Session::outgoing`] may return a message or change [`Session::deadline`]. If false, a driver can skip
    /// that call and the clock read for it. `now` may be the time of the last frame.
    #[must_use]
    pub fn has_outgoing(&self, now: Nanos) -> bool {
        self.may_send
            || !self.outbox.is_empty()
            || self.send_at.is_some_and(|at| at <= now)
            || self.venue.has_message(now)
    }

    /// The next message to send. Call this until it returns `None`, after every other call and at
    /// [`Session::deadline`]. Messages beyond the venue's rate limit wait in order until [`Session::deadline`].
    /// Allocates only to grow.
    pub fn outgoing(&mut self, now: Nanos) -> Option<&mut [u8]> {
        self.sending.clear();
        self.send_at = None;
        self.may_send = false;
        if self.next != NextAction::Open {
            return None;
        }
        // When the rate limit has a slot for any message, and for a ping.
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
            let slot_at = Some(any).filter(|any| *any > now);
            self.send_at = [slot_at, self.venue.next_due()].into_iter().flatten().min();
            return None;
        }
        if let Some(limiter) = &mut self.limiter {
            limiter.sent(now);
        }
        if !self.taps.is_empty() {
            self.emit_sent(now);
        }
        self.stats.sent += 1;
        self.publish();
        Some(&mut self.sending)
    }

    /// Emits the message being sent to the taps, without its secrets.
    #[cold]
    fn emit_sent(&mut self, now: Nanos) {
        self.redacted.clear();
        self.redacted.extend_from_slice(&self.sending);
        self.venue.redact(&mut self.redacted);
        let event = WireEvent::Sent(&self.redacted);
        self.taps.emit(self.id, self.venue.name(), now, event);
    }

    #[inline]
    fn emit(&mut self, now: Nanos, event: WireEvent<'_>) {
        if !self.taps.is_empty() {
            self.taps.emit(self.id, self.venue.name(), now, event);
        }
    }

    /// Records that the connection is open, and starts a new epoch.
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
        self.may_send = true;
        self.ever_open = true;
        self.opened_at = now;
        self.last_received = now;
        self.is_proven = false;
        self.outbox.clear();
        self.resyncs.clear();
        self.lateness = Lateness::opened(now);
        if let Some(limiter) = &mut self.limiter {
            limiter.reset();
        }
        self.stats.connects += 1;
        self.publish();
        self.publish_connected(true);
        report_state_changes(now, books, handler, &mut self.taps, None)?;
        let event = Event::Connected {
            connection: self.id,
            epoch: self.epoch,
        };
        handler.on_event(event, books)?;
        let outcome = self.with_context((now, now, now), books, handler, |venue, context| {
            venue.opened(context);
            CallOutcome::Data
        });
        match outcome {
            CallOutcome::StopFeed => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    /// Processes a text message and returns the venue's outcome. Allocates nothing once warm. A message without an open
    /// connection is dropped and counted. A message of white space only resets the silence timeout.
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

    /// Like [`Session::frame`], for a message that was read from its socket at `received` and then waited until `now`,
    /// for example behind other messages of the same read. The book's time is `received`: the book becomes stale
    /// immediately if that is longer ago than its limit.
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

    /// Like [`Session::frame_received`], for a message that may have waited in the kernel before it was read. The
    /// times, in ascending order: the earliest possible arrival, the read from the socket, and now. The first is the
    /// book's time; events carry the second.
    #[must_use]
    pub fn frame_as_of<H: OnMessage<V> + ?Sized>(
        &mut self,
        frame: &[u8],
        (as_of, received, now): (Nanos, Nanos, Nanos),
        books: &mut Books,
        handler: &mut H,
    ) -> CallOutcome {
        if self.next != NextAction::Open {
            // A closed connection must not change a book.
            self.stats.late += 1;
            return CallOutcome::Control;
        }
        self.last_received = now;
        // The timer may be late, and the handler must not see a stale book as live.
        if self.expire(now, books, handler).is_break() {
            return CallOutcome::StopFeed;
        }
        let received = received.min(now);
        let as_of = as_of.min(received);
        self.emit(received, WireEvent::Received(frame));
        if self.venue.liveness() == Liveness::Connection {
            books.mark_alive(self.slot, self.lateness.as_of(as_of), now);
        }
        let times = (as_of, received, now);
        let max_frame = self.options.max_frame;
        let outcome = self.with_context(times, books, handler, |venue, context| {
            if frame.trim_ascii_start().is_empty() {
                return CallOutcome::Data;
            }
            if frame.len() <= max_frame {
                return venue.frame(frame, context);
            }
            let error = too_long(venue.name(), max_frame);
            CallOutcome::from(context.unreadable(ErrorScope::Connection, error, frame))
        });
        if frame.len() > LONG_FRAME {
            self.charge_or_free_buffers(frame.len(), books);
        }
        if outcome != CallOutcome::Control || self.options.count_control {
            self.frames += 1;
            self.stats.frames += 1;
            self.stats.bytes += frame.len() as u64;
        }
        self.publish();
        outcome
    }

    /// Charges the buffers that a long frame left with the decoder, or frees them if the memory budget has no room.
    #[cold]
    fn charge_or_free_buffers(&mut self, frame: usize, books: &mut Books) {
        if !books.charge_buffers(&mut self.buffers, frame.saturating_mul(BUFFERS)) {
            self.venue.release_memory();
        }
    }

    /// Publishes the counts to the metrics recorder.
    #[inline]
    fn publish(&mut self) {
        #[cfg(feature = "metrics")]
        self.handles.publish(&self.stats);
    }

    fn publish_connected(&self, _is_connected: bool) {
        #[cfg(feature = "metrics")]
        self.handles.set_connected(_is_connected);
    }

    /// Passes a command of the user to the venue. [`Session::outgoing`] then returns the resulting messages.
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
        self.may_send = true;
        self.with_context((now, now, now), books, handler, |venue, context| {
            venue.command(command, context)
        })
    }

    /// Requests a new snapshot of a book without a new connection, if the venue supports that: see [`Venue::resync`].
    /// If the request interrupts the book's messages, the book is a gap until the snapshot arrives. [`Event::Resync`]
    /// reports the request, or that the venue has none. Does nothing for a book of another connection, or while no
    /// connection is open.
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
        self.may_send = true;
        self.with_context((now, now, now), books, handler, |venue, context| {
            context.request_snapshot(book);
            CallOutcome::from(context.resync_by_user(venue, book))
        })
    }

    /// The next HTTP request to make while the connection stays open. Call this until it returns `None`, after every
    /// other call. Pass the response to [`Session::response`], unless the connection has been replaced.
    pub fn next_request(&mut self, now: Nanos) -> Option<HttpRequest> {
        if self.next != NextAction::Open {
            return None;
        }
        self.venue.next_request(now)
    }

    /// Processes the body of an HTTP response, or the failure of the request. `request` is `None` for a body from a
    /// log, which does not record the request. Without an open connection the body is dropped.
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
        self.may_send = true;
        self.with_context((now, now, now), books, handler, |venue, context| {
            venue.response(request, body, context)
        })
    }

    /// Calls the venue with a context, and then runs the due resynchronisations. The times: the earliest possible
    /// arrival of the input, its receipt, and now.
    fn with_context<H: OnMessage<V> + ?Sized>(
        &mut self,
        (as_of, received, now): (Nanos, Nanos, Nanos),
        books: &mut Books,
        handler: &mut H,
        work: impl FnOnce(&mut V, &mut Context<'_, H>) -> CallOutcome,
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
            is_proven: false,
            taps: &mut self.taps,
            timer: self.stage_clock.start(received, now),
            handler,
        };
        let mut outcome = work(&mut self.venue, &mut context);
        if outcome != CallOutcome::StopFeed && context.run_resyncs(&mut self.venue).is_break() {
            outcome = CallOutcome::StopFeed;
        }
        if outcome == CallOutcome::StopFeed {
            context.books.drop_changes();
        }
        self.is_proven |= context.is_proven;
        let slow_down = context.slow_down;
        if let Some(limiter) = self.limiter.as_mut().filter(|_| slow_down) {
            limiter.slow_down(now);
        }
        self.stats.rate_limited += u64::from(slow_down);
        let topics = self.venue.memory();
        if topics != self.topics {
            books.charge_topics(&mut self.topics, topics);
        }
        // The call may have queued an earlier deadline.
        self.stale_due = books.stale_due();
        outcome
    }

    /// Drops the queued messages: a scratch session sends none.
    #[cfg(feature = "feed")]
    pub(crate) fn drop_outgoing(&mut self) {
        self.outbox.clear();
    }

    /// Counts a frame that was lost before it could be read, so that later frames keep their numbers.
    pub fn skip_frame(&mut self) {
        self.frames += 1;
    }

    /// Resets the silence timeout: a ping or a pong was received.
    pub fn record_activity(&mut self, now: Nanos) {
        self.last_received = now;
    }

    /// When to call [`Session::timeout`] and [`Session::outgoing`] next while the connection is open.
    pub fn deadline(&self) -> Option<Nanos> {
        let silent = self
            .venue
            .idle_timeout()
            .map(|limit| self.last_received.after(limit));
        let resync = self.resyncs.next_due();
        let venue = self.venue.deadline();
        [silent, self.stale_due, venue, self.send_at, resync]
            .into_iter()
            .flatten()
            .min()
    }

    /// Handles the timers: marks stale books, and lets the venue repeat unanswered requests. `Some` if the driver must
    /// close the connection.
    #[must_use]
    pub fn timeout<H: OnMessage<V> + ?Sized>(
        &mut self,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> Option<Disconnect> {
        let silence = now.since(self.last_received);
        if self
            .venue
            .idle_timeout()
            .is_some_and(|limit| silence >= limit)
        {
            return Some(Disconnect::IdleTimeout);
        }
        if self.expire(now, books, handler).is_break() {
            return Some(Disconnect::Stopped);
        }
        let is_due = |time: Option<Nanos>| time.is_some_and(|time| time <= now);
        let venue_is_due = is_due(self.venue.deadline());
        if !venue_is_due && !is_due(self.resyncs.next_due()) {
            return None;
        }
        self.may_send = true;
        match self.with_context((now, now, now), books, handler, |venue, context| {
            // `with_context` runs the due resynchronisations.
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

    /// Marks and reports the stale books of all connections, since the handler sees all books and the timer of another
    /// connection may be late.
    fn expire<H: OnMessage<V> + ?Sized>(
        &mut self,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> ControlFlow<()> {
        let flow = expire_and_report(now, books, handler, &mut self.taps);
        self.stale_due = books.stale_due();
        flow
    }

    /// Records that the connection ended or an attempt failed. Its books are disconnected, and [`Session::next`]
    /// returns whether and when to try again.
    pub fn disconnected<H: OnMessage<V> + ?Sized>(
        &mut self,
        now: Nanos,
        reason: &Disconnect,
        books: &mut Books,
        handler: &mut H,
    ) -> ControlFlow<()> {
        let was_open = self.next == NextAction::Open;
        let rules = &self.options.reconnect;
        if was_open && now.since(self.opened_at) >= rules.healthy_after(self.is_proven) {
            self.failures = 0;
        }
        self.emit(now, WireEvent::Closed(reason));
        books.disconnect(self.slot, now);
        // This may be the first call after a long pause, so books of other connections may be stale.
        let flow = self.expire(now, books, handler);
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
        flow?;
        handler.on_event(event, books)
    }

    /// Restarts a session that is [`NextAction::Done`]; does nothing otherwise.
    pub fn resume(&mut self) {
        if self.next == NextAction::Done {
            self.next = NextAction::Connect;
            self.failures = 0;
            self.ever_open = false;
        }
    }

    /// Records that the driver was dropped together with the connection. The books are disconnected, but no event
    /// reports that. [`Session::next`] then returns [`NextAction::Connect`].
    pub fn abandon(&mut self, books: &mut Books) {
        if self.next != NextAction::Open {
            return;
        }
        books.disconnect(self.slot, self.last_received);
        // There is no handler to report to.
        books.drop_changes();
        self.resyncs.clear();
        self.venue.closed();
        self.stats.disconnects += 1;
        self.publish();
        self.publish_connected(false);
        self.next = NextAction::Connect;
    }

    /// The wait before the next attempt; `None` for no further attempt.
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
                // A server sends the same time to all clients, so the random wait is added.
                let retry_after = (*retry_after).min(rules.max_retry_after);
                retry_after.saturating_add(wait)
            }
            _ => wait,
        })
    }
}

/// The random number generator of a session.
fn random(seed: Option<u64>, id: ConnectionId) -> fastrand::Rng {
    // Each `RandomState` has other keys, which are derived from the operating system's random numbers.
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
