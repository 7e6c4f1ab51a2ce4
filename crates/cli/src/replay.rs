//! `ticklot replay`: decodes and applies a recorded log at full speed or at the recorded pace.

mod handler;
mod pacer;
mod progress_bar;
mod range;
mod report;

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::mem;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use clap::Args;
use hdrhistogram::Histogram;
use ticklot::capture::{FrameLog, LogError, Progress, Record};
use ticklot::observe::RecordKind;
use ticklot::venue::CallOutcome;
use tokio::task::yield_now;
use tokio::time::sleep_until;

use self::handler::ReplayHandler;
use self::pacer::Pacer;
use self::progress_bar::ProgressBar;
use self::range::{RangePosition, ReplayRange};
use self::report::{ReplayStats, book_line};
use crate::book_stats::latency_histogram;
use crate::csv_rows::{CsvRows, check_rows};
use crate::driver;
use crate::failure::{Failure, work};
use crate::log_position::{LogPosition, backward};
use crate::log_source::{self, LogArgs, LogReplay, LogWarnings};
use crate::output::Output;
use crate::parse::duration;
use crate::speed::SpeedArg;
use crate::units::elapsed_ns;

const EXAMPLES: &str = "\
Example:
  ticklot replay btc.jsonl.zst --from +5m --until +6m --speed 10x --books books.csv

Exit status: 0; 1 when a line cannot be read, the log is cut off (the lines before are replayed) or has no records of \
the requested venue or connection; 2 when the arguments are invalid, such as --from after --until.";

/// The options of `replay`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    source: LogArgs,
    /// The first position to show: UTC (2024-08-08T23:54:30Z), nanoseconds since 1970, an offset into the log (+5m) or
    /// frame:N. Earlier messages are applied but not shown
    #[arg(long, value_name = "TIME|frame:N")]
    from: Option<LogPosition>,
    /// The last position to show
    #[arg(long, value_name = "TIME|frame:N")]
    until: Option<LogPosition>,
    /// The speed: 1x, 10x, ..., or max
    #[arg(long, value_name = "SPEED", default_value = "max")]
    speed: SpeedArg,
    /// The time without a message after which a book is stale, unless the log records when books became invalid (its
    /// records "dir":"trust")
    #[arg(long, value_name = "D", default_value = "30s", value_parser = duration)]
    stale_after: Duration,
    /// Write one row for each order-book message to this file
    #[arg(long, value_name = "OUT.csv")]
    books: Option<PathBuf>,
}

/// The number of lines between two checks for an interrupt.
const INTERRUPT_CHECK: u64 = 4096;
/// The interval at which a paced replay prints the books.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// The maximum number of books that are printed.
const REPORTED_BOOKS: usize = 50;

pub(crate) fn run(args: &ReplayArgs, output: &mut Output) -> Result<(), Failure> {
    if ReplayRange::new(args.from, args.until).is_backward() {
        return Err(backward());
    }
    if let Some(rows) = &args.books {
        check_rows(rows, &[&args.source.log])?;
    }
    let log = log_source::open(&args.source)?;
    let runtime = driver::runtime()?;
    let mut player = Player::new(args, output)?;
    runtime.block_on(player.play(log))?;
    player.end()
}

/// Replays a log.
struct Player<'a> {
    args: &'a ReplayArgs,
    source: LogReplay<'a, ReplayHandler<'a>>,
    handler: ReplayHandler<'a>,
    range: ReplayRange,
    pacer: Pacer,
    progress_bar: ProgressBar,
    /// When the books are printed next.
    report_at: Option<Instant>,
    /// The time of the books in nanoseconds since 1970: the time of the last record, or later while waiting for the
    /// next.
    at: u64,
    counts: ReplayStats,
    latency: Histogram<u64>,
    cut: Option<LogError>,
    warnings: LogWarnings,
    progress: Progress,
    text: String,
}

impl<'a> Player<'a> {
    fn new(args: &'a ReplayArgs, output: &'a mut Output) -> Result<Self, Failure> {
        let progress_bar = ProgressBar::new(output.terminal);
        let mut source = LogReplay::new(args.source.venue, &args.source.book)?;
        source.replay.set_stale_after(Some(args.stale_after));
        Ok(Self {
            args,
            source,
            handler: ReplayHandler::new(output),
            range: ReplayRange::new(args.from, args.until),
            pacer: Pacer::new(args.speed),
            progress_bar,
            report_at: None,
            at: 0,
            counts: ReplayStats::default(),
            latency: latency_histogram()?,
            cut: None,
            warnings: LogWarnings::default(),
            progress: Progress::default(),
            text: String::new(),
        })
    }

