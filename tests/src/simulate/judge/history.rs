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

/// What a book was from a moment on; none while the server was down.
#[derive(Debug)]
struct Entry {
    from: Nanos,
    sides: Option<[Vec<Level>; 2]>,
}

/// All that a book ever was, oldest first.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    entries: Vec<Entry>,
}

impl Timeline {
    /// It is so from now on.
    pub(super) fn set(&mut self, now: Nanos, sides: Option<[Vec<Level>; 2]>) {
        if self.entries.last().is_none_or(|last| last.sides != sides) {
            self.entries.push(Entry { from: now, sides });
        }
    }

    /// Whether it was `sides` at some moment after `after`, and where that stands.
    pub(super) fn find(&self, sides: [&[Level]; 2], after: Nanos, hint: usize) -> Option<usize> {
        if self.is(hint, sides, after) {
            return Some(hint);
        }
        let places = (0..self.entries.len()).rev();
        let mut late = places.take_while(|place| self.until(*place) > after);
        late.find(|place| self.is(*place, sides, after))
    }

    fn is(&self, place: usize, sides: [&[Level]; 2], after: Nanos) -> bool {
        let Some(Entry {
            sides: Some(own), ..
        }) = self.entries.get(place)
        else {
            return false;
        };
        self.until(place) > after && own[0] == sides[0] && own[1] == sides[1]
    }

    /// Whether it had a level on a side at some moment after `after`.
    pub(super) fn had(&self, side: usize, level: &Level, after: Nanos) -> bool {
        let places = (0..self.entries.len()).rev();
        let late = places.take_while(|place| self.until(*place) > after);
        late.filter_map(|place| self.entries[place].sides.as_ref())
            .any(|sides| sides[side].contains(level))
    }

    /// The levels at a moment; none while the server was down.
    pub(super) fn at(&self, time: Nanos) -> Option<&[Vec<Level>; 2]> {
        let later = self.entries.partition_point(|entry| entry.from <= time);
        self.entries.get(later.checked_sub(1)?)?.sides.as_ref()
    }

    /// What it is.
    pub(super) fn last(&self) -> Option<&[Vec<Level>; 2]> {
        self.entries.last()?.sides.as_ref()
    }

    /// When it was something else again.
    fn until(&self, place: usize) -> Nanos {
        let next = self.entries.get(place + 1);
        next.map_or(Nanos(u64::MAX), |next| next.from)
    }
}
