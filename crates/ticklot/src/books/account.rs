//! Accounts: balances and open orders.

use std::collections::BTreeMap;
use std::time::Duration;

use ticklot_book::{DecimalError, Fixed, Lots, Nanos, Scale, Ticks};
use ticklot_frame::{TradeSide, UnixMillis, VenueName};

use super::Books;
use super::ids::{ConnectionId, OrderId};
use super::staleness::Store;
use crate::event::{BalanceUpdate, OrderUpdate};

/// The maximum number of open orders of an account; more are dropped and counted.
pub const MAX_ORDERS: usize = 10_000;

/// The balances and the open orders of an account.
#[derive(Debug, Default)]
pub struct Account {
    balances: Vec<Balance>,
    /// The number of `balances` that are valid; the others are spare capacity.
    held: usize,
    orders: BTreeMap<OrderId, Order>,
    dropped: u64,
    balances_live: bool,
    balances_updated: Nanos,
    orders_live: bool,
    orders_updated: Nanos,
    /// Whether a message of orders was received on this connection.
    orders_begun: bool,
    /// Whether a deadline for it is queued.
    armed: bool,
}

/// A balance, as decimal text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Balance {
    /// The asset, such as `BTC`.
    pub asset: String,
    /// The total, with the reserved part.
    pub balance: String,
    /// The part that is not reserved by orders.
    pub available: String,
}

/// An open order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The venue's id of the order.
    pub id: OrderId,
    /// The market, such as a symbol.
    pub market: String,
    /// The type as the venue writes it, such as `LIMIT` or `MARKET`; empty when the venue does not send it.
    pub kind: String,
    /// The status as the venue writes it, such as `NEW`.
    pub status: String,
    /// Buy or sell.
    pub side: TradeSide,
    /// The limit price, as decimal text; `None` for an order without a limit.
    pub price: Option<String>,
    /// The ordered quantity, as decimal text.
    pub quantity: String,
    /// The filled quantity, if the venue sends it and it fits into 64 bits.
    pub filled: Option<Fixed>,
    /// The reserved amount, an integer of the venue: see [`OrderUpdate::reserved`].
    pub reserved: Option<i64>,
    /// The cost of the fills, an integer of the venue: see [`OrderUpdate::cost`].
    pub cost: Option<i64>,
    /// The time at which it was placed.
    pub created: Option<UnixMillis>,
    /// The time of its last modification.
    pub modified: Option<UnixMillis>,
}

impl Order {
    /// The limit price in ticks; `None` without a limit.
    ///
    /// # Errors
    /// The price is finer than a tick, or too large.
    pub fn ticks(&self, scale: Scale) -> Result<Option<Ticks>, DecimalError> {
        let price = self.price.as_ref();
        price.map(|text| scale.ticks(text.as_bytes())).transpose()
    }

    /// The ordered quantity in lots.
    ///
    /// # Errors
    /// The quantity is finer than a lot, or too large.
    pub fn lots(&self, scale: Scale) -> Result<Lots, DecimalError> {
        scale.lots(self.quantity.as_bytes())
    }
}

impl Account {
    /// The balances of the latest message.
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

    /// Whether the connection is open and delivered the balances within
    /// [`Options::stale_after`](crate::Options::stale_after).
    #[must_use]
    pub fn balances_are_live(&self) -> bool {
        self.balances_live
    }

    /// The open orders, by id.
    pub fn orders(&self) -> impl ExactSizeIterator<Item = &Order> {
        self.orders.values()
    }

    /// An open order.
    #[must_use]
    pub fn order(&self, id: &OrderId) -> Option<&Order> {
        self.orders.get(id)
    }

    /// Whether the connection is open and delivered orders within
    /// [`Options::stale_after`](crate::Options::stale_after). Not every venue lists all open orders after a
    /// subscription: see its documentation.
    #[must_use]
    pub fn orders_are_live(&self) -> bool {
        self.orders_live
    }

