//! The interface between the session and a venue's rules: the trait that a venue implements, and the
//! context that it works with.
//!
//! A venue is a folder of decoders in `ticklot-frame` and a folder of rules here; a user's venue
//! needs neither, only [`Venue`]. Helpers for it: [`Subscriptions`](crate::venue::subscriptions) keeps the
//! subscriptions, `ticklot_frame::json` reads JSON numbers exactly, [`Venue::next_request`] fetches
//! over HTTP.

mod bad_line;
mod context;
pub(crate) mod on_message;
mod stats;
pub mod subscriptions;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ticklot_book::{Ids, Level, Nanos};
use ticklot_frame::UnixMillis;
pub use ticklot_frame::VenueName;

pub use self::context::Context;
use self::on_message::OnMessage;
pub use self::stats::Stats;
pub use crate::books::BookConfig;
use crate::books::{BookId, Books, ConnectionId};
use crate::event::{Disconnect, EndReason, LastTrade, RequestFailure, Source};
use crate::session::RateLimit;

/// A venue's rules on one connection: its position in the protocol, the outgoing messages, and the meaning of the
/// incoming frames. A state machine without I/O: it gets inputs and their times, and queues its outputs.
///
/// Methods with a default are for venues that need them.
pub trait Venue: Sized {
    /// Requests that a user can make while it runs, from any task: to subscribe, say.
    type Command;

    /// A decoded message of the venue, borrowed from the frame: see [`OnMessage`]. `()` for a venue that
    /// hands on none.
    type Message<'a>;

    /// The name that its errors carry.
    fn name(&self) -> VenueName;

    /// The URL to connect to.
    fn url(&self) -> &str;

    /// Called once, before the first connection: adds the books that are known by name.
    fn register(&mut self, connection: ConnectionId, books: &mut Books);

    /// Whether there is anything to connect for.
    fn wants_connection(&self) -> bool {
        true
    }

    /// What proves that a book without messages is current. Default: only its own messages.
    fn liveness(&self) -> Liveness {
        Liveness::Book
    }

    /// A connection is open: forget the last one, and queue the first messages.
    fn opened<H: OnMessage<Self> + ?Sized>(&mut self, context: &mut Context<'_, H>);

    /// The connection is gone.
    fn closed(&mut self) {}

    /// The connection ended, or could not be made: whether [`Venue::url`] has another URL now, to be tried at once
    /// and without counting a failed attempt. For a venue with several wire protocols. Called before
    /// [`Venue::closed`]. At most every other call may return true, so that the backoff holds. Default: false.
    fn has_fallback_url(&mut self, reason: &Disconnect) -> bool {
        let _ = reason;
        false
    }

    /// A frame was received. The bytes are those of one WebSocket text message.
    fn frame<H: OnMessage<Self> + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> CallOutcome;

    /// Frees memory that is needed only while a frame is decoded: called after a long one (64 KiB) when the
    /// feed's budget has no room for its buffers.
    fn release_memory(&mut self) {}

    /// The bytes that the desired topics hold, their names with them
    /// ([`Subscriptions::memory`](crate::venue::subscriptions::Subscriptions::memory)): charged to the feed's budget
    /// after each call. It is to be cheap.
    fn memory(&self) -> usize {
        0
    }

    /// The user requests something. The connection may be open or not.
    fn command<H: OnMessage<Self> + ?Sized>(
        &mut self,
        command: Self::Command,
        context: &mut Context<'_, H>,
    ) -> CallOutcome;

    /// A check of commands for [`ConnectionHandle::send`](crate::control::ConnectionHandle::send). It runs on the caller's thread and does not
    /// see the connection: it refuses commands that can never succeed, such as an empty id or a topic of another
    /// endpoint. Default: every command passes.
    fn command_check(&self) -> CommandCheck<Self::Command> {
        Arc::new(|_: &Self::Command| Ok(()))
    }

    /// Requests a new snapshot of a book without a new connection: queues an HTTP request
    /// ([`Venue::next_request`]), or unsubscribes and subscribes again. Called for a book that is a gap,
    /// again until it is repaired ([`ResyncPolicy`](crate::driver::ResyncPolicy)), and when the user requests it. Default:
    /// unsupported; the book's next regular snapshot repairs it.
    fn resync<H: OnMessage<Self> + ?Sized>(
        &mut self,
        book: BookId,
        context: &mut Context<'_, H>,
    ) -> ResyncReply {
        let _ = (book, context);
        ResyncReply::Unsupported
    }

    /// Appends a message that is due, of those that wait for a slot under the rate limit; false
    /// when none is. Called when there is a slot, and after the queue is empty.
    fn next_message(&mut self, now: Nanos, slot: SendSlot, out: &mut Vec<u8>) -> bool {
        let _ = (now, slot, out);
        false
    }

    /// When [`Venue::next_message`] will have one that was not due at its last call: a ping,
    /// say. None for not at all, or not by time alone.
    fn next_due(&self) -> Option<Nanos> {
        None
    }

    /// Replaces secrets in an outgoing message, for the taps that see it: see
    /// [`Tap`](crate::observe::tap::Tap). Called only when there is one. A venue that sends no secrets leaves the
    /// message as it is.
    fn redact(&self, message: &mut Vec<u8>) {
        let _ = message;
    }

    /// Whether [`Venue::next_message`] may have a message, or [`Venue::next_due`] another time, since
    /// its last call: checked after each frame, so that it is called only with a reason. After
    /// everything else that happens it is called in any case. Default: true.
    fn has_message(&self, now: Nanos) -> bool {
        let _ = now;
        true
    }

    /// How many messages the venue takes from a client. None for no limit.
    fn rate_limit(&self) -> Option<RateLimit> {
        None
    }

    /// When [`Venue::timeout`] is to be called. None for not at all.
    fn deadline(&self) -> Option<Nanos> {
        None
    }

    /// Its deadline has come.
    fn timeout<H: OnMessage<Self> + ?Sized>(
        &mut self,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        let _ = context;
        CallOutcome::Data
    }

    /// How long the server may be silent, pings included, before the connection is given up. None to
    /// wait for ever.
    fn silence_limit(&self) -> Option<Duration>;

    /// The next URL (`http://`, `https://`) to fetch while the connection goes on. Called until there is
    /// none, after every other call. Several requests may be under way at once, in any order.
    fn next_request(&mut self, now: Nanos) -> Option<HttpRequest> {
        let _ = now;
        None
    }

    /// The body of a request of this connection, or why there is none. `request` is none for a body from
    /// a log, which does not record it: it belongs to the oldest request that is under way.
    fn response<H: OnMessage<Self> + ?Sized>(
        &mut self,
        request: Option<RequestId>,
        body: Result<&[u8], &RequestFailure>,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        let _ = (request, body, context);
        CallOutcome::Data
    }

    /// A venue of the same configuration, for the keep-warm replays of a spinning feed: it decodes the connection's order
    /// book messages by the same code and applies them to books of its own. It has no subscriptions and no credentials, and
    /// nothing that it wants to send is sent.
    ///
    /// The same message is applied many times. A book of deltas is given the levels of the connection's book first, so
    /// it may have that book's checksum, but not its numbers: its rule is
    /// [`Sequence::None`](crate::book::Sequence::None). When the connection's configuration has changed so that a message of an
    /// order book cannot be applied any more, this is called again. Allocates. Default: none, and nothing is replayed.
    fn scratch(&self) -> Option<Self> {
        None
    }
}

/// See [`Venue::command_check`]. The error is the reason, for the user.
pub type CommandCheck<C> = Arc<dyn Fn(&C) -> Result<(), String> + Send + Sync>;

/// The proof that a book without recent messages is current.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Liveness {
    /// Only the book's own messages: the venue repeats a book, or sends it often.
    #[default]
    Book,
    /// Any message on the connection. The connection loses no message while it is open, so a feed that
    /// sends what changes is current as long as the server sends anything, a heartbeat say.
    Connection,
    /// The messages for which the venue calls [`Context::mark_alive`].
    Heartbeat,
}

