//! Reads the records of a log.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use thiserror::Error;

use super::compression::{Compression, Decompressor};
use crate::books::ConnectionId;
use crate::observe::tap::RecordKind;

/// The longest line of a log, in bytes: a frame of the largest size with every byte escaped.
pub const MAX_LINE: usize = 64 << 20;

/// The maximum number of bytes of the reason why a line is not a record.
const MAX_REASON: usize = 256;

/// A line of a log: a received frame, or another event of the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The number of the line, from 0.
    pub line: u64,
    /// The time in nanoseconds since 1970; 0 if unknown.
    pub recv_ns: u64,
    /// The kind of the record.
    pub kind: RecordKind,
    /// The connection; `None` in the log of a recorder with only one.
    pub connection: Option<ConnectionId>,
    /// The name of the connection's venue; empty if unknown.
    pub venue: String,
    /// The text of the frame; for another kind, its details.
    pub frame: Vec<u8>,
}

/// The error of a log, or of one of its lines.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file could not be opened.
    #[error("cannot open the log: {0}")]
    Open(#[source] io::Error),
    /// The log ends within a line, or a compressed part of it ends too early, because the recorder was killed or the
    /// copy of the file is incomplete. Everything before was read.
    #[error("log line {line}: the log is cut off here{}", resumed(*.resumes))]
    Truncated {
        /// The incomplete line, from 0.
        line: u64,
        /// Whether the log continues after it with the next gzip member or Zstandard frame, such as the next file of a
        /// concatenation.
        resumes: bool,
    },
    /// The log has more connections than a replay supports.
    #[error("log line {line}: more than {limit} connections")]
    Connections {
        /// The line of the first connection beyond the limit, from 0.
        line: u64,
        /// The limit: [`MAX_CONNECTIONS`](super::MAX_CONNECTIONS).
        limit: usize,
    },
    /// The file could not be read further, because of damaged compression or a wrong checksum, for example. Earlier
    /// lines of the same gzip member or Zstandard frame may be wrong, too.
    #[error("log line {line}: cannot read further: {source}{}", resumed(*.resumes))]
    Read {
        /// The line that was being read, from 0.
        line: u64,
        /// Whether the log continues after it with the next gzip member or Zstandard frame.
        resumes: bool,
        /// The cause.
        source: io::Error,
    },
    /// The line is not a record. The next line may be one.
    #[error("log line {line}, byte {byte}: not a record: {reason}")]
    Record {
        /// The line, from 0.
        line: u64,
        /// The offset in the line, in bytes.
        byte: usize,
        /// Why the line is not a record.
        reason: String,
    },
}

impl LogError {
    /// Whether the rest of the log cannot be read.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Record { .. } => false,
            Self::Truncated { resumes, .. } | Self::Read { resumes, .. } => !resumes,
            Self::Open(_) | Self::Connections { .. } => true,
        }
    }

    /// Whether the log, or a compressed part of it, ends too early. Everything before was read.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        matches!(self, Self::Truncated { .. })
    }

    /// The line that could not be read, from 0; `None` if the log could not be opened.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Open(_) => None,
            Self::Truncated { line, .. }
            | Self::Connections { line, .. }
            | Self::Read { line, .. }
            | Self::Record { line, .. } => Some(*line),
        }
    }
}

/// The end of an error message about the rest of the log.
fn resumed(resumes: bool) -> &'static str {
    match resumes {
        true => ", and continues with its next compressed part",
        false => "",
    }
}

/// Properties of the times in the part of a log that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// The probable unit of the first known time. Times are always read as nanoseconds.
    pub unit: TimeUnit,
    /// The number of times that were replaced by 0 (unknown): those of 2^63 or more, and those a day or more later than
    /// both the previous and the next time.
    pub outliers: u64,
}

/// A unit of time since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// The unit of a valid log.
    #[default]
    Nanoseconds,
    /// Interpreted as microseconds, the time is in the years 2000 to 2100.
    Microseconds,
    /// Interpreted as milliseconds, the time is in the years 2000 to 2100.
    Milliseconds,
}

