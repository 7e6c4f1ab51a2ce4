//! Orders from outside the simulation.

use ticklot_book::{Lots, Side, Ticks};

use super::{Market, Order, Owner};

impl Market {
    /// Places an order from outside the simulation. It trades against the other side. The unfilled part of a limit
    /// order then rests, and that of a market order is dropped.
    ///
    /// Returns the order after its trades. They are added to [`Market::fills`]. Orders that it evicts are added to
    /// [`Market::cancelled`], which may include the order itself. Returns `None` if the quantity is not above zero or
    /// the limit is outside the range of the market.
    ///
    /// Simulated orders have owners below [`MarketConfig::owners`]. A simulated cancel selects from all resting
    /// orders, external ones included.
    ///
    /// [`MarketConfig::owners`]: super::MarketConfig::owners
    pub fn place(
        &mut self,
        owner: Owner,
        side: Side,
        limit: Option<Ticks>,
        lots: Lots,
        now_ms: u64,
    ) -> Option<Order> {
        let allowed = self.config.min..=self.config.max;
        if lots <= Lots(0) || limit.is_some_and(|limit| !allowed.contains(&limit)) {
            return None;
        }
        self.arrived += 1;
        let mut order = Order {
            id: self.arrived,
            owner,
            side,
            limit,
            lots,
            filled: Lots(0),
            paid: 0,
            created_ms: now_ms,
        };
        self.trade(&mut order, now_ms);
        if let Some(limit) = limit {
            self.rest(limit, order);
        }
        Some(order)
    }

    /// Cancels a resting order, and returns its final state. `None` if it does not rest at `limit`.
    pub fn withdraw(&mut self, side: Side, limit: Ticks, id: u64) -> Option<Order> {
        let order = self.ladder_mut(side).withdraw(limit, id)?;
        self.record_cancel(order);
        Some(order)
    }

    /// The cost of a market order, in ticks times lots. `None` if the published levels do not fill it.
    #[must_use]
    pub fn cost(&self, side: Side, lots: Lots) -> Option<i128> {
        let (mut left, mut cost) = (lots.0, 0);
        for level in self.levels(side.opposite()) {
            let taken = level.lots.0.min(left);
            cost += i128::from(level.ticks.0) * i128::from(taken);
            left -= taken;
        }
        (left <= 0).then_some(cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::MarketConfig;

    const ME: Owner = Owner(99);

    #[test]
    fn rests_and_withdraws_order() {
        let mut market = Market::btcusdt(1);
        let (before, best) = (market.view(), market.best(Side::Bid).unwrap());
        let placed = market.place(ME, Side::Bid, Some(best), Lots(7), 5);
        let id = placed.unwrap().id;
        let level = market.levels(Side::Bid).next().unwrap();
        assert_eq!(level.lots, before.bids[0].lots + Lots(7));
        assert_eq!(level.count, before.bids[0].count + 1);
        assert_eq!(market.withdraw(Side::Bid, best, id), placed);
        assert_eq!(market.withdraw(Side::Bid, best, id), None);
        assert_eq!(market.cancelled(), [placed.unwrap()]);
        assert_eq!(market.view(), before);
    }

    #[test]
    fn market_order_cost_is_exact() {
        let mut market = Market::btcusdt(2);
        let cost = market.cost(Side::Bid, Lots(2_000_000)).unwrap();
        let order = market.place(ME, Side::Bid, None, Lots(2_000_000), 5);
        let order = order.unwrap();
        assert_eq!((order.paid, order.left()), (cost, Lots(0)));
        assert!(market.fills().iter().all(|fill| fill.taker.owner == ME));
        assert_eq!(market.cost(Side::Ask, Lots(i64::MAX)), None);
    }

    #[test]
    fn invalid_order_changes_nothing() {
        let mut market = Market::btcusdt(3);
        let before = market.view();
        let above = Ticks(MarketConfig::btcusdt().max.0 + 1);
        assert_eq!(market.place(ME, Side::Ask, Some(above), Lots(1), 0), None);
        assert_eq!(market.place(ME, Side::Ask, None, Lots(0), 0), None);
        assert_eq!(market.view(), before);
    }
}
