//! The session's rules in virtual time: no socket, no clock, no waiting.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod bayse;
mod bench;
mod counts;
mod found;
mod jayx;
mod memory;
mod neutral;
mod odd;
mod rules;
mod state;
#[path = "../support/mod.rs"]
mod support;
mod tap;
