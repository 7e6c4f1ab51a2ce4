//! The client's rules for the venue.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::{
    Book, BookConfig, BookError, BookId, Books, Concerns, ConnectionId, Context, Coverage,
    DecodeError, Delta, ErrorKind, Flat, Handler, HttpRequest, Ids, Instrument, Ladder, Level,
    Liveness, Lots, Nanos, NoCommand, OnMessage, Reply, RequestFailure, RequestId, ResyncReply,
    Scale, Sequence, Side, Snapshot, Source, State, Storage, Ticks, Venue, VenueName,
};

use super::{CHECKSUM_LEVELS, SYMBOLS};

const NAME: VenueName = VenueName("delta");

/// A server that is silent for longer, pings included, is gone.
const SILENCE: Duration = Duration::from_secs(20);

/// One connection, with both symbols.
#[derive(Debug)]
pub(in super::super) struct DeltaVenue {
    /// Whether snapshots are requested over HTTP.
    by_http: bool,
    /// How long a subscription may have no effect.
    patience: Duration,
    books: [Option<BookId>; 2],
    /// When each subscription is sent again.
    subscribe_at: [Option<Nanos>; 2],
    requests: VecDeque<HttpRequest>,
    /// The symbols of requests that have no response yet.
    pending: BTreeMap<RequestId, usize>,
    next_id: u64,
}

impl DeltaVenue {
    pub(in super::super) fn new(by_http: bool, patience: Duration) -> Self {
        Self {
            by_http,
            patience,
            books: [None; 2],
            subscribe_at: [None; 2],
            requests: VecDeque::new(),
            pending: BTreeMap::new(),
            next_id: 0,
        }
    }

    fn index_of(&self, book: BookId) -> Option<usize> {
        self.books.iter().position(|it| *it == Some(book))
    }

    fn subscribe<H: ?Sized>(&mut self, index: usize, context: &mut Context<'_, H>) {
        self.subscribe_at[index] = Some(context.now().after(self.patience));
        request(context, 'S', index);
    }

    /// The subscription has an effect: a snapshot that continues to its deltas can be requested.
    fn subscribed<H: Handler + ?Sized>(&mut self, index: usize, context: &mut Context<'_, H>) {
        if self.by_http
            && self.subscribe_at[index].take().is_some()
            && let Some(id) = self.books[index]
        {
            context.request_snapshot(id);
        }
    }

    fn message<H: Handler + ?Sized>(
        &mut self,
        message: &Message<'_>,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let Some(index) = SYMBOLS.iter().position(|it| *it == message.symbol) else {
            context.count_unrequested();
            return ControlFlow::Continue(());
        };
        let Some(id) = self.books[index] else {
            return ControlFlow::Continue(());
        };
        context.count_message();
        self.subscribed(index, context);
        match &message.kind {
            Kind::Ack => ControlFlow::Continue(()),
            Kind::Delta(update) => delta(id, update, context),
            Kind::Snapshot(update) => self.snapshot(index, update, Source::Stream, context),
        }
    }

    fn snapshot<H: Handler + ?Sized>(
        &mut self,
        index: usize,
        update: &Update,
        source: Source,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let Some(id) = self.books[index] else {
            return ControlFlow::Continue(());
        };
        let snapshot = Snapshot {
            bids: &update.sides[0],
            asks: &update.sides[1],
            id: Some(update.number),
            checksum: Some(update.crc),
            source,
            ..Snapshot::default()
        };
        let flow = context.snapshot(id, &snapshot, refusal);
        // The subscription is repeated until a snapshot can be applied: a refused one changes nothing.
        if !matches!(
            context.books().state(id),
            State::Empty | State::Disconnected
        ) {
            self.subscribe_at[index] = None;
        }
        flow
    }

    fn unreadable<H: Handler + ?Sized>(
        &self,
        text: &str,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let mut fields = text.split('|');
        let symbol = fields.nth(1).filter(|_| fields.next().is_some());
        let index = SYMBOLS.iter().position(|it| Some(*it) == symbol);
        let concerns = match index.and_then(|index| self.books[index]) {
            Some(id) => Concerns::Book(id),
            None => Concerns::Connection,
        };
        let error = error(ErrorKind::Value { field: "message" });
        context.unreadable(concerns, error, text.as_bytes())
    }
}

impl Venue for DeltaVenue {
    type Command = NoCommand;
    type Message<'a> = ();

    fn name(&self) -> VenueName {
        NAME
    }

    fn url(&self) -> &str {
        "ws://sim/deltas"
    }

    fn register(&mut self, connection: ConnectionId, books: &mut Books) {
        let flat = BookConfig::deltas(Scale::UNIT, Sequence::Contiguous)
            .coverage(Coverage::Whole)
            .checksum(checksum::<Flat>, checksum::<Ladder>);
        for (index, config) in [flat, flat.ladder()].into_iter().enumerate() {
            let instrument = Instrument::of_symbol(NAME, SYMBOLS[index]);
            self.books[index] = Some(books.add(connection, &instrument, config));
        }
    }

    fn liveness(&self) -> Liveness {
        Liveness::Connection
    }

    fn opened<H: OnMessage<Self> + ?Sized>(&mut self, context: &mut Context<'_, H>) {
        self.requests.clear();
        self.pending.clear();
        for index in 0..SYMBOLS.len() {
            self.subscribe(index, context);
        }
    }

    fn closed(&mut self) {
        self.subscribe_at = [None; 2];
    }

    fn frame<H: OnMessage<Self> + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> Reply {
        let text = std::str::from_utf8(frame).unwrap_or_default();
        if text == "H;" {
            return Reply::Data;
        }
        Reply::from(match read(text) {
            Some(message) => self.message(&message, context),
            None => self.unreadable(text, context),
        })
    }