impl TimeUnit {
    /// The unit in which a time is in this century; nanoseconds if there is none.
    fn of(time: u64) -> Self {
        // 2000-01-01 and 2100-01-01, in seconds since 1970.
        let century = 946_684_800..4_102_444_800;
        if century.contains(&(time / 1_000)) {
            Self::Milliseconds
        } else if century.contains(&(time / 1_000_000)) {
            Self::Microseconds
        } else {
            Self::Nanoseconds
        }
    }

    /// The length of the unit in nanoseconds.
    #[must_use]
    pub const fn nanoseconds(self) -> u64 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
        }
    }
}

/// A time that is later than both the previous and the next one by this much is wrong: one day, in nanoseconds.
const OUTLIER: u64 = 24 * 60 * 60 * 1_000_000_000;

/// The progress of reading a log, in bytes of its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The bytes read so far.
    pub read: u64,
    /// The length of the file when it was opened; 0 if unknown.
    pub total: u64,
}

/// Counts the bytes that are read.
struct CountingReader<R> {
    input: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.input.read(buffer)?;
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// The text of a log, decompressed if necessary.
enum LogInput {
    Plain(Box<dyn BufRead + Send>),
    Compressed(Box<BufReader<Decompressor>>),
}

impl LogInput {
    fn new(mut input: impl Read + Send + 'static) -> io::Result<Self> {
        let mut start = Vec::new();
        let longest = Compression::LONGEST as u64;
        (&mut input).take(longest).read_to_end(&mut start)?;
        let compression = Compression::of(&start);
        let input = Cursor::new(start).chain(input);
        Ok(match compression {
            None => Self::Plain(Box::new(BufReader::with_capacity(1 << 16, input))),
            Some(_) => {
                Self::Compressed(Box::new(BufReader::new(Decompressor::new(Box::new(input)))))
            }
        })
    }

    fn read(&mut self) -> &mut dyn BufRead {
        match self {
            Self::Plain(text) => text,
            Self::Compressed(text) => text,
        }
    }

    fn unverified(&self) -> u64 {
        match self {
            Self::Plain(_) => 0,
            Self::Compressed(text) => text.get_ref().unverified(),
        }
    }

    /// Whether the text continues after the last error.
    fn take_resumes(&mut self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Compressed(text) => text.get_mut().take_resumes(),
        }
    }
}

/// Reads a frame log line by line: plain, gzip or Zstandard, as detected from its first bytes.
///
/// By default it returns the received frames of all connections; [`FrameLog::everything`] and [`FrameLog::of`] change
/// that. [`FrameLog::next_record`] reuses one record; the iterator returns a new record for each line. After a fatal
/// error ([`LogError::is_fatal`]) there are no more records; after another error, the next line follows.
///
/// A log that is cut off returns all records before the cut, and then [`LogError::Truncated`]. A plain log that is cut
/// between two lines looks complete. In a concatenation of compressed files, the log continues after the cut of one
/// file with the next file.
///
/// An implausible time is returned as 0 (unknown): see [`FrameLog::times`].
///
/// ```no_run
/// use ticklot::capture::FrameLog;
///
/// # fn main() -> Result<(), ticklot::capture::LogError> {
/// for record in FrameLog::open("book.jsonl.zst")? {
///     let record = record?;
///     println!("{}: {} bytes", record.recv_ns, record.frame.len());
/// }
/// # Ok(())
/// # }
/// ```
pub struct FrameLog {
    input: LogInput,
    text: Vec<u8>,
    record: Record,
    /// The line after `record`, if it was read to check the time of `record`.
    next: Record,
    /// The result of reading `next`.
    ahead: Option<Option<Result<(), LogError>>>,
    /// The latest time so far; 0 for none.
    time: u64,
    times: Times,
    line: u64,
    is_over: bool,
    everything: bool,
    of: Option<ConnectionId>,
    read: Arc<AtomicU64>,
    length: u64,
}

