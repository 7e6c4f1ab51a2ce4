//! The topics of Bayse Markets.

use smallvec::SmallVec;
use ticklot_frame::bayse::{
    Auth, Channel, Currency, Endpoint, Request, RequestError, Room, Symbol,
};

use crate::venue::subscriptions::INLINE;

/// A topic to follow. Each topic is one room at the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Topic {
    /// The order books of a market, one for each outcome. They are in the currency of the connection.
    OrderBook(String),
    /// The prices of an event's markets.
    Prices(String),
    /// The fills of an event, or of one of its markets.
    Activity {
        /// The event.
        event: String,
        /// One market of the event; none for all.
        market: Option<String>,
    },
    /// The price of an external asset.
    AssetPrice(Symbol),
    /// The fills of one user.
    UserTrades(String),
    /// The user's own orders in a market.
    Orders(String),
}

impl Topic {
    /// The order books of a market.
    #[must_use]
    pub fn order_book(market: impl Into<String>) -> Self {
        Self::OrderBook(market.into())
    }

    /// The prices of an event.
    #[must_use]
    pub fn prices(event: impl Into<String>) -> Self {
        Self::Prices(event.into())
    }

    /// The fills of an event.
    #[must_use]
    pub fn activity(event: impl Into<String>) -> Self {
        Self::Activity {
            event: event.into(),
            market: None,
        }
    }

    /// The fills of one market of an event.
    #[must_use]
    pub fn activity_of(event: impl Into<String>, market: impl Into<String>) -> Self {
        Self::Activity {
            event: event.into(),
            market: Some(market.into()),
        }
    }

    /// The price of an asset.
    #[must_use]
    pub fn asset_price(symbol: Symbol) -> Self {
        Self::AssetPrice(symbol)
    }

    /// The fills of a user.
    #[must_use]
    pub fn user_trades(user: impl Into<String>) -> Self {
        Self::UserTrades(user.into())
    }

    /// The user's own orders in a market.
    #[must_use]
    pub fn orders(market: impl Into<String>) -> Self {
        Self::Orders(market.into())
    }

    /// Checks the topic.
    ///
    /// # Errors
    /// An id is empty.
    pub fn check(&self) -> Result<(), RequestError> {
        self.check_at(self.channel().endpoint())
    }

    /// Checks that a connection to this endpoint can subscribe to the topic.
    pub(crate) fn check_at(&self, endpoint: Endpoint) -> Result<(), RequestError> {
        // With dummy credentials: the connection checks its own.
        let auth = Auth::api_key("-");
        write_subscription(&[self], Currency::Usd, |request| {
            request.write(endpoint, Some(&auth), &mut Vec::new())
        })
        .map(drop)
    }

    /// Its channel.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match self {
            Self::OrderBook(_) => Channel::OrderBook,
            Self::Prices(_) => Channel::Prices,
            Self::Activity { .. } => Channel::Activity,
            Self::AssetPrice(_) => Channel::AssetPrices,
            Self::UserTrades(_) => Channel::UserTrades,
            Self::Orders(_) => Channel::Orders,
        }
    }

    /// Whether a message can contain several topics of its channel.
    pub(crate) fn is_coalesced(&self) -> bool {
        matches!(
            self,
            Self::OrderBook(_) | Self::AssetPrice(_) | Self::Orders(_)
        )
    }

    /// The id that an error text of the server may contain.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::OrderBook(id) | Self::Prices(id) | Self::UserTrades(id) | Self::Orders(id) => id,
            Self::Activity { event, market } => market.as_deref().unwrap_or(event),
            Self::AssetPrice(symbol) => symbol.as_str(),
        }
    }

    /// The name of its room, if the client can know it. The name for orders contains the user's id, and the name for a
    /// user's fills is undocumented.
    pub(crate) fn room_name(&self, currency: Currency) -> Option<String> {
        let room = match self {
            Self::OrderBook(market_id) => Room::OrderBook {
                market_id,
                currency,
            },
            Self::Prices(event_id) => Room::Prices { event_id },
            Self::Activity { event, market } => Room::Activity {
                event_id: event,
                market_id: market.as_deref(),
            },
            Self::AssetPrice(symbol) => Room::AssetPrices { symbol: *symbol },
            Self::UserTrades(_) | Self::Orders(_) => return None,
        };
        Some(room.to_string())
    }

    /// Whether `name` is the room of this topic, if [`Topic::room_name`] returns none.
    pub(crate) fn is_room(&self, name: &str) -> bool {
        match (self, Room::parse(name)) {
            (Self::Orders(market), Room::Orders { market_id, .. }) => market == market_id,
            // Undocumented: any name that ends with the user's id.
            (Self::UserTrades(user), Room::Other(name)) => {
                name.starts_with("user_trades") && name.ends_with(user.as_str())
            }
            _ => false,
        }
    }
}

/// Writes one message that subscribes to at most ten topics of one channel.
pub(crate) fn write_subscription(
    topics: &[&Topic],
    currency: Currency,
    write: impl FnOnce(&Request<'_>) -> Result<usize, RequestError>,
) -> Result<usize, RequestError> {
    let ids: SmallVec<[&str; INLINE]> = topics.iter().map(|topic| topic.id()).collect();
    let Some(first) = topics.first() else {
        return Ok(0);
    };
    match first {
        Topic::OrderBook(_) => write(&Request::OrderBook {
            markets: ids.as_slice().into(),
            currency,
        }),
        Topic::Orders(_) => write(&Request::Orders {
            markets: ids.as_slice().into(),
        }),
        Topic::AssetPrice(_) => {
            let symbol = |topic: &&Topic| match topic {
                Topic::AssetPrice(symbol) => Some(*symbol),
                _ => None,
            };
            let symbols: SmallVec<[Symbol; INLINE]> = topics.iter().filter_map(symbol).collect();
            write(&Request::AssetPrices { symbols: &symbols })
        }
        Topic::Prices(event_id) => write(&Request::Prices { event_id }),
        Topic::Activity { event, market } => write(&Request::Activity {
            event_id: event,
            market_id: market.as_deref(),
        }),
        Topic::UserTrades(user_id) => write(&Request::UserTrades { user_id }),
    }
}
