//! Checks that every book of the client equals a state of the server's book.

use ticklot::{BookId, BookState, Books};
use ticklot_book::{BookRef, Level, Nanos};

use super::super::delta;
use super::super::host::Host;
use super::super::plan::ConnectionPlan;
use super::history::Book;
use super::{Invariant, Oracle, index_of};

impl Oracle {
    /// Records the current books of a server.
    pub(in super::super) fn record(&mut self, host: &Host, now: Nanos) {
        self.record_numbers(host, now);
        host.books(|book, sides| self.history.entry(book).or_default().set(now, Some(sides)));
    }

    /// Records that a server is down and has no books.
    pub(in super::super) fn record_down(&mut self, host: usize, now: Nanos) {
        for (book, timeline) in &mut self.history {
            if book.is_of(host) {
                timeline.set(now, None);
            }
        }
    }

    /// Checks every book of the client.
    pub(in super::super) fn check_books(&mut self, books: &Books, now: Nanos) {
        for id in books.ids() {
            self.check_book(books, id, now);
        }
    }

    fn check_book(&mut self, books: &Books, id: BookId, now: Nanos) {
        let state = books.state(id);
        if matches!(state, BookState::Empty | BookState::Disconnected) {
            return;
        }
        let (index, book, hint) = self.identify(books, id);
        let Some(shown) = books.last_known(id) else {
            return;
        };
        let record = &self.connections[index];
        let Some(traffic) = &record.traffic else {
            let actual = format!("{} is {state} without a connection", books.name(id));
            return self.report(now, Invariant::Validity, "disconnected".to_owned(), actual);
        };
        if shown.epoch().0 != record.epochs
            || (state.is_live() && !self.is_desired(index, books, id))
        {
            let expected = format!("epoch {}, and desired", record.epochs);
            let actual = format!("{} is {state}, epoch {:?}", books.name(id), shown.epoch());
            return self.report(now, Invariant::Validity, expected, actual);
        }
        let upgraded = traffic.upgraded;
        let Some(after) = self.since(index, books.name(id), state, now) else {
            return;
        };
        if state.is_live() && self.is_delta(index) {
            self.check_delta_liveness(index, id, now);
        }
        let mut copy = std::mem::take(&mut self.levels);
        let sides = sides(shown, &mut copy);
        let timeline = self.history.entry(book.clone()).or_default();
        match timeline.find(sides, after, hint) {
            Some(position) => self.known.get_mut(&id).expect("just identified").2 = position,
            None => self.explain(&book, state, sides, (after, upgraded), now),
        }
        self.levels = copy;
    }

    /// The time since which the server must have had the levels of a book; `None` for any time.
    fn since(&self, index: usize, name: &str, state: BookState, now: Nanos) -> Option<Nanos> {
        if self.is_delta(index) {
            let is_lost = matches!(state, BookState::Gap(_) | BookState::Crossed);
            return self.delta_since(index, name, is_lost);
        }
        let traffic = self.connections[index].traffic.as_ref()?;
        if !state.is_live() {
            return Some(traffic.upgraded);
        }
        let earliest = self.clock.earliest(now, self.limit);
        let transit = traffic.transit(earliest);
        Some(earliest.before(transit).max(traffic.upgraded))
    }

    /// Identifies the server's book of a client's book, and caches the result.
    fn identify(&mut self, books: &Books, id: BookId) -> (usize, Book, usize) {
        let known = self.known.entry(id).or_insert_with(|| {
            let index = books.connection(id).map_or(usize::MAX, index_of);
            let plan = &self.connections[index].plan;
            let currency = match plan {
                ConnectionPlan::Bayse { currency, .. } => {
                    usize::from(currency.to_string() == "NGN")
                }
                ConnectionPlan::JayX { .. } | ConnectionPlan::Delta => 0,
            };
            (index, Book::new(plan.host(), books.name(id), currency), 0)
        });
        known.clone()
    }

