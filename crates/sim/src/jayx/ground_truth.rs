//! What the server knows, for tests that compare it with what a client believes.

use std::fmt;

use super::chart;
use super::world::{Shared, World};
use crate::market::View;
use crate::wire::jayx::{Balance, Candle, OwnOrder};

/// A look at the markets and accounts of a running server.
#[derive(Clone)]
pub struct GroundTruth {
    pub(super) world: Shared,
}

impl GroundTruth {
    /// The book of a symbol as it is now, with all the levels and trades that are sent. None when
    /// there is no such symbol.
    #[must_use]
    pub fn book(&self, symbol: &str) -> Option<View> {
        let world = self.world.lock();
        let place = world.symbol(symbol)?;
        Some(world.pits[place].market.view())
    }

    /// The last candles of a symbol, oldest first, as many as
    /// [`backlog`](super::Config::backlog). None when there is no such symbol or interval.
    #[must_use]
    pub fn candles(&self, symbol: &str, interval: &str) -> Option<Vec<Candle>> {
        let world = self.world.lock();
        let place = world.symbol(symbol)?;
        let series = world.pits[place].chart.series(chart::interval(interval)?);
        Some(series.candles().collect())
    }

    /// The balances of an account, in the order in which they are sent. None when there is no
    /// such key.
    #[must_use]
    pub fn balances(&self, api_key: &str) -> Option<Vec<Balance>> {
        let world = self.world.lock();
        let account = world.account(api_key)?;
        Some(world.ledgers[account].balances())
    }

    /// The open orders of an account in a symbol, oldest first. None when there is no such key or
    /// symbol.
    #[must_use]
    pub fn open_orders(&self, api_key: &str, symbol: &str) -> Option<Vec<OwnOrder>> {
        let world = self.world.lock();
        let (account, place) = (world.account(api_key)?, world.symbol(symbol)?);
        let open = world.ledgers[account].open(place);
        Some(open.map(|(_, order)| order).collect())
    }

    /// How many steps the markets have made.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.world.lock().step
    }

    /// Lets everything stand still: what clients believe can then come to rest on what is true.
    /// When the call returns, no step is under way. The time of the market goes on.
    pub fn pause(&self) {
        self.world.lock().is_still = true;
    }

    /// Lets everything move again.
    pub fn resume(&self) {
        self.world.lock().is_still = false;
    }
}

impl World {
    fn symbol(&self, name: &str) -> Option<usize> {
        let mut symbols = self.config.symbols.iter();
        symbols.position(|symbol| symbol.name == name)
    }

    fn account(&self, api_key: &str) -> Option<usize> {
        let mut accounts = self.config.accounts.iter();
        accounts.position(|account| account.api_key == api_key)
    }
}

impl fmt::Debug for GroundTruth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroundTruth")
            .field("step", &self.step())
            .finish()
    }
}
