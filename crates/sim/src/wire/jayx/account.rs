//! What one who trades sees of his own: balances and orders.

use std::fmt;

use ticklot_book::{Lots, Scale, Side, Ticks};

use crate::wire::text::{decimal, number, string};

/// A decimal number, exactly: `units` of 10^-`decimals`. It prints itself as a decimal without
/// needless zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many steps.
    pub units: i128,
    /// How fine a step is.
    pub decimals: u8,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        decimal(&mut text, self.units, self.decimals, 0);
        f.write_str(&text)
    }
}

/// How much of an asset an account has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The asset's name.
    pub asset: String,
    /// All of it.
    pub balance: Amount,
    /// What no open order holds back.
    pub available: Amount,
}

/// What has become of an order. The venue documents `NEW` and `CANCELED`; the other two are the
/// simulator's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderState {
    /// `NEW`: open, and nothing of it is filled.
    New,
    /// `PARTIALLY_FILLED`: open, and some of it is filled.
    PartiallyFilled,
    /// `FILLED`: all of it is filled.
    Filled,
    /// `CANCELED`: what was not filled never will be.
    Canceled,
}

impl OrderState {
    /// The venue's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::PartiallyFilled => "PARTIALLY_FILLED",
            Self::Filled => "FILLED",
            Self::Canceled => "CANCELED",
        }
    }

    /// Whether it can still be filled.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::New | Self::PartiallyFilled)
    }
}

/// An order as its owner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnOrder {
    /// Its number.
    pub id: u64,
    /// Whether it buys or sells.
    pub side: Side,
    /// The worst price that it takes; none for a market order.
    pub limit: Option<Ticks>,
    /// How much was wanted.
    pub lots: Lots,
    /// What has become of it.
    pub state: OrderState,
    /// How much was filled.
    pub filled: Lots,
    /// The sum of ticks times lots over its fills.
    pub cost: i128,
    /// The price and quantity of its last fill.
    pub last: Option<(Ticks, Lots)>,
    /// When it was placed, in milliseconds since the epoch.
    pub created_ms: u64,
    /// When it last changed, in milliseconds since the epoch.
    pub modified_ms: u64,
}

impl OwnOrder {
    /// What it holds back while it is open: of one that sells the lots that are left, of one that
    /// buys those times its limit in ticks.
    #[must_use]
    pub fn reserved(&self) -> i128 {
        let left = i128::from((self.lots - self.filled).0);
        match (self.limit, self.side) {
            (Some(_), _) if !self.state.is_open() => 0,
            (Some(limit), Side::Bid) => i128::from(limit.0) * left,
            (Some(_), Side::Ask) => left,
            (None, _) => 0,
        }
    }
}

/// Appends a payload of balances: `{"spot":[...]}`.
pub fn positions(out: &mut String, balances: &[Balance]) {
    out.push_str("{\"spot\":");
    super::list(out, balances, balance);
    out.push('}');
}

fn balance(out: &mut String, it: &Balance) {
    out.push_str("{\"asset\":");
    string(out, &it.asset);
    out.push_str(",\"balance\":");
    string(out, &it.balance.to_string());
    out.push_str(",\"available\":");
    string(out, &it.available.to_string());
    out.push('}');
}

/// Appends a payload of one's own orders, `{"cancel":[...],"modify":[...]}`: those that are open
/// no more, and those that are.
pub fn open_orders(out: &mut String, symbol: &str, scale: Scale, orders: &[OwnOrder]) {
    let (open, closed): (Vec<_>, Vec<_>) = orders.iter().partition(|it| it.state.is_open());
    let order = |out: &mut String, it: &OwnOrder| order(out, symbol, scale, it);
    out.push_str("{\"cancel\":");
    super::list(out, &closed, order);
    out.push_str(",\"modify\":");
    super::list(out, &open, order);
    out.push('}');
}

