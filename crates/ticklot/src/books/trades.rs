//! Detects which trades of a message are new, so that each trade is reported once.

use std::cmp::Ordering;
use std::collections::VecDeque;

use ticklot_frame::Trade;

/// The number of trades that are stored per book: more than any message contains.
pub const MAX_TRADES: usize = 1024;

/// Detects the new trades of a message. All books share one; only the last trades are stored per book.
///
/// Some venues send a list of recent trades with each message, newest first, without marking the repeated ones. A list
/// that continues the last one overlaps with it: its oldest trades are the newest known trades. The repeated part is
/// therefore the longest run that both ends the known trades and starts the list. Equal trades (same time, price, size
/// and side) are distinguished by their position in that run.
///
/// A list of n trades takes at most about (2 n + [`MAX_TRADES`]) log n comparisons.
#[derive(Debug)]
pub(super) struct NewOf<T> {
    /// The new trades of the last message, oldest first.
    listed: Vec<T>,
    /// The distinct trades of a list that does not continue the known ones, with the number of equal known trades.
    distinct: Vec<(T, usize)>,
    /// For each prefix of the list, the length of the longest shorter prefix that ends it.
    borders: Vec<usize>,
}

pub(super) type NewTrades = NewOf<Trade>;

impl<T> Default for NewOf<T> {
    fn default() -> Self {
        Self {
            listed: Vec::new(),
            distinct: Vec::new(),
            borders: Vec::new(),
        }
    }
}

impl NewTrades {
    /// Adds the new trades of a message to the `known` ones of its book, which are oldest first. With `repeats`, the
    /// list is newest first and its repeated trades are dropped; otherwise, the list is oldest first and all of its
    /// trades are new. Allocates only to grow.
    pub(super) fn take(&mut self, known: &mut VecDeque<Trade>, list: &[Trade], repeats: bool) {
        self.listed.clear();
        // Free the memory of an unusually long list.
        self.listed.shrink_to(MAX_TRADES);
        self.distinct.shrink_to(MAX_TRADES);
        if repeats {
            self.listed.extend(list.iter().rev());
            // Reserve in advance, so that the rare list that does not continue the known trades allocates nothing
            // either.
            self.distinct.clear();
            self.distinct.reserve(list.len());
            self.borders.clear();
            self.borders.reserve(list.len());
            // The sort is stable, so that trades of the same time stay in the venue's order.
            if !self.listed.is_sorted_by_key(|trade| trade.created) {
                self.listed.sort_by_key(|trade| trade.created);
            }
            if known.capacity() == 0 {
                // A busy market fills it within minutes, and each growth would delay a message.
                known.reserve_exact(MAX_TRADES);
            }
            let (newest, oldest) = (known.back(), self.listed.first());
            let is_later = newest
                .zip(oldest)
                .is_none_or(|(a, b)| a.created < b.created);
            if !is_later {
                self.drop_repeated(known, by_fields);
            }
        } else {
            self.listed.extend_from_slice(list);
        }
        self.add_to(known);
    }
}

/// A total order that is consistent with equality.
fn by_fields(a: &Trade, b: &Trade) -> Ordering {
    let fields = |trade: &Trade| (trade.created, trade.ticks, trade.lots, trade.side as u8);
    fields(a).cmp(&fields(b))
}

impl<T: Copy + Eq> NewOf<T> {
    /// The new trades of the last message, oldest first.
    pub(super) fn listed(&self) -> &[T] {
        &self.listed
    }

    fn drop_repeated(&mut self, known: &VecDeque<T>, order: fn(&T, &T) -> Ordering) {
        match self.overlap(known) {
            0 => self.drop_known(known, order),
            repeated => drop(self.listed.drain(..repeated)),
        }
    }

    /// The length of the longest prefix of the list that ends the known trades.
    fn overlap(&mut self, known: &VecDeque<T>) -> usize {
        let most = self.listed.len().min(known.len());
        // Nearly always, a run differs in its first trade or is the result. If more comparisons are needed, many trades
        // of the list are equal.
        let mut budget = 2 * most;
        for run in (1..=most).rev() {
            let newest = known.range(known.len() - run..);
            let equal = newest.zip(&self.listed).take_while(|(a, b)| a == b);
            let equal = equal.count();
            if equal == run {
                return run;
            }
            match budget.checked_sub(equal) {
                Some(rest) => budget = rest,
                None => return self.longest_overlap(known, most),
            }
        }
        0
    }

