//! A prediction market: two outcomes with separate books.

use ticklot_book::Ticks;

use super::{Market, MarketConfig};

/// The sum of both fair values, in ticks, because one of the outcomes pays a whole unit.
const WHOLE: i64 = 100;

/// The YES and NO books of one prediction market.
///
/// Their fair values add up to one, but their orders are independent. Neither book mirrors the other.
#[derive(Clone, Debug)]
pub struct OutcomePair {
    yes: Market,
    no: Market,
}

impl OutcomePair {
    /// Creates a market. `fair` is the initial fair value of YES, 1 to 99 ticks of 0.01.
    #[must_use]
    pub fn new(fair: Ticks, seed: u64) -> Self {
        Self::with_owners(fair, seed, MarketConfig::outcome(fair).owners)
    }

    /// Creates a market with a number of simulated traders. See [`MarketConfig::owners`].
    #[must_use]
    pub fn with_owners(fair: Ticks, seed: u64, owners: u32) -> Self {
        let outcome = |fair| MarketConfig {
            owners,
            ..MarketConfig::outcome(fair)
        };
        Self {
            yes: Market::new(outcome(fair), seed),
            // An arbitrary constant, so that the outcomes draw different random numbers.
            no: Market::new(outcome(Ticks(WHOLE - fair.0)), seed ^ 0x9e37_79b9_7f4a_7c15),
        }
    }

    /// Makes a step of both books. See [`Market::step`].
    pub fn step(&mut self, now_ms: u64) {
        self.yes.step(now_ms);
        self.no.step_at(Ticks(WHOLE - self.yes.fair().0), now_ms);
    }

    /// The book of YES.
    #[must_use]
    pub fn yes(&self) -> &Market {
        &self.yes
    }

    /// The book of NO.
    #[must_use]
    pub fn no(&self) -> &Market {
        &self.no
    }
}
