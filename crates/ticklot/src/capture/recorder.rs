//! Everything that passes, into files, from a thread of its own.
//!
//! The reading task copies what passes into a ring that a lock guards; the writing thread takes the
//! whole ring out four times a second, or when it is half full, by putting an empty one in its place.
//! So the lock is held for a copy on the one side and for an exchange of two pointers on the other,
//! and neither packing nor the disk is ever waited for. What does not fit is counted, and a line of
//! the log says how much is missing there.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ticklot_book::Nanos;

use super::file::{LogFiles, RecordError, Rotation};
use super::line::{self, unix};
use crate::ring::{Head, Ring};
use crate::tap::{Kind, Passed, Tap};

/// How often what has come is written and can be read from the file: what a killed process loses at
/// most, and the time that the writing itself takes.
const FLUSH: Duration = Duration::from_millis(250);

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
    /// What came and could not be kept: it came faster than it could be written, or writing failed.
    pub dropped: u64,
    /// How many files there are.
    pub files: u32,
    /// The file that is written now.
    pub path: PathBuf,
    /// Whether writing has failed: [`Recorder::finish`] says why. Nothing more is written.
    pub failed: bool,
}

/// Records what passes. A [`Tap`]: its clones write to the same files.
///
/// ```no_run
/// use ticklot::capture::{RecordOptions, Recorder};
/// # use ticklot::{Books, Event, Feed, Venue};
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
    writer: Arc<Writer>,
    scratch: Vec<u8>,
}

impl Recorder {
    /// Creates the file, compressed as its name ends (`.gz`, `.zst`), and the thread that writes.
    /// `unix_zero` is the zero of the session's clock in nanoseconds since 1970:
    /// `Clock::unix_zero` of a feed.
    ///
    /// # Errors
    /// The file is there already or cannot be created, or the thread cannot be started.
    pub fn create(
        path: impl AsRef<Path>,
        unix_zero: u64,
        options: RecordOptions,
    ) -> Result<Self, RecordError> {
        let files = LogFiles::create(path.as_ref(), options.rotation)?;
        let queue = Arc::new(Queue::new(options.queue, files.path()));
        let work = Work {
            queue: Arc::clone(&queue),
            batch: Ring::with_capacity(options.queue),
            unix_zero,
            text: Vec::new(),
            line: Vec::new(),
        };
        let thread = thread::Builder::new()
            .name("ticklot-record".to_owned())
            .spawn(move || work.run(files))
            .map_err(RecordError::Thread)?;
        let writer = Writer {
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

    /// Writes what came and ends the file. What passes after it is not recorded. Waits for the disk.
    ///
    /// # Errors
    /// Something could not be written, now or before. Asked again, it says so no more.
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
    fn passed(&mut self, passed: &Passed<'_>) {
        let head = Head {
            at: passed.at,
            connection: passed.connection,
            venue: passed.venue,
            kind: passed.what.kind(),
        };
        let text = passed.what.text(&mut self.scratch);
        self.queue.push(&head, text);
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
    gap: Option<Missing>,
    closed: bool,
    recorded: Recorded,
    error: Option<RecordError>,
}

/// What did not fit behind what waits.
#[derive(Clone, Copy, Debug)]
struct Missing {
    since: Nanos,
    count: u64,
}

impl Queue {
    fn new(bytes: usize, path: &Path) -> Self {
        let recorded = Recorded {
            files: 1,
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

    fn push(&self, head: &Head, text: &[u8]) {
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
        let since = head.at;
        state.gap.get_or_insert(Missing { since, count: 0 }).count += 1;
    }

    /// Exchanges what waits for the empty `batch`, at the latest after [`FLUSH`]. Returns what is
    /// missing behind it, and whether it is the last.
    fn take(&self, batch: &mut Ring) -> (Option<Missing>, bool) {
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
struct Writer {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    fn end(&self) {
        self.queue.close();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // It does not panic; if it did, the file would end where it was.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the thread works with.
struct Work {
    queue: Arc<Queue>,
    batch: Ring,
    unix_zero: u64,
    text: Vec<u8>,
    line: Vec<u8>,
}

impl Work {
    fn run(mut self, files: LogFiles) {
        let mut files = Some(files);
        loop {
            let (missing, last) = self.queue.take(&mut self.batch);
            if let Some(open) = &mut files
                && let Err(error) = self.write(open, missing)
            {
                files = None;
                self.fail(error);
            }
            self.batch.clear();
            if last {
                break;
            }
        }
        let ended = files.map(LogFiles::finish).transpose();
        match ended {
            Ok(bytes) => {
                let recorded = &mut self.queue.lock().recorded;
                recorded.bytes = bytes.unwrap_or(recorded.bytes);
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&self, error: RecordError) {
        let mut state = self.queue.lock();
        state.recorded.failed = true;
        state.error = Some(error);
    }

    /// Writes the batch, and lets it be read.
    fn write(&mut self, files: &mut LogFiles, missing: Option<Missing>) -> Result<(), RecordError> {
        let (mut lines, mut frames) = (0, 0);
        while let Some(head) = self.batch.pop(&mut self.text) {
            self.write_line(files, &head)?;
            lines += 1;
            frames += u64::from(head.kind == Kind::Received);
        }
        if let Some(missing) = missing {
            self.write_missing(files, missing)?;
            lines += 1;
        }
        if lines == 0 {
            return Ok(());
        }
        files.flush()?;
        let recorded = &mut self.queue.lock().recorded;
        recorded.lines += lines;
        recorded.frames += frames;
        recorded.bytes = files.bytes();
        recorded.files = files.files();
        if recorded.path != files.path() {
            files.path().clone_into(&mut recorded.path);
        }
        Ok(())
    }

    fn write_line(&mut self, files: &mut LogFiles, head: &Head) -> Result<(), RecordError> {
        let head = line::Head {
            recv_ns: unix(self.unix_zero, head.at),
            connection: Some(head.connection),
            venue: head.venue.0,
            kind: head.kind,
        };
        self.line.clear();
        line::write(&mut self.line, &head, &self.text);
        files.line(head.recv_ns, &self.line)
    }

    fn write_missing(&mut self, files: &mut LogFiles, missing: Missing) -> Result<(), RecordError> {
        let head = line::Head {
            recv_ns: unix(self.unix_zero, missing.since),
            connection: None,
            venue: "",
            kind: Kind::Dropped,
        };
        self.line.clear();
        line::write(&mut self.line, &head, missing.count.to_string().as_bytes());
        files.line(head.recv_ns, &self.line)
    }
}
