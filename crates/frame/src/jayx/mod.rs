//! JayX: a spot exchange, integer ticks and lots, one JSON payload per frame.
//!
//! The venue documents event names and message objects, but not their framing. The decoder supports two envelopes:
//! Socket.IO 4 over Engine.IO 4 (the more likely one), and plain JSON in three forms. The caller selects the
//! [`Envelope`], or lets the decoder detect it by the first byte of each frame.
//!
//! ```
//! use ticklot_book::{Lots, Ticks};
//! use ticklot_frame::jayx::{Decoder, Envelope, Message};
//!
//! let frame = br#"{"orderBook":{"bids":[{"ticks":6679900,"lots":250,"count":3}],"asks":[],"trades":[]}}"#;
//! let mut decoder = Decoder::new(Envelope::Plain);
//! let Message::OrderBook(book) = decoder.decode(frame)? else {
//!     unreachable!()
//! };
//! assert_eq!((book.bids[0].ticks, book.bids[0].lots), (Ticks(6_679_900), Lots(250)));
//! # Ok::<(), ticklot_frame::DecodeError>(())
//! ```

mod account;
mod auth;
mod decode;
mod kline;
mod packet;
mod pull;
mod request;
pub(crate) mod schema;

pub use account::{Balance, MAX_ITEMS, OpenOrders, Order, Orders, Positions};
pub use auth::ApiKey;
pub use decode::{
    Control, Decoder, Envelope, Message, OrderBook, PING_INTERVAL_MS, PING_TIMEOUT_MS,
};
pub use kline::{Candle, Kline};
pub use packet::requested_ack;
pub use request::{CONNECT, PONG, Request, SubscribeError, acknowledge};

pub use crate::redact::jayx as redact;
