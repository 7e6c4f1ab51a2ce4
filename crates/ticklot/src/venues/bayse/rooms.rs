//! The subscriptions of Bayse. Each topic is one room at the server.

use std::time::Duration;

use ticklot_frame::bayse::{Channel, Currency};

use super::topic::Topic;
use crate::venue::subscriptions::{self, Name, Subscriptions};

/// The maximum number of rooms of a connection.
pub const MAX_ROOMS: usize = 10_000;

/// The maximum number of topics of a message: the venue's limit on market ids.
const MAX_PER_MESSAGE: usize = ticklot_frame::bayse::MAX_MARKETS;

/// No subscriptions.
pub(super) fn new(ack_timeout: Duration) -> Subscriptions<Topic> {
    Subscriptions::new(ack_timeout, MAX_PER_MESSAGE).max_topics(MAX_ROOMS)
}

/// The name of the topic's room, if the client can know it.
pub(super) fn name(topic: &Topic, currency: Currency) -> Name {
    let name = topic.room_name(currency);
    name.map_or(Name::Unknown, Name::known)
}

/// The room's name in events: the topic's id, if only the server knows the name.
pub(super) fn display_name(topic: &Topic, currency: Currency) -> String {
    let name = topic.room_name(currency);
    name.unwrap_or_else(|| topic.id().to_owned())
}

impl subscriptions::Topic for Topic {
    type Batch = Channel;

    fn batch(&self) -> Channel {
        self.channel()
    }

    fn is_batchable(&self) -> bool {
        self.is_coalesced()
    }

    fn id(&self) -> &str {
        self.id()
    }

    fn is_named(&self, name: &str) -> bool {
        self.is_room(name)
    }
}

#[cfg(test)]
mod tests;
