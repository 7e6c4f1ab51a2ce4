//! The account: balances and open orders.

use std::collections::BTreeMap;

use ticklot_book::{DecimalError, Lots, Nanos, Scale, Ticks};
use ticklot_frame::jayx::{self, OpenOrders, Positions};
use ticklot_frame::{TradeSide, UnixMillis};

/// The most open orders that are kept; what comes beyond is dropped and counted.
pub const MAX_ORDERS: usize = 10_000;

/// The balances and the open orders of an account.
#[derive(Debug, Default)]
pub struct Account {
    balances: Vec<Balance>,
    /// How many of `balances` are the last message's; the others are kept for their space.
    held: usize,
    orders: BTreeMap<i64, Order>,
    dropped: u64,
    balances_live: bool,
    balances_updated: Nanos,
    orders_live: bool,
    orders_updated: Nanos,
    /// Whether this connection has told of orders.
    orders_begun: bool,
}

/// A balance, as decimal text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Balance {
    /// The asset, such as `BTC`.
    pub asset: String,
    /// All of it.
    pub balance: String,
    /// What is not reserved by orders.
    pub available: String,
}

/// An open order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Order {
    /// The venue's number of it.
    pub id: i64,
    /// The symbol.
    pub symbol: String,
    /// `LIMIT`, `MARKET` and others.
    pub kind: String,
    /// `NEW` and others.
    pub state: String,
    /// Which way.
    pub side: TradeSide,
    /// The limit price, as decimal text.
    pub price: String,
    /// The ordered quantity, as decimal text.
    pub quantity: String,
    /// The reserved size.
    pub reserved: Lots,
    /// The executed size.
    pub executed: Lots,
    /// What it has cost, in a unit that is not documented.
    pub cost: i64,
    /// The size of its last fill.
    pub last_lots: Option<Lots>,
    /// The price of its last fill.
    pub last_ticks: Option<Ticks>,
    /// When it was placed.
    pub created: UnixMillis,
    /// When it was last modified.
    pub modified: UnixMillis,
}

impl Order {
    /// The limit price in ticks.
    ///
    /// # Errors
    /// It is finer than a tick, or too large.
    pub fn ticks(&self, scale: Scale) -> Result<Ticks, DecimalError> {
        scale.ticks(self.price.as_bytes())
    }

    /// The ordered quantity in lots.
    ///
    /// # Errors
    /// It is finer than a lot, or too large.
    pub fn lots(&self, scale: Scale) -> Result<Lots, DecimalError> {
        scale.lots(self.quantity.as_bytes())
    }
}

impl Account {
    /// The balances of the last message.
    #[must_use]
    pub fn balances(&self) -> &[Balance] {
        &self.balances[..self.held]
    }

    /// The balance of an asset.
    #[must_use]
    pub fn balance(&self, asset: &str) -> Option<&Balance> {
        self.balances()
            .iter()
            .find(|balance| balance.asset == asset)
    }

    /// Whether the connection is up and has told the balances, not longer ago than the session's limit.
    #[must_use]
    pub fn balances_are_live(&self) -> bool {
        self.balances_live
    }

    /// The open orders, by number.
    pub fn orders(&self) -> impl ExactSizeIterator<Item = &Order> {
        self.orders.values()
    }

    /// An open order.
    #[must_use]
    pub fn order(&self, id: i64) -> Option<&Order> {
        self.orders.get(&id)
    }

    /// Whether the connection is up and has told of orders, not longer ago than the session's limit. The
    /// venue does not document whether it tells all open orders when one subscribes.
    #[must_use]
    pub fn orders_are_live(&self) -> bool {
        self.orders_live
    }

    /// How many orders were dropped, since there were [`MAX_ORDERS`] already.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn disconnect(&mut self) {
        self.balances_live = false;
        self.orders_live = false;
        self.orders_begun = false;
    }

    pub(crate) fn expire(&mut self, now: Nanos, limit: Nanos) {
        self.balances_live &= now.since(self.balances_updated) < limit;
        self.orders_live &= now.since(self.orders_updated) < limit;
    }

    /// Replaces the balances. Allocates only to grow.
    pub(crate) fn apply_positions(&mut self, positions: &Positions<'_>, now: Nanos) {
        self.balances_live = true;
        self.balances_updated = now;
        self.held = positions.len();
        if self.balances.len() < self.held {
            self.balances.resize_with(self.held, Balance::default);
        }
        for (own, new) in self.balances.iter_mut().zip(positions.iter()) {
            new.asset.clone_into(&mut own.asset);
            new.balance.0.clone_into(&mut own.balance);
            new.available.0.clone_into(&mut own.available);
        }
    }

    /// Cancelled orders go, modified ones are added or replaced. What an earlier connection told is
    /// forgotten at the first message of a new one: orders may have gone meanwhile without a word.
    pub(crate) fn apply_orders(&mut self, orders: &OpenOrders<'_>, now: Nanos) {
        if !self.orders_begun {
            self.orders.clear();
            self.orders_begun = true;
        }
        self.orders_live = true;
        self.orders_updated = now;
        for order in orders.cancel.iter() {
            self.orders.remove(&order.id);
        }
        for order in orders.modify.iter() {
            if self.orders.len() == MAX_ORDERS && !self.orders.contains_key(&order.id) {
                self.dropped += 1;
            } else {
                self.orders.insert(order.id, Order::from(&order));
            }
        }
    }
}