fn order(out: &mut String, symbol: &str, scale: Scale, it: &OwnOrder) {
    out.push_str("{\"id\":");
    number(out, it.id);
    out.push_str(match it.limit {
        Some(_) => ",\"type\":\"LIMIT\",\"state\":",
        None => ",\"type\":\"MARKET\",\"state\":",
    });
    string(out, it.state.name());
    out.push_str(match it.side {
        Side::Bid => ",\"side\":\"BUY\",\"resd\":",
        Side::Ask => ",\"side\":\"SELL\",\"resd\":",
    });
    number(out, it.reserved());
    out.push_str(",\"exec\":");
    number(out, it.filled);
    out.push_str(",\"cost\":");
    number(out, it.cost);
    last_fill(out, it.last);
    out.push_str(",\"created\":");
    number(out, it.created_ms);
    out.push_str(",\"modified\":");
    number(out, it.modified_ms);
    out.push_str(",\"symbol\":");
    string(out, symbol);
    let ticks = it.limit.unwrap_or_default();
    out.push_str(",\"price\":\"");
    decimal(out, ticks.0.into(), scale.price_decimals(), 0);
    out.push_str("\",\"quantity\":\"");
    decimal(out, it.lots.0.into(), scale.quantity_decimals(), 0);
    out.push_str("\"}");
}

fn last_fill(out: &mut String, last: Option<(Ticks, Lots)>) {
    let Some((ticks, lots)) = last else {
        return out.push_str(",\"lastLots\":null,\"lastTicks\":null");
    };
    out.push_str(",\"lastLots\":");
    number(out, lots);
    out.push_str(",\"lastTicks\":");
    number(out, ticks);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(units: i128, decimals: u8) -> Amount {
        Amount { units, decimals }
    }

    #[test]
    fn balances_are_written_as_the_venue_writes_them() {
        let balance = |asset: &str, amount| Balance {
            asset: asset.to_owned(),
            balance: amount,
            available: amount,
        };
        let mut out = String::new();
        let usdt = amount(993_244_065_000, 8);
        positions(
            &mut out,
            &[balance("BTC", amount(998, 6)), balance("USDT", usdt)],
        );
        assert_eq!(
            out,
            concat!(
                r#"{"spot":[{"asset":"BTC","balance":"0.000998","available":"0.000998"},"#,
                r#"{"asset":"USDT","balance":"9932.44065","available":"9932.44065"}]}"#,
            )
        );
    }

    /// In the venue's example, what is reserved is the price times the quantity.
    #[test]
    fn an_order_is_written_as_the_venue_writes_it() {
        let new = OwnOrder {
            id: 117_805_625,
            side: Side::Bid,
            limit: Some(Ticks(1_000)),
            lots: Lots(1_000),
            state: OrderState::New,
            filled: Lots(0),
            cost: 0,
            last: None,
            created_ms: 1_716_135_452_487,
            modified_ms: 1_716_135_452_487,
        };
        let mut out = String::new();
        open_orders(&mut out, "BTCUSDT", Scale::UNIT, &[new]);
        assert_eq!(
            out,
            concat!(
                r#"{"cancel":[],"modify":[{"id":117805625,"type":"LIMIT","state":"NEW","side":"BUY","#,
                r#""resd":1000000,"exec":0,"cost":0,"lastLots":null,"lastTicks":null,"#,
                r#""created":1716135452487,"modified":1716135452487,"symbol":"BTCUSDT","#,
                r#""price":"1000","quantity":"1000"}]}"#,
            )
        );
    }

    #[test]
    fn an_order_that_is_done_is_in_the_other_list() {
        let filled = OwnOrder {
            id: 2,
            side: Side::Ask,
            limit: None,
            lots: Lots(1_500),
            state: OrderState::Filled,
            filled: Lots(1_500),
            cost: 9_000,
            last: Some((Ticks(6), Lots(400))),
            created_ms: 1,
            modified_ms: 2,
        };
        let mut out = String::new();
        let scale = Scale::new(2, 6).unwrap();
        open_orders(&mut out, "X", scale, &[filled]);
        assert_eq!(
            out,
            concat!(
                r#"{"cancel":[{"id":2,"type":"MARKET","state":"FILLED","side":"SELL","resd":0,"#,
                r#""exec":1500,"cost":9000,"lastLots":400,"lastTicks":6,"created":1,"#,
                r#""modified":2,"symbol":"X","price":"0","quantity":"0.0015"}],"modify":[]}"#,
            )
        );
    }
}