    /// The number of orders that were dropped because there were [`MAX_ORDERS`] already.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn disconnect(&mut self) {
        self.balances_live = false;
        self.orders_live = false;
        self.orders_begun = false;
    }

    /// Marks the deadline as queued. Returns true if it was not queued before.
    pub(super) fn arm(&mut self) -> bool {
        !std::mem::replace(&mut self.armed, true)
    }

    /// Handles a deadline. Returns the next one if the balances or the orders are not stale.
    pub(super) fn expire(&mut self, now: Nanos, limit: Duration) -> Option<Nanos> {
        self.balances_live &= now.since(self.balances_updated) < limit;
        self.orders_live &= now.since(self.orders_updated) < limit;
        let parts = [
            (self.balances_live, self.balances_updated),
            (self.orders_live, self.orders_updated),
        ];
        let live = parts.iter().filter(|(live, _)| *live);
        let due = live.map(|(_, updated)| updated.after(limit)).min();
        self.armed = due.is_some();
        due
    }

    /// Starts a message of balances, which replaces all balances.
    pub(crate) fn begin_balances(&mut self, now: Nanos) {
        self.balances_live = true;
        self.balances_updated = now;
        self.held = 0;
    }

    /// Adds a balance of the message. Allocates only to grow.
    pub(crate) fn put_balance(&mut self, new: &BalanceUpdate<'_>) {
        if self.balances.len() <= self.held {
            self.balances.push(Balance::default());
        }
        let own = &mut self.balances[self.held];
        self.held += 1;
        new.asset.clone_into(&mut own.asset);
        new.balance.0.clone_into(&mut own.balance);
        new.available.0.clone_into(&mut own.available);
    }

    /// Starts a message of orders. The first one of a connection discards the orders of earlier connections, since
    /// some may have closed in the meantime.
    pub(crate) fn begin_orders(&mut self, now: Nanos) {
        if !self.orders_begun {
            self.orders.clear();
            self.orders_begun = true;
        }
        self.orders_live = true;
        self.orders_updated = now;
    }

    /// Adds or replaces an order of the message if it is open, and removes it otherwise.
    pub(crate) fn put_order(&mut self, order: &OrderUpdate<'_>) {
        let id = order.id.to_owned_id();
        if !order.is_open {
            self.orders.remove(&id);
        } else if self.orders.len() == MAX_ORDERS && !self.orders.contains_key(&id) {
            self.dropped += 1;
        } else {
            self.orders.insert(id, Order::from(order));
        }
    }
}

impl From<&OrderUpdate<'_>> for Order {
    fn from(order: &OrderUpdate<'_>) -> Self {
        Self {
            id: order.id.to_owned_id(),
            market: order.instrument.market.to_owned(),
            kind: order.kind.unwrap_or_default().to_owned(),
            status: order.status.to_owned(),
            side: order.side,
            price: order.price.map(|price| price.0.to_owned()),
            quantity: order.quantity.0.to_owned(),
            filled: order.filled,
            reserved: order.reserved,
            cost: order.cost,
            created: order.created,
            modified: order.modified,
        }
    }
}

impl Books {
    /// The account of a connection, if it follows one. O(1).
    #[must_use]
    pub fn account_of(&self, connection: ConnectionId) -> Option<&Account> {
        self.connection_of(connection)?.account.as_deref()
    }

