//! Sent messages without a reply.

use std::time::Duration;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use ticklot_book::Nanos;

use super::{MAX_UNANSWERED, Topic};

/// The action of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Subscribes to its topics.
    Subscribe,
    /// Unsubscribes from its topics.
    Unsubscribe,
}

/// A sent message.
#[derive(Debug)]
pub(super) struct PendingRequest<T> {
    at: Nanos,
    pub(super) action: Action,
    /// The topics without a reply, by key. They stay after their subscriptions are removed: an error that names one must not
    /// be attributed to another message.
    pub(super) topics: BTreeMap<u64, Arc<T>>,
}

/// Unanswered messages by sequence number.
#[derive(Debug)]
pub(super) struct Unanswered<T> {
    messages: BTreeMap<u64, PendingRequest<T>>,
    /// Sequence number and key of each topic by its id, for errors that contain an id.
    by_id: HashMap<Box<str>, BTreeSet<(u64, u64)>>,
    next: u64,
}

impl<T> Default for Unanswered<T> {
    fn default() -> Self {
        Self {
            messages: BTreeMap::new(),
            by_id: HashMap::new(),
            next: 0,
        }
    }
}

impl<T: Topic> Unanswered<T> {
    pub(super) fn push(&mut self, at: Nanos, action: Action, topics: BTreeMap<u64, Arc<T>>) -> u64 {
        let seq = self.next;
        self.next += 1;
        for (&key, topic) in &topics {
            self.insert_id(topic.id(), seq, key);
        }
        let message = PendingRequest { at, action, topics };
        self.messages.insert(seq, message);
        seq
    }

    /// The oldest message, if it is older than `retention` or there is no room for another.
    pub(super) fn excess(&self, now: Nanos, retention: Duration) -> Option<u64> {
        let (seq, message) = self.messages.first_key_value()?;
        let is_old = now.since(message.at) > retention;
        (is_old || self.messages.len() >= MAX_UNANSWERED).then_some(*seq)
    }

    /// Removes a topic from a message, and the message after its last topic.
    pub(super) fn remove_topic(&mut self, seq: u64, key: u64) {
        let Some(message) = self.messages.get_mut(&seq) else {
            return;
        };
        let removed = message.topics.remove(&key);
        if message.topics.is_empty() {
            self.messages.remove(&seq);
        }
        if let Some(topic) = removed {
            self.remove_id(topic.id(), seq, key);
        }
    }

    pub(super) fn remove(&mut self, seq: u64) -> Option<PendingRequest<T>> {
        let message = self.messages.remove(&seq)?;
        for (&key, topic) in &message.topics {
            self.remove_id(topic.id(), seq, key);
        }
        Some(message)
    }

    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.by_id.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.messages.first_key_value().map(|(seq, _)| *seq)
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.messages.last_key_value().map(|(seq, _)| *seq)
    }

    /// The oldest message that contains a topic with this id.
    pub(super) fn first_with(&self, id: &str) -> Option<u64> {
        let first = self.by_id.get(id)?.first();
        first.map(|(seq, _)| *seq)
    }

    /// The oldest message with this batch key.
    pub(super) fn first_of(&self, batch: T::Batch) -> Option<u64> {
        let is_it = |it: &PendingRequest<T>| {
            let first = it.topics.first_key_value();
            first.is_some_and(|(_, topic)| topic.batch() == batch)
        };
        let mut messages = self.messages.iter();
        messages.find(|(_, it)| is_it(it)).map(|(seq, _)| *seq)
    }

    fn insert_id(&mut self, id: &str, seq: u64, key: u64) {
        match self.by_id.get_mut(id) {
            Some(keys) => {
                keys.insert((seq, key));
            }
            None => {
                self.by_id.insert(id.into(), BTreeSet::from([(seq, key)]));
            }
        }
    }

    fn remove_id(&mut self, id: &str, seq: u64, key: u64) {
        if let Some(keys) = self.by_id.get_mut(id) {
            keys.remove(&(seq, key));
            if keys.is_empty() {
                self.by_id.remove(id);
            }
        }
    }
}

#[cfg(test)]
impl<T: Topic> Unanswered<T> {
    /// The messages with this action that contain a topic.
    pub(super) fn of(&self, key: u64, action: Action) -> Vec<u64> {
        let is_it = |it: &PendingRequest<T>| it.action == action && it.topics.contains_key(&key);
        let messages = self.messages.iter().filter(|(_, it)| is_it(it));
        messages.map(|(seq, _)| *seq).collect()
    }

    /// Asserts that the ids agree with the messages.
    pub(super) fn check_ids(&self) {
        let topics = || {
            self.messages
                .iter()
                .flat_map(|(seq, it)| it.topics.iter().map(move |(key, topic)| (seq, key, topic)))
        };
        for (seq, key, topic) in topics() {
            assert!(self.by_id[topic.id()].contains(&(*seq, *key)));
        }
        let indexed: usize = self.by_id.values().map(BTreeSet::len).sum();
        assert_eq!(indexed, topics().count());
        assert!(self.messages.values().all(|it| !it.topics.is_empty()));
    }
}
