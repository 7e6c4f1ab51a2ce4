//! The output mode for pipes: a line per book and second.

use std::io::{self, Write};
use std::time::Duration;

use ticklot::{Books, Event, Nanos};

use super::output_mode::{Context, OutputMode, RunStats};
use crate::failure::Failure;
use crate::format::{self, Printable};
use crate::output::Output;
use crate::{format_event, latency_table};

/// The maximum number of unconfirmed subscriptions that the summary names.
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
            let stats = stats.book_mut(id, books, now);
            stats.update_rate(now);
            format::line(&mut self.text, books, id, stats, now).map_err(io::Error::other)?;
        }
        self.output.out.write_all(self.text.as_bytes())?;
        self.output.out.flush()
    }

    /// Prints the line of an event.
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

    fn event(&mut self, event: &Event<'_>, context: Context<'_>) -> Result<(), Failure> {
        let books = context.books;
        match event {
            Event::Timer { .. } => self.books(books, context.stats, context.now)?,
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

/// Writes the summary of a run, with a line for each book.
pub(crate) fn summary(out: &mut dyn Write, books: &Books, stats: &RunStats) -> io::Result<()> {
    for (id, stats) in books.ids().filter_map(|id| Some((id, stats.book(id)?))) {
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|at| format::Micros(stats.latency(at)));
        let (name, messages, not_live) =
            (Printable(books.name(id)), stats.messages, stats.not_live);
        write!(
            out,
            "{name}: {messages} messages, {not_live} while not live, "
        )?;
        writeln!(out, "latency p50 {p50} p99 {p99} max {max}")?;
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
