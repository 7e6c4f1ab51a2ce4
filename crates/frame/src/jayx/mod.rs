//! JayX: a spot exchange, integer ticks and lots, one JSON payload per frame.
//!
//! The venue documents event names and message objects, but not their framing. The decoder supports two envelopes:
//! Socket.IO 4 over Engine.IO 4 (the more likely one), and plain JSON in three forms. The caller selects the
//! [`Envelope`], or lets the decoder detect it by the first byte of each frame.

mod account;
mod auth;
mod decode;
mod kline;
mod packet;
mod pull;
mod request;
pub(crate) mod schema;

pub use account::{Balance, MAX_ITEMS, OpenOrders, Order, Orders, Positions};
pub use auth::{ApiKey, redact};
pub use decode::{
    Control, Decoder, Envelope, Message, OrderBook, PING_INTERVAL_MS, PING_TIMEOUT_MS,
};
pub use kline::{Candle, Kline};
pub use packet::requested_ack;
pub use request::{JOIN, PONG, Request, SubscribeError, acknowledge};
