//! Replays a log through the session of each of its connections.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use ticklot_book::Nanos;

use super::log::{LogError, Record};
use crate::books::{Books, ConnectionId};
use crate::event::{Disconnect, Handler};
use crate::observe::tap::{RecordKind, Tap, TapList, WireEvent, WireRecord};
use crate::session::{Options, Session, expire_and_report, report_state_changes};
use crate::venue::on_message::OnMessage;
use crate::venue::{CallOutcome, Stats, Venue};

/// The maximum number of connections of a replay. Each needs a session, and a log is untrusted input.
pub const MAX_CONNECTIONS: usize = 1_024;

/// The maximum number of invalidations that a replay queues for [`Replay::next_invalidation`]; beyond, it drops the
/// oldest.
pub const MAX_INVALIDATIONS: usize = 65_536;

/// Replays a log: each of its connections through a separate session, at the recorded times.
///
/// A message takes the same path as live, so the books, their changes and their states are equal to the live ones. The
/// events of a [`Recorder`](super::Recorder) are replayed, too: opened and closed connections, fetched bodies and stale
/// books. A line without a time, or with an earlier time than a previous line, is assigned the latest time so far,
/// because the clock of a session is monotonic. Sent messages are not replayed, and a log does not contain the commands
/// of the user: use a venue that keeps the messages of any topic (`any`).
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use ticklot::capture::{FrameLog, Replay};
/// use ticklot::{Books, Event};
/// use ticklot::venue::Venue;
///
/// # fn example<V: Venue + 'static>(venue_of: impl Fn() -> V) -> Result<(), Box<dyn std::error::Error>> {
/// let mut handler = |event: Event<'_>, books: &Books| {
///     if let Event::Book(update) = event {
///         println!("{:?}", books.last_known(update.book).and_then(|book| book.best_bid()));
///     }
///     ControlFlow::Continue(())
/// };
/// let mut replay = Replay::new();
/// let mut log = FrameLog::open("book.jsonl.zst")?.everything();
/// while let Some(record) = log.next_record() {
///     let record = record?;
///     if !replay.knows(record) {
///         replay.add(record, venue_of())?;
///     }
///     replay.apply(record, &mut handler);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Replay<H> {
    books: Books,
    connections: Vec<ReplayConnection<H>>,
    taps: TapList,
    tap: InvalidationTap,
    /// Invalidations of the replay without a matching record so far.
    unmatched: VecDeque<ReplayInvalidation>,
    invalidations: VecDeque<ReplayInvalidation>,
    /// Whether the log records invalidations: it has a record other than received messages.
    records_events: bool,
    /// The lines so far that could not be read.
    skipped: u64,
    /// The latest time so far.
    now: Nanos,
    /// The last line.
    line: u64,
    stale_after: Option<Duration>,
}

/// The result of replaying a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayStep {
    /// The outcome of the session's call.
    pub outcome: CallOutcome,
    /// The number of decoded messages.
    pub messages: u64,
}

/// A book that became invalid, in the replay or in the log: see [`WireEvent::Invalidated`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayInvalidation {
    /// The line of the log that caused or recorded it, from 0.
    pub line: u64,
    /// The time in nanoseconds since 1970.
    pub at: u64,
    /// The connection that feeds the book.
    pub connection: ConnectionId,
    /// The market that the book belongs to.
    pub market: String,
    /// The name of the book.
    pub book: String,
    /// The new state: [`BookState::as_str`](ticklot_book::BookState::as_str).
    pub state: String,
    /// Whether the replay and the log agree.
    pub check: ReplayCheck,
}

/// Whether the replay and the log agree about an invalidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayCheck {
    /// The log records it, and the replay reproduced it.
    Reproduced,
    /// It occurred in the replay of a log that records no invalidations.
    Unrecorded,
    /// It occurred in the replay, but the log, which records invalidations, does not contain it.
    Added,
    /// The log records it, but it did not occur in the replay.
    Missing,
}

impl ReplayCheck {
    /// Whether the replay differs from the live feed.
    #[must_use]
    pub fn differs(self) -> bool {
        matches!(self, Self::Added | Self::Missing)
    }
}

