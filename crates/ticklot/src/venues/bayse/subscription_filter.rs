//! The ids of all desired topics, to filter messages without allocating.

use ticklot_frame::bayse::{Message, Symbol};

use super::topic::Topic;
use crate::venue::id_counts::IdCounts;

/// The desired topics of one connection. Two topics may have the same id, such as the fills of a market under two events.
#[derive(Debug, Default)]
pub(super) struct SubscriptionFilter {
    books: IdCounts,
    prices: IdCounts,
    /// Events whose fills are desired for all markets.
    events: IdCounts,
    /// Markets whose fills are desired.
    markets: IdCounts,
    orders: IdCounts,
    users: IdCounts,
    symbols: Vec<Symbol>,
}

impl SubscriptionFilter {
    /// Adds a topic. It must not be present.
    pub(super) fn add(&mut self, topic: &Topic) {
        match self.ids(topic) {
            Ok(ids) => ids.add(topic.id()),
            Err(symbol) => self.symbols.push(symbol),
        }
    }

    /// Removes a topic. It must be present.
    pub(super) fn remove(&mut self, topic: &Topic) {
        match self.ids(topic) {
            Ok(ids) => ids.remove(topic.id()),
            // A linear search: the venue has few symbols.
            Err(symbol) => self.symbols.retain(|it| *it != symbol),
        }
    }

    /// The set of ids for a topic, or its symbol.
    fn ids(&mut self, topic: &Topic) -> Result<&mut IdCounts, Symbol> {
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

    /// Whether a message other than an order book belongs to a desired topic.
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
