//! A ring of the last few items.

/// The last `N` added items, and the number of all. Allocates nothing itself.
#[derive(Clone, Debug)]
pub(crate) struct Recent<T, const N: usize> {
    items: [T; N],
    count: u64,
    /// The value of `count` when the items were last dropped.
    dropped: u64,
}

impl<T: Clone + Default, const N: usize> Recent<T, N> {
    pub(crate) fn new() -> Self {
        Self {
            items: std::array::from_fn(|_| T::default()),
            count: 0,
            dropped: 0,
        }
    }

    /// Adds an item, and returns its slot, which holds an older item.
    pub(crate) fn push_slot(&mut self) -> &mut T {
        self.count += 1;
        &mut self.items[index::<N>(self.count - 1)]
    }

    /// Drops all items.
    pub(crate) fn clear(&mut self) {
        // Counts as a change, so that an older copy has another count.
        self.count += 1;
        self.dropped = self.count;
    }

    /// Copies the items that `newer` has in addition. `self` must be an earlier copy of it.
    pub(crate) fn follow(&mut self, newer: &Self) {
        let kept = newer.count.saturating_sub(N as u64);
        for index in (self.count.max(kept)..newer.count).map(index::<N>) {
            self.items[index].clone_from(&newer.items[index]);
        }
        (self.count, self.dropped) = (newer.count, newer.dropped);
    }

    /// A number that grows with each change, at least the number of added items.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The kept items, the newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let kept = (self.count - self.dropped).min(N as u64);
        (1..=kept).map(|back| &self.items[index::<N>(self.count - back)])
    }
}

/// The index of the item with this number.
#[allow(clippy::cast_possible_truncation)] // below `N`
fn index<const N: usize>(number: u64) -> usize {
    (number % N as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    type Three = Recent<u8, 3>;

    fn kept(recent: &Three) -> Vec<u8> {
        recent.iter().copied().collect()
    }

    #[test]
    fn newest_items_come_first() {
        let mut recent = Three::new();
        assert!(kept(&recent).is_empty());
        let expected: [&[u8]; 4] = [&[1], &[2, 1], &[3, 2, 1], &[4, 3, 2]];
        for (item, expected) in (1..).zip(expected) {
            *recent.push_slot() = item;
            assert_eq!(kept(&recent), expected);
            assert_eq!(recent.count(), u64::from(item));
        }
        recent.clear();
        assert!(kept(&recent).is_empty() && recent.count() > 4);
        *recent.push_slot() = 5;
        assert_eq!(kept(&recent), [5]);
    }

    #[test]
    fn copies_follow_the_newest_items() {
        let (mut recent, mut copy) = (Three::new(), Three::new());
        for item in 0..200 {
            match item % 50 {
                49 => recent.clear(),
                _ => *recent.push_slot() = item,
            }
            if item % 7 < 2 || item == 199 {
                copy.follow(&recent);
                assert_eq!((kept(&copy), copy.count()), (kept(&recent), recent.count()));
            }
        }
    }
}