    /// Replays until the end of the range or until an interrupt.
    async fn play(&mut self, mut log: FrameLog) -> Result<(), Failure> {
        let mut interrupt = pin!(crate::signals::interrupted(false));
        let mut lines: u64 = 0;
        loop {
            lines += 1;
            if lines.is_multiple_of(INTERRUPT_CHECK) && is_interrupted(interrupt.as_mut()).await {
                break;
            }
            self.progress = log.progress();
            self.draw(Instant::now())?;
            let flow = match log.next_record() {
                None => break,
                Some(Ok(record)) => self.record(record, interrupt.as_mut()).await?,
                Some(Err(error)) => self.unreadable(error)?,
            };
            if flow.is_break() {
                break;
            }
        }
        self.warnings = LogWarnings::of(&log);
        self.source.replay.finish();
        self.report_invalidations()?;
        Ok(self.progress_bar.clear(&mut self.handler.output.out)?)
    }

    /// Waits until a record is due, and applies it.
    async fn record(
        &mut self,
        record: &Record,
        interrupt: Pin<&mut impl Future>,
    ) -> Result<ControlFlow<()>, Failure> {
        if !self.source.is_wanted(record) {
            return Ok(ControlFlow::Continue(()));
        }
        let position = self.range.position(record);
        self.handler.shows = position == RangePosition::Within;
        if position != RangePosition::Within && self.range.is_backward() {
            return Err(backward());
        }
        let due = match position {
            RangePosition::After => return Ok(ControlFlow::Break(())),
            RangePosition::Before => None,
            RangePosition::Within => self.pacer.due(record.recv_ns, Instant::now()),
        };
        if let Some(due) = due
            && self.wait(due, record.recv_ns, interrupt).await?
        {
            return Ok(ControlFlow::Break(()));
        }
        self.at = self.range.now();
        if self.source.admit(record)? {
            self.create_rows()?;
        }
        self.apply(record)
    }

    /// Creates the file of `--books` after all other checks, because this truncates it.
    fn create_rows(&mut self) -> Result<(), Failure> {
        if !self.handler.rows.is_open() {
            let logs = [&*self.args.source.log];
            self.handler.rows = CsvRows::create(self.args.books.as_deref(), &logs)?;
        }
        Ok(())
    }

