//! A multiset of ids.

use std::collections::HashMap;

/// Counts how often each id was added. Look-ups do not allocate.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct IdCounts(HashMap<Box<str>, usize>);

impl IdCounts {
    pub(crate) fn add(&mut self, id: &str) {
        match self.0.get_mut(id) {
            Some(count) => *count += 1,
            None => {
                self.0.insert(id.into(), 1);
            }
        }
    }

    pub(crate) fn remove(&mut self, id: &str) {
        if let Some(count) = self.0.get_mut(id) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(id);
            }
        }
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_lives_until_last_removal() {
        let mut ids = IdCounts::default();
        for added in [1, 2] {
            (0..added).for_each(|_| ids.add("a"));
            for remaining in (0..added).rev() {
                assert!(ids.contains("a"));
                ids.remove("a");
                assert_eq!(ids.contains("a"), remaining > 0);
            }
            ids.remove("a");
        }
        assert_eq!(ids, IdCounts::default());
    }
}