/// A connection of the log.
struct ReplayConnection<H> {
    state: ConnectionState,
    session: Box<dyn DynSession<H>>,
}

struct ConnectionState {
    id: ConnectionId,
    /// Whether frames are numbered by the lines of the log.
    by_lines: bool,
    is_open: bool,
    /// Whether the log closed the connection. If so, only a record of the log reopens it; a message does not.
    was_closed: bool,
}

impl<H: Handler> Replay<H> {
    /// A replay without connections.
    #[must_use]
    pub fn new() -> Self {
        let (tap, mut taps) = (InvalidationTap::default(), TapList::default());
        taps.add(Box::new(tap.clone()));
        Self {
            books: Books::new(),
            connections: Vec::new(),
            taps,
            tap,
            unmatched: VecDeque::new(),
            invalidations: VecDeque::new(),
            records_events: false,
            skipped: 0,
            now: Nanos(0),
            line: 0,
            stale_after: None,
        }
    }

    /// Sets the staleness limit of connections that are added later and whose records have no connection number: such a
    /// log does not record stale books. Default: `None`; books do not become stale.
    pub fn set_stale_after(&mut self, limit: Option<Duration>) {
        self.stale_after = limit;
    }

    /// Advances the time to `at`, in nanoseconds since 1970, without a line. Books that had no message for their limit
    /// become stale; the events are delivered in this call. A time before the latest one has no effect.
    pub fn advance(&mut self, at: u64, handler: &mut H) {
        self.now = self.now.max(Nanos(at));
        // A break of the handler is returned for messages only.
        let _ = expire_and_report(self.now, &mut self.books, handler, &mut self.taps);
        self.collect(self.line);
        if !self.records_events {
            self.report_unmatched();
        }
    }

    /// Whether there is a session for this record, or the record needs none.
    #[must_use]
    pub fn knows(&self, record: &Record) -> bool {
        record.kind == RecordKind::Dropped || self.index_of(record).is_some()
    }

    /// Adds a session for the record's connection. Frames are numbered as live or, if the log has no connection
    /// numbers, by its lines.
    ///
    /// # Errors
    /// There are [`MAX_CONNECTIONS`] already.
    pub fn add<V: Venue + 'static>(&mut self, record: &Record, venue: V) -> Result<(), LogError>
    where
        H: OnMessage<V>,
    {
        if self.connections.len() >= MAX_CONNECTIONS {
            let (line, limit) = (record.line, MAX_CONNECTIONS);
            return Err(LogError::Connections { line, limit });
        }
        let connection = record.connection.unwrap_or_default();
        let by_lines = record.connection.is_none();
        let options = Options {
            count_control: by_lines,
            // A log with connection numbers records stale books.
            stale_after: self.stale_after.filter(|_| by_lines),
            seed: Some(0),
            ..Options::default()
        };
        let mut session = Session::new(venue, connection, options, &mut self.books);
        session.tap(Box::new(self.tap.clone()));
        if by_lines {
            (0..self.skipped).for_each(|_| session.skip_frame());
        }
        self.connections.push(ReplayConnection {
            state: ConnectionState {
                id: connection,
                by_lines,
                is_open: false,
                was_closed: false,
            },
            session: Box::new(session),
        });
        Ok(())
    }

    /// Replays a line. A line of a connection without a session is ignored.
    ///
    /// At a line that reports missing records ([`RecordKind::Dropped`]), the books of its connection become gaps until
    /// their next snapshots, or those of all connections if the line has none. The events are delivered in this call.
    pub fn apply(&mut self, record: &Record, handler: &mut H) -> ReplayStep {
        if record.kind != RecordKind::Invalidated {
            self.report_unmatched();
        }
        self.records_events |= record.kind != RecordKind::Received;
        self.now = self.now.max(Nanos(record.recv_ns));
        self.line = record.line;
        let nothing = ReplayStep {
            outcome: CallOutcome::Control,
            messages: 0,
        };
        if record.kind == RecordKind::Dropped {
            self.mark_records_missing(record.connection, record.line, handler);
            return nothing;
        }
        let Some(index) = self.index_of(record) else {
            return nothing;
        };
        let step = match record.kind {
            RecordKind::Invalidated => {
                self.expire(record, handler);
                nothing
            }
            _ => {
                let ReplayConnection { state, session } = &mut self.connections[index];
                session.apply(record, state, self.now, &mut self.books, handler)
            }
        };
        self.collect(record.line);
        if record.kind == RecordKind::Invalidated {
            self.match_recorded(record);
        }
        step
    }