    /// The account, if exactly one connection follows one. With several, see [`Books::accounts`].
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        let mut all = self.accounts();
        let (_, _, account) = all.next()?;
        all.next().is_none().then_some(account)
    }

    /// The account of each connection that follows one, with the connection's venue.
    pub fn accounts(&self) -> impl Iterator<Item = (ConnectionId, VenueName, &Account)> {
        let all = self.connections.iter();
        all.filter_map(|it| Some((it.id, it.venue, it.account.as_deref()?)))
    }

    /// Adds an account to a connection, unless it has one. For venues; allocates.
    pub fn add_account(&mut self, connection: ConnectionId, venue: VenueName) {
        let slot = self.slot(connection, venue);
        self.connections[slot].account.get_or_insert_default();
    }

    /// Changes the account of a connection; false when it follows none.
    pub(crate) fn change_account(
        &mut self,
        connection: ConnectionId,
        now: Nanos,
        work: impl FnOnce(&mut Account),
    ) -> bool {
        let Some(&slot) = self.slots.get(&connection) else {
            return false;
        };
        let of = &mut self.connections[slot];
        let Some(account) = &mut of.account else {
            return false;
        };
        work(account);
        if let Some(limit) = of.limit
            && account.arm()
        {
            self.deadlines.push(now.after(limit), Store::Account(slot));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::{ConnectionId, Instrument};
    use crate::event::OrderRef;
    use ticklot_frame::{Decimal, VenueName};

    fn order(id: i64, status: &str) -> OrderUpdate<'_> {
        OrderUpdate {
            connection: ConnectionId(0),
            received: Nanos(5),
            sent: None,
            instrument: Instrument::of_symbol(VenueName("test"), "X"),
            id: OrderRef::Number(id),
            is_open: status != "CANCELED",
            kind: Some("LIMIT"),
            status,
            side: TradeSide::Buy,
            price: Some(Decimal("10.5")),
            quantity: Decimal("2"),
            filled: None,
            reserved: Some(1_050),
            cost: Some(0),
            created: None,
            modified: None,
        }
    }

    fn apply(account: &mut Account, orders: &[OrderUpdate<'_>]) {
        account.begin_orders(Nanos(5));
        orders.iter().for_each(|order| account.put_order(order));
    }

    fn open(account: &Account) -> Vec<(OrderId, &str)> {
        account
            .orders()
            .map(|order| (order.id.clone(), order.status.as_str()))
            .collect()
    }

    fn id(number: i64) -> OrderId {
        OrderId::Number(number)
    }

    #[test]
    fn closed_orders_are_removed() {
        let mut account = Account::default();
        apply(&mut account, &[order(1, "NEW"), order(2, "NEW")]);
        let later = [order(1, "CANCELED"), order(2, "PART"), order(3, "NEW")];
        apply(&mut account, &later);
        assert_eq!(open(&account), [(id(2), "PART"), (id(3), "NEW")]);
        apply(&mut account, &[order(9, "CANCELED")]);
        assert_eq!(account.orders().len(), 2);
        let scale = Scale::new(2, 0).unwrap();
        let second = account.order(&id(2)).unwrap();
        assert_eq!(
            (second.ticks(scale), second.lots(scale)),
            (Ok(Some(Ticks(1050))), Ok(Lots(2)))
        );
    }

    #[test]
    fn new_connection_discards_orders() {
        let mut account = Account::default();
        apply(&mut account, &[order(1, "NEW")]);
        account.disconnect();
        assert!(!account.orders_are_live());
        assert_eq!(account.orders().len(), 1, "still readable");
        apply(&mut account, &[order(2, "NEW")]);
        assert_eq!(open(&account), [(id(2), "NEW")]);
    }

    #[test]
    fn old_orders_become_stale() {
        let limit = Duration::from_nanos(10);
        let mut account = Account::default();
        apply(&mut account, &[order(1, "NEW")]);
        assert_eq!(account.expire(Nanos(14), limit), Some(Nanos(15)));
        assert!(account.orders_are_live());
        assert_eq!(account.expire(Nanos(15), limit), None);
        assert!(!account.orders_are_live());
        apply(&mut account, &[order(2, "NEW")]);
        assert_eq!(
            open(&account),
            [(id(1), "NEW"), (id(2), "NEW")],
            "the same connection"
        );
        assert!(account.orders_are_live());
    }

    #[test]
    fn balances_and_orders_expire_separately() {
        let limit = Duration::from_nanos(10);
        let live = |account: &Account| (account.balances_are_live(), account.orders_are_live());
        let mut account = Account::default();
        account.begin_balances(Nanos(1));
        apply(&mut account, &[]); // at 5
        assert!(account.arm());
        assert!(!account.arm(), "one check is due already");
        assert_eq!(account.expire(Nanos(10), limit), Some(Nanos(11)));
        assert_eq!(live(&account), (true, true));
        assert!(!account.arm());
        assert_eq!(account.expire(Nanos(11), limit), Some(Nanos(15)));
        assert_eq!(live(&account), (false, true));
        account.begin_balances(Nanos(12));
        assert_eq!(account.expire(Nanos(15), limit), Some(Nanos(22)));
        assert_eq!(live(&account), (true, false));
        assert_eq!(account.expire(Nanos(22), limit), None);
        assert_eq!(live(&account), (false, false));
        assert!(account.arm(), "no check is due");
    }

    #[test]
    fn orders_are_bounded() {
        let mut account = Account::default();
        let many: Vec<_> = (0..=10_000).map(|id| order(id, "NEW")).collect();
        apply(&mut account, &many);
        assert_eq!((account.orders().len(), account.dropped()), (MAX_ORDERS, 1));
        apply(&mut account, &[order(5, "PART"), order(10_001, "NEW")]);
        let fifth = account.order(&id(5)).unwrap();
        assert_eq!((fifth.status.as_str(), account.dropped()), ("PART", 2));
    }

    #[test]
    fn balances_are_replaced_together() {
        let mut account = Account::default();
        let apply = |account: &mut Account, balances: &[(&str, &str)]| {
            account.begin_balances(Nanos(5));
            for (asset, all) in balances {
                account.put_balance(&BalanceUpdate {
                    connection: ConnectionId(0),
                    received: Nanos(5),
                    sent: None,
                    asset,
                    balance: Decimal(all),
                    available: Decimal(all),
                });
            }
        };
        apply(&mut account, &[("BTC", "1.50"), ("USDT", "7")]);
        assert_eq!(account.balance("BTC").unwrap().balance, "1.50");
        apply(&mut account, &[("USDT", "8")]);
        assert_eq!(
            (account.balances().len(), account.balance("BTC")),
            (1, None)
        );
        assert!(account.balances_are_live());
    }
}
