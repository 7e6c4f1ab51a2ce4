//! A cache of the last trade list, for lists that repeat most of it.
//!
//! A list of recent trades, newest first, mostly repeats the list of the previous message: some new trades, then the
//! same text as before, without the trades that were dropped at its end. The cache keeps the text of the last list and
//! its items. A new list is parsed only up to the start of the cached text. The rest is compared byte by byte, which is
//! several times faster than parsing.
//!
//! The result never depends on the cache: text that differs in any byte is parsed. The time is bounded: for each
//! template that is tried, a list is compared at most once and parsed at most twice.

use ticklot_book::MAX_LEVELS;

use crate::pull::PullParser;
use crate::record::Record;

/// The maximum length of the cached prefix that is searched for, in bytes.
const HEAD: usize = 64;

/// The maximum length of a cached list, in bytes. Longer ones are parsed each time.
const MAX_KEPT: usize = 1 << 16;

/// The last list, and its text for the comparison with the next one.
#[derive(Clone, Debug)]
pub(crate) struct ListCache<T> {
    /// The text from the first item to the closing brace of the last one; empty if nothing is cached.
    text: PrefixBuffer<u8>,
    /// The items of that text.
    items: PrefixBuffer<T>,
    /// The parsed items: the new ones of a list, or all of a list that is not cached.
    fresh: Vec<T>,
    /// Whether the list is `items`; otherwise it is `fresh`.
    is_kept: bool,
    /// The length of the prefix of the text that is searched for: the first item, or [`HEAD`] bytes of it.
    cached_prefix: usize,
}

impl<T> Default for ListCache<T> {
    fn default() -> Self {
        Self {
            text: PrefixBuffer::default(),
            items: PrefixBuffer::default(),
            fresh: Vec::new(),
            is_kept: false,
            cached_prefix: 0,
        }
    }
}

impl<T: Copy> ListCache<T> {
    /// The list.
    pub(crate) fn items(&self) -> &[T] {
        if self.is_kept {
            self.items.get()
        } else {
            &self.fresh
        }
    }

    /// An empty list for another parser. Clears the cache.
    pub(crate) fn uncached(&mut self) -> &mut Vec<T> {
        self.cached_prefix = 0;
        self.begin();
        &mut self.fresh
    }

    /// Starts an empty list.
    pub(crate) fn begin(&mut self) {
        self.is_kept = false;
        self.fresh.clear();
    }

    /// Whether the cached list may start here.
    fn may_continue(&self, text: &[u8]) -> bool {
        let cached_prefix = self
            .text
            .get()
            .get(..self.cached_prefix)
            .unwrap_or_default();
        // The first number of an item is in these bytes, and mostly differs.
        let may_be = text.first_chunk::<16>() == cached_prefix.first_chunk();
        may_be && !cached_prefix.is_empty() && text.starts_with(cached_prefix)
    }

    /// Records that the cached text now starts with `first`, or as before if `first` is empty.
    fn set_prefix(&mut self, first: &[u8]) {
        if !first.is_empty() {
            let first = first.get(..HEAD).unwrap_or(first);
            self.cached_prefix = memchr::memchr(b'}', first).map_or(first.len(), |brace| brace + 1);
        }
        self.is_kept = true;
    }

    /// Caches a list that was parsed completely. `text` is its text.
    fn keep(&mut self, text: &[u8]) {
        if text.len() > MAX_KEPT {
            self.cached_prefix = 0;
            return;
        }
        self.text.prepend(text, 0);
        self.items.prepend(&self.fresh, 0);
        self.set_prefix(text);
    }

    /// Appends cached items to the fresh ones. `new` is the text of the fresh items, with the trailing comma, and
    /// `rest` the text up to the list's closing bracket. Returns `None` and changes nothing unless the cached list
    /// starts with `rest`.
    fn try_splice(&mut self, new: &[u8], rest: &[u8]) -> Option<()> {
        let kept = self.text.get();
        let (same, dropped) = kept.split_at_checked(rest.len())?;
        // Items contain no nested braces, so a closing brace ends an item.
        let is_whole = rest.ends_with(b"}") && matches!(dropped, [] | [b',', ..]);
        if !is_whole || new.len() + rest.len() > MAX_KEPT || same != rest {
            return None;
        }
        let count = self
            .items
            .get()
            .len()
            .checked_sub(memchr::memchr_iter(b'}', dropped).count())?;
        self.text.prepend(new, rest.len());
        self.items.prepend(&self.fresh, count);
        self.set_prefix(new);
        Some(())
    }

