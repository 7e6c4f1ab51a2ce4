//! A log, read.

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

/// The most bytes of the reason why a line is no record.
const MAX_REASON: usize = 256;

/// A line of a log: a frame as it was received, or what else passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The line of the log, from 0.
    pub line: u64,
    /// When it was received, in nanoseconds since 1970; 0 when the recorder did not know.
    pub recv_ns: u64,
    /// What it is.
    pub kind: RecordKind,
    /// Which connection it passed over; none when the recorder did not say, since it had one.
    pub connection: Option<ConnectionId>,
    /// The connection's venue, in the log's words; empty when the recorder did not say.
    pub venue: String,
    /// The text of the frame; of another kind, what there is to say.
    pub frame: Vec<u8>,
}

/// Why a log, or a line of it, could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file could not be opened.
    #[error("cannot open the log: {0}")]
    Open(#[source] io::Error),
    /// The log ends in the middle of a line, or a compressed part of it in the middle of its compression: the
    /// recorder was killed, or a file was not copied whole. Everything before was read.
    #[error("log line {line}: the log is cut off here{}", resumed(*.resumes))]
    Cut {
        /// The line that is not whole, from 0.
        line: u64,
        /// Whether the log continues behind it: with the next gzip member or Zstandard frame, which is the next
        /// file where files were put together with `cat`.
        resumes: bool,
    },
    /// The log names more connections than are played.
    #[error("log line {line}: more than {limit} connections")]
    Connections {
        /// The line that names one too many, from 0.
        line: u64,
        /// The limit: [`MAX_CONNECTIONS`](super::MAX_CONNECTIONS).
        limit: usize,
    },
    /// The file could not be read further: its compression is broken, or its checksum differs, say. The lines
    /// before it in the same gzip member or Zstandard frame may be wrong, too.
    #[error("log line {line}: cannot read further: {source}{}", resumed(*.resumes))]
    Read {
        /// The line that was being read, from 0.
        line: u64,
        /// Whether the log continues behind it, with the next gzip member or Zstandard frame.
        resumes: bool,
        /// Why.
        source: io::Error,
    },
    /// The line is no record. The next one may be.
    #[error("log line {line}, byte {byte}: not a record: {what}")]
    Record {
        /// The line, from 0.
        line: u64,
        /// The byte of the line, from 0.
        byte: usize,
        /// Why.
        what: String,
    },
}

impl LogError {
    /// Whether the rest of the log is lost with it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Record { .. } => false,
            Self::Cut { resumes, .. } | Self::Read { resumes, .. } => !resumes,
            Self::Open(_) | Self::Connections { .. } => true,
        }
    }

    /// Whether the log, or a compressed part of it, ends too early, and all that there is of it was read.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Cut { .. })
    }

    /// The line that could not be read, from 0; none when the log could not be opened.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Open(_) => None,
            Self::Cut { line, .. }
            | Self::Connections { line, .. }
            | Self::Read { line, .. }
            | Self::Record { line, .. } => Some(*line),
        }
    }
}

/// What an error says of the rest of the log.
fn resumed(resumes: bool) -> &'static str {
    match resumes {
        true => ", and continues with its next compressed part",
        false => "",
    }
}

/// What the times of a log are, as far as it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// The unit that the first known time is probably in. Times are read as nanoseconds in any case.
    pub unit: TimeUnit,
    /// How many times were taken for unknown: those from 2^63 on, and those a day or more later than both the time
    /// before and the next one.
    pub outliers: u64,
}

/// A unit of time since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// What a log has.
    #[default]
    Nanoseconds,
    /// As microseconds, the time is in the years 2000 to 2100.
    Microseconds,
    /// As milliseconds, the time is in the years 2000 to 2100.
    Milliseconds,
}

impl TimeUnit {
    /// The unit in which a time is in this century. Nanoseconds when it is in none.
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

    /// How many nanoseconds it has.
    #[must_use]
    pub const fn nanoseconds(self) -> u64 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
        }
    }
}

