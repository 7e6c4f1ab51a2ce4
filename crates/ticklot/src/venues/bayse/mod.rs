//! Bayse Markets: prediction markets. A connection carries many rooms of one endpoint. Each outcome of a market has an
//! order book.
//!
//! | topics | connection |
//! |---|---|
//! | order books, prices, fills | [`Bayse::markets`], one for each currency of order books |
//! | prices of external assets | [`Bayse::realtime`] |
//! | the user's orders | [`Bayse::user`] |
//! | all of these | [`Plan`] creates the connections |
//!
//! Topics can be changed at any time, also without an open connection: see [`Command`].
//!
//! ```
//! use ticklot::bayse::{Bayse, Currency, Topic};
//!
//! let venue = Bayse::new(["mkt_1"]).currency(Currency::Ngn).follow(Topic::order_book("mkt_2")).build()?;
//! # let _ = venue;
//! # Ok::<(), ticklot::bayse::BuildError>(())
//! ```

mod book_router;
mod events;
mod plan;
mod protocol;
mod rooms;
mod subscription_filter;
mod topic;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot_book::Scale;
use ticklot_frame::Scales;
use ticklot_frame::bayse::Decoder;
pub use ticklot_frame::bayse::{
    Activity, AssetPrice, Auth, Currency, Endpoint, Message, OrderUpdated, PriceUpdate, Prices,
    RequestError, Symbol,
};

pub use self::plan::{ConnectionKey, Plan};
#[cfg(feature = "feed")]
pub use self::plan::{FollowError, PlanHandle};
pub use self::rooms::MAX_ROOMS;
pub use self::topic::Topic;

use self::book_router::BookRouter;
use self::topic::write_subscription;
use crate::books::const_scale;
use crate::event::Handler;
use crate::session::RateLimit;
use crate::venue::Context;
use crate::venue::subscriptions::{SubscriptionState, Subscriptions};
use crate::venues::ping_timer::PingTimer;
use crate::venues::url::{self, Parts};

/// The venue's base URL, from its documentation.
pub const URL: &str = "wss://socket.bayse.markets";

/// The base URL of its HTTP API, from its documentation.
pub const REST_URL: &str = "https://relay.bayse.markets";

/// The server pings about every 54 s (its documentation). 10 s are for the network.
const SILENCE_LIMIT: Duration = Duration::from_secs(54 + 10);

/// Ten messages in any second (its documentation). The window is 10 % longer, because messages may arrive closer
/// together than they were sent.
const RATE_LIMIT: RateLimit = RateLimit {
    messages: 10,
    window: Duration::from_millis(1100),
};

/// The first timeout for the `subscribed` of a subscription.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum number of books of a feed to which an outcome can be added. Outcomes are only known from messages, so
/// without a limit a faulty server could add books endlessly.
pub const MAX_BOOKS: usize = 10_000;

/// The default scale: prices in cents, quantities in millionths. The venue publishes no tick size; 0.01 is likely for
/// books.
pub const CENTS: Scale = const_scale(2, 6);

/// A connection to an endpoint of Bayse Markets.
#[derive(Debug)]
pub struct Bayse {
    /// The complete URL, or the given one if it is invalid.
    url: String,
    endpoint: Endpoint,
    currency: Currency,
    auth: Option<Auth>,
    scales: MarketScales,
    decoder: Decoder,
    router: BookRouter,
    subscriptions: Subscriptions<Topic>,
    pings: PingTimer,
    first_books: Option<FirstBooks>,
    /// Whether the first books are to be fetched now.
    fetch_due: bool,
    /// Whether the user has set the currency.
    is_scoped: bool,
    /// The currency of the room of the last confirmation.
    acknowledged: Option<Currency>,
    /// Whether a connection is open.
    open: bool,
    /// The first invalid setting, for [`Bayse::build`].
    error: Option<BuildError>,
}

/// A command to a running connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Follow a topic from now on, also after reconnects.
    Subscribe(Topic),
    /// Stop following a topic. Its order books are disconnected, and later messages are dropped.
    Unsubscribe(Topic),
    /// Send a `ping` message. [`Event::RoundTrip`](crate::Event::RoundTrip) reports the time until the reply.
    Ping,
}

/// The scale of each market.
#[derive(Clone, Debug)]
struct MarketScales {
    /// The scale of other markets.
    others: Scale,
    by_market: HashMap<String, Scale>,
}

impl Scales for MarketScales {
    fn scale(&self, market: &str) -> Scale {
        self.by_market.get(market).copied().unwrap_or(self.others)
    }
}

/// Books to be fetched over HTTP when a connection opens.
#[derive(Debug)]
struct FirstBooks {
    base: String,
    outcomes: Vec<String>,
    depth: u32,
}

/// An invalid configuration of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// An invalid topic or invalid credentials.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The URL of the connection or of the first books is invalid, for this reason.
    #[error("invalid URL: {0}")]
    Url(&'static str),
}

