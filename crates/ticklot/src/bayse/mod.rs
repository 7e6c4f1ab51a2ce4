//! Bayse Markets: prediction markets. One connection carries many rooms of one endpoint; order books
//! come one an outcome.
//!
//! | to follow | connect with |
//! |---|---|
//! | order books, prices, fills | [`Bayse::markets`], one for each currency of order books |
//! | prices of assets outside the venue | [`Bayse::realtime`] |
//! | one's own orders | [`Bayse::user`] |
//! | all of it, and let the connections be made | [`Plan`] |
//!
//! What is desired can be changed at any time, also while the connection is down: see [`Command`].

mod desired;
mod plan;
mod rooms;
mod topic;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot_book::{Nanos, Scale};
use ticklot_frame::bayse::{
    Channel, Decoder, OrderBook, Request, Room, ServerError, ServerErrorKind,
};
use ticklot_frame::{DecodeError, ErrorKind, Lines, VenueName};

pub use ticklot_frame::bayse::{
    Activity, AssetPrice, Auth, Currency, Endpoint, Message, OrderUpdated, PriceUpdate, Prices,
    RequestError, Symbol,
};

#[cfg(feature = "feed")]
pub use self::plan::Remotes;
pub use self::plan::{Place, Plan};
pub use self::rooms::{MAX_ROOMS, Stage};
pub use self::topic::Topic;

use self::desired::Desired;
use self::rooms::{Confirmed, Rooms, ToSend};
use self::topic::write_subscription;
use crate::backoff::nanos;
use crate::books::{BookId, Books, ConnectionId, const_scale};
use crate::event::{Event, Handler, LastTrade, Source};
use crate::limiter::RateLimit;
use crate::outbox::Outbox;
use crate::venue::{Context, Reply, Slot, Snapshot, Venue};

/// The venue's base URL (its documentation).
pub const URL: &str = "wss://socket.bayse.markets";

/// The base URL of its HTTP interface (its documentation).
pub const REST_URL: &str = "https://relay.bayse.markets";

/// The server pings about every 54 s (its documentation); the margin is for the network.
const SILENCE_LIMIT: Nanos = Nanos::from_secs(54 + 10);

/// Ten messages in any second (its documentation); a tenth more, since they may arrive closer
/// together than they left.
const RATE_LIMIT: RateLimit = RateLimit {
    messages: 10,
    window: Duration::from_millis(1100),
};

/// How long a subscription may go without its `subscribed`, at first.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most books of a feed that outcomes may become. Outcomes are learnt from what arrives, so a broken server
/// could name new ones without end.
pub const MAX_BOOKS: usize = 10_000;

/// The scale to begin with: prices in cents, quantities to a millionth. No tick size is published;
/// 0.01 is likely for books.
pub const CENTS: Scale = const_scale(2, 6);

/// One connection to an endpoint of Bayse Markets.
#[derive(Debug)]
pub struct Bayse {
    url: String,
    endpoint: Endpoint,
    currency: Currency,
    auth: Option<Auth>,
    /// Keep whatever arrives, desired or not.
    any: bool,
    scale: Scale,
    scales: HashMap<String, Scale>,
    decoder: Decoder,
    outcomes: HashMap<Box<str>, Vec<BookId>>,
    rooms: Rooms,
    desired: Desired,
    pings: Pings,
    first_books: Option<FirstBooks>,
    /// Whether a connection is open.
    open: bool,
    /// The first thing that was asked for and makes no sense.
    wrong: Option<RequestError>,
}

/// What can be asked of a connection while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Follow a topic from now on, over reconnects.
    Subscribe(Topic),
    /// Follow it no longer. Its order books are disconnected; what still comes is dropped.
    Unsubscribe(Topic),
    /// Send a `ping` message; [`Event::RoundTrip`] tells how long its answer took.
    Ping,
}

/// The application's own pings.
#[derive(Debug, Default)]
struct Pings {
    every: Option<Nanos>,
    /// When the next is to be sent.
    due: Option<Nanos>,
    /// When the last was sent, until it is answered.
    sent: Option<Nanos>,
}

