//! The fairness tests with a spinning feed, and cases of spinning feeds only.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod cases;
#[path = "../feed.rs"]
mod feed;
