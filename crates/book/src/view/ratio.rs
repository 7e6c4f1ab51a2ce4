//! The results of views: exact sums and ratios.

use core::fmt;

use crate::units::{Level, Lots, Ticks};

/// A price in half ticks: twice the price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct HalfTicks(pub i128);

impl HalfTicks {
    /// The price in ticks, rounded down.
    #[must_use]
    pub const fn floor(self) -> i128 {
        self.0.div_euclid(2)
    }

    /// Whether the price is between two ticks.
    #[must_use]
    pub const fn is_half_tick(self) -> bool {
        self.0.rem_euclid(2) != 0
    }

    /// The price in ticks, as the nearest float.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 2.0
    }
}

/// Prints the exact price in ticks: `99` or `99.5`.
impl fmt::Display for HalfTicks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let half = if self.is_half_tick() { ".5" } else { "" };
        write!(f, "{sign}{}{half}", self.0.unsigned_abs() / 2)
    }
}

/// An exact ratio, not in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Ratio {
    /// The numerator.
    pub numerator: i128,
    /// The denominator; positive in all ratios that views return.
    pub denominator: i128,
}

impl Ratio {
    /// The ratio rounded down; `None` when the denominator is zero.
    #[must_use]
    pub const fn floor(self) -> Option<i128> {
        self.numerator.checked_div_euclid(self.denominator)
    }

    /// The ratio as a float. The last bits may be off, because both parts are rounded before the division.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn to_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

/// The total of some levels of a side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Depth {
    /// The sum of their lots.
    pub lots: i128,
    /// The number of levels.
    pub levels: usize,
    /// Whether the book covers the whole requested range. If not, the true total may be larger.
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

/// The depths of both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Imbalance {
    /// The depth of the bids.
    pub bids: Depth,
    /// The depth of the asks.
    pub asks: Depth,
}

impl Imbalance {
    /// (bids - asks) / (bids + asks): from -1 (only asks) to 1 (only bids). `None` when both sides are empty.
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

/// The cost of an order that takes a quantity from a side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Fill {
    /// The requested lots.
    pub requested: Lots,
    /// The lots that the book can fill.
    pub lots: Lots,
    /// The worst price of the fill: the limit price of an order that takes all of it.
    pub worst: Option<Ticks>,
    /// The number of levels used, the last one possibly in part.
    pub levels: usize,
    /// The sum of ticks times lots. It fits, because the lots and each price are `i64`.
    pub cost: i128,
}

impl Fill {
    pub(super) fn take(&mut self, level: Level, lots: Lots) {
        self.lots = self.lots + lots;
        self.worst = Some(level.ticks);
        self.levels += 1;
        self.cost += i128::from(level.ticks.0) * i128::from(lots.0);
    }

    /// Whether the book can fill all requested lots.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.lots >= self.requested
    }

    /// The average price (VWAP) of the fill in ticks; `None` when it is empty.
    #[must_use]
    pub fn average(&self) -> Option<Ratio> {
        (self.lots > Lots(0)).then(|| Ratio {
            numerator: self.cost,
            denominator: i128::from(self.lots.0),
        })
    }
}