/// Books to be fetched over HTTP when a connection opens.
#[derive(Debug)]
struct FirstBooks {
    base: String,
    outcomes: Vec<String>,
    depth: u32,
}

impl Bayse {
    /// The order books of these markets, in US dollars, prices in cents.
    #[must_use]
    pub fn new<I: Into<String>>(markets: impl IntoIterator<Item = I>) -> Self {
        markets.into_iter().fold(Self::markets(), |venue, market| {
            venue.follow(Topic::order_book(market))
        })
    }

    /// Subscribes to nothing and keeps whatever books arrive: for recorded logs, whose ids one may
    /// not know.
    #[must_use]
    pub fn any() -> Self {
        Self {
            any: true,
            ..Self::markets()
        }
    }

    /// The markets' endpoint: order books, prices, fills.
    #[must_use]
    pub fn markets() -> Self {
        Self::at(Endpoint::Markets, None)
    }

    /// The endpoint of asset prices.
    #[must_use]
    pub fn realtime() -> Self {
        Self::at(Endpoint::Realtime, None)
    }

    /// The endpoint of one's own orders. The credentials go into every message and are shown nowhere.
    #[must_use]
    pub fn user(auth: Auth) -> Self {
        Self::at(Endpoint::User, Some(auth))
    }

    fn at(endpoint: Endpoint, auth: Option<Auth>) -> Self {
        Self {
            url: format!("{URL}{}", endpoint.path()),
            endpoint,
            currency: Currency::Usd,
            wrong: auth.as_ref().and_then(|auth| auth.check().err()),
            auth,
            any: false,
            scale: CENTS,
            scales: HashMap::new(),
            decoder: Decoder::new(),
            outcomes: HashMap::new(),
            rooms: Rooms::new(PATIENCE, Currency::Usd),
            desired: Desired::default(),
            pings: Pings::default(),
            first_books: None,
            open: false,
        }
    }

