//! Exact numbers as texts.

use ticklot::Scale;

use crate::watch::model::BookModel;

/// A whole number of 10^-`decimals`, as the decimal that it is.
pub(crate) fn decimal(number: i128, decimals: u8) -> String {
    let one = 10_i128.pow(u32::from(decimals));
    let sign = if number < 0 { "-" } else { "" };
    let (whole, part) = (number / one, number % one);
    if decimals == 0 {
        return format!("{number}");
    }
    let decimals = usize::from(decimals);
    let (whole, part) = (whole.unsigned_abs(), part.unsigned_abs());
    format!("{sign}{whole}.{part:0decimals$}")
}

/// A quantity, or a sum of some, of a book: without the decimals that are zero in all of its
/// quantities.
pub(crate) fn quantity(book: &BookModel, lots: i128) -> String {
    let shown = book.quantity_decimals;
    let over = book.scale.quantity_decimals().saturating_sub(shown);
    // Only zeros are cut off.
    decimal(lots / 10_i128.pow(u32::from(over)), shown)
}

/// A price, or a sum of some.
pub(crate) fn price(scale: Scale, ticks: i128) -> String {
    decimal(ticks, scale.price_decimals())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole() {
        for (number, decimals, want) in [
            (0, 0, "0"),
            (-7, 0, "-7"),
            (5, 2, "0.05"),
            (-5, 2, "-0.05"),
            (6_680_028, 2, "66800.28"),
            (i128::from(i64::MIN), 18, "-9.223372036854775808"),
        ] {
            assert_eq!(decimal(number, decimals), want);
        }
    }
}
