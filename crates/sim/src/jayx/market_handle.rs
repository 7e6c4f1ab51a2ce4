//! Access to the server's markets and accounts, for tests that compare them with a client's state.

use std::fmt;

use super::candle_store;
use super::exchange_state::{ExchangeState, SharedState};
use crate::market::View;
use crate::wire::jayx::{Balance, Candle, OwnOrder};

/// A handle to the markets and accounts of a running server.
#[derive(Clone)]
pub struct MarketHandle {
    pub(super) state: SharedState,
}

impl MarketHandle {
    /// The current book of a symbol with all published levels and trades. `None` if the symbol is unknown.
    #[must_use]
    pub fn book(&self, symbol: &str) -> Option<View> {
        let state = self.state.lock();
        let index = state.symbol(symbol)?;
        Some(state.symbols[index].market.view())
    }

    /// The last candles of a symbol, oldest first, at most [`backlog`](super::Config::backlog). `None` if the symbol
    /// or the interval is unknown.
    #[must_use]
    pub fn candles(&self, symbol: &str, interval: &str) -> Option<Vec<Candle>> {
        let interval = candle_store::interval(interval)?;
        let state = self.state.lock();
        let index = state.symbol(symbol)?;
        let series = state.symbols[index].candles.series(interval);
        Some(series.candles().collect())
    }

    /// The balances of an account, in the order of the balances message. `None` if the key is unknown.
    #[must_use]
    pub fn balances(&self, api_key: &str) -> Option<Vec<Balance>> {
        let state = self.state.lock();
        let account = state.account(api_key)?;
        Some(state.accounts[account].balances())
    }

    /// The open orders of an account in a symbol, oldest first. `None` if the key or the symbol is unknown.
    #[must_use]
    pub fn open_orders(&self, api_key: &str, symbol: &str) -> Option<Vec<OwnOrder>> {
        let state = self.state.lock();
        let (account, index) = (state.account(api_key)?, state.symbol(symbol)?);
        let open = state.accounts[account].open(index);
        Some(open.map(|(_, order)| order).collect())
    }

    /// The number of steps of the markets.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.state.lock().step
    }

    /// Pauses the markets, so that a client can catch up. No step is running when the call returns. Market time
    /// continues during the pause.
    pub fn pause(&self) {
        self.state.lock().is_paused = true;
    }

    /// Resumes the markets.
    pub fn resume(&self) {
        self.state.lock().is_paused = false;
    }
}

impl ExchangeState {
    fn symbol(&self, name: &str) -> Option<usize> {
        let mut symbols = self.config.symbols.iter();
        symbols.position(|symbol| symbol.name == name)
    }

    fn account(&self, api_key: &str) -> Option<usize> {
        let mut accounts = self.config.accounts.iter();
        accounts.position(|account| account.api_key == api_key)
    }
}

impl fmt::Debug for MarketHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MarketHandle")
            .field("step", &self.step())
            .finish()
    }
}
