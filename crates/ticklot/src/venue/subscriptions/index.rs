//! The topics that are due, those that await an acknowledgement, those of each renewal, and how many are
//! being left.
//!
//! The index holds keys only. Each change of a subscription removes it and inserts it again, so the
//! index cannot disagree with the stages.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use smallvec::SmallVec;
use ticklot_book::Nanos;

use super::subscription::{Subscription, Work};
use super::{INLINE, Stage, Topic};

/// The keys of a message's topics.
pub(super) type Keys = SmallVec<[u64; INLINE]>;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Index<B: Copy + Eq + Hash> {
    /// All due topics, by priority and then by key.
    due: BTreeSet<(u8, u64)>,
    /// Those of them that may share a message.
    batches: HashMap<(Work, B), BTreeSet<u64>>,
    /// By the time when the acknowledgement is overdue, or the wait is over.
    awaited: BTreeSet<(Nanos, u64)>,
    /// The topics that share the unsubscription of a renewal, by the message's number.
    groups: HashMap<u64, Group>,
    leaving: usize,
}

/// Topics that are left together and subscribed to again together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Group {
    /// How many are not left yet.
    awaited: usize,
    /// Those that are left already.
    held: BTreeSet<u64>,
}

impl<B: Copy + Eq + Hash> Default for Index<B> {
    fn default() -> Self {
        Self {
            due: BTreeSet::new(),
            batches: HashMap::new(),
            awaited: BTreeSet::new(),
            groups: HashMap::new(),
            leaving: 0,
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
            self.awaited.insert((it.overdue, key));
        }
        if let Some(group) = it.group() {
            self.insert_into_group(group, key, it.held);
        }
        self.leaving += usize::from(it.stage == Stage::Leaving);
    }

    pub(super) fn remove<T: Topic<Batch = B>>(&mut self, key: u64, it: &Subscription<T>) {
        if let Some(work) = it.work() {
            self.due.remove(&(work.priority(), key));
            if it.is_batched(work) {
                self.remove_from_batch((work, it.topic.batch()), key);
            }
        }
        if it.has_deadline() {
            self.awaited.remove(&(it.overdue, key));
        }
        if let Some(group) = it.group() {
            self.remove_from_group(group, key, it.held);
        }
        self.leaving -= usize::from(it.stage == Stage::Leaving);
    }

    /// An empty batch is dropped: a venue may have a batch key for each of many parameters.
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

    /// A topic to subscribe to again, since all of its group are left.
    pub(super) fn released(&self, group: u64) -> Option<u64> {
        let group = self.groups.get(&group).filter(|it| it.awaited == 0)?;
        group.held.first().copied()
    }

    /// Whether no topic is due.
    pub(super) fn is_idle(&self) -> bool {
        self.due.is_empty()
    }

    /// The due topic of the highest priority that was wanted first.
    pub(super) fn first(&self) -> Option<u64> {
        self.due.first().map(|(_, key)| *key)
    }

    /// The first `max` due topics of a batch.
    pub(super) fn batch(&self, work: Work, batch: B, max: usize) -> Keys {
        let keys = self.batches.get(&(work, batch)).into_iter().flatten();
        keys.copied().take(max).collect()
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        self.awaited.first().map(|(overdue, _)| *overdue)
    }

    /// A topic whose acknowledgement is overdue, or whose wait is over.
    pub(super) fn overdue(&self, now: Nanos) -> Option<u64> {
        let (overdue, key) = self.awaited.first()?;
        (*overdue <= now).then_some(*key)
    }

    pub(super) fn leaving(&self) -> usize {
        self.leaving
    }
}
