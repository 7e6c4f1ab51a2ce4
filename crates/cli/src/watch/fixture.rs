//! A feed for tests, without connections.

use std::time::Duration;

use ticklot::book::{Book, Changes};
use ticklot::events::{LastTrade, Source, Trade, TradeSide, Trades, UnixMillis, UpdateKind};
use ticklot::venue::{BookConfig, VenueName};
use ticklot::{
    BookId, BookUpdate, Books, ConnectionId, Epoch, Event, Instrument, Level, Lots, Nanos, Scale,
    Ticks,
};

use super::latest_value::Reader;
use super::model::Model;
use super::output_mode::{Context, OutputMode, RunStats};
use super::ui_publisher::UiPublisher;
use super::ui_snapshot::UiSnapshot;

/// Books, and both sides of their view.
pub(crate) struct Fixture {
    pub(crate) books: Books,
    pub(crate) stats: RunStats,
    pub(crate) ui_publisher: UiPublisher,
    pub(crate) reader: Reader<UiSnapshot>,
    pub(crate) model: Model,
    pub(crate) now: Nanos,
}

/// Prices and quantities in ticks and lots.
pub(crate) type Side<'a> = &'a [(i64, i64)];

pub(crate) fn levels(side: Side<'_>) -> Vec<Level> {
    let level = |&(ticks, lots): &(i64, i64)| Level::new(Ticks(ticks), Lots(lots));
    side.iter().map(level).collect()
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let (ui_publisher, reader) = UiPublisher::new();
        Self {
            books: Books::new(),
            stats: RunStats::new(UiPublisher::HISTOGRAMS),
            ui_publisher,
            reader,
            model: Model::new(Nanos(0)),
            now: Nanos(0),
        }
    }

    /// Adds a book of an open connection.
    pub(crate) fn add(
        &mut self,
        connection: u32,
        market: &str,
        name: &str,
        scale: Scale,
    ) -> BookId {
        let instrument = Instrument {
            venue: VenueName("test"),
            scope: Some(""),
            market,
            name,
        };
        let (connection, config) = (ConnectionId(connection), BookConfig::snapshots(scale));
        let id = self.books.add(connection, &instrument, config);
        self.book(id).start_epoch(Epoch(1));
        id
    }

    pub(crate) fn book(&mut self, id: BookId) -> &mut Book {
        self.books.book_mut(id).unwrap()
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now = self.now.after(Duration::from_millis(ms));
    }

    #[allow(clippy::needless_pass_by_value)] // callers pass temporaries
    pub(crate) fn event(&mut self, event: Event<'_>) {
        let (books, stats, now) = (&self.books, &mut self.stats, self.now);
        stats.count(&event, books, now);
        let context = Context { books, stats, now };
        self.ui_publisher.event(&event, context).unwrap();
    }

    pub(crate) fn tick(&mut self) {
        let now = self.now;
        self.event(Event::Timer { now });
    }

    /// A snapshot message with default properties, received 25.94 us ago.
    pub(crate) fn update(&self, book: BookId) -> BookUpdate<'static> {
        BookUpdate {
            book,
            kind: UpdateKind::Snapshot,
            frame: 0,
            line: 0,
            received: Nanos(self.now.0.saturating_sub(25_940)),
            changes: Changes::default(),
            last_trade: None,
            sent: None,
            source: Source::Stream,
        }
    }

    /// A message of a book with new trades.
    pub(crate) fn traded(&mut self, update: BookUpdate<'_>, trades: &[Trade]) {
        self.event(Event::Book(update));
        let name = self.books.name(update.book).to_owned();
        self.event(Event::Trades(Trades {
            connection: ConnectionId(0),
            instrument: Instrument::of_symbol(VenueName("test"), &name),
            book: Some(update.book),
            scale: self.books.last_known(update.book).unwrap().scale(),
            trades,
            sent: None,
            received: update.received,
        }));
    }

    pub(crate) fn snapshot(&mut self, id: BookId, bids: Side<'_>, asks: Side<'_>) {
        self.replace(id, bids, asks);
        self.event(Event::Book(self.update(id)));
    }

    pub(crate) fn replace(&mut self, id: BookId, bids: Side<'_>, asks: Side<'_>) {
        let now = self.now;
        let (bids, asks) = (levels(bids), levels(asks));
        self.book(id).apply_snapshot(&bids, &asks, now).unwrap();
    }

    /// Reads the latest snapshot on the drawing side.
    pub(crate) fn take(&mut self) -> &Model {
        self.model.take(&mut self.reader, self.now);
        &self.model
    }
}

pub(crate) fn trade(ticks: i64, lots: i64, side: TradeSide, created_ms: i64) -> Trade {
    Trade {
        ticks: Ticks(ticks),
        lots: Lots(lots),
        side,
        created: UnixMillis(created_ms),
    }
}

pub(crate) fn last(ticks: i64, side: TradeSide) -> Option<LastTrade> {
    Some(LastTrade {
        ticks: Ticks(ticks),
        side: Some(side),
    })
}
