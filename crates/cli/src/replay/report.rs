//! The summary of a replay, and the lines of its books.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

use hdrhistogram::Histogram;
use ticklot::{BookId, Books};

use crate::decode_paths::DecodePaths;
use crate::format;
use crate::units::{per_second, utc};

/// The counts of a replay for the range that it shows.
#[derive(Debug, Default)]
pub(super) struct ReplayStats {
    /// Frames in the range.
    pub(super) frames: u64,
    /// Frames before the range.
    pub(super) before: u64,
    pub(super) messages: u64,
    /// Lines of frames that could not be read.
    pub(super) bad_lines: u64,
    /// Lines of the log that are not records.
    pub(super) broken: u64,
    /// Truncated parts of the log that another part follows.
    pub(super) cuts: u64,
    /// Records that the recorder could not write.
    pub(super) dropped: u64,
    /// Books that became invalid.
    pub(super) invalidations: u64,
    /// Invalidations that differ from those in the log.
    pub(super) different: u64,
    /// The time for decoding and applying.
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
        let (frames, messages, errors) = (self.frames, self.messages, self.bad_lines + self.broken);
        let rate = per_second(messages, self.busy_ns);
        writeln!(
            out,
            "{frames} frames, {messages} messages, {books} books, {errors} errors, {rate:.0} messages/s"
        )?;
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|at| latency.value_at_quantile(at));
        let max = latency.max();
        writeln!(
            out,
            "ns per message: p50 {p50}, p99 {p99}, p99.9 {p999}, max {max}"
        )?;
        if !paths.is_empty() {
            writeln!(out, "{paths}")?;
        }
        for (count, what) in [
            (self.before, "frames before them were applied"),
            (self.cuts, "parts of the log are cut off"),
            (self.dropped, "records are missing from the log"),
        ] {
            if count > 0 {
                writeln!(out, "{count} {what}")?;
            }
        }
        if self.invalidations > 0 {
            let (invalidations, different) = (self.invalidations, self.different);
            writeln!(
                out,
                "{invalidations} invalidations, {different} of them not as recorded"
            )?;
        }
        Ok(())
    }
}

/// One line about a book at a time of the log.
pub(super) fn book_line(out: &mut String, books: &Books, id: BookId, recv_ns: u64) -> fmt::Result {
    let Some(book) = books.last_known(id) else {
        return Ok(());
    };
    if recv_ns > 0 {
        write!(out, "{} ", utc(recv_ns))?;
    }
    format::best_prices(out, books, id, book)?;
    out.write_char('\n')
}
