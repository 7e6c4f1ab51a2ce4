//! The session of one client.

use std::sync::Arc;

use ticklot_book::Nanos;
use tokio::sync::watch;

use super::asset::Quotes;
use super::catalog::Catalog;
use super::event_log::EventLog;
use super::market_driver::MarketState;
use super::request::{self, Request};
use super::room::{Endpoint, Room};
use super::{Bayse, SCALE};
use crate::ids;
use crate::net::{MarketUpdates, SlidingWindow};
use crate::session::{Close, Outgoing, OutgoingQueue, Session, Timestamps};
use crate::wire::bayse::{
    AssetPrice, Body, Data, Decimal, EventPrices, MarketPrices, Message, OrderBook,
};

/// A frame of at least this many bytes is complete: no further message is added.
const FRAME_SIZE: usize = 32 * 1024;
const TOO_SLOW: Close = Close::new(1008, "too slow: messages were lost");
const TOO_MANY: &str = "rate limit exceeded: too many messages";

/// Notifies a session of market and price updates.
pub(super) struct MarketWatch {
    states: watch::Receiver<Arc<MarketState>>,
    quotes: watch::Receiver<Arc<Quotes>>,
}

impl MarketWatch {
    pub(super) fn of(venue: &Bayse) -> Self {
        Self {
            states: venue.states.clone(),
            quotes: venue.quotes.clone(),
        }
    }
}

impl MarketUpdates for MarketWatch {
    async fn next_update(&mut self) {
        tokio::select! {
            Ok(()) = self.states.changed() => {}
            Ok(()) = self.quotes.changed() => {}
            else => std::future::pending().await,
        }
    }
}

/// The subscriptions of one client, and the last state that was sent to it.
pub(super) struct ClientSession {
    catalog: Arc<Catalog>,
    event_log: Arc<EventLog>,
    endpoint: Endpoint,
    states: watch::Receiver<Arc<MarketState>>,
    quotes: watch::Receiver<Arc<Quotes>>,
    /// The last market state that was sent.
    state: Arc<MarketState>,
    /// The last asset prices that were sent.
    sent_quotes: Arc<Quotes>,
    rooms: Vec<Room>,
    /// Limits the rate of the client's messages.
    window: SlidingWindow,
    ping_at: Nanos,
    pong_before: Nanos,
    /// The frame under construction. Empty between two calls.
    out: String,
    queue: OutgoingQueue,
}

impl ClientSession {
    /// The session of connection `number`, after its upgrade.
    pub(super) fn new(venue: &Bayse, endpoint: Endpoint, number: u64, now: Timestamps) -> Self {
        let config = &venue.catalog.config;
        let mut client = Self {
            endpoint,
            state: Arc::clone(&venue.states.borrow()),
            states: venue.states.clone(),
            sent_quotes: Arc::clone(&venue.quotes.borrow()),
            quotes: venue.quotes.clone(),
            rooms: Vec::new(),
            window: SlidingWindow::default(),
            ping_at: now.at.after(config.ping_every),
            pong_before: now.at.after(config.pong_timeout),
            out: String::new(),
            queue: OutgoingQueue::default(),
            event_log: Arc::clone(&venue.event_log),
            catalog: Arc::clone(&venue.catalog),
        };
        let id = ids::uuid(client.catalog.config.seed, number);
        client.send(&Message::connected(&id, now.wall_ms));
        client
    }
}

impl Session for ClientSession {
    fn text(&mut self, text: &str, now: Timestamps) {
        let catalog = Arc::clone(&self.catalog);
        if self.window.admit(catalog.config.messages, now.at).is_err() {
            return self.send(&Message::error(TOO_MANY, now.wall_ms));
        }
        match request::read(text, self.endpoint, &catalog) {
            Ok(Request::Ping) => self.send(&Message::new(Body::Pong, now.wall_ms)),
            Ok(Request::Subscribe(rooms)) => self.subscribe(&rooms, now),
            Ok(Request::Unsubscribe(room)) => self.unsubscribe(&room, now),
            Err(why) => self.send(&Message::error(&why, now.wall_ms)),
        }
    }

    fn binary(&mut self, _now: Timestamps) {
        self.queue.close(Close::BINARY);
    }

    fn pong(&mut self, now: Timestamps) {
        self.pong_before = now.at.after(self.catalog.config.pong_timeout);
    }

    fn deadline(&self) -> Option<Nanos> {
        Some(self.ping_at.min(self.pong_before))
    }

    fn timeout(&mut self, now: Timestamps) {
        if self.pong_before <= now.at {
            return self.queue.close(Close::new(1008, "no pong"));
        }
        if self.ping_at <= now.at {
            self.ping_at = now.at.after(self.catalog.config.ping_every);
            self.queue.push(Outgoing::Ping);
        }
    }

    fn market_changed(&mut self, now: Timestamps) {
        self.catch_up(now);
        let quotes = Arc::clone(&self.quotes.borrow());
        if !Arc::ptr_eq(&quotes, &self.sent_quotes) {
            self.send_quotes(quotes, now);
        }
    }

