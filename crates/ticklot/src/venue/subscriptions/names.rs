//! Look-up of topics by the server's names and by their ids.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Name;
use crate::venue::id_counts::IdCounts;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Several topics may have the same name, if it is built from ids that contain the separator. The first one is used.
    known: HashMap<Arc<str>, BTreeSet<u64>>,
    unknown: BTreeSet<u64>,
    /// The ids of all topics, with the number of topics of each.
    pub(super) ids: IdCounts,
}

impl Names {
    pub(super) fn insert(&mut self, key: u64, name: &Name) {
        match name {
            Name::Unused => {}
            Name::Known(name) => {
                self.known.entry(Arc::clone(name)).or_default().insert(key);
            }
            Name::Unknown => {
                self.unknown.insert(key);
            }
        }
    }

    pub(super) fn remove(&mut self, key: u64, name: &Name) {
        match name {
            Name::Unused => {}
            Name::Known(name) => self.remove_known(key, name),
            Name::Unknown => {
                self.unknown.remove(&key);
            }
        }
    }

    fn remove_known(&mut self, key: u64, name: &str) {
        if let Some(keys) = self.known.get_mut(name) {
            keys.remove(&key);
            if keys.is_empty() {
                self.known.remove(name);
            }
        }
    }

    /// Replaces an unknown name by the name in a confirmation.
    pub(super) fn learn(&mut self, key: u64, name: &mut Name, learnt: &str) {
        if *name == Name::Unknown {
            self.remove(key, name);
            *name = Name::known(learnt);
            self.insert(key, name);
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<u64> {
        self.known.get(name)?.first().copied()
    }

    /// The topics with unknown names, in the order of subscription.
    pub(super) fn unknown(&self) -> impl Iterator<Item = u64> {
        self.unknown.iter().copied()
    }
}
