//! Distributes topics over the connections that they need.

use std::time::Duration;

use ticklot_book::Scale;
use ticklot_frame::bayse::{Auth, Currency, Endpoint, RequestError};

#[cfg(feature = "feed")]
use super::Command;
use super::{Bayse, BuildError, Topic};
#[cfg(feature = "feed")]
use crate::control::{CommandError, ConnectionHandle};
#[cfg(feature = "feed")]
use crate::{Feed, OnMessage, Options, transport};

/// Topics in both currencies and on all endpoints, and the connections that they need:
///
/// - one for markets in each currency, because the USD and NGN books of a market have the same ids;
/// - one for asset prices;
/// - one for the user, if there are credentials.
///
/// A connection without topics is not opened until a command adds one.
///
/// ```
/// use ticklot::bayse::{Currency, Plan, Symbol, Topic};
///
/// let connections = Plan::new()
///     .follow(Topic::order_book("mkt_1"))
///     .follow_in(Currency::Ngn, Topic::order_book("mkt_1"))
///     .follow(Topic::asset_price(Symbol::BtcUsdt))
///     .connections()?;
/// assert_eq!(connections.len(), 3);
/// # Ok::<(), ticklot::bayse::BuildError>(())
/// ```
#[derive(Debug, Default)]
pub struct Plan {
    url: Option<String>,
    auth: Option<Auth>,
    scale: Option<Scale>,
    topics: Vec<(Currency, Topic)>,
    ping_every: Option<Duration>,
}

/// Identifies a connection of a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionKey {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The currency of its order books; [`Currency::Usd`] on the other endpoints.
    pub currency: Currency,
}

impl ConnectionKey {
    /// The connection of a topic. `currency` only applies to order books.
    #[must_use]
    pub fn of(currency: Currency, topic: &Topic) -> Self {
        let currency = match topic {
            Topic::OrderBook(_) => currency,
            _ => Currency::Usd,
        };
        Self {
            endpoint: topic.channel().endpoint(),
            currency,
        }
    }
}

impl Plan {
    /// A plan without topics.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the base URL. Default: [`URL`](super::URL).
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self
    }

    /// Sets the credentials for the user's own orders.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = Some(auth);
        self
    }

    /// Sets the scale of all markets.
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = Some(scale);
        self
    }

    /// Sends a `ping` message at this interval on each connection. See [`Bayse::ping_every`].
    #[must_use]
    pub fn ping_every(mut self, interval: Duration) -> Self {
        self.ping_every = Some(interval);
        self
    }

    /// Follows a topic, with order books in US dollars.
    #[must_use]
    pub fn follow(self, topic: Topic) -> Self {
        self.follow_in(Currency::Usd, topic)
    }

    /// Follows a topic, with order books in `currency`.
    #[must_use]
    pub fn follow_in(mut self, currency: Currency, topic: Topic) -> Self {
        self.topics.push((currency, topic));
        self
    }

    /// The connections, with their topics.
    ///
    /// # Errors
    /// A topic has an empty id or needs credentials that the plan lacks, or the URL is invalid.
    pub fn connections(self) -> Result<Vec<(ConnectionKey, Bayse)>, BuildError> {
        let Self {
            url,
            auth,
            scale,
            topics,
            ping_every,
        } = self;
        let key = |endpoint, currency| ConnectionKey { endpoint, currency };
        let mut venues = vec![
            (key(Endpoint::Markets, Currency::Usd), Bayse::markets()),
            (
                key(Endpoint::Markets, Currency::Ngn),
                Bayse::markets().currency(Currency::Ngn),
            ),
            (key(Endpoint::Realtime, Currency::Usd), Bayse::realtime()),
        ];
        venues.extend(auth.map(|auth| (key(Endpoint::User, Currency::Usd), Bayse::user(auth))));
        for (currency, topic) in topics {
            let key = ConnectionKey::of(currency, &topic);
            let venue = venues.iter_mut().find(|(known, _)| *known == key);
            let (_, venue) = venue.ok_or(RequestError::AuthRequired {
                endpoint: key.endpoint,
            })?;
            venue.subscribe(topic)?;
        }
        venues
            .into_iter()
            .map(|(key, venue)| Ok((key, venue.with_settings(&url, scale, ping_every).build()?)))
            .collect()
    }
}

/// Controls the connections of a [`Plan`] in a feed.
#[cfg(feature = "feed")]
#[derive(Clone, Debug)]
pub struct PlanHandle {
    handles: Vec<(ConnectionKey, ConnectionHandle<Command>)>,
}

#[cfg(feature = "feed")]
impl PlanHandle {
    /// Follows a topic from now on, with order books in `currency`.
    ///
    /// # Errors
    /// The topic has an empty id or needs credentials that the plan lacks, or the command cannot be sent.
    pub fn subscribe(&self, currency: Currency, topic: Topic) -> Result<(), FollowError> {
        topic.check()?;
        Ok(self.of(currency, &topic)?.send(Command::Subscribe(topic))?)
    }

    /// Stops following a topic.
    ///
    /// # Errors
    /// As [`PlanHandle::subscribe`].
    pub fn unsubscribe(&self, currency: Currency, topic: Topic) -> Result<(), FollowError> {
        Ok(self
            .of(currency, &topic)?
            .send(Command::Unsubscribe(topic))?)
    }

    /// The handle of each connection.
    pub fn iter(&self) -> impl Iterator<Item = &(ConnectionKey, ConnectionHandle<Command>)> {
        self.handles.iter()
    }

    fn of(
        &self,
        currency: Currency,
        topic: &Topic,
    ) -> Result<&ConnectionHandle<Command>, RequestError> {
        let key = ConnectionKey::of(currency, topic);
        let found = self.handles.iter().find(|(known, _)| *known == key);
        let auth_required = RequestError::AuthRequired {
            endpoint: key.endpoint,
        };
        found.map(|(_, handle)| handle).ok_or(auth_required)
    }
}

/// The command of a [`PlanHandle`] was not sent.
#[cfg(feature = "feed")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The topic is invalid.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The connection does not accept commands.
    #[error(transparent)]
    Command(#[from] CommandError),
}

#[cfg(feature = "feed")]
impl<H: OnMessage<Bayse>> Feed<H> {
    /// Adds the connections of a plan.
    ///
    /// # Errors
    /// As [`Plan::connections`]. Then nothing is added.
    pub fn follow(
        &mut self,
        plan: Plan,
        options: &Options,
        transport: &transport::Config,
    ) -> Result<PlanHandle, BuildError> {
        let connections = plan.connections()?;
        let mut add = |(key, venue)| {
            let handle = self.add_with(venue, options.clone(), transport.clone());
            (key, handle)
        };
        let handles = connections.into_iter().map(&mut add).collect();
        Ok(PlanHandle { handles })
    }
}

impl Bayse {
    /// Applies the settings of a plan.
    fn with_settings(
        mut self,
        url: &Option<String>,
        scale: Option<Scale>,
        ping_every: Option<Duration>,
    ) -> Self {
        if let Some(url) = url {
            self = self.url(url);
        }
        if let Some(scale) = scale {
            self = self.scale(scale);
        }
        if let Some(interval) = ping_every {
            self = self.ping_every(interval);
        }
        self
    }
}
