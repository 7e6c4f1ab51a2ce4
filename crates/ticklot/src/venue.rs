//! What the session needs to know of a venue.

use std::ops::ControlFlow;

#[cfg(feature = "sabotage")]
use ticklot_book::Side;
use ticklot_book::{Book, BookError, Epoch, Gap, Level, Nanos};
use ticklot_frame::{DecodeError, Trade, UnixMillis, VenueName};

use crate::books::{BookId, Books, ConnectionId};
use crate::event::{BookUpdate, Event, Handler, LastTrade, Source};
use crate::limiter::RateLimit;
use crate::marks::Marks;
use crate::outbox::Outbox;
use crate::tap::Taps;

/// A venue's rules on one connection: where it is, what is sent when it opens, what its frames
/// mean. Pure: it is told what came and when, and says what is to be sent.
///
/// A venue is one module of this crate over one module of `ticklot-frame`; a user can bring their
/// own. What has a default here is for venues that need it.
pub trait Venue {
    /// What can be asked of it while it runs, from any task: to subscribe, say.
    type Command;

    /// The name that its errors carry.
    fn name(&self) -> VenueName;

    /// The URL to connect to.
    fn url(&self) -> &str;

    /// Called once, before the first connection: adds the books that are known by name.
    fn register(&mut self, connection: ConnectionId, books: &mut Books);

    /// Whether there is anything to connect for.
    fn is_wanted(&self) -> bool {
        true
    }

    /// A connection is open: forget the last one, and queue what is to be sent first.
    fn opened(&mut self, now: Nanos, outbox: &mut Outbox);

    /// The connection is gone.
    fn closed(&mut self) {}

    /// A frame came. The bytes are those of one WebSocket text message.
    fn frame<H: Handler + ?Sized>(&mut self, frame: &[u8], context: &mut Context<'_, H>) -> Reply;

    /// The user asks for something. The connection may be open or not.
    fn command<H: Handler + ?Sized>(
        &mut self,
        command: Self::Command,
        context: &mut Context<'_, H>,
    ) -> Reply;

    /// Appends a message that is due, of those that wait for a place under the rate limit; false
    /// when none is. Called when there is a place, and after the queue is empty.
    fn next_message(&mut self, now: Nanos, slot: Slot, out: &mut Vec<u8>) -> bool {
        let _ = (now, slot, out);
        false
    }

    /// When [`Venue::next_message`] will have one that was not due when it was last asked: a ping,
    /// say. None for not at all, or not by time alone.
    fn next_due(&self) -> Option<Nanos> {
        None
    }

    /// Replaces what is secret in a message that is to be sent, for those who see it pass: see
    /// [`Tap`](crate::tap::Tap). Called only when there is one. A venue that sends no secrets leaves the
    /// message as it is.
    fn redact(&self, message: &mut Vec<u8>) {
        let _ = message;
    }

    /// Whether [`Venue::next_message`] may have a message, or [`Venue::next_due`] another moment, since
    /// it was last asked: looked at after each frame, so that it is asked only with a reason. After
    /// everything else that happens it is asked in any case. Default: true.
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
    fn timeout<H: Handler + ?Sized>(&mut self, context: &mut Context<'_, H>) -> Reply {
        let _ = context;
        Reply::Data
    }

    /// How long the server may be silent, pings included, before it is given up for dead. None to
    /// wait for ever.
    fn silence_limit(&self) -> Option<Nanos>;

    /// A URL (`http://`, `https://`) to be fetched once, now. Asked when a connection opens.
    fn fetch(&mut self) -> Option<String> {
        None
    }

    /// Breaks something on purpose.
    #[cfg(feature = "sabotage")]
    #[doc(hidden)]
    fn sabotage(&mut self, bug: crate::Sabotage) {
        let _ = bug;
    }

    /// What was fetched for this connection.
    fn fetched<H: Handler + ?Sized>(&mut self, body: &[u8], context: &mut Context<'_, H>) -> Reply {
        let _ = (body, context);
        Reply::Data
    }
}

/// What there is a place for under the rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Any message.
    Any,
    /// A ping only.
    Ping,
}

/// The commands of a venue that has none: it cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCommand {}

/// What a frame asks of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// Nothing: it was data.
    Data,
    /// Nothing: it was of the protocol itself, and is not counted as a frame.
    Control,
    /// The session inside the connection is over: close it.
    End(&'static str),
    /// The handler wants no more.
    Stop,
}

impl From<ControlFlow<()>> for Reply {
    /// A handler that breaks stops the session.
    fn from(flow: ControlFlow<()>) -> Self {
        match flow {
            ControlFlow::Continue(()) => Self::Data,
            ControlFlow::Break(()) => Self::Stop,
        }
    }
}

/// What a venue works with while it reads a frame.
#[derive(Debug)]
pub struct Context<'a, H: ?Sized> {
    /// The connection.
    pub connection: ConnectionId,
    /// The frame's number.
    pub frame: u64,
    /// When it was received: what books and events that come of it are dated by.
    pub received: Nanos,
    /// Now. Later than that when it has waited behind others.
    pub now: Nanos,
    /// The epoch of the connection; books made while reading a frame belong to it.
    pub epoch: Epoch,
    /// All books.
    pub books: &'a mut Books,
    /// What is to be sent.
    pub outbox: &'a mut Outbox,
    /// Counts of what was seen.
    pub stats: &'a mut Stats,
    /// The venue said that too much was sent: send less.
    pub slow_down: bool,
    /// The connection has brought something that was asked for: it is good, and the next backoff
    /// starts from its beginning. An applied snapshot says so by itself.
    pub proved: bool,
    #[cfg(feature = "sabotage")]
    pub(crate) sabotage: Option<crate::Sabotage>,
    pub(crate) taps: &'a mut Taps,
    pub(crate) marks: Marks<'a>,
    pub(crate) handler: &'a mut H,
}

