//! JSON serialization, exact decimals and timestamps.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use ticklot_book::{Lots, Scale, Side, Ticks};

/// The last second of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// Serializes a message. Cannot fail, because all map keys are strings.
pub(super) fn to_json(message: &impl Serialize) -> String {
    serde_json::to_string(message).unwrap_or_default()
}

/// `BUY` for a bid, `SELL` for an ask.
#[must_use]
pub fn buy_or_sell(side: Side) -> &'static str {
    match side {
        Side::Bid => "BUY",
        Side::Ask => "SELL",
    }
}

/// `units` of 10^-`decimals`, as a JSON number. Trailing zeros are omitted beyond `min_decimals` decimal places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    pub units: i128,
    pub decimals: u8,
    pub min_decimals: u8,
}

impl Decimal {
    /// A price with all decimal places of its scale.
    #[must_use]
    pub fn price(ticks: Ticks, scale: Scale) -> Self {
        let decimals = scale.price_decimals();
        Self {
            units: ticks.0.into(),
            decimals,
            min_decimals: decimals,
        }
    }

    /// A quantity.
    #[must_use]
    pub fn quantity(lots: Lots, scale: Scale, min_decimals: u8) -> Self {
        Self {
            units: lots.0.into(),
            decimals: scale.quantity_decimals(),
            min_decimals,
        }
    }

    /// A price times a quantity. The decimal places of the factors add up, so that the product is exact.
    #[must_use]
    pub fn total(ticks: Ticks, lots: Lots, scale: Scale, min_decimals: u8) -> Self {
        Self {
            units: i128::from(ticks.0) * i128::from(lots.0),
            decimals: scale.price_decimals() + scale.quantity_decimals(),
            min_decimals,
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (decimals, sign) = (usize::from(self.decimals), self.units < 0);
        let (units, width) = (self.units.unsigned_abs(), decimals + 1);
        let digits = format!("{units:0width$}");
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        let min = decimals.min(self.min_decimals.into());
        let fraction = &fraction[..fraction.trim_end_matches('0').len().max(min)];
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{}{whole}{point}{fraction}", if sign { "-" } else { "" })
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = RawValue::from_string(self.to_string());
        number.map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// A time in milliseconds since the epoch, serialized in whole seconds: `"2026-02-17T10:40:00Z"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IsoTime(pub u64);

impl Serialize for IsoTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let since = Duration::from_secs((self.0 / 1_000).min(LAST_SECOND));
        serializer.collect_str(&humantime::format_rfc3339_seconds(UNIX_EPOCH + since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        let cases = [
            (60, 2, 2, "0.60"),
            (60, 2, 0, "0.6"),
            (50_000, 2, 0, "500"),
            (370, 2, 0, "3.7"),
            (3_000_000, 4, 1, "300.0"),
            (1_234_567, 4, 1, "123.4567"),
            (1, 4, 1, "0.0001"),
            (0, 4, 1, "0.0"),
            (7, 0, 3, "7"),
            (-5, 2, 0, "-0.05"),
        ];
        for (units, decimals, min_decimals, text) in cases {
            let decimal = Decimal {
                units,
                decimals,
                min_decimals,
            };
            assert_eq!(to_json(&decimal), text);
        }
    }

    #[test]
    fn times_are_iso() {
        let cases = [
            (0, "\"1970-01-01T00:00:00Z\""),
            (951_782_399_999, "\"2000-02-28T23:59:59Z\""),
            (951_782_400_000, "\"2000-02-29T00:00:00Z\""),
            (1_771_324_800_000, "\"2026-02-17T10:40:00Z\""),
            (4_107_542_400_000, "\"2100-03-01T00:00:00Z\""),
            (u64::MAX, "\"9999-12-31T23:59:59Z\""),
        ];
        for (ms, text) in cases {
            assert_eq!(to_json(&IsoTime(ms)), text);
        }
    }
}
