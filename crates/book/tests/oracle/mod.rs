//! Shared by the tests of the book and by the fuzz targets: a naive book, naive views, and seeded random
//! numbers.

#![allow(dead_code)] // each test binary uses a part

pub(crate) mod views;

use std::collections::{BTreeMap, BTreeSet};

use ticklot_book::{Change, Changes, Level, Lots, Side, Ticks};

pub(crate) fn level(ticks: i64, lots: i64) -> Level {
    Level::new(Ticks(ticks), Lots(lots))
}

pub(crate) fn counted(ticks: i64, lots: i64, count: u32) -> Level {
    Level {
        count,
        ..level(ticks, lots)
    }
}

/// A random number generator: Marsaglia's xorshift64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from 0 to below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    pub(crate) fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::try_from(self.below(values.len() as u64)).unwrap()]
    }

    /// A number from `low` to below `high`.
    pub(crate) fn range(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.below(u64::try_from(high - low).unwrap())).unwrap()
    }
}

/// A book of two maps from price to lots and count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Naive {
    pub(crate) sides: [BTreeMap<i64, (i64, u32)>; 2],
}

impl Naive {
    /// The book of a snapshot. The error is an invalid side.
    pub(crate) fn of(bids: &[Level], asks: &[Level]) -> Result<Self, Side> {
        let mut naive = Self::default();
        for (side, levels) in [(Side::Bid, bids), (Side::Ask, asks)] {
            let prices: BTreeSet<i64> = levels.iter().map(|level| level.ticks.0).collect();
            if prices.len() < levels.len() || levels.iter().any(|level| level.lots.0 < 0) {
                return Err(side);
            }
            for level in levels {
                naive.set(side, *level);
            }
        }
        Ok(naive)
    }

    pub(crate) fn side(&self, side: Side) -> &BTreeMap<i64, (i64, u32)> {
        &self.sides[side as usize]
    }

    /// Sets or removes a level, and returns the previous one.
    pub(crate) fn set(&mut self, side: Side, level: Level) -> (i64, u32) {
        let map = &mut self.sides[side as usize];
        let old = if level.lots.0 == 0 {
            map.remove(&level.ticks.0)
        } else {
            map.insert(level.ticks.0, (level.lots.0, level.count))
        };
        old.unwrap_or_default()
    }

    /// The levels of a side, best first.
    pub(crate) fn levels(&self, side: Side) -> Vec<Level> {
        let all = self.side(side).iter();
        let mut all: Vec<Level> = all.map(|(&t, &(l, c))| counted(t, l, c)).collect();
        if side == Side::Bid {
            all.reverse();
        }
        all
    }

    pub(crate) fn best(&self, side: Side) -> Option<Level> {
        let map = self.side(side);
        let best = match side {
            Side::Bid => map.last_key_value(),
            Side::Ask => map.first_key_value(),
        };
        best.map(|(&t, &(l, c))| counted(t, l, c))
    }

    pub(crate) fn worst(&self, side: Side) -> Option<Level> {
        let map = self.side(side);
        let worst = match side {
            Side::Bid => map.first_key_value(),
            Side::Ask => map.last_key_value(),
        };
        worst.map(|(&t, &(l, c))| counted(t, l, c))
    }

    pub(crate) fn is_crossed(&self) -> bool {
        let best = self.best(Side::Bid).zip(self.best(Side::Ask));
        best.is_some_and(|(bid, ask)| bid.ticks > ask.ticks)
    }

    /// The changes from this book to `new`, bids first, best first.
    pub(crate) fn changes_to(&self, new: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        for side in [Side::Bid, Side::Ask] {
            let (old, new) = (self.side(side), new.side(side));
            let mut prices: Vec<i64> = old.keys().chain(new.keys()).copied().collect();
            prices.sort_unstable();
            prices.dedup();
            if side == Side::Bid {
                prices.reverse();
            }
            prices.retain(|price| old.get(price) != new.get(price));
            changes.extend(prices.into_iter().map(|price| Change {
                side,
                ticks: Ticks(price),
                old_lots: Lots(old.get(&price).map_or(0, |level| level.0)),
                new_lots: Lots(new.get(&price).map_or(0, |level| level.0)),
                count: new.get(&price).map_or(0, |level| level.1),
            }));
        }
        changes
    }

    /// Applies changes, as a mirror of a book does.
    pub(crate) fn mirror(&mut self, changes: Changes<'_>) {
        for change in changes {
            let level = counted(change.ticks.0, change.new_lots.0, change.count);
            let old = self.set(change.side, level);
            assert_eq!(old.0, change.old_lots.0, "{change:?}");
        }
    }

    /// The digest, by its definition.
    pub(crate) fn crc32(&self) -> u32 {
        let side = |side| {
            let levels = self.levels(side).into_iter();
            let levels = levels.map(|level| format!("{}:{}", level.ticks, level.lots));
            levels.collect::<Vec<_>>().join(",")
        };
        naive_crc32(format!("{}|{}", side(Side::Bid), side(Side::Ask)).as_bytes())
    }
}

/// The CRC-32 by its definition, bit by bit.
pub(crate) fn naive_crc32(text: &[u8]) -> u32 {
    !text.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    })
}
