//! A venue of numbered deltas and HTTP snapshots, for tests: Binance's order books as they were recorded.
//!
//! It follows the venue's rules and nothing more. The stream is the URL's, so no message is sent. A snapshot
//! is requested after opening and for each gap; deltas go on meanwhile, and the book bridges them.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::{
    BookConfig, BookError, BookId, Books, Concerns, ConnectionId, Context, Coverage, DecodeError,
    Delta, ErrorKind, Handler, HttpRequest, Ids, Instrument, Liveness, Nanos, NoCommand, OnMessage,
    Reply, RequestFailure, RequestId, ResyncReply, Scale, Sequence, Snapshot, Source, Venue,
    VenueName,
};

pub use self::market::Market;
pub use self::wire::{Message, Ticker};

use crate::raw::Sides;

mod market;
mod wire;

/// The levels a side of a snapshot.
pub const LIMIT: usize = 1_000;

/// The name of the venue.
pub const NAME: VenueName = VenueName("binance");

/// A frame or a snapshot's body with numbers of `scale`; none for any other message.
#[must_use]
pub fn read(text: &str, scale: Scale) -> Option<Message> {
    wire::read(NAME, text.as_bytes()).ok()?.message(scale)
}

/// How the books of a venue are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// As flat arrays.
    Flat,
    /// As a ladder.
    Ladder,
}

/// The rules of one connection.
#[derive(Debug)]
pub struct DeltaVenue {
    url: String,
    symbols: Vec<Symbol>,
    liveness: Liveness,
    coverage: Coverage,
    replaces: bool,
    can_request: bool,
    queue: VecDeque<HttpRequest>,
    /// Requests under way and the symbol of each, oldest first.
    pending: VecDeque<(RequestId, usize)>,
    requests: u64,
    /// Deltas whose book could not be adopted.
    refused: u64,
}

#[derive(Debug)]
struct Symbol {
    name: String,
    scale: Scale,
    storage: Storage,
    book: Option<BookId>,
}

impl DeltaVenue {
    /// A connection to `url` without symbols.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            symbols: Vec::new(),
            liveness: Liveness::Connection,
            coverage: Coverage::Snapshot(LIMIT),
            replaces: false,
            can_request: true,
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
        });
        self
    }

    /// The same connection as a replacement of another: it adds no books, and adopts those that exist
    /// when its deltas continue them.
    #[must_use]
    pub fn replacement(mut self) -> Self {
        self.replaces = true;
        self
    }

    /// The same connection to a venue that has no request for a snapshot.
    #[must_use]
    pub fn without_requests(mut self) -> Self {
        self.can_request = false;
        self
    }

    /// The same connection with another proof that its quiet books are current.
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

    /// How many deltas did not continue the book that was to be adopted.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.symbols.iter().position(|symbol| symbol.name == name)
    }

    fn message<H: OnMessage<Self> + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let unread = match wire::read(NAME, frame) {
            Ok(unread) => unread,
            Err(error) => return context.unreadable(Concerns::Connection, error, frame),
        };
        let Some(at) = unread.symbol().and_then(|name| self.index(name)) else {
            context.count_unrequested();
            return ControlFlow::Continue(());
        };
        context.count_message();
        match unread.message(self.symbols[at].scale) {
            Some(Message::Diff(ids, sides, sent)) => {
                let delta = Delta {
                    bids: &sides.bids,
                    asks: &sides.asks,
                    ids: Some(ids),
                    sent,
                    ..Delta::default()
                };
                self.diff(at, ids, &delta, context)
            }
            Some(Message::Trade(trade)) => match self.symbols[at].book {
                Some(book) => context.trades(book, &[trade], false, None),
                None => ControlFlow::Continue(()),
            },
            Some(Message::Ticker(ticker)) => context.message::<Self>(&ticker),
            _ => context.unknown(unread.kind(), frame),
        }
    }

    fn diff<H: Handler + ?Sized>(
        &mut self,
        at: usize,
        ids: Ids,
        delta: &Delta<'_>,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let symbol = &mut self.symbols[at];
        if symbol.book.is_none() {
            symbol.book = adopt(&symbol.name, ids, context);
        }
        let Some(book) = symbol.book else {
            self.refused += 1;
            return ControlFlow::Continue(());
        };
        context.delta(book, delta, refusal)
    }

    fn snapshot<H: Handler + ?Sized>(
        &mut self,
        book: BookId,
        (id, sides): (u64, &Sides),
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let snapshot = Snapshot {
            bids: &sides.bids,
            asks: &sides.asks,
            id: Some(id),
            source: Source::Request,
            ..Snapshot::default()
        };
        context.snapshot(book, &snapshot, refusal)
    }

    /// The symbol of a request that is answered; the oldest for a response from a log.
    fn take(&mut self, request: Option<RequestId>) -> Option<usize> {
        let place = match request {
            Some(request) => self.pending.iter().position(|(id, _)| *id == request)?,
            None => 0,
        };
        self.pending.remove(place).map(|(_, at)| at)
    }
}

