//! The model of the full-screen view, which the drawing thread owns.

use std::time::Duration;

use ticklot::book::Book;
use ticklot::events::LastTrade;
use ticklot::{
    BookId, BookState, BookView, ConnectionId, Epoch, Level, Lots, Nanos, Scale, Side, Ticks,
};

use super::change_highlights::{ChangeHighlights, Highlight};
use super::latency::{Latency, Rate};
use super::latest_value::Reader;
use super::log::{Log, LogLine};
use super::ui_snapshot::{BookSnapshot, RecentTrades, UiSnapshot};
use crate::format::Printable;
use crate::units::trailing_zeros;

/// The time without a snapshot after which the feed counts as silent. It publishes thirty snapshots a second.
const NO_FEED_AFTER: Duration = Duration::from_secs(1);

/// The state of the feed as of the latest snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) books: Vec<BookModel>,
    pub(crate) rate: Rate,
    pub(crate) latency: Option<Latency>,
    pub(crate) log: Log,
    pub(crate) notice: LogLine,
    pub(crate) bad_lines: u64,
    /// The total number of latencies that were not kept.
    pub(crate) unsampled: u64,
    /// When the latest snapshot was published.
    pub(crate) last_update: Nanos,
}

impl Model {
    pub(crate) fn new(now: Nanos) -> Self {
        Self {
            books: Vec::new(),
            rate: Rate::default(),
            latency: Latency::new(now),
            log: Log::new(),
            notice: LogLine::default(),
            bad_lines: 0,
            unsampled: 0,
            last_update: now,
        }
    }

    /// Reads the latest snapshot, if there is a new one, and expires old data.
    pub(crate) fn take(&mut self, reader: &mut Reader<UiSnapshot>, now: Nanos) {
        if let Some(snapshot) = reader.read() {
            self.update(snapshot, now);
        }
        if let Some(latency) = &mut self.latency {
            latency.refresh(now);
        }
        for book in &mut self.books {
            book.highlights.expire(now);
            if let Some(latency) = &mut book.latency {
                latency.refresh(now);
            }
        }
    }

    pub(crate) fn update(&mut self, snapshot: &UiSnapshot, now: Nanos) {
        self.last_update = self.last_update.max(snapshot.now);
        for (at, book) in snapshot.books.iter().enumerate() {
            if self.books.len() <= at {
                self.books.push(BookModel::new(book));
            }
            self.books[at].update(book, now);
        }
        for sample in &snapshot.samples {
            let at = self
                .books
                .binary_search_by_key(&sample.book, |book| book.id);
            let book = at.ok().and_then(|at| self.books.get_mut(at));
            let own = book.and_then(|book| book.latency.as_mut());
            for latency in own.into_iter().chain(self.latency.as_mut()) {
                latency.record(sample.ns);
            }
        }
        let messages: u64 = self.books.iter().map(|book| book.messages).sum();
        self.rate.take(messages + snapshot.other_messages, now);
        self.log.follow(&snapshot.log);
        self.notice.clone_from(&snapshot.notice);
        self.bad_lines = snapshot.bad_lines;
        self.unsampled = snapshot.unsampled;
    }

    /// Whether the feed's thread still publishes. If not, the state of every book is unknown.
    pub(crate) fn has_feed(&self, now: Nanos) -> bool {
        now.since(self.last_update) < NO_FEED_AFTER
    }

    /// The book and the other outcome of its market, by index, in ascending order. None if there is no other outcome;
    /// the next one if there are several.
    pub(crate) fn pair(&self, at: usize) -> (usize, Option<usize>) {
        let Some(book) = self.books.get(at) else {
            return (at, None);
        };
        let after = at + 1..self.books.len();
        let mut others = after.chain(0..at);
        match others.find(|other| self.books[*other].is_of_market_of(book)) {
            Some(other) => (at.min(other), Some(at.max(other))),
            None => (at, None),
        }
    }
}

