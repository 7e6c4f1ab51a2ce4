//! One side of the market: individual orders by price, best first.

use std::collections::VecDeque;

use ticklot_book::{Level, Lots, Side, Ticks};

use super::order::{Fill, Order};

/// The orders at one price, in time priority. Never empty inside a ladder.
#[derive(Clone, Debug)]
struct Rung {
    ticks: Ticks,
    orders: VecDeque<Order>,
}

impl Rung {
    fn lots(&self) -> i64 {
        self.orders.iter().map(|order| order.left().0).sum()
    }
}

/// The resting orders of one side.
///
/// A flat array, because a side has tens of prices, and a random cancel selects an order by index.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    side: Side,
    rungs: Vec<Rung>,
    max_levels: usize,
    max_orders: usize,
}

impl Ladder {
    pub(super) fn new(side: Side, max_levels: usize, max_orders: usize) -> Self {
        Self {
            side,
            rungs: Vec::new(),
            max_levels: max_levels.max(1),
            max_orders: max_orders.max(1),
        }
    }

    pub(super) fn best(&self) -> Option<Ticks> {
        self.rungs.first().map(|rung| rung.ticks)
    }

    pub(super) fn orders(&self) -> usize {
        self.rungs.iter().map(|rung| rung.orders.len()).sum()
    }

    pub(super) fn lots(&self) -> i64 {
        self.rungs.iter().map(Rung::lots).sum()
    }

    pub(super) fn len(&self) -> usize {
        self.rungs.len()
    }

    /// The price of a level by its index from the best.
    pub(super) fn ticks_at(&self, index: usize) -> Option<Ticks> {
        self.rungs.get(index).map(|rung| rung.ticks)
    }

    pub(super) fn levels(&self) -> impl Iterator<Item = Level> {
        self.rungs.iter().map(|rung| Level {
            ticks: rung.ticks,
            lots: Lots(rung.lots()),
            count: u32::try_from(rung.orders.len()).unwrap_or(u32::MAX),
        })
    }

    /// Adds an order at the end of its price's queue.
    ///
    /// Adds to `evicted` the orders that exceed the limits of the side: the oldest order of a full price, and the
    /// orders of the price furthest from the best.
    pub(super) fn rest(&mut self, ticks: Ticks, order: Order, evicted: &mut Vec<Order>) {
        let side = self.side;
        let is_better = |rung: &Rung| side.is_better(rung.ticks, ticks);
        let index = self.rungs.partition_point(is_better);
        match self.rungs.get_mut(index) {
            Some(rung) if rung.ticks == ticks => {
                rung.orders.push_back(order);
                if rung.orders.len() > self.max_orders {
                    evicted.extend(rung.orders.pop_front());
                }
            }
            _ => {
                let orders = VecDeque::from([order]);
                self.rungs.insert(index, Rung { ticks, orders });
            }
        }
        if self.rungs.len() > self.max_levels {
            evicted.extend(self.rungs.pop().into_iter().flat_map(|rung| rung.orders));
        }
    }

    /// Trades an order against this side, best price first, up to its limit. Adds one fill per matched resting order.
    pub(super) fn take(&mut self, taker: &mut Order, fills: &mut Vec<Fill>) {
        while taker.left() > Lots(0) {
            let Some(rung) = self.rungs.first_mut() else {
                break;
            };
            let limit = taker.limit;
            if limit.is_some_and(|limit| self.side.is_better(limit, rung.ticks)) {
                break;
            }
            consume(rung, taker, fills);
            if rung.orders.is_empty() {
                self.rungs.remove(0);
            }
        }
    }

    /// Removes an order by the index of its level, and its index in the level modulo the number of orders there.
    pub(super) fn cancel(&mut self, level: usize, order: usize) -> Option<Order> {
        let rung = self.rungs.get_mut(level)?;
        let order = order % rung.orders.len();
        let cancelled = rung.orders.remove(order);
        if rung.orders.is_empty() {
            self.rungs.remove(level);
        }
        cancelled
    }

    /// Removes an order by its price and number.
    pub(super) fn withdraw(&mut self, ticks: Ticks, id: u64) -> Option<Order> {
        let level = self.rungs.iter().position(|rung| rung.ticks == ticks)?;
        let mut orders = self.rungs[level].orders.iter();
        let order = orders.position(|order| order.id == id)?;
        self.cancel(level, order)
    }
}

