//! Where changes are written.

use alloc::vec::Vec;

use crate::book::Change;
use crate::units::Side;

/// A list of changes in space that is kept: it can be written to before it is known whether there is
/// something to write, so that no branch has to guess.
#[derive(Clone, Debug, Default)]
pub struct ChangeList {
    /// What is behind the first `len` is of earlier lists, and means nothing.
    space: Vec<Change>,
    len: usize,
}

impl ChangeList {
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) fn as_slice(&self) -> &[Change] {
        self.space.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn push(&mut self, change: Change) {
        if let Some(place) = self.room(1).first_mut() {
            *place = change;
            self.len += 1;
        }
    }

    /// Space for `count` more. Allocates only to grow.
    pub(crate) fn room(&mut self, count: usize) -> &mut [Change] {
        let end = self.len + count;
        if self.space.len() < end {
            let none = Change::between(Side::Bid, None, None);
            self.space.resize(end, none);
        }
        self.space.get_mut(self.len..end).unwrap_or_default()
    }

    /// Says that the first `count` of [`ChangeList::room`] were written.
    pub(crate) fn wrote(&mut self, count: usize) {
        self.len = (self.len + count).min(self.space.len());
    }

    /// The bytes that it holds on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.space.capacity() * size_of::<Change>()
    }
}
