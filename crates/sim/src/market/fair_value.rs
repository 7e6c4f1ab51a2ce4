//! The fair value around which orders arrive.

use ticklot_book::Ticks;

/// Units per tick, because a slow market moves by less than a tick per step.
const MILLI: i64 = 1_000;

/// A random walk with momentum, bounded by a range of prices.
#[derive(Clone, Debug)]
pub(crate) struct FairValue {
    milliticks: i64,
    velocity: i64,
    volatility: i64,
    min: i64,
    max: i64,
}

impl FairValue {
    pub(crate) fn new(start: Ticks, min: Ticks, max: Ticks, volatility: u32) -> Self {
        let (min, max) = (milli(min), milli(max.max(min)));
        Self {
            milliticks: milli(start).clamp(min, max),
            velocity: 0,
            volatility: i64::from(volatility),
            min,
            max,
        }
    }

    pub(crate) fn ticks(&self) -> Ticks {
        Ticks((self.milliticks + MILLI / 2).div_euclid(MILLI))
    }

    /// Makes a step. The velocity is reversed at an end of the range.
    pub(crate) fn drift(&mut self, rng: &mut fastrand::Rng) {
        let push = rng.i64(-self.volatility..=self.volatility);
        self.velocity = self.velocity * 3 / 4 + push;
        let moved = self.milliticks.saturating_add(self.velocity);
        if moved < self.min || moved > self.max {
            self.velocity = -self.velocity;
        }
        self.milliticks = moved.clamp(self.min, self.max);
    }

    /// Sets the value. It is clamped to the range.
    pub(super) fn set(&mut self, value: Ticks) {
        self.milliticks = milli(value).clamp(self.min, self.max);
    }
}

fn milli(ticks: Ticks) -> i64 {
    ticks.0.saturating_mul(MILLI)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_stays_in_range() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut fair = FairValue::new(Ticks(50), Ticks(40), Ticks(60), 2_000);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2_000 {
            fair.drift(&mut rng);
            seen.insert(fair.ticks().0);
        }
        assert_eq!(seen.first(), Some(&40));
        assert_eq!(seen.last(), Some(&60));
    }

    #[test]
    fn clamps_value_to_range() {
        let mut fair = FairValue::new(Ticks(500), Ticks(1), Ticks(99), 0);
        assert_eq!(fair.ticks(), Ticks(99));
        fair.set(Ticks(-3));
        assert_eq!(fair.ticks(), Ticks(1));
    }
}
