//! Taps: observers of the messages and events of a session.
//!
//! A [`Tap`] receives every message of a session, in both directions, and the events of the connection and its books. A
//! received message is passed to the tap before the session processes it, and an invalidation when it happens. The
//! records of a tap are therefore in the order in which a replay needs them.
//!
//! Without a tap, each record costs one comparison.

use std::fmt;
use std::io::Write as _;
use std::time::Duration;

use ticklot_book::{BookState, Nanos};
use ticklot_frame::{VenueName, json_string};

use crate::books::{BookId, Books, ConnectionId};
use crate::event::Disconnect;

/// Receives the records of a session.
///
/// A tap runs on the reading task, between the socket and the handler, so slow work belongs on another thread. A tap of
/// a [`Feed`](crate::Feed) is cloned for each connection; the clones share their state.
///
/// ```
/// use ticklot::observe::{Tap, WireEvent, WireRecord};
///
/// /// Counts the received bytes.
/// struct ByteCount(usize);
///
/// impl Tap for ByteCount {
///     fn record(&mut self, record: &WireRecord<'_>) {
///         if let WireEvent::Received(text) = record.event {
///             self.0 += text.len();
///         }
///     }
/// }
/// ```
pub trait Tap: Send {
    /// Receives a record. It must not block.
    fn record(&mut self, record: &WireRecord<'_>);
}

/// A message or an event of a connection.
#[derive(Clone, Copy, Debug)]
pub struct WireRecord<'a> {
    /// The connection; for an invalidation, the one that feeds the book.
    pub connection: ConnectionId,
    /// The connection's venue.
    pub venue: VenueName,
    /// The time on the session's clock.
    pub at: Nanos,
    /// The message or event.
    pub event: WireEvent<'a>,
}

/// The content of a [`WireRecord`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum WireEvent<'a> {
    /// A text message was received, byte for byte. The session has not processed it yet.
    Received(&'a [u8]),
    /// A text message was passed to the driver to be sent. Its secrets are replaced: see
    /// [`Venue::redact`](crate::venue::Venue::redact).
    Sent(&'a [u8]),
    /// The connection opened.
    Opened,
    /// The connection ended, or an attempt failed.
    Closed(&'a Disconnect),
    /// The body of an HTTP response was received.
    Fetched(&'a [u8]),
    /// A live book is no longer live, or a crossed book became stale. Not emitted when the connection ended or the user
    /// unsubscribed from the book.
    Invalidated(Invalidation<'a>),
}

/// A book that became invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalidation<'a> {
    /// The id in its [`Books`].
    pub id: BookId,
    /// The market that the book belongs to.
    pub market: &'a str,
    /// The book's name.
    pub book: &'a str,
    /// The state now.
    pub state: BookState,
    /// The staleness limit of the connection's books; `None` for none.
    pub stale_after: Option<Duration>,
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordKind {
    /// A text message was received.
    #[default]
    Received,
    /// A text message was passed to the driver to be sent.
    Sent,
    /// The connection opened.
    Opened,
    /// The connection ended, or an attempt failed.
    Closed,
    /// The body of an HTTP response was received.
    Fetched,
    /// A book became invalid.
    Invalidated,
    /// The recorder dropped records here. The text is their number.
    Dropped,
    /// A kind that this version does not know.
    Other,
}

impl RecordKind {
    const ALL: [Self; 8] = [
        Self::Received,
        Self::Sent,
        Self::Opened,
        Self::Closed,
        Self::Fetched,
        Self::Invalidated,
        Self::Dropped,
        Self::Other,
    ];

    /// The value of `dir` in a log: `in`, `out`, `open`, `close`, `fetch`, `trust`, `dropped` or `other`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "in",
            Self::Sent => "out",
            Self::Opened => "open",
            Self::Closed => "close",
            Self::Fetched => "fetch",
            Self::Invalidated => "trust",
            Self::Dropped => "dropped",
            Self::Other => "other",
        }
    }

    /// The kind of a value of `dir`; [`RecordKind::Other`] for an unknown value.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.as_str() == name)
            .unwrap_or(Self::Other)
    }

    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_code(code: u8) -> Self {
        Self::ALL
            .get(usize::from(code))
            .copied()
            .unwrap_or(Self::Other)
    }
}

impl<'a> WireEvent<'a> {
    /// The kind of the record.
    #[must_use]
    pub const fn kind(&self) -> RecordKind {
        match self {
            Self::Received(_) => RecordKind::Received,
            Self::Sent(_) => RecordKind::Sent,
            Self::Opened => RecordKind::Opened,
            Self::Closed(_) => RecordKind::Closed,
            Self::Fetched(_) => RecordKind::Fetched,
            Self::Invalidated(_) => RecordKind::Invalidated,
        }
    }

    /// The text in a log: a message unchanged, the reason of a close, an invalidation as a JSON object. A text that
    /// does not exist yet is written into `scratch`.
    pub fn text<'b>(&self, scratch: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        scratch.clear();
        match *self {
            Self::Received(text) | Self::Sent(text) | Self::Fetched(text) => return text,
            Self::Opened => {}
            // Writing to a vector does not fail.
            Self::Closed(reason) => {
                let _ = write!(scratch, "{reason}");
            }
            Self::Invalidated(invalidation) => invalidation.write(scratch),
        }
        scratch
    }
}

impl Invalidation<'_> {
    /// Appends the invalidation as a JSON object.
    fn write(&self, out: &mut Vec<u8>) {
        for (key, text) in [
            (r#"{"book":"#, self.book),
            (r#","market":"#, self.market),
            (r#","state":"#, self.state.as_str()),
        ] {
            out.extend_from_slice(key.as_bytes());
            json_string(out, text);
        }
        if let Some(limit) = self.stale_after {
            let _ = write!(out, r#","stale_after_ns":{}"#, limit.as_nanos());
        }
        out.push(b'}');
    }
}

/// The taps of a session, usually none.
#[derive(Default)]
pub(crate) struct TapList(Vec<Box<dyn Tap>>);

impl TapList {
    pub(crate) fn add(&mut self, tap: Box<dyn Tap>) {
        self.0.push(tap);
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(crate) fn emit(
        &mut self,
        connection: ConnectionId,
        venue: VenueName,
        at: Nanos,
        event: WireEvent<'_>,
    ) {
        for tap in &mut self.0 {
            tap.record(&WireRecord {
                connection,
                venue,
                at,
                event,
            });
        }
    }

    /// Emits the invalidation of a book.
    #[cold]
    pub(crate) fn emit_invalidated(&mut self, id: BookId, at: Nanos, books: &Books) {
        let Some(connection) = books.connection(id).filter(|_| !self.is_empty()) else {
            return;
        };
        let invalidation = Invalidation {
            id,
            market: books.market(id),
            book: books.name(id),
            state: books.state(id),
            stale_after: books.limit(connection),
        };
        let (venue, event) = (
            books.venue(connection),
            WireEvent::Invalidated(invalidation),
        );
        self.emit(connection, venue, at, event);
    }
}

impl fmt::Debug for TapList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TapList").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_unique_codes() {
        for kind in RecordKind::ALL {
            assert_eq!(RecordKind::from_name(kind.as_str()), kind);
            assert_eq!(RecordKind::from_code(kind.code()), kind);
        }
        assert_eq!(RecordKind::from_name("unknown"), RecordKind::Other);
        assert_eq!(RecordKind::from_code(200), RecordKind::Other);
    }
}
