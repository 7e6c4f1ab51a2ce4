//! Kraken, WebSocket v2: a spot exchange with a delta feed.
//!
//! A connection carries the books and the trades of many symbols. The venue sends a snapshot of each book and then
//! deltas, truncated to the subscribed depth. Each message contains a checksum of the ten best levels of each side. A
//! lost or damaged update therefore causes a checksum mismatch, immediately or when its levels reach the ten best. The
//! venue does not verify deeper levels. After a mismatch, only that symbol is unsubscribed and subscribed again.
//!
//! The scale of a book is the precision of its instrument. The venue sends the list of instruments at the start of a
//! connection, and the books are subscribed to after it. Any message proves that quiet books are current; the venue
//! sends a heartbeat about once a second.
//!
//! ```
//! use ticklot::kraken::{Depth, Kraken};
//!
//! let venue = Kraken::new(["BTC/USD", "ETH/USD"]).depth(Depth::D100).trades(true).build()?;
//! # Ok::<(), ticklot::kraken::BuildError>(())
//! ```

mod protocol;
mod symbols;
mod topic;

use std::time::Duration;

use ticklot_book::{Nanos, Scale};
use ticklot_frame::kraken::Decoder;
pub use ticklot_frame::kraken::{Depth, Message};

pub use self::topic::{Channel, Topic};

use self::symbols::Symbols;
use crate::session::RateLimit;
use crate::venue::subscriptions::{Name, SubscriptionState, Subscriptions};
use crate::venues::ping_timer::PingTimer;
use crate::venues::url::{self, Parts};

/// The venue's public endpoint, from its documentation.
pub const URL: &str = "wss://ws.kraken.com/v2";

/// The venue documents no limit. Few messages are needed, because one can contain many symbols.
const RATE_LIMIT: RateLimit = RateLimit {
    messages: 10,
    window: Duration::from_secs(1),
};

/// The maximum number of symbols in one message. The venue documents no limit.
const MAX_SYMBOLS_PER_MESSAGE: usize = 100;

/// The maximum number of topics of a connection: more than the venue has instruments.
pub const MAX_TOPICS: usize = 20_000;

/// The first timeout for the acknowledgement of a subscription.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// The time limit for the list of instruments after the connection opens.
const INSTRUMENTS_TIMEOUT: Duration = Duration::from_secs(10);

/// The venue sends a heartbeat at least once a second while there is a subscription (its documentation). After ten
/// missing ones, the connection is closed.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);

/// A connection to Kraken.
#[derive(Debug)]
pub struct Kraken {
    url: String,
    decoder: Decoder,
    protocol: Protocol,
}

/// The state of the protocol: all except the decoder, from which messages borrow.
#[derive(Debug)]
struct Protocol {
    depth: Depth,
    ladder: bool,
    /// Whether to accept messages without a subscription.
    any: bool,
    symbols: Symbols,
    subscriptions: Subscriptions<Topic>,
    /// Whether to follow the trades of the initial symbols.
    trades: bool,
    pings: PingTimer,
    open: bool,
    /// Whether the list of instruments has arrived on this connection.
    has_instruments: bool,
    /// The deadline for the list of instruments.
    instruments_by: Option<Nanos>,
    /// Whether there is a confirmed subscription, so that the venue sends heartbeats.
    is_subscribed: bool,
    /// A buffer for the trades of one symbol.
    trade_buffer: Vec<ticklot_frame::Trade>,
}

/// A command to a running connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Follow a topic from now on, also after reconnects.
    Subscribe(Topic),
    /// Stop following a topic. Its book is disconnected.
    Unsubscribe(Topic),
    /// Send a `ping`. [`Event::RoundTrip`](crate::Event::RoundTrip) reports the time until the reply.
    Ping,
}

/// An invalid configuration of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A symbol is empty.
    #[error("an empty symbol")]
    EmptySymbol,
    /// More topics than [`MAX_TOPICS`].
    #[error("more than {MAX_TOPICS} topics on one connection")]
    TooManyTopics,
    /// The URL is invalid, for this reason.
    #[error("invalid URL: {0}")]
    Url(&'static str),
}

impl Kraken {
    /// The order books of these symbols, with ten levels per side.
    #[must_use]
    pub fn new<S: Into<String>>(symbols: impl IntoIterator<Item = S>) -> Self {
        let mut venue = Self::empty(false);
        for symbol in symbols {
            venue.protocol.symbols.add(&symbol.into());
        }
        venue
    }

    /// Accepts all books without a subscription: for recorded logs. Depth and scale are read from the acknowledgements
    /// and the list of instruments in the log.
    #[must_use]
    pub fn any() -> Self {
        Self::empty(true)
    }

