//! JayX: the spot exchange.
//!
//! A connection carries the order book of one symbol only, since the payload names none; candles of
//! many symbols can share one, one interval a symbol, since a candle names no interval; balances and
//! orders go with either. [`Plan`] makes the connections that a list of topics takes.
//!
//! Candles, balances and orders are kept with the books: [`Books::candles`](crate::Books::candles),
//! [`Books::account_of`](crate::Books::account_of).

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

/// The venue's base URL (its documentation).
pub const URL: &str = "wss://stream.jayxstaging.com:8443";

/// The path of Socket.IO, and what its WebSocket transport asks for (Engine.IO protocol, revision 4).
const SOCKET_IO_PATH: &str = "/socket.io";
const SOCKET_IO_QUERY: &str = "EIO=4&transport=websocket";

/// How long the Socket.IO handshake may take, from the open connection to the joined namespace.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// The longest silence of a Socket.IO server, whatever ping interval and timeout it announces. Engine.IO's
/// defaults come to 45 s; a server that announces days would never be given up.
const MAX_SILENCE: Duration = Duration::from_secs(120);

/// How long a connection of the plain form may bring nothing while it carries an order book. No
/// heartbeat is documented for it: without a limit a connection whose other end has vanished would
/// never be given up.
const PLAIN_SILENCE: Duration = Duration::from_secs(60);

/// How long a subscription to an order book may go without one, at first, before it is asked for
/// again: the venue documents no confirmation.
const ACK_TIMEOUT: Duration = Duration::from_secs(10);

/// How often that patience doubles.
const MAX_DOUBLINGS: u32 = 4;

/// The scale of BTCUSDT, inferred from the documentation's examples: tick 0.01, lot 0.000001.
pub const BTCUSDT: Scale = const_scale(2, 6);

/// Something to follow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Topic {
    /// The order book of a symbol, and its trades.
    OrderBook {
        /// The symbol.
        symbol: String,
        /// Undocumented, probably how coarsely prices are grouped; the example's is `1`.
        precise: String,
    },
    /// The candles of a symbol.
    Kline {
        /// The symbol.
        symbol: String,
        /// The length of a candle, in the venue's words; the example's is `60`.
        interval: String,
    },
    /// The account's balances.
    Positions,
    /// What becomes of the account's orders.
    OpenOrders {
        /// The symbol.
        symbol: String,
    },
}

impl Topic {
    /// The order book of a symbol, `precise` 1.
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

    /// What becomes of the account's orders in a symbol.
    #[must_use]
    pub fn open_orders(symbol: impl Into<String>) -> Self {
        Self::OpenOrders {
            symbol: symbol.into(),
        }
    }

    /// The subscription, with the account's key where it takes one.
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

    /// Whether what comes of both could not be told apart on one connection.
    fn clashes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::OrderBook { .. }, Self::OrderBook { .. }) => true,
            (Self::Kline { symbol, .. }, Self::Kline { symbol: other, .. }) => symbol == other,
            _ => false,
        }
    }
}

/// A connection that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A subscription that the venue could not understand.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// Balances or orders without the account's key.
    #[error("balances and orders take the account's key")]
    Key,
    /// Two order books, or two intervals of one symbol: their messages could not be told apart.
    #[error("one connection carries one order book, and one interval of a symbol")]
    Clash,
    /// The URL cannot be used, for this reason.
    #[error("not a usable URL: {0}")]
    Url(&'static str),
}

/// One connection to JayX.
#[derive(Debug)]
pub struct JayX {
    /// The URL that was given.
    base: String,
    /// The complete URL; the base, if it cannot be used.
    url: String,
    /// The reason why the base cannot be used.
    wrong: Option<&'static str>,
    envelopes: Envelopes,
    key: Option<ApiKey>,
    topics: Vec<Topic>,
    scale: Scale,
    decoder: Decoder,
    book: Option<BookId>,
    candles: Vec<(Box<str>, CandlesId)>,
    /// From the server's handshake: the longest time between two of its pings.
    silence_limit: Option<Duration>,
    /// When the handshake must be over.
    join_by: Option<Nanos>,
    /// When the order book is asked for again, unless one comes, and how often it was.
    book_by: Option<Nanos>,
    tries: u32,
}

