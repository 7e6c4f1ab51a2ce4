//! Everything that passes, into files, from a thread of its own.
//!
//! The reading task copies what passes into a ring that a lock guards; the writing thread takes the
//! whole ring out four times a second, or when it is half full, by putting an empty one in its place.
//! So the lock is held for a copy on the one side and for an exchange of two pointers on the other,
//! and neither packing nor the disk is ever waited for. What does not fit is counted, and a line of
//! the log says how much is missing there.
//!
//! When the disk is full, the file ends with the last line that was flushed. The recording
//! continues in another one when there is room, and a line of it says how much is missing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ticklot_book::Nanos;

use super::file::{LogFiles, RecordError, Rotation};
use super::log_line::{self, unix};
use crate::capture::ring::{IncidentRecord, Ring};
use crate::observe::tap::{RecordKind, Tap, WireRecord};

/// How often what has come is written and can be read from the file: what a killed process loses at
/// most, and the time that the writing itself takes.
const FLUSH: Duration = Duration::from_millis(250);

/// How long the writing thread waits for room on a full disk before it tries again.
const RETRY: Duration = Duration::from_secs(1);

/// The most bytes of records before the first message that wait for it.
const MAX_HELD: usize = 1 << 20;

/// The most bytes that wait to be written, by default.
const MAX_QUEUE: usize = 32 << 20;

/// How to record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordOptions {
    /// When to go on in another file. Default: never.
    pub rotation: Rotation,
    /// How many bytes may wait to be written; what comes beyond is dropped and counted. Twice as much
    /// is reserved at once, and used only as it fills. Default: 32 MiB.
    pub queue: usize,
}

impl Default for RecordOptions {
    fn default() -> Self {
        Self {
            rotation: Rotation::default(),
            queue: MAX_QUEUE,
        }
    }
}

/// What a recorder has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// Lines written, of every kind.
    pub lines: u64,
    /// Of these, messages that came.
    pub frames: u64,
    /// Bytes in the files, packed as they are.
    pub bytes: u64,
    /// Records that could not be kept: they came faster than they could be written, or there was no room on the disk.
    pub dropped: u64,
    /// How many files there are: none before the first message.
    pub files: u32,
    /// The file that is written now, or will be.
    pub path: PathBuf,
    /// Whether there is no room to write ([`RecordError::is_no_room`]). New records are dropped, and writing is tried
    /// again every second.
    pub waits: bool,
    /// Whether writing has failed for another reason: nothing more is written.
    pub failed: bool,
}

/// Records what passes. A [`Tap`]: its clones write to the same files.
///
/// ```no_run
/// use ticklot::capture::{RecordOptions, Recorder};
/// # use ticklot::{Books, Event, Feed};
/// # use ticklot::venue::Venue;
/// # async fn example<V: Venue + 'static>(venue: V) -> Result<(), Box<dyn std::error::Error>> {
/// # let mut feed = Feed::new(|_: Event<'_>, _: &Books| std::ops::ControlFlow::Continue(()));
/// let zero = feed.clock().unix_zero();
/// let recorder = Recorder::create("book.jsonl.zst", zero, RecordOptions::default())?;
/// feed.tap(recorder.clone());
/// feed.add(venue);
/// feed.run().await;
/// let recorded = recorder.finish()?;
/// println!("{} frames, {} dropped", recorded.frames, recorded.dropped);
/// # Ok(())
/// # }
/// ```
///
/// On the reading task it costs a lock that is free and a copy of the message, and allocates nothing.
/// When the last clone is dropped what came is written and the file ended, without a word if that
/// fails.
#[derive(Clone, Debug)]
pub struct Recorder {
    queue: Arc<Queue>,
    writer: Arc<WriterThread>,
    scratch: Vec<u8>,
}

