//! An incremental feed of a deep market, with one level in each message.

use ticklot_book::{Level, Lots, Side, Ticks};

/// The approximate number of levels a side.
pub const WALK_LEVELS: usize = 1_100;

/// Sets one level of one side, or removes it if it has no lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkStep {
    /// The side.
    pub side: Side,
    /// The new level.
    pub level: Level,
}

/// The price at the start, in ticks: 61,800.0 with a tick of 0.1.
const START: i64 = 618_000;
/// The mean distance from the touch of about half of the changes, in ticks.
const NEAR: f64 = 25.0;
/// The same for most of the other ones.
const DEEP: f64 = 900.0;
/// One message in this many moves the touch by a tick.
const MOVES: u32 = 12;
/// One message in this many is far from the touch: up to half the price, beyond any window around the touch.
const FAR: u32 = 400;

/// The seeded market behind the feed.
struct Market {
    random: u64,
    /// The best bid is at most this, and the best ask is higher.
    touch: i64,
    /// The current direction of the price.
    drift: i64,
    sides: [std::collections::BTreeMap<i64, i64>; 2],
}

/// The initial levels of a market that `seed` determines, and its first `steps` messages.
///
/// There are about [`WALK_LEVELS`] levels a side. Levels are added, changed and removed as on a venue's incremental feed:
/// most near the touch, some deep, and a few beyond any window around the touch. The price moves by single ticks, with runs
/// of some thousand ticks in one direction, so it leaves any window of the size of the book. Levels in its path are removed
/// first, best first, as by trades. No message crosses the book, and no side becomes empty.
#[must_use]
pub fn walk(seed: u64, steps: usize) -> (Vec<WalkStep>, Vec<WalkStep>) {
    let mut market = Market {
        random: seed | 1,
        touch: START,
        drift: 1,
        sides: Default::default(),
    };
    let mut first = Vec::new();
    while market.sides.iter().any(|side| side.len() < WALK_LEVELS) {
        let side = market.side();
        market.add_level(side, &mut first);
    }
    let mut all = Vec::with_capacity(steps);
    while all.len() < steps {
        market.step(&mut all);
    }
    all.truncate(steps);
    (first, all)
}

impl Market {
    /// A random number below `end` (Marsaglia's xorshift64).
    fn below(&mut self, end: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let high = u32::try_from(self.random >> 32).unwrap_or(0);
        u32::try_from((u64::from(high) * u64::from(end)) >> 32).unwrap_or(0)
    }

    /// A distance from the touch, exponentially distributed.
    fn distance(&mut self, mean: f64) -> i64 {
        let part = f64::from(self.below(1 << 20) + 1) / f64::from(1 << 20);
        #[allow(clippy::cast_possible_truncation)] // some thousands
        let ticks = (-part.ln() * mean) as i64;
        ticks
    }

    fn side(&mut self) -> Side {
        if self.below(2) == 0 {
            Side::Bid
        } else {
            Side::Ask
        }
    }

    /// A price on a side: near, deep or far away.
    fn price(&mut self, side: Side) -> i64 {
        let distance = match self.below(FAR) {
            0 => i64::from(self.below(300_000)),
            n if n % 2 == 0 => self.distance(NEAR),
            _ => self.distance(DEEP),
        };
        match side {
            Side::Bid => self.touch - distance,
            Side::Ask => self.touch + 1 + distance,
        }
    }

    fn set(&mut self, side: Side, ticks: i64, lots: i64, out: &mut Vec<WalkStep>) {
        let levels = &mut self.sides[side as usize];
        if lots == 0 {
            levels.remove(&ticks);
        } else {
            levels.insert(ticks, lots);
        }
        let level = Level::new(Ticks(ticks), Lots(lots));
        out.push(WalkStep { side, level });
    }

    /// Adds a level.
    fn add_level(&mut self, side: Side, out: &mut Vec<WalkStep>) {
        let ticks = self.price(side);
        let lots = i64::from(self.below(50_000)) + 1;
        self.set(side, ticks, lots, out);
    }

