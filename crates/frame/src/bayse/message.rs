//! The messages of the server.

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
        /// The server's name for this connection.
        client_id: Option<&'a str>,
        /// The documentation's example has `connected`.
        status: Option<&'a str>,
        /// A greeting, for people to read.
        message: Option<&'a str>,
        /// When it was sent.
        sent: Option<UnixMillis>,
    },
    /// The whole book of one outcome.
    OrderBook(OrderBook<'a>),
    /// The prices of an event's markets.
    PriceUpdate(PriceUpdate<'a>),
    /// A fill.
    Activity(Activity<'a>),
    /// The price of an asset outside the venue.
    AssetPrice(AssetPrice<'a>),
    /// A fill of one's own order.
    OrderUpdated(OrderUpdated<'a>),
    /// A subscription was accepted.
    Subscribed {
        /// The room, such as `orderbook:mkt_456`. [`Room`](super::Room) takes it apart.
        room: &'a str,
    },
    /// A subscription was ended.
    Unsubscribed {
        /// The room.
        room: &'a str,
    },
    /// The answer to a `ping` message.
    Pong {
        /// When it was sent. One client's fixture has seconds here, so it is no reliable clock.
        sent: Option<UnixMillis>,
    },
    /// The server refused something. [`Message::server_error`] tells what.
    Error {
        /// The server's text.
        message: &'a str,
    },
    /// A message of a type that this version does not read.
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

    /// Notes when it was sent.
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

    /// What the server refused, if the message says so.
    #[must_use]
    pub fn server_error(&self) -> Option<ServerError<'a>> {
        match *self {
            Self::Error { message } => Some(ServerError::new(message)),
            _ => None,
        }
    }
}

/// Where the lists of a message are kept.
#[derive(Default)]
pub(super) struct MessageBuffers {
    pub(super) levels: LevelBuffer,
    pub(super) prices: PriceBuffer,
}
