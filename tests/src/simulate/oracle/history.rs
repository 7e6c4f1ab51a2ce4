//! The history of every book of the servers.

use ticklot_book::{Level, Nanos};

/// A book of a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Book {
    host: usize,
    name: String,
    currency: usize,
}

impl Book {
    pub(in super::super) fn new(host: usize, name: &str, currency: usize) -> Self {
        Self {
            host,
            name: name.to_owned(),
            currency,
        }
    }

    pub(super) fn is_of(&self, host: usize) -> bool {
        self.host == host
    }
}

/// The levels of a book from a time on; `None` while the server was down.
#[derive(Debug)]
struct Entry {
    from: Nanos,
    sides: Option<[Vec<Level>; 2]>,
}

/// Every state of a book, oldest first.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    entries: Vec<Entry>,
}

impl Timeline {
    /// Records the levels from now on.
    pub(super) fn set(&mut self, now: Nanos, sides: Option<[Vec<Level>; 2]>) {
        if self.entries.last().is_none_or(|last| last.sides != sides) {
            self.entries.push(Entry { from: now, sides });
        }
    }

    /// The index of an entry with these levels that was valid after `after`.
    pub(super) fn find(&self, sides: [&[Level]; 2], after: Nanos, hint: usize) -> Option<usize> {
        if self.is(hint, sides, after) {
            return Some(hint);
        }
        self.late(after).find(|index| self.is(*index, sides, after))
    }

    /// The indexes of the entries that were valid after `after`, newest first.
    fn late(&self, after: Nanos) -> impl Iterator<Item = usize> + '_ {
        let indexes = (0..self.entries.len()).rev();
        indexes.take_while(move |index| self.until(*index) > after)
    }

    fn is(&self, index: usize, sides: [&[Level]; 2], after: Nanos) -> bool {
        let entry = self.entries.get(index).and_then(|it| it.sides.as_ref());
        entry.is_some_and(|own| {
            self.until(index) > after && own[0] == sides[0] && own[1] == sides[1]
        })
    }

    /// Whether a side had a level at some time after `after`.
    pub(super) fn had(&self, side: usize, level: &Level, after: Nanos) -> bool {
        self.late(after)
            .filter_map(|index| self.entries[index].sides.as_ref())
            .any(|sides| sides[side].contains(level))
    }

    /// The levels at a time; `None` while the server was down.
    pub(super) fn at(&self, time: Nanos) -> Option<&[Vec<Level>; 2]> {
        let later = self.entries.partition_point(|entry| entry.from <= time);
        self.entries.get(later.checked_sub(1)?)?.sides.as_ref()
    }

    /// The last levels.
    pub(super) fn last(&self) -> Option<&[Vec<Level>; 2]> {
        self.entries.last()?.sides.as_ref()
    }

    /// The end of an entry.
    fn until(&self, index: usize) -> Nanos {
        let next = self.entries.get(index + 1);
        next.map_or(Nanos(u64::MAX), |next| next.from)
    }
}
