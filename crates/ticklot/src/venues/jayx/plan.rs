//! Distributes topics over the connections that they need.

use ticklot_book::Scale;
use ticklot_frame::jayx::{ApiKey, Envelope};

use super::{BuildError, JayX, Topic};

/// Topics, and the connections that they need. Each topic is added to the first connection that can distinguish its
/// messages from the others.
///
/// ```
/// use ticklot::jayx::{Plan, Topic};
///
/// let connections = Plan::new()
///     .follow(Topic::order_book("BTCUSDT"))
///     .follow(Topic::order_book("ETHUSDT"))
///     .follow(Topic::kline("BTCUSDT", "1"))
///     .follow(Topic::kline("ETHUSDT", "1"))
///     .follow(Topic::kline("BTCUSDT", "60"))
///     .connections()?;
/// assert_eq!(connections.len(), 2);
/// # Ok::<(), ticklot::jayx::BuildError>(())
/// ```
#[derive(Debug, Default)]
pub struct Plan {
    url: Option<String>,
    envelope: Envelope,
    key: Option<ApiKey>,
    topics: Vec<(Topic, Option<Scale>)>,
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

    /// Sets the envelope. Default: [`Envelope::Auto`].
    #[must_use]
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.envelope = envelope;
        self
    }

    /// Sets the account's key, for balances and orders.
    #[must_use]
    pub fn key(mut self, key: ApiKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Follows a topic, with the scale of BTCUSDT.
    #[must_use]
    pub fn follow(mut self, topic: Topic) -> Self {
        self.topics.push((topic, None));
        self
    }

    /// Follows a topic. If it is an order book, its connection has this scale.
    #[must_use]
    pub fn follow_with(mut self, topic: Topic, scale: Scale) -> Self {
        self.topics.push((topic, Some(scale)));
        self
    }

    /// The connections, to add to a feed.
    ///
    /// # Errors
    /// As [`JayX::build`], except [`BuildError::Clash`].
    pub fn connections(self) -> Result<Vec<JayX>, BuildError> {
        let Self {
            url,
            envelope,
            key,
            topics,
        } = self;
        let mut connections: Vec<JayX> = Vec::new();
        for (topic, scale) in topics {
            let fits = |venue: &JayX| !venue.topics.iter().any(|other| topic.clashes(other));
            let index = connections
                .iter()
                .position(fits)
                .unwrap_or(connections.len());
            if index == connections.len() {
                let mut venue = JayX::connection().envelope(envelope);
                venue.key.clone_from(&key);
                connections.push(match &url {
                    Some(url) => venue.url(url),
                    None => venue,
                });
            }
            let venue = &mut connections[index];
            if let (Topic::OrderBook { .. }, Some(scale)) = (&topic, scale) {
                venue.scale = scale;
            }
            venue.topics.push(topic);
        }
        connections.into_iter().map(JayX::build).collect()
    }
}
