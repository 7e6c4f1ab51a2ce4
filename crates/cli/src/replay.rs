//! `ticklot replay`: a recorded log, decoded and applied as fast as it goes, or as fast as it was.

mod bar;
mod listener;
mod pace;
mod report;
mod span;

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::mem;
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

use self::bar::Bar;
use self::listener::Listener;
use self::pace::Pace;
use self::report::{Counts, book_line};
use self::span::{Side, Span};
use crate::book_stats::latency_histogram;
use crate::csv_rows::{check_rows, create_rows};
use crate::failure::Failure;
use crate::log_position::{LogPosition, backward};
use crate::log_source::{self, LogArgs, LogReplay, LogWarnings};
use crate::output::Output;
use crate::parse::duration;
use crate::speed::SpeedArg;
use crate::units::elapsed_ns;

const EXAMPLES: &str = "\
Example:
  ticklot replay btc.jsonl.zst --from +5m --until +6m --speed 10x --books books.csv

Exit status: 0; 1 when a line cannot be read, the log is cut off (all before its cut is played) or empty, or \
nothing of the venue or connection that is asked for is there; 2 when the arguments are wrong, such as a --from that \
is after --until.";

/// The options of `replay`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    source: LogArgs,
    /// Begin here: UTC such as 2024-08-08T23:54:30Z, nanoseconds since 1970, an offset into the log such as +5m, or
    /// frame:N. Earlier messages are applied, and not shown
    #[arg(long, value_name = "TIME|frame:N")]
    from: Option<LogPosition>,
    /// End here, this position included
    #[arg(long, value_name = "TIME|frame:N")]
    until: Option<LogPosition>,
    /// How fast to play it: 1x, 10x, ..., or max
    #[arg(long, value_name = "SPEED", default_value = "max")]
    speed: SpeedArg,
    /// After how long without a message a book is stale, where the log does not note it
    #[arg(long, value_name = "D", default_value = "30s", value_parser = duration)]
    stale_after: Duration,
    /// Write one row for each order-book message to this file
    #[arg(long, value_name = "OUT.csv")]
    books: Option<PathBuf>,
}

/// How many lines are played before it is looked whether the user wants no more.
const LOOK: u64 = 4096;
/// How often the books are told when a log is played at a pace.
const TELL: Duration = Duration::from_secs(1);
/// How many books are told at most.
const BOOKS: usize = 50;

pub(crate) fn run(args: &ReplayArgs, output: &mut Output) -> Result<(), Failure> {
    if Span::new(args.from, args.until).is_backward() {
        return Err(backward());
    }
    if let Some(rows) = &args.books {
        check_rows(rows, &[&args.source.log])?;
    }
    let log = log_source::open(&args.source)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::work)?;
    let mut player = Player::new(args, output)?;
    runtime.block_on(player.play(log))?;
    player.end()
}

/// Plays a log.
struct Player<'a> {
    args: &'a ReplayArgs,
    source: LogReplay<'a, Listener<'a>>,
    listener: Listener<'a>,
    span: Span,
    pace: Pace,
    bar: Bar,
    /// When the books are told next.
    tell_at: Option<Instant>,
    /// The time that the books are at: of the last record, or later while the next one is waited for.
    at: u64,
    counts: Counts,
    latency: Histogram<u64>,
    cut: Option<LogError>,
    warnings: LogWarnings,
    progress: Progress,
    text: String,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Go {
    On,
    /// The part is over, the user wants no more, or the rows cannot be written.
    Over,
}

impl<'a> Player<'a> {
    fn new(args: &'a ReplayArgs, output: &'a mut Output) -> Result<Self, Failure> {
        let bar = Bar::new(output.terminal);
        let mut source = LogReplay::new(args.source.venue, &args.source.book)?;
        source.replay.set_stale_after(Some(args.stale_after));
        Ok(Self {
            args,
            source,
            listener: Listener::new(output),
            span: Span::new(args.from, args.until),
            pace: Pace::new(args.speed),
            bar,
            tell_at: None,
            at: 0,
            counts: Counts::default(),
            latency: latency_histogram()?,
            cut: None,
            warnings: LogWarnings::default(),
            progress: Progress::default(),
            text: String::new(),
        })
    }

