//! What is known of patterns: hash tables of fixed size, a table for each kind of item.
//!
//! A pattern that is not in its table is worked out, a few hundred instructions, and takes the place
//! of another one. A table does not grow. A server that sends a new pattern each time is read as
//! if there were no table.

use std::hint::cold_path;

use super::TABLES;
use super::form::Places;
use super::recipe::Recipe;
use super::shuffles::Shuffles;

/// What no pattern is: an item ends within the window, and not with a digit. (0 is one, of a text without
/// digits, and must not be found.)
pub(crate) const NO_KEY: u64 = u64::MAX;

/// What belongs to a pattern.
pub(crate) trait Keyed: Copy {
    /// For no pattern: its key is [`NO_KEY`].
    const NONE: Self;

    /// The pattern.
    fn key(&self) -> u64;
}

/// How many patterns of levels are known at a time, of one kind: several times as many as a few markets come in (403
/// in the recorded log of Bayse Markets), so that most are in the first of their places.
const PLACES: usize = 1 << 11;

/// How many patterns of other items, and of levels with long numbers.
const RECIPES: usize = 1 << 9;

/// The tables of a scanner. (Levels are of one shape in each venue, so that a tag is enough for theirs.)
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// For levels of the usual lengths, as AVX-512 reads them.
    pub(crate) places: Tagged<Places, PLACES>,
    /// As AVX2 does.
    pub(crate) shuffles: Tagged<Shuffles, PLACES>,
    /// For levels and for other items, of any length.
    pub(crate) recipes: [Tagged<Recipe, RECIPES>; TABLES],
}

/// A table for levels of the usual lengths.
pub(crate) type LevelTable<'t, T> = Table<'t, T, PLACES>;

/// The table of `usual` for levels of a tag. With it comes that of their recipes, which are of the table `kind`: so
/// that what allocates is done when the first levels of a tag are read, and not at the first odd one.
#[inline]
pub(crate) fn of_levels<'t, T: Keyed>(
    usual: &'t mut Tagged<T, PLACES>,
    recipes: &mut [Tagged<Recipe, RECIPES>; TABLES],
    (kind, tag): (usize, u16),
) -> Option<LevelTable<'t, T>> {
    let place = match usual.find(tag) {
        Some(place) => place,
        None => {
            recipes.get_mut(kind)?.table(tag)?;
            usual.add(tag)?
        }
    };
    usual.at(place)
}

/// How many kinds of a venue's items have tables: what comes in more scales is read without.
const MAX_TABLES: usize = 8;

/// A table for each tag of a venue's items: see [`Known::tag`](super::Known::tag).
#[derive(Debug)]
pub(crate) struct Tagged<T, const N: usize>(Vec<(u16, Box<[T; N]>)>);

impl<T, const N: usize> Default for Tagged<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Keyed, const N: usize> Tagged<T, N> {
    fn find(&self, tag: u16) -> Option<usize> {
        self.0.iter().position(|(of, _)| *of == tag)
    }

    fn at(&mut self, place: usize) -> Option<Table<'_, T, N>> {
        self.0.get_mut(place).map(|(_, table)| Table(table))
    }

    /// The table of a tag. Allocates when there is none yet; none when there are too many.
    #[inline]
    pub(crate) fn table(&mut self, tag: u16) -> Option<Table<'_, T, N>> {
        let place = match self.find(tag) {
            Some(place) => place,
            None => self.add(tag)?,
        };
        self.at(place)
    }

    #[cold]
    fn add(&mut self, tag: u16) -> Option<usize> {
        let place = self.0.len();
        if place == MAX_TABLES {
            return None;
        }
        let table = vec![T::NONE; N].into_boxed_slice();
        self.0.push((tag, table.try_into().ok()?));
        Some(place)
    }
}

/// What belongs to patterns, `N` of them, a power of two. Each has four places, of which the first is quick to find.
#[derive(Debug)]
pub(crate) struct Table<'t, T, const N: usize>(&'t mut [T; N]);

impl<T: Keyed, const N: usize> Table<'_, T, N> {
    /// The first of the places of a pattern with this hash.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // less than N
    fn place(hash: u64) -> usize {
        const { assert!(N.is_power_of_two() && N >= 4) };
        // From this bit on, so that a place of 128 bytes is a mask away.
        (hash >> 7) as usize % N
    }

    /// What belongs to a pattern, as it is known or as `make` tells. Its hash must always be the same.
    #[inline(always)]
    pub(crate) fn get(
        &mut self,
        key: u64,
        hash: u64,
        make: impl FnOnce(u64) -> Option<T>,
    ) -> Option<&T> {
        let place = Self::place(hash);
        if self.0[place].key() == key {
            return Some(&self.0[place]);
        }
        cold_path();
        self.learn(key, hash, make)
    }

    /// The same when it is in another of its places, or in the first once `make` has made it: what was there takes the
    /// next one, and so on, and what was in the last is forgotten.
    #[cold]
    #[inline(never)]
    fn learn(&mut self, key: u64, hash: u64, make: impl FnOnce(u64) -> Option<T>) -> Option<&T> {
        let first = Self::place(hash);
        let places = [0, 1, 2, 3].map(|other| first ^ other);
        let is_known = |place: &usize| self.0.get(*place).is_some_and(|known| known.key() == key);
        if let Some(place) = places.into_iter().find(is_known) {
            return self.0.get(place);
        }
        let mut next = make(key)?;
        for place in places {
            next = std::mem::replace(self.0.get_mut(place)?, next);
        }
        self.0.get(first)
    }
}

/// The top bits of a product, which every bit of the pattern is in. (Multiplicative hashing: Knuth, The Art of
/// Computer Programming, volume 3, section 6.4.)
#[inline(always)]
pub(crate) fn product(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What has the pattern and the tag, to be told apart by.
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Tag(u64, u16);

    impl Keyed for Tag {
        const NONE: Self = Self(NO_KEY, 0);

        fn key(&self) -> u64 {
            self.0
        }
    }

    fn gives_back<const N: usize>() {
        let mut tables = Tagged::<Tag, N>::default();
        let keys: Vec<u64> = (0..1000_u64).map(|n| ((n * n * 977) << 1) | 1).collect();
        for key in keys.iter().chain(&keys).chain(keys.iter().rev()) {
            for tag in [3, 5] {
                let mut table = tables.table(tag).unwrap();
                let found = table.get(*key, product(*key), |key| Some(Tag(key, tag)));
                assert_eq!(found, Some(&Tag(*key, tag)));
            }
        }
        let mut table = tables.table(3).unwrap();
        for unknown in [0xabcd_ef01, 0] {
            assert_eq!(table.get(unknown, product(unknown), |_| None), None);
        }
    }

    #[test]
    fn a_table_gives_back_what_was_put_in_and_no_others() {
        gives_back::<4>();
        gives_back::<16>();
        gives_back::<1024>();
    }

    #[test]
    fn what_is_known_is_not_made_again() {
        let mut tables = Tagged::<Tag, 1024>::default();
        let mut made = 0;
        for _ in 0..3 {
            for key in 0..20 {
                let mut table = tables.table(0).unwrap();
                table.get(key, product(key), |key| {
                    made += 1;
                    Some(Tag(key, 0))
                });
            }
        }
        assert!((20..30).contains(&made), "{made}");
    }

    #[test]
    fn tables_are_bounded() {
        let mut tables = Tagged::<Tag, 4>::default();
        for tag in 0..100 {
            assert_eq!(tables.table(tag).is_some(), usize::from(tag) < MAX_TABLES);
        }
        assert!(tables.table(0).is_some(), "the first ones stay");
    }
}