/// The path of the HTTP request for order books.
const BOOKS_PATH: &str = "/v1/pm/books";

/// Completes a URL with the path of an endpoint. The path of another endpoint is replaced.
fn completed(given: &str, path: &str) -> Result<String, &'static str> {
    let url = Parts::of(given);
    if url.is_socket_io() {
        return Err(url::SOCKET_IO);
    }
    let endpoints = [Endpoint::Markets, Endpoint::Realtime, Endpoint::User];
    let mut suffixes = endpoints
        .map(Endpoint::path)
        .into_iter()
        .chain(["/ws/v1", "/ws"]);
    let base = suffixes.find_map(|it| url.path.strip_suffix(it));
    let base = base.unwrap_or(url.path);
    if base.split('/').any(|part| part == "ws") {
        return Err("unknown path; expected /ws/v1/markets, /ws/v1/realtime or /ws/v1/user");
    }
    Ok(url::join(url.origin, &format!("{base}{path}"), url.query))
}

impl Bayse {
    /// The order books of these markets in US dollars, with prices in cents.
    #[must_use]
    pub fn new<I: Into<String>>(markets: impl IntoIterator<Item = I>) -> Self {
        markets.into_iter().fold(Self::markets(), |venue, market| {
            venue.follow(Topic::order_book(market))
        })
    }

    /// Accepts all books without a subscription: for recorded logs, whose ids may be unknown.
    #[must_use]
    pub fn any() -> Self {
        let mut venue = Self::markets();
        venue.router.any = true;
        venue
    }

    /// The endpoint of markets: order books, prices, fills.
    #[must_use]
    pub fn markets() -> Self {
        Self::at(Endpoint::Markets, None)
    }

    /// The endpoint of asset prices.
    #[must_use]
    pub fn realtime() -> Self {
        Self::at(Endpoint::Realtime, None)
    }

    /// The endpoint of the user's own orders. Each message contains the credentials; `Debug` and taps hide them.
    #[must_use]
    pub fn user(auth: Auth) -> Self {
        Self::at(Endpoint::User, Some(auth))
    }

    fn at(endpoint: Endpoint, auth: Option<Auth>) -> Self {
        Self {
            url: format!("{URL}{}", endpoint.path()),
            endpoint,
            currency: Currency::Usd,
            error: auth
                .as_ref()
                .and_then(|auth| auth.check().err())
                .map(BuildError::Request),
            auth,
            scales: MarketScales {
                others: CENTS,
                by_market: HashMap::new(),
            },
            decoder: Decoder::new(),
            router: BookRouter::default(),
            subscriptions: rooms::new(ACK_TIMEOUT),
            pings: PingTimer::default(),
            first_books: None,
            fetch_due: false,
            is_scoped: false,
            acknowledged: None,
            open: false,
        }
    }

