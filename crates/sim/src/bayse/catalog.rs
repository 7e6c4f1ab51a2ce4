//! Finds events, markets, users and assets by their ids. The rest of the module refers to them by index.

use super::{Config, Event, Listing, User};

/// A configuration, with an event for every market.
pub(super) struct Catalog {
    pub(super) config: Config,
    events: Vec<Event>,
    /// The event of each market.
    event_of: Vec<usize>,
}

impl Catalog {
    pub(super) fn new(config: Config) -> Self {
        let mut events = config.events.clone();
        let mut event_of = Vec::new();
        for listing in &config.markets {
            let id = &listing.market_id;
            let named = events.iter().position(|event| event.markets.contains(id));
            event_of.push(named.unwrap_or_else(|| {
                events.push(Event::of(listing));
                events.len() - 1
            }));
        }
        Self {
            config,
            events,
            event_of,
        }
    }

    pub(super) fn event(&self, index: usize) -> &Event {
        &self.events[index]
    }

    pub(super) fn events(&self) -> usize {
        self.events.len()
    }

    pub(super) fn event_of(&self, market: usize) -> usize {
        self.event_of[market]
    }

    /// The markets of an event.
    pub(super) fn markets_of(&self, event: usize) -> impl Iterator<Item = usize> {
        let events = self.event_of.iter().enumerate();
        events.filter_map(move |(market, it)| (*it == event).then_some(market))
    }

    pub(super) fn market(&self, index: usize) -> &Listing {
        &self.config.markets[index]
    }

    pub(super) fn user(&self, index: usize) -> &User {
        &self.config.users[index]
    }

    pub(super) fn symbol(&self, index: usize) -> &str {
        &self.config.assets[index].symbol
    }

    pub(super) fn find_event(&self, id: &str) -> Option<usize> {
        self.events.iter().position(|it| it.id == id)
    }

    pub(super) fn find_market(&self, id: &str) -> Option<usize> {
        self.config.markets.iter().position(|it| it.market_id == id)
    }

    pub(super) fn find_user(&self, id: &str) -> Option<usize> {
        self.config.users.iter().position(|it| it.id == id)
    }

    pub(super) fn find_symbol(&self, symbol: &str) -> Option<usize> {
        self.config.assets.iter().position(|it| it.symbol == symbol)
    }

    /// The market and the index, YES or NO, of an outcome.
    pub(super) fn find_outcome(&self, id: &str) -> Option<(usize, usize)> {
        self.config
            .markets
            .iter()
            .enumerate()
            .find_map(|(market, it)| {
                let outcome = it.outcomes().iter().position(|it| *it == id)?;
                Some((market, outcome))
            })
    }
}

#[cfg(test)]
mod tests {
    use ticklot_book::Ticks;

    use super::*;

    #[test]
    fn each_market_has_one_event() {
        let config = Config {
            markets: vec![Listing::rate_cut(), Listing::new("x", Ticks(50))],
            events: vec![Event::long_shot(), Event::rate_cut(), Event::rate_cut()],
            ..Config::default()
        };
        let catalog = Catalog::new(config);
        assert_eq!(catalog.event(catalog.event_of(0)).id, "evt_us-rate-cut");
        assert_eq!(catalog.event(catalog.event_of(1)).id, "evt_x");
        assert_eq!(catalog.markets_of(0).count(), 0);
        assert_eq!(catalog.markets_of(1).collect::<Vec<_>>(), [0]);
        assert_eq!(catalog.find_outcome("out_x-no"), Some((1, 1)));
    }
}
