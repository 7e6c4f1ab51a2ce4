//! The ids of all desired topics, so that a message is looked up without allocating.

use std::collections::HashMap;

use ticklot_frame::bayse::{Message, Symbol};

use super::topic::Topic;

/// The desired topics of one connection.
#[derive(Debug, Default)]
pub(super) struct SubscriptionFilter {
    books: Ids,
    prices: Ids,
    /// Events all of whose fills are desired.
    events: Ids,
    /// Markets whose fills are desired.
    markets: Ids,
    orders: Ids,
    users: Ids,
    symbols: Vec<Symbol>,
}

/// A multiset of ids: two topics may have one id, such as the fills of a market under two events.
#[derive(Debug, Default)]
struct Ids(HashMap<Box<str>, usize>);

impl Ids {
    fn add(&mut self, id: &str) {
        match self.0.get_mut(id) {
            Some(count) => *count += 1,
            None => {
                self.0.insert(id.into(), 1);
            }
        }
    }

    fn remove(&mut self, id: &str) {
        if let Some(count) = self.0.get_mut(id) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(id);
            }
        }
    }

    fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }
}

impl SubscriptionFilter {
    /// Adds a topic that was not desired before.
    pub(super) fn add(&mut self, topic: &Topic) {
        match self.ids(topic) {
            Ok(ids) => ids.add(topic.id()),
            Err(symbol) => self.symbols.push(symbol),
        }
    }

    /// Removes a topic that was desired.
    pub(super) fn remove(&mut self, topic: &Topic) {
        match self.ids(topic) {
            Ok(ids) => ids.remove(topic.id()),
            // The venue has a handful of symbols.
            Err(symbol) => self.symbols.retain(|it| *it != symbol),
        }
    }

    /// The ids that a topic belongs to, or its symbol.
    fn ids(&mut self, topic: &Topic) -> Result<&mut Ids, Symbol> {
        Ok(match topic {
            Topic::OrderBook(_) => &mut self.books,
            Topic::Prices(_) => &mut self.prices,
            Topic::Activity { market: None, .. } => &mut self.events,
            Topic::Activity {
                market: Some(_), ..
            } => &mut self.markets,
            Topic::UserTrades(_) => &mut self.users,
            Topic::Orders(_) => &mut self.orders,
            Topic::AssetPrice(symbol) => return Err(*symbol),
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_per_id_are_counted() {
        let mut desired = SubscriptionFilter::default();
        let topics = [
            Topic::activity_of("e1", "m"),
            Topic::activity_of("e2", "m"),
            Topic::order_book("m"),
        ];
        topics.iter().for_each(|topic| desired.add(topic));
        desired.remove(&topics[0]);
        assert!(desired.markets.contains("m"));
        desired.remove(&topics[1]);
        assert!(!desired.markets.contains("m"));
        assert!(desired.wants_book("m"), "another channel");
    }

    #[test]
    fn symbols_are_removed() {
        let mut desired = SubscriptionFilter::default();
        desired.add(&Topic::asset_price(Symbol::BtcUsdt));
        desired.add(&Topic::asset_price(Symbol::EthUsdt));
        desired.remove(&Topic::asset_price(Symbol::BtcUsdt));
        assert_eq!(desired.symbols, [Symbol::EthUsdt]);
    }
}
