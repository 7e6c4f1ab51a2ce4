//! Bayse's rooms as [`Subscriptions`]: each topic is one room at the server.

use std::time::Duration;

use ticklot_frame::bayse::{Channel, Currency};

use super::topic::Topic;
use crate::venue::subscriptions::{self, Name, Subscriptions};

/// The most rooms on one connection.
pub const MAX_ROOMS: usize = 10_000;

/// The most topics in one message: the venue's own limit on market ids.
const MAX_TOGETHER: usize = ticklot_frame::bayse::MAX_MARKETS;

/// No rooms.
pub(super) fn new(patience: Duration) -> Subscriptions<Topic> {
    Subscriptions::new(patience, MAX_TOGETHER).max_topics(MAX_ROOMS)
}

/// The room's name, as far as the client can know it.
pub(super) fn name(topic: &Topic, currency: Currency) -> Name {
    let name = topic.room_name(currency);
    name.map_or(Name::Unknown, Name::known)
}

/// The room's name for the user: the topic's id, where the name is the server's to give.
pub(super) fn shown(topic: &Topic, currency: Currency) -> String {
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