impl Recorder {
    /// Starts the thread that writes. It creates the file at the first message, compressed as its name ends (`.gz`,
    /// `.zst`); until then it keeps at most 1 MiB of other records, of connections that are open. Where the file is
    /// there already, the recording goes into the next numbered one: see [`Rotation`].
    /// `unix_zero` is the zero of the session's clock in nanoseconds since 1970:
    /// `Clock::unix_zero` of a feed.
    ///
    /// # Errors
    /// There is no such folder, the path names no file, or the thread cannot be started.
    pub fn create(
        path: impl AsRef<Path>,
        unix_zero: u64,
        options: RecordOptions,
    ) -> Result<Self, RecordError> {
        let files = LogFiles::new(path.as_ref(), options.rotation)?;
        let queue = Arc::new(Queue::new(options.queue, files.path()));
        let work = WriterTask {
            queue: Arc::clone(&queue),
            batch: Ring::with_capacity(options.queue),
            files,
            held: Some(HeaderRecords::default()),
            unflushed: None,
            lines: 0,
            frames: 0,
            noted: None,
            lost: None,
            retry_at: None,
            unix_zero,
            text: Vec::new(),
            line: Vec::new(),
        };
        let thread = thread::Builder::new()
            .name("ticklot-record".to_owned())
            .spawn(move || work.run())
            .map_err(RecordError::Thread)?;
        let writer = WriterThread {
            queue: Arc::clone(&queue),
            thread: Mutex::new(Some(thread)),
        };
        Ok(Self {
            queue,
            writer: Arc::new(writer),
            scratch: Vec::with_capacity(512),
        })
    }

    /// What it has done so far. For now and then: it waits for the lock.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        self.queue.lock().recorded.clone()
    }

    /// Why something could not be written, unless it was asked for already. The next failure is reported after the
    /// recording has continued.
    pub fn take_error(&self) -> Option<RecordError> {
        self.queue.lock().error.take()
    }

    /// Writes what came and ends the file. What passes after it is not recorded. Waits for the disk.
    ///
    /// # Errors
    /// Something could not be written, now or before, and [`Recorder::take_error`] has not returned it. Asked again,
    /// it says so no more.
    pub fn finish(&self) -> Result<Recorded, RecordError> {
        self.writer.end();
        let mut state = self.queue.lock();
        match state.error.take() {
            Some(error) => Err(error),
            None => Ok(state.recorded.clone()),
        }
    }
}

impl Tap for Recorder {
    fn record(&mut self, passed: &WireRecord<'_>) {
        let text = passed.event.text(&mut self.scratch);
        self.queue.push(&IncidentRecord::of(passed), text);
    }
}

/// What waits to be written.
#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// The writer is woken when so many bytes wait.
    half: usize,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    gap: Option<MissingRecords>,
    closed: bool,
    recorded: Recorded,
    error: Option<RecordError>,
}

/// Records that are missing, or may yet be.
#[derive(Clone, Copy, Debug)]
struct MissingRecords {
    since: Nanos,
    count: u64,
}

impl MissingRecords {
    /// Counts `more` behind `missing`.
    fn add(missing: &mut Option<Self>, more: Option<Self>) {
        let Some(more) = more else { return };
        missing.get_or_insert(Self { count: 0, ..more }).count += more.count;
    }
}

impl Queue {
    fn new(bytes: usize, path: &Path) -> Self {
        let recorded = Recorded {
            path: path.to_owned(),
            ..Recorded::default()
        };
        Self {
            state: Mutex::new(State {
                ring: Ring::with_capacity(bytes),
                gap: None,
                closed: false,
                recorded,
                error: None,
            }),
            wake: Condvar::new(),
            half: bytes / 2,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic and leave a half of anything.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, head: &IncidentRecord, text: &[u8]) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let before = state.ring.len();
        // Behind a gap nothing goes in, or it would come out before it.
        if !state.recorded.failed && state.gap.is_none() && state.ring.push(head, text) {
            let after = state.ring.len();
            drop(state);
            if before < self.half && self.half <= after {
                self.wake.notify_one();
            }
            return;
        }
        state.recorded.dropped += 1;
        let (since, count) = (head.at, 1);
        MissingRecords::add(&mut state.gap, Some(MissingRecords { since, count }));
    }

