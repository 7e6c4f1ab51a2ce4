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

use ticklot_book::{Nanos, State};
use ticklot_frame::{VenueName, json_string};

use crate::books::{BookId, Books, ConnectionId};
use crate::event::Disconnect;

/// Sees everything that passes. It is called on the reading task, on the way from the socket to the
/// handler: what takes long belongs elsewhere.
///
/// A tap of a [`Feed`](crate::Feed) is cloned for each connection; the clones share what they gather.
pub trait Tap: Send {
    /// Something passed.
    fn passed(&mut self, passed: &Passed<'_>);
}

/// Something that passed over a connection.
#[derive(Clone, Copy, Debug)]
pub struct Passed<'a> {
    /// Over which one; of a loss of trust, the one that feeds the book.
    pub connection: ConnectionId,
    /// The connection's venue.
    pub venue: VenueName,
    /// When, on the session's clock.
    pub at: Nanos,
    /// What.
    pub what: What<'a>,
}

/// What passed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum What<'a> {
    /// A text message came, byte for byte. The session has not looked at it yet.
    Received(&'a [u8]),
    /// A text message was handed out to be sent, its secrets replaced: see
    /// [`Venue::redact`](crate::Venue::redact).
    Sent(&'a [u8]),
    /// The connection opened.
    Opened,
    /// The connection is gone, or could not be made.
    Closed(&'a Disconnect),
    /// The body that was fetched beside the connection.
    Fetched(&'a [u8]),
    /// A live book is no longer live, or a crossed one has become stale, for another reason than a
    /// connection that is gone.
    TrustLost(TrustLost<'a>),
}

/// A book that is no longer to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustLost<'a> {
    /// The book's id in its [`Books`].
    pub id: BookId,
    /// The market that it belongs to.
    pub market: &'a str,
    /// Its name.
    pub book: &'a str,
    /// What it is now.
    pub state: State,
    /// After how long without a message the connection's books are stale; none for never.
    pub stale_after: Option<Duration>,
}

/// What kind of thing passed: what a log tells its lines apart by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
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
    TrustLost,
    /// The recorder could not keep up: its text is how many were dropped here.
    Dropped,
    /// A kind that this version does not know.
    Other,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Received,
        Self::Sent,
        Self::Opened,
        Self::Closed,
        Self::Fetched,
        Self::TrustLost,
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
            Self::TrustLost => "trust",
            Self::Dropped => "dropped",
            Self::Other => "other",
        }
    }

    /// The kind of this name; [`Kind::Other`] for a name that is not known.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.as_str() == name)
            .unwrap_or(Self::Other)
    }

    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn of_code(code: u8) -> Self {
        Self::ALL
            .get(usize::from(code))
            .copied()
            .unwrap_or(Self::Other)
    }
}

impl<'a> What<'a> {
    /// What kind of thing it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Received(_) => Kind::Received,
            Self::Sent(_) => Kind::Sent,
            Self::Opened => Kind::Opened,
            Self::Closed(_) => Kind::Closed,
            Self::Fetched(_) => Kind::Fetched,
            Self::TrustLost(_) => Kind::TrustLost,
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
            Self::TrustLost(lost) => lost.write(scratch),
        }
        scratch
    }
}

impl TrustLost<'_> {
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
pub(crate) struct Taps(Vec<Box<dyn Tap>>);

impl Taps {
    pub(crate) fn add(&mut self, tap: Box<dyn Tap>) {
        self.0.push(tap);
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(crate) fn tell(
        &mut self,
        connection: ConnectionId,
        venue: VenueName,
        at: Nanos,
        what: What<'_>,
    ) {
        for tap in &mut self.0 {
            tap.passed(&Passed {
                connection,
                venue,
                at,
                what,
            });
        }
    }

    /// Tells that a book is no longer live.
    #[cold]
    pub(crate) fn trust_lost(&mut self, id: BookId, at: Nanos, books: &Books) {
        let Some(connection) = books.connection(id).filter(|_| !self.is_empty()) else {
            return;
        };
        let lost = TrustLost {
            id,
            market: books.market(id),
            book: books.name(id),
            state: books.state(id),
            stale_after: books.limit(connection),
        };
        let venue = books.venue(connection);
        self.tell(connection, venue, at, What::TrustLost(lost));
    }
}

impl fmt::Debug for Taps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Taps").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_unique_codes() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_name(kind.as_str()), kind);
            assert_eq!(Kind::of_code(kind.code()), kind);
        }
        assert_eq!(Kind::of_name("sideways"), Kind::Other);
        assert_eq!(Kind::of_code(200), Kind::Other);
    }
}
