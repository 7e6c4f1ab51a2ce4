//! Bayse Markets: prediction markets. One connection carries many rooms of one endpoint; order books
//! come one an outcome.
//!
//! | to follow | connect with |
//! |---|---|
//! | order books, prices, fills | [`Bayse::markets`], one for each currency of order books |
//! | prices of assets outside the venue | [`Bayse::realtime`] |
//! | one's own orders | [`Bayse::user`] |
//! | all of it, and let the connections be made | [`Plan`] |
//!
//! The topics can be changed at any time, also while the connection is down: see [`Command`].

mod book_router;
mod neutral;
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

use self::book_router::Outcomes;
use self::subscription_filter::SubscriptionFilter;
use self::topic::write_subscription;
use crate::books::const_scale;
use crate::event::Handler;
use crate::session::RateLimit;
use crate::venue::Context;
use crate::venue::subscriptions::{SubscriptionState, Subscriptions};
use crate::venues::ping_timer::PingTimer;
use crate::venues::url::{self, Parts};

/// The venue's base URL (its documentation).
pub const URL: &str = "wss://socket.bayse.markets";

/// The base URL of its HTTP interface (its documentation).
pub const REST_URL: &str = "https://relay.bayse.markets";

/// The server pings about every 54 s (its documentation); the margin is for the network.
const SILENCE_LIMIT: Duration = Duration::from_secs(54 + 10);

/// Ten messages in any second (its documentation); a tenth more, since they may arrive closer
/// together than they left.
const RATE_LIMIT: RateLimit = RateLimit {
    messages: 10,
    window: Duration::from_millis(1100),
};

/// How long a subscription may go without its `subscribed`, at first.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// The most books of a feed that outcomes may become. Outcomes are learnt from what arrives, so a broken server
/// could name new ones without end.
pub const MAX_BOOKS: usize = 10_000;

/// The scale to begin with: prices in cents, quantities to a millionth. No tick size is published;
/// 0.01 is likely for books.
pub const CENTS: Scale = const_scale(2, 6);

/// One connection to an endpoint of Bayse Markets.
#[derive(Debug)]
pub struct Bayse {
    /// The complete URL; the one that was given, if it cannot be used.
    url: String,
    endpoint: Endpoint,
    currency: Currency,
    auth: Option<Auth>,
    /// Keep whatever arrives, desired or not.
    any: bool,
    scales: MarketScales,
    decoder: Decoder,
    outcomes: Outcomes,
    subscriptions: Subscriptions<Topic>,
    desired: SubscriptionFilter,
    pings: PingTimer,
    first_books: Option<FirstBooks>,
    /// Whether they are to be fetched now.
    fetch_due: bool,
    /// Whether the user named the currency.
    is_scoped: bool,
    /// The currency of the room that was confirmed last.
    acknowledged: Option<Currency>,
    /// Whether a connection is open.
    open: bool,
    /// The first thing that was asked for and makes no sense.
    wrong: Option<BuildError>,
}

/// What can be asked of a connection while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Follow a topic from now on, over reconnects.
    Subscribe(Topic),
    /// Follow it no longer. Its order books are disconnected; what still comes is dropped.
    Unsubscribe(Topic),
    /// Send a `ping` message; [`Event::RoundTrip`](crate::Event::RoundTrip) tells how long its answer took.
    Ping,
}

/// The scale of each market.
#[derive(Clone, Debug)]
struct MarketScales {
    /// Of those without one of their own.
    others: Scale,
    own: HashMap<String, Scale>,
}

impl Scales for MarketScales {
    fn scale(&self, market: &str) -> Scale {
        self.own.get(market).copied().unwrap_or(self.others)
    }
}

/// Books to be fetched over HTTP when a connection opens.
#[derive(Debug)]
struct FirstBooks {
    base: String,
    outcomes: Vec<String>,
    depth: u32,
}

/// A connection that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A topic that the venue could not understand, or credentials.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The URL of the connection or of the first books cannot be used, for this reason.
    #[error("not a usable URL: {0}")]
    Url(&'static str),
}

/// The path of the HTTP request for books.
const BOOKS_PATH: &str = "/v1/pm/books";

/// A URL with the path of an endpoint, which may have one already.
fn completed(given: &str, path: &str) -> Result<String, &'static str> {
    let url = Parts::of(given);
    if url.is_socket_io() {
        return Err(url::SOCKET_IO);
    }
    let endpoints = [Endpoint::Markets, Endpoint::Realtime, Endpoint::User];
    let mut ends = endpoints
        .map(Endpoint::path)
        .into_iter()
        .chain(["/ws/v1", "/ws"]);
    let base = ends.find_map(|end| url.path.strip_suffix(end));
    let base = base.unwrap_or(url.path);
    if base.split('/').any(|part| part == "ws") {
        return Err(
            "its path is none of the venue's, which are /ws/v1/markets, /ws/v1/realtime and /ws/v1/user",
        );
    }
    Ok(url::join(url.origin, &format!("{base}{path}"), url.query))
}

impl Bayse {
    /// The order books of these markets, in US dollars, prices in cents.
    #[must_use]
    pub fn new<I: Into<String>>(markets: impl IntoIterator<Item = I>) -> Self {
        markets.into_iter().fold(Self::markets(), |venue, market| {
            venue.follow(Topic::order_book(market))
        })
    }

    /// Subscribes to nothing and keeps whatever books arrive: for recorded logs, whose ids one may
    /// not know.
    #[must_use]
    pub fn any() -> Self {
        Self {
            any: true,
            ..Self::markets()
        }
    }

