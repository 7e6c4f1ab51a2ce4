//! Everything that is to be followed, on as many connections as it takes.

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

/// What to follow, in both currencies and on all endpoints, and the connections that it takes: one for
/// the markets in each currency, since USD and NGN books of one market arrive with the same ids; one
/// for asset prices; one for the user, when there are credentials. A connection on which nothing is
/// desired is not made until a command changes that.
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

/// Which connection carries what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The currency of its order books.
    pub currency: Currency,
}

impl Place {
    /// Where a topic goes. The currency matters to order books alone; all else goes with US dollars.
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
    /// Nothing to follow.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another base URL.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self
    }

    /// The credentials for one's own orders.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = Some(auth);
        self
    }

    /// The scale of every market.
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = Some(scale);
        self
    }

    /// Sends a `ping` message this often on every connection. See [`Bayse::ping_every`].
    #[must_use]
    pub fn ping_every(mut self, interval: Duration) -> Self {
        self.ping_every = Some(interval);
        self
    }

    /// Follows a topic; order books in US dollars.
    #[must_use]
    pub fn follow(self, topic: Topic) -> Self {
        self.follow_in(Currency::Usd, topic)
    }

    /// Follows a topic; order books in `currency`.
    #[must_use]
    pub fn follow_in(mut self, currency: Currency, topic: Topic) -> Self {
        self.topics.push((currency, topic));
        self
    }

    /// The connections, each with what it carries.
    ///
    /// # Errors
    /// A topic has an empty id, one's own orders are followed without credentials, or the URL cannot be used.
    pub fn connections(self) -> Result<Vec<(Place, Bayse)>, BuildError> {
        let Self {
            url,
            auth,
            scale,
            topics,
            ping_every,
        } = self;
        let place = |endpoint, currency| Place { endpoint, currency };
        let mut venues = vec![
            (place(Endpoint::Markets, Currency::Usd), Bayse::markets()),
            (
                place(Endpoint::Markets, Currency::Ngn),
                Bayse::markets().currency(Currency::Ngn),
            ),
            (place(Endpoint::Realtime, Currency::Usd), Bayse::realtime()),
        ];
        venues.extend(auth.map(|auth| (place(Endpoint::User, Currency::Usd), Bayse::user(auth))));
        for (currency, topic) in topics {
            let wanted = Place::of(currency, &topic);
            let venue = venues.iter_mut().find(|(place, _)| *place == wanted);
            let (_, venue) = venue.ok_or(RequestError::AuthRequired {
                endpoint: wanted.endpoint,
            })?;
            venue.want(topic)?;
        }
        venues
            .into_iter()
            .map(|(place, venue)| Ok((place, venue.adjust(&url, scale, ping_every).build()?)))
            .collect()
    }
}

/// The connections of a [`Plan`] in a feed: asks the right one.
#[cfg(feature = "feed")]
#[derive(Clone, Debug)]
pub struct Remotes {
    remotes: Vec<(Place, ConnectionHandle<Command>)>,
}

#[cfg(feature = "feed")]
impl Remotes {
    /// Follows a topic from now on; order books in `currency`.
    ///
    /// # Errors
    /// The topic has an empty id, it is one's own orders and the plan had no credentials, or the feed
    /// cannot be asked. Nothing was asked then.
    pub fn subscribe(&self, currency: Currency, topic: Topic) -> Result<(), FollowError> {
        topic.check()?;
        Ok(self.of(currency, &topic)?.send(Command::Subscribe(topic))?)
    }

    /// Follows a topic no longer.
    ///
    /// # Errors
    /// As [`Remotes::subscribe`].
    pub fn unsubscribe(&self, currency: Currency, topic: Topic) -> Result<(), FollowError> {
        Ok(self
            .of(currency, &topic)?
            .send(Command::Unsubscribe(topic))?)
    }

    /// Every connection and what it carries.
    pub fn iter(&self) -> impl Iterator<Item = &(Place, ConnectionHandle<Command>)> {
        self.remotes.iter()
    }

    fn of(
        &self,
        currency: Currency,
        topic: &Topic,
    ) -> Result<&ConnectionHandle<Command>, RequestError> {
        let place = Place::of(currency, topic);
        let found = self.remotes.iter().find(|(known, _)| *known == place);
        let auth_required = RequestError::AuthRequired {
            endpoint: place.endpoint,
        };
        found.map(|(_, remote)| remote).ok_or(auth_required)
    }
}

/// A topic could not be followed.
#[cfg(feature = "feed")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// It makes no sense.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The feed cannot be asked.
    #[error(transparent)]
    ConnectionHandle(#[from] CommandError),
}

#[cfg(feature = "feed")]
impl<H: OnMessage<Bayse>> Feed<H> {
    /// Adds the connections of a plan.
    ///
    /// # Errors
    /// As [`Plan::connections`]; nothing is added then.
    pub fn follow(
        &mut self,
        plan: Plan,
        options: &Options,
        transport: &transport::Config,
    ) -> Result<Remotes, BuildError> {
        let connections = plan.connections()?;
        let mut add = |(place, venue)| {
            let remote = self.add_with(venue, options.clone(), transport.clone());
            (place, remote)
        };
        let remotes = connections.into_iter().map(&mut add).collect();
        Ok(Remotes { remotes })
    }
}

impl Bayse {
    /// Puts in what a plan has for all of its connections.
    fn adjust(
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
