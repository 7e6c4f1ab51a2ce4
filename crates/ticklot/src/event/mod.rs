//! The events that a [`Handler`] receives.

mod account;
mod disconnect;

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot_book::{BookState, Changes, Epoch, Nanos, Scale, Ticks};
use ticklot_frame::{Decimal, DecodeError, Trade, TradeSide, UnixMillis};

pub use self::account::{BalanceUpdate, OrderRef, OrderUpdate};
pub use self::disconnect::{Disconnect, EndReason, RequestFailure};
use crate::books::{BookId, Books, Candle, Cause, ConnectionId, Instrument};

/// A strategy: called on the reading task for each event, with access to all books.
///
/// There is no queue between the socket and this call, so no message is read while it runs. Slow work belongs on
/// another task or thread, behind a queue of your choice.
///
/// Any `FnMut(Event<'_>, &Books) -> ControlFlow<()>` is a handler. Another type must also implement
/// [`OnMessage`](crate::OnMessage), for the venue's own messages, before a [`Feed`](crate::Feed) accepts it.
pub trait Handler {
    /// Handles an event. [`ControlFlow::Break`] stops the feed and closes its connections with a close frame. Events of
    /// the same call that are not delivered yet are dropped; the books keep their state.
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
    /// The connection.
    pub connection: ConnectionId,
    /// The number of the frame on its connection, from 0.
    pub frame: u64,
    /// When the frame was received.
    pub received: Nanos,
}

