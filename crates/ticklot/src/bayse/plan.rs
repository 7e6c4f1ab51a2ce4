//! Everything that is to be followed, on as many connections as it takes.

use ticklot_book::Scale;
use ticklot_frame::bayse::{Auth, Currency, Endpoint, RequestError};

use super::{Bayse, Topic};

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
/// # Ok::<(), ticklot::bayse::RequestError>(())
/// ```
#[derive(Debug, Default)]
pub struct Plan {
    url: Option<String>,
    auth: Option<Auth>,
    scale: Option<Scale>,
    topics: Vec<(Currency, Topic)>,
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
    /// A topic has an empty id, or one's own orders are followed without credentials.
    pub fn connections(self) -> Result<Vec<(Place, Bayse)>, RequestError> {
        let Self {
            url,
            auth,
            scale,
            topics,
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
            .map(|(place, venue)| Ok((place, venue.adjust(&url, scale).build()?)))
            .collect()
    }
}

impl Bayse {
    fn adjust(self, url: &Option<String>, scale: Option<Scale>) -> Self {
        let venue = match url {
            Some(url) => self.url(url),
            None => self,
        };
        match scale {
            Some(scale) => venue.scale(scale),
            None => venue,
        }
    }
}
