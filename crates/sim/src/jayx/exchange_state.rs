//! The state of the exchange: its markets, their candles and the accounts that trade in them.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// Separate the random numbers of candle ids and of accounts from the market's.
const CANDLES: u64 = 0xca4d_1e00_0000_ca4d;
const ACCOUNTS: u64 = 0xacc0_0000_0000_acc0;

/// The market of one symbol, and its published data.
pub(super) struct SymbolState {
    pub(super) market: Market,
    pub(super) candles: CandleStore,
    /// The order book payload: written once a step, sent to many.
    pub(super) payload: Arc<str>,
    /// The fills and cancelled orders of this step that the accounts have recorded.
    noted: (usize, usize),
}

/// Everything that a step changes.
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

/// The state as sessions read it while it moves. It is locked for as long as a step or a read
/// takes, never over an await.
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
    /// The state of an exchange, and the sender of its steps.
    pub(super) fn new(state: ExchangeState) -> (Self, watch::Sender<u64>) {
        let (send, steps) = watch::channel(state.step);
        let state = Arc::new(Mutex::new(state));
        (Self { state, steps }, send)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, ExchangeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of every step that is made.
    pub(super) fn steps(&self) -> watch::Receiver<u64> {
        self.steps.clone()
    }
}

/// The state of an exchange, and the future that moves it.
pub(super) fn start(
    config: Arc<Config>,
) -> (SharedState, impl Future<Output = ()> + Send + 'static) {
    let every = config.update_every;
    let (shared, send) = SharedState::new(ExchangeState::new(config, now_ms()));
    let moved = shared.clone();
    let run = async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let step = moved.lock().advance(now_ms());
            if let Some(step) = step {
                send.send_replace(step);
            }
        }
    };
    (shared, run)
}

impl ExchangeState {
    pub(super) fn new(config: Arc<Config>, opened_ms: u64) -> Self {
        let seed = config.seed;
        let mut seeds = fastrand::Rng::with_seed(seed);
        let mut names = fastrand::Rng::with_seed(seed ^ CANDLES);
        let mut minds = fastrand::Rng::with_seed(seed ^ ACCOUNTS);
        let symbol_state = |symbol: &super::Symbol| {
            let market = Market::new(symbol.market.clone(), seeds.u64(..));
            SymbolState {
                payload: payload(&market),
                market,
                candles: CandleStore::new(names.fork(), config.backlog),
                noted: (0, 0),
            }
        };
        let account_state = |(account, owner)| AccountState::new(account, owner, &config);
        let trader = |account| Trader::new(account, minds.fork());
        Self {
            symbols: config.symbols.iter().map(symbol_state).collect(),
            accounts: config
                .accounts
                .iter()
                .zip(owners(&config))
                .map(account_state)
                .collect(),
            traders: config.accounts.iter().map(trader).collect(),
            step: 0,
            is_paused: false,
            opened_ms,
            config,
        }
    }

    /// Makes a step, unless the exchange is paused, and returns its number.
    pub(super) fn advance(&mut self, now_ms: u64) -> Option<u64> {
        if self.is_paused {
            return None;
        }
        let passed = now_ms.saturating_sub(self.opened_ms);
        let passed = passed.saturating_mul(self.config.speed.into());
        self.make_step(self.opened_ms.saturating_add(passed));
        Some(self.step)
    }

    /// Makes a step at a time of the market.
    pub(super) fn make_step(&mut self, ms: u64) {
        self.step += 1;
        let now = StepTime {
            ms,
            step: self.step,
        };
        for symbol in 0..self.symbols.len() {
            self.symbols[symbol].market.step(ms);
            self.symbols[symbol].noted = (0, 0);
            self.note(symbol, now);
            for account in 0..self.accounts.len() {
                self.act(symbol, account, now);
            }
            let symbol_state = &mut self.symbols[symbol];
            symbol_state
                .candles
                .add(symbol_state.market.fills(), ms, now.step);
            symbol_state.payload = payload(&symbol_state.market);
        }
    }

    /// Lets an account act.
    fn act(&mut self, symbol: usize, account: usize, now: StepTime) {
        let (symbol_state, account_state) = (&self.symbols[symbol], &self.accounts[account]);
        let config = &self.config.symbols[symbol].market;
        let act = self.traders[account].decide(symbol, config, &symbol_state.market, account_state);
        if let Some(act) = act {
            self.execute(act, symbol, account, now);
        }
    }

    /// Executes an action of an account, and records its effects.
    pub(super) fn execute(
        &mut self,
        act: TraderAction,
        symbol: usize,
        account: usize,
        now: StepTime,
    ) {
        let (symbol_state, account_state) =
            (&mut self.symbols[symbol], &mut self.accounts[account]);
        match act {
            TraderAction::Cancel { side, limit, id } => {
                symbol_state.market.withdraw(side, limit, id);
                self.note(symbol, now);
            }
            TraderAction::Place { side, limit, lots } => {
                let placed =
                    symbol_state
                        .market
                        .place(account_state.owner(), side, limit, lots, now.ms);
                let Some(order) = placed else { return };
                account_state.place(symbol, &order, now);
                self.note(symbol, now);
                // What the market could not fill of a market order is dropped.
                if limit.is_none() {
                    self.accounts[account].cancel(symbol, &order, now);
                }
            }
        }
    }

    /// Records the fills and cancelled orders since the last call in all accounts.
    fn note(&mut self, symbol: usize, now: StepTime) {
        let symbol_state = &mut self.symbols[symbol];
        let (fills, cancelled) = (symbol_state.market.fills(), symbol_state.market.cancelled());
        for account_state in &mut self.accounts {
            for fill in &fills[symbol_state.noted.0..] {
                account_state.fill(symbol, fill, now);
            }
            for order in &cancelled[symbol_state.noted.1..] {
                account_state.cancel(symbol, order, now);
            }
        }
        symbol_state.noted = (fills.len(), cancelled.len());
    }
}

/// Owners that are nobody of the crowd in any market.
fn owners(config: &Config) -> impl Iterator<Item = Owner> {
    let crowds = config.symbols.iter().map(|symbol| symbol.market.owners);
    let first = crowds.max().unwrap_or(0).max(1);
    (0..).map(move |place| Owner(first.saturating_add(place)))
}

fn payload(market: &Market) -> Arc<str> {
    wire::jayx::order_book(&market.view()).into()
}
