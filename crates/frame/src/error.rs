//! The errors of decoders.

use std::fmt;

use thiserror::Error;
use ticklot_book::{BookErrorKind, DecimalError};

/// The name of a venue, in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct VenueName(pub &'static str);

impl VenueName {
    /// Bayse Markets, prediction markets.
    pub const BAYSE: Self = Self("bayse");
    /// JayX, a spot exchange.
    pub const JAYX: Self = Self("jayx");
    /// Kraken, a spot exchange (WebSocket v2).
    pub const KRAKEN: Self = Self("kraken");
}

impl fmt::Display for VenueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// The error of a line that could not be decoded. Other lines of the frame are not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{venue}: line {line}, byte {offset}: {kind}")]
pub struct DecodeError {
    /// The venue of the decoder.
    pub venue: VenueName,
    /// The line of the frame, from 0.
    pub line: u32,
    /// The byte offset in that line. For invalid JSON: the last valid token, or the byte after it.
    pub offset: u32,
    /// The cause.
    pub kind: ErrorKind,
}

impl DecodeError {
    /// Sets the line of the frame. A decoder sees one line at a time and sets 0.
    #[must_use]
    pub const fn on_line(mut self, line: u32) -> Self {
        self.line = line;
        self
    }

    /// An error of a venue's decoder, on line 0.
    #[must_use]
    pub fn new(venue: VenueName, failure: DecodeFailure) -> Self {
        Self {
            venue,
            line: 0,
            offset: u32::try_from(failure.offset).unwrap_or(u32::MAX),
            kind: failure.kind,
        }
    }
}

/// Why a line could not be decoded. Field names are those of the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are not UTF-8.
    #[error("not valid UTF-8")]
    Utf8,
    /// The text is not JSON.
    #[error("not valid JSON")]
    Json,
    /// Objects and arrays are nested deeper than the limit.
    #[error("nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The line or the frame is longer than the limit.
    #[error("longer than the limit of {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// A side has more levels than the limit.
    #[error("{field}: more than {limit} levels")]
    TooManyLevels {
        /// The field of the side.
        field: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A list has more items than the limit.
    #[error("{field}: more than {limit} items")]
    TooManyItems {
        /// The field of the list.
        field: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A required field is missing.
    #[error("{field}: missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field occurs twice in one object.
    #[error("{field}: duplicate field")]
    Duplicate {
        /// The field.
        field: &'static str,
    },
    /// A field has a value of another type.
    #[error("{field}: not {expected}")]
    Type {
        /// The field.
        field: &'static str,
        /// The expected type: `a number`, `a string`, ...
        expected: &'static str,
    },
    /// A number is not a multiple of a tick, lot or unit, or is out of range.
    #[error("{field}: {error}")]
    Number {
        /// The field.
        field: &'static str,
        /// The cause.
        error: DecimalError,
    },
    /// A number is negative where that is not allowed.
    #[error("{field}: negative")]
    Negative {
        /// The field.
        field: &'static str,
    },
    /// A string is not one of the known values of its field.
    #[error("{field}: unknown value")]
    Value {
        /// The field.
        field: &'static str,
    },
    /// The text is not a packet of Engine.IO 4 or Socket.IO 4.
    #[error("not a Socket.IO packet")]
    Packet,
    /// A binary event or acknowledgement of Socket.IO, which JayX does not use.
    #[error("a binary Socket.IO packet")]
    Binary,
    /// A connection has more books than the limit.
    #[error("more than {limit} books on one connection")]
    TooManyBooks {
        /// The limit.
        limit: usize,
    },
    /// The feed's memory budget has no room for a book, or for the growth of one.
    #[error("no room in the {limit} bytes of memory for books")]
    Memory {
        /// The budget, in bytes.
        limit: usize,
    },
    /// A book rejected the snapshot or the delta.
    #[error("{0}")]
    Book(BookErrorKind),
}

/// The items of a list that could not be decoded and were skipped. The other items are not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The number of skipped items; at least one.
    pub count: usize,
    /// The error of the first skipped item.
    pub first: DecodeError,
}

/// Counts the skipped items of a list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SkippedItems(Option<(usize, DecodeFailure)>);

impl SkippedItems {
    /// Returns a decoded item, or counts a skipped one.
    pub(crate) fn keep<T>(&mut self, item: Result<T, DecodeFailure>) -> Option<T> {
        let count = |failure| self.0.get_or_insert((0, failure)).0 += 1;
        item.map_err(count).ok()
    }

    /// The result, for a text that starts at byte `base` of the line.
    pub(crate) fn report(self, venue: VenueName, base: usize) -> Option<Skipped> {
        self.0.map(|(count, failure)| Skipped {
            count,
            first: DecodeError::new(venue, failure.shifted(base)),
        })
    }
}

/// An error without its venue and line: see [`DecodeError::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("byte {offset}: {kind}")]
pub struct DecodeFailure {
    /// The byte offset in the text.
    pub offset: usize,
    /// The cause.
    pub kind: ErrorKind,
}

impl DecodeFailure {
    /// An error at a byte offset.
    #[must_use]
    pub const fn at(offset: usize, kind: ErrorKind) -> Self {
        Self { offset, kind }
    }

    /// The same error with `by` added to its offset.
    #[must_use]
    pub(crate) fn shifted(self, by: usize) -> Self {
        Self::at(self.offset + by, self.kind)
    }
}
