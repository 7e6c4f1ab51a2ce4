//! What a decoder says of bad input.

use std::fmt;

use thiserror::Error;
use ticklot_book::{BookErrorKind, DecimalError};

/// A venue's name, in lower case: what errors are told apart by.
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

/// A line that could not be decoded: which, where and why. It costs the line and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{venue}: line {line}, byte {offset}: {kind}")]
pub struct DecodeError {
    /// The venue whose decoder refused it.
    pub venue: VenueName,
    /// The line of the frame, from 0.
    pub line: u32,
    /// Where in that line, in bytes from its start. For text that is no JSON: the last token
    /// that still made sense, or the byte after it.
    pub offset: u32,
    /// Why.
    pub kind: ErrorKind,
}

impl DecodeError {
    /// The same error, on line `line` of its frame. A decoder sees one line and says 0.
    #[must_use]
    pub const fn on_line(mut self, line: u32) -> Self {
        self.line = line;
        self
    }

    /// An error of a venue's decoder, in line 0.
    #[must_use]
    pub fn new(venue: VenueName, fault: DecodeFailure) -> Self {
        Self {
            venue,
            line: 0,
            offset: u32::try_from(fault.offset).unwrap_or(u32::MAX),
            kind: fault.kind,
        }
    }
}

/// Why a line was refused. Field names are the venue's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are not UTF-8.
    #[error("not valid UTF-8")]
    Utf8,
    /// The text is not JSON.
    #[error("not valid JSON")]
    Json,
    /// Objects and arrays nested deeper than the limit.
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
    /// More levels on one side than the limit.
    #[error("{field}: more than {limit} levels")]
    TooManyLevels {
        /// The side's field.
        field: &'static str,
        /// The limit.
        limit: usize,
    },
    /// More items in a list than the limit.
    #[error("{field}: more than {limit} items")]
    TooManyItems {
        /// The list's field.
        field: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A field that the message cannot do without is not there.
    #[error("{field}: missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field stands twice in one object: which one is meant cannot be known.
    #[error("{field}: stands twice")]
    Twice {
        /// The field.
        field: &'static str,
    },
    /// A field holds another type of value.
    #[error("{field}: not {expected}")]
    Type {
        /// The field.
        field: &'static str,
        /// What it should be: `a number`, `a string`, ...
        expected: &'static str,
    },
    /// A number that is not a whole number of ticks, lots or units.
    #[error("{field}: {error}")]
    Number {
        /// The field.
        field: &'static str,
        /// Why.
        error: DecimalError,
    },
    /// A number below zero where none can be.
    #[error("{field}: negative")]
    Negative {
        /// The field.
        field: &'static str,
    },
    /// A string that is none of the values that the field can have.
    #[error("{field}: unknown value")]
    Value {
        /// The field.
        field: &'static str,
    },
    /// Not a packet of Engine.IO 4 or Socket.IO 4.
    #[error("not a Socket.IO packet")]
    Packet,
    /// A binary event or acknowledgement of Socket.IO: JayX has none.
    #[error("a binary Socket.IO packet")]
    Binary,
    /// More books on one connection than the limit.
    #[error("more than {limit} books on one connection")]
    TooManyBooks {
        /// The limit.
        limit: usize,
    },
    /// A book, or what a message adds to it, that the feed's budget of memory has no room for.
    #[error("no room in the {limit} bytes of memory for books")]
    Memory {
        /// The budget, in bytes.
        limit: usize,
    },
    /// A snapshot that no book can hold.
    #[error("{0}")]
    Book(BookErrorKind),
}

/// The items of a list that could not be read and were left out. One of them does not cost the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// How many; at least one.
    pub count: usize,
    /// Why the first of them could not be read.
    pub first: DecodeError,
}

/// Counts the items that are left out while a list is read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SkippedItems(Option<(usize, DecodeFailure)>);

impl SkippedItems {
    /// The item, if it could be read; otherwise it is counted.
    pub(crate) fn keep<T>(&mut self, item: Result<T, DecodeFailure>) -> Option<T> {
        let count = |fault| self.0.get_or_insert((0, fault)).0 += 1;
        item.map_err(count).ok()
    }

    /// The report, for a text that starts `base` bytes into the line.
    pub(crate) fn report(self, venue: VenueName, base: usize) -> Option<Skipped> {
        self.0.map(|(count, fault)| Skipped {
            count,
            first: DecodeError::new(venue, fault.shifted(base)),
        })
    }
}

/// An error of a decoder that does not know its venue yet: see [`DecodeError::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("byte {offset}: {kind}")]
pub struct DecodeFailure {
    /// Where in the text, in bytes.
    pub offset: usize,
    /// Why.
    pub kind: ErrorKind,
}

impl DecodeFailure {
    /// An error at a byte.
    #[must_use]
    pub const fn at(offset: usize, kind: ErrorKind) -> Self {
        Self { offset, kind }
    }

    /// The same error, `by` bytes further on.
    #[must_use]
    pub(crate) fn shifted(self, by: usize) -> Self {
        Self::at(self.offset + by, self.kind)
    }
}
