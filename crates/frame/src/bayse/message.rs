//! The messages of the server of Bayse Markets.

use super::activity::Activity;
use super::book::OrderBook;
use super::orders::OrderUpdated;
use super::prices::{AssetPrice, PriceBuffer, PriceUpdate};
use super::server_error::ServerError;
use crate::levels::LevelBuffer;
use crate::units::{TradeSide, UnixMillis};

/// A message from the server, borrowed from the line and the decoder.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// The first message on a connection.
    Connected {
        /// The server's id of this connection.
        client_id: Option<&'a str>,
        /// The status; `connected` in the documentation's example.
        status: Option<&'a str>,
        /// A human-readable greeting.
        message: Option<&'a str>,
        /// The time when it was sent.
        sent: Option<UnixMillis>,
    },
    /// The complete book of one outcome.
    OrderBook(OrderBook<'a>),
    /// The prices of an event's markets.
    PriceUpdate(PriceUpdate<'a>),
    /// A fill.
    Activity(Activity<'a>),
    /// The price of an asset outside the venue.
    AssetPrice(AssetPrice<'a>),
    /// A fill of the user's own order.
    OrderUpdated(OrderUpdated<'a>),
    /// A subscription was accepted.
    Subscribed {
        /// The room, such as `orderbook:mkt_456`. [`Room`](super::Room) parses it.
        room: &'a str,
    },
    /// A subscription was ended.
    Unsubscribed {
        /// The room.
        room: &'a str,
    },
    /// The reply to a `ping` message.
    Pong {
        /// The time when it was sent. One client's fixture has seconds here, so it is not reliable.
        sent: Option<UnixMillis>,
    },
    /// The server rejected a message. [`Message::server_error`] returns the cause.
    Error {
        /// The server's text.
        message: &'a str,
    },
    /// A message of a type that this version does not support.
    Unknown {
        /// The `type`.
        kind: &'a str,
    },
}

impl<'a> Message<'a> {
    /// A fill of a `buy_order` or a `sell_order`.
    pub(super) fn fill(kind: &str, mut activity: Activity<'a>) -> Self {
        if kind == "sell_order" {
            activity.side = TradeSide::Sell;
        }
        Self::Activity(activity)
    }

    /// Sets the time when the message was sent.
    pub(super) fn set_sent(&mut self, at: Option<UnixMillis>) {
        match self {
            Self::Connected { sent, .. }
            | Self::OrderBook(OrderBook { sent, .. })
            | Self::PriceUpdate(PriceUpdate { sent, .. })
            | Self::Activity(Activity { sent, .. })
            | Self::AssetPrice(AssetPrice { sent, .. })
            | Self::OrderUpdated(OrderUpdated { sent, .. })
            | Self::Pong { sent } => *sent = at,
            _ => {}
        }
    }

    /// The server's error, if the message is one.
    #[must_use]
    pub fn server_error(&self) -> Option<ServerError<'a>> {
        match *self {
            Self::Error { message } => Some(ServerError::new(message)),
            _ => None,
        }
    }
}

/// The buffers for the lists of a message.
#[derive(Default)]
pub(super) struct MessageBuffers {
    pub(super) levels: LevelBuffer,
    pub(super) prices: PriceBuffer,
}