    /// Skips a line that could not be read, but counts it if frames are numbered by lines. All books become gaps until
    /// their next snapshots, because the line may have been a message for any of them; the events are delivered in this
    /// call. A cut at the end of the log leaves the books unchanged.
    pub fn skip_line(&mut self, error: &LogError, handler: &mut H) {
        self.report_unmatched();
        self.skipped += 1;
        for it in self.connections.iter_mut().filter(|it| it.state.by_lines) {
            it.session.skip_line();
        }
        let is_end = error.is_truncated() && error.is_fatal();
        if let Some(line) = error.line().filter(|_| !is_end) {
            self.mark_records_missing(None, line, handler);
        }
    }

    /// Makes the books of a connection, or of all connections, gaps until their next snapshots.
    fn mark_records_missing(&mut self, of: Option<ConnectionId>, line: u64, handler: &mut H) {
        let states = self.connections.iter_mut().map(|it| &mut it.state);
        for state in states.filter(|it| of.is_none_or(|of| it.id == of)) {
            self.books.mark_records_missing(state.id, self.now);
            // The record of its reopening may be missing.
            state.was_closed = false;
        }
        // A break of the handler is returned for messages only.
        let _ = report_state_changes(self.now, &mut self.books, handler, &mut self.taps, None);
        self.collect(line);
    }

    /// Ends the replay: the last invalidations have no matching record.
    pub fn finish(&mut self) {
        self.report_unmatched();
    }

    /// Removes the oldest queued invalidation.
    pub fn next_invalidation(&mut self) -> Option<ReplayInvalidation> {
        self.invalidations.pop_front()
    }

    /// The books.
    #[must_use]
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// The counts of each connection.
    pub fn stats(&self) -> impl Iterator<Item = (ConnectionId, Stats)> {
        let all = self.connections.iter();
        all.map(|it| (it.state.id, it.session.stats()))
    }

    fn index_of(&self, record: &Record) -> Option<usize> {
        let connection = record.connection.unwrap_or_default();
        let mut all = self.connections.iter();
        all.position(|it| it.state.id == connection)
    }

    /// Marks the books of the record's connection as stale that had no update for the recorded limit.
    fn expire(&mut self, record: &Record, handler: &mut H) {
        let recorded = RecordedInvalidation::read(record);
        let limit = recorded.and_then(|it| it.stale_after_ns);
        let (Some(limit), Some(connection)) = (limit, record.connection) else {
            return;
        };
        let limit = Duration::from_nanos(limit);
        self.books.expire_connection(connection, limit, self.now);
        // A break of the handler is returned for messages only.
        let _ = report_state_changes(self.now, &mut self.books, handler, &mut self.taps, None);
    }

    /// Collects the invalidations that a line caused.
    fn collect(&mut self, line: u64) {
        let new = self.tap.take().into_iter();
        self.unmatched
            .extend(new.map(|it| ReplayInvalidation { line, ..it }));
    }

    /// Matches a recorded invalidation with one of the replay.
    fn match_recorded(&mut self, record: &Record) {
        let Some(recorded) = RecordedInvalidation::read(record) else {
            return;
        };
        let recorded = ReplayInvalidation {
            line: record.line,
            at: self.now.0,
            connection: record.connection.unwrap_or_default(),
            market: recorded.market,
            book: recorded.book,
            state: recorded.state,
            check: ReplayCheck::Missing,
        };
        let is_same = |it: &ReplayInvalidation| {
            (&it.market, &it.book, &it.state) == (&recorded.market, &recorded.book, &recorded.state)
        };
        let index = self.unmatched.iter().position(is_same);
        let reproduced = index.and_then(|index| self.unmatched.remove(index));
        self.queue(reproduced.map_or(recorded, |it| ReplayInvalidation {
            check: ReplayCheck::Reproduced,
            ..it
        }));
    }

