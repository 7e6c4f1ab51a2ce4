//! The interface between the session and a venue: the trait [`Venue`], and the [`Context`] of its calls.
//!
//! A venue of this crate has its decoders in `ticklot-frame` and its protocol in `venues/`. A user's venue only implements
//! [`Venue`]. Helpers: [`Subscriptions`](crate::venue::subscriptions) tracks the subscriptions, `ticklot_frame::json` reads
//! JSON numbers exactly, and [`Venue::next_request`] fetches over HTTP.
//!
//! This venue has one book. Its frames are the prices of the best bid and the best ask, in ticks:
//!
//! ```
//! use std::time::Duration;
//!
//! use ticklot::events::{DecodeError, ErrorKind};
//! use ticklot::venue::{
//!     BookConfig, CallOutcome, Context, ErrorScope, NoCommand, Snapshot, Venue, VenueName,
//! };
//! use ticklot::{BookId, Books, ConnectionId, Instrument, Level, Lots, OnMessage, Scale, Ticks};
//!
//! const NAME: VenueName = VenueName("quotes");
//!
//! fn error(kind: ErrorKind) -> DecodeError {
//!     DecodeError { venue: NAME, line: 0, offset: 0, kind }
//! }
//!
//! struct Quotes {
//!     scale: Scale,
//!     book: Option<BookId>,
//! }
//!
//! impl Venue for Quotes {
//!     type Command = NoCommand;
//!     type Message<'a> = ();
//!
//!     fn name(&self) -> VenueName {
//!         NAME
//!     }
//!
//!     fn url(&self) -> &str {
//!         "ws://127.0.0.1:9001"
//!     }
//!
//!     fn register(&mut self, connection: ConnectionId, books: &mut Books) {
//!         let instrument = Instrument::of_symbol(NAME, "BTCUSDT");
//!         let config = BookConfig::snapshots(self.scale);
//!         self.book = Some(books.add(connection, &instrument, config));
//!     }
//!
//!     fn opened<H: OnMessage<Self> + ?Sized>(&mut self, context: &mut Context<'_, H>) {
//!         context.outbox().push(|out| out.extend_from_slice(b"subscribe"));
//!     }
//!
//!     fn frame<H: OnMessage<Self> + ?Sized>(
//!         &mut self,
//!         frame: &[u8],
//!         context: &mut Context<'_, H>,
//!     ) -> CallOutcome {
//!         let Some(id) = self.book else { return CallOutcome::Data };
//!         let prices = std::str::from_utf8(frame).ok().and_then(|text| {
//!             let (bid, ask) = text.split_once(' ')?;
//!             Some((bid.parse().ok()?, ask.parse().ok()?))
//!         });
//!         context.decoded();
//!         CallOutcome::from(match prices {
//!             Some((bid, ask)) => {
//!                 let (bids, asks) = ([Level::new(Ticks(bid), Lots(1))], [Level::new(Ticks(ask), Lots(1))]);
//!                 let snapshot = Snapshot { bytes: frame, bids: &bids, asks: &asks, ..Snapshot::default() };
//!                 context.apply_snapshot(id, &snapshot, |it| error(ErrorKind::Book(it.kind)))
//!             }
//!             None => context.unreadable(ErrorScope::Book(id), error(ErrorKind::Missing { field: "price" }), frame),
//!         })
//!     }
//!
//!     fn command<H: OnMessage<Self> + ?Sized>(
//!         &mut self,
//!         command: NoCommand,
//!         _: &mut Context<'_, H>,
//!     ) -> CallOutcome {
//!         match command {}
//!     }
//!
//!     fn idle_timeout(&self) -> Option<Duration> {
//!         Some(Duration::from_secs(10))
//!     }
//! }
//! ```
//!
//! `docs/venues.md` lists what else a venue can implement, and `examples/own_venue` is a complete one.

mod bad_line;
mod context;
pub(crate) mod id_counts;
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

/// A venue's protocol on one connection: its state, its outgoing messages, and the meaning of incoming frames.
///
/// It is a state machine without I/O: its methods receive inputs with their times, and queue the outputs. Methods with a
/// default are optional.
pub trait Venue: Sized {
    /// The commands that a user can send while it runs, from any task: to subscribe, for example.
    type Command;

    /// A decoded message of the venue, borrowed from the frame: see [`OnMessage`]. `()` for a venue without any.
    type Message<'a>;

    /// The venue's name in errors.
    fn name(&self) -> VenueName;

    /// The URL to connect to.
    fn url(&self) -> &str;

    /// Adds the books whose names are known. Called once, before the first connection.
    fn register(&mut self, connection: ConnectionId, books: &mut Books);

    /// Whether the venue needs a connection: false without topics, for example. Default: true.
    fn wants_connection(&self) -> bool {
        true
    }

