//! A venue with numbered deltas, for tests: Binance's recorded order books, and the variants of the simulation's server.
//!
//! Deltas continue while a snapshot is requested, and the book bridges them. A variant of the venue has a stream that the
//! client subscribes to, a checksum, or snapshots on the stream:
//!
//! ```text
//! client  {"subscribe":"SYMBOL"}                    repeated after a while without an effect
//!         {"snapshot":"SYMBOL"}                     requests a snapshot on the connection
//! server  {"e":"subscribed","s":"SYMBOL"}
//!         {"e":"snapshot","s":"SYMBOL","lastUpdateId":N,"c":CRC,"bids":[["PRICE","QUANTITY"],..],"asks":[..]}
//!         {"e":"depthUpdate","s":"SYMBOL","U":N,"u":N,"c":CRC,"b":[["PRICE","QUANTITY"],..],"a":[..]}
//!         {"e":"heartbeat"}                         at a market step without deltas
//! ```

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::book::{Book, BookError, Coverage, Flat, Ids, Ladder, Sequence};
use ticklot::events::{DecodeError, ErrorKind, RequestFailure, Source};
use ticklot::venue::{
    BookConfig, CallOutcome, Context, Delta, ErrorScope, HttpRequest, Liveness, NoCommand,
    RequestId, ResyncReply, Snapshot, Venue, VenueName,
};
use ticklot::{
    BookId, BookState, Books, ConnectionId, Handler, Instrument, Nanos, OnMessage, Scale, Side,
};
use ticklot_book as book;

pub use self::market::Market;
pub use self::wire::{Message, Ticker, Update};

mod market;
mod wire;

/// The levels a side of a snapshot.
pub const LIMIT: usize = 1_000;

/// The name of the venue.
pub const NAME: VenueName = VenueName("binance");

/// The silence, pings included, after which the client closes the connection to a server with subscriptions.
const SILENCE: Duration = Duration::from_secs(20);

/// Reads a frame or a snapshot's body with numbers of `scale`; `None` for any other message.
#[must_use]
pub fn read(text: &str, scale: Scale) -> Option<Message> {
    wire::read(NAME, text.as_bytes()).ok()?.message(scale)
}

/// The storage of a venue's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Flat arrays.
    Flat,
    /// A ladder.
    Ladder,
}

/// How snapshots are requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshots {
    /// Over HTTP.
    Http,
    /// On the connection. The first one follows the subscription.
    Stream,
    /// Not at all.
    Never,
}

/// The protocol of one connection.
#[derive(Debug)]
pub struct DeltaVenue {
    url: String,
    symbols: Vec<Symbol>,
    liveness: Liveness,
    coverage: Coverage,
    sequence: Sequence,
    has_checksum: bool,
    snapshots: Snapshots,
    /// The time without an effect after which a subscription is repeated. `None` if the URL selects the streams.
    ack_timeout: Option<Duration>,
    replaces: bool,
    queue: VecDeque<HttpRequest>,
    /// Pending requests and their symbols, oldest first.
    pending: VecDeque<(RequestId, usize)>,
    requests: u64,
    /// The number of deltas that did not continue the book to adopt.
    refused: u64,
}

#[derive(Debug)]
struct Symbol {
    name: String,
    scale: Scale,
    storage: Storage,
    book: Option<BookId>,
    /// When the subscription is sent again.
    subscribe_at: Option<Nanos>,
}

