//! The events that a strategy receives.

mod account;
mod disconnect;

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot_book::{BookState, Changes, Epoch, Nanos, Scale, Ticks};
use ticklot_frame::{Decimal, DecodeError, Trade, TradeSide, UnixMillis};

pub use self::account::{BalanceUpdate, OrderRef, OrderUpdate};
pub use self::disconnect::{Disconnect, EndReason, RequestFailure};
use crate::books::{BookId, Books, Candle, Cause, ConnectionId, Instrument};

/// A strategy: called on the reading task for everything that happens, with all books at hand.
///
/// There is no queue between the socket and this call: while it runs, nothing is read. Slow work
/// belongs elsewhere, behind a queue of the user's choice.
///
/// Any `FnMut(Event<'_>, &Books) -> ControlFlow<()>` is a handler. Another type that is to be given to a
/// [`Feed`](crate::Feed) also handles a venue's own messages: see [`OnMessage`](crate::OnMessage).
pub trait Handler {
    /// Something happened. [`ControlFlow::Break`] ends the feed, with a proper close of its
    /// connections; events of the same call that were not delivered yet are dropped, and the books keep
    /// their state.
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()>;
}

impl<F: FnMut(Event<'_>, &Books) -> ControlFlow<()>> Handler for F {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        self(event, books)
    }
}

/// Where and when a message was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Receipt {
    /// On which connection.
    pub connection: ConnectionId,
    /// The number of its frame, from 0.
    pub frame: u64,
    /// When its frame was received.
    pub received: Nanos,
}