/// Which slot is free under the rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendSlot {
    /// Any message's.
    Any,
    /// A ping's only.
    Ping,
}

/// The commands of a venue that has none: it cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCommand {}

/// What the session does after a call to the venue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallOutcome {
    /// Nothing: it was data.
    Data,
    /// Nothing: it was of the protocol itself, and is not counted as a frame.
    Control,
    /// Closes the connection: the session inside it is over.
    CloseConnection(EndReason),
    /// Ends the feed: the handler wants no more.
    StopFeed,
}

impl From<ControlFlow<()>> for CallOutcome {
    /// A handler that breaks stops the session.
    fn from(flow: ControlFlow<()>) -> Self {
        match flow {
            ControlFlow::Continue(()) => Self::Data,
            ControlFlow::Break(()) => Self::StopFeed,
        }
    }
}

/// What a venue did to repair a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResyncReply {
    /// The venue has no request for a snapshot.
    Unsupported,
    /// A snapshot is requested; the book's messages go on meanwhile.
    Requested,
    /// A snapshot is requested, and the book gets no messages until it arrives: it was unsubscribed.
    Interrupted,
    /// An earlier request is still under way, or waits for a slot under the rate limit: no other one is
    /// made. It counts as [`ResyncReply::Interrupted`] when the session knows of no earlier one.
    Pending,
}

/// A request's number: a venue's own, to recognise the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// An HTTP request: a GET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// Its number.
    pub id: RequestId,
    /// The URL.
    pub url: String,
}

/// Which books a message may have concerned that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Concerns<'a> {
    /// None: it was readably of another type.
    None,
    /// This one.
    Book(BookId),
    /// These: those of a market, say.
    Books(&'a [BookId]),
    /// Any book of the connection.
    Connection,
}

/// A snapshot for a book.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot<'a> {
    /// The line of the frame that it was in.
    pub line: u32,
    /// That line's bytes, for the report of a refusal ([`Event::BadLine`](crate::Event::BadLine)).
    pub bytes: &'a [u8],
    /// The buyers, in any order.
    pub bids: &'a [Level],
    /// The sellers, in any order.
    pub asks: &'a [Level],
    /// The number of the last update in it, if the feed has any.
    pub id: Option<u64>,
    /// The venue's checksum of it, if it sends one.
    pub checksum: Option<u32>,
    /// The last trade.
    pub last_trade: Option<LastTrade>,
    /// When the venue says that it sent it.
    pub sent: Option<UnixMillis>,
    /// How it was received.
    pub source: Source,
}

/// A delta for a book.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delta<'a> {
    /// The line of the frame that it was in.
    pub line: u32,
    /// That line's bytes, for the report of a refusal ([`Event::BadLine`](crate::Event::BadLine)).
    pub bytes: &'a [u8],
    /// Bids, applied in order; a level without lots is removed.
    pub bids: &'a [Level],
    /// Asks, applied in order.
    pub asks: &'a [Level],
    /// Its numbers, if the feed has any.
    pub ids: Option<Ids>,
    /// The venue's checksum of the book after it, if it sends one.
    pub checksum: Option<u32>,
    /// The last trade.
    pub last_trade: Option<LastTrade>,
    /// When the venue says that it sent it.
    pub sent: Option<UnixMillis>,
}
