//! Writes a frame log of a simulated market to standard output: ten minutes of JayX's BTCUSDT in Socket.IO packets,
//! one book every 100 ms, with a fixed seed. Use it to try replays and plots without a recording:
//!
//! ```sh
//! cargo run --release -p ticklot-sim --example log > btc.jsonl
//! cargo run --release -- plot btc.jsonl --venue jayx --out book.png
//! ```

use std::io::{self, BufWriter, Write};

use ticklot_sim::pool::{Flow, spot};
use ticklot_sim::wire::jayx;
use ticklot_sim::{Market, MarketConfig};

/// 2026-02-17T09:00:00Z, in milliseconds.
const START_MS: u64 = 1_771_318_800_000;

/// Time between two books, in milliseconds.
const EVERY_MS: u64 = 100;

const BOOKS: u64 = 10 * 60 * 1_000 / EVERY_MS;

/// Levels per side.
const LEVELS: usize = 60;

fn main() -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    // A wider spread of orders than the preset, for a more readable plot.
    let config = MarketConfig {
        reach: 150,
        ..spot(LEVELS, Flow::Busy)
    };
    let mut market = Market::new(config, 7);
    for now_ms in (0..BOOKS).map(|book| START_MS + book * EVERY_MS) {
        market.step(now_ms);
        let payload = jayx::order_book(&market.view());
        let frame = serde_json::Value::from(jayx::packet("orderbook", &payload));
        writeln!(
            out,
            "{{\"recv_ns\":{},\"frame\":{frame}}}",
            now_ms * 1_000_000
        )?;
    }
    out.flush()
}
