//! Streams of market snapshots of full depth.

use ticklot_book::Ticks;

use crate::market::View;
use crate::{Market, MarketConfig};

/// The number of market events between two snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// One to three events, which change a few levels.
    Calm,
    /// One to 32 events.
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

/// A spot market with more levels and orders than the preset.
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

/// An outcome of a prediction market, with prices in tenths of a cent. Whole cents have no room for a hundred levels
/// per side.
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

/// The distinct snapshots of a market.
#[derive(Clone, Debug)]
pub struct SnapshotStream {
    market: Market,
    depth: usize,
    now_ms: u64,
    last: View,
}

impl SnapshotStream {
    /// Creates the market from its configuration and seed.
    #[must_use]
    pub fn new(config: MarketConfig, seed: u64) -> Self {
        Self {
            depth: config.depth,
            market: Market::new(config, seed),
            now_ms: 1_700_000_000_000,
            last: View::default(),
        }
    }

    /// The time of the last snapshot, in milliseconds since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Steps the market until its snapshot has full depth and differs from the last one. Never ends, unlike an
    /// iterator.
    #[must_use]
    #[allow(clippy::should_implement_trait)]
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
