//! What one account has, and what has become of its orders.

use std::collections::{BTreeMap, VecDeque};

use ticklot_book::{Lots, Side, Ticks};

use super::Config;
use super::account::{Account, AssetPair};
use crate::market::{Fill, Order, Owner};
use crate::wire::jayx::{Amount, Balance, OrderState, OwnOrder};

/// The number before that of the first order.
const BEFORE_FIRST: u64 = 100_000_000;

/// The books of one account.
///
/// What is available is never kept: it is the balance without what the open orders hold back, so
/// that the two cannot disagree.
#[derive(Debug)]
pub(super) struct AccountState {
    owner: Owner,
    assets: Vec<String>,
    /// How much of each asset there is, in units of 10^-`decimals`.
    funds: Vec<i128>,
    decimals: u8,
    /// How many of those units a lot is.
    lot: i128,
    /// One a symbol.
    books: Vec<SymbolOrders>,
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
    /// The last orders that are open no more.
    closed: VecDeque<OrderRecord>,
    most: usize,
    /// The newest step of a closed order that had to go.
    gone: u64,
}

/// An order, and the step in which it last changed.
#[derive(Clone, Copy, Debug)]
struct OrderRecord {
    order: OwnOrder,
    changed: u64,
}

/// The moment of a change.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepTime {
    pub(super) ms: u64,
    pub(super) step: u64,
}

impl AccountState {
    pub(super) fn new(account: &Account, owner: Owner, config: &Config) -> Self {
        let decimals = config.decimals();
        let units = account.funds.iter().map(|it| it.units(decimals));
        let book = |symbol: &super::Symbol| SymbolOrders {
            pair: account.pair(&symbol.name),
            open: BTreeMap::new(),
            closed: VecDeque::new(),
            most: config.backlog.max(1),
            gone: 0,
        };
        Self {
            owner,
            assets: account.funds.iter().map(|it| it.asset.clone()).collect(),
            funds: units.map(Option::unwrap_or_default).collect(),
            decimals,
            lot: 10_i128.pow(config.scale.price_decimals().into()),
            books: config.symbols.iter().map(book).collect(),
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
        let balance = |(place, asset): (usize, &String)| Balance {
            asset: asset.clone(),
            balance: amount(self.funds[place]),
            available: amount(self.available(place)),
        };
        self.assets.iter().enumerate().map(balance).collect()
    }

    /// The open orders of a symbol, with their numbers in its market, oldest first.
    pub(super) fn open(&self, symbol: usize) -> impl ExactSizeIterator<Item = (u64, OwnOrder)> {
        let open = self.books[symbol].open.iter();
        open.map(|(id, record)| (*id, record.order))
    }

    /// The orders of a symbol that have changed after a step, those that are closed first; none
    /// when one of them is not known any more.
    pub(super) fn since(&self, symbol: usize, step: u64) -> Option<Vec<OwnOrder>> {
        let book = &self.books[symbol];
        if book.gone > step {
            return None;
        }
        let all = book.closed.iter().chain(book.open.values());
        let changed = all.filter(|it| it.changed > step);
        Some(changed.map(|it| it.order).collect())
    }

    /// How many lots of a symbol are free to be sold, and how many ticks times lots to buy with;
    /// none when the account does not trade the symbol.
    pub(super) fn means(&self, symbol: usize) -> Option<(i128, i128)> {
        let pair = self.books[symbol].pair?;
        let lots = self.available(pair.base) / self.lot;
        Some((lots, self.available(pair.quote)))
    }

    /// Records an order that was placed, as it was before any fill.
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
        self.books[symbol].open.insert(order.id, record);
    }

    /// Records a fill, on whichever side of it the account is.
    pub(super) fn fill(&mut self, symbol: usize, fill: &Fill, now: StepTime) {
        for order in [&fill.maker, &fill.taker] {
            if order.owner == self.owner {
                self.filled(symbol, order, fill.ticks, fill.lots, now);
            }
        }
    }

    /// Records an order that left without being filled whole, if it is the account's.
    pub(super) fn cancel(&mut self, symbol: usize, order: &Order, now: StepTime) {
        if order.owner != self.owner {
            return;
        }
        if let Some(mut record) = self.books[symbol].open.remove(&order.id) {
            record.order.state = OrderState::Canceled;
            self.changed = now.step;
            self.books[symbol].close(record, now);
        }
    }

    fn filled(&mut self, symbol: usize, order: &Order, ticks: Ticks, lots: Lots, now: StepTime) {
        let book = &mut self.books[symbol];
        let (Some(pair), Some(mut record)) = (book.pair, book.open.remove(&order.id)) else {
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
            book.open.insert(order.id, record);
        } else {
            book.close(record, now);
        }
        let sign = match order.side {
            Side::Bid => 1,
            Side::Ask => -1,
        };
        self.funds[pair.base] += sign * i128::from(lots.0) * self.lot;
        self.funds[pair.quote] -= sign * cost;
        self.changed = now.step;
    }

    /// What no open order holds back of an asset.
    fn available(&self, asset: usize) -> i128 {
        let reserved: i128 = self
            .books
            .iter()
            .map(|it| it.reserved(asset, self.lot))
            .sum();
        self.funds[asset] - reserved
    }
}

impl SymbolOrders {
    fn close(&mut self, mut record: OrderRecord, now: StepTime) {
        record.touch(now);
        self.closed.push_back(record);
        if self.closed.len() > self.most {
            self.gone = self.closed.pop_front().map_or(0, |oldest| oldest.changed);
        }
    }

    /// What the open orders hold back of an asset.
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
