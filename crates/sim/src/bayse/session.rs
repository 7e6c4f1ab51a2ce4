//! One client on `/ws/v1/markets`.

use std::sync::Arc;

use ticklot_book::Scale;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::book::{Books, Outcomes};
use super::request::{self, Request, Room};
use super::{Bayse, Config};
use crate::clock::now_ms;
use crate::ids;
use crate::market::View;
use crate::net::{Close, End, Ended, Event, Input, Peer};
use crate::wire::bayse::{self as wire, OrderBook};

/// Ticks of 0.01, lots of 0.01.
const DECIMALS: u8 = 2;

pub(super) async fn run(venue: &Bayse, peer: &mut Peer) -> Ended {
    let now = Instant::now();
    let mut session = Session {
        config: &venue.config,
        peer,
        books: venue.books.clone(),
        rooms: Vec::new(),
        ping_at: now + venue.config.ping_every,
        pong_before: now + venue.config.pong_timeout,
        out: String::new(),
    };
    session.greet().await?;
    loop {
        let deadline = session.ping_at.min(session.pong_before);
        let is_subscribed = !session.rooms.is_empty();
        let wake = tokio::select! {
            event = session.peer.event() => Wake::Event(event),
            () = sleep_until(deadline) => Wake::Deadline,
            Ok(()) = session.books.changed(), if is_subscribed => Wake::Books,
        };
        match wake {
            Wake::Event(event) => session.on_event(event).await?,
            Wake::Deadline => session.on_deadline(Instant::now()).await?,
            Wake::Books => session.send_books(&session.rooms.clone()).await?,
        }
    }
}

enum Wake {
    Event(Event),
    Deadline,
    Books,
}

struct Session<'a> {
    config: &'a Config,
    peer: &'a mut Peer,
    books: watch::Receiver<Arc<Books>>,
    rooms: Vec<Room>,
    ping_at: Instant,
    pong_before: Instant,
    /// Space for the frame that is being written.
    out: String,
}

impl Session<'_> {
    async fn greet(&mut self) -> Result<(), End> {
        let id = ids::uuid(self.config.seed, self.peer.number);
        self.say(|out, now| wire::connected(out, &id, now)).await
    }

    async fn on_deadline(&mut self, now: Instant) -> Result<(), End> {
        if self.pong_before <= now {
            return Err(self.peer.close(Close::new(1008, "no pong")).await);
        }
        if self.ping_at <= now {
            self.ping_at = now + self.config.ping_every;
            self.peer.ping().await?;
        }
        Ok(())
    }

    async fn on_event(&mut self, event: Event) -> Result<(), End> {
        match self.peer.settle(event).await? {
            Some(Input::Text(text)) => self.on_text(&text).await,
            Some(Input::Binary) => Err(self.peer.close(Close::BINARY).await),
            Some(Input::Pong) => {
                self.pong_before = Instant::now() + self.config.pong_timeout;
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn on_text(&mut self, text: &str) -> Result<(), End> {
        match request::read(text, &self.config.markets) {
            Ok(Request::Ping) => self.say(wire::pong).await,
            Ok(Request::Subscribe(rooms)) => self.subscribe(&rooms).await,
            Ok(Request::Unsubscribe(room)) => self.unsubscribe(&room).await,
            Err(why) => self.say(|out, now| wire::error(out, &why, now)).await,
        }
    }

    /// First every room is confirmed, then its books are sent.
    async fn subscribe(&mut self, rooms: &[Room]) -> Result<(), End> {
        for room in rooms {
            if !self.rooms.contains(room) {
                self.rooms.push(*room);
            }
            let name = room.name(&self.config.markets);
            self.say(|out, now| wire::subscribed(out, &name, now))
                .await?;
        }
        self.send_books(rooms).await
    }

    async fn unsubscribe(&mut self, name: &str) -> Result<(), End> {
        let markets = &self.config.markets;
        self.rooms.retain(|room| room.name(markets) != name);
        self.say(|out, now| wire::unsubscribed(out, name, now))
            .await
    }

    /// Sends the latest books of these rooms.
    async fn send_books(&mut self, rooms: &[Room]) -> Result<(), End> {
        let books = Arc::clone(&self.books.borrow_and_update());
        for room in rooms {
            if let Some(outcomes) = books.room(*room) {
                self.send_room(*room, outcomes, books.at_ms).await?;
            }
        }
        Ok(())
    }

    /// Both books of a room: in one frame, a line each, or in a frame each.
    async fn send_room(&mut self, room: Room, both: &Outcomes, at_ms: u64) -> Result<(), End> {
        let Some(listing) = self.config.markets.get(room.market) else {
            return Ok(());
        };
        self.out.clear();
        self.write_book(&listing.market_id, &listing.yes_id, &both.yes, at_ms);
        if self.config.batch {
            self.out.push('\n');
        } else {
            self.peer.text(&self.out).await?;
            self.out.clear();
        }
        self.write_book(&listing.market_id, &listing.no_id, &both.no, at_ms);
        self.peer.text(&self.out).await
    }

    fn write_book(&mut self, market_id: &str, outcome_id: &str, view: &View, book_ms: u64) {
        let book = OrderBook {
            market_id,
            outcome_id,
            view,
            scale: Scale::new(DECIMALS, DECIMALS).unwrap_or(Scale::UNIT),
            book_ms,
            sent_ms: now_ms(),
        };
        wire::orderbook_update(&mut self.out, &book);
    }

    /// Sends one small message.
    async fn say(&mut self, write: impl FnOnce(&mut String, u64)) -> Result<(), End> {
        self.out.clear();
        write(&mut self.out, now_ms());
        self.peer.text(&self.out).await
    }
}
