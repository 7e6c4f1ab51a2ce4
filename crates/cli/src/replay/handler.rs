//! The handler of a replay.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::time::Instant;

use ticklot::capture::{BookRows, ReplayCheck, ReplayInvalidation};
use ticklot::venue::Venue;
use ticklot::{Books, Event, Handler, OnMessage};

use super::elapsed_ns;
use crate::format::Printable;
use crate::output::Output;
use crate::units::utc;

/// How many bad lines are reported one by one.
const REPORTED: u64 = 20;

/// Writes rows and reports bad lines while the sessions run.
pub(super) struct ReplayHandler<'a> {
    pub(super) output: &'a mut Output,
    pub(super) rows: Option<BookRows<BufWriter<File>>>,
    /// Whether the played part is shown.
    pub(super) shows: bool,
    reported: u64,
    /// Lines of frames that could not be read.
    pub(super) bad_lines: u64,
    /// Time spent here and not in decoding and applying.
    pub(super) writing_ns: u64,
    /// The first row that could not be written.
    failed: Option<io::Error>,
}

impl Handler for ReplayHandler<'_> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        if !self.shows {
            return ControlFlow::Continue(());
        }
        match event {
            Event::Book(update) => {
                if let Some(rows) = &mut self.rows {
                    let start = Instant::now();
                    if let Err(error) = rows.write(&update, books) {
                        self.failed = Some(error);
                        return ControlFlow::Break(());
                    }
                    self.writing_ns += elapsed_ns(start);
                }
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
            rows: None,
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
                "ticklot: more lines are bad; not told one by one"
            ),
            _ => Ok(()),
        };
    }

    /// A book is no longer to be trusted, or was not when it was recorded.
    pub(super) fn report_invalidation(&mut self, lost: &ReplayInvalidation) {
        let (book, state) = (Printable(&lost.book), Printable(&lost.state));
        let (line, at) = (lost.line, utc(lost.at));
        let how = match lost.check {
            ReplayCheck::Added => ", which it was not when it was recorded",
            ReplayCheck::Missing => " in the log, and not when it is played",
            ReplayCheck::Reproduced | ReplayCheck::Unrecorded => "",
        };
        self.report(format_args!(
            "log line {line}, {at}: {book} is {state}{how}"
        ));
    }

    /// The rows are complete, or could not be written.
    pub(super) fn finish_rows(&mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.rows.as_mut().map_or(Ok(()), BookRows::flush),
        }
    }
}