    /// Removes a level near a price.
    fn remove_level(&mut self, side: Side, out: &mut Vec<WalkStep>) {
        let price = self.price(side);
        let levels = &self.sides[side as usize];
        let near = match side {
            Side::Bid => levels.range(..=price).next_back(),
            Side::Ask => levels.range(price..).next(),
        };
        if let Some((&ticks, _)) = near.filter(|_| levels.len() > 1) {
            self.set(side, ticks, 0, out);
        }
    }

    /// Moves the touch by a tick, and removes the level in its path.
    fn shift(&mut self, out: &mut Vec<WalkStep>) {
        if self.below(6_000) == 0 {
            self.drift = -self.drift;
        }
        let with = self.below(10) < 7;
        let to = self.touch + if with { self.drift } else { -self.drift };
        let (side, taken) = if to > self.touch {
            (Side::Ask, to)
        } else {
            (Side::Bid, self.touch)
        };
        if self.sides[side as usize].contains_key(&taken) {
            self.set(side, taken, 0, out);
        }
        self.touch = to;
    }

    fn step(&mut self, out: &mut Vec<WalkStep>) {
        if self.below(MOVES) == 0 {
            self.shift(out);
        }
        let side = self.side();
        // Replaces removed levels while there are too few.
        let full = self.sides[side as usize].len() > WALK_LEVELS;
        match self.below(5) {
            0 if full => self.remove_level(side, out),
            0 => self.add_level(side, out),
            1 => self.remove_level(side, out),
            2 => self.add_level(side, out),
            _ => self.change_level(side, out),
        }
    }

    /// Changes the lots of an existing level.
    fn change_level(&mut self, side: Side, out: &mut Vec<WalkStep>) {
        let price = self.price(side);
        let levels = &self.sides[side as usize];
        let near = match side {
            Side::Bid => levels.range(..=price).next_back(),
            Side::Ask => levels.range(price..).next(),
        };
        if let Some((&ticks, _)) = near {
            let lots = i64::from(self.below(50_000)) + 1;
            self.set(side, ticks, lots, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use ticklot_book::{Book, BookState, Ladder, Nanos, Scale, Storage};

    use super::*;

    #[test]
    fn walk_matches_its_description() {
        let (first, steps) = walk(crate::SEED, 400_000);
        let mut book = Book::<Ladder>::with_storage(Scale::UNIT);
        book.apply_snapshot(&[], &[], Nanos(0)).unwrap();
        for step in &first {
            book.set(step.side, step.level, Nanos(0)).unwrap();
        }
        let (mut low, mut high, mut levels) = (i64::MAX, i64::MIN, 0);
        for step in &steps {
            book.set(step.side, step.level, Nanos(1)).unwrap();
            assert_eq!(book.state(), BookState::Live);
            let bid = book.best_bid().unwrap().ticks.0;
            (low, high) = (low.min(bid), high.max(bid));
            levels += book.levels_of_both();
        }
        let mean = levels / steps.len() / 2;
        let taken = steps.iter().filter(|step| step.level.lots.0 == 0).count();
        println!("{mean} levels a side, touch from {low} to {high}, {taken} taken out");
        assert!((900..1_300).contains(&mean), "{mean} levels a side");
        assert!(high - low > 4_096, "the price walks: {low} to {high}");
        assert!(
            taken * 10 > steps.len(),
            "{taken} of {} removed",
            steps.len()
        );
        let window = book.storage(Side::Bid).window();
        let beyond = book
            .levels(Side::Bid)
            .filter(|level| level.ticks < window.1);
        assert!(beyond.count() > 0, "some are beyond the window");
    }

    trait Both {
        fn levels_of_both(&self) -> usize;
    }

    impl<S: Storage> Both for Book<S> {
        fn levels_of_both(&self) -> usize {
            self.depth_levels(Side::Bid) + self.depth_levels(Side::Ask)
        }
    }
}
