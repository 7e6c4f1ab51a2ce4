//! A log, played through the sessions' own rules.

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

/// The most connections of a log that are played. Each costs a session, and a log may be anybody's.
pub const MAX_CONNECTIONS: usize = 1_024;

/// The most invalidations that a replay keeps for [`Replay::next_invalidation`]; beyond, it drops the oldest.
pub const MAX_INVALIDATIONS: usize = 65_536;

/// The books of a log: each connection of it through a session of its own, at the times that were
/// recorded.
///
/// A message goes the way that it went live, so the books, their changes and their states come out as
/// they were. What a [`Recorder`](super::Recorder) noted besides is played too: openings, closings,
/// bodies that were fetched, books that became stale. A line without a time, or with one that is before
/// that of an earlier line, has the earlier time: a session's time does not go back. Outgoing
/// messages are not played, and a log does not record the user's requests: use a venue in the form that keeps
/// whatever arrives (`any`).
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
    lanes: Vec<ReplayConnection<H>>,
    taps: TapList,
    found: InvalidationTap,
    /// Invalidations of this run that the log may note later.
    open: VecDeque<ReplayInvalidation>,
    invalidations: VecDeque<ReplayInvalidation>,
    /// The log notes invalidations.
    notes: bool,
    /// Lines that could not be read so far.
    skipped: u64,
    /// The latest time so far.
    now: Nanos,
    /// The last line.
    line: u64,
    stale_after: Option<Duration>,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayStep {
    /// What the session said to it.
    pub outcome: CallOutcome,
    /// How many messages were decoded.
    pub messages: u64,
}

/// A book that is no longer to be trusted: see [`WireEvent::Invalidated`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayInvalidation {
    /// The line of the log that did it, from 0.
    pub line: u64,
    /// When, in nanoseconds since 1970.
    pub at: u64,
    /// The connection that feeds the book.
    pub connection: ConnectionId,
    /// The market that the book belongs to.
    pub market: String,
    /// The book's name.
    pub book: String,
    /// What it is then: [`State::as_str`](ticklot_book::BookState::as_str).
    pub state: String,
    /// Who says so.
    pub check: ReplayCheck,
}

/// Who says that a book has lost its trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayCheck {
    /// The log notes it, and it came out again.
    Reproduced,
    /// It came out, of a log that notes no such thing.
    Unrecorded,
    /// It came out, and the log, which notes such things, does not have it: what is played differs from
    /// what was live.
    Added,
    /// The log notes it, and it did not come out: what is played differs from what was live.
    Missing,
}

impl ReplayCheck {
    /// Whether what is played differs from what was live.
    #[must_use]
    pub fn differs(self) -> bool {
        matches!(self, Self::Added | Self::Missing)
    }
}

/// A connection of the log.
struct ReplayConnection<H> {
    connection: ConnectionId,
    session: Box<dyn DynSession<H>>,
    /// Whether frames are numbered by the lines of the log.
    by_lines: bool,
    is_open: bool,
    /// Whether the connection was closed once: it is opened by the log then, not by its first message.
    was_closed: bool,
}

impl<H: Handler> Replay<H> {
    /// No connections yet.
    #[must_use]
    pub fn new() -> Self {
        let (found, mut taps) = (InvalidationTap::default(), TapList::default());
        taps.add(Box::new(found.clone()));
        Self {
            books: Books::new(),
            lanes: Vec::new(),
            taps,
            found,
            open: VecDeque::new(),
            invalidations: VecDeque::new(),
            notes: false,
            skipped: 0,
            now: Nanos(0),
            line: 0,
            stale_after: None,
        }
    }

    /// After how long without a message a book is stale, for connections that are added later and whose records do
    /// not have a connection: no such log notes when a book became stale. Default: never.
    pub fn set_stale_after(&mut self, limit: Option<Duration>) {
        self.stale_after = limit;
    }

