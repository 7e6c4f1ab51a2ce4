//! The actions of an account in a market: small orders near the touch, now and then a market order,
//! and cancels. It never spends more than it has.

use ticklot_book::{Lots, Side, Ticks};

use super::account::Account;
use super::account_state::AccountState;
use crate::market::{Market, MarketConfig};

/// How much smaller than the market's its orders are at most.
const SMALLER: u32 = 50;

/// Draws the actions of one account.
#[derive(Debug)]
pub(super) struct Trader {
    rng: fastrand::Rng,
    activity: u32,
    max_orders: usize,
}

/// An action of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TraderAction {
    Place {
        side: Side,
        limit: Option<Ticks>,
        lots: Lots,
    },
    Cancel {
        side: Side,
        limit: Ticks,
        id: u64,
    },
}

impl Trader {
    pub(super) fn new(account: &Account, rng: fastrand::Rng) -> Self {
        Self {
            rng,
            activity: account.activity,
            max_orders: account.max_orders,
        }
    }

    /// Draws the action in a step of a market, if any.
    pub(super) fn decide(
        &mut self,
        symbol: usize,
        config: &MarketConfig,
        market: &Market,
        account_state: &AccountState,
    ) -> Option<TraderAction> {
        let means = account_state.means(symbol)?;
        if self.rng.u32(0..100) >= self.activity {
            return None;
        }
        let is_full = account_state.open(symbol).len() >= self.max_orders;
        match self.rng.u32(0..12) {
            0 => self.withdraw(symbol, account_state),
            _ if is_full => self.withdraw(symbol, account_state),
            1 => self.place(config, market, means, true),
            _ => self.place(config, market, means, false),
        }
    }

    fn withdraw(&mut self, symbol: usize, account_state: &AccountState) -> Option<TraderAction> {
        let mut open = account_state.open(symbol);
        if open.len() == 0 {
            return None;
        }
        let (id, order) = open.nth(self.rng.usize(0..open.len()))?;
        Some(TraderAction::Cancel {
            side: order.side,
            limit: order.limit?,
            id,
        })
    }

    /// An order on a side of which there is enough, if there is one.
    fn place(
        &mut self,
        config: &MarketConfig,
        market: &Market,
        means: (i128, i128),
        at_market: bool,
    ) -> Option<TraderAction> {
        let first = if self.rng.bool() {
            Side::Bid
        } else {
            Side::Ask
        };
        let lots = self.size(config);
        let away = self.away(config);
        [first, first.opposite()].into_iter().find_map(|side| {
            let limit = limit(market, side, away);
            let is_paid = if at_market {
                let cost = market.cost(side, lots)?;
                covers(means, side, lots, cost)
            } else {
                let cost = i128::from(limit.0) * i128::from(lots.0);
                covers(means, side, lots, cost)
            };
            let limit = (!at_market).then_some(limit);
            is_paid.then_some(TraderAction::Place { side, limit, lots })
        })
    }

    /// How far behind the best price of its side an order goes: half of them wait at the touch or
    /// a little before it, the others anywhere in the reach of the market and as far again.
    fn away(&mut self, config: &MarketConfig) -> i64 {
        let reach = if self.rng.bool() { 0 } else { config.reach };
        self.rng.i64(-2..=2 * i64::from(reach))
    }

    fn size(&mut self, config: &MarketConfig) -> Lots {
        let (min, max) = (config.min_lots.max(1), config.max_lots / SMALLER);
        Lots(self.rng.u32(min..=max.max(min)).into())
    }
}

/// A price so far from the best of its side; where there is none, from the fair value.
fn limit(market: &Market, side: Side, away: i64) -> Ticks {
    let best = market.best(side).unwrap_or_else(|| market.fair());
    match side {
        Side::Bid => Ticks(best.0 - away),
        Side::Ask => Ticks(best.0 + away),
    }
}

/// Whether so many lots and so much to pay with are enough.
fn covers((base, quote): (i128, i128), side: Side, lots: Lots, cost: i128) -> bool {
    match side {
        Side::Bid => quote >= cost,
        Side::Ask => base >= i128::from(lots.0),
    }
}