    /// Another base URL, without the endpoint's path.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        self.url = format!("{}{}", url.trim_end_matches('/'), self.endpoint.path());
        self
    }

    /// The currency of the order books. USD and NGN books of one market arrive with the same ids: one
    /// connection carries one of them.
    #[must_use]
    pub fn currency(mut self, currency: Currency) -> Self {
        self.currency = currency;
        self.rooms.set_currency(currency);
        self
    }

    /// The scale of every market without one of its own.
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// The scale of one market.
    #[must_use]
    pub fn market_scale(mut self, market: &str, scale: Scale) -> Self {
        self.scales.insert(market.to_owned(), scale);
        self
    }

    /// Follows a topic from the start. One that makes no sense here is told by [`Bayse::build`].
    #[must_use]
    pub fn follow(mut self, topic: Topic) -> Self {
        if let Err(error) = self.want(topic) {
            self.wrong.get_or_insert(error);
        }
        self
    }

    /// How long a subscription may go without its confirmation before it is asked for again; the
    /// patience doubles with each try, up to 16 times as long. Default: 5 s.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.rooms.set_patience(patience);
        self
    }

    /// Sends a `ping` message this often; [`Event::RoundTrip`] tells how long its answer took.
    /// Default: never.
    #[must_use]
    pub fn ping_every(mut self, interval: Duration) -> Self {
        self.pings.every = Some(nanos(interval.max(Duration::from_millis(100))));
        self
    }

    /// Fetches the books of these outcomes over HTTP when a connection opens, `depth` levels a side,
    /// from the base URL `base` ([`REST_URL`]). They fill books that the stream has not filled yet,
    /// marked [`Source::Request`].
    #[must_use]
    pub fn first_books<I: Into<String>>(
        mut self,
        base: &str,
        outcomes: impl IntoIterator<Item = I>,
        depth: u32,
    ) -> Self {
        let outcomes = outcomes.into_iter().map(Into::into).collect();
        let base = base.trim_end_matches('/').to_owned();
        self.first_books = Some(FirstBooks {
            base,
            outcomes,
            depth,
        });
        self
    }

    /// Checks what was asked for, and gives the venue's rules to a feed or a session.
    ///
    /// # Errors
    /// A topic of another endpoint, an empty id, or empty credentials.
    pub fn build(self) -> Result<Self, RequestError> {
        match self.wrong {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// Every topic that is desired, or about to be left, and where it stands.
    pub fn topics(&self) -> impl Iterator<Item = (&Topic, Stage)> {
        self.rooms.iter()
    }

    /// Desires a topic.
    ///
    /// # Errors
    /// It makes no sense on this connection.
    fn want(&mut self, topic: Topic) -> Result<(), RequestError> {
        let (endpoint, auth) = (self.endpoint, self.auth.as_ref());
        let mut unsent = Vec::new();
        write_subscription(&[&topic], self.currency, |request| {
            request.write(endpoint, auth, &mut unsent)
        })?;
        self.rooms.want(topic);
        self.desired.rebuild(&self.rooms);
        Ok(())
    }

    /// Desires a topic no longer. Its books are of a connection that feeds them no more.
    fn unwant(&mut self, topic: &Topic, books: &mut Books) {
        if !self.rooms.unwant(topic, self.open) {
            return;
        }
        self.desired.rebuild(&self.rooms);
        let Topic::OrderBook(market) = topic else {
            return;
        };
        for id in self.outcomes.values().flatten() {
            if books.market(*id) == market
                && let Some(book) = books.book_mut(*id)
            {
                book.disconnect();
            }
        }
    }
}

impl Venue for Bayse {
    type Command = Command;

    fn name(&self) -> VenueName {
        VenueName::BAYSE
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn register(&mut self, _connection: ConnectionId, _books: &mut Books) {}

    fn is_wanted(&self) -> bool {
        self.any || self.rooms.desired() > 0
    }

    fn opened(&mut self, now: Nanos, _outbox: &mut Outbox) {
        self.open = true;
        self.rooms.restart();
        self.pings.sent = None;
        self.pings.due = self.pings.every.map(|every| now.after(every));
    }

    fn closed(&mut self) {
        self.open = false;
    }

    fn frame<H: Handler + ?Sized>(&mut self, frame: &[u8], context: &mut Context<'_, H>) -> Reply {
        for line in Lines::new(frame) {
            let flow = self.line(line.bytes, line.number, context);
            if flow.is_break() {
                return Reply::Stop;
            }
        }
        Reply::Data
    }

    fn command<H: Handler + ?Sized>(
        &mut self,
        command: Command,
        context: &mut Context<'_, H>,
    ) -> Reply {
        match command {
            Command::Subscribe(topic) => {
                if let Err(error) = self.want(topic) {
                    let (connection, message) = (context.connection, error.to_string());
                    let refused = Event::Refused {
                        connection,
                        message: &message,
                        room: None,
                    };
                    return Reply::from(context.emit(refused));
                }
            }
            Command::Unsubscribe(topic) => self.unwant(&topic, context.books),
            Command::Ping => self.pings.due = Some(context.now),
        }
        Reply::Data
    }

    fn next_message(&mut self, now: Nanos, slot: Slot, out: &mut Vec<u8>) -> bool {
        let (endpoint, auth, currency) = (self.endpoint, self.auth.as_ref(), self.currency);
        // What cannot be written was refused when it was asked for.
        let mut write = |request: &Request<'_>| request.write(endpoint, auth, out);
        if self.open && self.pings.due.is_some_and(|due| due <= now) {
            self.pings.due = self.pings.every.map(|every| now.after(every));
            self.pings.sent = Some(now);
            let _ = write(&Request::Ping);
            return true;
        }
        slot == Slot::Any
            && self.rooms.send_next(now, |message| {
                let _ = match message {
                    ToSend::Ask(topics) => write_subscription(topics, currency, write),
                    ToSend::Leave(name) => write(&Request::Unsubscribe {
                        room: Room::Other(name),
                    }),
                };
            })
    }

    fn rate_limit(&self) -> Option<RateLimit> {
        Some(RATE_LIMIT)
    }

    fn deadline(&self) -> Option<Nanos> {
        self.rooms.deadline()
    }

    fn next_due(&self) -> Option<Nanos> {
        self.pings.due
    }

    fn timeout<H: Handler + ?Sized>(&mut self, context: &mut Context<'_, H>) -> Reply {
        self.rooms.timeout(context.now);
        Reply::Data
    }

    fn silence_limit(&self) -> Option<Nanos> {
        Some(SILENCE_LIMIT)
    }

    fn fetch(&mut self) -> Option<String> {
        let FirstBooks {
            base,
            outcomes,
            depth,
        } = self.first_books.as_ref()?;
        let mut url = format!(
            "{base}/v1/pm/books?depth={depth}&currency={}",
            self.currency
        );
        for outcome in outcomes {
            url.push_str("&outcomeId[]=");
            percent_encode(&mut url, outcome);
        }
        Some(url)
    }

    fn fetched<H: Handler + ?Sized>(&mut self, body: &[u8], context: &mut Context<'_, H>) -> Reply {
        let Self {
            decoder,
            scale,
            scales,
            desired,
            outcomes,
            any,
            ..
        } = self;
        let scale_of = |market: &str| scales.get(market).copied().unwrap_or(*scale);
        let mut target = Target {
            outcomes,
            desired,
            any: *any,
            source: Source::Request,
        };
        let mut flow = ControlFlow::Continue(());
        let whole = decoder.books(body, &scale_of, |update| {
            flow = match update {
                Ok(update) => target.apply(&update, 0, scale_of(update.market_id), context),
                Err(error) => context.bad_line(error),
            };
            flow
        });
        if let Err(error) = whole {
            flow = context.bad_line(error);
        }
        Reply::from(flow)
    }
}

impl Bayse {
    /// One line of a frame.
    fn line<H: Handler + ?Sized>(
        &mut self,
        line: &[u8],
        number: u32,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let Self {
            decoder,
            scale,
            scales,
            desired,
            outcomes,
            any,
            rooms,
            pings,
            ..
        } = self;
        let scale_of = |market: &str| scales.get(market).copied().unwrap_or(*scale);
        let message = match decoder.decode(line, &scale_of) {
            Ok(message) => message,
            Err(error) => {
                if let Some((market, outcome)) = decoder.subject(line)
                    && let Some(id) = known_book(outcomes, market, outcome, context.books)
                {
                    context.missed(id);
                }
                return context.bad_line(error.on_line(number));
            }
        };
        context.stats.messages += 1;
        let connection = context.connection;
        match &message {
            Message::OrderBook(update) => {
                let mut target = Target {
                    outcomes,
                    desired,
                    any: *any,
                    source: Source::Stream,
                };
                target.apply(update, number, scale_of(update.market_id), context)
            }
            Message::PriceUpdate(_)
            | Message::Activity(_)
            | Message::AssetPrice(_)
            | Message::OrderUpdated(_) => {
                if !*any && !desired.wants(&message) {
                    context.stats.unrequested += 1;
                    return ControlFlow::Continue(());
                }
                context.proved = true;
                context.emit(Event::Bayse {
                    connection,
                    received: context.now,
                    message: &message,
                })
            }
            Message::Subscribed { room } => {
                context.proved = true;
                if rooms.joined(room) == Confirmed::Undesired && !*any {
                    // A confirmation that came after the change of mind: its room is left.
                    let (endpoint, auth, room) =
                        (self.endpoint, self.auth.as_ref(), Room::Other(room));
                    context.outbox.push(|out| {
                        let _ = Request::Unsubscribe { room }.write(endpoint, auth, out);
                    });
                }
                context.emit(Event::Subscribed { connection, room })
            }
            Message::Unsubscribed { room } => {
                rooms.left(room);
                context.emit(Event::Unsubscribed { connection, room })
            }
            Message::Pong { .. } => match pings.sent.take() {
                Some(sent) => {
                    let time = context.now.since(sent);
                    context.emit(Event::RoundTrip { connection, time })
                }
                None => ControlFlow::Continue(()),
            },
            Message::Error { message } => refused(message, rooms, context),
            Message::Unknown { kind } => context.unknown(kind),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Where an order book goes.
struct Target<'a> {
    outcomes: &'a mut HashMap<Box<str>, Vec<BookId>>,
    desired: &'a Desired,
    any: bool,
    source: Source,
}

impl Target<'_> {
    fn apply<H: Handler + ?Sized>(
        &mut self,
        update: &OrderBook<'_>,
        line: u32,
        scale: Scale,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        if !self.any && !self.desired.wants_book(update.market_id) {
            context.stats.unrequested += 1;
            return ControlFlow::Continue(());
        }
        let Some(id) = self.book(update, scale, context) else {
            return context.bad_line(too_many_books(line));
        };
        let streamed = context
            .books
            .untrusted(id)
            .is_some_and(|book| book.updates() > 0);
        if self.source == Source::Request && streamed {
            // What the stream brought is newer.
            return ControlFlow::Continue(());
        }
        // A last trade off the book's grid (an AMM fill, say) is no fault of the book.
        let last = update.last_price.and_then(|price| price.ticks(scale).ok());
        let snapshot = Snapshot {
            line,
            bids: update.bids,
            asks: update.asks,
            trades: &[],
            last_trade: last.map(|ticks| LastTrade {
                ticks,
                side: update.last_side,
            }),
            sent: update.sent,
            source: self.source,
        };
        context.snapshot(id, &snapshot, |error| update.refusal(error))
    }

    /// The book of an outcome, made when it is first heard of.
    fn book<H: ?Sized>(
        &mut self,
        update: &OrderBook<'_>,
        scale: Scale,
        context: &mut Context<'_, H>,
    ) -> Option<BookId> {
        if let Some(id) = known_book(
            self.outcomes,
            update.market_id,
            update.outcome_id,
            context.books,
        ) {
            return Some(id);
        }
        let Context {
            books,
            connection,
            epoch,
            ..
        } = context;
        if books.len() >= MAX_BOOKS {
            return None;
        }
        let id = books.add(*connection, update.market_id, update.outcome_id, scale);
        if let Some(book) = books.book_mut(id) {
            book.begin(*epoch);
        }
        self.outcomes
            .entry(update.outcome_id.into())
            .or_default()
            .push(id);
        Some(id)
    }
}

/// The book of an outcome. Outcome ids may repeat from market to market.
fn known_book(
    outcomes: &HashMap<Box<str>, Vec<BookId>>,
    market: &str,
    outcome: &str,
    books: &Books,
) -> Option<BookId> {
    let ids = outcomes.get(outcome)?;
    ids.iter().copied().find(|id| books.market(*id) == market)
}

/// The server refused something: what it most likely was is told with it.
fn refused<H: Handler + ?Sized>(
    message: &str,
    rooms: &mut Rooms,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let connection = context.connection;
    let error = ServerError::new(message);
    let channel = match error.kind() {
        ServerErrorKind::RateLimited => {
            context.slow_down = true;
            rooms.too_much();
            return context.emit(Event::Refused {
                connection,
                message,
                room: None,
            });
        }
        ServerErrorKind::SymbolsRequired | ServerErrorKind::UnsupportedSymbol(_) => {
            Some(Channel::AssetPrices)
        }
        ServerErrorKind::UnsupportedCurrency => Some(Channel::OrderBook),
        _ => None,
    };
    let names = |id: &str| message.split(|c: char| !is_id(c)).any(|word| word == id);
    let topics = rooms.refused(channel, |topic| names(topic.id()));
    if topics.is_empty() {
        return context.emit(Event::Refused {
            connection,
            message,
            room: None,
        });
    }
    for topic in &topics {
        let name = topic.room_name(rooms.currency());
        let room = Some(name.as_deref().unwrap_or(topic.id()));
        context.emit(Event::Refused {
            connection,
            message,
            room,
        })?;
    }
    ControlFlow::Continue(())
}

/// What ids are made of, as far as is known.
fn is_id(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_')
}

/// Appends `text` for a URL's query (RFC 3986, section 2.1).
fn percent_encode(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}

fn too_many_books(line: u32) -> DecodeError {
    DecodeError {
        venue: VenueName::BAYSE,
        line,
        offset: 0,
        kind: ErrorKind::TooManyBooks { limit: MAX_BOOKS },
    }
}