    fn command<H: OnMessage<Self> + ?Sized>(
        &mut self,
        command: NoCommand,
        _context: &mut Context<'_, H>,
    ) -> Reply {
        match command {}
    }

    fn resync<H: OnMessage<Self> + ?Sized>(
        &mut self,
        book: BookId,
        context: &mut Context<'_, H>,
    ) -> ResyncReply {
        let Some(index) = self.index_of(book) else {
            return ResyncReply::Unsupported;
        };
        if !self.by_http {
            request(context, 'R', index);
            return ResyncReply::Requested;
        }
        self.next_id += 1;
        let id = RequestId(self.next_id);
        let url = format!("http://sim/book/{}", SYMBOLS[index]);
        self.requests.push_back(HttpRequest { id, url });
        self.pending.insert(id, index);
        ResyncReply::Requested
    }

    fn has_message(&self, _now: Nanos) -> bool {
        false
    }

    fn deadline(&self) -> Option<Nanos> {
        self.subscribe_at.into_iter().flatten().min()
    }

    fn timeout<H: OnMessage<Self> + ?Sized>(&mut self, context: &mut Context<'_, H>) -> Reply {
        for index in 0..SYMBOLS.len() {
            if self.subscribe_at[index].is_some_and(|at| at <= context.now()) {
                self.subscribe(index, context);
            }
        }
        Reply::Data
    }

    fn silence_limit(&self) -> Option<Duration> {
        Some(SILENCE)
    }

    fn next_request(&mut self, _now: Nanos) -> Option<HttpRequest> {
        self.requests.pop_front()
    }

    fn response<H: OnMessage<Self> + ?Sized>(
        &mut self,
        request: Option<RequestId>,
        body: Result<&[u8], &RequestFailure>,
        context: &mut Context<'_, H>,
    ) -> Reply {
        let Some(index) = request.and_then(|id| self.pending.remove(&id)) else {
            return Reply::Data;
        };
        let body = body.map(|body| std::str::from_utf8(body).unwrap_or_default());
        let message = body.map(read);
        if let Ok(Some(Message {
            symbol,
            kind: Kind::Snapshot(update),
        })) = &message
            && *symbol == SYMBOLS[index]
        {
            return Reply::from(self.snapshot(index, update, Source::Request, context));
        }
        let unread = RequestFailure::Transport("not a snapshot".to_owned());
        let failure = message.err().unwrap_or(&unread);
        Reply::from(match self.books[index] {
            Some(id) => context.resync_failed(id, failure),
            None => ControlFlow::Continue(()),
        })
    }
}

fn request<H: ?Sized>(context: &mut Context<'_, H>, kind: char, index: usize) {
    let text = format!("{kind}|{};", SYMBOLS[index]);
    let outbox = context.outbox();
    outbox.push(|out| out.extend_from_slice(text.as_bytes()));
}

fn delta<H: Handler + ?Sized>(
    id: BookId,
    update: &Update,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let delta = Delta {
        bids: &update.sides[0],
        asks: &update.sides[1],
        ids: Some(Ids::one(update.number)),
        checksum: Some(update.crc),
        ..Delta::default()
    };
    context.delta(id, &delta, refusal)
}

fn checksum<S: Storage>(book: &Book<S>) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    for side in [Side::Ask, Side::Bid] {
        for level in book.levels(side).take(CHECKSUM_LEVELS) {
            crc.update(level.ticks.0.to_string().as_bytes());
            crc.update(level.lots.0.to_string().as_bytes());
        }
    }
    crc.finalize()
}

fn error(kind: ErrorKind) -> DecodeError {
    DecodeError {
        venue: NAME,
        line: 0,
        offset: 0,
        kind,
    }
}

fn refusal(refused: BookError) -> DecodeError {
    error(ErrorKind::Book(refused.kind))
}

/// A message about a symbol.
struct Message<'a> {
    symbol: &'a str,
    kind: Kind,
}

enum Kind {
    Ack,
    Delta(Update),
    Snapshot(Update),
}

struct Update {
    number: u64,
    crc: u32,
    sides: [Vec<Level>; 2],
}

fn read(text: &str) -> Option<Message<'_>> {
    let fields: Vec<&str> = text.strip_suffix(';')?.split('|').collect();
    let (symbol, kind) = match fields[..] {
        ["K", symbol] => (symbol, Kind::Ack),
        ["D", symbol, number, crc, bids, asks] => {
            let update = read_update(number, crc, bids, asks)?;
            (symbol, Kind::Delta(update))
        }
        ["B", symbol, number, crc, bids, asks] => {
            let update = read_update(number, crc, bids, asks)?;
            (symbol, Kind::Snapshot(update))
        }
        _ => return None,
    };
    Some(Message { symbol, kind })
}

fn read_update(number: &str, crc: &str, bids: &str, asks: &str) -> Option<Update> {
    Some(Update {
        number: number.parse().ok()?,
        crc: crc.parse().ok()?,
        sides: [
            read_side(bids.strip_prefix("b:")?)?,
            read_side(asks.strip_prefix("a:")?)?,
        ],
    })
}

fn read_side(levels: &str) -> Option<Vec<Level>> {
    if levels.is_empty() {
        return Some(Vec::new());
    }
    let level = |level: &str| {
        let (ticks, lots) = level.split_once(':')?;
        let (ticks, lots) = (ticks.parse().ok()?, lots.parse().ok()?);
        Some(Level::new(Ticks(ticks), Lots(lots)))
    };
    levels.split(',').map(level).collect()
}