/// Counts of one connection, over all its epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct Stats {
    /// Frames received, those of a Socket.IO session's own not counted.
    pub frames: u64,
    /// Bytes of all frames.
    pub bytes: u64,
    /// Messages decoded, of whatever kind; those of a Socket.IO session's own not counted.
    pub messages: u64,
    /// Snapshots applied.
    pub snapshots: u64,
    /// Lines that could not be read or applied.
    pub bad_lines: u64,
    /// Messages of a kind that is not read.
    pub unknown: u64,
    /// Messages of what is not desired, or no longer: dropped.
    pub unrequested: u64,
    /// Frames that came when no connection was open: dropped.
    pub late: u64,
    /// Messages for a book that could not be read or applied: the book is a gap until the next.
    pub gaps: u64,
    /// Connections opened.
    pub connects: u64,
    /// Connections that ended, and attempts that failed.
    pub disconnects: u64,
    /// Messages given to be sent.
    pub sent: u64,
    /// Times the venue said that too much was sent.
    pub rate_limited: u64,
}

/// A snapshot on its way to its book.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// The line of the frame that it came in.
    pub line: u32,
    /// The buyers, in any order.
    pub bids: &'a [Level],
    /// The sellers, in any order.
    pub asks: &'a [Level],
    /// New trades, in order of time.
    pub trades: &'a [Trade],
    /// The last trade.
    pub last_trade: Option<LastTrade>,
    /// When the venue says that it sent it.
    pub sent: Option<UnixMillis>,
    /// How it came.
    pub source: Source,
}

impl<H: Handler + ?Sized> Context<'_, H> {
    /// Tells the handler.
    pub fn emit(&mut self, event: Event<'_>) -> ControlFlow<()> {
        let flow = self.handler.on_event(event, self.books);
        self.marks.handled(None, self.books);
        flow
    }

    /// A line is decoded: to be told after each, so that the time it took can be told from the time
    /// that its book takes. Does nothing unless that is measured (feature `latency`).
    #[inline]
    pub fn decoded(&mut self) {
        self.marks.decoded();
    }

    /// A line could not be read or applied.
    pub fn bad_line(&mut self, error: DecodeError) -> ControlFlow<()> {
        self.stats.bad_lines += 1;
        self.emit(Event::BadLine {
            connection: self.connection,
            frame: self.frame,
            error,
        })
    }

    /// A message for a book could not be read: the book is out of date until the next one.
    pub fn missed(&mut self, id: BookId) {
        self.gap(id, Gap::Refused);
    }

    /// A book cannot be bridged by what came next: it is not to be trusted until the next snapshot.
    pub fn gap(&mut self, id: BookId, gap: Gap) {
        let Some(book) = self.books.book_mut(id) else {
            return;
        };
        let was_live = book.state().is_live();
        book.mark_gap(gap);
        self.stats.gaps += 1;
        if was_live {
            self.taps.trust_lost(id, self.now, self.books);
        }
    }

    /// A message is of a kind that is not read.
    pub fn unknown(&mut self, kind: &str) -> ControlFlow<()> {
        self.stats.unknown += 1;
        self.emit(Event::Unknown {
            connection: self.connection,
            kind,
        })
    }

    /// Replaces a book by a snapshot and tells the handler. `refusal` makes a decoding error of
    /// what the book refuses.
    pub fn snapshot(
        &mut self,
        id: BookId,
        snapshot: &Snapshot<'_>,
        refusal: impl FnOnce(BookError) -> DecodeError,
    ) -> ControlFlow<()> {
        let Some(book) = self.books.book_mut(id) else {
            return ControlFlow::Continue(());
        };
        let (bids, asks) = (snapshot.bids, snapshot.asks);
        #[cfg(feature = "sabotage")]
        let merged = (self.sabotage == Some(crate::Sabotage::MergedSnapshot)).then(|| {
            let merged = |side, snapshot| crate::sabotage::merged(book, side, snapshot);
            let (bids, asks) = (merged(Side::Bid, bids), merged(Side::Ask, asks));
            (bids, asks)
        });
        #[cfg(feature = "sabotage")]
        let (bids, asks) = match &merged {
            Some((bids, asks)) => (bids.as_slice(), asks.as_slice()),
            None => (bids, asks),
        };
        let was_live = book.state().is_live();
        if let Err(error) = book.replace(bids, asks, self.received) {
            self.gap(id, Gap::Refused);
            return self.bad_line(refusal(error).on_line(snapshot.line));
        }
        if was_live && !book.state().is_live() {
            self.taps.trust_lost(id, self.now, self.books);
        }
        if self.received < self.now {
            self.books.waited(id, self.now);
        }
        self.marks.applied();
        self.proved = true;
        self.stats.snapshots += 1;
        let changes = self.books.untrusted(id).map(Book::changes);
        let update = BookUpdate {
            book: id,
            frame: self.frame,
            line: snapshot.line,
            received: self.received,
            changes: changes.unwrap_or_default(),
            trades: snapshot.trades,
            last_trade: snapshot.last_trade,
            sent: snapshot.sent,
            source: snapshot.source,
        };
        let flow = self.handler.on_event(Event::Book(update), self.books);
        self.marks.handled(Some(self.connection), self.books);
        flow
    }
}
