//! Records all messages and events into files, on a separate thread.
//!
//! The reading task copies each record into a ring under a lock. Four times a second, or when the ring is half full,
//! the writing thread swaps the ring for an empty one. The reading task therefore holds the lock for one copy, the
//! writing thread for one swap, and the reading task never waits for compression or the disk. Records that do not fit
//! are counted, and a line of the log contains their number.
//!
//! When the disk is full, the file ends with the last flushed line. The recording continues in another file when there
//! is room, and a line of that file contains the number of missing records.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ticklot_book::Nanos;

use super::file::{LogFiles, RecordError, Rotation};
use super::log_line::{self, RecordHeader, unix};
use crate::capture::ring::{IncidentRecord, Ring};
use crate::observe::tap::{RecordKind, Tap, WireRecord};

/// The interval at which records are written and flushed. A killed process loses the records of one interval, and of
/// the time that the write takes.
const FLUSH: Duration = Duration::from_millis(250);

/// The interval at which the writing thread tries again while the disk is full.
const RETRY: Duration = Duration::from_secs(1);

/// The maximum number of bytes of records that are kept in memory before the first message.
const MAX_HELD: usize = 1 << 20;

/// The default of [`RecordOptions::queue`].
const MAX_QUEUE: usize = 32 << 20;

/// The options of a [`Recorder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordOptions {
    /// When to start another file. Default: never.
    pub rotation: Rotation,
    /// The maximum number of bytes that wait to be written; records beyond are dropped and counted. Twice as much is
    /// allocated up front, but its pages are used only as the queue fills. Default: 32 MiB.
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

/// The counts and the state of a [`Recorder`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// The written lines of every kind.
    pub lines: u64,
    /// The received messages among them.
    pub frames: u64,
    /// The size of the files in bytes, as compressed.
    pub bytes: u64,
    /// The records that were dropped, because the queue or the disk was full.
    pub dropped: u64,
    /// The number of files; 0 before the first message.
    pub files: u32,
    /// The current file, or the next one if there is none.
    pub path: PathBuf,
    /// Whether there is no room to write ([`RecordError::is_disk_full`]). New records are dropped until a write succeeds;
    /// it is tried again every second.
    pub waits: bool,
    /// Whether a write failed for another reason. Nothing more is written.
    pub failed: bool,
}

/// Writes all messages and events to files. A [`Tap`] whose clones write to the same files.
///
/// ```no_run
/// use ticklot::capture::{RecordOptions, Recorder};
/// # use ticklot::{Books, Event, Feed};
/// # use ticklot::venue::Venue;
/// # async fn example<V: Venue + 'static>(venue: V) -> Result<(), Box<dyn std::error::Error>> {
/// # let mut feed = Feed::new(|_: Event<'_>, _: &Books| std::ops::ControlFlow::Continue(()));
/// let zero = feed.clock().unix_offset();
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
/// A record costs the reading task an uncontended lock and a copy, and allocates nothing. Dropping the last clone
/// writes the queued records and finishes the file, but cannot report an error: call [`Recorder::finish`].
#[derive(Clone, Debug)]
pub struct Recorder {
    queue: Arc<Queue>,
    writer: Arc<WriterThread>,
    scratch: Vec<u8>,
}

