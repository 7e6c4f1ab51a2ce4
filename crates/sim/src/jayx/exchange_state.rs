//! The state of the exchange: markets, candles and accounts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Config;
use super::account_state::{AccountState, StepTime};
use super::candle_store::CandleStore;
use super::trader::{Trader, TraderAction};
use crate::clock::now_ms;
use crate::market::{Market, Owner};
use crate::net::MarketUpdates;
use crate::wire;

/// Separate the random numbers of candle ids and of accounts from those of the markets.
const CANDLES: u64 = 0xca4d_1e00_0000_ca4d;
const ACCOUNTS: u64 = 0xacc0_0000_0000_acc0;

/// The market of one symbol, and its published data.
pub(super) struct SymbolState {
    pub(super) market: Market,
    pub(super) candles: CandleStore,
    /// The order book payload, serialized once per step for all clients.
    pub(super) payload: Arc<str>,
    /// The numbers of fills and cancelled orders of this step that the accounts have recorded.
    recorded: (usize, usize),
}

/// The state that a step changes.
pub(super) struct ExchangeState {
    pub(super) config: Arc<Config>,
    pub(super) symbols: Vec<SymbolState>,
    pub(super) accounts: Vec<AccountState>,
    traders: Vec<Trader>,
    /// The number of the last step; 0 before the first.
    pub(super) step: u64,
    pub(super) is_paused: bool,
    opened_ms: u64,
}

/// The state, shared with the sessions. It is locked during a step or a read, but never across an await.
#[derive(Clone)]
pub(super) struct SharedState {
    state: Arc<Mutex<ExchangeState>>,
    steps: watch::Receiver<u64>,
}

impl MarketUpdates for watch::Receiver<u64> {
    async fn next_update(&mut self) {
        if self.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl SharedState {
    /// Shares the state. The sender publishes the number of each step.
    pub(super) fn new(state: ExchangeState) -> (Self, watch::Sender<u64>) {
        let (send, steps) = watch::channel(state.step);
        let state = Arc::new(Mutex::new(state));
        (Self { state, steps }, send)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, ExchangeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A receiver of the number of each step.
    pub(super) fn steps(&self) -> watch::Receiver<u64> {
        self.steps.clone()
    }

    /// Makes a step, unless the exchange is paused, and publishes its number.
    pub(super) fn step(&self, now_ms: u64, steps: &watch::Sender<u64>) {
        let step = self.lock().advance(now_ms);
        if let Some(step) = step {
            steps.send_replace(step);
        }
    }

    /// Makes steps forever.
    pub(super) async fn run(self, every: Duration, steps: watch::Sender<u64>) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            self.step(now_ms(), &steps);
        }
    }
}

impl ExchangeState {
    pub(super) fn new(config: Arc<Config>, opened_ms: u64) -> Self {
        let seed = config.seed;
        let mut seeds = fastrand::Rng::with_seed(seed);
        let mut candle_rng = fastrand::Rng::with_seed(seed ^ CANDLES);
        let mut trader_rng = fastrand::Rng::with_seed(seed ^ ACCOUNTS);
        let symbol_state = |symbol: &super::Symbol| {
            let market = Market::new(symbol.market.clone(), seeds.u64(..));
            SymbolState {
                payload: payload(&market),
                market,
                candles: CandleStore::new(candle_rng.fork(), config.backlog),
                recorded: (0, 0),
            }
        };
        let account_state = |(account, owner)| AccountState::new(account, owner, &config);
        let trader = |account| Trader::new(account, trader_rng.fork());
        let accounts = config.accounts.iter();
        Self {
            symbols: config.symbols.iter().map(symbol_state).collect(),
            traders: accounts.clone().map(trader).collect(),
            accounts: accounts.zip(owners(&config)).map(account_state).collect(),
            step: 0,
            is_paused: false,
            opened_ms,
            config,
        }
    }

    /// Makes a step, unless the exchange is paused, and returns its number.
    fn advance(&mut self, now_ms: u64) -> Option<u64> {
        if self.is_paused {
            return None;
        }
        let elapsed = now_ms.saturating_sub(self.opened_ms);
        let elapsed = elapsed.saturating_mul(self.config.speed.into());
        self.make_step(self.opened_ms.saturating_add(elapsed));
        Some(self.step)
    }

    /// Makes a step at the market time `ms`.
    pub(super) fn make_step(&mut self, ms: u64) {
        self.step += 1;
        let now = StepTime {
            ms,
            step: self.step,
        };
        for symbol in 0..self.symbols.len() {
            self.symbols[symbol].market.step(ms);
            self.symbols[symbol].recorded = (0, 0);
            self.record(symbol, now);
            for account in 0..self.accounts.len() {
                let market = &self.symbols[symbol].market;
                let config = &self.config.symbols[symbol].market;
                let trader = &mut self.traders[account];
                let action = trader.decide(symbol, config, market, &self.accounts[account]);
                if let Some(action) = action {
                    self.execute(action, symbol, account, now);
                }
            }
            let state = &mut self.symbols[symbol];
            state.candles.add(state.market.fills(), ms, now.step);
            state.payload = payload(&state.market);
        }
    }

    /// Executes an action of an account, and records its effects.
    pub(super) fn execute(
        &mut self,
        action: TraderAction,
        symbol: usize,
        account: usize,
        now: StepTime,
    ) {
        let market = &mut self.symbols[symbol].market;
        match action {
            TraderAction::Cancel { side, limit, id } => {
                market.withdraw(side, limit, id);
                self.record(symbol, now);
            }
            TraderAction::Place { side, limit, lots } => {
                let owner = self.accounts[account].owner();
                let placed = market.place(owner, side, limit, lots, now.ms);
                let Some(order) = placed else { return };
                self.accounts[account].place(symbol, &order, now);
                self.record(symbol, now);
                // The unfilled rest of a market order is dropped.
                if limit.is_none() {
                    self.accounts[account].cancel(symbol, &order, now);
                }
            }
        }
    }

    /// Records the fills and cancelled orders since the last call in all accounts.
    fn record(&mut self, symbol: usize, now: StepTime) {
        let state = &mut self.symbols[symbol];
        let (fills, cancelled) = (state.market.fills(), state.market.cancelled());
        for account in &mut self.accounts {
            for fill in &fills[state.recorded.0..] {
                account.fill(symbol, fill, now);
            }
            for order in &cancelled[state.recorded.1..] {
                account.cancel(symbol, order, now);
            }
        }
        state.recorded = (fills.len(), cancelled.len());
    }
}

/// Owners that no market's simulated traders use.
fn owners(config: &Config) -> impl Iterator<Item = Owner> {
    let traders = config.symbols.iter().map(|symbol| symbol.market.owners);
    let first = traders.max().unwrap_or(0).max(1);
    (0..).map(move |index| Owner(first.saturating_add(index)))
}

fn payload(market: &Market) -> Arc<str> {
    wire::jayx::order_book(&market.view()).into()
}
