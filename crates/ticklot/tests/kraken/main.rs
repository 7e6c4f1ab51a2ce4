//! The Kraken venue: protocol cases in virtual time, the removal of each recorded update, and one removal over a real
//! socket.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

mod bench;
#[path = "../drive/mod.rs"]
mod drive;
mod liveness;
mod log;
mod many;
mod model;
mod recorded;
mod removal;
mod resync;
mod socket;
mod subscriptions;
#[path = "../support/mod.rs"]
mod support;
mod trades;
mod unreadable;
mod wire;