/// An event. No variant is specific to a venue.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A connection is open. Its books wait for their first snapshot of this epoch.
    Connected {
        /// The connection.
        connection: ConnectionId,
        /// The new epoch.
        epoch: Epoch,
    },
    /// The server greeted the client.
    Welcome {
        /// The connection.
        connection: ConnectionId,
        /// The server's id of the connection, for support requests.
        client_id: Option<&'a str>,
        /// The server's text.
        message: Option<&'a str>,
    },
    /// The state of a book changed. Delivered in the call to the session that caused it, before the [`Event::Book`] of
    /// the same message.
    State(StateChange<'a>),
    /// A snapshot or a delta was applied to a book. [`Books::live`] returns whether the book can be traded on. A
    /// message that makes the book a gap is reported if it changed levels, so that a mirror by [`BookUpdate::changes`]
    /// stays exact.
    Book(BookUpdate<'a>),
    /// Trades that were not reported before.
    Trades(Trades<'a>),
    /// A candle was added, or changed.
    Candle(CandleUpdate<'a>),
    /// A balance of the account.
    Balance(BalanceUpdate<'a>),
    /// An order of the account was placed, changed, filled or closed.
    Order(OrderUpdate<'a>),
    /// A price that belongs to no book: that of an external asset, or one that the venue computes.
    ReferencePrice(ReferencePrice<'a>),
    /// The trading status of a venue or an instrument.
    Status(StatusUpdate<'a>),
    /// The tick or the lot of a book's instrument changed. The book waits for a snapshot in the new scale.
    Scale {
        /// The book.
        book: BookId,
        /// The scale before.
        old: Scale,
        /// The scale from now on.
        new: Scale,
    },
    /// A new snapshot of a book was requested, or the request failed. [`Event::State`] reports the state of the book.
    Resync(Resync<'a>),
    /// The venue confirmed a subscription.
    Subscribed {
        /// The connection.
        connection: ConnectionId,
        /// The venue's name for the topic.
        topic: &'a str,
    },
    /// The venue confirmed the end of a subscription.
    Unsubscribed {
        /// The connection.
        connection: ConnectionId,
        /// The venue's name for the topic.
        topic: &'a str,
    },
    /// The wire protocol of the server was detected, on a connection that supports several
    /// ([`jayx::Envelope::Auto`](crate::jayx::Envelope::Auto), for example). Reported once, and again when it changes.
    Protocol {
        /// The connection.
        connection: ConnectionId,
        /// The protocol's name, such as `plain JSON`.
        protocol: &'a str,
    },
    /// The venue has not confirmed a subscription in time. The request is repeated, and this event with it, with a
    /// timeout that doubles, until an [`Event::Subscribed`] or [`Event::Refused`] for the same topic. For a venue that
    /// confirms no subscription, the first data counts as the confirmation.
    Unconfirmed {
        /// The connection.
        connection: ConnectionId,
        /// The venue's name for the topic.
        topic: &'a str,
        /// The number of requests on this connection since the last confirmation; at least 1.
        attempts: u32,
    },
    /// The venue refused a request.
    Refused {
        /// The connection.
        connection: ConnectionId,
        /// The venue's error message.
        message: &'a str,
        /// The venue's name for the topic that the refusal most likely concerns; `None` if it cannot be determined.
        topic: Option<&'a str>,
    },
    /// The server replied to a ping of the client.
    RoundTrip {
        /// The connection.
        connection: ConnectionId,
        /// The time from the ping to the reply.
        time: Duration,
    },
    /// A line could not be parsed or applied. The books that it may concern are gaps, which was reported before. Also
    /// reported for a list item that could not be parsed in a line that was applied without it, such as a trade next to
    /// a book or one of several orders.
    BadLine {
        /// The connection.
        connection: ConnectionId,
        /// The number of the frame on its connection, from 0.
        frame: u64,
        /// The position in the frame, and the cause.
        error: DecodeError,
        /// The line as received, which [`DecodeError::offset`] refers to. For an HTTP response, the whole body.
        bytes: &'a [u8],
    },
    /// A message of an unknown kind.
    Unknown {
        /// The connection.
        connection: ConnectionId,
        /// The venue's name for the kind.
        kind: &'a str,
        /// The line as received.
        bytes: &'a [u8],
    },
    /// The interval of [`Feed::timer_interval`](crate::Feed::timer_interval) has passed.
    Timer {
        /// The current time.
        now: Nanos,
    },
    /// A connection ended, or an attempt failed. Its books are disconnected, which was reported before. A feed that is
    /// stopped while it waits to reconnect emits this event again.
    Disconnected {
        /// The connection.
        connection: ConnectionId,
        /// The cause.
        reason: &'a Disconnect,
        /// The time until the next attempt; `None` for no further attempt.
        retry_in: Option<Duration>,
    },
}

/// A change of a book's state. Each change causes one event.
///
/// The first call to a session of any connection at or after the deadline reports a stale book, before it processes its
/// input. A new cause without a new state, such as a second gap, is not reported.
#[derive(Clone, Copy, Debug)]
pub struct StateChange<'a> {
    /// The book.
    pub book: BookId,
    /// The instrument of the book.
    pub instrument: Instrument<'a>,
    /// The state before.
    pub old: BookState,
    /// The state now. A sequence gap contains the expected and the received number.
    pub new: BookState,
    /// The cause.
    pub cause: Cause,
}

/// A message that changed a book.
#[derive(Clone, Copy, Debug)]
pub struct BookUpdate<'a> {
    /// The book.
    pub book: BookId,
    /// Whether it was a snapshot or a delta.
    pub kind: UpdateKind,
    /// The number of the frame on its connection, from 0, over all reconnects. In the replay of a log without
    /// connection numbers, the line of the log.
    pub frame: u64,
    /// The line within the frame, from 0.
    pub line: u32,
    /// When the frame was received.
    pub received: Nanos,
    /// The levels that changed. Those of a snapshot are in order, bids before asks and each side best first, and empty
    /// if the snapshot repeats the book; those of a delta are in the delta's order. A flat book computes the changes of
    /// a snapshot during the iteration.
    pub changes: Changes<'a>,
    /// The last trade, if the message contains one and its price is a whole number of ticks.
    pub last_trade: Option<LastTrade>,
    /// When the message was sent, according to the venue.
    pub sent: Option<UnixMillis>,
    /// How the message was received.
    pub source: Source,
}

/// The kind of message that changed a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum UpdateKind {
    /// It replaced the book. Buffered deltas are applied with it.
    #[default]
    Snapshot,
    /// It changed individual levels.
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

/// The last trade of a book's instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct LastTrade {
    /// The price.
    pub ticks: Ticks,
    /// The taker's side.
    pub side: Option<TradeSide>,
}

/// New trades of an instrument.
#[derive(Clone, Copy, Debug)]
pub struct Trades<'a> {
    /// The connection.
    pub connection: ConnectionId,
    /// The traded instrument.
    pub instrument: Instrument<'a>,
    /// The instrument's book, where the feed has one.
    pub book: Option<BookId>,
    /// The scale of these trades: that of the book, unless a price is not a whole number of its ticks, as for fills of
    /// an automated market maker.
    pub scale: Scale,
    /// The trades, oldest first. Each is reported once, even if the venue repeats it.
    pub trades: &'a [Trade],
    /// When the message was sent, according to the venue.
    pub sent: Option<UnixMillis>,
    /// When the message was received.
    pub received: Nanos,
}

/// A candle of an instrument and an interval.
#[derive(Clone, Copy, Debug)]
pub struct CandleUpdate<'a> {
    /// The connection.
    pub connection: ConnectionId,
    /// The instrument.
    pub instrument: Instrument<'a>,
    /// The length of a candle, as the venue writes it.
    pub interval: &'a str,
    /// The size of a tick and a lot of the candle.
    pub scale: Scale,
    /// The current candle.
    pub candle: Candle,
    /// When the message was received.
    pub received: Nanos,
}

/// A price that belongs to no book.
#[derive(Clone, Copy, Debug)]
pub struct ReferencePrice<'a> {
    /// The connection.
    pub connection: ConnectionId,
    /// The asset or the outcome.
    pub instrument: Instrument<'a>,
    /// The price.
    pub price: Decimal<'a>,
    /// When the message was sent, according to the venue.
    pub sent: Option<UnixMillis>,
    /// When the message was received.
    pub received: Nanos,
}

/// The trading status of a venue, or of one of its instruments.
#[derive(Clone, Copy, Debug)]
pub struct StatusUpdate<'a> {
    /// The connection.
    pub connection: ConnectionId,
    /// The instrument; `None` for the whole venue.
    pub instrument: Option<Instrument<'a>>,
    /// The instrument's book, where the feed has one.
    pub book: Option<BookId>,
    /// The status.
    pub status: TradingStatus,
    /// The status as the venue writes it.
    pub text: &'a str,
}

/// The orders that a venue accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum TradingStatus {
    /// All orders.
    Online,
    /// Only orders that rest in the book.
    PostOnly,
    /// Only limit orders.
    LimitOnly,
    /// Only orders that reduce a position.
    ReduceOnly,
    /// Only cancellations.
    CancelOnly,
    /// None: trading is interrupted.
    Halted,
    /// None: the venue is under maintenance.
    Maintenance,
    /// None: the instrument is no longer traded.
    Delisted,
    /// A status that this version does not know.
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

/// A step of a book's resynchronisation, which requests a new snapshot without a new connection.
#[derive(Clone, Copy, Debug)]
pub struct Resync<'a> {
    /// The book.
    pub book: BookId,
    /// The number of snapshot requests since the book was last repaired, with this one; 0 if the venue supports no such
    /// request.
    pub attempt: u32,
    /// The step.
    pub step: ResyncStep<'a>,
}

/// A step of a resynchronisation.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ResyncStep<'a> {
    /// A snapshot was requested, or the request is queued under the rate limit.
    Requested,
    /// No snapshot repaired the book in time. Another one is requested immediately.
    TimedOut,
    /// The request failed.
    Failed {
        /// The cause.
        error: &'a RequestFailure,
        /// The time until the next request.
        retry_in: Duration,
    },
    /// The venue supports no snapshot request. The next regular snapshot repairs the book.
    Unsupported,
}
