//! The simulated venues that the examples share.
//!
//! Each example is a program: `cargo run --release -p ticklot-examples --example best_bid_ask`. It starts the servers of
//! both venues on a separate thread, prints a result and ends. `examples/tests/run.rs` runs all of them.

use std::io;
use std::time::Duration;

use ticklot_sim::{Simulator, bayse, jayx};

/// Starts both venues on free local ports. Their books change every few milliseconds.
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
