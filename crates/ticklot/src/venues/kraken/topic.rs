//! The topics of Kraken.

use std::fmt;

use crate::venue::subscriptions;

/// A topic to follow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Topic {
    /// The list of instruments, with precision and status. It is always followed, because the precision is the scale of the
    /// books.
    Instruments,
    /// The order book of a symbol, such as `BTC/USD`.
    Book(String),
    /// The trades of a symbol.
    Trades(String),
}

/// A public channel. The topics of a channel can share a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The list of instruments.
    Instrument,
    /// Order books.
    Book,
    /// Trades.
    Trade,
}

impl Topic {
    /// The order book of a symbol.
    #[must_use]
    pub fn book(symbol: impl Into<String>) -> Self {
        Self::Book(symbol.into())
    }

    /// The trades of a symbol.
    #[must_use]
    pub fn trades(symbol: impl Into<String>) -> Self {
        Self::Trades(symbol.into())
    }

    /// The symbol; none for the list of instruments.
    #[must_use]
    pub fn symbol(&self) -> Option<&str> {
        match self {
            Self::Instruments => None,
            Self::Book(symbol) | Self::Trades(symbol) => Some(symbol),
        }
    }

    /// The topic of a channel's name and a symbol, from an acknowledgement.
    pub(super) fn of_channel(channel: &str, symbol: Option<&str>) -> Option<Self> {
        match (channel, symbol) {
            ("instrument", _) => Some(Self::Instruments),
            ("book", Some(symbol)) => Some(Self::book(symbol)),
            ("trade", Some(symbol)) => Some(Self::trades(symbol)),
            _ => None,
        }
    }

    /// Its channel.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match self {
            Self::Instruments => Channel::Instrument,
            Self::Book(_) => Channel::Book,
            Self::Trades(_) => Channel::Trade,
        }
    }
}

impl Channel {
    /// The venue's name: `instrument`, `book` or `trade`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instrument => "instrument",
            Self::Book => "book",
            Self::Trade => "trade",
        }
    }
}

/// The name in events: `instrument`, `book:BTC/USD` or `trade:BTC/USD`. The venue has no names for topics.
impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.channel().as_str())?;
        match self.symbol() {
            Some(symbol) => write!(f, ":{symbol}"),
            None => Ok(()),
        }
    }
}

impl subscriptions::Topic for Topic {
    type Batch = Channel;

    fn batch(&self) -> Channel {
        self.channel()
    }

    fn id(&self) -> &str {
        self.symbol().unwrap_or("instrument")
    }
}
