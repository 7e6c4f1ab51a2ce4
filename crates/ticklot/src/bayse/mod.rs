//! Bayse Markets: prediction markets. One connection carries the books of many markets, one book an
//! outcome.

use std::collections::HashMap;
use std::ops::ControlFlow;

use ticklot_book::{Nanos, Scale};
use ticklot_frame::bayse::{Currency, Decoder, Message, OrderBook, subscribe_order_book};
use ticklot_frame::{DecodeError, ErrorKind, Lines, VenueName};

use crate::books::{BookId, Books, ConnectionId};
use crate::event::{Event, Handler, LastTrade};
use crate::outbox::Outbox;
use crate::venue::{Context, Reply, Snapshot, Venue};

/// The venue's base URL (its documentation).
pub const URL: &str = "wss://socket.bayse.markets";

/// The endpoint that has order books, below the base URL.
const MARKETS_PATH: &str = "/ws/v1/markets";

/// The server pings about every 54 s (its documentation); the margin is for the network.
const SILENCE_LIMIT: Nanos = Nanos::from_secs(54 + 10);

/// The most books on one connection. Outcomes are learnt from what arrives, so a broken server
/// could name new ones without end.
pub const MAX_BOOKS: usize = 10_000;

/// The scale to begin with: prices in cents, quantities to a millionth. No tick size is published;
/// 0.01 is likely for books.
///
/// # Panics
/// Never: the scale is checked when the crate is built.
pub const CENTS: Scale = match Scale::new(2, 6) {
    Ok(scale) => scale,
    Err(_) => Scale::UNIT,
};

/// The order books of markets of Bayse Markets, in one currency.
#[derive(Debug)]
pub struct Bayse {
    url: String,
    /// Sorted; none to keep whatever arrives.
    markets: Option<Vec<String>>,
    currency: Currency,
    scale: Scale,
    scales: HashMap<String, Scale>,
    decoder: Decoder,
    outcomes: HashMap<Box<str>, BookId>,
}

impl Bayse {
    /// The order books of these markets, in US dollars, prices in cents.
    #[must_use]
    pub fn new<I: Into<String>>(markets: impl IntoIterator<Item = I>) -> Self {
        let mut markets: Vec<String> = markets.into_iter().map(Into::into).collect();
        markets.sort_unstable();
        markets.dedup();
        Self {
            markets: Some(markets),
            ..Self::any()
        }
    }

    /// Subscribes to nothing and keeps whatever books arrive: for recorded logs, whose ids one may
    /// not know.
    #[must_use]
    pub fn any() -> Self {
        Self {
            url: URL.to_owned(),
            markets: None,
            currency: Currency::Usd,
            scale: CENTS,
            scales: HashMap::new(),
            decoder: Decoder::new(),
            outcomes: HashMap::new(),
        }
    }

    /// Another base URL, without the endpoint's path.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        url.trim_end_matches('/').clone_into(&mut self.url);
        self
    }

    /// Another currency. USD and NGN books of one market arrive with the same ids: one connection
    /// carries one of them.
    #[must_use]
    pub fn currency(mut self, currency: Currency) -> Self {
        self.currency = currency;
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

    /// Gives the venue's rules to a feed or a session.
    #[must_use]
    pub fn build(mut self) -> Self {
        self.url.push_str(MARKETS_PATH);
        self
    }
}

/// What a message needs besides the decoder, which lends it its strings.
struct Rooms<'a> {
    markets: Option<&'a [String]>,
    outcomes: &'a mut HashMap<Box<str>, BookId>,
}

impl Rooms<'_> {
    fn wants(&self, market: &str) -> bool {
        let wanted =
            |markets: &[String]| markets.binary_search_by(|m| m.as_str().cmp(market)).is_ok();
        self.markets.is_none_or(wanted)
    }

    /// The book of an outcome, made when it is first heard of.
    fn book(
        &mut self,
        update: &OrderBook<'_>,
        scale: Scale,
        context: &mut Context<'_, impl Handler + ?Sized>,
    ) -> Option<BookId> {
        if let Some(&id) = self.outcomes.get(update.outcome_id) {
            return Some(id);
        }
        if self.outcomes.len() == MAX_BOOKS {
            return None;
        }
        let Context {
            books,
            connection,
            epoch,
            ..
        } = context;
        let id = books.add(*connection, update.market_id, update.outcome_id, scale);
        if let Some(book) = books.book_mut(id) {
            book.begin(*epoch);
        }
        self.outcomes.insert(update.outcome_id.into(), id);
        Some(id)
    }
}

impl Venue for Bayse {
    fn name(&self) -> VenueName {
        VenueName::BAYSE
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn register(&mut self, _connection: ConnectionId, _books: &mut Books) {}

    fn opened(&mut self, outbox: &mut Outbox) {
        let mut rest = self.markets.as_deref().unwrap_or_default();
        while !rest.is_empty() {
            let mut taken = 0;
            outbox.push(|out| taken = subscribe_order_book(out, rest, self.currency));
            rest = &rest[taken..];
        }
    }

    fn frame<H: Handler + ?Sized>(&mut self, frame: &[u8], context: &mut Context<'_, H>) -> Reply {
        let Self {
            decoder,
            scale,
            scales,
            markets,
            outcomes,
            ..
        } = self;
        let scale_of = |market: &str| scales.get(market).copied().unwrap_or(*scale);
        let mut rooms = Rooms {
            markets: markets.as_deref(),
            outcomes,
        };
        for line in Lines::new(frame) {
            let decoded = decoder.decode(line.bytes, &scale_of);
            context.stats.messages += u64::from(decoded.is_ok());
            let flow = match decoded {
                Ok(Message::OrderBook(update)) => {
                    let scale = scale_of(update.market_id);
                    order_book(&update, line.number, scale, &mut rooms, context)
                }
                Ok(other) => notice(&other, context),
                Err(error) => context.bad_line(error.on_line(line.number)),
            };
            if flow.is_break() {
                return Reply::Stop;
            }
        }
        Reply::Data
    }

    fn silence_limit(&self) -> Option<Nanos> {
        Some(SILENCE_LIMIT)
    }
}

fn order_book<H: Handler + ?Sized>(
    update: &OrderBook<'_>,
    line: u32,
    scale: Scale,
    rooms: &mut Rooms<'_>,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    if !rooms.wants(update.market_id) {
        context.stats.unrequested += 1;
        return ControlFlow::Continue(());
    }
    let Some(id) = rooms.book(update, scale, context) else {
        return context.bad_line(too_many_books(line));
    };
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
    };
    context.snapshot(id, &snapshot, |error| update.refusal(error))
}

fn notice<H: Handler + ?Sized>(
    message: &Message<'_>,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let connection = context.connection;
    match *message {
        Message::Subscribed { room } => context.emit(Event::Subscribed { connection, room }),
        Message::Unsubscribed { room } => context.emit(Event::Unsubscribed { connection, room }),
        Message::Error { message } => context.emit(Event::Refused {
            connection,
            message,
        }),
        Message::Unknown { kind } => context.unknown(kind),
        _ => ControlFlow::Continue(()),
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