impl From<&jayx::Order<'_>> for Order {
    fn from(order: &jayx::Order<'_>) -> Self {
        Self {
            id: order.id,
            symbol: order.symbol.to_owned(),
            kind: order.kind.to_owned(),
            state: order.state.to_owned(),
            side: order.side,
            price: order.price.0.to_owned(),
            quantity: order.quantity.0.to_owned(),
            reserved: order.reserved,
            executed: order.executed,
            cost: order.cost,
            last_lots: order.last_lots,
            last_ticks: order.last_ticks,
            created: order.created,
            modified: order.modified,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticklot_frame::jayx::{Decoder, Envelope, Message};

    fn order(id: i64, state: &str) -> String {
        format!(
            r#"{{"id":{id},"type":"LIMIT","state":"{state}","side":"BUY","resd":1,"exec":0,"cost":0,"lastLots":null,"lastTicks":null,"created":1,"modified":1,"symbol":"X","price":"10.5","quantity":"2"}}"#
        )
    }

    fn apply(account: &mut Account, payload: &str) {
        let mut decoder = Decoder::new(Envelope::Plain);
        match decoder.decode(payload.as_bytes()).unwrap() {
            Message::OpenOrders(orders) => account.apply_orders(&orders, Nanos(5)),
            Message::Positions(positions) => account.apply_positions(&positions, Nanos(5)),
            other => panic!("{other:?}"),
        }
    }

    fn orders(cancel: &[String], modify: &[String]) -> String {
        format!(
            r#"{{"cancel":[{}],"modify":[{}]}}"#,
            cancel.join(","),
            modify.join(",")
        )
    }

    fn open(account: &Account) -> Vec<(i64, &str)> {
        account
            .orders()
            .map(|order| (order.id, order.state.as_str()))
            .collect()
    }

    #[test]
    fn cancel_removes_and_modify_adds_or_replaces() {
        let mut account = Account::default();
        apply(
            &mut account,
            &orders(&[], &[order(1, "NEW"), order(2, "NEW")]),
        );
        apply(
            &mut account,
            &orders(
                &[order(1, "CANCELED")],
                &[order(2, "PART"), order(3, "NEW")],
            ),
        );
        assert_eq!(open(&account), [(2, "PART"), (3, "NEW")]);
        apply(&mut account, &orders(&[order(9, "CANCELED")], &[]));
        assert_eq!(account.orders().len(), 2);
        let scale = Scale::new(2, 0).unwrap();
        let second = account.order(2).unwrap();
        assert_eq!(
            (second.ticks(scale), second.lots(scale)),
            (Ok(Ticks(1050)), Ok(Lots(2)))
        );
    }

    #[test]
    fn a_new_connection_starts_over() {
        let mut account = Account::default();
        apply(&mut account, &orders(&[], &[order(1, "NEW")]));
        account.disconnect();
        assert!(!account.orders_are_live());
        assert_eq!(account.orders().len(), 1, "still there to be looked at");
        apply(&mut account, &orders(&[], &[order(2, "NEW")]));
        assert_eq!(open(&account), [(2, "NEW")]);
    }

    #[test]
    fn what_is_old_is_not_live_and_not_forgotten() {
        let mut account = Account::default();
        apply(&mut account, &orders(&[], &[order(1, "NEW")]));
        account.expire(Nanos(14), Nanos(10));
        assert!(account.orders_are_live());
        account.expire(Nanos(15), Nanos(10));
        assert!(!account.orders_are_live());
        apply(&mut account, &orders(&[], &[order(2, "NEW")]));
        assert_eq!(
            open(&account),
            [(1, "NEW"), (2, "NEW")],
            "the same connection"
        );
        assert!(account.orders_are_live());
    }

    #[test]
    fn there_is_a_most() {
        let mut account = Account::default();
        let many: Vec<String> = (0..=10_000).map(|id| order(id, "NEW")).collect();
        apply(&mut account, &orders(&[], &many));
        assert_eq!((account.orders().len(), account.dropped()), (MAX_ORDERS, 1));
        apply(&mut account, &orders(&[], &[order(5, "PART")]));
        assert_eq!(
            (account.order(5).unwrap().state.as_str(), account.dropped()),
            ("PART", 1)
        );
    }

    #[test]
    fn balances_are_replaced_whole() {
        let mut account = Account::default();
        let balance = |asset: &str, all: &str| {
            format!(r#"{{"asset":"{asset}","balance":"{all}","available":"{all}"}}"#)
        };
        apply(
            &mut account,
            &format!(
                r#"{{"spot":[{},{}]}}"#,
                balance("BTC", "1.50"),
                balance("USDT", "7")
            ),
        );
        assert_eq!(account.balance("BTC").unwrap().balance, "1.50");
        apply(
            &mut account,
            &format!(r#"{{"spot":[{}]}}"#, balance("USDT", "8")),
        );
        assert_eq!(
            (account.balances().len(), account.balance("BTC")),
            (1, None)
        );
        assert!(account.balances_are_live());
    }
}