    /// Parses a list. Items that repeat the cached list are not parsed again.
    pub(crate) fn pull<'a>(&mut self, json: &mut PullParser<'a>) -> Option<()>
    where
        T: Record<'a>,
    {
        self.begin();
        if !json.open(*b"[]")? {
            return Some(());
        }
        let list = json.rest();
        let read = |json: &PullParser<'_>| &list[..list.len() - json.rest().len()];
        // Items with unknown fields are not cached, because these may contain braces.
        let mut is_plain = true;
        loop {
            let rest = json.rest();
            if self.may_continue(rest)
                && is_plain
                && let Some(end) = memchr::memchr(b']', rest)
                && self.try_splice(read(json), &rest[..end]).is_some()
            {
                return json.skip_bytes(end + 1);
            }
            if self.fresh.len() >= MAX_LEVELS {
                return None;
            }
            self.fresh.push(T::pull_with(json, |json| {
                is_plain = false;
                json.skip_field()
            })?);
            let text = read(json);
            if !json.has_next(b']')? {
                if is_plain {
                    self.keep(text);
                } else {
                    self.cached_prefix = 0;
                }
                return Some(());
            }
        }
    }
}

/// A list that grows at its front and shrinks at its end, usually without a move.
#[derive(Clone, Debug)]
struct PrefixBuffer<T> {
    buffers: Vec<T>,
    start: usize,
    end: usize,
}

impl<T> Default for PrefixBuffer<T> {
    fn default() -> Self {
        Self {
            buffers: Vec::new(),
            start: 0,
            end: 0,
        }
    }
}

impl<T: Copy> PrefixBuffer<T> {
    fn get(&self) -> &[T] {
        self.buffers.get(self.start..self.end).unwrap_or_default()
    }

    /// Keeps at most the first `kept` items and inserts `new` before them. Allocates only to grow.
    fn prepend(&mut self, new: &[T], kept: usize) {
        let kept = kept.min(self.end - self.start);
        self.end = self.start + kept;
        if self.start < new.len() {
            self.make_room(new, kept);
        }
        self.start -= new.len();
        if let Some(front) = self.buffers.get_mut(self.start..self.start + new.len()) {
            front.copy_from_slice(new);
        }
    }

    /// Moves the kept items to the end of a buffer of at least twice the required size, so that moves are rare. `new`
    /// is not empty.
    #[cold]
    fn make_room(&mut self, new: &[T], kept: usize) {
        let Some(filler) = new.first() else { return };
        let len = 2 * (kept + new.len());
        if self.buffers.len() < len {
            self.buffers.resize(len, *filler);
        }
        let to = self.buffers.len() - kept;
        self.buffers.copy_within(self.start..self.end, to);
        self.start = to;
        self.end = to + kept;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn prefix_buffer_equals_a_list(
            steps in proptest::collection::vec((proptest::collection::vec(any::<u16>(), 0..9), 0..40_usize), 0..60),
        ) {
            let (mut front, mut list) = (PrefixBuffer::default(), Vec::new());
            for (new, kept) in steps {
                front.prepend(&new, kept);
                list.truncate(kept);
                list.splice(0..0, new);
                prop_assert_eq!(front.get(), &list);
            }
        }
    }

    #[test]
    fn cached_prefix_stays_in_bounds() {
        let mut front = PrefixBuffer::default();
        front.prepend(&[0; 20], 0);
        let buffers = front.buffers.len();
        for round in 0..1000 {
            front.prepend(&[round; 3], 17);
            assert_eq!((front.get().len(), front.buffers.len()), (20, buffers));
        }
    }
}