    fn empty(any: bool) -> Self {
        Self {
            url: URL.to_owned(),
            decoder: Decoder::new(),
            protocol: Protocol {
                depth: Depth::default(),
                ladder: false,
                any,
                symbols: Symbols::default(),
                subscriptions: Subscriptions::new(ACK_TIMEOUT, MAX_SYMBOLS_PER_MESSAGE)
                    .max_topics(MAX_TOPICS),
                trades: false,
                pings: PingTimer::default(),
                open: false,
                has_instruments: false,
                instruments_by: None,
                is_subscribed: false,
                trade_buffer: Vec::new(),
            },
        }
    }

    /// Sets the URL. Without a path, it gets the path of the second version of the API, `/v2`.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        self.url = completed(url);
        self
    }

    /// Sets the levels per side of the books. In a log, it applies to books without an acknowledgement.
    #[must_use]
    pub fn depth(mut self, depth: Depth) -> Self {
        self.protocol.depth = depth;
        self
    }

    /// Sets whether to follow the trades of the symbols. Default: false.
    #[must_use]
    pub fn trades(mut self, trades: bool) -> Self {
        self.protocol.trades = trades;
        self
    }

    /// Stores the books as ladders instead of flat arrays: faster for deep books whose levels are within a few thousand
    /// ticks of the touch.
    #[must_use]
    pub fn ladder(mut self, ladder: bool) -> Self {
        self.protocol.ladder = ladder;
        self
    }

    /// Sets the scale of symbols whose precision is unknown: for a log without the list of instruments.
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.protocol.symbols.scale = Some(scale);
        self
    }

    /// Sends a `ping` at this interval. [`Event::RoundTrip`](crate::Event::RoundTrip) reports the time until the reply.
    /// Default: never.
    #[must_use]
    pub fn ping_every(mut self, interval: Duration) -> Self {
        self.protocol.pings.set_interval(interval);
        self
    }

    /// Checks the configuration, and returns the venue for a feed or a session.
    ///
    /// # Errors
    /// A symbol is empty, there are too many, or the URL is invalid.
    pub fn build(mut self) -> Result<Self, BuildError> {
        if Parts::of(&self.url).is_socket_io() {
            return Err(BuildError::Url(url::SOCKET_IO));
        }
        url::check(&self.url).map_err(BuildError::Url)?;
        if self.protocol.any {
            return Ok(self);
        }
        let Protocol {
            symbols,
            subscriptions,
            trades,
            ..
        } = &mut self.protocol;
        let per_symbol = 1 + usize::from(*trades);
        if symbols.names().count() * per_symbol >= MAX_TOPICS {
            return Err(BuildError::TooManyTopics);
        }
        subscriptions.subscribe(Topic::Instruments, Name::Unused);
        for symbol in symbols.names() {
            if symbol.is_empty() {
                return Err(BuildError::EmptySymbol);
            }
            subscriptions.subscribe(Topic::book(symbol), Name::Unused);
        }
        if *trades {
            let names: Vec<String> = symbols.names().map(str::to_owned).collect();
            for name in names {
                symbols.add(&name).has_trades = true;
                subscriptions.subscribe(Topic::Trades(name), Name::Unused);
            }
        }
        Ok(self)
    }

    /// All topics that are desired or being unsubscribed from, and their states.
    pub fn topics(&self) -> impl Iterator<Item = (&Topic, SubscriptionState)> {
        self.protocol.subscriptions.iter()
    }
}

/// Completes a URL with the path. Without one, the venue serves the first version of its API, with other messages.
fn completed(given: &str) -> String {
    let url = Parts::of(given);
    let path = match url.path {
        "" => "/v2",
        path => path,
    };
    url::join(url.origin, path, url.query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_paths_are_completed_once() {
        for given in ["wss://a", "wss://a/", "wss://a/v2", "wss://a/v2/"] {
            assert_eq!(completed(given), "wss://a/v2");
        }
        assert_eq!(completed("ws://a:1/gate/v2?k=v"), "ws://a:1/gate/v2?k=v");
        let other = "wss://a/socket.io/?EIO=4&transport=websocket";
        let built = Kraken::new(["A/B"]).url(other).build();
        assert_eq!(built.err(), Some(BuildError::Url(url::SOCKET_IO)));
    }

    #[cfg(feature = "feed")]
    #[test]
    fn build_refuses_unusable_urls() {
        for wrong in ["", "http://a", "ws://", "ws://a:0", "ws://a/#f"] {
            let built = Kraken::any().url(wrong).build();
            assert!(matches!(built, Err(BuildError::Url(_))), "{wrong}");
        }
    }
}
