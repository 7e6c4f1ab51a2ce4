//! What views give: exact sums and ratios.

use core::fmt;

use crate::units::{Level, Lots, Ticks};

/// A price in half ticks: twice the price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct HalfTicks(pub i128);

impl HalfTicks {
    /// The price in ticks, the half one dropped: the next whole tick that is not above it.
    #[must_use]
    pub const fn floor(self) -> i128 {
        self.0.div_euclid(2)
    }

    /// Whether it lies between two ticks.
    #[must_use]
    pub const fn is_between(self) -> bool {
        self.0.rem_euclid(2) != 0
    }

    /// The price in ticks, to the nearest float.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 2.0
    }
}

/// In ticks, exactly: `99` or `99.5`.
impl fmt::Display for HalfTicks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let half = if self.is_between() { ".5" } else { "" };
        write!(f, "{sign}{}{half}", self.0.unsigned_abs() / 2)
    }
}

/// A ratio, exactly. Not in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Ratio {
    /// Above the line.
    pub numerator: i128,
    /// Below the line; above zero in all that views give.
    pub denominator: i128,
}

impl Ratio {
    /// The next whole number that is not above it; none when the denominator is zero.
    #[must_use]
    pub const fn floor(self) -> Option<i128> {
        self.numerator.checked_div_euclid(self.denominator)
    }

    /// The float next to it, give or take the last place: both parts are rounded before they are
    /// divided.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn to_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

/// What rests on some levels of a side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Depth {
    /// The lots of all of them.
    pub lots: i128,
    /// How many levels they are.
    pub levels: usize,
    /// Whether the book speaks for all that was asked. If not, more may rest there than it shows.
    pub covered: bool,
}

impl Depth {
    pub(super) fn of(levels: impl Iterator<Item = Level>) -> Self {
        let mut depth = Self::default();
        for level in levels {
            depth.lots += i128::from(level.lots.0);
            depth.levels += 1;
        }
        depth
    }
}

/// What rests on one side against the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Imbalance {
    /// The buyers'.
    pub bids: Depth,
    /// The sellers'.
    pub asks: Depth,
}

impl Imbalance {
    /// (bids - asks) / (bids + asks): from -1, only sellers, to 1, only buyers. None when nothing
    /// rests on either side.
    #[must_use]
    pub const fn ratio(self) -> Option<Ratio> {
        let all = self.bids.lots + self.asks.lots;
        if all == 0 {
            return None;
        }
        Some(Ratio {
            numerator: self.bids.lots - self.asks.lots,
            denominator: all,
        })
    }
}

/// What it costs to take a quantity from a side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Fill {
    /// The lots that were asked for.
    pub asked: Lots,
    /// The lots that the book shows of them.
    pub lots: Lots,
    /// The price of the last of them: the limit of an order that would take them all.
    pub worst: Option<Ticks>,
    /// How many levels they are taken from, the last one perhaps in part.
    pub levels: usize,
    /// The sum of ticks times lots. It fits: the lots are an `i64`, and so is each price.
    pub cost: i128,
}

impl Fill {
    pub(super) fn take(&mut self, level: Level, lots: Lots) {
        self.lots = self.lots + lots;
        self.worst = Some(level.ticks);
        self.levels += 1;
        self.cost += i128::from(level.ticks.0) * i128::from(lots.0);
    }

    /// Whether the book shows as much as was asked for.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.lots >= self.asked
    }

    /// The average price (VWAP) of what is filled, in ticks; none when nothing is.
    #[must_use]
    pub fn average(&self) -> Option<Ratio> {
        (self.lots > Lots(0)).then(|| Ratio {
            numerator: self.cost,
            denominator: i128::from(self.lots.0),
        })
    }
}
