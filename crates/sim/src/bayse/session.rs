//! One client.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::asset::Quotes;
use super::life::State;
use super::request::{self, Request};
use super::room::{Endpoint, Room};
use super::{Bayse, SCALE};
use crate::clock::now_ms;
use crate::ids;
use crate::net::{Close, End, Ended, Event, Input, Peer, Window};
use crate::wire::bayse::{self as wire, AssetPrice, MarketPrices, OrderBook};

/// How long a frame may be before the next object starts another one.
const FRAME: usize = 32 * 1024;
const TOO_SLOW: Close = Close::new(1008, "too slow: messages were lost");
const TOO_MANY: &str = "rate limit exceeded: too many messages";

pub(super) async fn run(venue: &Bayse, endpoint: Endpoint, peer: &mut Peer) -> Ended {
    let now = Instant::now();
    let config = &venue.catalog.config;
    let mut states = venue.states.clone();
    let state = Arc::clone(&states.borrow_and_update());
    let mut session = Session {
        venue,
        endpoint,
        peer,
        states,
        state,
        quotes: venue.quotes.clone(),
        rooms: Vec::new(),
        window: Window::default(),
        ping_at: now + config.ping_every,
        pong_before: now + config.pong_timeout,
        out: String::new(),
    };
    session.greet().await?;
    loop {
        let deadline = session.ping_at.min(session.pong_before);
        let wake = tokio::select! {
            event = session.peer.event() => Wake::Event(event),
            () = sleep_until(deadline) => Wake::Deadline,
            Ok(()) = session.states.changed() => Wake::Step,
            Ok(()) = session.quotes.changed() => Wake::Quotes,
        };
        match wake {
            Wake::Event(event) => session.on_event(event).await?,
            Wake::Deadline => session.on_deadline(Instant::now()).await?,
            Wake::Step => session.catch_up().await?,
            Wake::Quotes => session.on_quotes().await?,
        }
    }
}

enum Wake {
    Event(Event),
    Deadline,
    Step,
    Quotes,
}

struct Session<'a> {
    venue: &'a Bayse,
    endpoint: Endpoint,
    peer: &'a mut Peer,
    states: watch::Receiver<Arc<State>>,
    quotes: watch::Receiver<Arc<Quotes>>,
    /// What the client has been told up to.
    state: Arc<State>,
    rooms: Vec<Room>,
    /// The client's messages of the last second.
    window: Window,
    ping_at: Instant,
    pong_before: Instant,
    /// The frame that is being written. Empty between two wakes.
    out: String,
}

