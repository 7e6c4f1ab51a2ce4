//! A prediction market: two outcomes, two books.

use ticklot_book::Ticks;

use super::{Market, MarketConfig};

/// What both outcomes together are worth, in ticks: one of them pays a whole unit.
const WHOLE: i64 = 100;

/// The YES and NO books of one prediction market.
///
/// Their fair values add up to one; their orders are their own. Neither mirrors the other.
#[derive(Clone, Debug)]
pub struct OutcomePair {
    yes: Market,
    no: Market,
}

impl OutcomePair {
    /// A market whose YES is worth `fair` ticks of 0.01 at the start, 1 to 99.
    #[must_use]
    pub fn new(fair: Ticks, seed: u64) -> Self {
        Self::with_owners(fair, seed, MarketConfig::outcome(fair).owners)
    }

    /// The same market, traded by so many people. See [`MarketConfig::owners`].
    #[must_use]
    pub fn with_owners(fair: Ticks, seed: u64, owners: u32) -> Self {
        let outcome = |fair| MarketConfig {
            owners,
            ..MarketConfig::outcome(fair)
        };
        Self {
            yes: Market::new(outcome(fair), seed),
            // Any constant does, so long as the two outcomes draw differently.
            no: Market::new(outcome(Ticks(WHOLE - fair.0)), seed ^ 0x9e37_79b9_7f4a_7c15),
        }
    }

    /// Lets a step's worth of things happen in both books. See [`Market::step`].
    pub fn step(&mut self, now_ms: u64) {
        self.yes.step(now_ms);
        self.no.follow(Ticks(WHOLE - self.yes.fair().0), now_ms);
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
