//! Bayse Markets: prediction markets, newline-batched JSON frames, decimal numbers.
//!
//! Split a frame with [`Lines`](crate::Lines) and give each line to [`Decoder::decode`]. Wire facts
//! are the venue's documentation where not said otherwise.

mod decode;
mod request;

pub use decode::{Decoder, Message, OrderBook};
pub use request::{Currency, MAX_MARKETS, ping, subscribe_order_book, unsubscribe};