    /// The markets' endpoint: order books, prices, fills.
    #[must_use]
    pub fn markets() -> Self {
        Self::at(Endpoint::Markets, None)
    }

    /// The endpoint of asset prices.
    #[must_use]
    pub fn realtime() -> Self {
        Self::at(Endpoint::Realtime, None)
    }

    /// The endpoint of one's own orders. The credentials go into every message and are shown nowhere.
    #[must_use]
    pub fn user(auth: Auth) -> Self {
        Self::at(Endpoint::User, Some(auth))
    }

    fn at(endpoint: Endpoint, auth: Option<Auth>) -> Self {
        Self {
            url: format!("{URL}{}", endpoint.path()),
            endpoint,
            currency: Currency::Usd,
            wrong: auth
                .as_ref()
                .and_then(|auth| auth.check().err())
                .map(BuildError::Request),
            auth,
            any: false,
            scales: MarketScales {
                others: CENTS,
                own: HashMap::new(),
            },
            decoder: Decoder::new(),
            outcomes: Outcomes::default(),
            subscriptions: rooms::new(ACK_TIMEOUT),
            desired: SubscriptionFilter::default(),
            pings: PingTimer::default(),
            first_books: None,
            fetch_due: false,
            is_scoped: false,
            acknowledged: None,
            open: false,
        }
    }

    /// Another URL, completed with the endpoint's path. The path of any of the venue's endpoints may be there
    /// already and is replaced; one before it, and a query, stay.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        match completed(url, self.endpoint.path()) {
            Ok(url) => self.url = url,
            Err(what) => {
                url.clone_into(&mut self.url);
                self.wrong.get_or_insert(BuildError::Url(what));
            }
        }
        self
    }

    /// The currency of the order books. USD and NGN books of one market arrive with the same ids: one
    /// connection carries one of them.
    #[must_use]
    pub fn currency(mut self, currency: Currency) -> Self {
        self.currency = currency;
        self.is_scoped = true;
        self.subscriptions
            .rename(|topic| rooms::name(topic, currency));
        self
    }

    /// The scale of every market without one of its own.
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scales.others = scale;
        self
    }

    /// The scale of one market.
    #[must_use]
    pub fn market_scale(mut self, market: &str, scale: Scale) -> Self {
        self.scales.own.insert(market.to_owned(), scale);
        self
    }

    /// Follows a topic from the start. One that makes no sense here is told by [`Bayse::build`].
    #[must_use]
    pub fn follow(mut self, topic: Topic) -> Self {
        if let Err(error) = self.subscribe(topic) {
            self.wrong.get_or_insert(BuildError::Request(error));
        }
        self
    }

    /// How long a subscription may go without its confirmation before it is asked for again; the
    /// patience doubles with each try, up to 16 times as long. Default: 5 s.
    #[must_use]
    pub fn ack_timeout(mut self, patience: Duration) -> Self {
        self.subscriptions.set_ack_timeout(patience);
        self
    }

    /// Sends a `ping` message this often; [`Event::RoundTrip`](crate::Event::RoundTrip) tells how long its answer took.
    /// Default: never.
    #[must_use]
    pub fn ping_every(mut self, interval: Duration) -> Self {
        self.pings.set_interval(interval);
        self
    }

    /// Fetches the books of these outcomes over HTTP when a connection opens, `depth` levels a side,
    /// from the base URL `base` ([`REST_URL`]), with or without the path of the request. They fill books that the stream has not filled yet,
    /// marked [`Source::Request`](crate::events::Source::Request).
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
            let what = "the query of the first books is the library's";
            self.wrong.get_or_insert(BuildError::Url(what));
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

    /// Checks what was asked for, and gives the venue's rules to a feed or a session.
    ///
    /// # Errors
    /// A topic of another endpoint, an empty id, empty credentials, or a URL that cannot be used.
    pub fn build(self) -> Result<Self, BuildError> {
        if let Some(error) = self.wrong {
            return Err(error);
        }
        url::check(&self.url).map_err(BuildError::Url)?;
        if let Some(first) = &self.first_books {
            url::check_http(&first.base).map_err(BuildError::Url)?;
        }
        Ok(self)
    }

    /// Every topic that is desired, or about to be left, and where it stands.
    pub fn topics(&self) -> impl Iterator<Item = (&Topic, SubscriptionState)> {
        self.subscriptions.iter()
    }

    /// How many messages were sent that the server has not answered yet: at most 1,024 are
    /// remembered, none for longer than sixteen times the patience after the next is sent.
    pub fn unanswered(&self) -> usize {
        self.subscriptions.unacknowledged()
    }

    /// Desires a topic.
    ///
    /// # Errors
    /// It makes no sense on this connection.
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
            self.desired.add(&added);
        }
        Ok(())
    }

    /// The currency of the books: the one that is subscribed to. Of a log it is the one that an
    /// acknowledgement named, and unknown before that.
    fn scope(&self) -> Option<Currency> {
        let is_known = self.is_scoped || !self.any;
        is_known.then_some(self.currency).or(self.acknowledged)
    }

    /// Desires a topic no longer. Its books are disconnected: the connection does not feed them any more.
    fn unsubscribe<H: Handler + ?Sized>(
        &mut self,
        topic: &Topic,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        if !self.subscriptions.unsubscribe(topic, self.open) {
            return ControlFlow::Continue(());
        }
        self.desired.remove(topic);
        let Topic::OrderBook(market) = topic else {
            return ControlFlow::Continue(());
        };
        context.unfollow(self.outcomes.of_market(market))
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