impl JayX {
    /// The order book of `symbol`, `precise` 1, in the envelope that the server speaks.
    ///
    /// The scale is that of BTCUSDT, whatever the symbol is, until [`JayX::scale`] replaces it. It is for display
    /// only: the wire carries whole ticks and lots, and so do the books and all events. With a wrong scale, prices
    /// and quantities are printed with the wrong number of decimals, and nothing else is wrong.
    #[must_use]
    pub fn new(symbol: &str) -> Self {
        Self::connection().follow(Topic::order_book(symbol))
    }

    /// A connection with nothing to follow yet.
    #[must_use]
    pub fn connection() -> Self {
        Self {
            base: URL.to_owned(),
            url: format!("{URL}{SOCKET_IO_PATH}/?{SOCKET_IO_QUERY}"),
            wrong: None,
            envelopes: Envelopes::new(Envelope::Auto),
            key: None,
            topics: Vec::new(),
            scale: BTCUSDT,
            decoder: Decoder::new(Envelope::Auto),
            book: None,
            candles: Vec::new(),
            silence_limit: None,
            join_by: None,
            book_by: None,
            tries: 0,
        }
    }

    /// Follows a topic. One that makes no sense here is told by [`JayX::build`].
    #[must_use]
    pub fn follow(mut self, topic: Topic) -> Self {
        self.topics.push(topic);
        self
    }

    /// The account's key, for balances and orders. It is shown nowhere.
    #[must_use]
    pub fn key(mut self, key: ApiKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Another URL. In Socket.IO it is completed with `/socket.io/?EIO=4&transport=websocket`, as far as that is not there;
    /// a path before it and other parameters stay. Plain, it is used as it is.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        url.clone_into(&mut self.base);
        self.complete_url();
        self
    }

    /// Another envelope. Default: [`Envelope::Auto`].
    ///
    /// With `Auto` the first attempt is Socket.IO. When no open packet arrives within two seconds, or the upgrade is
    /// refused with an HTTP status other than 429 and 5xx, the next attempt follows at once, in plain JSON. The
    /// server's messages then show which one it is: that is reported once
    /// ([`Event::Protocol`](crate::Event::Protocol)) and remembered for the next attempts, until the server refuses
    /// it.
    #[must_use]
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.envelopes = Envelopes::new(envelope);
        self.decoder = Decoder::new(envelope);
        self.complete_url();
        self
    }

    /// The URL of the next connection.
    fn complete_url(&mut self) {
        let completed = match self.envelopes.current {
            Envelope::Plain => plain_url(&self.base),
            Envelope::SocketIo | Envelope::Auto => socket_io_url(&self.base),
        };
        self.wrong = completed.as_ref().err().copied();
        self.url = completed.unwrap_or_else(|_| self.base.clone());
    }

    /// Another `precise` for the order book.
    #[must_use]
    pub fn precise(mut self, value: &str) -> Self {
        for topic in &mut self.topics {
            if let Topic::OrderBook { precise, .. } = topic {
                value.clone_into(precise);
            }
        }
        self
    }

    /// Another scale, for showing ticks and lots as decimals.
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// Checks what would be sent, and gives the venue's rules to a feed or a session.
    ///
    /// # Errors
    /// A symbol, an interval, `precise` or the key is empty; the key is missing; two topics clash; or the
    /// URL cannot be used.
    pub fn build(mut self) -> Result<Self, BuildError> {
        if self.envelopes.choice == Envelope::Auto && Parts::of(&self.base).is_socket_io() {
            // The URL itself names the envelope.
            self.envelopes = Envelopes::new(Envelope::SocketIo);
        }
        if let Some(what) = self.wrong {
            return Err(BuildError::Url(what));
        }
        url::check(&self.url).map_err(BuildError::Url)?;
        for (place, topic) in self.topics.iter().enumerate() {
            topic.request(self.key.as_ref())?.check()?;
            if self.topics[..place]
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
        return Err("it is a URL of Socket.IO, and the envelope is plain JSON");
    }
    Ok(url::join(url.origin, url.path, url.query))
}

/// The URL of a Socket.IO connection. One that names Engine.IO's version has its path; any other is a base.
fn socket_io_url(given: &str) -> Result<String, &'static str> {
    let url = Parts::of(given);
    if url.parameter("EIO").is_some_and(|version| version != "4") {
        return Err("its EIO is not 4, the revision of Engine.IO that Socket.IO 3 and later speak");
    }
    if url
        .parameter("transport")
        .is_some_and(|it| it != "websocket")
    {
        return Err("its transport is not websocket");
    }
    if url.parameter("sid").is_some() {
        return Err("it has the sid of another session");
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
