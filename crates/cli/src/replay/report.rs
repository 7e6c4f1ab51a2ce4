//! The summary of a replay, and the lines of its books.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

use hdrhistogram::Histogram;
use ticklot::{BookId, Books};

use crate::decode_paths::DecodePaths;
use crate::format;
use crate::units::{per_second, utc};

/// What a replay saw of the part that it shows.
#[derive(Debug, Default)]
pub(super) struct ReplayStats {
    /// Frames, and frames before the part.
    pub(super) frames: u64,
    pub(super) before: u64,
    pub(super) messages: u64,
    /// Bad lines of frames.
    pub(super) bad_lines: u64,
    /// Lines of the log that are no records.
    pub(super) broken: u64,
    /// Where a part of the log is cut off, and another one follows.
    pub(super) cuts: u64,
    /// Records that the recorder could not keep.
    pub(super) dropped: u64,
    /// Losses of trust, and those that differ from what the log notes.
    pub(super) invalidations: u64,
    pub(super) different: u64,
    /// Time spent in decoding and applying.
    pub(super) busy_ns: u64,
}

impl ReplayStats {
    pub(super) fn print(
        &self,
        out: &mut dyn Write,
        books: usize,
        latency: &Histogram<u64>,
        paths: DecodePaths,
    ) -> io::Result<()> {
        let errors = self.bad_lines + self.broken;
        let rate = per_second(self.messages, self.busy_ns);
        writeln!(
            out,
            "{} frames, {} messages, {books} books, {errors} errors, {rate:.0} messages/s",
            self.frames, self.messages
        )?;
        writeln!(
            out,
            "ns per message: p50 {}, p99 {}, p99.9 {}, max {}",
            latency.value_at_quantile(0.5),
            latency.value_at_quantile(0.99),
            latency.value_at_quantile(0.999),
            latency.max()
        )?;
        if !paths.is_empty() {
            writeln!(out, "{paths}")?;
        }
        if self.before > 0 {
            writeln!(out, "{} frames before them were applied", self.before)?;
        }
        if self.cuts > 0 {
            writeln!(out, "{} parts of the log are cut off", self.cuts)?;
        }
        if self.dropped > 0 {
            writeln!(out, "{} records are missing from the log", self.dropped)?;
        }
        if self.invalidations > 0 {
            let (invalidations, different) = (self.invalidations, self.different);
            writeln!(
                out,
                "{invalidations} losses of trust, {different} of them not as they were recorded"
            )?;
        }
        Ok(())
    }
}

/// One line about a book at a moment of the log.
pub(super) fn book_line(out: &mut String, books: &Books, id: BookId, recv_ns: u64) -> fmt::Result {
    let Some(book) = books.last_known(id) else {
        return Ok(());
    };
    if recv_ns > 0 {
        write!(out, "{} ", utc(recv_ns))?;
    }
    let (scale, title) = (book.scale(), format::title(books, id));
    let (bid, ask) = (
        format::Best(book.best_bid(), scale),
        format::Best(book.best_ask(), scale),
    );
    writeln!(out, "{title} {} bid {bid} | ask {ask}", book.state())
}
