//! The tests of a feed's share of a thread, again over a feed that spins.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod feed;
