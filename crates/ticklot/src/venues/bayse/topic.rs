//! What can be followed at Bayse Markets.

use smallvec::SmallVec;
use ticklot_frame::bayse::{
    Auth, Channel, Currency, Endpoint, Request, RequestError, Room, Symbol,
};

use crate::venue::subscriptions::INLINE;

/// Something to follow. Each is a room of its own at the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Topic {
    /// The order books of a market: one for each outcome. Needs a connection to the markets'
    /// endpoint, which carries them in its own currency.
    OrderBook(String),
    /// The prices of an event's markets.
    Prices(String),
    /// The fills of an event, or of one of its markets.
    Activity {
        /// The event.
        event: String,
        /// One market of it, or all of them.
        market: Option<String>,
    },
    /// The price of an asset outside the venue.
    AssetPrice(Symbol),
    /// The fills of one user.
    UserTrades(String),
    /// One's own orders in a market.
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

    /// One's own orders in a market.
    #[must_use]
    pub fn orders(market: impl Into<String>) -> Self {
        Self::Orders(market.into())
    }

    /// Whether it can be asked for.
    ///
    /// # Errors
    /// An id is empty.
    pub fn check(&self) -> Result<(), RequestError> {
        self.check_at(self.channel().endpoint())
    }

    /// Whether a connection to this endpoint can subscribe to it.
    pub(crate) fn check_at(&self, endpoint: Endpoint) -> Result<(), RequestError> {
        // With whatever credentials: they are the connection's to check.
        let auth = Auth::api_key("-");
        write_subscription(&[self], Currency::Usd, |request| {
            request.write(endpoint, Some(&auth), &mut Vec::new())
        })
        .map(drop)
    }

    /// The channel that carries it.
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

    /// Whether several of its channel go in one message.
    pub(crate) fn is_coalesced(&self) -> bool {
        matches!(
            self,
            Self::OrderBook(_) | Self::AssetPrice(_) | Self::Orders(_)
        )
    }

    /// The id that it is about, as an error of the server may name it.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::OrderBook(id) | Self::Prices(id) | Self::UserTrades(id) | Self::Orders(id) => id,
            Self::Activity { event, market } => market.as_deref().unwrap_or(event),
            Self::AssetPrice(symbol) => symbol.as_str(),
        }
    }

    /// The room's name at the server, as far as the client can know it: that of orders has the
    /// user's id in it, and that of a user's fills is not documented.
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

    /// Whether the server's room of this name belongs to this topic, whose name the client cannot know.
    pub(crate) fn is_room(&self, name: &str) -> bool {
        match (self, Room::parse(name)) {
            (Self::Orders(market), Room::Orders { market_id, .. }) => market == market_id,
            // Undocumented: whatever names the user.
            (Self::UserTrades(user), Room::Other(name)) => {
                name.starts_with("user_trades") && name.ends_with(user.as_str())
            }
            _ => false,
        }
    }
}

/// Appends a subscription to these topics, all of one channel and at most ten, as one message.
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