/// A displayed book.
#[derive(Clone, Debug)]
pub(crate) struct BookModel {
    pub(crate) id: BookId,
    connection: ConnectionId,
    market: String,
    /// The market and the name, or one of them if they are equal.
    pub(crate) title: String,
    pub(crate) scale: Scale,
    pub(crate) state: BookState,
    epoch: Epoch,
    pub(crate) updated: Nanos,
    updates: u64,
    pub(crate) messages: u64,
    pub(crate) last_trade: Option<LastTrade>,
    pub(crate) recent_trades: RecentTrades,
    pub(crate) rate: Rate,
    pub(crate) latency: Option<Latency>,
    /// The levels. Their validity is in `state`; the state of this copy is meaningless.
    levels: Book,
    highlights: ChangeHighlights,
    /// The maximum number of decimals that a quantity has needed so far. The others are zeros.
    pub(crate) quantity_decimals: u8,
    /// The largest quantity so far.
    pub(crate) most_lots: Lots,
}

/// A row of a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) level: Level,
    /// The cumulative quantity at this and every better price.
    pub(crate) sum: i128,
    pub(crate) highlight: Option<Highlight>,
    /// Whether the group may contain levels beyond the known depth of the book.
    pub(crate) partial: bool,
}

impl BookModel {
    fn new(snapshot: &BookSnapshot) -> Self {
        let title = if snapshot.market == snapshot.name {
            Printable(&snapshot.name).to_string()
        } else {
            Printable(format_args!("{}/{}", snapshot.market, snapshot.name)).to_string()
        };
        Self {
            id: snapshot.id,
            connection: snapshot.connection,
            market: snapshot.market.to_string(),
            title,
            scale: snapshot.scale,
            state: BookState::Empty,
            epoch: Epoch::default(),
            updated: Nanos(0),
            updates: 0,
            messages: 0,
            last_trade: None,
            recent_trades: RecentTrades::new(),
            rate: Rate::default(),
            latency: None,
            levels: Book::new(snapshot.scale),
            highlights: ChangeHighlights::default(),
            quantity_decimals: 0,
            most_lots: Lots(0),
        }
    }

    fn update(&mut self, snapshot: &BookSnapshot, now: Nanos) {
        if self.scale != snapshot.scale {
            self.rescale(snapshot.scale);
        }
        let (epoch, updates) = (snapshot.epoch, snapshot.updates);
        if (self.epoch, self.updates, self.updated) != (epoch, updates, snapshot.updated) {
            self.replace(snapshot, now);
            (self.epoch, self.updates, self.updated) = (epoch, updates, snapshot.updated);
        }
        self.state = snapshot.state;
        self.messages = snapshot.messages;
        if snapshot.is_measured && self.latency.is_none() {
            self.latency = Latency::new(now);
        }
        self.last_trade = snapshot.last_trade;
        if self.recent_trades.count() != snapshot.recent_trades.count() {
            self.recent_trades.follow(&snapshot.recent_trades);
            let lots = snapshot.recent_trades.iter().filter_map(|it| it.lots);
            lots.for_each(|lots| self.make_room(lots));
        }
        self.rate.take(self.messages, now);
    }

    /// Sets another scale, and drops the levels, which have the old one.
    fn rescale(&mut self, scale: Scale) {
        self.scale = scale;
        self.levels = Book::new(scale);
        self.highlights.clear();
        (self.quantity_decimals, self.most_lots) = (0, Lots(0));
        self.updates = 0;
    }

    fn replace(&mut self, snapshot: &BookSnapshot, now: Nanos) {
        let first = self.updates == 0;
        // Does not fail, because the levels are those of a valid book.
        let applied = self
            .levels
            .apply_snapshot(&snapshot.bids, &snapshot.asks, now);
        if let Ok(changes) = applied {
            self.highlights.take(changes, now);
        }
        if first {
            // Highlighting every level would be meaningless.
            self.highlights.clear();
        }
        for level in snapshot.bids.iter().chain(&snapshot.asks) {
            self.make_room(level.lots);
        }
    }

    /// Widens the column for a quantity. The width never shrinks, so that columns keep their position.
    fn make_room(&mut self, lots: Lots) {
        self.most_lots = self.most_lots.max(lots);
        let all = self.scale.quantity_decimals();
        let needed = all.saturating_sub(trailing_zeros(lots.0));
        self.quantity_decimals = self.quantity_decimals.max(needed);
    }