    /// The same in O(`most`) comparisons, with the algorithm of Knuth, Morris and Pratt: each known trade extends the
    /// current run, or the longest shorter run that ends it.
    #[cold]
    fn longest_overlap(&mut self, known: &VecDeque<T>, most: usize) -> usize {
        let Self {
            listed, borders, ..
        } = self;
        let listed = &listed[..most];
        let longer = |mut run: usize, trade: &T, borders: &[usize]| {
            while run == most || (run > 0 && listed[run] != *trade) {
                run = borders[run - 1];
            }
            run + usize::from(listed[run] == *trade)
        };
        borders.clear();
        borders.push(0);
        for trade in listed.iter().skip(1) {
            let run = borders.last().copied().unwrap_or(0);
            let run = longer(run, trade, borders);
            borders.push(run);
        }
        let newest = known.range(known.len() - most..);
        newest.fold(0, |run, trade| longer(run, trade, borders))
    }

    /// Drops one listed trade per equal known trade, for a list that does not continue the known trades: after a
    /// reconnect, or in a late message.
    #[cold]
    fn drop_known(&mut self, known: &VecDeque<T>, order: fn(&T, &T) -> Ordering) {
        let Self {
            listed, distinct, ..
        } = self;
        distinct.clear();
        distinct.extend(listed.iter().map(|trade| (*trade, 0)));
        distinct.sort_unstable_by(|(a, _), (b, _)| order(a, b));
        distinct.dedup_by(|(a, _), (b, _)| a == b);
        // Most known trades are older than all listed ones.
        let oldest = distinct.first().map(|(trade, _)| *trade);
        let may_be_listed = |trade: &&T| oldest.is_some_and(|oldest| order(&oldest, trade).is_le());
        for trade in known.iter().filter(may_be_listed) {
            if let Ok(at) = distinct.binary_search_by(|(it, _)| order(it, trade)) {
                distinct[at].1 += 1;
            }
        }
        listed.retain(
            |trade| match distinct.binary_search_by(|(it, _)| order(it, trade)) {
                Ok(at) if distinct[at].1 > 0 => {
                    distinct[at].1 -= 1;
                    false
                }
                _ => true,
            },
        );
    }

    /// Adds the listed trades to the known ones.
    fn add_to(&self, known: &mut VecDeque<T>) {
        // Only the newest are stored.
        let dropped = self.listed.len().saturating_sub(MAX_TRADES);
        for trade in &self.listed[dropped..] {
            if known.len() == MAX_TRADES {
                known.pop_front();
            }
            known.push_back(*trade);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use ticklot_book::{Lots, Ticks};
    use ticklot_frame::{TradeSide, UnixMillis};

    /// A book's trades, and the new ones.
    #[derive(Default)]
    struct Book {
        known: VecDeque<Trade>,
        new: NewTrades,
    }

    fn take<'a>(book: &'a mut Book, list: &[Trade]) -> &'a [Trade] {
        book.new.take(&mut book.known, list, true);
        book.new.listed()
    }

    /// A trade at `time`, whose other fields follow from `kind`.
    fn trade(time: i64, kind: i64) -> Trade {
        Trade {
            ticks: Ticks(100 + kind),
            lots: Lots(kind),
            side: TradeSide::Buy,
            created: UnixMillis(time),
        }
    }

    fn newest_first(trades: &[Trade]) -> Vec<Trade> {
        trades.iter().rev().copied().collect()
    }

