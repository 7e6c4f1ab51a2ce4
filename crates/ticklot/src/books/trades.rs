//! The last trades of an instrument, each reported once.

use std::cmp::Ordering;
use std::collections::VecDeque;

use ticklot_frame::Trade;

/// How many trades of a book are kept: more than any message lists.
pub const MAX_TRADES: usize = 1024;

/// The new trades of a message. All books share one: what is kept of a book is only its last trades.
///
/// Some venues list recent trades with each message, newest first, and do not say whether a list repeats
/// earlier ones. A list that continues the last one overlaps with it: its oldest trades are the newest
/// that are known. So the longest run that ends the known trades and begins the list is the repeated part.
/// Equal trades (same time, price, size and side) are distinguished by their position in that run.
///
/// A list of n trades takes about (2 n + [`MAX_TRADES`]) log n comparisons at most, whatever is known and listed.
#[derive(Debug)]
pub(super) struct NewOf<T> {
    /// The new trades of the last message, oldest first.
    listed: Vec<T>,
    /// The distinct trades of a list that does not continue the known ones, and how often each is known.
    distinct: Vec<(T, usize)>,
    /// For each length of a run at the beginning of the list, how long a shorter one ends it.
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
    /// Keeps the trades of a message with the `known` ones of its book, oldest first. Where `repeats` says that the list
    /// is newest first and may repeat earlier trades, those are dropped; otherwise all are new, oldest first. Allocates
    /// only to grow.
    pub(super) fn take(&mut self, known: &mut VecDeque<Trade>, list: &[Trade], repeats: bool) {
        self.listed.clear();
        // Of a list that was longer than any need be.
        self.listed.shrink_to(MAX_TRADES);
        self.distinct.shrink_to(MAX_TRADES);
        if repeats {
            self.listed.extend(list.iter().rev());
            // Room in advance: a list that does not continue the known trades is rare, and allocates nothing either.
            self.distinct.clear();
            self.distinct.reserve(list.len());
            self.borders.clear();
            self.borders.reserve(list.len());
            // Stable: trades of one moment stay in the venue's order.
            if !self.listed.is_sorted_by_key(|trade| trade.created) {
                self.listed.sort_by_key(|trade| trade.created);
            }
            if known.capacity() == 0 {
                // The lists of a busy market fill it in minutes, and then it would grow in the middle of its messages.
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
        self.learn(known);
    }
}

/// Any total order in which only equal trades are equal.
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

    /// How many trades at the beginning of the list are the last that are known.
    fn overlap(&mut self, known: &VecDeque<T>) -> usize {
        let most = self.listed.len().min(known.len());
        // Nearly always the first runs differ in their first trade, or one is the answer. When more was compared
        // than that, the list is of trades that hardly differ.
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

    /// The same, in a number of comparisons that is proportional to `most` (Knuth, Morris and Pratt): the run that has
    /// been found at each known trade is made longer, or else replaced by the longest run that ends it.
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

    /// A list that does not continue the known trades, after a reconnect say, or one that came late:
    /// trades that are known are dropped one for one.
    #[cold]
    fn drop_known(&mut self, known: &VecDeque<T>, order: fn(&T, &T) -> Ordering) {
        let Self {
            listed, distinct, ..
        } = self;
        distinct.clear();
        distinct.extend(listed.iter().map(|trade| (*trade, 0)));
        distinct.sort_unstable_by(|(a, _), (b, _)| order(a, b));
        distinct.dedup_by(|(a, _), (b, _)| a == b);
        // Most of the known trades are older than any of the list.
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

    /// The trades of the list are known from now on.
    fn learn(&self, known: &mut VecDeque<T>) {
        // Of more than that, only the newest are kept.
        let passed = self.listed.len().saturating_sub(MAX_TRADES);
        for trade in &self.listed[passed..] {
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

    /// The trades of a book, and the new ones.
    #[derive(Default)]
    struct Book {
        known: VecDeque<Trade>,
        new: NewTrades,
    }

    fn take<'a>(book: &'a mut Book, list: &[Trade]) -> &'a [Trade] {
        book.new.take(&mut book.known, list, true);
        book.new.listed()
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
    fn sliding_list_reports_each_once() {
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
            let mut trades = Book::default();
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
    fn different_trades_are_all_reported() {
        let all: Vec<Trade> = (0..200).map(|n| trade(n / 3, n)).collect();
        let mut trades = Book::default();
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
        // 2 is missing from the repeat, and 4 is new.
        assert_eq!(
            take(&mut trades, &[trade(4, 4), trade(3, 3), trade(1, 1)]),
            [trade(4, 4)]
        );
    }

    thread_local! {
        static COMPARISONS: Cell<usize> = const { Cell::new(0) };
    }

    /// A trade that counts how often it is compared.
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

    /// The new trades, found by trying every run, and otherwise one for one.
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

    /// Lists of nearly equal trades, of any length, take a few comparisons for each trade, and lead to the same
    /// result as the naive search.
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
                    // It continues the known trades.
                    let run = random.usize(0..=known.len().min(length));
                    list.splice(0..0, known[known.len() - run..].iter().copied());
                }
                let expected = naive(&known, &list);
                new.listed = list.iter().map(|it| Counted(*it)).collect();
                COMPARISONS.set(0);
                new.drop_repeated(&kept, by_number);
                let seen: Vec<u32> = new.listed().iter().map(|it| it.0).collect();
                assert_eq!(seen, expected);
                new.learn(&mut kept);
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
