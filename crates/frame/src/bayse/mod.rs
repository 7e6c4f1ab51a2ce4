//! Bayse Markets: prediction markets, JSON messages in newline-separated batches, decimal numbers.
//!
//! Split a frame with [`Lines`](crate::Lines), pass each line to [`Decoder::decode`], and write messages with
//! [`Request::write`]. Unless stated otherwise, the facts about the protocol are from the venue's documentation.
//!
//! ```
//! use ticklot_book::{Lots, Scale, Ticks};
//! use ticklot_frame::bayse::{Decoder, Message};
//!
//! let line = br#"{"type":"orderbook_update","data":{"orderbook":
//!     {"marketId":"m","outcomeId":"o","bids":[{"price":0.60,"quantity":500}],"asks":[]}}}"#;
//! let mut decoder = Decoder::new();
//! // Prices have two decimal places, quantities none.
//! let Message::OrderBook(book) = decoder.decode(line, &Scale::new(2, 0)?)? else {
//!     unreachable!()
//! };
//! assert_eq!((book.bids[0].ticks, book.bids[0].lots), (Ticks(60), Lots(500)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod activity;
mod auth;
mod book;
mod channel;
mod decode;
mod ids;
mod message;
mod orders;
mod prices;
mod pull;
mod request;
mod room;
pub(crate) mod schema;
mod server_error;
mod undecoded;

pub use activity::{Activity, Event, FilledOrder, Market, User};
pub use auth::Auth;
pub use book::OrderBook;
pub use channel::{Channel, Currency, Endpoint, RequestError, Symbol};
pub use decode::Decoder;
pub use ids::Ids;
pub use message::Message;
pub use orders::{Order, OrderUpdated};
pub use prices::{
    AssetPrice, MAX_EVENT_MARKETS, MAX_OUTCOMES, Outcomes, PriceUpdate, PricedMarket,
    PricedMarkets, Prices,
};
pub use request::{MAX_MARKETS, Request};
pub use room::Room;
pub use server_error::{ServerError, ServerErrorKind};
pub use undecoded::UndecodedMessage;

pub use crate::redact::bayse as redact;