impl Recorder {
    /// Starts the writing thread, which creates the file at the first message. The suffix of its name selects the
    /// compression (`.gz`, `.zst`). Until then, at most 1 MiB of other records of open connections are kept in memory.
    /// If the file exists, the recording continues in the next numbered file: see [`Rotation`]. `unix_offset` is the zero
    /// of the session's clock in nanoseconds since 1970: `Clock::unix_offset` of a feed.
    ///
    /// # Errors
    /// The folder does not exist, the path has no file name, or the thread cannot be started.
    pub fn create(
        path: impl AsRef<Path>,
        unix_offset: u64,
        options: RecordOptions,
    ) -> Result<Self, RecordError> {
        let files = LogFiles::new(path.as_ref(), options.rotation)?;
        let queue = Arc::new(Queue::new(options.queue, files.path()));
        let work = WriterTask {
            queue: Arc::clone(&queue),
            batch: Ring::with_capacity(options.queue),
            files,
            header: Some(HeaderRecords::default()),
            unflushed: None,
            lines: 0,
            frames: 0,
            unflushed_missing: None,
            missing: None,
            retry_at: None,
            unix_offset,
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

    /// The counts and the state. Waits for the lock of the queue, so do not call it for each message.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        self.queue.lock().recorded.clone()
    }

    /// The last write error that no call returned yet. The next error is reported only after the recording has
    /// continued.
    pub fn take_error(&self) -> Option<RecordError> {
        self.queue.lock().error.take()
    }

    /// Writes the queued records and finishes the file. Later records are dropped. Waits for the disk.
    ///
    /// # Errors
    /// A write failed, now or earlier, and no call has returned the error yet.
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
    fn record(&mut self, record: &WireRecord<'_>) {
        let text = record.event.text(&mut self.scratch);
        self.queue.push(&IncidentRecord::of(record), text);
    }
}

/// The records that wait to be written.
#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// The number of waiting bytes at which the writing thread is woken.
    half: usize,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    /// The records that were dropped since the ring was last swapped.
    dropped: Option<MissingRecords>,
    closed: bool,
    recorded: Recorded,
    error: Option<RecordError>,
}

/// A number of missing records, and the time of the first.
#[derive(Clone, Copy, Debug)]
struct MissingRecords {
    since: Nanos,
    count: u64,
}

impl MissingRecords {
    /// Adds the later records `more` to `missing`.
    fn add(missing: &mut Option<Self>, more: Option<Self>) {
        let Some(more) = more else { return };
        missing.get_or_insert(Self { count: 0, ..more }).count += more.count;
    }

    fn add_one(missing: &mut Option<Self>, since: Nanos) {
        Self::add(missing, Some(Self { since, count: 1 }));
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
                dropped: None,
                closed: false,
                recorded,
                error: None,
            }),
            wake: Condvar::new(),
            half: bytes / 2,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the state inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, head: &IncidentRecord, text: &[u8]) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let before = state.ring.len();
        // After a dropped record nothing is pushed, since it would be written before the line for the dropped ones.
        if !state.recorded.failed && state.dropped.is_none() && state.ring.push(head, text) {
            let after = state.ring.len();
            drop(state);
            if before < self.half && self.half <= after {
                self.wake.notify_one();
            }
            return;
        }
        state.recorded.dropped += 1;
        MissingRecords::add_one(&mut state.dropped, head.at);
    }

    /// Swaps the ring for the empty `batch`, after [`FLUSH`] at the latest. Returns the records that were dropped after
    /// the batch, and whether the batch is the last one.
    fn take(&self, batch: &mut Ring) -> (Option<MissingRecords>, bool) {
        let state = self.lock();
        let idle = |state: &mut State| !state.closed && state.ring.len() < self.half;
        let waited = self.wake.wait_timeout_while(state, FLUSH, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.ring, batch);
        (state.dropped.take(), state.closed)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }
}

