//! What the examples share: the venues that they run against.
//!
//! Each example is a program of its own, in one file: `cargo run --release -p ticklot-examples --example
//! best_bid_ask`. It starts both venues' servers on a thread of its own, prints something that can be
//! checked, and ends by itself. `examples/tests/run.rs` runs them all.

use std::io;
use std::time::Duration;

use ticklot_sim::{Simulator, bayse, jayx};

/// Both venues, on free ports of this machine; their books move every few milliseconds.
///
/// # Errors
/// No port is free, or no thread can be started.
pub fn venues() -> io::Result<Simulator> {
    let jayx = jayx::Config {
        update_every: Duration::from_millis(5),
        ..jayx::Config::default()
    };
    let bayse = bayse::Config {
        update_every: Duration::from_millis(10),
        ..bayse::Config::default()
    };
    Simulator::spawn(jayx, bayse)
}