/// Fills an order from one price, oldest resting order first.
fn consume(rung: &mut Rung, taker: &mut Order, fills: &mut Vec<Fill>) {
    let ticks = rung.ticks;
    while taker.left() > Lots(0) {
        let Some(maker) = rung.orders.front_mut() else {
            break;
        };
        let lots = maker.left().min(taker.left());
        maker.fill(ticks, lots);
        taker.fill(ticks, lots);
        let maker = *maker;
        if maker.left() == Lots(0) {
            rung.orders.pop_front();
        }
        fills.push(Fill {
            ticks,
            lots,
            maker,
            taker: *taker,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::Owner;

    fn order(side: Side, limit: Option<Ticks>, lots: i64) -> Order {
        Order {
            id: 0,
            owner: Owner(0),
            side,
            limit,
            lots: Lots(lots),
            filled: Lots(0),
            paid: 0,
            created_ms: 0,
        }
    }

    fn rest(ladder: &mut Ladder, ticks: i64, lots: i64) -> i64 {
        let (ticks, mut evicted) = (Ticks(ticks), Vec::new());
        ladder.rest(ticks, order(Side::Ask, Some(ticks), lots), &mut evicted);
        evicted.iter().map(|order| order.left().0).sum()
    }

    fn cancel(ladder: &mut Ladder, level: usize, order: usize) -> i64 {
        let order = ladder.cancel(level, order);
        order.map_or(0, |order| order.left().0)
    }

    /// Buys. Returns the unfilled lots, and the price and lots of each fill.
    fn buy(ladder: &mut Ladder, limit: Option<i64>, lots: i64) -> (i64, Vec<(i64, i64)>) {
        let mut taker = order(Side::Bid, limit.map(Ticks), lots);
        let mut fills = Vec::new();
        ladder.take(&mut taker, &mut fills);
        let fills = fills.iter().map(|fill| (fill.ticks.0, fill.lots.0));
        (taker.left().0, fills.collect())
    }

    fn asks(orders: &[(i64, i64)]) -> Ladder {
        let mut ladder = Ladder::new(Side::Ask, 3, 2);
        for &(ticks, lots) in orders {
            assert_eq!(rest(&mut ladder, ticks, lots), 0);
        }
        ladder
    }

    fn levels(ladder: &Ladder) -> Vec<(i64, i64, u32)> {
        let levels = ladder.levels();
        let level = |it: Level| (it.ticks.0, it.lots.0, it.count);
        levels.map(level).collect()
    }

    #[test]
    fn sorts_levels_and_counts_orders() {
        let ladder = asks(&[(12, 5), (10, 1), (12, 2)]);
        assert_eq!(levels(&ladder), [(10, 1, 1), (12, 7, 2)]);
        assert_eq!(ladder.lots(), 8);
    }

    #[test]
    fn fills_levels_up_to_limit() {
        let mut ladder = asks(&[(10, 1), (11, 4), (12, 9)]);
        let (left, fills) = buy(&mut ladder, Some(11), 8);
        assert_eq!((left, fills), (3, vec![(10, 1), (11, 4)]));
        assert_eq!(levels(&ladder), [(12, 9, 1)]);
    }

    #[test]
    fn partial_fill_keeps_priority() {
        let mut ladder = asks(&[(10, 5), (10, 6)]);
        assert_eq!(buy(&mut ladder, None, 2), (0, vec![(10, 2)]));
        assert_eq!(levels(&ladder), [(10, 9, 2)]);
        assert_eq!(cancel(&mut ladder, 0, 0), 3);
        assert_eq!(levels(&ladder), [(10, 6, 1)]);
    }

    #[test]
    fn ladder_stays_within_limits() {
        let mut ladder = asks(&[(10, 1), (11, 2), (12, 3)]);
        assert_eq!(rest(&mut ladder, 9, 7), 3);
        assert_eq!(levels(&ladder), [(9, 7, 1), (10, 1, 1), (11, 2, 1)]);
        assert_eq!(rest(&mut ladder, 9, 1), 0);
        assert_eq!(rest(&mut ladder, 9, 4), 7);
        assert_eq!(cancel(&mut ladder, 5, 0), 0);
    }

    #[test]
    fn withdraws_order_by_id() {
        let mut ladder = Ladder::new(Side::Ask, 3, 2);
        for id in [4, 9] {
            let order = Order {
                id,
                ..order(Side::Ask, Some(Ticks(10)), 5)
            };
            ladder.rest(Ticks(10), order, &mut Vec::new());
        }
        assert_eq!(ladder.withdraw(Ticks(11), 9), None);
        assert_eq!(ladder.withdraw(Ticks(10), 9).map(|it| it.id), Some(9));
        assert_eq!(ladder.withdraw(Ticks(10), 9), None);
        assert_eq!(levels(&ladder), [(10, 5, 1)]);
    }

    /// Each resting order gets a separate fill. The taker sums up the costs.
    #[test]
    fn fill_contains_both_orders() {
        let mut ladder = asks(&[(10, 5), (10, 6), (12, 2)]);
        let mut taker = order(Side::Bid, None, 12);
        let mut fills = Vec::new();
        ladder.take(&mut taker, &mut fills);
        let makers: Vec<_> = fills.iter().map(|it| it.maker.left().0).collect();
        let takers: Vec<_> = fills.iter().map(|it| it.taker.left().0).collect();
        assert_eq!((makers, takers), (vec![0, 0, 1], vec![7, 1, 0]));
        assert_eq!((taker.paid, taker.filled), (50 + 60 + 12, Lots(12)));
    }
}