impl Session<'_> {
    async fn greet(&mut self) -> Result<(), End> {
        let id = ids::uuid(self.venue.catalog.config.seed, self.peer.number);
        self.say(|out, now| wire::connected(out, &id, now)).await
    }

    async fn on_deadline(&mut self, now: Instant) -> Result<(), End> {
        if self.pong_before <= now {
            return Err(self.peer.close(Close::new(1008, "no pong")).await);
        }
        if self.ping_at <= now {
            self.ping_at = now + self.venue.catalog.config.ping_every;
            self.peer.ping().await?;
        }
        Ok(())
    }

    async fn on_event(&mut self, event: Event) -> Result<(), End> {
        match self.peer.settle(event).await? {
            Some(Input::Text(text)) => self.on_text(&text).await,
            Some(Input::Binary) => Err(self.peer.close(Close::BINARY).await),
            Some(Input::Pong) => {
                let timeout = self.venue.catalog.config.pong_timeout;
                self.pong_before = Instant::now() + timeout;
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn on_text(&mut self, text: &str) -> Result<(), End> {
        let catalog = &self.venue.catalog;
        let admitted = self.window.admit(catalog.config.messages, Instant::now());
        if admitted.is_err() {
            return self.say(|out, now| wire::error(out, TOO_MANY, now)).await;
        }
        match request::read(text, self.endpoint, catalog) {
            Ok(Request::Ping) => self.say(wire::pong).await,
            Ok(Request::Subscribe(rooms)) => self.subscribe(&rooms).await,
            Ok(Request::Unsubscribe(room)) => self.unsubscribe(&room).await,
            Err(why) => self.say(|out, now| wire::error(out, &why, now)).await,
        }
    }

    /// First every room is confirmed, then what they have at once is sent. It is of the step that
    /// the client knows up to, so that what comes next continues it.
    async fn subscribe(&mut self, rooms: &[Room]) -> Result<(), End> {
        self.catch_up().await?;
        for room in rooms {
            if !self.rooms.contains(room) {
                self.rooms.push(*room);
            }
            let name = room.name(&self.venue.catalog);
            self.say(|out, now| wire::subscribed(out, &name, now))
                .await?;
        }
        let state = Arc::clone(&self.state);
        let quotes = Arc::clone(&self.quotes.borrow_and_update());
        for room in rooms {
            self.put_prices(*room, &state).await?;
            self.put_books(*room, &state).await?;
            self.put_quote(*room, &quotes).await?;
        }
        self.flush().await
    }

    async fn unsubscribe(&mut self, name: &str) -> Result<(), End> {
        let catalog = &self.venue.catalog;
        self.rooms.retain(|room| room.name(catalog) != name);
        self.say(|out, now| wire::unsubscribed(out, name, now))
            .await
    }

    /// Tells all that is new: every notice of every step, then the latest prices and books.
    async fn catch_up(&mut self) -> Result<(), End> {
        let state = Arc::clone(&self.states.borrow_and_update());
        let before = std::mem::replace(&mut self.state, Arc::clone(&state)).step;
        if self.rooms.iter().any(|room| room.is_of_notices()) {
            self.put_notices(before, state.step).await?;
        }
        let rooms = self.rooms.clone();
        for room in &rooms {
            if matches!(room, Room::Prices { event } if state.changed[*event] > before) {
                self.put_prices(*room, &state).await?;
            }
        }
        for room in &rooms {
            self.put_books(*room, &state).await?;
        }
        self.flush().await
    }

    async fn put_notices(&mut self, after: u64, to: u64) -> Result<(), End> {
        let Some(steps) = self.venue.tape.between(after, to) else {
            return Err(self.peer.close(TOO_SLOW).await);
        };
        for notice in steps.iter().flat_map(|step| &step.notices) {
            if self.rooms.iter().any(|room| room.hears(notice)) {
                self.put(|out, _| out.push_str(&notice.text)).await?;
            }
        }
        Ok(())
    }

    async fn put_prices(&mut self, room: Room, state: &State) -> Result<(), End> {
        let Room::Prices { event } = room else {
            return Ok(());
        };
        let catalog = &self.venue.catalog;
        let prices = |market| {
            let listing = catalog.market(market);
            MarketPrices {
                id: &listing.market_id,
                question: &listing.question,
                outcomes: listing.labels.each_ref().map(String::as_str),
                prices: state.prices[market],
            }
        };
        let markets: Vec<_> = catalog.markets_of(event).map(prices).collect();
        let event = catalog.event(event);
        self.put(|out, now| wire::price_update(out, &event, &markets, SCALE, now))
            .await
    }

    /// Both books of a room.
    async fn put_books(&mut self, room: Room, state: &State) -> Result<(), End> {
        let Room::Books { market, currency } = room else {
            return Ok(());
        };
        let listing = self.venue.catalog.market(market);
        let books = state.books(market, currency).iter();
        for (view, outcome_id) in books.zip(listing.outcomes()) {
            let book = |sent_ms| OrderBook {
                market_id: &listing.market_id,
                outcome_id,
                view,
                scale: SCALE,
                book_ms: state.at_ms,
                sent_ms,
            };
            self.put(|out, now| wire::orderbook_update(out, &book(now)))
                .await?;
        }
        Ok(())
    }

    async fn on_quotes(&mut self) -> Result<(), End> {
        let quotes = Arc::clone(&self.quotes.borrow_and_update());
        for room in self.rooms.clone() {
            self.put_quote(room, &quotes).await?;
        }
        self.flush().await
    }

    async fn put_quote(&mut self, room: Room, quotes: &Quotes) -> Result<(), End> {
        let Room::Asset { symbol } = room else {
            return Ok(());
        };
        let asset = &self.venue.catalog.config.assets[symbol];
        let price = |sent_ms| AssetPrice {
            symbol: &asset.symbol,
            ticks: quotes.ticks[symbol],
            decimals: asset.decimals,
            source_ms: quotes.at_ms,
            sent_ms,
        };
        self.put(|out, now| wire::asset_price(out, &price(now)))
            .await
    }

    /// Sends one small message, in a frame of its own.
    async fn say(&mut self, write: impl FnOnce(&mut String, u64)) -> Result<(), End> {
        self.put(write).await?;
        self.flush().await
    }

    /// Writes a message into the frame; without batching it is sent at once.
    async fn put(&mut self, write: impl FnOnce(&mut String, u64)) -> Result<(), End> {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        write(&mut self.out, now_ms());
        if self.venue.catalog.config.batch && self.out.len() < FRAME {
            return Ok(());
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), End> {
        if !self.out.is_empty() {
            self.peer.text(&self.out).await?;
            self.out.clear();
        }
        Ok(())
    }
}
