//! The last trades of an instrument, each reported once.

use std::collections::VecDeque;

use ticklot_frame::Trade;

/// How many trades of a book are kept: more than any message lists.
pub const MAX_TRADES: usize = 1024;

/// The last trades of an instrument, and the new ones of the last message.
///
/// Some venues list recent trades with each message, newest first, and do not say whether a list repeats
/// earlier ones. A list that continues the last one overlaps with it: its oldest trades are the newest
/// that are known. So the longest run that ends the known trades and begins the list is the repeated part.
/// Equal trades (same time, price, size and side) are distinguished by their position in that run.
#[derive(Debug, Default)]
pub(super) struct RecentTrades {
    /// Oldest first.
    known: VecDeque<Trade>,
    /// The new trades of the last message, oldest first.
    listed: Vec<Trade>,
}

impl RecentTrades {
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Trade> {
        self.known.iter()
    }

    /// The new trades of the last message, oldest first.
    pub(super) fn listed(&self) -> &[Trade] {
        &self.listed
    }

    /// The bytes that it holds on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        (self.known.capacity() + self.listed.capacity()) * size_of::<Trade>()
    }

    /// Keeps the trades of a message. Where `repeats` says that the list is newest first and may repeat
    /// earlier trades, those are dropped; otherwise all are new, oldest first. Allocates only to grow.
    pub(super) fn take(&mut self, list: &[Trade], repeats: bool) {
        self.listed.clear();
        // Of a list that was longer than any need be.
        self.listed.shrink_to(MAX_TRADES);
        if repeats {
            self.listed.extend(list.iter().rev());
            self.drop_repeated();
        } else {
            self.listed.extend_from_slice(list);
        }
        for trade in &self.listed {
            if self.known.len() == MAX_TRADES {
                self.known.pop_front();
            }
            self.known.push_back(*trade);
        }
    }

    fn drop_repeated(&mut self) {
        // Stable: trades of one moment stay in the venue's order.
        if !self.listed.is_sorted_by_key(|trade| trade.created) {
            self.listed.sort_by_key(|trade| trade.created);
        }
        match self.overlap() {
            0 => self.drop_known(),
            repeated => drop(self.listed.drain(..repeated)),
        }
    }

    /// How many trades at the beginning of the list are the last that are known.
    fn overlap(&self) -> usize {
        let most = self.listed.len().min(self.known.len());
        let ends_with = |run: usize| {
            let known = self.known.range(self.known.len() - run..);
            known.eq(&self.listed[..run])
        };
        (1..=most).rev().find(|run| ends_with(*run)).unwrap_or(0)
    }

    /// A list that does not continue the known trades, after a reconnect say, or one that came late:
    /// trades that are known are dropped one for one.
    fn drop_known(&mut self) {
        let Some(oldest) = self.listed.first().map(|trade| trade.created) else {
            return;
        };
        for known in self
            .known
            .iter()
            .rev()
            .take_while(|trade| trade.created >= oldest)
        {
            if let Some(at) = self.listed.iter().position(|trade| trade == known) {
                self.listed.remove(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticklot_book::{Lots, Ticks};
    use ticklot_frame::{TradeSide, UnixMillis};

    fn take<'a>(trades: &'a mut RecentTrades, list: &[Trade]) -> &'a [Trade] {
        trades.take(list, true);
        trades.listed()
    }

    /// A trade at a time; the rest follows from `kind`.
    fn trade(time: i64, kind: i64) -> Trade {
        Trade {
            ticks: Ticks(100 + kind),
            lots: Lots(kind),
            side: TradeSide::Buy,
            created: UnixMillis(time),
        }
    }

    #[test]
    fn a_sliding_list_hands_each_on_once() {
        let mut random = fastrand::Rng::with_seed(5);
        for window in [1, 2, 5, 20] {
            // Many equal trades: two kinds, few moments.
            let mut time = 0;
            let all: Vec<Trade> = (0..300)
                .map(|_| {
                    time += i64::from(random.u8(0..3) == 0);
                    trade(time, random.i64(0..2))
                })
                .collect();
            let mut trades = RecentTrades::default();
            let mut handed = Vec::new();
            let mut end = 0;
            while end < all.len() {
                // Less than a window further, so that the lists overlap by a trade at least.
                end = (end + random.usize(0..window.max(2))).min(all.len());
                let list: Vec<Trade> = all[end.saturating_sub(window)..end]
                    .iter()
                    .rev()
                    .copied()
                    .collect();
                handed.extend_from_slice(take(&mut trades, &list));
            }
            // Runs of equal trades can hide one that slid in while an equal one slid out; no trade is
            // ever handed on twice or out of order.
            assert!(handed.is_sorted_by_key(|trade| trade.created));
            assert!(handed.len() <= all.len());
            let distinct: std::collections::HashSet<_> = all.iter().collect();
            let seen: std::collections::HashSet<_> = handed.iter().collect();
            if window > 2 {
                assert!(
                    seen.len() * 100 >= distinct.len() * 95,
                    "{} of {}",
                    seen.len(),
                    distinct.len()
                );
            }
        }
    }

    #[test]
    fn trades_that_differ_are_all_handed_on() {
        let all: Vec<Trade> = (0..200).map(|n| trade(n / 3, n)).collect();
        let mut trades = RecentTrades::default();
        let mut handed = Vec::new();
        for end in (0..=200_usize).step_by(7).chain([200, 200]) {
            let list: Vec<Trade> = all[end.saturating_sub(20)..end]
                .iter()
                .rev()
                .copied()
                .collect();
            handed.extend_from_slice(take(&mut trades, &list));
        }
        assert_eq!(handed, all);
    }

    #[test]
    fn a_list_of_new_trades_only_is_taken_whole() {
        let mut trades = RecentTrades::default();
        assert_eq!(
            take(&mut trades, &[trade(2, 1), trade(1, 1)]),
            [trade(1, 1), trade(2, 1)]
        );
        assert!(take(&mut trades, &[]).is_empty());
        assert_eq!(take(&mut trades, &[trade(3, 1)]), [trade(3, 1)]);
        assert_eq!(
            take(&mut trades, &[trade(5, 1), trade(4, 2)]),
            [trade(4, 2), trade(5, 1)]
        );
    }

    #[test]
    fn equal_trades_are_told_apart_by_their_place() {
        let mut trades = RecentTrades::default();
        let equal = trade(1, 1);
        assert_eq!(take(&mut trades, &[equal, equal]).len(), 2);
        assert_eq!(take(&mut trades, &[equal, equal]).len(), 0);
        assert_eq!(take(&mut trades, &[equal, equal, equal]).len(), 1);
    }

    #[test]
    fn what_is_known_is_dropped_from_a_list_that_does_not_go_on() {
        let mut trades = RecentTrades::default();
        take(&mut trades, &[trade(3, 3), trade(2, 2), trade(1, 1)]);
        // 2 is missing from the repeat, and 4 is new.
        assert_eq!(
            take(&mut trades, &[trade(4, 4), trade(3, 3), trade(1, 1)]),
            [trade(4, 4)]
        );
    }
}