    /// Time passes without a line, up to `at` in nanoseconds since 1970: books become stale that had no message for
    /// their limit. The events are delivered in this call. An earlier time than the last one does nothing.
    pub fn advance(&mut self, at: u64, handler: &mut H) {
        self.now = self.now.max(Nanos(at));
        // Whether to go on is asked for messages only.
        let _ = expire_and_report(self.now, &mut self.books, handler, &mut self.taps);
        self.gather(self.line);
        if !self.notes {
            self.settle();
        }
    }

    /// Whether there is a session for this record, or none is needed.
    #[must_use]
    pub fn knows(&self, record: &Record) -> bool {
        record.kind == RecordKind::Dropped || self.place(record).is_some()
    }

    /// Adds a session for the record's connection. Frames are numbered as they were live, or, where the
    /// log says no connections, by its lines.
    ///
    /// # Errors
    /// There are [`MAX_CONNECTIONS`] already.
    pub fn add<V: Venue + 'static>(&mut self, record: &Record, venue: V) -> Result<(), LogError>
    where
        H: OnMessage<V>,
    {
        if self.lanes.len() >= MAX_CONNECTIONS {
            let (line, limit) = (record.line, MAX_CONNECTIONS);
            return Err(LogError::Connections { line, limit });
        }
        let connection = record.connection.unwrap_or_default();
        let by_lines = record.connection.is_none();
        let options = Options {
            count_control: by_lines,
            // A log that has connections notes what became stale.
            stale_after: self.stale_after.filter(|_| by_lines),
            seed: Some(0),
            ..Options::default()
        };
        let mut session = Session::new(venue, connection, options, &mut self.books);
        session.tap(Box::new(self.found.clone()));
        (0..self.skipped)
            .filter(|_| by_lines)
            .for_each(|_| session.skip_frame());
        self.lanes.push(ReplayConnection {
            connection,
            session: Box::new(session),
            by_lines,
            is_open: false,
            was_closed: false,
        });
        Ok(())
    }

    /// Plays a line. One of a connection without a session is passed over.
    ///
    /// At a line that reports missing records ([`RecordKind::Dropped`]), the books of its connection, or of all
    /// when it names none, become gaps until their next snapshots. The events are delivered in this call.
    pub fn apply(&mut self, record: &Record, handler: &mut H) -> ReplayStep {
        if record.kind != RecordKind::Invalidated {
            self.settle();
        }
        self.notes |= record.kind != RecordKind::Received;
        self.now = self.now.max(Nanos(record.recv_ns));
        self.line = record.line;
        let nothing = ReplayStep {
            outcome: CallOutcome::Control,
            messages: 0,
        };
        if record.kind == RecordKind::Dropped {
            self.lose_records(record.connection, record.line, handler);
            return nothing;
        }
        let Some(place) = self.place(record) else {
            return nothing;
        };
        let applied = match record.kind {
            RecordKind::Invalidated => {
                self.expire(record, handler);
                nothing
            }
            _ => self.lanes[place].apply(record, self.now, &mut self.books, handler),
        };
        self.gather(record.line);
        if record.kind == RecordKind::Invalidated {
            self.compare(record);
        }
        applied
    }

    /// A line could not be read. Where frames are numbered by lines, it keeps its number. All books become
    /// gaps until their next snapshots, since the line may have been a message of any of them; the events
    /// are delivered in this call. After a cut at the end of the log the books remain as they are.
    pub fn skip_line(&mut self, error: &LogError, handler: &mut H) {
        self.settle();
        self.skipped += 1;
        for lane in self.lanes.iter_mut().filter(|lane| lane.by_lines) {
            lane.session.skip_line();
        }
        let is_end = error.is_cut() && error.is_fatal();
        if let Some(line) = error.line().filter(|_| !is_end) {
            self.lose_records(None, line, handler);
        }
    }