    fn apply(&mut self, record: &Record) -> Result<ControlFlow<()>, Failure> {
        let start = Instant::now();
        let applied = self.source.replay.apply(record, &mut self.handler);
        let took = elapsed_ns(start).saturating_sub(mem::take(&mut self.handler.writing_ns));
        let frames = u64::from(record.kind == RecordKind::Received);
        if self.handler.shows {
            self.counts.frames += frames;
            self.counts.messages += applied.messages;
            self.counts.busy_ns += took;
            if let Some(each) = took.checked_div(applied.messages) {
                self.latency.saturating_record_n(each, applied.messages);
            }
        } else {
            self.counts.before += frames;
        }
        if record.kind == RecordKind::Dropped {
            self.report_dropped(record)?;
        }
        self.report_invalidations()?;
        self.report_books_when_due()?;
        Ok(match applied.outcome {
            CallOutcome::StopFeed => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    }

    /// Reports a line that is not a record, or a truncation of the log.
    fn unreadable(&mut self, error: LogError) -> Result<ControlFlow<()>, Failure> {
        self.source.replay.skip_line(&error, &mut self.handler);
        if !error.is_truncated() {
            self.counts.broken += 1;
        } else if error.is_fatal() {
            self.cut = Some(error);
            return Ok(ControlFlow::Break(()));
        } else {
            self.counts.cuts += 1;
        }
        self.report(error)?;
        self.report_invalidations()?;
        Ok(ControlFlow::Continue(()))
    }

    /// Waits until `due`, when a record of the time `until` is due. True when an interrupt arrives first.
    async fn wait(
        &mut self,
        due: Instant,
        until: u64,
        mut interrupt: Pin<&mut impl Future>,
    ) -> Result<bool, Failure> {
        loop {
            let now = Instant::now();
            if now >= due {
                return Ok(false);
            }
            self.pass_time(now, until)?;
            self.report_books_when_due()?;
            self.draw(now)?;
            let others = [self.report_at, self.progress_bar.due()]
                .into_iter()
                .flatten();
            let next = others.fold(due, Instant::min);
            tokio::select! {
                _ = interrupt.as_mut() => return Ok(true),
                () = sleep_until(next.into()) => {}
            }
        }
    }

    /// Advances the books to the current time, but not beyond `until`, so that they can become stale.
    fn pass_time(&mut self, now: Instant, until: u64) -> Result<(), Failure> {
        if let Some(at) = self.pacer.time(now) {
            self.at = at.min(until).max(self.at);
            let replay = &mut self.source.replay;
            replay.advance(self.at, &mut self.handler);
            self.report_invalidations()?;
        }
        Ok(())
    }

    fn draw(&mut self, now: Instant) -> Result<(), Failure> {
        if self.progress_bar.is_due(now) {
            let (time, frames) = (self.at, self.range.frames());
            let out = &mut self.handler.output.out;
            self.progress_bar
                .draw(out, now, self.progress, time, frames)?;
        }
        Ok(())
    }

    fn report(&mut self, what: impl fmt::Display) -> Result<(), Failure> {
        self.progress_bar.clear(&mut self.handler.output.out)?;
        self.handler.output.out.flush()?;
        self.handler.report(what);
        Ok(())
    }

    fn report_dropped(&mut self, record: &Record) -> Result<(), Failure> {
        let (line, count) = (record.line, log_source::dropped(record));
        self.counts.dropped = self.counts.dropped.saturating_add(count);
        self.report(format_args!(
            "log line {line}: {count} records are missing: the recorder could not write them"
        ))
    }

    fn report_invalidations(&mut self) -> Result<(), Failure> {
        while let Some(lost) = self.source.replay.next_invalidation() {
            if !self.handler.shows {
                continue;
            }
            self.counts.invalidations += 1;
            self.counts.different += u64::from(lost.check.differs());
            self.progress_bar.clear(&mut self.handler.output.out)?;
            self.handler.output.out.flush()?;
            self.handler.report_invalidation(&lost);
        }
        Ok(())
    }

    /// Prints a line for each book once a second in a paced replay.
    fn report_books_when_due(&mut self) -> Result<(), Failure> {
        if !self.pacer.is_paced() || !self.handler.shows {
            return Ok(());
        }
        let now = Instant::now();
        let at = *self.report_at.get_or_insert(now + REPORT_EVERY);
        if now < at {
            return Ok(());
        }
        self.report_at = Some(now + REPORT_EVERY);
        self.report_books()
    }

    fn report_books(&mut self) -> Result<(), Failure> {
        let books = self.source.replay.books();
        self.text.clear();
        for id in books.ids().take(REPORTED_BOOKS) {
            book_line(&mut self.text, books, id, self.at).map_err(io::Error::other)?;
        }
        if books.len() > REPORTED_BOOKS {
            let _ = writeln!(self.text, "and {} more books", books.len() - REPORTED_BOOKS);
        }
        let out = &mut self.handler.output.out;
        self.progress_bar.clear(out)?;
        out.write_all(self.text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Prints the summary and the errors.
    fn end(&mut self) -> Result<(), Failure> {
        if self.source.check(&self.args.source).is_ok() {
            self.create_rows()?;
        }
        self.handler.finish_rows()?;
        self.counts.bad_lines = self.handler.bad_lines;
        let books = self.source.replay.books().len();
        let paths = self.source.paths();
        let out = &mut self.handler.output.out;
        self.counts.print(out, books, &self.latency, paths)?;
        self.report_books()?;
        self.warnings
            .report(&self.args.source.log, self.handler.output);
        self.verdict()
    }

    fn verdict(&self) -> Result<(), Failure> {
        let log = self.args.source.log.display();
        let (cuts, broken) = (self.counts.cuts, self.counts.broken);
        if let Some(LogError::Truncated { line, .. }) = self.cut {
            return Err(work!(
                "{log}: cut off at line {line}; the lines before it were replayed"
            ));
        }
        if cuts > 0 {
            return Err(work!(
                "{log}: cut off in {cuts} places; the lines before and after them were replayed"
            ));
        }
        if broken > 0 {
            return Err(work!("{log}: {broken} of its lines cannot be read"));
        }
        self.source.check(&self.args.source)
    }
}

/// Whether an interrupt has arrived. Yields once to the runtime.
async fn is_interrupted(interrupt: Pin<&mut impl Future>) -> bool {
    tokio::select! {
        biased;
        _ = interrupt => true,
        () = yield_now() => false,
    }
}
