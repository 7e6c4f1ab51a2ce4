//! Random actions of an account: small limit orders near the touch, occasional market orders, and cancels. An order
//! never needs more than the available funds.

use ticklot_book::{Lots, Side, Ticks};

use super::account::Account;
use super::account_state::AccountState;
use crate::market::{Market, MarketConfig};

/// The maximum order size of a market divided by that of an account.
const SIZE_RATIO: u32 = 50;

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
        account: &AccountState,
    ) -> Option<TraderAction> {
        let funds = account.available_funds(symbol)?;
        if self.rng.u32(0..100) >= self.activity {
            return None;
        }
        let is_full = account.open(symbol).len() >= self.max_orders;
        match self.rng.u32(0..12) {
            0 => self.cancel(symbol, account),
            _ if is_full => self.cancel(symbol, account),
            draw => self.place(config, market, funds, draw == 1),
        }
    }

    fn cancel(&mut self, symbol: usize, account: &AccountState) -> Option<TraderAction> {
        let mut open = account.open(symbol);
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

    /// An order on a random side, or on the other side if the funds do not cover the first.
    fn place(
        &mut self,
        config: &MarketConfig,
        market: &Market,
        funds: (i128, i128),
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
            let cost = if at_market {
                market.cost(side, lots)?
            } else {
                i128::from(limit.0) * i128::from(lots.0)
            };
            let limit = (!at_market).then_some(limit);
            covers(funds, side, lots, cost).then_some(TraderAction::Place { side, limit, lots })
        })
    }

    /// The distance of an order from the best price of its side, in ticks: -2 to 0 for half of the orders, and -2 to
    /// twice the reach of the market for the others. A negative distance improves on the best price.
    fn away(&mut self, config: &MarketConfig) -> i64 {
        let reach = if self.rng.bool() { 0 } else { config.reach };
        self.rng.i64(-2..=2 * i64::from(reach))
    }

    fn size(&mut self, config: &MarketConfig) -> Lots {
        let (min, max) = (config.min_lots.max(1), config.max_lots / SIZE_RATIO);
        Lots(self.rng.u32(min..=max.max(min)).into())
    }
}

/// The price at a distance from the best price of a side, or from the fair value if the side is empty.
fn limit(market: &Market, side: Side, away: i64) -> Ticks {
    let best = market.best(side).unwrap_or_else(|| market.fair());
    match side {
        Side::Bid => Ticks(best.0 - away),
        Side::Ask => Ticks(best.0 + away),
    }
}

/// Whether the available funds cover an order.
fn covers((base, quote): (i128, i128), side: Side, lots: Lots, cost: i128) -> bool {
    match side {
        Side::Bid => quote >= cost,
        Side::Ask => base >= i128::from(lots.0),
    }
}