/// Something that happened. No variant is a venue's own.
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
    /// The server greeted the client.
    Welcome {
        /// On which connection.
        connection: ConnectionId,
        /// The server's name for the connection, for its support to find it.
        client_id: Option<&'a str>,
        /// The server's text.
        message: Option<&'a str>,
    },
    /// A book's state changed. Delivered in the call to the session that caused it, before the
    /// [`Event::Book`] of the same message.
    State(StateChange<'a>),
    /// A snapshot or a delta was applied to a book. Whether it can be traded on is for
    /// [`Books::live`] to say. One that makes the book a gap is reported if it changed levels, so that a
    /// mirror by [`BookUpdate::changes`] stays exact.
    Book(BookUpdate<'a>),
    /// Trades that were not reported before.
    Trades(Trades<'a>),
    /// A candle was added, or changed.
    Candle(CandleUpdate<'a>),
    /// A balance of the account.
    Balance(BalanceUpdate<'a>),
    /// An order of the account was placed, changed, filled or closed.
    Order(OrderUpdate<'a>),
    /// A price that is not of a book: of an asset outside the venue, or one that the venue computes.
    ReferencePrice(ReferencePrice<'a>),
    /// The trading status of a venue or an instrument.
    Status(StatusUpdate<'a>),
    /// The tick or the lot of a book's instrument changed; the book waits for a snapshot in the new unit.
    Scale {
        /// Which book.
        book: BookId,
        /// The scale before.
        old: Scale,
        /// The scale from now on.
        new: Scale,
    },
    /// A new snapshot of a book was requested, or could not be had. The book's state is for
    /// [`Event::State`].
    Resync(Resync<'a>),
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
    /// The server's messages show which of the venue's wire protocols it speaks, on a connection whose rules found
    /// that out ([`jayx::Envelope::Auto`](crate::jayx::Envelope::Auto), say). Reported once, and again when the
    /// protocol changes.
    Protocol {
        /// On which connection.
        connection: ConnectionId,
        /// The protocol's name, such as `plain JSON`.
        protocol: &'a str,
    },
    /// The venue has not confirmed a subscription in time. It is requested again, and this is reported each time,
    /// with a patience that doubles, until an [`Event::Subscribed`] or an [`Event::Refused`] names the same room.
    /// A venue that confirms nothing reports the data that has not arrived, and `Subscribed` when it does.
    Unconfirmed {
        /// On which connection.
        connection: ConnectionId,
        /// The venue's name for it.
        room: &'a str,
        /// How often it was requested on this connection since it was last confirmed; at least 1.
        attempts: u32,
    },
    /// The venue refused a request.
    Refused {
        /// On which connection.
        connection: ConnectionId,
        /// The venue's words.
        message: &'a str,
        /// The venue's name for its most likely subject; none when that cannot be known.
        room: Option<&'a str>,
    },
    /// A ping of ours was answered.
    RoundTrip {
        /// On which connection.
        connection: ConnectionId,
        /// How long it took, from the sending to the answer.
        time: Duration,
    },
    /// A line could not be read, or no book can hold it. Books that it may have concerned are gaps, and
    /// were reported before. It also reports a list item that could not be read in a line that was
    /// applied without it: a trade next to a book, say, or one of several orders.
    BadLine {
        /// On which connection.
        connection: ConnectionId,
        /// In which frame of it, from 0.
        frame: u64,
        /// Where in the frame, and why.
        error: DecodeError,
        /// The line as it was received: [`DecodeError::offset`] is a place in it. Of a body that was fetched by
        /// HTTP, all of it.
        bytes: &'a [u8],
    },
    /// A message of a kind that this version does not read.
    Unknown {
        /// On which connection.
        connection: ConnectionId,
        /// The venue's name for its kind.
        kind: &'a str,
        /// The line as it was received.
        bytes: &'a [u8],
    },
    /// The time of [`Feed::tick_every`](crate::Feed::tick_every) has passed once more.
    Tick {
        /// Now.
        now: Nanos,
    },
    /// A connection is gone, or could not be made. Its books are disconnected, which was reported
    /// before. A feed that is stopped while it waits to connect again reports another one.
    Disconnected {
        /// Which one.
        connection: ConnectionId,
        /// Why.
        reason: &'a Disconnect,
        /// How long until the next attempt; none when there will be none.
        retry_in: Option<Duration>,
    },
}

/// A change of a book's state: one event for each, whatever the cause.
///
/// Staleness is reported by the first call to a session of any connection at or after the deadline,
/// before that call's own work. A change of cause without a change of state, such as a second gap, is
/// no change.
#[derive(Clone, Copy, Debug)]
pub struct StateChange<'a> {
    /// Which book.
    pub book: BookId,
    /// Its instrument.
    pub instrument: Instrument<'a>,
    /// The state before.
    pub old: BookState,
    /// The state now; of a gap, with the expected and the received number.
    pub new: BookState,
    /// Why.
    pub cause: Cause,
}

/// A message that changed a book.
#[derive(Clone, Copy, Debug)]
pub struct BookUpdate<'a> {
    /// Which book.
    pub book: BookId,
    /// Whether it was a snapshot or a delta.
    pub kind: UpdateKind,
    /// The number of the frame on its connection, from 0 and over reconnects; of a log, its line.
    pub frame: u64,
    /// The line of the frame, from 0.
    pub line: u32,
    /// When the frame was received.
    pub received: Nanos,
    /// The levels that changed: of a snapshot bids, then asks, each best first, and empty when it
    /// repeated the book; of a delta in its order. A flat book finds those of a snapshot while they
    /// are iterated over.
    pub changes: Changes<'a>,
    /// The last trade, when the message carries one that is on the book's grid.
    pub last_trade: Option<LastTrade>,
    /// When the venue says that it sent the message.
    pub sent: Option<UnixMillis>,
    /// How it was received.
    pub source: Source,
}

/// What kind of message changed a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum UpdateKind {
    /// It replaced the book. Deltas that had waited for it are applied with it.
    #[default]
    Snapshot,
    /// It changed some levels.
    Delta,
}

/// How a message was received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Source {
    /// On the connection.
    #[default]
    Stream,
    /// By an HTTP request.
    Request,
}

/// What is known of a book's last trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct LastTrade {
    /// Its price.
    pub ticks: Ticks,
    /// The taker's side.
    pub side: Option<TradeSide>,
}

/// New trades of an instrument.
#[derive(Clone, Copy, Debug)]
pub struct Trades<'a> {
    /// On which connection.
    pub connection: ConnectionId,
    /// The traded instrument.
    pub instrument: Instrument<'a>,
    /// The instrument's book, where the feed has one.
    pub book: Option<BookId>,
    /// What the ticks and lots of these trades are worth: those of the book, unless a trade is off its
    /// grid, as fills of an automated market maker are.
    pub scale: Scale,
    /// Oldest first. Each is reported once, though the venue may list it again.
    pub trades: &'a [Trade],
    /// When the venue says that it sent the message.
    pub sent: Option<UnixMillis>,
    /// When the message was received.
    pub received: Nanos,
}

/// A candle of an instrument and an interval.
#[derive(Clone, Copy, Debug)]
pub struct CandleUpdate<'a> {
    /// On which connection.
    pub connection: ConnectionId,
    /// The instrument.
    pub instrument: Instrument<'a>,
    /// The length of a candle, in the venue's words.
    pub interval: &'a str,
    /// What a tick and a lot of it are worth.
    pub scale: Scale,
    /// The candle as it is now.
    pub candle: Candle,
    /// When the message was received.
    pub received: Nanos,
}

/// A price that is not of a book.
#[derive(Clone, Copy, Debug)]
pub struct ReferencePrice<'a> {
    /// On which connection.
    pub connection: ConnectionId,
    /// The asset or the outcome.
    pub instrument: Instrument<'a>,
    /// The price.
    pub price: Decimal<'a>,
    /// When the venue says that it sent the message.
    pub sent: Option<UnixMillis>,
    /// When the message was received.
    pub received: Nanos,
}

