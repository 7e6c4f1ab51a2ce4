//! Lists that go on as the one before did.
//!
//! A list of recent trades, newest first, is mostly the list of the message before: some new ones, then
//! the same text as last time, less what was dropped at its end. Text that was read once need not be read
//! again. So the text is kept, and a list is read only up to where the kept one begins again; the
//! rest is compared, byte for byte, which is several times faster than reading it.
//!
//! Nothing is taken on trust: what is not the same text to the last byte is read as if nothing were kept.
//! The time it takes is bounded: for each template that is tried, a list is compared once, and read twice at most.

use ticklot_book::MAX_LEVELS;

use crate::pull::PullParser;
use crate::record::Record;

/// How many bytes of a list's first item decide whether the list may be the kept one, at most.
const HEAD: usize = 64;

/// The longest list that is kept, in bytes. A longer one is read each time.
const MAX_KEPT: usize = 1 << 16;

/// A list, and its text to compare the next one with.
#[derive(Clone, Debug)]
pub(crate) struct ListCache<T> {
    /// From the beginning of the list to the closing brace of its last item; empty if nothing is kept.
    text: PrefixBuffer<u8>,
    /// The items of that text.
    items: PrefixBuffer<T>,
    /// Items as they are read: what is new of a list, or one that is not kept.
    fresh: Vec<T>,
    /// Whether the list is `items`, or else `fresh`.
    is_kept: bool,
    /// How much of the text is looked for: the first item, or as much of it as [`HEAD`] allows.
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

    /// For a list that is read in another way: empty, and nothing is kept.
    pub(crate) fn uncached(&mut self) -> &mut Vec<T> {
        self.cached_prefix = 0;
        self.begin();
        &mut self.fresh
    }

    /// Begins with another list, which is empty so far.
    pub(crate) fn begin(&mut self) {
        self.is_kept = false;
        self.fresh.clear();
    }

    /// Whether the kept list may go on here.
    fn may_continue(&self, text: &[u8]) -> bool {
        let cached_prefix = self
            .text
            .get()
            .get(..self.cached_prefix)
            .unwrap_or_default();
        // The first number of an item is among the first bytes, and mostly another one.
        let may_be = text.first_chunk::<16>() == cached_prefix.first_chunk();
        may_be && !cached_prefix.is_empty() && text.starts_with(cached_prefix)
    }

    /// What is kept now begins with `first`, if it is not empty, or as before.
    fn set_prefix(&mut self, first: &[u8]) {
        if !first.is_empty() {
            let first = first.get(..HEAD).unwrap_or(first);
            self.cached_prefix = memchr::memchr(b'}', first).map_or(first.len(), |brace| brace + 1);
        }
        self.is_kept = true;
    }

    /// The items that were read are the whole list, whose text is this.
    fn keep(&mut self, text: &[u8]) {
        if text.len() > MAX_KEPT {
            self.cached_prefix = 0;
            return;
        }
        self.text.prepend(text, 0);
        self.items.prepend(&self.fresh, 0);
        self.set_prefix(text);
    }

    /// The fresh items have this text before them, the comma behind included: `new`. If the `rest`, up to the list's bracket,
    /// is what the kept list begins with, its items are put behind them. None if it is not; nothing is changed then.
    fn try_splice(&mut self, new: &[u8], rest: &[u8]) -> Option<()> {
        let kept = self.text.get();
        let (same, dropped) = kept.split_at_checked(rest.len())?;
        // Inside an item there is no brace, so that behind one the item has ended.
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

    /// Reads a list. Its items that were in the list before are not read again.
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
        // Only items without other fields are kept: those might have braces.
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

/// A list that grows at its front and shrinks at its end, and mostly stays where it is.
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

    /// Leaves the first `kept` of what there is, or all, and puts `new` before them. Allocates only to
    /// grow.
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

    /// Moves what is kept to the end of a space that is twice as long as it must be, so that it moves
    /// once in a while. `new` is not empty.
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
        fn a_front_is_a_list(
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
