//! Access to the server's markets, for tests that compare them with a client's state.

use std::sync::{Arc, PoisonError};

use tokio::sync::watch;

use super::catalog::Catalog;
use super::listing::Currency;
use super::market_driver::{MarketState, PauseFlag};
use crate::market::View;

/// A handle to the markets of a running server.
#[derive(Clone)]
pub struct MarketHandle {
    pub(super) catalog: Arc<Catalog>,
    pub(super) state: watch::Receiver<Arc<MarketState>>,
    pub(super) paused: PauseFlag,
}

impl MarketHandle {
    /// The current book of an outcome with all published levels: prices in ticks of 0.01, quantities in lots of 0.01.
    /// `None` if the outcome is unknown.
    #[must_use]
    pub fn book(&self, outcome_id: &str, currency: Currency) -> Option<View> {
        let (market, outcome) = self.catalog.find_outcome(outcome_id)?;
        let state = self.state.borrow();
        Some(state.books(market, currency)[outcome].clone())
    }

    /// The number of steps of the markets.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.state.borrow().step
    }

    /// Pauses the markets, so that a client can catch up. No step is running when the call returns.
    pub fn pause(&self) {
        self.set_paused(true);
    }

    /// Resumes the markets.
    pub fn resume(&self) {
        self.set_paused(false);
    }

    fn set_paused(&self, paused: bool) {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = paused;
    }
}

impl std::fmt::Debug for MarketHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MarketHandle")
            .field("step", &self.step())
            .finish()
    }
}
