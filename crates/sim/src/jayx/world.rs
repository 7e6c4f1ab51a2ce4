//! The markets, their candles and the accounts that trade in them: one world, moved step by step.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Config;
use super::chart::Chart;
use super::ledger::{Ledger, Now};
use super::trader::{Act, Trader};
use crate::clock::now_ms;
use crate::market::{Market, Owner};
use crate::net::MarketUpdates;
use crate::wire;

/// What keeps the draws for the ids of candles, and for what accounts do, apart from the market's.
const CANDLES: u64 = 0xca4d_1e00_0000_ca4d;
const ACCOUNTS: u64 = 0xacc0_0000_0000_acc0;

/// One symbol: its market, and what is told of it.
pub(super) struct Pit {
    pub(super) market: Market,
    pub(super) chart: Chart,
    /// The order book payload: written once a step, sent to many.
    pub(super) payload: Arc<str>,
    /// How many fills and cancelled orders of this step have been taken note of.
    noted: (usize, usize),
}

/// Everything that moves.
pub(super) struct World {
    pub(super) config: Arc<Config>,
    pub(super) pits: Vec<Pit>,
    pub(super) ledgers: Vec<Ledger>,
    traders: Vec<Trader>,
    /// The number of the last step; 0 before the first.
    pub(super) step: u64,
    pub(super) is_still: bool,
    opened_ms: u64,
}

/// A world that sessions look at while it moves. It is locked for as long as a step or a look
/// takes, never over an await.
#[derive(Clone)]
pub(super) struct Shared {
    world: Arc<Mutex<World>>,
    steps: watch::Receiver<u64>,
}

impl MarketUpdates for watch::Receiver<u64> {
    async fn next_update(&mut self) {
        if self.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Shared {
    /// A world, and what tells of its steps.
    pub(super) fn new(world: World) -> (Self, watch::Sender<u64>) {
        let (send, steps) = watch::channel(world.step);
        let world = Arc::new(Mutex::new(world));
        (Self { world, steps }, send)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of every step that is made.
    pub(super) fn steps(&self) -> watch::Receiver<u64> {
        self.steps.clone()
    }
}

/// A world, and the future that moves it.
pub(super) fn start(config: Arc<Config>) -> (Shared, impl Future<Output = ()> + Send + 'static) {
    let every = config.update_every;
    let (shared, send) = Shared::new(World::new(config, now_ms()));
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

impl World {
    pub(super) fn new(config: Arc<Config>, opened_ms: u64) -> Self {
        let seed = config.seed;
        let mut seeds = fastrand::Rng::with_seed(seed);
        let mut names = fastrand::Rng::with_seed(seed ^ CANDLES);
        let mut minds = fastrand::Rng::with_seed(seed ^ ACCOUNTS);
        let pit = |symbol: &super::Symbol| {
            let market = Market::new(symbol.market.clone(), seeds.u64(..));
            Pit {
                payload: payload(&market),
                market,
                chart: Chart::new(names.fork(), config.backlog),
                noted: (0, 0),
            }
        };
        let ledger = |(account, owner)| Ledger::new(account, owner, &config);
        let trader = |account| Trader::new(account, minds.fork());
        Self {
            pits: config.symbols.iter().map(pit).collect(),
            ledgers: config
                .accounts
                .iter()
                .zip(owners(&config))
                .map(ledger)
                .collect(),
            traders: config.accounts.iter().map(trader).collect(),
            step: 0,
            is_still: false,
            opened_ms,
            config,
        }
    }

    /// Makes a step, unless the world stands still, and returns its number.
    pub(super) fn advance(&mut self, now_ms: u64) -> Option<u64> {
        if self.is_still {
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
        let now = Now {
            ms,
            step: self.step,
        };
        for symbol in 0..self.pits.len() {
            self.pits[symbol].market.step(ms);
            self.pits[symbol].noted = (0, 0);
            self.note(symbol, now);
            for account in 0..self.ledgers.len() {
                self.act(symbol, account, now);
            }
            let pit = &mut self.pits[symbol];
            pit.chart.add(pit.market.fills(), ms, now.step);
            pit.payload = payload(&pit.market);
        }
    }

    /// Lets an account do what it wants to.
    fn act(&mut self, symbol: usize, account: usize, now: Now) {
        let (pit, ledger) = (&self.pits[symbol], &self.ledgers[account]);
        let config = &self.config.symbols[symbol].market;
        let act = self.traders[account].decide(symbol, config, &pit.market, ledger);
        if let Some(act) = act {
            self.carry_out(act, symbol, account, now);
        }
    }

    /// Does what an account wants, and lets all take note of what comes of it.
    pub(super) fn carry_out(&mut self, act: Act, symbol: usize, account: usize, now: Now) {
        let (pit, ledger) = (&mut self.pits[symbol], &mut self.ledgers[account]);
        match act {
            Act::Withdraw { side, limit, id } => {
                pit.market.withdraw(side, limit, id);
                self.note(symbol, now);
            }
            Act::Place { side, limit, lots } => {
                let placed = pit.market.place(ledger.owner(), side, limit, lots, now.ms);
                let Some(order) = placed else { return };
                ledger.place(symbol, &order, now);
                self.note(symbol, now);
                // What the market could not fill of a market order is dropped.
                if limit.is_none() {
                    self.ledgers[account].cancel(symbol, &order, now);
                }
            }
        }
    }

    /// Lets the accounts take note of what happened since they last did.
    fn note(&mut self, symbol: usize, now: Now) {
        let pit = &mut self.pits[symbol];
        let (fills, cancelled) = (pit.market.fills(), pit.market.cancelled());
        for ledger in &mut self.ledgers {
            for fill in &fills[pit.noted.0..] {
                ledger.fill(symbol, fill, now);
            }
            for order in &cancelled[pit.noted.1..] {
                ledger.cancel(symbol, order, now);
            }
        }
        pit.noted = (fills.len(), cancelled.len());
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
