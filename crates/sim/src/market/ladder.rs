//! One side of the market: individual orders resting at prices, best first.

use std::collections::VecDeque;

use ticklot_book::{Level, Lots, Side, Ticks};

/// Everything that rests at one price, first come first served. Never empty inside a ladder.
#[derive(Clone, Debug)]
struct Rung {
    ticks: Ticks,
    orders: VecDeque<i64>,
}

impl Rung {
    fn lots(&self) -> i64 {
        self.orders.iter().sum()
    }
}

/// A part of an order that found its counterpart at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fill {
    pub(super) ticks: Ticks,
    pub(super) lots: i64,
}

/// The resting orders of one side.
///
/// A flat array: a side has tens of prices, and a random order has to be found by its place for
/// a cancel.
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

    /// The price of a level by its place from the best.
    pub(super) fn ticks_at(&self, place: usize) -> Option<Ticks> {
        self.rungs.get(place).map(|rung| rung.ticks)
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
    /// Returns the lots that had to leave for it, so that the side stays within its limits: the
    /// oldest order of a full price, or the whole price furthest from the best.
    pub(super) fn rest(&mut self, ticks: Ticks, lots: i64) -> i64 {
        let side = self.side;
        let place = self
            .rungs
            .partition_point(|rung| side.is_better(rung.ticks, ticks));
        let mut gone = 0;
        match self.rungs.get_mut(place) {
            Some(rung) if rung.ticks == ticks => {
                rung.orders.push_back(lots);
                if rung.orders.len() > self.max_orders {
                    gone += rung.orders.pop_front().unwrap_or(0);
                }
            }
            _ => {
                let orders = VecDeque::from([lots]);
                self.rungs.insert(place, Rung { ticks, orders });
            }
        }
        if self.rungs.len() > self.max_levels {
            gone += self.rungs.pop().map_or(0, |rung| rung.lots());
        }
        gone
    }

    /// Trades up to `lots` against this side, best price first, no further than `limit`, and
    /// returns what is left. One fill a price.
    pub(super) fn take(&mut self, limit: Option<Ticks>, lots: i64, fills: &mut Vec<Fill>) -> i64 {
        let mut left = lots;
        while left > 0 {
            let Some(rung) = self.rungs.first_mut() else {
                break;
            };
            if limit.is_some_and(|limit| self.side.is_better(limit, rung.ticks)) {
                break;
            }
            let filled = consume(&mut rung.orders, left);
            left -= filled;
            fills.push(Fill {
                ticks: rung.ticks,
                lots: filled,
            });
            if rung.orders.is_empty() {
                self.rungs.remove(0);
            }
        }
        left
    }

    /// Takes one order out by its place, and returns its lots; 0 when there is none.
    pub(super) fn cancel(&mut self, place: usize, order: usize) -> i64 {
        let Some(rung) = self.rungs.get_mut(place) else {
            return 0;
        };
        let order = order % rung.orders.len();
        let lots = rung.orders.remove(order).unwrap_or(0);
        if rung.orders.is_empty() {
            self.rungs.remove(place);
        }
        lots
    }
}

/// Fills up to `wanted` lots from a queue, oldest order first.
fn consume(orders: &mut VecDeque<i64>, wanted: i64) -> i64 {
    let mut filled = 0;
    while filled < wanted {
        let Some(first) = orders.front_mut() else {
            break;
        };
        let part = (*first).min(wanted - filled);
        filled += part;
        *first -= part;
        if *first == 0 {
            orders.pop_front();
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(orders: &[(i64, i64)]) -> Ladder {
        let mut ladder = Ladder::new(Side::Ask, 3, 2);
        for &(ticks, lots) in orders {
            assert_eq!(ladder.rest(Ticks(ticks), lots), 0);
        }
        ladder
    }

    fn shown(ladder: &Ladder) -> Vec<(i64, i64, u32)> {
        ladder
            .levels()
            .map(|level| (level.ticks.0, level.lots.0, level.count))
            .collect()
    }

    #[test]
    fn keeps_best_first_and_counts_orders() {
        let ladder = asks(&[(12, 5), (10, 1), (12, 2)]);
        assert_eq!(shown(&ladder), [(10, 1, 1), (12, 7, 2)]);
        assert_eq!(ladder.lots(), 8);
    }

    #[test]
    fn takes_through_levels_up_to_the_limit() {
        let mut ladder = asks(&[(10, 1), (11, 4), (12, 9)]);
        let mut fills = Vec::new();
        assert_eq!(ladder.take(Some(Ticks(11)), 8, &mut fills), 3);
        let fill = |ticks, lots| Fill {
            ticks: Ticks(ticks),
            lots,
        };
        assert_eq!(fills, [fill(10, 1), fill(11, 4)]);
        assert_eq!(shown(&ladder), [(12, 9, 1)]);
    }

    #[test]
    fn a_partly_filled_order_keeps_its_place() {
        let mut ladder = asks(&[(10, 5), (10, 6)]);
        assert_eq!(ladder.take(None, 2, &mut Vec::new()), 0);
        assert_eq!(shown(&ladder), [(10, 9, 2)]);
        assert_eq!(ladder.cancel(0, 0), 3);
        assert_eq!(shown(&ladder), [(10, 6, 1)]);
    }

    #[test]
    fn stays_within_its_limits() {
        let mut ladder = asks(&[(10, 1), (11, 2), (12, 3)]);
        assert_eq!(ladder.rest(Ticks(9), 7), 3);
        assert_eq!(shown(&ladder), [(9, 7, 1), (10, 1, 1), (11, 2, 1)]);
        assert_eq!(ladder.rest(Ticks(9), 1), 0);
        assert_eq!(ladder.rest(Ticks(9), 4), 7);
        assert_eq!(ladder.cancel(5, 0), 0);
    }
}
