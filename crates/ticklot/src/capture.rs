//! Recorded frames, and the books that come of them.
//!
//! A log is text, one JSON object a line: `{"recv_ns":<int>,"frame":"<one WebSocket text frame>"}`,
//! plain, or compressed with gzip (`.gz`) or Zstandard (`.zst`), told by the file's first bytes.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use serde::Deserialize;
use thiserror::Error;

use crate::books::Books;
use crate::event::BookUpdate;

/// The longest line of a log, in bytes: a frame of the largest size with every byte escaped.
pub const MAX_LINE: usize = 64 << 20;

/// A frame as it was received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The line of the log, from 0.
    pub line: u64,
    /// When it was received, in nanoseconds since 1970; 0 when the recorder did not know.
    pub recv_ns: u64,
    /// The text of the frame.
    pub frame: Vec<u8>,
}

/// Why a log, or a line of it, could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file could not be opened.
    #[error("cannot open the log: {0}")]
    Open(#[source] io::Error),
    /// The file could not be read further: it is cut, or its compression is broken.
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
}

/// A frame log, read line by line.
///
/// [`FrameLog::next_record`] reuses one record; the iterator gives each away. After a fatal error
/// ([`LogError::is_fatal`]) there is nothing more; after another one the next line follows.
pub struct FrameLog {
    input: Box<dyn BufRead + Send>,
    text: Vec<u8>,
    record: Record,
    line: u64,
    over: bool,
}

impl FrameLog {
    /// Opens a log.
    ///
    /// # Errors
    /// The file cannot be opened, or its beginning cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LogError> {
        let file = File::open(path).map_err(LogError::Open)?;
        Self::from_reader(file).map_err(LogError::Open)
    }

    /// Reads a log from anything.
    ///
    /// # Errors
    /// Its beginning cannot be read.
    pub fn from_reader(input: impl Read + Send + 'static) -> io::Result<Self> {
        const GZIP: &[u8] = &[0x1f, 0x8b];
        const ZSTANDARD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
        let mut input = BufReader::with_capacity(1 << 16, input);
        let start = input.fill_buf()?;
        let (gzip, zstandard) = (start.starts_with(GZIP), start.starts_with(ZSTANDARD));
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
        })
    }

    /// The next record, in a buffer that is reused; none at the end. Blank lines are passed over.
    ///
    /// # Errors
    /// The line is no record, or the log cannot be read further.
    pub fn next_record(&mut self) -> Option<Result<&Record, LogError>> {
        loop {
            let line = self.line;
            match self.read_line() {
                Ok(false) => return None,
                Ok(true) if self.text.trim_ascii().is_empty() => {}
                Ok(true) => return Some(self.parse(line)),
                Err(source) => {
                    self.over = true;
                    return Some(Err(LogError::Read { line, source }));
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

    fn parse(&mut self, line: u64) -> Result<&Record, LogError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(default)]
            recv_ns: u64,
            #[serde(borrow)]
            frame: Cow<'a, str>,
        }
        let bad = |byte, what: &dyn std::fmt::Display| {
            Err(LogError::Record {
                line,
                byte,
                what: what.to_string(),
            })
        };
        let text = match std::str::from_utf8(&self.text) {
            Ok(text) => text,
            Err(error) => return bad(error.valid_up_to(), &"not valid UTF-8"),
        };
        match serde_json::from_str::<Raw<'_>>(text) {
            Ok(raw) => {
                self.record.line = line;
                self.record.recv_ns = raw.recv_ns;
                self.record.frame.clear();
                self.record.frame.extend_from_slice(raw.frame.as_bytes());
                Ok(&self.record)
            }
            // serde_json counts columns from 1, and the text is one line.
            Err(error) => bad(error.column().saturating_sub(1), &plain_text(&error)),
        }
    }
}

/// What `serde_json` says, without its own idea of line and column.
fn plain_text(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Writes one row for each snapshot applied, as comma-separated values: `frame`, `line`, `book`,
/// `bid`, `bid_lots`, `ask`, `ask_lots` (whole ticks and lots; empty when the side is empty), `bids`,
/// `asks` (levels a side) and `crc32` ([`Book::crc32`](ticklot_book::Book::crc32)).
#[derive(Debug)]
pub struct BookRows<W> {
    out: W,
}

impl<W: Write> BookRows<W> {
    /// Writes the column names.
    ///
    /// # Errors
    /// Writing fails.
    pub fn new(mut out: W) -> io::Result<Self> {
        writeln!(
            out,
            "frame,line,book,bid,bid_lots,ask,ask_lots,bids,asks,crc32"
        )?;
        Ok(Self { out })
    }

    /// Writes the row of `update`. A name with a comma, a quote or a line's end is quoted (RFC 4180).
    ///
    /// # Errors
    /// Writing fails.
    pub fn write(&mut self, update: &BookUpdate<'_>, books: &Books) -> io::Result<()> {
        let Some(book) = books.untrusted(update.book) else {
            return Ok(());
        };
        write!(self.out, "{},{},", update.frame, update.line)?;
        let name = books.name(update.book);
        if name.contains([',', '"', '\n', '\r']) {
            write!(self.out, "\"{}\"", name.replace('"', "\"\""))?;
        } else {
            self.out.write_all(name.as_bytes())?;
        }
        for best in [book.best_bid(), book.best_ask()] {
            match best {
                Some(level) => write!(self.out, ",{},{}", level.ticks, level.lots)?,
                None => write!(self.out, ",,")?,
            }
        }
        writeln!(
            self.out,
            ",{},{},{}",
            book.bids().len(),
            book.asks().len(),
            book.crc32()
        )
    }

    /// Hands over what was buffered.
    ///
    /// # Errors
    /// Writing fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
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
            .finish_non_exhaustive()
    }
}
