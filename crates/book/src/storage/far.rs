//! The levels outside a ladder's window.

use alloc::vec::Vec;

/// A level with its key; a smaller key is a better price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Far {
    pub(super) key: i64,
    pub(super) lots: i64,
    pub(super) count: u32,
}

/// A sorted array, worst first. The level nearest to the window is at its end, so a move of the window pushes
/// and pops levels without moving others.
#[derive(Clone, Debug, Default)]
pub(super) struct Overflow {
    levels: Vec<Far>,
}

impl Overflow {
    pub(super) fn len(&self) -> usize {
        self.levels.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// The level at an index; 0 is the best.
    #[inline]
    pub(super) fn nth(&self, index: usize) -> Option<&Far> {
        self.levels.iter().nth_back(index)
    }

    pub(super) fn best(&self) -> Option<&Far> {
        self.levels.last()
    }

    pub(super) fn worst(&self) -> Option<&Far> {
        self.levels.first()
    }

    pub(super) fn get(&self, key: i64) -> Option<&Far> {
        self.find(key).ok().and_then(|at| self.levels.get(at))
    }

    /// Sets a level, or removes it when it has no quantity. Returns the previous level, or a default one.
    pub(super) fn set(&mut self, level: Far) -> Far {
        match self.find(level.key) {
            Ok(at) if level.lots != 0 => core::mem::replace(&mut self.levels[at], level),
            Ok(at) => self.levels.remove(at),
            Err(at) => {
                if level.lots != 0 {
                    self.levels.insert(at, level);
                }
                Far::default()
            }
        }
    }

    /// Adds a level that is better than all others.
    pub(super) fn push_best(&mut self, level: Far) {
        self.levels.push(level);
    }

    pub(super) fn pop_best(&mut self) -> Option<Far> {
        self.levels.pop()
    }

    pub(super) fn clear(&mut self) {
        self.levels.clear();
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.levels.capacity() * size_of::<Far>()
    }

    fn find(&self, key: i64) -> Result<usize, usize> {
        self.levels.binary_search_by(|level| key.cmp(&level.key))
    }
}
