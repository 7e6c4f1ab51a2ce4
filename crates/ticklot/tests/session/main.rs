//! The session in virtual time: no socket, no clock, no waiting.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod bayse;
mod bench;
mod counts;
mod jayx;
mod lifecycle;
mod memory;
mod regressions;
mod state;
#[path = "../support/mod.rs"]
mod support;
mod tap;
mod test_venue;
mod unusual_messages;
