//! What a strategy is told.

use std::error::Error as StdError;
use std::fmt;
use std::ops::ControlFlow;

use ticklot_book::{Changes, Epoch, Nanos, Ticks};
use ticklot_frame::{DecodeError, Trade, TradeSide, UnixMillis};
use ticklot_frame::{bayse, jayx};

use crate::books::{BookId, Books, ConnectionId};

/// A strategy: called on the reading task for everything that happens, with all books at hand.
///
/// There is no queue between the socket and this call: while it runs, nothing is read. What takes
/// long belongs elsewhere, behind a queue of the user's choice.
///
/// Any `FnMut(Event<'_>, &Books) -> ControlFlow<()>` is a handler.
pub trait Handler {
    /// Something happened. [`ControlFlow::Break`] ends the feed, with a proper close of its
    /// connections.
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()>;
}

impl<F: FnMut(Event<'_>, &Books) -> ControlFlow<()>> Handler for F {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        self(event, books)
    }
}

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A connection is open. Its books wait for their first snapshot of this epoch.
    Connected {
        /// Which one.
        connection: ConnectionId,
        /// The new epoch.
        epoch: Epoch,
    },
    /// A book was replaced by a snapshot. Whether it can be traded on is for
    /// [`Books::live`] to say.
    Book(BookUpdate<'a>),
    /// A live book has heard nothing for longer than its limit, and is no longer live.
    Stale {
        /// Which one.
        book: BookId,
    },
    /// The venue confirmed a subscription.
    Subscribed {
        /// On which connection.
        connection: ConnectionId,
        /// The venue's name for it.
        room: &'a str,
    },
    /// The venue confirmed the end of a subscription.
    Unsubscribed {
        /// On which connection.
        connection: ConnectionId,
        /// The venue's name for it.
        room: &'a str,
    },
    /// The venue refused something that was asked.
    Refused {
        /// On which connection.
        connection: ConnectionId,
        /// The venue's words.
        message: &'a str,
        /// The venue's name for what it most likely was; none when that cannot be told.
        room: Option<&'a str>,
    },
    /// A message of Bayse Markets that is no order book and no acknowledgement.
    Bayse {
        /// On which connection.
        connection: ConnectionId,
        /// When its frame was received.
        received: Nanos,
        /// The message.
        message: &'a bayse::Message<'a>,
    },
    /// A message of JayX that is no order book and not of the session: candles, balances, orders.
    JayX {
        /// On which connection.
        connection: ConnectionId,
        /// When its frame was received.
        received: Nanos,
        /// The message.
        message: &'a jayx::Message<'a>,
    },
    /// A ping of ours was answered.
    RoundTrip {
        /// On which connection.
        connection: ConnectionId,
        /// How long it took, from the sending to the answer.
        time: Nanos,
    },
    /// A line could not be read, or no book can hold it. It changed nothing.
    BadLine {
        /// On which connection.
        connection: ConnectionId,
        /// In which frame of it, from 0.
        frame: u64,
        /// Where in the frame, and why.
        error: DecodeError,
    },
    /// A message of a kind that this version does not read.
    Unknown {
        /// On which connection.
        connection: ConnectionId,
        /// The venue's name for its kind.
        kind: &'a str,
    },
    /// The time of [`Feed::tick_every`](crate::Feed::tick_every) has passed once more.
    Tick {
        /// Now.
        now: Nanos,
    },
    /// A connection is gone, or could not be made. Its books are disconnected. A feed that is stopped
    /// while it waits to connect again tells so with another one.
    Disconnected {
        /// Which one.
        connection: ConnectionId,
        /// Why.
        reason: &'a Disconnect,
        /// How long until the next attempt; none when there will be none.
        retry_in: Option<Nanos>,
    },
}

/// A snapshot that was applied.
#[derive(Clone, Copy, Debug)]
pub struct BookUpdate<'a> {
    /// The book.
    pub book: BookId,
    /// The frame that it came in: frames of the connection from 0, not counting those of a
    /// Socket.IO session's own.
    pub frame: u64,
    /// The line of the frame, from 0.
    pub line: u32,
    /// When the frame was received.
    pub received: Nanos,
    /// The levels that differ from before: bids first, then asks, each best first. Empty when the
    /// snapshot repeated what was known. They are found when they are asked for.
    pub changes: Changes<'a>,
    /// Trades that are new with this message, in order of time; each is handed on once, though the
    /// venue may list it again.
    pub trades: &'a [Trade],
    /// The last trade, when the message tells one that is on the book's grid.
    pub last_trade: Option<LastTrade>,
    /// When the venue says that it sent the message.
    pub sent: Option<UnixMillis>,
    /// How it came.
    pub source: Source,
}

/// How a snapshot came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Source {
    /// On the connection.
    #[default]
    Stream,
    /// By a request beside it, as a first book until the stream brings one.
    Request,
}

/// What is known of a book's last trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct LastTrade {
    /// Its price.
    pub ticks: Ticks,
    /// What it was for the taker.
    pub side: Option<TradeSide>,
}

/// Why a connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Disconnect {
    /// The server closed it, with a proper close.
    Closed {
        /// The WebSocket close code; 1005 when it gave none.
        code: u16,
    },
    /// It could not be made, or it broke.
    Failed(Box<dyn StdError + Send + Sync>),
    /// The server refused the connection for now, and said when to come back.
    Busy {
        /// How long to wait at least.
        retry_after: Nanos,
        /// What was said.
        error: Box<dyn StdError + Send + Sync>,
    },
    /// It can never be made: the URL or a header makes no sense.
    Impossible(Box<dyn StdError + Send + Sync>),
    /// Nothing came for longer than the server's own promise of a sign of life.
    Silent,
    /// The server ended the session inside the connection.
    Ended(&'static str),
    /// The user asked for it.
    Stopped,
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { code } => write!(f, "closed by the server with code {code}"),
            Self::Failed(error) | Self::Impossible(error) | Self::Busy { error, .. } => {
                fmt::Display::fmt(error, f)
            }
            Self::Silent => f.write_str("the server went silent"),
            Self::Ended(what) => f.write_str(what),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}
