//! Markets that always have enough levels to show.

use ticklot_book::Ticks;
use ticklot_sim::market::View;
use ticklot_sim::{Market, MarketConfig};

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

/// The first `count` snapshots of a spot market that `seed` decides.
///
/// Each has exactly `levels` levels a side and differs from the one before. `levels` is at most
/// 100.
#[must_use]
pub fn snapshots(levels: usize, flow: Flow, seed: u64, count: usize) -> Vec<View> {
    let mut shown = Shown::new(spot(levels, flow), seed);
    (0..count).map(|_| shown.next()).collect()
}

/// The same books at even and odd prices in turn: every level goes, and as many come.
#[must_use]
pub fn without_a_common_price(views: &[View]) -> Vec<View> {
    let mut views = views.to_vec();
    for (place, view) in views.iter_mut().enumerate() {
        let odd = i64::from(place % 2 == 1);
        for level in view.bids.iter_mut().chain(&mut view.asks) {
            level.ticks = Ticks(level.ticks.0 * 2 + odd);
        }
    }
    views
}

/// A spot pair, with more orders than usual behind many levels.
pub(crate) fn spot(levels: usize, flow: Flow) -> MarketConfig {
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
pub(crate) struct Shown {
    market: Market,
    depth: usize,
    now_ms: u64,
    last: View,
}

impl Shown {
    pub(crate) fn new(config: MarketConfig, seed: u64) -> Self {
        Self {
            depth: config.depth,
            market: Market::new(config, seed),
            now_ms: 1_700_000_000_000,
            last: View::default(),
        }
    }

    /// When the market was last looked at.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The next view of full depth that differs from the last one.
    pub(crate) fn next(&mut self) -> View {
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
