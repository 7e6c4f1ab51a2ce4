//! A line a second for each book, for a pipe and for people.

use std::io::{self, Write};
use std::time::Duration;

use ticklot::{Books, Event, Nanos};

use super::output_mode::{OutputMode, RunStats};
use crate::failure::Failure;
use crate::format::{self, Printable};
use crate::output::Output;
use crate::{format_event, latency_table};

/// The most subscriptions that the summary names.
const MAX_UNCONFIRMED: usize = 10;

/// Prints books on standard output, and notices on standard error.
pub(crate) struct Lines<'a> {
    output: &'a mut Output,
    text: String,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(output: &'a mut Output) -> Self {
        let text = String::new();
        Self { output, text }
    }

    fn books(&mut self, books: &Books, stats: &mut RunStats, now: Nanos) -> io::Result<()> {
        self.text.clear();
        for id in books.ids() {
            let panel = stats.panel_mut(id, books, now);
            panel.take_rate(now);
            format::line(&mut self.text, books, id, panel, now).map_err(io::Error::other)?;
        }
        self.output.out.write_all(self.text.as_bytes())?;
        self.output.out.flush()
    }

    /// An event besides books.
    fn line(&mut self, event: &Event<'_>) -> io::Result<()> {
        self.text.clear();
        format_event::line(&mut self.text, event).map_err(io::Error::other)?;
        writeln!(self.output.out, "{}", Printable(&self.text))
    }

    fn notice(&mut self, event: &Event<'_>, books: &Books) {
        self.text.clear();
        // Writing to a string does not fail, and standard error may be closed.
        let _ = format_event::notice(&mut self.text, event, books);
        let _ = writeln!(self.output.err, "ticklot: {}", Printable(&self.text));
    }
}

impl OutputMode for Lines<'_> {
    const TICK: Duration = Duration::from_secs(1);

    fn event(
        &mut self,
        event: &Event<'_>,
        books: &Books,
        stats: &mut RunStats,
        now: Nanos,
    ) -> Result<(), Failure> {
        match event {
            Event::Tick { .. } => self.books(books, stats, now)?,
            event if format_event::is_notice(event, books) => self.notice(event, books),
            event if format_event::has_line(event, books) => self.line(event)?,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, books: &Books, stats: &RunStats, _: Nanos) -> Result<(), Failure> {
        Ok(summary(&mut self.output.out, books, stats)?)
    }
}

/// What a run has seen, a line for each book.
pub(crate) fn summary(out: &mut dyn Write, books: &Books, stats: &RunStats) -> io::Result<()> {
    for id in books.ids() {
        let Some(panel) = stats.panel(id.0 as usize) else {
            continue;
        };
        writeln!(
            out,
            "{}: {} messages, {} while not live, latency p50 {} p99 {} max {}",
            Printable(books.name(id)),
            panel.messages,
            panel.not_live,
            format::Micros(panel.latency(0.5)),
            format::Micros(panel.latency(0.99)),
            format::Micros(panel.latency(1.0)),
        )?;
    }
    if stats.other_messages > 0 {
        writeln!(out, "{} other messages", stats.other_messages)?;
    }
    for ((_, room), attempts) in stats.unconfirmed.iter().take(MAX_UNCONFIRMED) {
        let room = Printable(room);
        writeln!(out, "{room} is not confirmed after request {attempts}")?;
    }
    let more = stats.unconfirmed.len().saturating_sub(MAX_UNCONFIRMED);
    if more > 0 {
        writeln!(out, "{more} other subscriptions are not confirmed")?;
    }
    if !stats.paths.is_empty() {
        writeln!(out, "{}", stats.paths)?;
    }
    if stats.bad_lines > 0 {
        writeln!(out, "{} bad lines", stats.bad_lines)?;
    }
    latency_table::table(out, books)?;
    out.flush()
}
