//! What is desired, arranged so that a message is looked up without allocating.

use std::collections::HashSet;

use ticklot_frame::bayse::{Message, Symbol};

use super::rooms::{Rooms, Stage};
use super::topic::Topic;

/// The desired topics of one connection.
#[derive(Debug, Default)]
pub(super) struct Desired {
    books: HashSet<Box<str>>,
    prices: HashSet<Box<str>>,
    /// Events all of whose fills are desired.
    events: HashSet<Box<str>>,
    /// Markets whose fills are desired.
    markets: HashSet<Box<str>>,
    orders: HashSet<Box<str>>,
    users: HashSet<Box<str>>,
    symbols: Vec<Symbol>,
}

impl Desired {
    /// Takes over what `rooms` desires. Allocates; for when that changes.
    pub(super) fn rebuild(&mut self, rooms: &Rooms) {
        *self = Self::default();
        for (topic, stage) in rooms.iter() {
            if stage != Stage::Leaving {
                self.add(topic);
            }
        }
    }

    fn add(&mut self, topic: &Topic) {
        match topic {
            Topic::OrderBook(market) => self.books.insert(market.as_str().into()),
            Topic::Prices(event) => self.prices.insert(event.as_str().into()),
            Topic::Activity {
                event,
                market: None,
            } => self.events.insert(event.as_str().into()),
            Topic::Activity {
                market: Some(market),
                ..
            } => self.markets.insert(market.as_str().into()),
            Topic::UserTrades(user) => self.users.insert(user.as_str().into()),
            Topic::Orders(market) => self.orders.insert(market.as_str().into()),
            Topic::AssetPrice(symbol) => {
                self.symbols.push(*symbol);
                true
            }
        };
    }

    /// Whether a market's order books are desired.
    pub(super) fn wants_book(&self, market: &str) -> bool {
        self.books.contains(market)
    }

    /// Whether a message other than a book belongs to a desired topic.
    pub(super) fn wants(&self, message: &Message<'_>) -> bool {
        match message {
            Message::PriceUpdate(update) => self.prices.contains(update.event_id),
            Message::Activity(fill) => {
                self.events.contains(fill.event.id)
                    || self.markets.contains(fill.market.id)
                    || self.users.contains(fill.user.id)
            }
            Message::AssetPrice(price) => self
                .symbols
                .iter()
                .any(|symbol| symbol.as_str() == price.symbol),
            Message::OrderUpdated(update) => self.orders.contains(update.market_id),
            _ => true,
        }
    }
}