impl FrameLog {
    /// Opens a log file.
    ///
    /// # Errors
    /// The file cannot be opened, or its beginning cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LogError> {
        let file = File::open(path).map_err(LogError::Open)?;
        let length = file.metadata().map_or(0, |about| about.len());
        let log = Self::from_reader(file).map_err(LogError::Open)?;
        Ok(Self { length, ..log })
    }

    /// Reads a log from a reader.
    ///
    /// # Errors
    /// The beginning of the log cannot be read.
    pub fn from_reader(input: impl Read + Send + 'static) -> io::Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let counted = CountingReader {
            input,
            read: Arc::clone(&read),
        };
        Ok(Self {
            input: LogInput::new(counted)?,
            text: Vec::new(),
            record: Record::default(),
            next: Record::default(),
            ahead: None,
            time: 0,
            times: Times::default(),
            line: 0,
            is_over: false,
            everything: false,
            of: None,
            read,
            length: 0,
        })
    }

    /// Returns records of every kind: also sent messages, opened and closed connections, and books that became invalid.
    #[must_use]
    pub fn everything(mut self) -> Self {
        self.everything = true;
        self
    }

    /// Returns only the records of one connection. A line without a connection belongs to connection 0, except that
    /// missing records ([`RecordKind::Dropped`]) may belong to any.
    #[must_use]
    pub fn of(mut self, connection: ConnectionId) -> Self {
        self.of = Some(connection);
        self
    }

    /// The number of Zstandard frames without a content checksum in the part that was read. Damage to such a frame may
    /// change the text without an error. Recordings of this crate have checksums.
    #[must_use]
    pub fn unverified(&self) -> u64 {
        self.input.unverified()
    }

    /// The progress in the file. Buffered data counts as read.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            read: self.read.load(Ordering::Relaxed),
            total: self.length,
        }
    }

    /// The properties of the times of the lines so far.
    #[must_use]
    pub fn times(&self) -> Times {
        self.times
    }

    /// The next record, in a reused buffer; `None` at the end. Blank lines are skipped.
    ///
    /// # Errors
    /// The line is not a record, or the log cannot be read further.
    pub fn next_record(&mut self) -> Option<Result<&Record, LogError>> {
        loop {
            match self.next_line()? {
                Ok(()) if self.is_wanted() => return Some(Ok(&self.record)),
                Ok(()) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn is_wanted(&self) -> bool {
        let of_any = self.record.connection.is_none() && self.record.kind == RecordKind::Dropped;
        let connection = self.record.connection.unwrap_or_default();
        (self.everything || self.record.kind == RecordKind::Received)
            && self.of.is_none_or(|wanted| of_any || wanted == connection)
    }

    /// Reads the next line into the record, and checks its time; `None` at the end.
    fn next_line(&mut self) -> Option<Result<(), LogError>> {
        let read = match self.ahead.take() {
            Some(ahead) => {
                mem::swap(&mut self.record, &mut self.next);
                ahead
            }
            None => self.read_record(),
        };
        if let Some(Ok(())) = read {
            self.check_time();
        }
        read
    }

    /// Replaces a time that is far later than the previous and the next one by 0. The next line is read in advance only
    /// at the first known time, and after a step of a day or more.
    fn check_time(&mut self) {
        let at = self.record.recv_ns;
        if at == 0 || (self.time > 0 && at < self.time.saturating_add(OUTLIER)) {
            self.time = self.time.max(at);
            return;
        }
        mem::swap(&mut self.record, &mut self.next);
        let ahead = self.read_record();
        mem::swap(&mut self.record, &mut self.next);
        let is_outlier = matches!(ahead, Some(Ok(())))
            && (1..at.saturating_sub(OUTLIER)).contains(&self.next.recv_ns);
        self.ahead = Some(ahead);
        if is_outlier {
            self.record.recv_ns = 0;
            self.times.outliers += 1;
        } else {
            if self.time == 0 {
                self.times.unit = TimeUnit::of(at);
            }
            self.time = at;
        }
    }

    /// Reads a line into the record; `None` at the end.
    fn read_record(&mut self) -> Option<Result<(), LogError>> {
        loop {
            let line = self.line;
            match self.read_line() {
                Ok(false) => return None,
                Ok(true) if self.text.trim_ascii().is_empty() => {}
                Ok(true) => return Some(self.parse(line)),
                Err(source) => {
                    let resumes = self.input.take_resumes();
                    self.is_over = !resumes;
                    self.line = line + 1;
                    let is_truncated = source.kind() == io::ErrorKind::UnexpectedEof;
                    return Some(Err(match is_truncated {
                        true => LogError::Truncated { line, resumes },
                        false => LogError::Read {
                            line,
                            resumes,
                            source,
                        },
                    }));
                }
            }
        }
    }

    /// Reads a line into `text`; false at the end.
    fn read_line(&mut self) -> io::Result<bool> {
        if self.is_over {
            return Ok(false);
        }
        self.text.clear();
        let limit = MAX_LINE as u64 + 1;
        let input = self.input.read();
        let read = input.take(limit).read_until(b'\n', &mut self.text)?;
        if read > MAX_LINE {
            return Err(io::Error::other(format!("longer than {MAX_LINE} bytes")));
        }
        self.line += 1;
        Ok(read > 0)
    }

    fn parse(&mut self, line: u64) -> Result<(), LogError> {
        // The last line of a truncated log has no line feed and is not valid JSON.
        let is_whole = self.text.ends_with(b"\n");
        let text = match std::str::from_utf8(&self.text) {
            Ok(text) => text,
            Err(error) if error.error_len().is_none() && !is_whole => return self.cut(line),
            Err(error) => return not_a_record(line, error.valid_up_to(), &"not valid UTF-8"),
        };
        match serde_json::from_str::<RawRecord<'_>>(text) {
            Ok(raw) => {
                raw.copy_to(line, &mut self.record);
                // Later than the year 2262, so not the time of a working clock.
                if i64::try_from(self.record.recv_ns).is_err() {
                    self.record.recv_ns = 0;
                    self.times.outliers += 1;
                }
                Ok(())
            }
            Err(error) if error.is_eof() && !is_whole => self.cut(line),
            // serde_json counts columns from 1, and the text is one line.
            Err(error) => not_a_record(line, error.column().saturating_sub(1), &plain_text(&error)),
        }
    }

    fn cut(&mut self, line: u64) -> Result<(), LogError> {
        self.is_over = true;
        let resumes = false;
        Err(LogError::Truncated { line, resumes })
    }
}

/// The members of a line.
#[derive(Deserialize)]
struct RawRecord<'a> {
    #[serde(default)]
    recv_ns: u64,
    conn: Option<u32>,
    #[serde(borrow)]
    venue: Option<Cow<'a, str>>,
    #[serde(borrow)]
    dir: Option<Cow<'a, str>>,
    #[serde(borrow)]
    frame: Cow<'a, str>,
}

impl RawRecord<'_> {
    fn copy_to(&self, line: u64, record: &mut Record) {
        record.line = line;
        record.recv_ns = self.recv_ns;
        record.kind = self
            .dir
            .as_deref()
            .map_or(RecordKind::Received, RecordKind::from_name);
        record.connection = self.conn.map(ConnectionId);
        record.venue.clear();
        record.venue.push_str(self.venue.as_deref().unwrap_or(""));
        record.frame.clear();
        record.frame.extend_from_slice(self.frame.as_bytes());
    }
}

fn not_a_record(line: u64, byte: usize, reason: &dyn std::fmt::Display) -> Result<(), LogError> {
    let mut reason = reason.to_string();
    // It may quote the line.
    if reason.len() > MAX_REASON {
        let mut end = MAX_REASON;
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        reason.truncate(end);
        reason.push_str("...");
    }
    Err(LogError::Record { line, byte, reason })
}

/// The message of a `serde_json` error without its line and column.
fn plain_text(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

impl Iterator for FrameLog {
    type Item = Result<Record, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.next_record()?.cloned())
    }
}

impl std::fmt::Debug for FrameLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameLog")
            .field("line", &self.line)
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}
