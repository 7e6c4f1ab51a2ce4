//! External asset prices, such as BTCUSDT.

use std::sync::Arc;

use ticklot_book::Ticks;
use tokio::sync::watch;

use crate::market::FairValue;

/// An asset whose price is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Such as `BTCUSDT`.
    pub symbol: String,
    /// Its initial price, in ticks of 10^-`decimals`.
    pub start: Ticks,
    /// The number of decimals of a tick.
    pub decimals: u8,
    /// The maximum random change of the price's velocity per update, in thousandths of a tick.
    pub volatility: u32,
}

impl Asset {
    fn new(symbol: &str, start: i64, decimals: u8, volatility: u32) -> Self {
        Self {
            symbol: symbol.to_owned(),
            start: Ticks(start),
            decimals,
            volatility,
        }
    }

    /// The venue's seven symbols, in its order.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![
            Self::new("BTCUSDT", 6_743_215, 2, 900_000),
            Self::new("ETHUSDT", 351_240, 2, 80_000),
            Self::new("SOLUSDT", 14_810, 2, 6_000),
            Self::new("XAUUSD", 265_035, 2, 20_000),
            Self::new("EURUSD", 108_421, 5, 4_000),
            Self::new("GBPUSD", 129_377, 5, 5_000),
            Self::new("USDNGN", 153_890, 2, 15_000),
        ]
    }
}

/// The prices at one time, in the order of the assets.
pub(super) struct Quotes {
    /// The time of the prices, in milliseconds since the epoch.
    pub(super) at_ms: u64,
    pub(super) ticks: Vec<Ticks>,
}

/// The random walks of all prices.
pub(super) struct AssetPrices {
    rng: fastrand::Rng,
    walks: Vec<FairValue>,
    quotes: watch::Sender<Arc<Quotes>>,
}

impl AssetPrices {
    pub(super) fn new(assets: &[Asset], seed: u64, now_ms: u64) -> Self {
        // Each stays between half and twice its start.
        let walk = |it: &Asset| {
            let (low, high) = (it.start.0 / 2, it.start.0.saturating_mul(2));
            FairValue::new(it.start, Ticks(low), Ticks(high), it.volatility)
        };
        let walks: Vec<_> = assets.iter().map(walk).collect();
        Self {
            // Independent of the markets' generators, so that assets do not affect the markets.
            rng: fastrand::Rng::with_seed(seed ^ 0xa55e_7000_a55e_7000),
            quotes: watch::Sender::new(quotes(&walks, now_ms)),
            walks,
        }
    }

    pub(super) fn quotes(&self) -> watch::Receiver<Arc<Quotes>> {
        self.quotes.subscribe()
    }

    pub(super) fn step(&mut self, now_ms: u64) {
        for walk in &mut self.walks {
            walk.drift(&mut self.rng);
        }
        self.quotes.send_replace(quotes(&self.walks, now_ms));
    }
}

fn quotes(walks: &[FairValue], at_ms: u64) -> Arc<Quotes> {
    let ticks = walks.iter().map(FairValue::ticks).collect();
    Arc::new(Quotes { at_ms, ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_determines_asset_prices() {
        let assets = Asset::all();
        let run = |seed| {
            let mut walks = AssetPrices::new(&assets, seed, 0);
            (1..60).for_each(|now| walks.step(now));
            walks.quotes().borrow().ticks.clone()
        };
        assert_eq!(run(1), run(1));
        let moved = run(1);
        for (asset, ticks) in assets.iter().zip(&moved) {
            assert_ne!(asset.start, *ticks, "{}", asset.symbol);
        }
        assert_ne!(moved, run(2));
    }
}
