//! A ring of the last few items.

/// The last `N` pushed items, and the number of all. Allocates nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recent<T, const N: usize> {
    items: [T; N],
    count: u64,
    /// How many there were when all were last dropped.
    dropped: u64,
}

impl<T: Copy + Default, const N: usize> Recent<T, N> {
    pub(crate) fn new() -> Self {
        Self {
            items: [T::default(); N],
            count: 0,
            dropped: 0,
        }
    }

    pub(crate) fn push(&mut self, item: T) {
        self.items[place::<N>(self.count)] = item;
        self.count += 1;
    }

    /// Drops all.
    pub(crate) fn clear(&mut self) {
        // So that a copy that is older differs in its count.
        self.count += 1;
        self.dropped = self.count;
    }

    /// A number that each change raises: at least how many were ever pushed.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Those that are kept, the newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let kept = (self.count - self.dropped).min(N as u64);
        (1..=kept).map(|back| &self.items[place::<N>(self.count - back)])
    }
}

/// Where the item of this number is kept.
#[allow(clippy::cast_possible_truncation)] // below `N`
fn place<const N: usize>(number: u64) -> usize {
    (number % N as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_items_come_first() {
        let mut recent = Recent::<u8, 3>::new();
        let kept = |recent: &Recent<u8, 3>| recent.iter().copied().collect::<Vec<_>>();
        assert!(kept(&recent).is_empty());
        for (item, want) in [
            (1, vec![1]),
            (2, vec![2, 1]),
            (3, vec![3, 2, 1]),
            (4, vec![4, 3, 2]),
        ] {
            recent.push(item);
            assert_eq!(kept(&recent), want);
            assert_eq!(recent.count(), u64::from(item));
        }
        recent.clear();
        assert!(kept(&recent).is_empty() && recent.count() > 4);
        recent.push(5);
        assert_eq!(kept(&recent), [5]);
    }
}