    #[test]
    fn sliding_list_reports_each_once() {
        let mut random = fastrand::Rng::with_seed(5);
        for window in [1, 2, 5, 20] {
            // Many equal trades: two kinds, few times.
            let mut time = 0;
            let all: Vec<Trade> = (0..300)
                .map(|_| {
                    time += i64::from(random.u8(0..3) == 0);
                    trade(time, random.i64(0..2))
                })
                .collect();
            let mut trades = Book::default();
            let mut reported = Vec::new();
            let mut end = 0;
            while end < all.len() {
                // Advance by less than a window, so that the lists overlap by at least one trade.
                end = (end + random.usize(0..window.max(2))).min(all.len());
                let list = &all[end.saturating_sub(window)..end];
                reported.extend_from_slice(take(&mut trades, &newest_first(list)));
            }
            // A new trade is missed if it enters the window while an equal one leaves it. But no trade is reported
            // twice or out of order.
            assert!(reported.is_sorted_by_key(|trade| trade.created));
            assert!(reported.len() <= all.len());
            let distinct: std::collections::HashSet<_> = all.iter().collect();
            let seen: std::collections::HashSet<_> = reported.iter().collect();
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
    fn different_trades_are_all_reported() {
        let all: Vec<Trade> = (0..200).map(|n| trade(n / 3, n)).collect();
        let mut trades = Book::default();
        let mut reported = Vec::new();
        for end in (0..=200_usize).step_by(7).chain([200, 200]) {
            let list = &all[end.saturating_sub(20)..end];
            reported.extend_from_slice(take(&mut trades, &newest_first(list)));
        }
        assert_eq!(reported, all);
    }

    #[test]
    fn disjoint_list_is_all_new() {
        let mut trades = Book::default();
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
    fn equal_trades_differ_by_position() {
        let mut trades = Book::default();
        let equal = trade(1, 1);
        assert_eq!(take(&mut trades, &[equal, equal]).len(), 2);
        assert_eq!(take(&mut trades, &[equal, equal]).len(), 0);
        assert_eq!(take(&mut trades, &[equal, equal, equal]).len(), 1);
    }

    #[test]
    fn known_trades_are_dropped() {
        let mut trades = Book::default();
        take(&mut trades, &[trade(3, 3), trade(2, 2), trade(1, 1)]);
        // The list misses the known trade 2, and 4 is new.
        assert_eq!(
            take(&mut trades, &[trade(4, 4), trade(3, 3), trade(1, 1)]),
            [trade(4, 4)]
        );
    }

    thread_local! {
        static COMPARISONS: Cell<usize> = const { Cell::new(0) };
    }

    /// A trade that counts its comparisons.
    #[derive(Clone, Copy, Debug)]
    struct Counted(u32);

    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            COMPARISONS.set(COMPARISONS.get() + 1);
            self.0 == other.0
        }
    }

    impl Eq for Counted {}

    fn by_number(a: &Counted, b: &Counted) -> Ordering {
        COMPARISONS.set(COMPARISONS.get() + 1);
        a.0.cmp(&b.0)
    }

    /// The new trades by a naive search: tries every run, and otherwise drops one trade per equal known trade.
    fn naive(known: &[u32], listed: &[u32]) -> Vec<u32> {
        let most = known.len().min(listed.len());
        let is_overlap = |run: &usize| known[known.len() - run..] == listed[..*run];
        if let Some(run) = (1..=most).rev().find(is_overlap) {
            return listed[run..].to_vec();
        }
        let mut known = known.to_vec();
        let is_new = |trade: &u32| match known.iter().position(|it| it == trade) {
            Some(at) => {
                known.swap_remove(at);
                false
            }
            None => true,
        };
        listed.iter().copied().filter(is_new).collect()
    }

    /// Lists of mostly equal trades take a bounded number of comparisons per trade, and have the same result as the
    /// naive search.
    #[test]
    fn work_is_linear_in_list() {
        let mut random = fastrand::Rng::with_seed(11);
        for round in 0..40_u32 {
            let kinds = [1, 2, 3, 50, 1_000_000][round as usize % 5];
            let (mut new, mut kept) = (NewOf::default(), VecDeque::new());
            let mut known: Vec<u32> = Vec::new();
            for _ in 0..6 {
                let length = [1, 3, 20, 500, 3_000][random.usize(0..5)];
                let odd = random.u32(0..3);
                let mut list: Vec<u32> = (0..length)
                    .map(|_| match random.usize(0..length) == 0 {
                        true => odd,
                        false => random.u32(0..kinds),
                    })
                    .collect();
                if random.bool() {
                    // The list continues the known trades.
                    let run = random.usize(0..=known.len().min(length));
                    list.splice(0..0, known[known.len() - run..].iter().copied());
                }
                let expected = naive(&known, &list);
                new.listed = list.iter().map(|it| Counted(*it)).collect();
                COMPARISONS.set(0);
                new.drop_repeated(&kept, by_number);
                let seen: Vec<u32> = new.listed().iter().map(|it| it.0).collect();
                assert_eq!(seen, expected);
                new.add_to(&mut kept);
                let log = (usize::BITS - length.leading_zeros()) as usize;
                let most = (3 * list.len() + MAX_TRADES) * (log + 2) + 8 * list.len();
                assert!(COMPARISONS.get() <= most, "{} of {most}", COMPARISONS.get());
                known.extend(expected);
                known.drain(..known.len().saturating_sub(MAX_TRADES));
                assert!(kept.iter().map(|it| it.0).eq(known.iter().copied()));
            }
        }
    }
}
