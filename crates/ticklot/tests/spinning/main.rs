//! The tests of a feed's share of a thread, again over a feed that spins, and its own cases.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod cases;
#[path = "../feed.rs"]
mod feed;
