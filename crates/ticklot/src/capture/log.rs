//! A log, read.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use thiserror::Error;

use crate::books::ConnectionId;
use crate::tap::Kind;

/// The longest line of a log, in bytes: a frame of the largest size with every byte escaped.
pub const MAX_LINE: usize = 64 << 20;

/// A line of a log: a frame as it was received, or what else passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The line of the log, from 0.
    pub line: u64,
    /// When it was received, in nanoseconds since 1970; 0 when the recorder did not know.
    pub recv_ns: u64,
    /// What it is.
    pub kind: Kind,
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
    /// The log ends in the middle of a line, or of its compression: the recorder was killed, or the
    /// file was not copied whole. Everything before was read.
    #[error("log line {line}: the log is cut off here")]
    Cut {
        /// The line that is not whole, from 0.
        line: u64,
    },
    /// The log names more connections than are played.
    #[error("log line {line}: more than {limit} connections")]
    Connections {
        /// The line that names one too many, from 0.
        line: u64,
        /// The limit: [`MAX_CONNECTIONS`](super::MAX_CONNECTIONS).
        limit: usize,
    },
    /// The file could not be read further: its compression is broken, say.
    #[error("log line {line}: cannot read further: {source}")]
    Read {
        /// The line that was being read, from 0.
        line: u64,
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
        !matches!(self, Self::Record { .. })
    }

    /// Whether the log ends too early, and all that there is of it was read.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Cut { .. })
    }
}

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

/// A frame log, read line by line: plain, gzip or Zstandard, told by its first bytes.
///
/// It gives the frames that were received, of all connections; [`FrameLog::everything`] and
/// [`FrameLog::of`] choose otherwise. [`FrameLog::next_record`] reuses one record; the iterator gives
/// each away. After a fatal error ([`LogError::is_fatal`]) there is nothing more; after another one the
/// next line follows.
///
/// A log that is cut off gives everything up to its cut and then [`LogError::Cut`]. A plain one that is
/// cut between two lines cannot be told from a whole one.
pub struct FrameLog {
    input: Box<dyn BufRead + Send>,
    text: Vec<u8>,
    record: Record,
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
        const GZIP: &[u8] = &[0x1f, 0x8b];
        const ZSTANDARD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
        let read = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            input,
            read: Arc::clone(&read),
        };
        let mut input = BufReader::with_capacity(1 << 16, counted);
        let start = input.fill_buf()?;
        // A file may be cut in the middle of these bytes.
        let begins = |magic: &[u8]| {
            let both = start.len().min(magic.len());
            both > 0 && start[..both] == magic[..both]
        };
        let (gzip, zstandard) = (begins(GZIP), begins(ZSTANDARD));
        let input: Box<dyn BufRead + Send> = if gzip {
            Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(input)))
        } else if zstandard {
            Box::new(BufReader::new(zstd::stream::read::Decoder::with_buffer(
                input,
            )?))
        } else {
            Box::new(input)
        };
        Ok(Self {
            input,
            text: Vec::new(),
            record: Record::default(),
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

    /// Gives only what passed over one connection. Lines that say no connection are of the first, 0.
    #[must_use]
    pub fn of(mut self, connection: ConnectionId) -> Self {
        self.of = Some(connection);
        self
    }

    /// How far it is read. What is unpacked and waits counts as read.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            read: self.read.load(Ordering::Relaxed),
            of: self.length,
        }
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
        let connection = self.record.connection.unwrap_or_default();
        (self.everything || self.record.kind == Kind::Received)
            && self.of.is_none_or(|wanted| wanted == connection)
    }

    /// Reads the next line into the record; none at the end.
    fn next_line(&mut self) -> Option<Result<(), LogError>> {
        loop {
            let line = self.line;
            match self.read_line() {
                Ok(false) => return None,
                Ok(true) if self.text.trim_ascii().is_empty() => {}
                Ok(true) => return Some(self.parse(line)),
                Err(source) => {
                    self.over = true;
                    let is_cut = source.kind() == io::ErrorKind::UnexpectedEof;
                    return Some(Err(match is_cut {
                        true => LogError::Cut { line },
                        false => LogError::Read { line, source },
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
        let read = (&mut self.input)
            .take(limit)
            .read_until(b'\n', &mut self.text)?;
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
                Ok(())
            }
            Err(error) if error.is_eof() && !is_whole => self.cut(line),
            // serde_json counts columns from 1, and the text is one line.
            Err(error) => bad(line, error.column().saturating_sub(1), &plain_text(&error)),
        }
    }

    fn cut(&mut self, line: u64) -> Result<(), LogError> {
        self.over = true;
        Err(LogError::Cut { line })
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
        record.kind = self.dir.as_deref().map_or(Kind::Received, Kind::of_name);
        record.connection = self.conn.map(ConnectionId);
        record.venue.clear();
        record.venue.push_str(self.venue.as_deref().unwrap_or(""));
        record.frame.clear();
        record.frame.extend_from_slice(self.frame.as_bytes());
    }
}

fn bad(line: u64, byte: usize, what: &dyn std::fmt::Display) -> Result<(), LogError> {
    Err(LogError::Record {
        line,
        byte,
        what: what.to_string(),
    })
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