    /// Plays until the end of the part, or until the user wants no more.
    async fn play(&mut self, mut log: FrameLog) -> Result<(), Failure> {
        let mut interrupt = pin!(crate::signals::interrupted(false));
        let mut lines: u64 = 0;
        loop {
            lines += 1;
            if lines.is_multiple_of(LOOK) && is_wanted_no_more(interrupt.as_mut()).await {
                break;
            }
            self.progress = log.progress();
            self.draw(Instant::now())?;
            let go = match log.next_record() {
                None => break,
                Some(Ok(record)) => self.record(record, interrupt.as_mut()).await?,
                Some(Err(error)) => self.unreadable(error)?,
            };
            if go == Go::Over {
                break;
            }
        }
        self.warnings = LogWarnings::of(&log);
        self.source.replay.finish();
        self.tell_losses()?;
        Ok(self.bar.clear(&mut self.listener.output.out)?)
    }

    /// Plays a line, when its time has come.
    async fn record(
        &mut self,
        record: &Record,
        interrupt: Pin<&mut impl Future>,
    ) -> Result<Go, Failure> {
        if !self.source.is_wanted(record) {
            return Ok(Go::On);
        }
        let side = self.span.side(record);
        self.listener.shows = side == Side::Within;
        if side != Side::Within && self.span.is_backward() {
            return Err(backward());
        }
        let due = match side {
            Side::After => return Ok(Go::Over),
            Side::Before => None,
            Side::Within => self.pace.due(record.recv_ns, Instant::now()),
        };
        if let Some(due) = due
            && self.wait(due, record.recv_ns, interrupt).await?
        {
            return Ok(Go::Over);
        }
        self.at = self.span.now();
        if self.source.admit(record)? {
            self.create_rows()?;
        }
        self.apply(record)
    }

    /// Last of all that can go wrong before the work, since it empties the file.
    fn create_rows(&mut self) -> Result<(), Failure> {
        if let Some(path) = &self.args.books
            && self.listener.rows.is_none()
        {
            self.listener.rows = Some(create_rows(path, &[&self.args.source.log])?);
        }
        Ok(())
    }

    fn apply(&mut self, record: &Record) -> Result<Go, Failure> {
        let start = Instant::now();
        let applied = self.source.replay.apply(record, &mut self.listener);
        let took = elapsed_ns(start).saturating_sub(mem::take(&mut self.listener.writing_ns));
        let frames = u64::from(record.kind == RecordKind::Received);
        if self.listener.shows {
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
            self.tell_dropped(record)?;
        }
        self.tell_losses()?;
        self.tell_books_when_due()?;
        Ok(match applied.outcome {
            CallOutcome::StopFeed => Go::Over,
            _ => Go::On,
        })
    }

    /// A line that is no record, or the cut of the log.
    fn unreadable(&mut self, error: LogError) -> Result<Go, Failure> {
        self.source.replay.skip_line(&error, &mut self.listener);
        if !error.is_cut() {
            self.counts.broken += 1;
        } else if error.is_fatal() {
            self.cut = Some(error);
            return Ok(Go::Over);
        } else {
            self.counts.cuts += 1;
        }
        self.tell(error)?;
        self.tell_losses()?;
        Ok(Go::On)
    }

