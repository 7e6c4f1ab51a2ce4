//! The balances and orders of one account.

use std::collections::{BTreeMap, VecDeque};

use ticklot_book::{Lots, Side, Ticks};

use super::Config;
use super::account::{Account, AssetPair};
use crate::market::{Fill, Order, Owner};
use crate::wire::jayx::{Amount, Balance, OrderState, OwnOrder};

/// The first order has the next id.
const BEFORE_FIRST: u64 = 100_000_000;

/// The balances and orders of one account.
///
/// Available amounts are not stored. They are the balances minus the funds that open orders reserve, so that the two
/// cannot diverge.
#[derive(Debug)]
pub(super) struct AccountState {
    owner: Owner,
    assets: Vec<String>,
    /// The balance of each asset, in units of 10^-`decimals`.
    funds: Vec<i128>,
    decimals: u8,
    /// The units per lot.
    lot: i128,
    symbols: Vec<SymbolOrders>,
    placed: u64,
    /// The step in which a balance last changed.
    changed: u64,
}

/// The orders of one symbol.
#[derive(Debug)]
struct SymbolOrders {
    pair: Option<AssetPair>,
    /// Open orders, by their number in the market.
    open: BTreeMap<u64, OrderRecord>,
    /// The last closed orders.
    closed: VecDeque<OrderRecord>,
    /// The maximum length of `closed`.
    capacity: usize,
    /// The step of the last evicted closed order.
    evicted: u64,
}

/// An order, and the step in which it last changed.
#[derive(Clone, Copy, Debug)]
struct OrderRecord {
    order: OwnOrder,
    changed: u64,
}

/// The time and step of a change.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepTime {
    pub(super) ms: u64,
    pub(super) step: u64,
}

impl AccountState {
    pub(super) fn new(account: &Account, owner: Owner, config: &Config) -> Self {
        let decimals = config.decimals();
        let units = account.funds.iter().map(|it| it.units(decimals));
        let orders = |symbol: &super::Symbol| SymbolOrders {
            pair: account.pair(&symbol.name),
            open: BTreeMap::new(),
            closed: VecDeque::new(),
            capacity: config.backlog.max(1),
            evicted: 0,
        };
        Self {
            owner,
            assets: account.funds.iter().map(|it| it.asset.clone()).collect(),
            funds: units.map(Option::unwrap_or_default).collect(),
            decimals,
            lot: 10_i128.pow(config.scale.price_decimals().into()),
            symbols: config.symbols.iter().map(orders).collect(),
            placed: 0,
            changed: 0,
        }
    }

    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    /// The step in which a balance last changed.
    pub(super) fn changed(&self) -> u64 {
        self.changed
    }

    pub(super) fn balances(&self) -> Vec<Balance> {
        let decimals = self.decimals;
        let amount = |units| Amount { units, decimals };
        let balance = |(index, asset): (usize, &String)| Balance {
            asset: asset.clone(),
            balance: amount(self.funds[index]),
            available: amount(self.available(index)),
        };
        self.assets.iter().enumerate().map(balance).collect()
    }

    /// The open orders of a symbol, with their numbers in its market, oldest first.
    pub(super) fn open(&self, symbol: usize) -> impl ExactSizeIterator<Item = (u64, OwnOrder)> {
        let open = self.symbols[symbol].open.iter();
        open.map(|(id, record)| (*id, record.order))
    }

    /// The orders of a symbol that changed after a step, closed ones first. `None` if one of them was evicted.
    pub(super) fn since(&self, symbol: usize, step: u64) -> Option<Vec<OwnOrder>> {
        let orders = &self.symbols[symbol];
        if orders.evicted > step {
            return None;
        }
        let all = orders.closed.iter().chain(orders.open.values());
        let changed = all.filter(|it| it.changed > step);
        Some(changed.map(|it| it.order).collect())
    }

