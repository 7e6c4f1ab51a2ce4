//! The counts and latencies of one book.

use hdrhistogram::Histogram;
use ticklot::events::{LastTrade, Trade};
use ticklot::stores::Reservation;
use ticklot::{BookState, BookUpdate, Books, Nanos};

use crate::failure::Failure;
use crate::units::{nanos, per_second};

/// Counts of one book.
#[derive(Debug, Default)]
pub(crate) struct BookStats {
    /// Applied order-book messages.
    pub(crate) messages: u64,
    /// The value of `messages` when the rate was last computed.
    counted: u64,
    /// When the rate was last computed.
    since: Nanos,
    /// Messages a second.
    pub(crate) rate: f64,
    /// The last trade that a message reported.
    pub(crate) last_trade: Option<LastTrade>,
    /// From the frame's receipt to the handler, in nanoseconds. None for a book that is not measured.
    latency: Option<BookLatency>,
    /// Messages after which the book was not live.
    pub(crate) not_live: u64,
}

impl BookStats {
    /// No counts yet. `latency` is an empty histogram if the book is measured.
    pub(crate) fn new(since: Nanos, latency: Option<BookLatency>) -> Self {
        Self {
            since,
            latency,
            ..Self::default()
        }
    }

    pub(crate) fn update(&mut self, update: &BookUpdate<'_>, state: BookState, now: Nanos) {
        self.messages += 1;
        self.last_trade = update.last_trade.or(self.last_trade);
        if let Some(latency) = &mut self.latency {
            let ns = nanos(now.since(update.received));
            latency.histogram.saturating_record(ns);
        }
        self.not_live += u64::from(!state.is_live());
    }

    /// A quantile (0 to 1) of the latencies in nanoseconds. None without a measurement.
    pub(crate) fn latency(&self, quantile: f64) -> Option<u64> {
        let latency = &self.latency.as_ref()?.histogram;
        (!latency.is_empty()).then(|| latency.value_at_quantile(quantile))
    }

    /// Whether the memory budget has room for the book's histograms.
    pub(crate) fn is_measured(&self) -> bool {
        self.latency.is_some()
    }

    /// Adds new trades, oldest first, in the ticks and lots of the book.
    pub(crate) fn trades(&mut self, trades: &[Trade]) {
        if let Some(trade) = trades.last() {
            self.last_trade = Some(LastTrade {
                ticks: trade.ticks,
                side: Some(trade.side),
            });
        }
    }

    /// Computes the rate over the time since it was last computed.
    pub(crate) fn update_rate(&mut self, now: Nanos) {
        self.rate = per_second(self.messages - self.counted, nanos(now.since(self.since)));
        self.counted = self.messages;
        self.since = now;
    }
}

/// An empty histogram of 1 ns to 1 minute with three significant digits. Longer times count as a minute.
pub(crate) fn latency_histogram() -> Result<Histogram<u64>, Failure> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).map_err(Failure::work)
}

/// The histogram of one book: 1 ns to 1 minute with two significant digits, 15 kB. None only if the bounds are invalid,
/// which would be a bug.
pub(crate) fn book_latency() -> Option<Histogram<u32>> {
    Histogram::new_with_bounds(1, 60_000_000_000, 2).ok()
}

/// The histogram of one book, and the reservation in the feed's memory budget for it and for the view's histograms.
#[derive(Debug)]
pub(crate) struct BookLatency {
    histogram: Box<Histogram<u32>>,
    _memory: Reservation,
}

impl BookLatency {
    /// An empty histogram; reserves memory for `histograms` of this size. None when the feed's memory budget has no
    /// room for them.
    pub(crate) fn new(books: &Books, histograms: usize) -> Option<Self> {
        let histogram = Box::new(book_latency()?);
        let bytes = size_of_val(&*histogram) + size_of::<u32>() * histogram.distinct_values();
        let _memory = books.reserve(histograms * bytes)?;
        Some(Self { histogram, _memory })
    }
}