    fn is_desired(&self, index: usize, books: &Books, id: BookId) -> bool {
        let record = &self.connections[index];
        match &record.plan {
            ConnectionPlan::JayX { symbol, .. } => *symbol == books.name(id),
            ConnectionPlan::Delta => delta::SYMBOLS.contains(&books.name(id)),
            ConnectionPlan::Bayse { .. } => {
                let mut all = record
                    .subscriptions
                    .iter()
                    .flat_map(|subscription| subscription.outcomes());
                all.any(|outcome| outcome == books.name(id))
            }
        }
    }

    /// Reports a book that equals none of the server's states in time.
    fn explain(
        &mut self,
        book: &Book,
        state: BookState,
        sides: [&[Level]; 2],
        (after, upgraded): (Nanos, Nanos),
        now: Nanos,
    ) {
        let timeline = &self.history[book];
        let last = timeline.last().map_or_else(
            || "a server that is down".to_owned(),
            |last| show([&last[0], &last[1]]),
        );
        let alien = (0..2).find_map(|side| {
            let mut levels = sides[side].iter();
            levels.find(|level| !timeline.had(side, level, upgraded))
        });
        let (invariant, why) = if let Some(level) = alien {
            let why = format!("the server never had {}:{}", level.ticks, level.lots);
            (Invariant::Level, why)
        } else if timeline.find(sides, upgraded, 0).is_some() {
            let why = format!("a state before {} ns", after.0);
            (Invariant::Staleness, why)
        } else {
            (Invariant::LiveBook, "a mixture of states".to_owned())
        };
        let expected = format!("{book:?} within the limit, now {last}");
        let actual = format!("{state}, {why}: {}", show(sides));
        self.report(now, invariant, expected, actual);
    }

    /// Describes a desired book that is not live, or a desired room that is not confirmed.
    pub(in super::super) fn not_recovered(&self, books: &Books) -> Option<String> {
        let is_live = |index: usize, name: &str| {
            let mut own = books.ids().filter(|id| {
                books.connection(*id).map(index_of) == Some(index) && books.name(*id) == name
            });
            own.any(|id| books.live(id).is_some())
        };
        self.connections
            .iter()
            .enumerate()
            .find_map(|(index, record)| {
                let dead = match &record.plan {
                    ConnectionPlan::JayX { symbol, .. } => {
                        (!is_live(index, symbol)).then(|| (*symbol).to_owned())
                    }
                    ConnectionPlan::Delta => {
                        let mut all = delta::SYMBOLS.into_iter();
                        all.find(|symbol| !is_live(index, symbol))
                            .map(str::to_owned)
                    }
                    ConnectionPlan::Bayse { .. } => {
                        let mut all = record
                            .subscriptions
                            .iter()
                            .flat_map(|subscription| subscription.outcomes());
                        all.find(|outcome| !is_live(index, outcome))
                    }
                };
                dead.map(|name| format!("{name} of connection {index} is not live"))
                    .or_else(|| self.unconfirmed(index))
            })
    }
}

/// The levels of a book. Those of a ladder are copied.
fn sides<'a>(book: BookRef<'a>, copy: &'a mut [Vec<Level>; 2]) -> [&'a [Level]; 2] {
    if let Some(flat) = book.as_flat() {
        return [flat.bids(), flat.asks()];
    }
    let [bids, asks] = copy;
    bids.clear();
    bids.extend(book.bids());
    asks.clear();
    asks.extend(book.asks());
    [bids, asks]
}

/// The best four levels of each side as text.
fn show(sides: [&[Level]; 2]) -> String {
    let side = |levels: &[Level]| {
        let levels = levels.iter().take(4);
        let levels: Vec<_> = levels
            .map(|level| format!("{}:{}", level.ticks, level.lots))
            .collect();
        levels.join(" ")
    };
    format!("[{} | {}]", side(sides[0]), side(sides[1]))
}
