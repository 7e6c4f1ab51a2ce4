//! What the server knows, for tests that compare it with what a client believes.

use std::sync::{Arc, PoisonError};

use tokio::sync::watch;

use super::catalog::Catalog;
use super::life::{State, Still};
use super::listing::Currency;
use crate::market::View;

/// A look at the markets of a running server.
#[derive(Clone)]
pub struct GroundTruth {
    pub(super) catalog: Arc<Catalog>,
    pub(super) state: watch::Receiver<Arc<State>>,
    pub(super) still: Still,
}

impl GroundTruth {
    /// The book of an outcome as it is now, with all the levels that are sent: prices in ticks of
    /// 0.01, quantities in lots of 0.01. None when there is no such outcome.
    #[must_use]
    pub fn book(&self, outcome_id: &str, currency: Currency) -> Option<View> {
        let (market, outcome) = self.catalog.find_outcome(outcome_id)?;
        let state = self.state.borrow();
        Some(state.books(market, currency)[outcome].clone())
    }

    /// How many steps the markets have made.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.state.borrow().step
    }

    /// Lets everything stand still: what clients believe can then come to rest on what is true.
    /// When the call returns, no step is under way.
    pub fn pause(&self) {
        self.set_still(true);
    }

    /// Lets everything move again.
    pub fn resume(&self) {
        self.set_still(false);
    }

    fn set_still(&self, still: bool) {
        *self.still.lock().unwrap_or_else(PoisonError::into_inner) = still;
    }
}

impl std::fmt::Debug for GroundTruth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroundTruth")
            .field("step", &self.step())
            .finish()
    }
}
