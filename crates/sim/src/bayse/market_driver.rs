//! Steps the markets, and publishes their state and their fills.

use std::sync::{Arc, Mutex, PoisonError};

use ticklot_book::Ticks;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::asset::{AssetPrices, Quotes};
use super::catalog::Catalog;
use super::event_log::{EventLog, StepEvents};
use super::fill_message::FillMessageWriter;
use super::listing::Currency;
use crate::clock::now_ms;
use crate::market::{Market, OutcomePair, View};

/// The state of the markets after one step.
pub(super) struct MarketState {
    /// The number of the step; 0 before the first.
    pub(super) step: u64,
    /// The time of the step, in milliseconds since the epoch.
    pub(super) at_ms: u64,
    /// The books of YES and NO, per market and currency.
    books: Vec<[[View; 2]; 2]>,
    /// The prices of YES and NO, per market.
    pub(super) prices: Vec<[Ticks; 2]>,
    /// The step in which prices last changed, per event.
    pub(super) changed: Vec<u64>,
}

impl MarketState {
    /// The books of YES and NO.
    pub(super) fn books(&self, market: usize, currency: Currency) -> &[View; 2] {
        let [usd, ngn] = &self.books[market];
        match currency {
            Currency::Usd => usd,
            Currency::Ngn => ngn,
        }
    }

    fn of(markets: &[[OutcomePair; 2]], step: u64, at_ms: u64) -> Self {
        let both = |pair: &OutcomePair| [pair.yes().view(), pair.no().view()];
        let books = markets.iter().map(|pairs| pairs.each_ref().map(both));
        Self {
            step,
            at_ms,
            books: books.collect(),
            prices: markets.iter().map(|[usd, _]| prices(usd)).collect(),
            changed: Vec::new(),
        }
    }
}

/// The prices of YES and NO: that of the last trade, or the fair value before the first one.
fn prices(pair: &OutcomePair) -> [Ticks; 2] {
    [pair.yes(), pair.no()].map(|book: &Market| {
        let last = book.trades().next();
        last.map_or_else(|| book.fair(), |trade| trade.ticks)
    })
}

/// Whether the markets are paused. Locked during a step.
pub(super) type PauseFlag = Arc<Mutex<bool>>;

/// All markets, and the channels on which they are published.
pub(super) struct MarketDriver {
    catalog: Arc<Catalog>,
    markets: Vec<[OutcomePair; 2]>,
    asset_prices: AssetPrices,
    opened_ms: u64,
    state: watch::Sender<Arc<MarketState>>,
    event_log: Arc<EventLog>,
    paused: PauseFlag,
}

impl MarketDriver {
    pub(super) fn new(
        catalog: &Arc<Catalog>,
        event_log: &Arc<EventLog>,
        paused: &PauseFlag,
        now: u64,
    ) -> Self {
        let config = &catalog.config;
        let seed = config.seed;
        let mut seeds = fastrand::Rng::with_seed(seed);
        let users = u32::try_from(config.users.len()).unwrap_or(u32::MAX);
        let mut pair = |fair| OutcomePair::with_owners(fair, seeds.u64(..), users);
        let listings = config.markets.iter();
        let markets: Vec<_> = listings
            .map(|listing| [(); 2].map(|()| pair(listing.fair)))
            .collect();
        let mut state = MarketState::of(&markets, 0, now);
        state.changed = vec![0; catalog.events()];
        Self {
            asset_prices: AssetPrices::new(&config.assets, seed, now),
            catalog: Arc::clone(catalog),
            markets,
            opened_ms: now,
            state: watch::Sender::new(Arc::new(state)),
            event_log: Arc::clone(event_log),
            paused: Arc::clone(paused),
        }
    }

    pub(super) fn state(&self) -> watch::Receiver<Arc<MarketState>> {
        self.state.subscribe()
    }

    pub(super) fn quotes(&self) -> watch::Receiver<Arc<Quotes>> {
        self.asset_prices.quotes()
    }

    /// Steps the markets and the asset prices forever.
    pub(super) async fn run(mut self) {
        let mut updates = every(self.catalog.config.update_every);
        let mut quotes = every(self.catalog.config.asset_price_every);
        let paused = Arc::clone(&self.paused);
        loop {
            let step: fn(&mut Self, u64) = tokio::select! {
                _ = updates.tick() => Self::step,
                _ = quotes.tick() => Self::quote,
            };
            let paused = paused.lock().unwrap_or_else(PoisonError::into_inner);
            if !*paused {
                step(&mut self, now_ms());
            }
        }
    }

    /// Steps the markets. Adds the fills to the log before it publishes the new state.
    pub(super) fn step(&mut self, now_ms: u64) {
        for pair in self.markets.iter_mut().flatten() {
            pair.step(now_ms);
        }
        let before = Arc::clone(&self.state.borrow());
        let mut state = MarketState::of(&self.markets, before.step + 1, now_ms);
        state.changed = self.changed(&before, &state);
        let writer = FillMessageWriter {
            catalog: &self.catalog,
            opened_ms: self.opened_ms,
            now_ms,
        };
        self.event_log.push(StepEvents {
            step: state.step,
            messages: writer.messages(&self.markets),
        });
        self.state.send_replace(Arc::new(state));
    }

    /// Updates the asset prices.
    pub(super) fn quote(&mut self, now_ms: u64) {
        self.asset_prices.step(now_ms);
    }

    fn changed(&self, before: &MarketState, after: &MarketState) -> Vec<u64> {
        let changed = |(event, last): (usize, &u64)| {
            let mut markets = self.catalog.markets_of(event);
            let moved = markets.any(|market| before.prices[market] != after.prices[market]);
            if moved { after.step } else { *last }
        };
        before.changed.iter().enumerate().map(changed).collect()
    }
}

fn every(period: std::time::Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
