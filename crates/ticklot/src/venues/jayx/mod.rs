//! JayX: a spot exchange.
//!
//! A connection carries at most one order book, because its messages contain no symbol. It can carry the candles of many
//! symbols, with one interval for each symbol, because a candle contains no interval. Balances and orders can share any
//! connection. [`Plan`] creates the connections for a list of topics.
//!
//! [`Books::candles`](crate::Books::candles) and [`Books::account_of`](crate::Books::account_of) return candles, balances
//! and orders.
//!
//! ```
//! use ticklot::jayx::{JayX, Topic};
//!
//! let venue = JayX::new("BTCUSDT").follow(Topic::kline("ETHUSDT", "1")).build()?;
//! # let _ = venue;
//! # Ok::<(), ticklot::jayx::BuildError>(())
//! ```

mod envelope;
mod plan;
mod protocol;

use std::time::Duration;

use ticklot_book::{Nanos, Scale};
pub use ticklot_frame::jayx::{
    ApiKey, Envelope, Kline, Message, OpenOrders, Positions, SubscribeError,
};
use ticklot_frame::jayx::{Decoder, Request};

pub use self::plan::Plan;

use self::envelope::Envelopes;

use crate::books::{BookId, CandlesId, const_scale};
use crate::venues::url::{self, Parts};

/// The venue's base URL, from its documentation.
pub const URL: &str = "wss://stream.jayxstaging.com:8443";

/// The path of Socket.IO, and the query of its WebSocket transport (Engine.IO protocol, revision 4).
const SOCKET_IO_PATH: &str = "/socket.io";
const SOCKET_IO_QUERY: &str = "EIO=4&transport=websocket";

/// The time limit of the Socket.IO handshake, from the open connection to the joined namespace.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);

/// The upper limit of the silence limit that a Socket.IO server announces as its ping interval and timeout. The defaults of
/// Engine.IO are 45 s in total. Without an upper limit, a dead connection could stay open for days.
const MAX_SILENCE: Duration = Duration::from_secs(120);

/// The silence limit of a plain JSON connection with an order book. The venue documents no heartbeat for it. Without a
/// limit, a dead connection would stay open forever.
const PLAIN_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The first timeout of a subscription to an order book. The venue documents no confirmation, so the first order book
/// serves as one.
const ACK_TIMEOUT: Duration = Duration::from_secs(10);

/// How often that timeout doubles.
const MAX_DOUBLINGS: u32 = 4;

/// The scale of BTCUSDT, inferred from the documentation's examples: tick 0.01, lot 0.000001.
pub const BTCUSDT: Scale = const_scale(2, 6);

/// A topic to follow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Topic {
    /// The order book of a symbol, and its trades.
    OrderBook {
        /// The symbol.
        symbol: String,
        /// Undocumented, probably the grouping of prices. It is `1` in the venue's example.
        precise: String,
    },
    /// The candles of a symbol.
    Kline {
        /// The symbol.
        symbol: String,
        /// The length of a candle in the venue's format. It is `60` in the venue's example.
        interval: String,
    },
    /// The account's balances.
    Positions,
    /// The state of the account's orders.
    OpenOrders {
        /// The symbol.
        symbol: String,
    },
}

impl Topic {
    /// The order book of a symbol, with `precise` 1.
    #[must_use]
    pub fn order_book(symbol: impl Into<String>) -> Self {
        let precise = "1".to_owned();
        Self::OrderBook {
            symbol: symbol.into(),
            precise,
        }
    }

    /// The candles of a symbol.
    #[must_use]
    pub fn kline(symbol: impl Into<String>, interval: impl Into<String>) -> Self {
        Self::Kline {
            symbol: symbol.into(),
            interval: interval.into(),
        }
    }

    /// The state of the account's orders in a symbol.
    #[must_use]
    pub fn open_orders(symbol: impl Into<String>) -> Self {
        Self::OpenOrders {
            symbol: symbol.into(),
        }
    }

    /// The subscription request, with the account's key if it needs one.
    fn request<'a>(&'a self, key: Option<&'a ApiKey>) -> Result<Request<'a>, BuildError> {
        Ok(match self {
            Self::OrderBook { symbol, precise } => Request::OrderBook { symbol, precise },
            Self::Kline { symbol, interval } => Request::Kline { symbol, interval },
            Self::Positions => Request::Positions {
                key: key.ok_or(BuildError::Key)?,
            },
            Self::OpenOrders { symbol } => Request::OpenOrders {
                key: key.ok_or(BuildError::Key)?,
                symbol,
            },
        })
    }

