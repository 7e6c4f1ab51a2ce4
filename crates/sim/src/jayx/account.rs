//! Trading accounts, which an API key identifies.

use std::fmt;

use ticklot_book::parse_decimal;

/// An account that trades. A client with its API key receives its balances and orders. The debug output omits the key.
///
/// An account trades a symbol if the symbol's name is the concatenation of two of its assets: `BTCUSDT` has the base
/// asset `BTC` and the quote asset `USDT`. There are no fees.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The API key.
    pub api_key: String,
    /// The initial funds, in the order of the balances message.
    pub funds: Vec<Funds>,
    /// The percentage of a market's steps in which the account places or cancels an order. 0 for an idle account.
    pub activity: u32,
    /// The maximum number of open orders per symbol.
    pub max_orders: usize,
}

/// The initial amount of an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funds {
    /// The asset's name.
    pub asset: String,
    /// A decimal number of at least zero, with at most as many decimal places as a price times a quantity.
    pub amount: String,
}

impl Account {
    /// The account with the key `ak_demo_ticklot`, 2 BTC and 150,000 USDT, an activity of 25 % and at most eight open
    /// orders.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            api_key: "ak_demo_ticklot".to_owned(),
            funds: vec![Funds::new("BTC", "2"), Funds::new("USDT", "150000")],
            activity: 25,
            max_orders: 8,
        }
    }

    /// The indexes of the two assets of a symbol among the funds.
    pub(super) fn pair(&self, symbol: &str) -> Option<AssetPair> {
        let index = |name: &str| self.funds.iter().position(|it| it.asset == name);
        let bases = self.funds.iter().enumerate();
        let mut pairs = bases.filter_map(|(base, funds)| {
            let quote = index(symbol.strip_prefix(funds.asset.as_str())?)?;
            Some(AssetPair { base, quote })
        });
        pairs.find(|pair| pair.base != pair.quote)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("funds", &self.funds)
            .field("activity", &self.activity)
            .field("max_orders", &self.max_orders)
            .finish_non_exhaustive()
    }
}

impl Funds {
    /// An amount of an asset.
    #[must_use]
    pub fn new(asset: &str, amount: &str) -> Self {
        Self {
            asset: asset.to_owned(),
            amount: amount.to_owned(),
        }
    }

    /// The amount in units of 10^-`decimals`.
    pub(super) fn units(&self, decimals: u8) -> Option<i128> {
        let units = parse_decimal(self.amount.as_bytes(), decimals).ok()?;
        (units >= 0).then(|| units.into())
    }
}

/// The indexes of a symbol's two assets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AssetPair {
    pub(super) base: usize,
    pub(super) quote: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbol_names_two_assets() {
        let demo = Account::demo();
        assert_eq!(demo.pair("BTCUSDT"), Some(AssetPair { base: 0, quote: 1 }));
        assert_eq!(demo.pair("USDTBTC"), Some(AssetPair { base: 1, quote: 0 }));
        for symbol in ["ETHUSDT", "BTC", "BTCBTC", ""] {
            assert_eq!(demo.pair(symbol), None, "{symbol}");
        }
    }

    #[test]
    fn debug_hides_api_key() {
        let shown = format!("{:?}", super::super::Config::default());
        assert!(shown.contains("USDT") && !shown.contains("ak_demo"));
    }

    #[test]
    fn amounts_are_exact_decimals() {
        let units = |amount| Funds::new("BTC", amount).units(8);
        assert_eq!(units("0.00000001"), Some(1));
        assert_eq!(units("150000"), Some(15_000_000_000_000));
        for amount in ["0.000000001", "-1", "x", ""] {
            assert_eq!(units(amount), None, "{amount}");
        }
    }
}
