//! The snapshots that the feed's thread publishes for the drawing thread.

use ticklot::events::{LastTrade, TradeSide, UnixMillis};
use ticklot::{BookId, BookState, Books, ConnectionId, Epoch, Level, Lots, Nanos, Scale, Ticks};

use super::log::{Log, LogLine};
use super::recent_items::Recent;

/// The number of trades per book that are kept.
pub(crate) const MAX_SHOWN_TRADES: usize = 64;

/// The number of latencies that are kept until the drawing thread reads them. Further ones are only counted.
pub(crate) const MAX_SHOWN_LATENCIES: usize = 16_384;

/// The initial capacity for levels per side. The copy of a book that is not deeper never allocates.
const ROOM: usize = 64;

/// A displayed trade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecentTrade {
    /// None if the venue reports only the price of the last trade.
    pub(crate) lots: Option<Lots>,
    pub(crate) ticks: Ticks,
    pub(crate) side: Option<TradeSide>,
    /// The time of the trade by the venue's clock.
    pub(crate) created: Option<UnixMillis>,
    /// The time of the report by the feed's clock.
    pub(crate) reported: Nanos,
}

pub(crate) type RecentTrades = Recent<RecentTrade, MAX_SHOWN_TRADES>;

/// The time between the receipt of a message and the handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LatencySample {
    pub(crate) book: BookId,
    pub(crate) ns: u64,
}

/// All data of the view at one time.
#[derive(Debug)]
pub(crate) struct UiSnapshot {
    /// When the snapshot was published.
    pub(crate) now: Nanos,
    pub(crate) books: Vec<BookSnapshot>,
    /// The latencies since the last snapshot that was read.
    pub(crate) samples: Vec<LatencySample>,
    /// The total number of latencies that were not kept.
    pub(crate) unsampled: u64,
    /// Messages other than order books, and notices.
    pub(crate) log: Log,
    /// The latest notice; its text is empty when there was none.
    pub(crate) notice: LogLine,
    pub(crate) bad_lines: u64,
    /// Messages other than order books.
    pub(crate) other_messages: u64,
}

impl UiSnapshot {
    pub(crate) fn new() -> Self {
        Self {
            now: Nanos(0),
            books: Vec::new(),
            samples: Vec::with_capacity(MAX_SHOWN_LATENCIES),
            unsampled: 0,
            log: Log::new(),
            notice: LogLine::default(),
            bad_lines: 0,
            other_messages: 0,
        }
    }
}

/// A copy of a book and of its counts.
#[derive(Debug)]
pub(crate) struct BookSnapshot {
    pub(crate) id: BookId,
    pub(crate) connection: ConnectionId,
    pub(crate) market: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) scale: Scale,
    pub(crate) state: BookState,
    pub(crate) epoch: Epoch,
    pub(crate) updated: Nanos,
    pub(crate) updates: u64,
    pub(crate) bids: Vec<Level>,
    pub(crate) asks: Vec<Level>,
    /// Order-book messages since the start.
    pub(crate) messages: u64,
    /// Whether the memory budget has room for the book's histograms.
    pub(crate) is_measured: bool,
    pub(crate) last_trade: Option<LastTrade>,
    pub(crate) recent_trades: RecentTrades,
}

impl BookSnapshot {
    /// A snapshot without levels; allocates. None for an unknown id.
    pub(crate) fn new(books: &Books, id: BookId) -> Option<Self> {
        Some(Self {
            id,
            connection: books.connection(id)?,
            market: books.market(id).into(),
            name: books.name(id).into(),
            scale: books.last_known(id)?.scale(),
            state: BookState::Empty,
            epoch: Epoch::default(),
            updated: Nanos(0),
            updates: 0,
            bids: Vec::with_capacity(ROOM),
            asks: Vec::with_capacity(ROOM),
            messages: 0,
            is_measured: false,
            last_trade: None,
            recent_trades: RecentTrades::new(),
        })
    }

    /// Copies the current state of the book; its levels only if they have changed. A removed book becomes disconnected.
    pub(crate) fn copy(&mut self, books: &Books) {
        let Some(book) = books.last_known(self.id) else {
            self.state = BookState::Disconnected;
            return;
        };
        let was = (self.epoch, self.updates, self.updated, self.scale);
        let is = (book.epoch(), book.updates(), book.updated(), book.scale());
        if was != is {
            (self.epoch, self.updates, self.updated, self.scale) = is;
            self.bids.clear();
            self.bids.extend(book.bids());
            self.asks.clear();
            self.asks.extend(book.asks());
        }
        self.state = book.state();
    }
}