/// A time that is so much later than the one before and the one behind it is wrong: a day, in nanoseconds.
const OUTLIER: u64 = 24 * 60 * 60 * 1_000_000_000;

/// How far a log is read, in bytes of its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What was read of the file.
    pub read: u64,
    /// How long the file was when it was opened; 0 when that is not known.
    pub of: u64,
}

/// Counts what is read.
struct Counted<R> {
    input: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.input.read(buffer)?;
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// The text of a log.
enum Text {
    Plain(Box<dyn BufRead + Send>),
    Packed(Box<BufReader<Decompressor>>),
}

impl Text {
    fn new(mut input: impl Read + Send + 'static) -> io::Result<Self> {
        let mut start = Vec::new();
        let longest = Compression::LONGEST as u64;
        (&mut input).take(longest).read_to_end(&mut start)?;
        let packing = Compression::of(&start);
        let input = Cursor::new(start).chain(input);
        Ok(match packing {
            None => Self::Plain(Box::new(BufReader::with_capacity(1 << 16, input))),
            Some(_) => Self::Packed(Box::new(BufReader::new(Decompressor::new(Box::new(input))))),
        })
    }

    fn read(&mut self) -> &mut dyn BufRead {
        match self {
            Self::Plain(text) => text,
            Self::Packed(text) => text,
        }
    }

    fn unverified(&self) -> u64 {
        match self {
            Self::Plain(_) => 0,
            Self::Packed(text) => text.get_ref().unverified(),
        }
    }

    /// Whether it can be read on behind the last error.
    fn take_resumes(&mut self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Packed(text) => text.get_mut().take_resumes(),
        }
    }
}

/// A frame log, read line by line: plain, gzip or Zstandard, told by its first bytes.
///
/// It gives the frames that were received, of all connections; [`FrameLog::everything`] and
/// [`FrameLog::of`] choose otherwise. [`FrameLog::next_record`] reuses one record; the iterator gives
/// each away. After a fatal error ([`LogError::is_fatal`]) there is nothing more; after another one the
/// next line follows.
///
/// A log that is cut off gives everything up to its cut and then [`LogError::Cut`]. A plain one that is
/// cut between two lines looks like a whole one. Where compressed files were put together with
/// `cat`, the log continues behind the cut of one of them with the next file.
///
/// A time that cannot be right is given as 0, which is not known: see [`FrameLog::times`].
pub struct FrameLog {
    input: Text,
    text: Vec<u8>,
    record: Record,
    /// The line behind that of `record`, where it was read to judge its time.
    next: Record,
    ahead: Option<Option<Result<(), LogError>>>,
    /// The latest time so far; 0 for none.
    time: u64,
    times: Times,
    line: u64,
    over: bool,
    everything: bool,
    of: Option<ConnectionId>,
    read: Arc<AtomicU64>,
    length: u64,
}

