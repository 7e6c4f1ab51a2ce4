//! The markets of all symbols, and one connection's view of them.

use std::future::{Future, pending};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Config;
use crate::clock::now_ms;
use crate::market::Market;
use crate::wire;

/// The order book payloads of one moment, one a symbol: written once, sent to many.
pub(super) struct Payloads(Vec<String>);

impl Payloads {
    fn of(markets: &[Market]) -> Arc<Self> {
        let payload = |market: &Market| {
            let mut out = String::new();
            wire::jayx::order_book(&mut out, &market.view());
            out
        };
        Arc::new(Self(markets.iter().map(payload).collect()))
    }

    pub(super) fn symbol(&self, place: usize) -> &str {
        self.0.get(place).map_or("{}", String::as_str)
    }
}

/// The latest payloads, and the future that keeps them coming.
pub(super) fn start(
    config: &Config,
) -> (
    watch::Receiver<Arc<Payloads>>,
    impl Future<Output = ()> + Send + use<>,
) {
    let mut seeds = fastrand::Rng::with_seed(config.seed);
    let mut markets: Vec<_> = config
        .symbols
        .iter()
        .map(|symbol| Market::new(symbol.market.clone(), seeds.u64(..)))
        .collect();
    let (send, receive) = watch::channel(Payloads::of(&markets));
    let every = config.update_every;
    let run = async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let now = now_ms();
            for market in &mut markets {
                market.step(now);
            }
            send.send_replace(Payloads::of(&markets));
        }
    };
    (receive, run)
}

/// What one connection is subscribed to.
pub(super) struct Desk {
    payloads: watch::Receiver<Arc<Payloads>>,
    /// The place of its symbol.
    pub(super) symbol: Option<usize>,
}

impl Desk {
    pub(super) fn new(payloads: watch::Receiver<Arc<Payloads>>) -> Self {
        Self {
            payloads,
            symbol: None,
        }
    }

    /// The latest payload of the subscribed symbol: the snapshot that a subscription gets at once.
    pub(super) fn latest(&mut self) -> Latest {
        Latest {
            payloads: Arc::clone(&self.payloads.borrow_and_update()),
            symbol: self.symbol.unwrap_or(0),
        }
    }

    /// Waits for a payload that the connection has not had; for ever when it is subscribed to
    /// nothing. Cancel-safe.
    pub(super) async fn update(&mut self) -> Latest {
        if self.symbol.is_none() || self.payloads.changed().await.is_err() {
            pending::<()>().await;
        }
        self.latest()
    }
}

/// One symbol's payload of one moment.
pub(super) struct Latest {
    payloads: Arc<Payloads>,
    symbol: usize,
}

impl Latest {
    pub(super) fn payload(&self) -> &str {
        self.payloads.symbol(self.symbol)
    }
}
