//! Measuring.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ticklot::capture::Record;
use ticklot::{Books, Event};
use ticklot_frame::{Lines, bayse, jayx};

use super::load::{Frame, Load};
use crate::Failure;
use crate::args::VenueArg;
use crate::panel::latency_histogram;
use crate::replay;

/// What a stage takes.
pub(super) struct Figures {
    /// Messages that the rate is of.
    pub(super) messages: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// What they took, in nanoseconds.
    pub(super) took_ns: u64,
    /// Nanoseconds a message; those of a frame of several share its time evenly.
    pub(super) each: Histogram<u64>,
}

/// What a reading of the clock takes, in nanoseconds: the middle of a thousand.
pub(super) fn clock_ns() -> u64 {
    let mut readings: Vec<u64> = (0..1_000)
        .map(|_| replay::elapsed_ns(Instant::now()))
        .collect();
    readings.sort_unstable();
    readings[readings.len() / 2]
}

/// Frames to messages.
pub(super) fn decode(load: &Load, time: Duration) -> Result<Figures, Failure> {
    match load.venue {
        VenueArg::Jayx => {
            let mut decoder = jayx::Decoder::new(load.envelope());
            stage(load, time, |record| {
                let _ = black_box(decoder.decode(&record.frame));
            })
        }
        VenueArg::Bayse => {
            let mut decoder = bayse::Decoder::new();
            stage(load, time, |record| {
                for line in Lines::new(&record.frame) {
                    let _ = black_box(decoder.decode(line.bytes, &load.scale));
                }
            })
        }
    }
}

/// Frames to books, as they are replayed, and the best prices read.
pub(super) fn apply(load: &Load, time: Duration) -> Result<Figures, Failure> {
    let mut replay = load.offline()?.replay;
    let mut handler = |event: Event<'_>, books: &Books| {
        if let Event::Book(update) = event
            && let Some(book) = books.live(update.book)
        {
            black_box((book.best_bid(), book.best_ask()));
        }
        ControlFlow::Continue(())
    };
    stage(load, time, |record| {
        black_box(replay.apply(record, &mut handler));
    })
}

/// Measures what is done with each frame, over and over the load, until the time is over.
fn stage(load: &Load, time: Duration, mut work: impl FnMut(&Record)) -> Result<Figures, Failure> {
    // Once to warm up: buffers grow, and pages come in.
    load.frames.iter().for_each(|frame| work(&frame.record));
    let mut figures = Figures {
        messages: 0,
        bytes: 0,
        took_ns: 0,
        each: latency_histogram()?,
    };
    let begun = Instant::now();
    while figures.messages == 0 || begun.elapsed() < time / 2 {
        let start = Instant::now();
        load.frames.iter().for_each(|frame| work(&frame.record));
        figures.took_ns += replay::elapsed_ns(start);
        figures.messages += load.messages();
        figures.bytes += load.bytes();
    }
    while figures.each.is_empty() || begun.elapsed() < time {
        load.frames
            .iter()
            .for_each(|frame| single(frame, &mut work, &mut figures.each));
    }
    Ok(figures)
}

fn single(frame: &Frame, work: &mut impl FnMut(&Record), each: &mut Histogram<u64>) {
    let start = Instant::now();
    work(&frame.record);
    let took = replay::elapsed_ns(start);
    if let Some(one) = took.checked_div(frame.messages) {
        each.saturating_record_n(one, frame.messages);
    }
}
