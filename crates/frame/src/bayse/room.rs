//! Rooms: the names of subscriptions in the server's acknowledgements.

use std::fmt;

use super::channel::RequestError;
use super::channel::{Currency, Symbol};

/// A room: the name of a subscription in `subscribed` and `unsubscribed` messages, and in unsubscriptions.
///
/// # Colons inside ids
/// Names are joined with `:` and ids are opaque, so a name can be ambiguous. Parsing uses these rules: the first id
/// ends at its first `:`, the last id takes the rest, and an order book is in naira if its name ends in `:NGN`. No id
/// in the documentation contains a `:`. A parsed room always writes the same name again, so match an acknowledgement by
/// name ([`Room::is_named`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Room<'a> {
    /// `orderbook:<market>`, or `orderbook:<market>:NGN`.
    OrderBook {
        /// The market.
        market_id: &'a str,
        /// The currency of the book.
        currency: Currency,
    },
    /// `activity:<event>`, or `activity:<event>:<market>`.
    Activity {
        /// The event.
        event_id: &'a str,
        /// One market of the event, or all of them.
        market_id: Option<&'a str>,
    },
    /// `prices:<event>`.
    Prices {
        /// The event.
        event_id: &'a str,
    },
    /// `asset_prices:<symbol>`.
    AssetPrices {
        /// The asset.
        symbol: Symbol,
    },
    /// `orders:<user>:<market>`.
    Orders {
        /// The user of the credentials.
        user_id: &'a str,
        /// The market.
        market_id: &'a str,
    },
    /// Any other name, such as a room of `user_trades`, whose format is not documented.
    Other(&'a str),
}

impl<'a> Room<'a> {
    /// Parses a room's name. A name in an unknown format is [`Room::Other`].
    #[must_use]
    pub fn parse(name: &'a str) -> Self {
        Self::known(name).unwrap_or(Self::Other(name))
    }

    fn known(name: &'a str) -> Option<Self> {
        let (channel, rest) = name.split_once(':').filter(|(_, rest)| !rest.is_empty())?;
        match channel {
            "orderbook" => {
                let naira = rest.strip_suffix(":NGN").filter(|id| !id.is_empty());
                Some(Self::OrderBook {
                    market_id: naira.unwrap_or(rest),
                    currency: naira.map_or(Currency::Usd, |_| Currency::Ngn),
                })
            }
            "activity" => match rest.split_once(':') {
                None => Some(Self::Activity {
                    event_id: rest,
                    market_id: None,
                }),
                Some(_) => split_ids(rest).map(|(event_id, market_id)| Self::Activity {
                    event_id,
                    market_id: Some(market_id),
                }),
            },
            "prices" => Some(Self::Prices { event_id: rest }),
            "asset_prices" => {
                let symbol = rest.parse().ok()?;
                Some(Self::AssetPrices { symbol })
            }
            "orders" => {
                split_ids(rest).map(|(user_id, market_id)| Self::Orders { user_id, market_id })
            }
            _ => None,
        }
    }

    /// Appends the name, like `Display`.
    pub fn write(&self, out: &mut String) {
        for piece in self.pieces() {
            out.push_str(piece);
        }
    }

    /// Whether `name` is the room's name.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        let rest = self
            .pieces()
            .into_iter()
            .try_fold(name, |rest, piece| rest.strip_prefix(piece));
        rest == Some("")
    }

    /// The pieces of the name.
    pub(super) fn pieces(&self) -> [&'a str; 4] {
        match *self {
            Self::OrderBook {
                market_id,
                currency,
            } => match currency {
                Currency::Usd => ["orderbook:", market_id, "", ""],
                Currency::Ngn => ["orderbook:", market_id, ":NGN", ""],
            },
            Self::Activity {
                event_id,
                market_id: None,
            } => ["activity:", event_id, "", ""],
            Self::Activity {
                event_id,
                market_id: Some(market_id),
            } => ["activity:", event_id, ":", market_id],
            Self::Prices { event_id } => ["prices:", event_id, "", ""],
            Self::AssetPrices { symbol } => ["asset_prices:", symbol.as_str(), "", ""],
            Self::Orders { user_id, market_id } => ["orders:", user_id, ":", market_id],
            Self::Other(name) => [name, "", "", ""],
        }
    }

    /// Checks that no part of the name is empty.
    pub(super) fn check(&self) -> Result<(), RequestError> {
        let parts: [&str; 2] = match *self {
            Self::OrderBook { market_id, .. } => [market_id, market_id],
            Self::Activity {
                event_id,
                market_id,
            } => [event_id, market_id.unwrap_or(event_id)],
            Self::Prices { event_id } => [event_id, event_id],
            Self::AssetPrices { .. } => return Ok(()),
            Self::Orders { user_id, market_id } => [user_id, market_id],
            Self::Other(name) => [name, name],
        };
        if parts.iter().any(|part| part.is_empty()) {
            return Err(RequestError::Missing { field: "room" });
        }
        Ok(())
    }
}

/// Splits two nonempty ids.
fn split_ids(text: &str) -> Option<(&str, &str)> {
    text.split_once(':')
        .filter(|(first, last)| !first.is_empty() && !last.is_empty())
}

impl<'a> From<&'a str> for Room<'a> {
    fn from(name: &'a str) -> Self {
        Self::parse(name)
    }
}

impl fmt::Display for Room<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces()
            .iter()
            .try_for_each(|piece| f.write_str(piece))
    }
}
