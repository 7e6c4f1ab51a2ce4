//! The market maker's own tests: cargo does not run those of an example that it also builds as a program.
#![cfg(feature = "feed")]
#![allow(missing_docs)]

#[allow(dead_code)] // its `main`
#[path = "../market_maker.rs"]
mod market_maker;