    /// The age of the book; none before the first message.
    pub(crate) fn age(&self, now: Nanos) -> Option<Duration> {
        (self.updated > Nanos(0) || self.updates > 0).then(|| now.since(self.updated))
    }

    pub(crate) fn spread(&self) -> Option<Ticks> {
        self.levels.spread()
    }

    pub(crate) fn best(&self, side: Side) -> Option<Level> {
        BookView::best(&self.levels, side)
    }

    /// The checksum of the shown levels: see [`Book::crc32`].
    pub(crate) fn crc32(&self) -> u32 {
        self.levels.crc32()
    }

    /// The best `most` rows of a side, grouped by a price step.
    pub(crate) fn rows(&self, side: Side, step: Ticks, most: usize) -> Vec<Row> {
        let view = self.levels.grouped(step);
        let covers = view.covers(side);
        let mut sum = 0;
        let levels = view.levels(side).take(most);
        levels
            .map(|level| {
                sum += i128::from(level.lots.0);
                let (low, high) = group(side, level.ticks, step);
                Row {
                    level,
                    sum,
                    highlight: self.highlights.latest(side, low, high),
                    partial: covers.is_none_or(|worst| side.is_better(worst, level.ticks)),
                }
            })
            .collect()
    }

    fn is_of_market_of(&self, other: &Self) -> bool {
        (self.connection, &self.market) == (other.connection, &other.market)
    }
}