    /// Sets the base URL, which is completed with the path of the endpoint. If it ends with the path of an endpoint,
    /// that is replaced. A path before it and a query stay.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        match completed(url, self.endpoint.path()) {
            Ok(url) => self.url = url,
            Err(reason) => {
                url.clone_into(&mut self.url);
                self.error.get_or_insert(BuildError::Url(reason));
            }
        }
        self
    }

    /// Sets the currency of the order books. The USD and NGN books of a market have the same ids, so a connection
    /// carries only one currency.
    #[must_use]
    pub fn currency(mut self, currency: Currency) -> Self {
        self.currency = currency;
        self.is_scoped = true;
        self.subscriptions
            .rename(|topic| rooms::name(topic, currency));
        self
    }

    /// Sets the scale of all markets without a [`Bayse::market_scale`]. Default: [`CENTS`].
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scales.others = scale;
        self
    }

    /// Sets the scale of one market.
    #[must_use]
    pub fn market_scale(mut self, market: &str, scale: Scale) -> Self {
        self.scales.by_market.insert(market.to_owned(), scale);
        self
    }

    /// Follows a topic from the start. [`Bayse::build`] returns an error for an invalid one.
    #[must_use]
    pub fn follow(mut self, topic: Topic) -> Self {
        if let Err(error) = self.subscribe(topic) {
            self.error.get_or_insert(BuildError::Request(error));
        }
        self
    }

    /// Sets the timeout after which an unconfirmed subscription is sent again. It doubles with each attempt, up to 16
    /// times `timeout`. Default: 5 s.
    #[must_use]
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.subscriptions.set_ack_timeout(timeout);
        self
    }

    /// Sends a `ping` message at this interval. [`Event::RoundTrip`](crate::Event::RoundTrip) reports the time until
    /// the reply. Default: never.
    #[must_use]
    pub fn ping_every(mut self, interval: Duration) -> Self {
        self.pings.set_interval(interval);
        self
    }

    /// Fetches the books of these outcomes over HTTP when a connection opens, with `depth` levels per side. `base` is
    /// the base URL ([`REST_URL`]), with or without the path of the request. The snapshots apply only to books that the
    /// stream has not filled yet, and have [`Source::Request`](crate::events::Source::Request).
    #[must_use]
    pub fn first_books<I: Into<String>>(
        mut self,
        base: &str,
        outcomes: impl IntoIterator<Item = I>,
        depth: u32,
    ) -> Self {
        let outcomes = outcomes.into_iter().map(Into::into).collect();
        let url = Parts::of(base);
        if !url.query.is_empty() {
            let reason = "the base URL of the initial order books must not have a query";
            self.error.get_or_insert(BuildError::Url(reason));
        }
        let path = url.path.strip_suffix(BOOKS_PATH).unwrap_or(url.path);
        let base = format!("{}{path}", url.origin);
        self.first_books = Some(FirstBooks {
            base,
            outcomes,
            depth,
        });
        self
    }

    /// Checks the configuration, and returns the venue for a feed or a session.
    ///
    /// # Errors
    /// A topic of another endpoint, an empty id, empty credentials, or an invalid URL.
    pub fn build(self) -> Result<Self, BuildError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        url::check(&self.url).map_err(BuildError::Url)?;
        if let Some(first) = &self.first_books {
            url::check_http(&first.base).map_err(BuildError::Url)?;
        }
        Ok(self)
    }

    /// All topics that are desired or being unsubscribed from, and their states.
    pub fn topics(&self) -> impl Iterator<Item = (&Topic, SubscriptionState)> {
        self.subscriptions.iter()
    }

    /// The number of messages without a reply. At most 1,024 are kept. When another message is sent, those older than
    /// 16 times [`Bayse::ack_timeout`] are dropped.
    pub fn unanswered(&self) -> usize {
        self.subscriptions.unacknowledged()
    }

    /// Subscribes to a topic.
    ///
    /// # Errors
    /// The topic is invalid on this connection.
    fn subscribe(&mut self, topic: Topic) -> Result<(), RequestError> {
        let (endpoint, auth) = (self.endpoint, self.auth.as_ref());
        let mut unsent = Vec::new();
        write_subscription(&[&topic], self.currency, |request| {
            request.write(endpoint, auth, &mut unsent)
        })?;
        let is_new = !self.subscriptions.is_desired(&topic);
        let name = rooms::name(&topic, self.currency);
        let added = topic.clone();
        if self.subscriptions.subscribe(topic, name) && is_new {
            self.router.desired.add(&added);
        }
        Ok(())
    }

    /// The currency of the books, as subscribed to. For a log without a known currency, that of the last
    /// acknowledgement.
    fn scope(&self) -> Option<Currency> {
        let is_known = self.is_scoped || !self.router.any;
        is_known.then_some(self.currency).or(self.acknowledged)
    }

    /// Unsubscribes from a topic, and disconnects its books.
    fn unsubscribe<H: Handler + ?Sized>(
        &mut self,
        topic: &Topic,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        if !self.subscriptions.unsubscribe(topic, self.open) {
            return ControlFlow::Continue(());
        }
        self.router.desired.remove(topic);
        let Topic::OrderBook(market) = topic else {
            return ControlFlow::Continue(());
        };
        context.unfollow(self.router.outcomes.of_market(market))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_paths_are_completed_once() {
        let path = Endpoint::Markets.path();
        for given in [
            "wss://a",
            "wss://a/",
            "wss://a/ws",
            "wss://a/ws/v1/",
            "wss://a/ws/v1/markets",
            "wss://a/ws/v1/realtime/",
            "wss://a/ws/v1/user",
        ] {
            assert_eq!(
                completed(given, path).as_deref(),
                Ok("wss://a/ws/v1/markets")
            );
        }
        let kept = completed("ws://a:1/gate/ws/v1/user?k=v", path);
        assert_eq!(kept.as_deref(), Ok("ws://a:1/gate/ws/v1/markets?k=v"));
        for wrong in [
            "wss://a/ws/v2/markets",
            "wss://a/ws/v1/market",
            "wss://a/ws/v1/markets/ws/v1/markets",
            "wss://a/socket.io/?EIO=4&transport=websocket",
        ] {
            assert!(completed(wrong, path).is_err(), "{wrong}");
        }
    }

    #[cfg(feature = "feed")]
    #[test]
    fn build_refuses_unusable_urls() {
        for wrong in ["", "http://a", "ws://", "ws://a:0", "wss://a/ws/v2"] {
            let built = Bayse::new(["m"]).url(wrong).build();
            assert!(matches!(built, Err(BuildError::Url(_))), "{wrong}");
        }
        let first = |base| Bayse::new(["m"]).first_books(base, ["o"], 10).build();
        for wrong in ["", "ws://a", "http://", "http://a/?x=y"] {
            assert!(matches!(first(wrong), Err(BuildError::Url(_))), "{wrong}");
        }
        for good in ["https://a", "https://a/v1/pm/books", "http://a:1/gate/"] {
            assert!(first(good).is_ok(), "{good}");
        }
    }
}
