//! The tests of the market maker, because cargo does not run the tests in examples.
#![cfg(feature = "feed")]
#![allow(missing_docs)]

#[allow(dead_code)] // its `main`
#[path = "../market_maker.rs"]
mod market_maker;
