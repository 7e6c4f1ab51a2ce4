//! The snapshots that the feed's thread publishes for the drawing thread.

use ticklot::ConnectionId;
use ticklot::events::LastTrade;
use ticklot::events::{TradeSide, UnixMillis};
use ticklot::{BookId, BookState, Books, Epoch, Level, Lots, Nanos, Scale, Ticks};

use super::log::{Log, LogLine};
use super::recent_items::Recent;

/// How many trades of a book are kept to be shown.
pub(crate) const MAX_SHOWN_TRADES: usize = 64;

/// How many latencies are kept until the drawing thread takes them; more are counted.
pub(crate) const MAX_SHOWN_LATENCIES: usize = 16_384;

/// For how many levels a side there is room from the beginning: a book that is not deeper never makes a copy of
/// it grow.
const ROOM: usize = 64;

/// A trade, as it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecentTrade {
    /// None, where the venue reports only the price of the last trade.
    pub(crate) lots: Option<Lots>,
    pub(crate) ticks: Ticks,
    pub(crate) side: Option<TradeSide>,
    /// When it was made, by the venue's clock.
    pub(crate) created: Option<UnixMillis>,
    /// When it was reported, by the feed's clock.
    pub(crate) reported: Nanos,
}

pub(crate) type RecentTrades = Recent<RecentTrade, MAX_SHOWN_TRADES>;

/// How long a message took to come to the handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LatencySample {
    pub(crate) book: BookId,
    pub(crate) ns: u64,
}

/// All data of the view at one time.
#[derive(Debug)]
pub(crate) struct UiSnapshot {
    /// When it was filled.
    pub(crate) now: Nanos,
    pub(crate) books: Vec<BookSnapshot>,
    /// The latencies since the last snapshot that was read.
    pub(crate) samples: Vec<LatencySample>,
    /// Latencies that were not kept, ever.
    pub(crate) unsampled: u64,
    /// Messages that are no books, and notices.
    pub(crate) log: Log,
    /// The last notice; an empty one when there was none.
    pub(crate) notice: LogLine,
    pub(crate) bad_lines: u64,
    /// Messages that are no books.
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
            notice: LogLine::new(),
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
    /// Whether there is memory for the histograms of its latencies.
    pub(crate) is_measured: bool,
    pub(crate) last_trade: Option<LastTrade>,
    pub(crate) recent_trades: RecentTrades,
}

impl BookSnapshot {
    /// A copy of nothing yet; allocates. None for an id that is none.
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

    /// Becomes a copy of the book as it is now. Levels are copied only after a change. A book that was
    /// removed is disconnected.
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
