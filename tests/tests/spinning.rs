//! The tests that drive a feed, again over a feed that spins.
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod allocations;
mod bayse;
mod hostile_input;
mod jayx;
mod latency;
mod live;
mod peers;
mod peers_jayx;