    /// Whether messages of both topics would be indistinguishable on one connection.
    fn clashes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::OrderBook { .. }, Self::OrderBook { .. }) => true,
            (Self::Kline { symbol, .. }, Self::Kline { symbol: other, .. }) => symbol == other,
            _ => false,
        }
    }
}

/// An invalid configuration of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// An invalid subscription.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// Balances or orders without the account's key.
    #[error("balances and orders need the account's key")]
    Key,
    /// Two order books, or two intervals of one symbol: their messages are indistinguishable.
    #[error("a connection supports only one order book, and one candle interval per symbol")]
    Clash,
    /// The URL is invalid, for this reason.
    #[error("invalid URL: {0}")]
    Url(&'static str),
}

/// A connection to JayX.
#[derive(Debug)]
pub struct JayX {
    /// The given URL.
    base: String,
    /// The complete URL, or the base if it is invalid.
    url: String,
    /// The reason why the base is invalid, for [`JayX::build`].
    url_error: Option<&'static str>,
    envelopes: Envelopes,
    key: Option<ApiKey>,
    topics: Vec<Topic>,
    scale: Scale,
    decoder: Decoder,
    book: Option<BookId>,
    candles: Vec<(Box<str>, CandlesId)>,
    /// From the server's handshake: the longest time between two of its pings.
    idle_timeout: Option<Duration>,
    /// The deadline of the handshake.
    join_by: Option<Nanos>,
    /// When the order book is requested again, unless one arrives.
    book_by: Option<Nanos>,
    /// How often it was requested.
    attempts: u32,
}

impl JayX {
    /// The order book of `symbol`, with `precise` 1 and [`Envelope::Auto`].
    ///
    /// The default scale is that of BTCUSDT, for all symbols: see [`JayX::scale`]. It only affects the display, because the
    /// venue's messages, the books and the events contain whole ticks and lots. With a wrong scale, prices and quantities
    /// are displayed with the wrong number of decimals.
    #[must_use]
    pub fn new(symbol: &str) -> Self {
        Self::connection().follow(Topic::order_book(symbol))
    }

    /// A connection without topics.
    #[must_use]
    pub fn connection() -> Self {
        Self {
            base: URL.to_owned(),
            url: format!("{URL}{SOCKET_IO_PATH}/?{SOCKET_IO_QUERY}"),
            url_error: None,
            envelopes: Envelopes::new(Envelope::Auto),
            key: None,
            topics: Vec::new(),
            scale: BTCUSDT,
            decoder: Decoder::new(Envelope::Auto),
            book: None,
            candles: Vec::new(),
            idle_timeout: None,
            join_by: None,
            book_by: None,
            attempts: 0,
        }
    }

    /// Follows a topic. [`JayX::build`] returns an error for an invalid one.
    #[must_use]
    pub fn follow(mut self, topic: Topic) -> Self {
        self.topics.push(topic);
        self
    }

    /// Sets the account's key, for balances and orders. `Debug` and taps hide it.
    #[must_use]
    pub fn key(mut self, key: ApiKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Sets the URL. For Socket.IO, missing parts of `/socket.io/?EIO=4&transport=websocket` are added; a path before
    /// them and other parameters stay. For plain JSON, it is used unchanged.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        url.clone_into(&mut self.base);
        self.complete_url();
        self
    }

    /// Sets the envelope. Default: [`Envelope::Auto`].
    ///
    /// With `Auto`, the first attempt uses Socket.IO. If no open packet arrives within two seconds, or the upgrade is
    /// refused with an HTTP status other than 429 and 5xx, the next attempt follows immediately and uses plain JSON. A
    /// decoded message confirms the envelope. It is then reported ([`Event::Protocol`](crate::Event::Protocol)) and
    /// used for the next attempts, until the server refuses it.
    #[must_use]
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.envelopes = Envelopes::new(envelope);
        self.decoder = Decoder::new(envelope);
        self.complete_url();
        self
    }

    /// Updates the URL for the next connection.
    fn complete_url(&mut self) {
        let completed = match self.envelopes.current {
            Envelope::Plain => plain_url(&self.base),
            Envelope::SocketIo | Envelope::Auto => socket_io_url(&self.base),
        };
        self.url_error = completed.as_ref().err().copied();
        self.url = completed.unwrap_or_else(|_| self.base.clone());
    }

    /// Sets `precise` for the order book.
    #[must_use]
    pub fn precise(mut self, value: &str) -> Self {
        for topic in &mut self.topics {
            if let Topic::OrderBook { precise, .. } = topic {
                value.clone_into(precise);
            }
        }
        self
    }

    /// Sets the scale, which converts ticks and lots to decimals for display. Default: [`BTCUSDT`].
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// Checks the configuration, and returns the venue for a feed or a session.
    ///
    /// # Errors
    /// A symbol, an interval, `precise` or the key is empty; the key is missing; two topics clash; or the URL is invalid.
    pub fn build(mut self) -> Result<Self, BuildError> {
        if self.envelopes.choice == Envelope::Auto && Parts::of(&self.base).is_socket_io() {
            // The URL determines the envelope.
            self.envelopes = Envelopes::new(Envelope::SocketIo);
        }
        if let Some(reason) = self.url_error {
            return Err(BuildError::Url(reason));
        }
        url::check(&self.url).map_err(BuildError::Url)?;
        for (index, topic) in self.topics.iter().enumerate() {
            topic.request(self.key.as_ref())?.check()?;
            if self.topics[..index]
                .iter()
                .any(|other| topic.clashes(other))
            {
                return Err(BuildError::Clash);
            }
        }
        Ok(self)
    }
}

