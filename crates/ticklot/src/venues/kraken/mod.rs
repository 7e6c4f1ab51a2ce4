//! Kraken, WebSocket v2: a spot exchange with a delta feed.
//!
//! One connection carries the books and the trades of many symbols. Each book is a snapshot and deltas, cut to the
//! subscribed depth, with the venue's checksum of its ten best levels a side. A lost or damaged update causes a wrong
//! checksum, at that message or once its levels are among the ten best. The venue does not verify levels below the tenth.
//! After a mismatch, only that symbol is unsubscribed and subscribed again; the other books continue.
//!
//! The scale of a book is the precision of its instrument, which the venue sends at the start of a
//! connection: books are subscribed to after it. Any message on the connection proves that quiet books are
//! current; the venue sends a heartbeat about once a second when it has nothing else.
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

/// The venue's public endpoint (its documentation).
pub const URL: &str = "wss://ws.kraken.com/v2";

/// The venue documents no limit on messages; few are needed, since one carries many symbols.
const RATE_LIMIT: RateLimit = RateLimit {
    messages: 10,
    window: Duration::from_secs(1),
};

/// The most symbols in one message. The venue documents none.
const MAX_SYMBOLS_PER_MESSAGE: usize = 100;

/// The most topics on one connection: as many as the venue has instruments, and then some.
pub const MAX_TOPICS: usize = 20_000;

/// How long a subscription may go without its acknowledgement, at first.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the list of instruments may take after its acknowledgement.
const INSTRUMENTS_TIMEOUT: Duration = Duration::from_secs(10);

/// The venue sends at least a heartbeat a second while something is subscribed (its documentation); ten
/// that are missing in a row are an end.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);

/// One connection to Kraken.
#[derive(Debug)]
pub struct Kraken {
    url: String,
    decoder: Decoder,
    protocol: Protocol,
}

/// All but the decoder, from which a message borrows.
#[derive(Debug)]
struct Protocol {
    depth: Depth,
    ladder: bool,
    /// Keep whatever arrives, desired or not.
    any: bool,
    symbols: Symbols,
    subscriptions: Subscriptions<Topic>,
    /// Whether the trades of the symbols given at the start are followed too.
    trades: bool,
    pings: PingTimer,
    open: bool,
    /// Whether this connection brought the list of instruments.
    has_instruments: bool,
    /// When the connection ends without it.
    instruments_by: Option<Nanos>,
    /// Whether something is subscribed to, so that there are heartbeats.
    is_subscribed: bool,
    /// Trades of one symbol, copied from a message.
    listed: Vec<ticklot_frame::Trade>,
}

/// A request to a running connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Follow a topic from now on, over reconnects.
    Subscribe(Topic),
    /// Follow it no longer. A book is disconnected.
    Unsubscribe(Topic),
    /// Send a `ping`; [`Event::RoundTrip`](crate::Event::RoundTrip) has the time until its answer.
    Ping,
}

/// A connection that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A symbol is empty.
    #[error("an empty symbol")]
    EmptySymbol,
    /// More topics than [`MAX_TOPICS`].
    #[error("more than {MAX_TOPICS} topics on one connection")]
    TooManyTopics,
    /// The URL cannot be used, for this reason.
    #[error("not a usable URL: {0}")]
    Url(&'static str),
}

impl Kraken {
    /// The order books of these symbols, ten levels a side.
    #[must_use]
    pub fn new<S: Into<String>>(symbols: impl IntoIterator<Item = S>) -> Self {
        let mut venue = Self::empty(false);
        for symbol in symbols {
            venue.protocol.symbols.add(&symbol.into());
        }
        venue
    }

    /// Subscribes to nothing and keeps whatever books arrive: for recorded logs. Depth and scale are
    /// those of the log's own acknowledgements and list of instruments.
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
                listed: Vec::new(),
            },
        }
    }

    /// Another URL. Without a path it has that of the venue's second version, `/v2`.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        self.url = completed(url);
        self
    }

    /// How many levels a side the books have. Of a log, of those books whose acknowledgement it lacks.
    #[must_use]
    pub fn depth(mut self, depth: Depth) -> Self {
        self.protocol.depth = depth;
        self
    }

    /// Follows the trades of the symbols too.
    #[must_use]
    pub fn trades(mut self, trades: bool) -> Self {
        self.protocol.trades = trades;
        self
    }

    /// Keeps the books as ladders instead of flat arrays: faster for deep books whose levels lie within a
    /// few thousand ticks of the touch.
    #[must_use]
    pub fn ladder(mut self, ladder: bool) -> Self {
        self.protocol.ladder = ladder;
        self
    }

    /// The scale of symbols whose precision the venue has not sent: for a log without the list of
    /// instruments.
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.protocol.symbols.scale = Some(scale);
        self
    }

    /// Sends a `ping` this often; [`Event::RoundTrip`](crate::Event::RoundTrip) has the time until its
    /// answer. Default: never.
    #[must_use]
    pub fn ping_every(mut self, interval: Duration) -> Self {
        self.protocol.pings.set_interval(interval);
        self
    }

    /// Checks the symbols, and gives the venue's rules to a feed or a session.
    ///
    /// # Errors
    /// A symbol is empty, there are too many, or the URL cannot be used.
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

    /// Every topic that is followed, or about to be left, and its stage.
    pub fn topics(&self) -> impl Iterator<Item = (&Topic, SubscriptionState)> {
        self.protocol.subscriptions.iter()
    }
}

/// A URL with a path. The venue's URL without one is that of its first version, whose messages are others.
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
