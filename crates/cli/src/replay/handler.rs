//! The handler of a replay.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::Instant;

use ticklot::capture::{ReplayCheck, ReplayInvalidation};
use ticklot::venue::Venue;
use ticklot::{Books, Event, Handler, OnMessage};

use crate::csv_rows::CsvRows;
use crate::failure::{Failure, break_on_failure};
use crate::format::Printable;
use crate::output::Output;
use crate::units::{elapsed_ns, utc};

/// The maximum number of problems that are reported individually.
const REPORTED: u64 = 20;

/// Writes rows and reports bad lines while the sessions run.
pub(super) struct ReplayHandler<'a> {
    pub(super) output: &'a mut Output,
    pub(super) rows: CsvRows,
    /// Whether the current position is in the range to show.
    pub(super) shows: bool,
    reported: u64,
    /// Lines of frames that could not be read.
    pub(super) bad_lines: u64,
    /// The time spent in this handler, which is not part of decoding and applying.
    pub(super) writing_ns: u64,
    failed: Option<Failure>,
}

impl Handler for ReplayHandler<'_> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        if !self.shows {
            return ControlFlow::Continue(());
        }
        match event {
            Event::Book(_) if self.rows.is_open() => {
                let start = Instant::now();
                let written = self.rows.write(&event, books);
                self.writing_ns += elapsed_ns(start);
                return break_on_failure(written, &mut self.failed);
            }
            Event::BadLine { frame, error, .. } => {
                self.bad_lines += 1;
                self.report(format_args!("frame {frame}: {error}"));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl<V: Venue> OnMessage<V> for ReplayHandler<'_> {}

impl<'a> ReplayHandler<'a> {
    pub(super) fn new(output: &'a mut Output) -> Self {
        Self {
            output,
            rows: CsvRows::default(),
            shows: false,
            reported: 0,
            bad_lines: 0,
            writing_ns: 0,
            failed: None,
        }
    }

    pub(super) fn report(&mut self, what: impl std::fmt::Display) {
        self.reported += 1;
        // Standard error may be closed; the count in the summary remains.
        let _ = match self.reported {
            n if n <= REPORTED => writeln!(self.output.err, "ticklot: {what}"),
            n if n == REPORTED + 1 => writeln!(
                self.output.err,
                "ticklot: further problems are only counted"
            ),
            _ => Ok(()),
        };
    }

    /// Reports that a book became invalid, now or in the recording.
    pub(super) fn report_invalidation(&mut self, lost: &ReplayInvalidation) {
        let (book, state) = (Printable(&lost.book), Printable(&lost.state));
        let (line, at) = (lost.line, utc(lost.at));
        let how = match lost.check {
            ReplayCheck::Added => ", which the log does not state",
            ReplayCheck::Missing => " in the log, but not in the replay",
            ReplayCheck::Reproduced | ReplayCheck::Unrecorded => "",
        };
        self.report(format_args!(
            "log line {line}, {at}: {book} is {state}{how}"
        ));
    }

    /// Flushes the rows, or returns the error of a row that could not be written.
    pub(super) fn finish_rows(&mut self) -> Result<(), Failure> {
        self.failed.take().map_or(Ok(()), Err)?;
        self.rows.flush()
    }
}
