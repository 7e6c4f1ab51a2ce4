//! What the program knows of a book besides the book.

use hdrhistogram::Histogram;
use ticklot::events::{LastTrade, Trade};
use ticklot::stores::Reservation;
use ticklot::{BookState, BookUpdate, Books, Nanos};

use crate::failure::Failure;
use crate::units::{nanos, per_second};

/// Counts of one book.
#[derive(Debug)]
pub(crate) struct BookStats {
    /// Order-book messages applied.
    pub(crate) messages: u64,
    /// Messages at the last rate.
    counted: u64,
    /// When the rate was last taken.
    since: Nanos,
    /// Messages a second.
    pub(crate) rate: f64,
    /// The last trade that a message reported.
    pub(crate) last_trade: Option<LastTrade>,
    /// From the frame's receipt to the handler, in nanoseconds. None for a book that is not measured.
    latency: Option<BookLatency>,
    /// How often the book was not live after a message.
    pub(crate) not_live: u64,
}

impl BookStats {
    /// No counts yet; `latency` is an empty histogram, if the book is measured.
    pub(crate) fn new(now: Nanos, latency: Option<BookLatency>) -> Self {
        Self {
            messages: 0,
            counted: 0,
            since: now,
            rate: 0.0,
            last_trade: None,
            latency,
            not_live: 0,
        }
    }

    pub(crate) fn update(&mut self, update: &BookUpdate<'_>, state: BookState, now: Nanos) {
        self.messages += 1;
        self.last_trade = update.last_trade.or(self.last_trade);
        if let Some(latency) = &mut self.latency {
            latency
                .own
                .saturating_record(nanos(now.since(update.received)));
        }
        self.not_live += u64::from(!state.is_live());
    }

    /// The latency that so large a share of the messages did not exceed, in nanoseconds; none without
    /// a measurement.
    pub(crate) fn latency(&self, quantile: f64) -> Option<u64> {
        let latency = &self.latency.as_ref()?.own;
        (!latency.is_empty()).then(|| latency.value_at_quantile(quantile))
    }

    /// Whether there is memory for the book's histograms.
    pub(crate) fn is_measured(&self) -> bool {
        self.latency.is_some()
    }

    /// New trades, oldest first, in the unit of the book.
    pub(crate) fn trades(&mut self, trades: &[Trade]) {
        if let Some(trade) = trades.last() {
            self.last_trade = Some(LastTrade {
                ticks: trade.ticks,
                side: Some(trade.side),
            });
        }
    }

    /// Takes the rate anew, over the time since it was last taken.
    pub(crate) fn take_rate(&mut self, now: Nanos) {
        self.rate = per_second(self.messages - self.counted, nanos(now.since(self.since)));
        self.counted = self.messages;
        self.since = now;
    }
}

/// An empty histogram of nanoseconds, 1 to a minute, three digits; what is longer counts as a
/// minute.
pub(crate) fn latency_histogram() -> Result<Histogram<u64>, Failure> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).map_err(Failure::work)
}

/// The same for one book of many: 1 ns to a minute, two digits, 15 kB. None when no histogram has these bounds,
/// which would be a bug.
pub(crate) fn book_latency() -> Option<Histogram<u32>> {
    Histogram::new_with_bounds(1, 60_000_000_000, 2).ok()
}

/// The histogram of one book, and the part of the feed's memory that is the book's for it and for those that a
/// view keeps besides.
#[derive(Debug)]
pub(crate) struct BookLatency {
    own: Box<Histogram<u32>>,
    _memory: Reservation,
}

impl BookLatency {
    /// Nothing measured yet, where so many histograms are kept of a book. None when the feed's budget has no
    /// room for them.
    pub(crate) fn new(books: &Books, histograms: usize) -> Option<Self> {
        let own = Box::new(book_latency()?);
        let bytes = size_of_val(&*own) + size_of::<u32>() * own.distinct_values();
        let _memory = books.reserve(histograms * bytes)?;
        Some(Self { own, _memory })
    }
}
