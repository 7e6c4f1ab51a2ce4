//! Every state of every book that a server had, with its time.

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

/// The levels of a book from a time on; none while the server was down.
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

    /// The index of an entry with these levels that lasted beyond `after`.
    pub(super) fn find(&self, sides: [&[Level]; 2], after: Nanos, hint: usize) -> Option<usize> {
        if self.is(hint, sides, after) {
            return Some(hint);
        }
        let connections = (0..self.entries.len()).rev();
        let mut late = connections.take_while(|position| self.until(*position) > after);
        late.find(|position| self.is(*position, sides, after))
    }

    fn is(&self, position: usize, sides: [&[Level]; 2], after: Nanos) -> bool {
        let Some(Entry {
            sides: Some(own), ..
        }) = self.entries.get(position)
        else {
            return false;
        };
        self.until(position) > after && own[0] == sides[0] && own[1] == sides[1]
    }

    /// Whether it had a level on a side at some moment after `after`.
    pub(super) fn had(&self, side: usize, level: &Level, after: Nanos) -> bool {
        let connections = (0..self.entries.len()).rev();
        let late = connections.take_while(|position| self.until(*position) > after);
        late.filter_map(|position| self.entries[position].sides.as_ref())
            .any(|sides| sides[side].contains(level))
    }

    /// The levels at a moment; none while the server was down.
    pub(super) fn at(&self, time: Nanos) -> Option<&[Vec<Level>; 2]> {
        let later = self.entries.partition_point(|entry| entry.from <= time);
        self.entries.get(later.checked_sub(1)?)?.sides.as_ref()
    }

    /// The last levels.
    pub(super) fn last(&self) -> Option<&[Vec<Level>; 2]> {
        self.entries.last()?.sides.as_ref()
    }

    /// When the entry ended.
    fn until(&self, position: usize) -> Nanos {
        let next = self.entries.get(position + 1);
        next.map_or(Nanos(u64::MAX), |next| next.from)
    }
}
