//! Index of subscriptions by due time, deadline and renewal group.
//!
//! It contains only keys. Each change of a subscription removes it from the index and inserts it again, so the index cannot
//! disagree with the states.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use smallvec::SmallVec;
use ticklot_book::Nanos;

use super::subscription::{Subscription, Work};
use super::{INLINE, SubscriptionState as State, Topic};

/// The keys of a message's topics.
pub(super) type Keys = SmallVec<[u64; INLINE]>;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Index<B: Copy + Eq + Hash> {
    /// All due topics, by priority and then by key.
    due: BTreeSet<(u8, u64)>,
    /// The due topics that may share a message.
    batches: HashMap<(Work, B), BTreeSet<u64>>,
    /// All topics with a deadline, by deadline.
    deadlines: BTreeSet<(Nanos, u64)>,
    /// Renewal groups, by the number of the unsubscription.
    groups: HashMap<u64, Group>,
    /// The number of topics in [`State::Unsubscribing`].
    unsubscribing: usize,
}

/// Topics of one unsubscription, to be subscribed to again together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Group {
    /// The number of topics without a reply.
    awaited: usize,
    /// The topics with a reply.
    held: BTreeSet<u64>,
}

impl<B: Copy + Eq + Hash> Default for Index<B> {
    fn default() -> Self {
        Self {
            due: BTreeSet::new(),
            batches: HashMap::new(),
            deadlines: BTreeSet::new(),
            groups: HashMap::new(),
            unsubscribing: 0,
        }
    }
}

impl<B: Copy + Eq + Hash> Index<B> {
    pub(super) fn insert<T: Topic<Batch = B>>(&mut self, key: u64, it: &Subscription<T>) {
        if let Some(work) = it.work() {
            self.due.insert((work.priority(), key));
            if it.is_batched(work) {
                let batch = self.batches.entry((work, it.topic.batch()));
                batch.or_default().insert(key);
            }
        }
        if it.has_deadline() {
            self.deadlines.insert((it.deadline, key));
        }
        if let Some(group) = it.group() {
            self.insert_into_group(group, key, it.held);
        }
        self.unsubscribing += usize::from(it.state == State::Unsubscribing);
    }

    pub(super) fn remove<T: Topic<Batch = B>>(&mut self, key: u64, it: &Subscription<T>) {
        if let Some(work) = it.work() {
            self.due.remove(&(work.priority(), key));
            if it.is_batched(work) {
                self.remove_from_batch((work, it.topic.batch()), key);
            }
        }
        if it.has_deadline() {
            self.deadlines.remove(&(it.deadline, key));
        }
        if let Some(group) = it.group() {
            self.remove_from_group(group, key, it.held);
        }
        self.unsubscribing -= usize::from(it.state == State::Unsubscribing);
    }

    /// Also removes an empty batch, because a venue may have many batch keys.
    fn remove_from_batch(&mut self, batch: (Work, B), key: u64) {
        if let Some(keys) = self.batches.get_mut(&batch) {
            keys.remove(&key);
            if keys.is_empty() {
                self.batches.remove(&batch);
            }
        }
    }

    fn insert_into_group(&mut self, group: u64, key: u64, held: bool) {
        let group = self.groups.entry(group).or_default();
        if held {
            group.held.insert(key);
        } else {
            group.awaited += 1;
        }
    }

    fn remove_from_group(&mut self, number: u64, key: u64, held: bool) {
        let Some(group) = self.groups.get_mut(&number) else {
            return;
        };
        if held {
            group.held.remove(&key);
        } else {
            group.awaited -= 1;
        }
        if group.awaited == 0 && group.held.is_empty() {
            self.groups.remove(&number);
        }
    }

    /// A topic of this group to subscribe to again, if all topics of the group have replies.
    pub(super) fn released(&self, group: u64) -> Option<u64> {
        let group = self.groups.get(&group).filter(|it| it.awaited == 0)?;
        group.held.first().copied()
    }

    /// Whether no topic is due.
    pub(super) fn is_idle(&self) -> bool {
        self.due.is_empty()
    }

    /// The first due topic, by priority and then by key.
    pub(super) fn first(&self) -> Option<u64> {
        self.due.first().map(|(_, key)| *key)
    }

    /// The first `max` due topics of a batch.
    pub(super) fn batch(&self, work: Work, batch: B, max: usize) -> Keys {
        let keys = self.batches.get(&(work, batch)).into_iter().flatten();
        keys.copied().take(max).collect()
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        self.deadlines.first().map(|(overdue, _)| *overdue)
    }

    /// A topic whose deadline has passed.
    pub(super) fn overdue(&self, now: Nanos) -> Option<u64> {
        let (overdue, key) = self.deadlines.first()?;
        (*overdue <= now).then_some(*key)
    }

    pub(super) fn unsubscribing(&self) -> usize {
        self.unsubscribing
    }
}
