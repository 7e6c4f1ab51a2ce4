//! The rooms of the venue, and their endpoints.

use super::catalog::Catalog;
use super::fill_message::FillMessage;
use super::listing::Currency;

/// The endpoint of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Markets,
    Realtime,
    User,
}

impl Endpoint {
    const ALL: [Self; 3] = [Self::Markets, Self::Realtime, Self::User];

    pub(super) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.path() == path)
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Markets => "/ws/v1/markets",
            Self::Realtime => "/ws/v1/realtime",
            Self::User => "/ws/v1/user",
        }
    }

    /// The endpoint that serves a channel.
    pub(super) fn of(channel: &str) -> Option<Self> {
        match channel {
            "activity" | "prices" | "orderbook" | "user_trades" => Some(Self::Markets),
            "asset_prices" => Some(Self::Realtime),
            "orders" => Some(Self::User),
            _ => None,
        }
    }
}

/// A room that a client subscribes to, with indexes in the [`Catalog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// The fills of an event, or of one of its markets.
    Activity { event: usize, market: Option<usize> },
    /// The prices of an event.
    Prices { event: usize },
    /// The books of a market.
    Books { market: usize, currency: Currency },
    /// The public messages about a user's fills.
    UserTrades { user: usize },
    /// The price of an asset.
    Asset { symbol: usize },
    /// The private messages about a user's fills in a market.
    Orders { user: usize, market: usize },
}

impl Room {
    pub(super) fn name(self, catalog: &Catalog) -> String {
        let event = |event| catalog.event(event).id.as_str();
        let market = |market| catalog.market(market).market_id.as_str();
        let user = |user| catalog.user(user).id.as_str();
        match self {
            Self::Activity {
                event: e,
                market: m,
            } => {
                let market = m.map(|m| format!(":{}", market(m)));
                format!("activity:{}{}", event(e), market.unwrap_or_default())
            }
            Self::Prices { event: e } => format!("prices:{}", event(e)),
            Self::Books {
                market: m,
                currency,
            } => {
                let suffix = ["", ":NGN"][usize::from(currency == Currency::Ngn)];
                format!("orderbook:{}{suffix}", market(m))
            }
            Self::UserTrades { user: u } => format!("user_trades:{}", user(u)),
            Self::Asset { symbol } => format!("asset_prices:{}", catalog.symbol(symbol)),
            Self::Orders { user: u, market: m } => format!("orders:{}:{}", user(u), market(m)),
        }
    }

    /// Whether this room receives a message.
    pub(super) fn receives(self, message: &FillMessage) -> bool {
        match self {
            Self::Activity { event, market } => {
                message.is_public
                    && message.event == event
                    && market.is_none_or(|market| message.market == market)
            }
            Self::UserTrades { user } => message.is_public && message.user == user,
            Self::Orders { user, market } => {
                !message.is_public && message.user == user && message.market == market
            }
            Self::Prices { .. } | Self::Books { .. } | Self::Asset { .. } => false,
        }
    }

    /// Whether the room receives fills, which must not be lost.
    pub(super) fn has_fills(self) -> bool {
        matches!(
            self,
            Self::Activity { .. } | Self::UserTrades { .. } | Self::Orders { .. }
        )
    }
}