    /// Exchanges what waits for the empty `batch`, at the latest after [`FLUSH`]. Returns what is
    /// missing behind it, and whether it is the last.
    fn take(&self, batch: &mut Ring) -> (Option<MissingRecords>, bool) {
        let state = self.lock();
        let idle = |state: &mut State| !state.closed && state.ring.len() < self.half;
        let waited = self.wake.wait_timeout_while(state, FLUSH, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.ring, batch);
        (state.gap.take(), state.closed)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }
}

/// The thread that writes. It ends when nobody is left to record.
#[derive(Debug)]
struct WriterThread {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl WriterThread {
    fn end(&self) {
        self.queue.close();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // It does not panic; if it did, the file would end where it was.
            let _ = thread.join();
        }
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.end();
    }
}

/// Records before the first message.
#[derive(Default)]
struct HeaderRecords {
    records: Vec<(IncidentRecord, Vec<u8>)>,
    bytes: usize,
}

impl HeaderRecords {
    /// Keeps a record; false when it is the first message, or there is no room.
    fn keep(&mut self, head: &IncidentRecord, text: &[u8]) -> bool {
        match head.kind {
            RecordKind::Received | RecordKind::Fetched => return false,
            // A connection without a message, or one that could not be made, has nothing that a replay needs.
            RecordKind::Closed => {
                self.records
                    .retain(|(it, _)| it.connection != head.connection);
                self.bytes = self.records.iter().map(|(_, text)| text.len()).sum();
                return true;
            }
            _ => {}
        }
        let bytes = self.bytes + text.len();
        if bytes > MAX_HELD {
            return false;
        }
        self.bytes = bytes;
        self.records.push((*head, text.to_owned()));
        true
    }
}

/// What the thread works with.
struct WriterTask {
    queue: Arc<Queue>,
    batch: Ring,
    files: LogFiles,
    /// None from the first message on.
    held: Option<HeaderRecords>,
    /// Records that were written since the last flush, and how many lines and frames they are.
    unflushed: Option<MissingRecords>,
    lines: u64,
    frames: u64,
    /// Missing records that were noted since the last flush.
    noted: Option<MissingRecords>,
    /// Missing records that are not noted yet.
    lost: Option<MissingRecords>,
    /// When writing is tried again after there was no room.
    retry_at: Option<Instant>,
    unix_zero: u64,
    text: Vec<u8>,
    line: Vec<u8>,
}

impl WriterTask {
    fn run(mut self) {
        let mut failed = false;
        loop {
            let (missing, last) = self.queue.take(&mut self.batch);
            let waits = |at| !last && Instant::now() < at;
            if failed || self.retry_at.is_some_and(waits) {
                self.lose(missing);
            } else if let Err(error) = self.write(missing, last) {
                failed = !error.is_no_room();
                self.lose(None);
                self.fail(error);
            }
            if last {
                break;
            }
        }
    }

    /// Writes the batch and lets it be read; ends the file if it is the last one.
    fn write(&mut self, missing: Option<MissingRecords>, last: bool) -> Result<(), RecordError> {
        while let Some(head) = self.batch.pop(&mut self.text) {
            let text = std::mem::take(&mut self.text);
            let written = self.record(&head, &text);
            self.text = text;
            if written.is_err() {
                // It is missing behind the rest of the batch, which is lost.
                self.lose(missing);
                return written;
            }
        }
        MissingRecords::add(&mut self.lost, missing);
        if self.held.is_none() {
            self.note_lost()?;
        }
        if last {
            self.files.end()?;
        } else if self.lines > 0 {
            self.files.flush()?;
        } else {
            return Ok(());
        }
        self.settle();
        Ok(())
    }