/// The book of a symbol, taken over from another connection that its deltas continue.
fn adopt<H: Handler + ?Sized>(
    name: &str,
    ids: Ids,
    context: &mut Context<'_, H>,
) -> Option<BookId> {
    let book = context.books().find(&Instrument::of_symbol(NAME, name))?;
    context.adopt(book, ids).then_some(book)
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
        for symbol in &mut self.symbols {
            let config = BookConfig::deltas(symbol.scale, Sequence::Range).coverage(self.coverage);
            let config = match symbol.storage {
                Storage::Flat => config,
                Storage::Ladder => config.ladder(),
            };
            let instrument = Instrument::of_symbol(NAME, &symbol.name);
            symbol.book = Some(books.add(connection, &instrument, config));
        }
    }

    fn liveness(&self) -> Liveness {
        self.liveness
    }

    fn opened<H: OnMessage<Self> + ?Sized>(&mut self, context: &mut Context<'_, H>) {
        for book in self.symbols.iter().filter_map(|symbol| symbol.book) {
            context.request_snapshot(book);
        }
    }

    fn closed(&mut self) {
        self.queue.clear();
        self.pending.clear();
    }

    fn frame<H: OnMessage<Self> + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> Reply {
        Reply::from(self.message(frame, context))
    }

    fn command<H: OnMessage<Self> + ?Sized>(
        &mut self,
        command: NoCommand,
        _: &mut Context<'_, H>,
    ) -> Reply {
        match command {}
    }

    fn resync<H: OnMessage<Self> + ?Sized>(
        &mut self,
        book: BookId,
        _: &mut Context<'_, H>,
    ) -> ResyncReply {
        let mut symbols = self.symbols.iter().filter(|_| self.can_request);
        let Some(at) = symbols.position(|symbol| symbol.book == Some(book)) else {
            return ResyncReply::Unsupported;
        };
        let (id, name) = (RequestId(self.requests), &self.symbols[at].name);
        let url = format!("https://snapshots/depth?symbol={name}&limit={LIMIT}");
        self.requests += 1;
        self.pending.push_back((id, at));
        self.queue.push_back(HttpRequest { id, url });
        ResyncReply::Requested
    }

    fn silence_limit(&self) -> Option<Duration> {
        None
    }

    fn next_request(&mut self, _: Nanos) -> Option<HttpRequest> {
        self.queue.pop_front()
    }

    fn response<H: OnMessage<Self> + ?Sized>(
        &mut self,
        request: Option<RequestId>,
        body: Result<&[u8], &RequestFailure>,
        context: &mut Context<'_, H>,
    ) -> Reply {
        let Some(at) = self.take(request) else {
            return Reply::Data;
        };
        let symbol = &self.symbols[at];
        let (Some(book), scale) = (symbol.book, symbol.scale) else {
            return Reply::Data;
        };
        let message = match body {
            Err(failure) => return Reply::from(context.resync_failed(book, failure)),
            Ok(body) => wire::read(NAME, body).ok().and_then(|it| it.message(scale)),
        };
        Reply::from(match message {
            Some(Message::Snapshot(id, sides)) => self.snapshot(book, (id, &sides), context),
            _ => {
                let failure = RequestFailure::Transport("no snapshot".to_owned());
                context.resync_failed(book, &failure)
            }
        })
    }
}
