//! The basic types: prices, quantities, sides, levels and times.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A price, in whole ticks: the smallest price step of the instrument.
///
/// The instrument's [`Scale`](crate::Scale) defines the value of a tick. Ticks are signed, because spreads
/// are differences and some markets trade below zero. The decoders of `ticklot-frame` reject negative prices
/// where the venue has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct Ticks(pub i64);

/// A quantity, in whole lots: the smallest quantity step of the instrument.
///
/// The instrument's [`Scale`](crate::Scale) defines the value of a lot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct Lots(pub i64);

/// A point in time, in nanoseconds of the caller's clock. Lengths of time are [`Duration`]s.
///
/// This crate reads no clock: each call that needs the time takes it as an argument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The point `ms` milliseconds after the clock's zero. Saturates.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// The point `secs` seconds after the clock's zero. Saturates.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// The time from `earlier` to `self`, or zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The point `length` after this one. Saturates.
    #[must_use]
    pub const fn after(self, length: Duration) -> Self {
        let length = length.as_nanos();
        if length > u64::MAX as u128 {
            return Self(u64::MAX);
        }
        #[allow(clippy::cast_possible_truncation)] // compared above
        Self(self.0.saturating_add(length as u64))
    }

    /// The point `length` before this one. Saturates at the clock's zero.
    #[must_use]
    pub const fn before(self, length: Duration) -> Self {
        let length = length.as_nanos();
        if length > self.0 as u128 {
            return Self(0);
        }
        #[allow(clippy::cast_possible_truncation)] // compared above
        Self(self.0 - length as u64)
    }
}

/// A side of a book, or of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Side {
    /// Buyers: the best price is the highest.
    Bid,
    /// Sellers: the best price is the lowest.
    Ask,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Bid => Self::Ask,
            Self::Ask => Self::Bid,
        }
    }

    /// The worst possible price of this side.
    #[inline]
    #[must_use]
    pub const fn worst_price(self) -> Ticks {
        match self {
            Self::Bid => Ticks(i64::MIN),
            Self::Ask => Ticks(i64::MAX),
        }
    }

    /// Whether price `a` is better than price `b` on this side.
    #[inline]
    #[must_use]
    pub const fn is_better(self, a: Ticks, b: Ticks) -> bool {
        match self {
            Self::Bid => a.0 > b.0,
            Self::Ask => a.0 < b.0,
        }
    }
}

/// A price level: the total quantity of the orders at one price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
// Decoders write whole levels with one store and rely on this order of the fields.
#[repr(C)]
pub struct Level {
    /// The price.
    pub ticks: Ticks,
    /// The quantity at this price.
    pub lots: Lots,
    /// The number of orders at this price; 0 when the venue sends no counts.
    #[cfg_attr(feature = "serde", serde(default))]
    pub count: u32,
}

impl Level {
    /// A level with an unknown number of orders.
    #[must_use]
    pub const fn new(ticks: Ticks, lots: Lots) -> Self {
        Self {
            ticks,
            lots,
            count: 0,
        }
    }
    /// The same level, with a count of 0 if it has no lots.
    #[inline]
    pub(crate) const fn normalized(self) -> Self {
        Self {
            count: if self.lots.0 == 0 { 0 } else { self.count },
            ..self
        }
    }
}

macro_rules! whole_number {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        /// Saturates at the ends of the range instead of wrapping.
        impl Add for $name {
            type Output = Self;

            #[inline]
            fn add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }
        }

        /// Saturates at the ends of the range instead of wrapping.
        impl Sub for $name {
            type Output = Self;

            #[inline]
            fn sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }
    };
}

whole_number!(Ticks);
whole_number!(Lots);

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bid => "bid",
            Self::Ask => "ask",
        })
    }
}

/// The XOR mask that converts a price to a key and back. A better price has a smaller key: for bids, flipping
/// all bits reverses the order of the whole `i64` range.
#[inline]
pub(crate) const fn flip(side: Side) -> i64 {
    match side {
        Side::Bid => -1,
        Side::Ask => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_saturates_at_both_ends() {
        let (second, most) = (Duration::from_secs(1), u64::MAX);
        for (from, after, before) in [
            (0, 1_000_000_000, 0),
            (999_999_999, 1_999_999_999, 0),
            (1_000_000_000, 2_000_000_000, 0),
            (1_000_000_001, 2_000_000_001, 1),
            (most, most, most - 1_000_000_000),
        ] {
            assert_eq!(Nanos(from).after(second), Nanos(after));
            assert_eq!(Nanos(from).before(second), Nanos(before));
        }
        let over = Duration::from_nanos(most) + Duration::from_nanos(8);
        for length in [Duration::MAX, over] {
            assert_eq!(Nanos(5).after(length), Nanos(most));
            assert_eq!(Nanos(most).before(length), Nanos(0));
        }
        assert_eq!(Nanos(7).since(Nanos(5)), Duration::from_nanos(2));
        assert_eq!(Nanos(5).since(Nanos(7)), Duration::ZERO);
        assert_eq!(Nanos::from_millis(3), Nanos(3_000_000));
        assert_eq!(Nanos::from_secs(3), Nanos(3_000_000_000));
        assert_eq!(Nanos::from_secs(most), Nanos(most));
    }

    #[test]
    fn sides_have_opposite_orders() {
        let (one, two) = (Ticks(1), Ticks(2));
        for (side, opposite, worst, name) in [
            (Side::Bid, Side::Ask, i64::MIN, "bid"),
            (Side::Ask, Side::Bid, i64::MAX, "ask"),
        ] {
            assert_eq!(
                (side.opposite(), side.worst_price()),
                (opposite, Ticks(worst))
            );
            assert_eq!(side.is_better(two, one), side == Side::Bid);
            assert_eq!(side.is_better(one, two), side == Side::Ask);
            assert!(!side.is_better(one, one));
            assert_eq!(alloc::format!("{side} {one}"), alloc::format!("{name} 1"));
        }
    }

    #[test]
    fn whole_numbers_saturate() {
        for (a, b, sum, difference) in [
            (5, 3, 8, 2),
            (i64::MAX, 1, i64::MAX, i64::MAX - 1),
            (i64::MIN, 1, i64::MIN + 1, i64::MIN),
        ] {
            assert_eq!(
                (Ticks(a) + Ticks(b), Ticks(a) - Ticks(b)),
                (Ticks(sum), Ticks(difference))
            );
            assert_eq!(
                (Lots(a) + Lots(b), Lots(a) - Lots(b)),
                (Lots(sum), Lots(difference))
            );
        }
    }
}