    /// Writes a record, unless there has been no message yet.
    fn record(&mut self, head: &IncidentRecord, text: &[u8]) -> Result<(), RecordError> {
        if let Some(held) = &mut self.held
            && held.keep(head, text)
        {
            return Ok(());
        }
        for (head, text) in self.held.take().unwrap_or_default().records {
            self.put(&head, &text)?;
        }
        self.put(head, text)
    }

    fn put(&mut self, head: &IncidentRecord, text: &[u8]) -> Result<(), RecordError> {
        let (since, count) = (head.at, 1);
        let (connection, venue) = (Some(head.connection), head.venue.0);
        let head = log_line::RecordHeader {
            recv_ns: unix(self.unix_zero, head.at),
            connection,
            venue,
            kind: head.kind,
        };
        if self.files.is_full(head.recv_ns) {
            self.files.end()?;
            self.settle();
        }
        self.note_lost()?;
        MissingRecords::add(&mut self.unflushed, Some(MissingRecords { since, count }));
        self.lines += 1;
        self.frames += u64::from(head.kind == RecordKind::Received);
        self.line.clear();
        log_line::write(&mut self.line, &head, text);
        self.files.line(head.recv_ns, &self.line)
    }

    /// Writes a line that says how many records are missing, if any are.
    fn note_lost(&mut self) -> Result<(), RecordError> {
        let Some(lost) = self.lost.take() else {
            return Ok(());
        };
        MissingRecords::add(&mut self.noted, Some(lost));
        self.lines += 1;
        let head = log_line::RecordHeader {
            recv_ns: unix(self.unix_zero, lost.since),
            connection: None,
            venue: "",
            kind: RecordKind::Dropped,
        };
        self.line.clear();
        log_line::write(&mut self.line, &head, lost.count.to_string().as_bytes());
        self.files.line(head.recv_ns, &self.line)
    }

    /// Every line so far can be read from the file.
    fn settle(&mut self) {
        (self.unflushed, self.noted, self.retry_at) = (None, None, None);
        let recorded = &mut self.queue.lock().recorded;
        recorded.waits = false;
        recorded.lines += std::mem::take(&mut self.lines);
        recorded.frames += std::mem::take(&mut self.frames);
        recorded.bytes = self.files.bytes();
        recorded.files = self.files.files();
        if recorded.path != self.files.path() {
            self.files.path().clone_into(&mut recorded.path);
        }
    }

    /// The lines since the last flush are lost, with the rest of the batch and the `missing` records behind it.
    fn lose(&mut self, missing: Option<MissingRecords>) {
        self.files.abandon();
        let mut lost = self.noted.take();
        let mut dropped = self.unflushed.take();
        while let Some(head) = self.batch.pop(&mut self.text) {
            let (since, count) = (head.at, 1);
            MissingRecords::add(&mut dropped, Some(MissingRecords { since, count }));
        }
        (self.lines, self.frames) = (0, 0);
        MissingRecords::add(&mut lost, dropped);
        MissingRecords::add(&mut lost, self.lost.take());
        MissingRecords::add(&mut lost, missing);
        self.lost = lost;
        let recorded = &mut self.queue.lock().recorded;
        recorded.dropped += dropped.map_or(0, |it| it.count);
        recorded.bytes = self.files.bytes();
        recorded.files = self.files.files();
    }

    fn fail(&mut self, error: RecordError) {
        let is_first = self.retry_at.is_none();
        // Where one file may not be larger, another one can be begun at once.
        let wait = match error.is_too_large() {
            true => Duration::ZERO,
            false => RETRY,
        };
        self.retry_at = Some(Instant::now() + wait);
        let mut state = self.queue.lock();
        state.recorded.waits = error.is_no_room();
        state.recorded.failed = !error.is_no_room();
        if is_first || state.recorded.failed {
            state.error = Some(error);
        }
    }
}