    fn outgoing(&mut self) -> Option<Outgoing> {
        self.queue.pop()
    }
}

impl ClientSession {
    /// Confirms every room, then sends their initial messages. These are of the last step that the client received,
    /// so that later updates follow them without a gap.
    fn subscribe(&mut self, rooms: &[Room], now: Timestamps) {
        self.catch_up(now);
        for room in rooms {
            if !self.rooms.contains(room) {
                self.rooms.push(*room);
            }
            let name = room.name(&self.catalog);
            self.send(&Message::subscribed(&name, now.wall_ms));
        }
        let state = Arc::clone(&self.state);
        let quotes = Arc::clone(&self.quotes.borrow());
        for room in rooms {
            self.write_prices(*room, &state, now);
            self.write_books(*room, &state, now);
            self.write_quote(*room, &quotes, now);
        }
        self.flush();
    }

    fn unsubscribe(&mut self, name: &str, now: Timestamps) {
        let catalog = &self.catalog;
        self.rooms.retain(|room| room.name(catalog) != name);
        self.send(&Message::unsubscribed(name, now.wall_ms));
    }

    /// Sends all updates since the last call: the fills of every step, then the latest prices and books.
    fn catch_up(&mut self, now: Timestamps) {
        let state = Arc::clone(&self.states.borrow());
        if state.step == self.state.step {
            return;
        }
        let before = std::mem::replace(&mut self.state, Arc::clone(&state)).step;
        if self.rooms.iter().any(|room| room.has_fills()) {
            self.write_fills(before, state.step);
        }
        let rooms = self.rooms.clone();
        for room in &rooms {
            if matches!(room, Room::Prices { event } if state.changed[*event] > before) {
                self.write_prices(*room, &state, now);
            }
        }
        for room in &rooms {
            self.write_books(*room, &state, now);
        }
        self.flush();
    }

    fn write_fills(&mut self, after: u64, to: u64) {
        let Some(steps) = self.event_log.between(after, to) else {
            return self.queue.close(TOO_SLOW);
        };
        for message in steps.iter().flat_map(|step| &step.messages) {
            if self.rooms.iter().any(|room| room.receives(message)) {
                self.buffer(&message.text);
            }
        }
    }

    fn write_prices(&mut self, room: Room, state: &MarketState, now: Timestamps) {
        let Room::Prices { event } = room else {
            return;
        };
        let catalog = Arc::clone(&self.catalog);
        let prices = |market| {
            let listing = catalog.market(market);
            let labels = listing.labels.each_ref().map(String::as_str);
            let prices = state.prices[market].map(|ticks| Decimal::price(ticks, SCALE));
            MarketPrices::new(&listing.market_id, &listing.question, labels, prices)
        };
        let markets = catalog.markets_of(event).map(prices).collect();
        let event = catalog.event(event);
        let data = EventPrices {
            id: &event.id,
            slug: &event.slug,
            title: &event.title,
            status: &event.status,
            kind: &event.kind,
            markets,
        };
        let message = Message::new(Body::PriceUpdate(Data { data }), now.wall_ms);
        self.buffer(&message.to_json());
    }

    /// Writes both books of a room.
    fn write_books(&mut self, room: Room, state: &MarketState, now: Timestamps) {
        let Room::Books { market, currency } = room else {
            return;
        };
        let catalog = Arc::clone(&self.catalog);
        let listing = catalog.market(market);
        let books = state.books(market, currency).iter();
        for (view, outcome_id) in books.zip(listing.outcomes()) {
            let book = OrderBook::new([&listing.market_id, outcome_id], view, SCALE, state.at_ms);
            self.buffer(&Message::order_book(book, now.wall_ms).to_json());
        }
    }

    fn send_quotes(&mut self, quotes: Arc<Quotes>, now: Timestamps) {
        for room in self.rooms.clone() {
            self.write_quote(room, &quotes, now);
        }
        self.sent_quotes = quotes;
        self.flush();
    }

    fn write_quote(&mut self, room: Room, quotes: &Quotes, now: Timestamps) {
        let Room::Asset { symbol } = room else {
            return;
        };
        let catalog = Arc::clone(&self.catalog);
        let asset = &catalog.config.assets[symbol];
        let data = AssetPrice {
            symbol: &asset.symbol,
            price: Decimal {
                units: quotes.ticks[symbol].0.into(),
                decimals: asset.decimals,
                min_decimals: 1,
            },
            timestamp: quotes.at_ms,
        };
        let message = Message::new(Body::AssetPrice(Data { data }), now.wall_ms);
        self.buffer(&message.to_json());
    }

    /// Sends a message in a separate frame.
    fn send(&mut self, message: &Message<'_>) {
        self.buffer(&message.to_json());
        self.flush();
    }

    /// Adds a message to the frame. Without batching, sends it immediately.
    fn buffer(&mut self, message: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.push_str(message);
        if !self.catalog.config.batch || self.out.len() >= FRAME_SIZE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.out.is_empty() {
            self.queue.text(std::mem::take(&mut self.out));
        }
    }
}