    /// Waits for the moment, at which a record of the time `until` is due; true when the user wants no more
    /// meanwhile.
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
            self.tell_books_when_due()?;
            self.draw(now)?;
            let others = [self.tell_at, self.bar.due()].into_iter().flatten();
            let next = others.fold(due, Instant::min);
            tokio::select! {
                _ = interrupt.as_mut() => return Ok(true),
                () = sleep_until(next.into()) => {}
            }
        }
    }

    /// What became stale by now is stale.
    fn pass_time(&mut self, now: Instant, until: u64) -> Result<(), Failure> {
        if let Some(at) = self.pace.time(now) {
            self.at = at.min(until).max(self.at);
            let replay = &mut self.source.replay;
            replay.advance(self.at, &mut self.listener);
            self.tell_losses()?;
        }
        Ok(())
    }

    fn draw(&mut self, now: Instant) -> Result<(), Failure> {
        if self.bar.is_due(now) {
            let (time, frames) = (self.at, self.span.frames());
            let out = &mut self.listener.output.out;
            self.bar.draw(out, now, self.progress, time, frames)?;
        }
        Ok(())
    }

    fn tell(&mut self, what: impl fmt::Display) -> Result<(), Failure> {
        self.bar.clear(&mut self.listener.output.out)?;
        self.listener.output.out.flush()?;
        self.listener.tell(what);
        Ok(())
    }

    fn tell_dropped(&mut self, record: &Record) -> Result<(), Failure> {
        let (line, count) = (record.line, log_source::dropped(record));
        self.counts.dropped = self.counts.dropped.saturating_add(count);
        self.tell(format_args!(
            "log line {line}: {count} records are missing: the recorder could not write them"
        ))
    }

    fn tell_losses(&mut self) -> Result<(), Failure> {
        while let Some(loss) = self.source.replay.next_loss() {
            if !self.listener.shows {
                continue;
            }
            self.counts.losses += 1;
            self.counts.different += u64::from(loss.check.differs());
            self.bar.clear(&mut self.listener.output.out)?;
            self.listener.output.out.flush()?;
            self.listener.tell_loss(&loss);
        }
        Ok(())
    }

    /// A line for each book, once a second, when the log is played at a pace.
    fn tell_books_when_due(&mut self) -> Result<(), Failure> {
        if !self.pace.is_paced() || !self.listener.shows {
            return Ok(());
        }
        let now = Instant::now();
        let at = *self.tell_at.get_or_insert(now + TELL);
        if now < at {
            return Ok(());
        }
        self.tell_at = Some(now + TELL);
        self.tell_books()
    }

    fn tell_books(&mut self) -> Result<(), Failure> {
        let books = self.source.replay.books();
        self.text.clear();
        for id in books.ids().take(BOOKS) {
            book_line(&mut self.text, books, id, self.at).map_err(io::Error::other)?;
        }
        if books.len() > BOOKS {
            let _ = writeln!(self.text, "and {} more books", books.len() - BOOKS);
        }
        let out = &mut self.listener.output.out;
        self.bar.clear(out)?;
        out.write_all(self.text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// The summary, and what went wrong.
    fn end(&mut self) -> Result<(), Failure> {
        if self.source.check(&self.args.source).is_ok() {
            self.create_rows()?;
        }
        let rows = self.listener.finish_rows();
        rows.map_err(|error| Failure::work(format_args!("cannot write the books: {error}")))?;
        self.counts.bad_lines = self.listener.bad_lines;
        let books = self.source.replay.books().len();
        let paths = self.source.paths();
        let out = &mut self.listener.output.out;
        self.counts.print(out, books, &self.latency, paths)?;
        self.tell_books()?;
        self.warnings
            .report(&self.args.source.log, self.listener.output);
        self.verdict()
    }

    fn verdict(&self) -> Result<(), Failure> {
        let log = self.args.source.log.display();
        if let Some(LogError::Cut { line, .. }) = self.cut {
            return Err(Failure::work(format_args!(
                "{log}: cut off at line {line}: all before it was replayed"
            )));
        }
        if self.counts.cuts > 0 {
            let cuts = self.counts.cuts;
            return Err(Failure::work(format_args!(
                "{log}: cut off in {cuts} places: all before and behind them was replayed"
            )));
        }
        if self.counts.broken > 0 {
            let broken = self.counts.broken;
            return Err(Failure::work(format_args!(
                "{log}: {broken} of its lines cannot be read"
            )));
        }
        self.source.check(&self.args.source)
    }
}

/// Whether the user has asked for the end. Others have their turn first.
async fn is_wanted_no_more(interrupt: Pin<&mut impl Future>) -> bool {
    tokio::select! {
        biased;
        _ = interrupt => true,
        () = yield_now() => false,
    }
}
