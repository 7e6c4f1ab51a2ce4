//! Bayse Markets: prediction markets, newline-batched JSON frames, decimal numbers.
//!
//! Split a frame with [`Lines`](crate::Lines) and give each line to [`Decoder::decode`]; write
//! messages with [`Request::write`]. Wire facts are the venue's documentation where not said
//! otherwise.

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
pub use auth::{Auth, redact};
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
pub use request::{MAX_MARKETS, Request, ping, subscribe_order_book, unsubscribe};
pub use room::Room;
pub use server_error::{ServerError, ServerErrorKind};
pub use undecoded::UndecodedMessage;
