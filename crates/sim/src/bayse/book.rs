//! The books of all markets.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Config;
use super::request::{Currency, Room};
use crate::clock::now_ms;
use crate::market::{Pair, View};

/// The books of one moment: of each market, each currency and each outcome.
pub(super) struct Books {
    /// When they were like this, in milliseconds since the epoch.
    pub(super) at_ms: u64,
    markets: Vec<[Outcomes; 2]>,
}

/// The two books of a room.
pub(super) struct Outcomes {
    pub(super) yes: View,
    pub(super) no: View,
}

impl Books {
    fn of(markets: &[[Pair; 2]], at_ms: u64) -> Arc<Self> {
        let outcomes = |pair: &Pair| Outcomes {
            yes: pair.yes().view(),
            no: pair.no().view(),
        };
        let both = |pairs: &[Pair; 2]| pairs.each_ref().map(outcomes);
        Arc::new(Self {
            at_ms,
            markets: markets.iter().map(both).collect(),
        })
    }

    pub(super) fn room(&self, room: Room) -> Option<&Outcomes> {
        let [usd, ngn] = self.markets.get(room.market)?;
        Some(match room.currency {
            Currency::Usd => usd,
            Currency::Ngn => ngn,
        })
    }
}

/// The latest books, and the future that keeps them coming.
pub(super) fn start(
    config: &Config,
) -> (
    watch::Receiver<Arc<Books>>,
    impl Future<Output = ()> + Send + use<>,
) {
    let mut seeds = fastrand::Rng::with_seed(config.seed);
    let mut markets: Vec<[Pair; 2]> = config
        .markets
        .iter()
        .map(|listing| [(); 2].map(|()| Pair::new(listing.fair, seeds.u64(..))))
        .collect();
    let (send, receive) = watch::channel(Books::of(&markets, now_ms()));
    let every = config.update_every;
    let run = async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let now = now_ms();
            for pair in markets.iter_mut().flatten() {
                pair.step(now);
            }
            send.send_replace(Books::of(&markets, now));
        }
    };
    (receive, run)
}
