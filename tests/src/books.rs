//! Many order books as the simulator writes them, for tests without a server.

use ticklot_book::{Scale, Ticks};
use ticklot_sim::market::View;
use ticklot_sim::wire::bayse::{Message, OrderBook};
use ticklot_sim::{Market, MarketConfig, wire};

/// The scale of [`bayse`].
///
/// # Panics
/// Never: the decimals are few.
#[must_use]
pub fn bayse_scale() -> Scale {
    Scale::new(3, 2).expect("few decimals")
}

/// The views of a market, every 100 ms from its first orders on.
fn views(config: MarketConfig, seed: u64, count: usize) -> impl Iterator<Item = (u64, View)> {
    let mut market = Market::new(config, seed);
    let times = (1_700_000_000_000..).step_by(100).take(count);
    times.map(move |now_ms| {
        market.step(now_ms);
        (now_ms, market.view())
    })
}

/// `count` order books of JayX with at most `depth` levels a side, in Socket.IO packets.
#[must_use]
pub fn jayx(depth: usize, seed: u64, count: usize) -> Vec<Vec<u8>> {
    let config = MarketConfig {
        depth,
        ..MarketConfig::btcusdt()
    };
    let frame = |(_, view): (u64, View)| {
        let payload = wire::jayx::order_book(&view);
        wire::jayx::packet("orderbook", &payload).into_bytes()
    };
    views(config, seed, count).map(frame).collect()
}

/// `count` order books of Bayse Markets with at most `depth` levels a side, each a line.
#[must_use]
pub fn bayse(depth: usize, seed: u64, count: usize) -> Vec<Vec<u8>> {
    let config = MarketConfig {
        min: Ticks(1),
        max: Ticks(999),
        depth,
        ..MarketConfig::outcome(Ticks(500))
    };
    let line = |(now_ms, view): (u64, View)| {
        let ids = [
            "550e8400-e29b-41d4-a716-446655440000",
            "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        ];
        let book = OrderBook::new(ids, &view, bayse_scale(), now_ms);
        Message::order_book(book, now_ms).to_json().into_bytes()
    };
    views(config, seed, count).map(line).collect()
}
