//! What passes over connections, seen as it passes.
//!
//! A [`Tap`] is told of every message of a session, in both directions, and of what becomes of the
//! connection and its books: for a recorder, or for a look of one's own. It is told before the session
//! works on a frame, and of a loss of trust when it happens, so what it has seen is in the order in
//! which it can be played again.
//!
//! Without a tap each of these places costs one look at whether there is one.

use std::fmt;
use std::io::Write as _;
use std::time::Duration;

use ticklot_book::{BookState, Nanos};
use ticklot_frame::{VenueName, json_string};

use crate::books::{BookId, Books, ConnectionId};
use crate::event::Disconnect;

/// Sees everything that passes. It is called on the reading task, on the way from the socket to the
/// handler: what takes long belongs elsewhere.
///
/// A tap of a [`Feed`](crate::Feed) is cloned for each connection; the clones share what they gather.
pub trait Tap: Send {
    /// Something passed.
    fn record(&mut self, passed: &WireRecord<'_>);
}

/// Something that passed over a connection.
#[derive(Clone, Copy, Debug)]
pub struct WireRecord<'a> {
    /// Over which one; of a loss of trust, the one that feeds the book.
    pub connection: ConnectionId,
    /// The connection's venue.
    pub venue: VenueName,
    /// When, on the session's clock.
    pub at: Nanos,
    /// What.
    pub what: WireEvent<'a>,
}

/// What passed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum WireEvent<'a> {
    /// A text message came, byte for byte. The session has not looked at it yet.
    Received(&'a [u8]),
    /// A text message was handed out to be sent, its secrets replaced: see
    /// [`Venue::redact`](crate::venue::Venue::redact).
    Sent(&'a [u8]),
    /// The connection opened.
    Opened,
    /// The connection is gone, or could not be made.
    Closed(&'a Disconnect),
    /// The body that was fetched beside the connection.
    Fetched(&'a [u8]),
    /// A live book is no longer live, or a crossed one has become stale, for another reason than a
    /// connection that is gone.
    Invalidated(Invalidation<'a>),
}

/// A book that is no longer to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalidation<'a> {
    /// The book's id in its [`Books`].
    pub id: BookId,
    /// The market that it belongs to.
    pub market: &'a str,
    /// Its name.
    pub book: &'a str,
    /// What it is now.
    pub state: BookState,
    /// After how long without a message the connection's books are stale; none for never.
    pub stale_after: Option<Duration>,
}

/// What kind of thing passed: what a log tells its lines apart by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordKind {
    /// A text message that came.
    #[default]
    Received,
    /// A text message to be sent.
    Sent,
    /// The connection opened.
    Opened,
    /// The connection is gone.
    Closed,
    /// A body that was fetched.
    Fetched,
    /// A book is no longer to be trusted.
    Invalidated,
    /// The recorder could not keep up: its text is how many were dropped here.
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

    /// Its name in a log, under `dir`: `in`, `out`, `open`, `close`, `fetch`, `trust`, `dropped`, or
    /// `other`.
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

    /// The kind of this name; [`RecordKind::Other`] for a name that is not known.
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
    /// What kind of thing it is.
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

    /// The text that a log has of it: a message as it is, the reason of a close, a loss of trust as a
    /// JSON object. What is not there already is written into `scratch`.
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
            Self::Invalidated(lost) => lost.write(scratch),
        }
        scratch
    }
}

impl Invalidation<'_> {
    /// Appends it as a JSON object.
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

/// The taps of a session: none, as a rule.
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
        what: WireEvent<'_>,
    ) {
        for tap in &mut self.0 {
            tap.record(&WireRecord {
                connection,
                venue,
                at,
                what,
            });
        }
    }

    /// Tells that a book is no longer live.
    #[cold]
    pub(crate) fn invalidated(&mut self, id: BookId, at: Nanos, books: &Books) {
        let Some(connection) = books.connection(id).filter(|_| !self.is_empty()) else {
            return;
        };
        let lost = Invalidation {
            id,
            market: books.market(id),
            book: books.name(id),
            state: books.state(id),
            stale_after: books.limit(connection),
        };
        let venue = books.venue(connection);
        self.emit(connection, venue, at, WireEvent::Invalidated(lost));
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
        assert_eq!(RecordKind::from_name("sideways"), RecordKind::Other);
        assert_eq!(RecordKind::from_code(200), RecordKind::Other);
    }
}
