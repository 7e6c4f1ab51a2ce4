//! Measures the throughput and latency of decoding and applying.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ticklot::capture::{Record, Replay};
use ticklot::venue::Venue;
use ticklot::{Books, Event, Handler, OnMessage, Scale};
use ticklot_frame::{Lines, bayse, jayx};

use super::workload::{Workload, unsupported};
use crate::book_stats::latency_histogram;
use crate::failure::Failure;
use crate::units::elapsed_ns;
use crate::venues::VenueArg;

/// The measurements of a stage.
pub(super) struct StageFigures {
    /// Messages of the throughput measurement.
    pub(super) messages: u64,
    /// The bytes of these messages.
    pub(super) bytes: u64,
    /// The time for these messages, in nanoseconds.
    pub(super) took_ns: u64,
    /// Nanoseconds per message. The messages of a frame share its time evenly.
    pub(super) each: Histogram<u64>,
}

/// The cost of reading the clock, in nanoseconds: the median of a thousand readings.
pub(super) fn clock_ns() -> u64 {
    let mut readings: Vec<u64> = (0..1_000).map(|_| elapsed_ns(Instant::now())).collect();
    readings.sort_unstable();
    readings[readings.len() / 2]
}

/// The work of a stage on a frame.
trait Work {
    /// Prepares a new pass over the workload. Not timed.
    fn begin(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn frame(&mut self, record: &Record);
}

struct DecodeJayx(jayx::Decoder);

impl Work for DecodeJayx {
    fn frame(&mut self, record: &Record) {
        let _ = black_box(self.0.decode(&record.frame));
    }
}

struct DecodeBayse(bayse::Decoder, Scale);

impl Work for DecodeBayse {
    fn frame(&mut self, record: &Record) {
        for line in Lines::new(&record.frame) {
            let _ = black_box(self.0.decode(line.bytes, &self.1));
        }
    }
}

/// Uses a new session for each pass: a session that receives old trades again after new ones takes the path for
/// reconnected servers, which is several times slower.
struct Apply<'l>(&'l Workload, Replay<ReadBestPrices>);

/// Reads the best prices of each live book that changed.
struct ReadBestPrices;

impl Handler for ReadBestPrices {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        if let Event::Book(update) = event
            && let Some(book) = books.live(update.book)
        {
            black_box((book.best_bid(), book.best_ask()));
        }
        ControlFlow::Continue(())
    }
}

impl<V: Venue> OnMessage<V> for ReadBestPrices {}

impl Work for Apply<'_> {
    fn begin(&mut self) -> Result<(), Failure> {
        self.1 = self.0.log_replay()?.replay;
        Ok(())
    }

    fn frame(&mut self, record: &Record) {
        black_box(self.1.apply(record, &mut ReadBestPrices));
    }
}

/// Measures decoding frames to messages.
pub(super) fn decode(load: &Workload, time: Duration) -> Result<StageFigures, Failure> {
    match load.venue {
        VenueArg::Jayx => {
            let decoder = jayx::Decoder::new(load.envelope());
            stage(load, time, &mut DecodeJayx(decoder))
        }
        VenueArg::Bayse => {
            let decoder = bayse::Decoder::new();
            stage(load, time, &mut DecodeBayse(decoder, load.scale))
        }
        VenueArg::Kraken => Err(unsupported()),
    }
}

/// Measures decoding frames, applying them to books as in a replay, and reading the best prices.
pub(super) fn apply(load: &Workload, time: Duration) -> Result<StageFigures, Failure> {
    stage(load, time, &mut Apply(load, load.log_replay()?.replay))
}

/// Measures a stage in passes over the whole workload until `time` is over: half of it for each kind of measurement.
fn stage(load: &Workload, time: Duration, work: &mut impl Work) -> Result<StageFigures, Failure> {
    // Warms up: buffers grow and pages are mapped.
    pass(load, work);
    let mut figures = StageFigures {
        messages: 0,
        bytes: 0,
        took_ns: 0,
        each: latency_histogram()?,
    };
    let begun = Instant::now();
    while figures.messages == 0 || begun.elapsed() < time / 2 {
        work.begin()?;
        let start = Instant::now();
        pass(load, work);
        figures.took_ns += elapsed_ns(start);
        figures.messages += load.messages();
        figures.bytes += load.bytes();
    }
    while figures.each.is_empty() || begun.elapsed() < time {
        work.begin()?;
        for frame in &load.frames {
            let start = Instant::now();
            work.frame(&frame.record);
            if let Some(one) = elapsed_ns(start).checked_div(frame.messages) {
                figures.each.saturating_record_n(one, frame.messages);
            }
        }
    }
    Ok(figures)
}

fn pass(load: &Workload, work: &mut impl Work) {
    for frame in &load.frames {
        work.frame(&frame.record);
    }
}