/// The handle of the writing thread, which ends when the last clone of the recorder is dropped.
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
            // The thread does not panic; if it did, the file would end early.
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
    /// Keeps a record; false if it is the first message or does not fit.
    fn keep(&mut self, head: &IncidentRecord, text: &[u8]) -> bool {
        match head.kind {
            RecordKind::Received | RecordKind::Fetched => return false,
            // A replay needs no records of a connection that ended without a message.
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

/// The state of the writing thread.
struct WriterTask {
    queue: Arc<Queue>,
    batch: Ring,
    files: LogFiles,
    /// The records before the first message; `None` after it.
    header: Option<HeaderRecords>,
    /// The records written since the last flush, and their lines and frames.
    unflushed: Option<MissingRecords>,
    lines: u64,
    frames: u64,
    /// The missing records that lines since the last flush report.
    unflushed_missing: Option<MissingRecords>,
    /// The missing records that no line reports yet.
    missing: Option<MissingRecords>,
    /// When to try again after there was no room.
    retry_at: Option<Instant>,
    unix_offset: u64,
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
                self.discard(missing);
            } else if let Err(error) = self.write(missing, last) {
                failed = !error.is_disk_full();
                self.discard(None);
                self.fail(error);
            }
            if last {
                break;
            }
        }
    }

    /// Writes and flushes the batch; finishes the file after the last one.
    fn write(&mut self, missing: Option<MissingRecords>, last: bool) -> Result<(), RecordError> {
        while let Some(head) = self.batch.pop(&mut self.text) {
            let text = std::mem::take(&mut self.text);
            let written = self.record(&head, &text);
            self.text = text;
            if written.is_err() {
                // The rest of the batch precedes the missing records.
                self.discard(missing);
                return written;
            }
        }
        MissingRecords::add(&mut self.missing, missing);
        if self.header.is_none() {
            self.write_missing()?;
        }
        if last {
            self.files.end()?;
        } else if self.lines > 0 {
            self.files.flush()?;
        } else {
            return Ok(());
        }
        self.mark_flushed();
        Ok(())
    }

    /// Writes a record, or keeps it in memory until the first message.
    fn record(&mut self, head: &IncidentRecord, text: &[u8]) -> Result<(), RecordError> {
        if let Some(header) = &mut self.header
            && header.keep(head, text)
        {
            return Ok(());
        }
        for (head, text) in self.header.take().unwrap_or_default().records {
            self.put(&head, &text)?;
        }
        self.put(head, text)
    }

    fn put(&mut self, head: &IncidentRecord, text: &[u8]) -> Result<(), RecordError> {
        let at = head.at;
        let head = head.line_header(self.unix_offset);
        if self.files.is_full(head.recv_ns) {
            self.files.end()?;
            self.mark_flushed();
        }
        self.write_missing()?;
        MissingRecords::add_one(&mut self.unflushed, at);
        self.lines += 1;
        self.frames += u64::from(head.kind == RecordKind::Received);
        self.write_line(&head, text)
    }

    /// Writes a line with the number of the missing records, if there are any.
    fn write_missing(&mut self) -> Result<(), RecordError> {
        let Some(missing) = self.missing.take() else {
            return Ok(());
        };
        MissingRecords::add(&mut self.unflushed_missing, Some(missing));
        self.lines += 1;
        let head = RecordHeader {
            recv_ns: unix(self.unix_offset, missing.since),
            connection: None,
            venue: "",
            kind: RecordKind::Dropped,
        };
        self.write_line(&head, missing.count.to_string().as_bytes())
    }

    fn write_line(&mut self, head: &RecordHeader<'_>, text: &[u8]) -> Result<(), RecordError> {
        self.line.clear();
        log_line::write(&mut self.line, head, text);
        self.files.line(head.recv_ns, &self.line)
    }

    /// Updates the counts after all lines so far were flushed.
    fn mark_flushed(&mut self) {
        (self.unflushed, self.unflushed_missing, self.retry_at) = (None, None, None);
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

    /// Discards the lines since the last flush and the rest of the batch, and counts them and the `missing` records
    /// after the batch as missing.
    fn discard(&mut self, missing: Option<MissingRecords>) {
        self.files.abandon();
        let mut all = self.unflushed_missing.take();
        let mut dropped = self.unflushed.take();
        while let Some(head) = self.batch.pop(&mut self.text) {
            MissingRecords::add_one(&mut dropped, head.at);
        }
        (self.lines, self.frames) = (0, 0);
        MissingRecords::add(&mut all, dropped);
        MissingRecords::add(&mut all, self.missing.take());
        MissingRecords::add(&mut all, missing);
        self.missing = all;
        let recorded = &mut self.queue.lock().recorded;
        recorded.dropped += dropped.map_or(0, |it| it.count);
        recorded.bytes = self.files.bytes();
        recorded.files = self.files.files();
    }

    fn fail(&mut self, error: RecordError) {
        let is_first = self.retry_at.is_none();
        // If the file has reached its maximum size, another one can be started immediately.
        let wait = match error.is_too_large() {
            true => Duration::ZERO,
            false => RETRY,
        };
        self.retry_at = Some(Instant::now() + wait);
        let mut state = self.queue.lock();
        state.recorded.waits = error.is_disk_full();
        state.recorded.failed = !error.is_disk_full();
        if is_first || state.recorded.failed {
            state.error = Some(error);
        }
    }
}