    /// Records of a connection, or of all of them, are missing.
    fn lose_records(&mut self, of: Option<ConnectionId>, line: u64, handler: &mut H) {
        let lost = |lane: &&mut ReplayConnection<H>| of.is_none_or(|of| lane.connection == of);
        for lane in self.lanes.iter_mut().filter(lost) {
            self.books.mark_records_missing(lane.connection, self.now);
            // That the connection opened again may be among them.
            lane.was_closed = false;
        }
        // Whether to go on is asked for messages only.
        let _ = report_state_changes(self.now, &mut self.books, handler, &mut self.taps, None);
        self.gather(line);
    }

    /// The log is at its end: what it might still have noted it did not.
    pub fn finish(&mut self) {
        self.settle();
    }

    /// The next invalidation, oldest first.
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
        let all = self.lanes.iter();
        all.map(|lane| (lane.connection, lane.session.stats()))
    }

    fn place(&self, record: &Record) -> Option<usize> {
        let connection = record.connection.unwrap_or_default();
        let mut lanes = self.lanes.iter();
        lanes.position(|lane| lane.connection == connection)
    }

    /// A book became stale: whatever has heard nothing for the limit that is noted with it does.
    fn expire(&mut self, record: &Record, handler: &mut H) {
        let limit = RecordedInvalidation::read(record).and_then(|note| note.stale_after_ns);
        let (Some(limit), Some(connection)) = (limit, record.connection) else {
            return;
        };
        let limit = Duration::from_nanos(limit);
        self.books.expire_connection(connection, limit, self.now);
        // Whether to go on is asked for messages only.
        let _ = report_state_changes(self.now, &mut self.books, handler, &mut self.taps, None);
    }

    /// Gathers what has come out of a line.
    fn gather(&mut self, line: u64) {
        let found = self.found.take().into_iter();
        self.open
            .extend(found.map(|it| ReplayInvalidation { line, ..it }));
    }

    /// Holds what came out against what the log notes.
    fn compare(&mut self, record: &Record) {
        let Some(note) = RecordedInvalidation::read(record) else {
            return;
        };
        let noted = ReplayInvalidation {
            line: record.line,
            at: self.now.0,
            connection: record.connection.unwrap_or_default(),
            market: note.market,
            book: note.book,
            state: note.state,
            check: ReplayCheck::Missing,
        };
        let is_same = |it: &ReplayInvalidation| {
            (&it.market, &it.book, &it.state) == (&noted.market, &noted.book, &noted.state)
        };
        let same = self.open.iter().position(is_same);
        let found = same
            .and_then(|at| self.open.remove(at))
            .map(|it| ReplayInvalidation {
                check: ReplayCheck::Reproduced,
                ..it
            });
        self.keep(found.unwrap_or(noted));
    }

    /// What the log has not noted by now it does not note.
    fn settle(&mut self) {
        let check = match self.notes {
            true => ReplayCheck::Added,
            false => ReplayCheck::Unrecorded,
        };
        while let Some(it) = self.open.pop_front() {
            self.keep(ReplayInvalidation { check, ..it });
        }
    }

    fn keep(&mut self, invalidation: ReplayInvalidation) {
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
            .field("connections", &self.lanes.len())
            .field("books", &self.books.len())
            .finish_non_exhaustive()
    }
}

