//! The venue's endpoints, channels, currencies and symbols.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A WebSocket endpoint, relative to the base URL. Each endpoint has different channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Order books, prices and fills of the markets. Needs no credentials.
    Markets,
    /// Prices of assets outside the venue. Needs no credentials.
    Realtime,
    /// The user's own orders. Every message needs credentials; the upgrade request needs none.
    User,
}

impl Endpoint {
    /// The path of the upgrade request, such as `/ws/v1/markets`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Markets => "/ws/v1/markets",
            Self::Realtime => "/ws/v1/realtime",
            Self::User => "/ws/v1/user",
        }
    }

    /// Whether every message of the client must carry [`Auth`](super::Auth).
    #[must_use]
    pub const fn needs_auth(self) -> bool {
        matches!(self, Self::User)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.path())
    }
}

/// A channel that can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Channel {
    /// The fills of an event, or of one of its markets.
    Activity,
    /// The prices of an event's markets.
    Prices,
    /// The order books of markets.
    OrderBook,
    /// The fills of one user.
    UserTrades,
    /// Prices of assets outside the venue.
    AssetPrices,
    /// The user's own orders in markets.
    Orders,
}

impl Channel {
    /// The name on the wire, such as `orderbook`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Prices => "prices",
            Self::OrderBook => "orderbook",
            Self::UserTrades => "user_trades",
            Self::AssetPrices => "asset_prices",
            Self::Orders => "orders",
        }
    }

    /// The endpoint that has the channel.
    #[must_use]
    pub const fn endpoint(self) -> Endpoint {
        match self {
            Self::Activity | Self::Prices | Self::OrderBook | Self::UserTrades => Endpoint::Markets,
            Self::AssetPrices => Endpoint::Realtime,
            Self::Orders => Endpoint::User,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The currency of a market's book. The USD and NGN books of one market have the same ids, so a connection must use one
/// currency per market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", serde(rename_all = "UPPERCASE"))]
pub enum Currency {
    /// United States dollars. The venue's default.
    #[default]
    Usd,
    /// Nigerian naira.
    Ngn,
}

impl Currency {
    /// The code on the wire: `USD`, `NGN`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Ngn => "NGN",
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Currency {
    type Err = RequestError;

    /// Parses the code in upper case, as on the wire.
    fn from_str(code: &str) -> Result<Self, RequestError> {
        [Self::Usd, Self::Ngn]
            .into_iter()
            .find(|currency| currency.as_str() == code)
            .ok_or(RequestError::UnknownCurrency)
    }
}

/// An asset outside the venue, whose prices [`Channel::AssetPrices`] sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Symbol {
    /// Bitcoin in Tether.
    BtcUsdt,
    /// Ether in Tether.
    EthUsdt,
    /// Solana in Tether.
    SolUsdt,
    /// Gold in US dollars.
    XauUsd,
    /// Euro in US dollars.
    EurUsd,
    /// Pound sterling in US dollars.
    GbpUsd,
    /// US dollar in Nigerian naira.
    UsdNgn,
}

impl Symbol {
    /// Every symbol, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::BtcUsdt,
        Self::EthUsdt,
        Self::SolUsdt,
        Self::XauUsd,
        Self::EurUsd,
        Self::GbpUsd,
        Self::UsdNgn,
    ];

    /// The name on the wire, such as `BTCUSDT`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BtcUsdt => "BTCUSDT",
            Self::EthUsdt => "ETHUSDT",
            Self::SolUsdt => "SOLUSDT",
            Self::XauUsd => "XAUUSD",
            Self::EurUsd => "EURUSD",
            Self::GbpUsd => "GBPUSD",
            Self::UsdNgn => "USDNGN",
        }
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Symbol {
    type Err = RequestError;

    /// Parses the name in upper case, as on the wire.
    fn from_str(name: &str) -> Result<Self, RequestError> {
        Self::ALL
            .into_iter()
            .find(|symbol| symbol.as_str() == name)
            .ok_or(RequestError::UnknownSymbol)
    }
}

/// Why a message was not written. Nothing was appended. The error contains no field values and no credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A required field is missing or empty, or an id in its list is empty.
    #[error("{field}: missing or empty")]
    Missing {
        /// The field's name on the wire.
        field: &'static str,
    },
    /// The endpoint does not have the channel.
    #[error("channel {channel} is not available on {endpoint}; use {} instead", .channel.endpoint())]
    WrongEndpoint {
        /// The channel.
        channel: Channel,
        /// The endpoint of the message.
        endpoint: Endpoint,
    },
    /// The endpoint needs credentials in every message, and there are none.
    #[error("{endpoint} needs credentials in every message")]
    AuthRequired {
        /// The endpoint of the message.
        endpoint: Endpoint,
    },
    /// The currency is neither USD nor NGN.
    #[error("unknown currency: USD and NGN are known")]
    UnknownCurrency,
    /// The symbol is not in [`Symbol::ALL`](super::Symbol::ALL).
    #[error("unknown symbol: BTCUSDT, ETHUSDT, SOLUSDT, XAUUSD, EURUSD, GBPUSD, USDNGN are known")]
    UnknownSymbol,
}
