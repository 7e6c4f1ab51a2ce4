//! Exact numbers as text.

use ticklot::Scale;

use crate::watch::model::BookModel;

/// `number` times 10^-`decimals` as a decimal text.
pub(crate) fn decimal(number: i128, decimals: u8) -> String {
    if decimals == 0 {
        return number.to_string();
    }
    let sign = if number < 0 { "-" } else { "" };
    let (number, one) = (number.unsigned_abs(), 10_u128.pow(decimals.into()));
    let (whole, part, decimals) = (number / one, number % one, usize::from(decimals));
    format!("{sign}{whole}.{part:0decimals$}")
}

/// A quantity of a book, or a sum of quantities, without the decimals that are zero in all of its quantities.
pub(crate) fn quantity(book: &BookModel, lots: i128) -> String {
    let shown = book.quantity_decimals;
    let over = book.scale.quantity_decimals().saturating_sub(shown);
    // The removed digits are zeros.
    decimal(lots / 10_i128.pow(u32::from(over)), shown)
}

/// A price, or a sum of prices.
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