impl DeltaVenue {
    /// A connection to `url` without symbols.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            symbols: Vec::new(),
            liveness: Liveness::Connection,
            coverage: Coverage::SnapshotLimit(LIMIT),
            sequence: Sequence::Range,
            has_checksum: false,
            snapshots: Snapshots::Http,
            ack_timeout: None,
            replaces: false,
            queue: VecDeque::new(),
            pending: VecDeque::new(),
            requests: 0,
            refused: 0,
        }
    }

    /// The same connection, which also follows `name`.
    #[must_use]
    pub fn symbol(mut self, name: &str, scale: Scale, storage: Storage) -> Self {
        self.symbols.push(Symbol {
            name: name.to_owned(),
            scale,
            storage,
            book: None,
            subscribe_at: None,
        });
        self
    }

    /// The same connection as a replacement of another one. It adds no books, and adopts existing ones that its deltas
    /// continue.
    #[must_use]
    pub fn replacement(mut self) -> Self {
        self.replaces = true;
        self
    }

    /// The same connection, which subscribes to its symbols. It repeats subscriptions without an effect after `timeout`.
    #[must_use]
    pub fn with_subscriptions(mut self, timeout: Duration) -> Self {
        self.ack_timeout = Some(timeout);
        self
    }

    /// The same connection with another request for a snapshot. Default: HTTP.
    #[must_use]
    pub fn with_snapshots(mut self, snapshots: Snapshots) -> Self {
        self.snapshots = snapshots;
        self
    }

    /// The same connection with another condition for the liveness of quiet books.
    #[must_use]
    pub fn with_liveness(mut self, liveness: Liveness) -> Self {
        self.liveness = liveness;
        self
    }

    /// The same connection with books that cover another part of the market.
    #[must_use]
    pub fn with_coverage(mut self, coverage: Coverage) -> Self {
        self.coverage = coverage;
        self
    }

    /// The same connection to a venue whose messages have Kraken's checksum and one id each.
    #[must_use]
    pub fn with_checksum(mut self) -> Self {
        self.has_checksum = true;
        self.sequence = Sequence::Contiguous;
        self
    }

    /// The number of deltas that did not continue the book to adopt.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn config(&self, symbol: &Symbol) -> BookConfig {
        let config = BookConfig::deltas(symbol.scale, self.sequence).coverage(self.coverage);
        let config = match self.has_checksum {
            true => config.checksum(checksum::<Flat>, checksum::<Ladder>),
            false => config,
        };
        match symbol.storage {
            Storage::Flat => config,
            Storage::Ladder => config.ladder(),
        }
    }

    fn subscribe<H: ?Sized>(&mut self, at: usize, context: &mut Context<'_, H>) {
        let again = self.ack_timeout.map(|it| context.now().after(it));
        self.symbols[at].subscribe_at = again;
        send(context, "subscribe", &self.symbols[at].name);
    }

    /// The subscription has an effect, so a snapshot that its deltas continue can be requested.
    fn subscribed<H: Handler + ?Sized>(&mut self, at: usize, context: &mut Context<'_, H>) {
        let symbol = &mut self.symbols[at];
        if self.snapshots == Snapshots::Http
            && symbol.subscribe_at.take().is_some()
            && let Some(book) = symbol.book
        {
            context.request_snapshot(book);
        }
    }

    fn message<H: OnMessage<Self> + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let unread = match wire::read(NAME, frame) {
            Ok(unread) => unread,
            Err(error) => return context.unreadable(ErrorScope::Connection, error, frame),
        };
        if unread.kind() == "heartbeat" {
            return ControlFlow::Continue(());
        }
        let of = |symbol: &Symbol| unread.symbol() == Some(&symbol.name);
        let Some(at) = self.symbols.iter().position(of) else {
            context.count_unrequested();
            return ControlFlow::Continue(());
        };
        context.count_message();
        self.subscribed(at, context);
        let Symbol { scale, book, .. } = self.symbols[at];
        match (unread.message(scale), book) {
            (Some(Message::Diff(update)), _) => self.diff(at, &update, context),
            (Some(Message::Snapshot(update)), Some(_)) => {
                self.snapshot(at, &update, Source::Stream, context)
            }
            (Some(Message::Trade(trade)), Some(book)) => {
                context.trades(book, &[trade], false, None)
            }
            (Some(Message::Ticker(ticker)), _) => context.message::<Self>(&ticker),
            (Some(_), _) => ControlFlow::Continue(()),
            (None, Some(book)) if unread.is_known() => {
                let error = wire::error(NAME, ErrorKind::Value { field: "message" });
                context.unreadable(ErrorScope::Book(book), error, frame)
            }
            (None, _) => context.unknown(unread.kind(), frame),
        }
    }

    fn diff<H: Handler + ?Sized>(
        &mut self,
        at: usize,
        update: &Update,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let symbol = &mut self.symbols[at];
        if symbol.book.is_none() {
            symbol.book = adopt(&symbol.name, update.ids, context);
        }
        let Some(book) = symbol.book else {
            self.refused += 1;
            return ControlFlow::Continue(());
        };
        let delta = Delta {
            bids: &update.sides.bids,
            asks: &update.sides.asks,
            ids: Some(update.ids),
            checksum: update.checksum,
            sent: update.sent,
            ..Delta::default()
        };
        context.apply_delta(book, &delta, refusal)
    }

    fn snapshot<H: Handler + ?Sized>(
        &mut self,
        at: usize,
        update: &Update,
        source: Source,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let Some(book) = self.symbols[at].book else {
            return ControlFlow::Continue(());
        };
        let snapshot = Snapshot {
            bids: &update.sides.bids,
            asks: &update.sides.asks,
            id: Some(update.ids.last),
            checksum: update.checksum,
            source,
            ..Snapshot::default()
        };
        let flow = context.apply_snapshot(book, &snapshot, refusal);
        // The subscription is repeated until a snapshot is applied. A refused one changes nothing.
        let state = context.books().state(book);
        if !matches!(state, BookState::Empty | BookState::Disconnected) {
            self.symbols[at].subscribe_at = None;
        }
        flow
    }

    /// Removes and returns the symbol of a response's request. In a replay, responses belong to the oldest request.
    fn take(&mut self, request: Option<RequestId>) -> Option<usize> {
        let index = match request {
            Some(request) => self.pending.iter().position(|(id, _)| *id == request)?,
            None => 0,
        };
        self.pending.remove(index).map(|(_, at)| at)
    }

    fn read_snapshot(&self, at: usize, body: &[u8]) -> Option<Update> {
        let symbol = &self.symbols[at];
        let unread = wire::read(NAME, body).ok()?;
        let is_own = unread.symbol().is_none_or(|name| name == symbol.name);
        match unread.message(symbol.scale).filter(|_| is_own)? {
            Message::Snapshot(update) => Some(update),
            _ => None,
        }
    }
}