/// The prices of a group. `at` is the lowest price of a group of bids and the highest of a group of asks.
fn group(side: Side, at: Ticks, step: Ticks) -> (Ticks, Ticks) {
    let width = Ticks(step.0.max(1) - 1);
    match side {
        Side::Bid => (at, at + width),
        Side::Ask => (at - width, at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::fixture::Fixture;

    fn scale() -> Scale {
        Scale::new(2, 3).unwrap()
    }

    fn prices(rows: &[Row]) -> Vec<i64> {
        rows.iter().map(|row| row.level.ticks.0).collect()
    }

    #[test]
    fn rows_have_levels_and_sums() {
        let mut feed = Fixture::new();
        let id = feed.add(0, "m", "b", scale());
        feed.snapshot(id, &[(10, 1), (9, 2), (7, 4)], &[(11, 5)]);
        let digest = feed.books.last_known(id).unwrap().crc32();
        let book = &feed.take().books[0];
        let bids = book.rows(Side::Bid, Ticks(1), 9);
        assert_eq!(prices(&bids), [10, 9, 7]);
        let sums: Vec<i128> = bids.iter().map(|row| row.sum).collect();
        assert_eq!(sums, [1, 3, 7]);
        assert!(bids.iter().all(|row| !row.partial));
        assert_eq!(book.rows(Side::Bid, Ticks(1), 2).len(), 2);
        assert_eq!(book.spread(), Some(Ticks(1)));
        assert_eq!(book.crc32(), digest);
    }

    #[test]
    fn changes_after_first_snapshot_highlight() {
        let mut feed = Fixture::new();
        let id = feed.add(0, "m", "b", scale());
        feed.snapshot(id, &[(10, 1), (9, 2)], &[(11, 5)]);
        let highlights = |model: &Model, side| -> Vec<Option<Highlight>> {
            let rows = model.books[0].rows(side, Ticks(1), 9);
            rows.iter().map(|row| row.highlight).collect()
        };
        assert_eq!(highlights(feed.take(), Side::Bid), [None, None]);
        feed.wait(100);
        feed.snapshot(id, &[(10, 1), (9, 1), (8, 3)], &[(11, 6)]);
        let model = feed.take();
        let (grew, shrank) = (Some(Highlight::Grew), Some(Highlight::Shrank));
        assert_eq!(highlights(model, Side::Bid), [None, shrank, grew]);
        assert_eq!(highlights(model, Side::Ask), [grew]);
        let grouped = model.books[0].rows(Side::Bid, Ticks(5), 9);
        assert_eq!(prices(&grouped), [10, 5]);
        assert_eq!(grouped[0].highlight, None);
        assert!(grouped[1].highlight.is_some());
        feed.wait(400);
        assert_eq!(highlights(feed.take(), Side::Bid), [None, None, None]);
    }

    #[test]
    fn outermost_group_is_partial() {
        let mut feed = Fixture::new();
        let id = feed.add(0, "m", "b", scale());
        feed.snapshot(id, &[(23, 1), (14, 2), (12, 3)], &[(31, 1), (40, 2)]);
        let book = &feed.take().books[0];
        let partial = |side| -> Vec<(i64, bool)> {
            let rows = book.rows(side, Ticks(10), 9);
            let rows = rows.iter().map(|row| (row.level.ticks.0, row.partial));
            rows.collect()
        };
        assert_eq!(partial(Side::Bid), [(20, false), (10, true)]);
        // The group ends at the last level of the book.
        assert_eq!(partial(Side::Ask), [(40, false)]);
    }

    #[test]
    fn quantity_decimals_never_shrink() {
        let mut feed = Fixture::new();
        let id = feed.add(0, "m", "b", Scale::new(2, 6).unwrap());
        let mut decimals = |lots| {
            feed.wait(1);
            feed.snapshot(id, &[(10, lots)], &[]);
            feed.take().books[0].quantity_decimals
        };
        assert_eq!(decimals(5_000_000), 0);
        assert_eq!(decimals(1_250_000), 2);
        assert_eq!(decimals(7), 6);
        assert_eq!(decimals(1_000_000), 6);
        assert_eq!(feed.model.books[0].most_lots, Lots(5_000_000));
    }

    #[test]
    fn pairs_share_market_and_connection() {
        let mut feed = Fixture::new();
        for (connection, market, name) in [
            (0, "coin", "coin"),
            (1, "m", "yes"),
            (1, "n", "yes"),
            (1, "m", "no"),
            (2, "m", "yes"),
        ] {
            feed.add(connection, market, name, scale());
        }
        feed.tick();
        let model = feed.take();
        let pairs = [0, 1, 2, 3, 4, 5].map(|at| model.pair(at));
        let alone = |at| (at, None);
        let both = (1, Some(3));
        assert_eq!(pairs, [alone(0), both, alone(2), both, alone(4), alone(5)]);
        assert_eq!(model.books[0].title, "coin");
        assert_eq!(model.books[1].title, "m/yes");
    }

    #[test]
    fn instrument_names_are_escaped() {
        let mut feed = Fixture::new();
        feed.add(0, "a\u{1b}[2Jb", "c\u{202e}d\r\n", scale());
        feed.tick();
        assert_eq!(feed.take().books[0].title, "a\\u{1b}[2Jb/c\\u{202e}d\\r\\n");
    }

    #[test]
    fn silent_feed_is_detected() {
        let mut feed = Fixture::new();
        feed.tick();
        let last_update = |feed: &mut Fixture| {
            let now = feed.now;
            feed.take().has_feed(now)
        };
        feed.wait(999);
        assert!(last_update(&mut feed));
        feed.wait(1);
        assert!(!last_update(&mut feed));
        feed.tick();
        assert!(last_update(&mut feed));
    }

    #[test]
    fn rate_counts_other_messages() {
        let mut feed = Fixture::new();
        feed.tick();
        let _ = feed.take();
        feed.stats.other_messages = 30;
        feed.wait(1_000);
        feed.tick();
        assert_eq!(feed.take().rate.per_second(), Some(30.0));
    }

    #[test]
    fn state_changes_keep_levels() {
        let mut feed = Fixture::new();
        let id = feed.add(0, "m", "b", scale());
        feed.snapshot(id, &[(10, 1)], &[(11, 5)]);
        assert_eq!(feed.take().books[0].state, BookState::Live);
        feed.book(id).disconnect();
        feed.tick();
        let book = &feed.take().books[0];
        assert_eq!(book.state, BookState::Disconnected);
        assert_eq!(prices(&book.rows(Side::Bid, Ticks(1), 9)), [10]);
    }
}