/// The URL of a plain connection.
fn plain_url(given: &str) -> Result<String, &'static str> {
    let url = Parts::of(given);
    if url.is_socket_io() {
        return Err("a Socket.IO URL, but the envelope is plain JSON");
    }
    Ok(url::join(url.origin, url.path, url.query))
}

/// The URL of a Socket.IO connection. A URL with Engine.IO's version is complete; any other is a base URL.
fn socket_io_url(given: &str) -> Result<String, &'static str> {
    let url = Parts::of(given);
    if url.parameter("EIO").is_some_and(|version| version != "4") {
        return Err("EIO must be 4, the Engine.IO revision of Socket.IO 3 and later");
    }
    if url
        .parameter("transport")
        .is_some_and(|it| it != "websocket")
    {
        return Err("transport must be websocket");
    }
    if url.parameter("sid").is_some() {
        return Err("sid is the id of another session");
    }
    let is_own = |it: &&str| it.starts_with("EIO=") || it.starts_with("transport=");
    let mut query = SOCKET_IO_QUERY.to_owned();
    for parameter in url.parameters().filter(|it| !is_own(it)) {
        query.push('&');
        query.push_str(parameter);
    }
    let own = if url.is_socket_io() {
        ""
    } else {
        SOCKET_IO_PATH
    };
    Ok(url::join(
        url.origin,
        &format!("{}{own}/", url.path),
        &query,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_paths_are_completed_once() {
        let whole = "wss://a:1/socket.io/?EIO=4&transport=websocket";
        for given in [
            "wss://a:1",
            "wss://a:1/",
            "wss://a:1/socket.io",
            "wss://a:1/socket.io/",
            "wss://a:1/socket.io/?EIO=4",
            "wss://a:1/socket.io/?transport=websocket&EIO=4",
            whole,
        ] {
            assert_eq!(socket_io_url(given).as_deref(), Ok(whole), "{given}");
        }
        for (given, want) in [
            (
                "ws://a/gate",
                "ws://a/gate/socket.io/?EIO=4&transport=websocket",
            ),
            (
                "ws://a/io/?EIO=4&t=1",
                "ws://a/io/?EIO=4&transport=websocket&t=1",
            ),
            (
                "ws://a?token=x",
                "ws://a/socket.io/?EIO=4&transport=websocket&token=x",
            ),
        ] {
            assert_eq!(socket_io_url(given).as_deref(), Ok(want), "{given}");
        }
        for wrong in [
            "ws://a/socket.io/?EIO=3&transport=websocket",
            "ws://a/socket.io/?EIO=4&transport=polling",
            "ws://a/socket.io/?EIO=4&transport=websocket&sid=x",
        ] {
            assert!(socket_io_url(wrong).is_err(), "{wrong}");
        }
        assert_eq!(plain_url("ws://a/x/?k=v").as_deref(), Ok("ws://a/x?k=v"));
        assert_eq!(plain_url("ws://a/").as_deref(), Ok("ws://a"));
        assert!(plain_url(whole).is_err());
    }

    #[cfg(feature = "feed")]
    #[test]
    fn build_refuses_unusable_urls() {
        for wrong in [
            "",
            "a",
            "http://a",
            "ws://",
            "ws://a:0",
            "ws://u:p@a",
            "ws://a/#f",
        ] {
            let built = JayX::new("A").url(wrong).build();
            assert!(matches!(built, Err(BuildError::Url(_))), "{wrong}");
        }
        let other = JayX::new("A")
            .url("ws://a/socket.io/")
            .envelope(Envelope::Plain);
        assert!(matches!(other.build(), Err(BuildError::Url(_))));
    }
}
