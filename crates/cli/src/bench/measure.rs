//! Measuring.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ticklot::capture::{Record, Replay};
use ticklot::venue::Venue;
use ticklot::{Books, Event, Handler, OnMessage, Scale};
use ticklot_frame::{Lines, bayse, jayx};

use super::workload::{BenchFrame, Workload, unsupported};
use crate::book_stats::latency_histogram;
use crate::failure::Failure;
use crate::units::elapsed_ns;
use crate::venues::VenueArg;

/// What a stage takes.
pub(super) struct StageFigures {
    /// Messages that the rate is of.
    pub(super) messages: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// The time that they took, in nanoseconds.
    pub(super) took_ns: u64,
    /// Nanoseconds a message; those of a frame of several share its time evenly.
    pub(super) each: Histogram<u64>,
}

/// What a reading of the clock takes, in nanoseconds: the middle of a thousand.
pub(super) fn clock_ns() -> u64 {
    let mut readings: Vec<u64> = (0..1_000).map(|_| elapsed_ns(Instant::now())).collect();
    readings.sort_unstable();
    readings[readings.len() / 2]
}

/// The work of a stage on a frame.
trait Work {
    /// Begins the load anew. Not timed.
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

/// Each time with a session of its own: one that hears old trades again after new ones takes a way that is
/// made for a server that comes back, several times slower.
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

/// Frames to messages.
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

/// Frames to books, as they are replayed, and the best prices read.
pub(super) fn apply(load: &Workload, time: Duration) -> Result<StageFigures, Failure> {
    stage(load, time, &mut Apply(load, load.log_replay()?.replay))
}

/// Measures a stage over the whole workload, again and again, until the time is over.
fn stage(load: &Workload, time: Duration, work: &mut impl Work) -> Result<StageFigures, Failure> {
    // Once to warm up: buffers grow, and pages come in.
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
            single(frame, work, &mut figures.each);
        }
    }
    Ok(figures)
}

fn pass(load: &Workload, work: &mut impl Work) {
    for frame in &load.frames {
        work.frame(&frame.record);
    }
}

fn single(frame: &BenchFrame, work: &mut impl Work, each: &mut Histogram<u64>) {
    let start = Instant::now();
    work.frame(&frame.record);
    let took = elapsed_ns(start);
    if let Some(one) = took.checked_div(frame.messages) {
        each.saturating_record_n(one, frame.messages);
    }
}
