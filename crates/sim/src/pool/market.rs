//! Markets that always have enough levels to show.

use ticklot_book::Ticks;

use crate::market::View;
use crate::{Market, MarketConfig};

/// How much happens between two snapshots of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// One to three things: a few levels change.
    Calm,
    /// One to 32 things.
    Busy,
}

impl Flow {
    fn events(self) -> u32 {
        match self {
            Self::Calm => 3,
            Self::Busy => 32,
        }
    }
}

/// A spot pair, with more orders than usual behind many levels.
#[must_use]
pub fn spot(levels: usize, flow: Flow) -> MarketConfig {
    MarketConfig {
        depth: levels,
        events: flow.events(),
        max_levels: 300,
        orders: 900,
        ..MarketConfig::btcusdt()
    }
}

/// An outcome of a prediction market, prices in tenths of a cent: in cents there is no room for a
/// hundred levels a side.
pub(crate) fn outcome(levels: usize) -> MarketConfig {
    MarketConfig {
        min: Ticks(1),
        max: Ticks(999),
        depth: levels,
        max_levels: 400,
        orders: 600,
        reach: 60,
        volatility: 200,
        ..MarketConfig::outcome(Ticks(500))
    }
}

/// A market, seen each time that what it shows has changed.
#[derive(Clone, Debug)]
pub struct SnapshotStream {
    market: Market,
    depth: usize,
    now_ms: u64,
    last: View,
}

impl SnapshotStream {
    /// A market of this configuration that `seed` decides.
    #[must_use]
    pub fn new(config: MarketConfig, seed: u64) -> Self {
        Self {
            depth: config.depth,
            market: Market::new(config, seed),
            now_ms: 1_700_000_000_000,
            last: View::default(),
        }
    }

    /// When the market was last looked at, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The next view of full depth that differs from the last one.
    #[must_use]
    #[allow(clippy::should_implement_trait)] // it never ends
    pub fn next(&mut self) -> View {
        loop {
            self.now_ms += 100;
            self.market.step(self.now_ms);
            let view = self.market.view();
            let full = view.bids.len() == self.depth && view.asks.len() == self.depth;
            if full && view != self.last {
                self.last.clone_from(&view);
                return view;
            }
        }
    }
}