    /// The available funds for orders of a symbol: lots of the base asset, and ticks times lots of the quote asset.
    /// `None` if the account does not trade the symbol.
    pub(super) fn available_funds(&self, symbol: usize) -> Option<(i128, i128)> {
        let pair = self.symbols[symbol].pair?;
        let lots = self.available(pair.base) / self.lot;
        Some((lots, self.available(pair.quote)))
    }

    /// Records a new order, before its first fill.
    pub(super) fn place(&mut self, symbol: usize, order: &Order, now: StepTime) {
        self.placed += 1;
        self.changed = now.step;
        let own = OwnOrder {
            id: BEFORE_FIRST + self.placed,
            side: order.side,
            limit: order.limit,
            lots: order.lots,
            state: OrderState::New,
            filled: Lots(0),
            cost: 0,
            last: None,
            created_ms: now.ms,
            modified_ms: now.ms,
        };
        let record = OrderRecord {
            order: own,
            changed: now.step,
        };
        self.symbols[symbol].open.insert(order.id, record);
    }

    /// Records a fill of the account's orders, on one side or both.
    pub(super) fn fill(&mut self, symbol: usize, fill: &Fill, now: StepTime) {
        for order in [&fill.maker, &fill.taker] {
            if order.owner == self.owner {
                self.filled(symbol, order, fill.ticks, fill.lots, now);
            }
        }
    }

    /// Records the end of an order that was not filled completely, if it belongs to the account.
    pub(super) fn cancel(&mut self, symbol: usize, order: &Order, now: StepTime) {
        if order.owner != self.owner {
            return;
        }
        let orders = &mut self.symbols[symbol];
        if let Some(mut record) = orders.open.remove(&order.id) {
            record.order.state = OrderState::Canceled;
            self.changed = now.step;
            orders.close(record, now);
        }
    }

    fn filled(&mut self, symbol: usize, order: &Order, ticks: Ticks, lots: Lots, now: StepTime) {
        let orders = &mut self.symbols[symbol];
        let (Some(pair), Some(mut record)) = (orders.pair, orders.open.remove(&order.id)) else {
            return;
        };
        let cost = i128::from(ticks.0) * i128::from(lots.0);
        let own = &mut record.order;
        own.filled = own.filled + lots;
        own.cost += cost;
        own.last = Some((ticks, lots));
        own.state = if own.filled < own.lots {
            OrderState::PartiallyFilled
        } else {
            OrderState::Filled
        };
        record.touch(now);
        if record.order.state.is_open() {
            orders.open.insert(order.id, record);
        } else {
            orders.close(record, now);
        }
        let sign = match order.side {
            Side::Bid => 1,
            Side::Ask => -1,
        };
        self.funds[pair.base] += sign * i128::from(lots.0) * self.lot;
        self.funds[pair.quote] -= sign * cost;
        self.changed = now.step;
    }

    /// The units of an asset that no open order reserves.
    fn available(&self, asset: usize) -> i128 {
        let symbols = self.symbols.iter();
        let reserved: i128 = symbols.map(|it| it.reserved(asset, self.lot)).sum();
        self.funds[asset] - reserved
    }
}

impl SymbolOrders {
    fn close(&mut self, mut record: OrderRecord, now: StepTime) {
        record.touch(now);
        self.closed.push_back(record);
        if self.closed.len() > self.capacity {
            self.evicted = self.closed.pop_front().map_or(0, |oldest| oldest.changed);
        }
    }

    /// The units of an asset that the open orders reserve.
    fn reserved(&self, asset: usize, lot: i128) -> i128 {
        let Some(pair) = self.pair else { return 0 };
        let of = |order: &OwnOrder| match order.side {
            Side::Bid if pair.quote == asset => order.reserved(),
            Side::Ask if pair.base == asset => order.reserved() * lot,
            _ => 0,
        };
        self.open.values().map(|it| of(&it.order)).sum()
    }
}

impl OrderRecord {
    fn touch(&mut self, now: StepTime) {
        self.order.modified_ms = now.ms;
        self.changed = now.step;
    }
}