/// The trading status of a venue, or of one of its instruments.
#[derive(Clone, Copy, Debug)]
pub struct StatusUpdate<'a> {
    /// On which connection.
    pub connection: ConnectionId,
    /// The instrument; none when it is the whole venue's.
    pub instrument: Option<Instrument<'a>>,
    /// The instrument's book, where the feed has one.
    pub book: Option<BookId>,
    /// The status.
    pub status: TradingStatus,
    /// The venue's word for it.
    pub text: &'a str,
}

/// Whether a venue takes orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum TradingStatus {
    /// All orders.
    Online,
    /// Orders that rest only.
    PostOnly,
    /// Limit orders only.
    LimitOnly,
    /// Orders that reduce a position only.
    ReduceOnly,
    /// Cancellations only.
    CancelOnly,
    /// None: trading is interrupted.
    Halted,
    /// None: the venue is down for work.
    Maintenance,
    /// The instrument is not traded any more.
    Delisted,
    /// A word that this version does not know.
    Other,
}

impl TradingStatus {
    /// In lower case: `online`, `post_only`, `limit_only`, `reduce_only`, `cancel_only`, `halted`,
    /// `maintenance`, `delisted` or `other`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::PostOnly => "post_only",
            Self::LimitOnly => "limit_only",
            Self::ReduceOnly => "reduce_only",
            Self::CancelOnly => "cancel_only",
            Self::Halted => "halted",
            Self::Maintenance => "maintenance",
            Self::Delisted => "delisted",
            Self::Other => "other",
        }
    }
}

/// A step of a book's resynchronisation: a new snapshot that is requested without a new connection.
#[derive(Clone, Copy, Debug)]
pub struct Resync<'a> {
    /// Which book.
    pub book: BookId,
    /// How many snapshots were requested since the book was last repaired, this one included; 0 when the
    /// venue has no request for one.
    pub attempt: u32,
    /// The step.
    pub step: ResyncStep<'a>,
}

/// A step of a resynchronisation.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ResyncStep<'a> {
    /// The venue's rules requested a snapshot, or queued the request under the rate limit.
    Requested,
    /// No snapshot repaired the book in time. Another one is requested at once.
    TimedOut,
    /// The request failed.
    Failed {
        /// Why.
        error: &'a RequestFailure,
        /// How long until the next one.
        retry_in: Duration,
    },
    /// The venue has no request for a snapshot: the book's next regular snapshot repairs it.
    Unsupported,
}
