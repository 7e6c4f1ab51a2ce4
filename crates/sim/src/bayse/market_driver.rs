//! Moves the markets step by step, and publishes their state and their fills.

use std::sync::{Arc, Mutex, PoisonError};

use ticklot_book::Ticks;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::asset::AssetPrices;
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
    /// When it was, in milliseconds since the epoch.
    pub(super) at_ms: u64,
    /// Of each market, in each currency, the books of YES and NO.
    books: Vec<[[View; 2]; 2]>,
    /// Of each market, what YES and NO cost.
    pub(super) prices: Vec<[Ticks; 2]>,
    /// Of each event, the step in which its prices last changed.
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

/// What YES and NO cost: the last trade of each, and before the first one its fair value.
fn prices(pair: &OutcomePair) -> [Ticks; 2] {
    [pair.yes(), pair.no()].map(|book: &Market| {
        let last = book.trades().next();
        last.map_or_else(|| book.fair(), |trade| trade.ticks)
    })
}

/// Whether the markets are paused. Locked while they move.
pub(super) type PauseFlag = Arc<Mutex<bool>>;

/// All markets, and where they are shown.
pub(super) struct MarketDriver {
    catalog: Arc<Catalog>,
    markets: Vec<[OutcomePair; 2]>,
    walks: AssetPrices,
    opened_ms: u64,
    state: watch::Sender<Arc<MarketState>>,
    event_log: Arc<EventLog>,
    paused: PauseFlag,
}

impl MarketDriver {
    pub(super) fn new(
        catalog: Arc<Catalog>,
        event_log: Arc<EventLog>,
        paused: PauseFlag,
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
            walks: AssetPrices::new(&config.assets, seed, now),
            catalog,
            markets,
            opened_ms: now,
            state: watch::Sender::new(Arc::new(state)),
            event_log,
            paused,
        }
    }

    pub(super) fn state(&self) -> watch::Receiver<Arc<MarketState>> {
        self.state.subscribe()
    }

    pub(super) fn walks(&self) -> &AssetPrices {
        &self.walks
    }

    /// Runs for ever.
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

    /// Moves the markets on. The fills are in the log before the state that they led to is published.
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

    /// Moves the prices of assets on.
    pub(super) fn quote(&mut self, now_ms: u64) {
        self.walks.step(now_ms);
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