    /// Queues the invalidations that the log has not recorded so far.
    fn report_unmatched(&mut self) {
        let check = match self.records_events {
            true => ReplayCheck::Added,
            false => ReplayCheck::Unrecorded,
        };
        while let Some(it) = self.unmatched.pop_front() {
            self.queue(ReplayInvalidation { check, ..it });
        }
    }

    fn queue(&mut self, invalidation: ReplayInvalidation) {
        if self.invalidations.len() >= MAX_INVALIDATIONS {
            self.invalidations.pop_front();
        }
        self.invalidations.push_back(invalidation);
    }
}

impl<H: Handler> Default for Replay<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H> std::fmt::Debug for Replay<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("connections", &self.connections.len())
            .field("books", &self.books.len())
            .finish_non_exhaustive()
    }
}

/// The session of any venue.
trait DynSession<H> {
    /// Replays a record. Outgoing messages and requests are dropped.
    fn apply(
        &mut self,
        record: &Record,
        state: &mut ConnectionState,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> ReplayStep;
    fn skip_line(&mut self);
    fn stats(&self) -> Stats;
}

impl<V: Venue, H: OnMessage<V>> DynSession<H> for Session<V> {
    fn apply(
        &mut self,
        record: &Record,
        state: &mut ConnectionState,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> ReplayStep {
        let before = Self::stats(self).messages;
        let mut outcome = CallOutcome::Control;
        let opens = match record.kind {
            RecordKind::Opened => true,
            // The log does not record when its first connection opened.
            RecordKind::Received => !state.is_open && !state.was_closed,
            _ => false,
        };
        if opens {
            state.is_open = true;
            outcome = self.opened(now, books, handler).into();
        }
        let text = record.frame.as_slice();
        outcome = match record.kind {
            _ if outcome == CallOutcome::StopFeed => outcome,
            RecordKind::Received => self.frame(text, now, books, handler),
            RecordKind::Fetched => self.response(None, Ok(text), now, books, handler),
            // Otherwise it records a failed connection attempt.
            RecordKind::Closed if mem::take(&mut state.is_open) => {
                state.was_closed = true;
                let reason = String::from_utf8_lossy(text).into_owned();
                let reason = Disconnect::Failed(reason.into());
                self.disconnected(now, &reason, books, handler).into()
            }
            _ => outcome,
        };
        while self.outgoing(now).is_some() {}
        while self.next_request(now).is_some() {}
        ReplayStep {
            outcome,
            messages: Self::stats(self).messages - before,
        }
    }

    fn skip_line(&mut self) {
        self.skip_frame();
    }

    fn stats(&self) -> Stats {
        Self::stats(self)
    }
}

/// The text of a recorded invalidation.
#[derive(Deserialize)]
struct RecordedInvalidation {
    book: String,
    market: String,
    state: String,
    stale_after_ns: Option<u64>,
}

impl RecordedInvalidation {
    fn read(record: &Record) -> Option<Self> {
        serde_json::from_slice(&record.frame).ok()
    }
}

/// Collects the invalidations that the sessions report.
#[derive(Clone, Debug, Default)]
struct InvalidationTap(Arc<Invalidations>);

#[derive(Debug, Default)]
struct Invalidations {
    /// Whether the list has entries. Read at each line, usually false.
    any: AtomicBool,
    list: Mutex<Vec<ReplayInvalidation>>,
}

impl InvalidationTap {
    fn take(&self) -> Vec<ReplayInvalidation> {
        // The flag orders no other memory; the lock orders the list.
        if !self.0.any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut list = self.0.list.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.any.store(false, Ordering::Relaxed);
        mem::take(&mut *list)
    }
}

impl Tap for InvalidationTap {
    fn record(&mut self, record: &WireRecord<'_>) {
        let WireEvent::Invalidated(invalidation) = record.event else {
            return;
        };
        let mut list = self.0.list.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.any.store(true, Ordering::Relaxed);
        list.push(ReplayInvalidation {
            line: 0,
            at: record.at.0,
            connection: record.connection,
            market: invalidation.market.to_owned(),
            book: invalidation.book.to_owned(),
            state: invalidation.state.as_str().to_owned(),
            check: ReplayCheck::Unrecorded,
        });
    }
}