    /// The proof that a book without messages is current. Default: [`Liveness::Book`].
    fn liveness(&self) -> Liveness {
        Liveness::Book
    }

    /// Called when a connection has opened: resets the state, and queues the first messages.
    fn opened<H: OnMessage<Self> + ?Sized>(&mut self, context: &mut Context<'_, H>);

    /// Called when the connection has ended.
    fn closed(&mut self) {}

    /// Whether [`Venue::url`] now returns another URL, to be tried immediately and without counting a failed attempt.
    /// For a venue with several wire protocols. Called before [`Venue::closed`] when a connection has ended or an
    /// attempt has failed. At most every other call may return true, so that the backoff remains effective. Default:
    /// false.
    fn has_fallback_url(&mut self, reason: &Disconnect) -> bool {
        let _ = reason;
        false
    }

    /// Processes a frame: the payload of one WebSocket text message.
    fn frame<H: OnMessage<Self> + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> CallOutcome;

    /// Frees the buffers of the decoder. Called after a frame of 64 KiB or more if the feed's memory budget has no room for
    /// its buffers.
    fn release_memory(&mut self) {}

    /// The memory of the desired topics in bytes, such as
    /// [`Subscriptions::memory`](crate::venue::subscriptions::Subscriptions::memory). It is charged to the feed's budget
    /// after each call, so it must be cheap.
    fn memory(&self) -> usize {
        0
    }

    /// Executes a user's command, whether the connection is open or not.
    fn command<H: OnMessage<Self> + ?Sized>(
        &mut self,
        command: Self::Command,
        context: &mut Context<'_, H>,
    ) -> CallOutcome;

    /// A check of commands for [`ConnectionHandle::send`](crate::control::ConnectionHandle::send). It runs on the caller's
    /// thread, without access to the connection, and refuses commands that can never succeed, such as an empty id or a topic
    /// of another endpoint. Default: accepts every command.
    fn command_check(&self) -> CommandCheck<Self::Command> {
        Arc::new(|_: &Self::Command| Ok(()))
    }

    /// Requests a new snapshot of a book without a new connection: queues an HTTP request ([`Venue::next_request`]), or
    /// unsubscribes and subscribes again. Called repeatedly for a book that is a gap
    /// ([`ResyncPolicy`](crate::driver::ResyncPolicy)), and when the user requests it. Default:
    /// [`ResyncReply::Unsupported`]; the next regular snapshot repairs the book.
    fn resync<H: OnMessage<Self> + ?Sized>(
        &mut self,
        book: BookId,
        context: &mut Context<'_, H>,
    ) -> ResyncReply {
        let _ = (book, context);
        ResyncReply::Unsupported
    }

    /// Appends the next due message to `out`; false if there is none. Called when the rate limit has a free slot and the
    /// outbox is empty.
    fn next_message(&mut self, now: Nanos, slot: SendSlot, out: &mut Vec<u8>) -> bool {
        let _ = (now, slot, out);
        false
    }

    /// When the next message becomes due by time alone, such as a ping. Default: none.
    fn next_due(&self) -> Option<Nanos> {
        None
    }

    /// Replaces secrets in an outgoing message before taps receive it: see [`Tap`](crate::observe::tap::Tap). Called only if
    /// there is a tap. Default: leaves the message unchanged, for a venue that sends no secrets.
    fn redact(&self, message: &mut Vec<u8>) {
        let _ = message;
    }

    /// Whether [`Venue::next_message`] may have a message, or [`Venue::next_due`] may have changed, since the last call.
    /// Checked after each frame to avoid needless calls; after other inputs, both are always called. Default: true.
    fn has_message(&self, now: Nanos) -> bool {
        let _ = now;
        true
    }

    /// The venue's limit on a client's messages. Default: none.
    fn rate_limit(&self) -> Option<RateLimit> {
        None
    }

    /// When [`Venue::timeout`] must be called. Default: never.
    fn deadline(&self) -> Option<Nanos> {
        None
    }

    /// Called at [`Venue::deadline`].
    fn timeout<H: OnMessage<Self> + ?Sized>(
        &mut self,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        let _ = context;
        CallOutcome::Data
    }

    /// How long the server may send nothing, not even a ping, before the session closes the connection. None for no limit.
    fn idle_timeout(&self) -> Option<Duration>;

    /// The next HTTP request. Called after every other call, until it returns none. Requests run concurrently and end in
    /// any order. Default: none.
    fn next_request(&mut self, now: Nanos) -> Option<HttpRequest> {
        let _ = now;
        None
    }

    /// Processes the body of a response, or the failure of a request. `request` is none in a replay, because logs do not
    /// record it: the response then belongs to the oldest pending request. Default: ignores it.
    fn response<H: OnMessage<Self> + ?Sized>(
        &mut self,
        request: Option<RequestId>,
        body: Result<&[u8], &RequestFailure>,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        let _ = (request, body, context);
        CallOutcome::Data
    }

    /// A scratch venue with the same configuration, for the keep-warm replays of a spinning feed. It decodes the order book
    /// messages of the connection with the same code, and applies them to scratch books. It has no subscriptions and no
    /// credentials, and its outgoing messages are dropped.
    ///
    /// The same message is applied many times. A book that receives deltas is first given the levels of the live book, so its
    /// checksum matches. Its sequence numbers would not: use [`Sequence::None`](crate::book::Sequence::None). This is called
    /// again if the configuration has changed so that a message cannot be applied. Allocates. Default: none, no replays.
    fn scratch(&self) -> Option<Self> {
        None
    }
}

/// See [`Venue::command_check`]. The error is the reason for the user.
pub type CommandCheck<C> = Arc<dyn Fn(&C) -> Result<(), String> + Send + Sync>;

/// The proof that a book without recent messages is current.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Liveness {
    /// Only messages of the book itself: the venue repeats a book, or sends it often.
    #[default]
    Book,
    /// Any message on the connection, such as a heartbeat: an open connection loses no message, so a book of deltas is
    /// current as long as the server sends anything.
    Connection,
    /// Messages for which the venue calls [`Context::mark_alive`].
    Heartbeat,
}