/// Adopts the book of a symbol from another connection, if its deltas continue the book.
fn adopt<H: Handler + ?Sized>(
    name: &str,
    ids: Ids,
    context: &mut Context<'_, H>,
) -> Option<BookId> {
    let book = context.books().find(&Instrument::of_symbol(NAME, name))?;
    context.adopt(book, ids).then_some(book)
}

fn send<H: ?Sized>(context: &mut Context<'_, H>, action: &str, symbol: &str) {
    let text = format!(r#"{{"{action}":"{symbol}"}}"#);
    context
        .outbox()
        .push(|out| out.extend_from_slice(text.as_bytes()));
}

/// Kraken's checksum, also for negative prices.
fn checksum<S: book::Storage>(book: &Book<S>) -> u32 {
    let mut digits = String::new();
    for side in [Side::Ask, Side::Bid] {
        for level in book.levels(side).take(10) {
            digits += &format!("{}{}", level.ticks, level.lots);
        }
    }
    crc32fast::hash(digits.as_bytes())
}

fn refusal(error: BookError) -> DecodeError {
    wire::error(NAME, ErrorKind::Book(error.kind))
}

impl Venue for DeltaVenue {
    type Command = NoCommand;
    type Message<'a> = Ticker;

    fn name(&self) -> VenueName {
        NAME
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn register(&mut self, connection: ConnectionId, books: &mut Books) {
        if self.replaces {
            return;
        }
        for at in 0..self.symbols.len() {
            let symbol = &self.symbols[at];
            let instrument = Instrument::of_symbol(NAME, &symbol.name);
            let book = books.add(connection, &instrument, self.config(symbol));
            self.symbols[at].book = Some(book);
        }
    }

    fn liveness(&self) -> Liveness {
        self.liveness
    }

    fn opened<H: OnMessage<Self> + ?Sized>(&mut self, context: &mut Context<'_, H>) {
        for at in 0..self.symbols.len() {
            if self.ack_timeout.is_some() {
                self.subscribe(at, context);
            } else if let Some(book) = self.symbols[at].book {
                context.request_snapshot(book);
            }
        }
    }

    fn closed(&mut self) {
        self.queue.clear();
        self.pending.clear();
        for symbol in &mut self.symbols {
            symbol.subscribe_at = None;
        }
    }

    fn frame<H: OnMessage<Self> + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        CallOutcome::from(self.message(frame, context))
    }

    fn command<H: OnMessage<Self> + ?Sized>(
        &mut self,
        command: NoCommand,
        _: &mut Context<'_, H>,
    ) -> CallOutcome {
        match command {}
    }

    fn resync<H: OnMessage<Self> + ?Sized>(
        &mut self,
        book: BookId,
        context: &mut Context<'_, H>,
    ) -> ResyncReply {
        let mut symbols = self.symbols.iter();
        let Some(at) = symbols.position(|symbol| symbol.book == Some(book)) else {
            return ResyncReply::Unsupported;
        };
        let name = &self.symbols[at].name;
        match self.snapshots {
            Snapshots::Never => return ResyncReply::Unsupported,
            Snapshots::Stream => send(context, "snapshot", name),
            Snapshots::Http => {
                let id = RequestId(self.requests);
                let url = format!("http://sim/depth?symbol={name}&limit={LIMIT}");
                self.requests += 1;
                self.pending.push_back((id, at));
                self.queue.push_back(HttpRequest { id, url });
            }
        }
        ResyncReply::Requested
    }

    fn has_message(&self, _: Nanos) -> bool {
        false
    }

    fn deadline(&self) -> Option<Nanos> {
        let symbols = self.symbols.iter();
        symbols.filter_map(|symbol| symbol.subscribe_at).min()
    }

    fn timeout<H: OnMessage<Self> + ?Sized>(
        &mut self,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        for at in 0..self.symbols.len() {
            let due = self.symbols[at].subscribe_at;
            if due.is_some_and(|due| due <= context.now()) {
                self.subscribe(at, context);
            }
        }
        CallOutcome::Data
    }

    fn idle_timeout(&self) -> Option<Duration> {
        self.ack_timeout.map(|_| SILENCE)
    }

    fn next_request(&mut self, _: Nanos) -> Option<HttpRequest> {
        self.queue.pop_front()
    }

    fn response<H: OnMessage<Self> + ?Sized>(
        &mut self,
        request: Option<RequestId>,
        body: Result<&[u8], &RequestFailure>,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        let Some(at) = self.take(request) else {
            return CallOutcome::Data;
        };
        let Some(book) = self.symbols[at].book else {
            return CallOutcome::Data;
        };
        let failure = RequestFailure::Transport("no snapshot".to_owned());
        let snapshot = body.and_then(|body| self.read_snapshot(at, body).ok_or(&failure));
        CallOutcome::from(match snapshot {
            Ok(update) => self.snapshot(at, &update, Source::Request, context),
            Err(failure) => context.resync_failed(book, failure),
        })
    }
}
