//! JayX: a spot exchange, integer ticks and lots, one JSON payload a frame.
//!
//! The venue documents event names with message objects and does not say how they are framed. Two
//! envelopes are read: Socket.IO 4 over Engine.IO 4 (the likeliest), and plain JSON in three forms.
//! The caller chooses ([`Envelope`]); a recorded log is told apart by its first byte.

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
pub use packet::asked_ack;
pub use request::{JOIN, PONG, Request, SubscribeError, acknowledge, subscribe_order_book};