/// The messages that the free slot of the rate limit may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendSlot {
    /// Any message.
    Any,
    /// Only a ping.
    Ping,
}

/// The command type of a venue without commands. It has no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCommand {}

/// The outcome of a call to the venue, which determines the session's next action.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallOutcome {
    /// Nothing: the frame contained data.
    Data,
    /// Nothing: the frame was part of the protocol itself. It is not counted.
    Control,
    /// Closes the connection, for this reason.
    CloseConnection(EndReason),
    /// Stops the feed: the handler broke.
    StopFeed,
}

impl From<ControlFlow<()>> for CallOutcome {
    /// Break becomes [`CallOutcome::StopFeed`].
    fn from(flow: ControlFlow<()>) -> Self {
        match flow {
            ControlFlow::Continue(()) => Self::Data,
            ControlFlow::Break(()) => Self::StopFeed,
        }
    }
}

/// How a venue handled a request for a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResyncReply {
    /// The venue cannot request a snapshot.
    Unsupported,
    /// A snapshot is requested. The book receives its messages meanwhile.
    Requested,
    /// A snapshot is requested. The book receives no messages until it arrives, because it was unsubscribed.
    Interrupted,
    /// An earlier request is still pending, or waits for the rate limit. If the session knows of none, this counts as
    /// [`ResyncReply::Interrupted`].
    Pending,
}

/// The number of a request, chosen by the venue to identify the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// An HTTP GET request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The number of the request.
    pub id: RequestId,
    /// The URL: `http://` or `https://`.
    pub url: String,
}

/// The books that a message may have concerned that could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorScope<'a> {
    /// None: the message is known to be of another type.
    None,
    /// This one.
    Book(BookId),
    /// These: those of a market, for example.
    Books(&'a [BookId]),
    /// Any book of the connection.
    Connection,
}

/// A snapshot for a book.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot<'a> {
    /// The number of its line in the frame.
    pub line: u32,
    /// The bytes of the line, for [`Event::BadLine`](crate::Event::BadLine).
    pub bytes: &'a [u8],
    /// The bids, in any order.
    pub bids: &'a [Level],
    /// The asks, in any order.
    pub asks: &'a [Level],
    /// The number of the last update that it includes, if the venue numbers updates.
    pub id: Option<u64>,
    /// The venue's checksum of the book, if it sends one.
    pub checksum: Option<u32>,
    /// The last trade.
    pub last_trade: Option<LastTrade>,
    /// The venue's time of sending.
    pub sent: Option<UnixMillis>,
    /// Whether it was received on the stream or by a request.
    pub source: Source,
}

/// A delta for a book.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delta<'a> {
    /// The number of its line in the frame.
    pub line: u32,
    /// The bytes of the line, for [`Event::BadLine`](crate::Event::BadLine).
    pub bytes: &'a [u8],
    /// The bids, applied in order. A level with zero lots is removed.
    pub bids: &'a [Level],
    /// The asks, applied in order.
    pub asks: &'a [Level],
    /// Its numbers, if the venue numbers updates.
    pub ids: Option<Ids>,
    /// The venue's checksum of the book after the delta, if it sends one.
    pub checksum: Option<u32>,
    /// The last trade.
    pub last_trade: Option<LastTrade>,
    /// The venue's time of sending.
    pub sent: Option<UnixMillis>,
}