impl FrameLog {
    /// Opens a log.
    ///
    /// # Errors
    /// The file cannot be opened, or its beginning cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LogError> {
        let file = File::open(path).map_err(LogError::Open)?;
        let length = file.metadata().map_or(0, |about| about.len());
        let log = Self::from_reader(file).map_err(LogError::Open)?;
        Ok(Self { length, ..log })
    }

    /// Reads a log from anything.
    ///
    /// # Errors
    /// Its beginning cannot be read.
    pub fn from_reader(input: impl Read + Send + 'static) -> io::Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            input,
            read: Arc::clone(&read),
        };
        Ok(Self {
            input: Text::new(counted)?,
            text: Vec::new(),
            record: Record::default(),
            next: Record::default(),
            ahead: None,
            time: 0,
            times: Times::default(),
            line: 0,
            over: false,
            everything: false,
            of: None,
            read,
            length: 0,
        })
    }

    /// Gives lines of every kind: what was sent, openings and closings, losses of trust.
    #[must_use]
    pub fn everything(mut self) -> Self {
        self.everything = true;
        self
    }

    /// Gives only the records of one connection. Lines without a connection are of the first, 0, but
    /// records that are missing ([`RecordKind::Dropped`]) may be of any.
    #[must_use]
    pub fn of(mut self, connection: ConnectionId) -> Self {
        self.of = Some(connection);
        self
    }

    /// How many Zstandard frames of the file, as far as it was read, have no content checksum. Damage to such a
    /// frame may give other text and no error. Recordings of this crate have checksums.
    #[must_use]
    pub fn unverified(&self) -> u64 {
        self.input.unverified()
    }

    /// How far it is read. What is unpacked and waits counts as read.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            read: self.read.load(Ordering::Relaxed),
            of: self.length,
        }
    }

    /// What the times of the lines so far are.
    #[must_use]
    pub fn times(&self) -> Times {
        self.times
    }

    /// The next record, in a buffer that is reused; none at the end. Blank lines are passed over.
    ///
    /// # Errors
    /// The line is no record, or the log cannot be read further.
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

    /// Reads the next line into the record, and judges its time; none at the end.
    fn next_line(&mut self) -> Option<Result<(), LogError>> {
        let read = match self.ahead.take() {
            Some(ahead) => {
                mem::swap(&mut self.record, &mut self.next);
                ahead
            }
            None => self.read_record(),
        };
        if let Some(Ok(())) = read {
            self.judge_time();
        }
        read
    }

    /// Takes a time for unknown that is far later than the one before and the next one. It reads the next line only
    /// at the first known time, and where a day or more has passed.
    fn judge_time(&mut self) {
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

    /// Reads a line into the record; none at the end.
    fn read_record(&mut self) -> Option<Result<(), LogError>> {
        loop {
            let line = self.line;
            match self.read_line() {
                Ok(false) => return None,
                Ok(true) if self.text.trim_ascii().is_empty() => {}
                Ok(true) => return Some(self.parse(line)),
                Err(source) => {
                    let resumes = self.input.take_resumes();
                    self.over = !resumes;
                    self.line = line + 1;
                    let is_cut = source.kind() == io::ErrorKind::UnexpectedEof;
                    return Some(Err(match is_cut {
                        true => LogError::Cut { line, resumes },
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
        if self.over {
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
        // The last line of a log that is cut has no end, and makes no sense because of it.
        let is_whole = self.text.ends_with(b"\n");
        let text = match std::str::from_utf8(&self.text) {
            Ok(text) => text,
            Err(error) if error.error_len().is_none() && !is_whole => return self.cut(line),
            Err(error) => return bad(line, error.valid_up_to(), &"not valid UTF-8"),
        };
        match serde_json::from_str::<Raw<'_>>(text) {
            Ok(raw) => {
                raw.put(line, &mut self.record);
                // Beyond the year 2262: no clock shows it.
                if i64::try_from(self.record.recv_ns).is_err() {
                    self.record.recv_ns = 0;
                    self.times.outliers += 1;
                }
                Ok(())
            }
            Err(error) if error.is_eof() && !is_whole => self.cut(line),
            // serde_json counts columns from 1, and the text is one line.
            Err(error) => bad(line, error.column().saturating_sub(1), &plain_text(&error)),
        }
    }

    fn cut(&mut self, line: u64) -> Result<(), LogError> {
        self.over = true;
        let resumes = false;
        Err(LogError::Cut { line, resumes })
    }
}

/// A line as it is written.
#[derive(Deserialize)]
struct Raw<'a> {
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

impl Raw<'_> {
    fn put(&self, line: u64, record: &mut Record) {
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

fn bad(line: u64, byte: usize, what: &dyn std::fmt::Display) -> Result<(), LogError> {
    // It may quote the line.
    let mut what = what.to_string();
    if what.len() > MAX_REASON {
        let mut end = MAX_REASON;
        while !what.is_char_boundary(end) {
            end -= 1;
        }
        what.truncate(end);
        what.push_str("...");
    }
    Err(LogError::Record { line, byte, what })
}

/// What `serde_json` says, without its own idea of line and column.
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