impl<H> ReplayConnection<H> {
    fn apply(
        &mut self,
        record: &Record,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> ReplayStep {
        let text = record.frame.as_slice();
        let before = self.session.messages();
        let reply = match record.kind {
            RecordKind::Opened => self.open(now, books, handler),
            RecordKind::Received => match self.open_at_first(now, books, handler) {
                CallOutcome::StopFeed => CallOutcome::StopFeed,
                _ => self.session.call(Input::Frame(text), now, books, handler),
            },
            RecordKind::Fetched => self.session.call(Input::Body(text), now, books, handler),
            RecordKind::Closed => self.close(now, text, books, handler),
            _ => CallOutcome::Control,
        };
        self.session.forget_outgoing(now);
        ReplayStep {
            outcome: reply,
            messages: self.session.messages() - before,
        }
    }

    /// A log that does not say when the connection opened begins with its first message.
    fn open_at_first(&mut self, now: Nanos, books: &mut Books, handler: &mut H) -> CallOutcome {
        if self.is_open || self.was_closed {
            return CallOutcome::Control;
        }
        self.open(now, books, handler)
    }

    fn open(&mut self, now: Nanos, books: &mut Books, handler: &mut H) -> CallOutcome {
        self.is_open = true;
        self.session.call(Input::Opened, now, books, handler)
    }

    fn close(
        &mut self,
        now: Nanos,
        reason: &[u8],
        books: &mut Books,
        handler: &mut H,
    ) -> CallOutcome {
        // One that could not even be made has nothing to close.
        if !mem::take(&mut self.is_open) {
            return CallOutcome::Control;
        }
        self.was_closed = true;
        let reason = String::from_utf8_lossy(reason).into_owned();
        let reason = Disconnect::Failed(reason.into());
        let input = Input::Disconnected(&reason);
        self.session.call(input, now, books, handler)
    }
}

/// An input of a session.
enum Input<'a> {
    Opened,
    Frame(&'a [u8]),
    /// The body of an HTTP response.
    Body(&'a [u8]),
    Disconnected(&'a Disconnect),
}

/// A session of any venue.
trait DynSession<H> {
    fn call(
        &mut self,
        input: Input<'_>,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> CallOutcome;
    /// There is nobody to send to.
    fn forget_outgoing(&mut self, now: Nanos);
    fn skip_line(&mut self);
    fn stats(&self) -> Stats;
    /// Of these, the messages: asked for twice a line.
    fn messages(&self) -> u64;
}

impl<V: Venue, H: OnMessage<V>> DynSession<H> for Session<V> {
    fn call(
        &mut self,
        input: Input<'_>,
        now: Nanos,
        books: &mut Books,
        handler: &mut H,
    ) -> CallOutcome {
        match input {
            Input::Opened => self.opened(now, books, handler).into(),
            Input::Frame(frame) => self.frame(frame, now, books, handler),
            Input::Body(body) => self.response(None, Ok(body), now, books, handler),
            Input::Disconnected(reason) => self.disconnected(now, reason, books, handler).into(),
        }
    }

    fn forget_outgoing(&mut self, now: Nanos) {
        while self.outgoing(now).is_some() {}
        while self.next_request(now).is_some() {}
    }

    fn skip_line(&mut self) {
        self.skip_frame();
    }

    fn stats(&self) -> Stats {
        Self::stats(self)
    }

    fn messages(&self) -> u64 {
        Self::stats(self).messages
    }
}

/// An invalidation as a log notes it.
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
    /// Whether there is any: it is asked for at each line, and mostly there is none.
    any: AtomicBool,
    list: Mutex<Vec<ReplayInvalidation>>,
}

impl InvalidationTap {
    fn take(&self) -> Vec<ReplayInvalidation> {
        // Nothing else is told by it, and the lock orders the list.
        if !self.0.any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut list = self.0.list.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.any.store(false, Ordering::Relaxed);
        mem::take(&mut *list)
    }
}

impl Tap for InvalidationTap {
    fn record(&mut self, passed: &WireRecord<'_>) {
        let WireEvent::Invalidated(lost) = passed.event else {
            return;
        };
        let mut list = self.0.list.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.any.store(true, Ordering::Relaxed);
        list.push(ReplayInvalidation {
            line: 0,
            at: passed.at.0,
            connection: passed.connection,
            market: lost.market.to_owned(),
            book: lost.book.to_owned(),
            state: lost.state.as_str().to_owned(),
            check: ReplayCheck::Unrecorded,
        });
    }
}
