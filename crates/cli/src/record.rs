//! `ticklot record`: writes all messages of the connections to files.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ticklot::capture::{RecordOptions, Recorded, Recorder};
use ticklot::venue::Venue;
use ticklot::{Books, Event, Feed, Handler, OnMessage};

use crate::config::{self, MergedConfig, Source};
use crate::csv_rows::CsvRows;
use crate::driver::{Driver, check_end};
use crate::failure::{Failure, break_on_failure};
use crate::feed_args::FeedArgs;
use crate::format::Printable;
use crate::output::Output;
use crate::parse::{duration, file_size};
use crate::{format_event, incidents};

/// The interval at which the recorder's progress is read.
const TICK: Duration = Duration::from_secs(1);
/// Moves to the start of the line and erases it (ECMA-48, EL).
const CLEAR: &str = "\r\x1b[K";

/// The options of `record`.
#[derive(Debug, Args)]
#[command(after_help = RECORD_EXAMPLE)]
pub(crate) struct RecordArgs {
    /// The file, created at the first message. Its extension selects the compression (.jsonl, .jsonl.gz, .jsonl.zst).
    /// If it exists, the recording is written to the next numbered file
    #[arg(long, value_name = "FILE.jsonl.zst")]
    out: PathBuf,
    /// Start a new file, with the next number, when a file has this size, such as 100MB
    #[arg(long, value_name = "SIZE", value_parser = file_size)]
    rotate_size: Option<u64>,
    /// Start a new file, with the next number, after this time, such as 1h
    #[arg(long, value_name = "D", value_parser = duration)]
    rotate_every: Option<Duration>,
    #[command(flatten)]
    feed: FeedArgs,
}

const RECORD_EXAMPLE: &str = "\
Examples:
  ticklot record --venue jayx --out btc.jsonl.zst --rotate-every 1h --duration 8h
  ticklot --config ticklot.toml record --out all.jsonl.zst

A venue that is down is retried until it is up; with --no-reconnect the recording ends. When the disk is full, the \
file ends, and the recording continues in the next numbered file when there is room.

Exit status: 0, also after Ctrl-C; 1 when a file cannot be written, no message arrived or a connection cannot be kept; \
2 when the arguments are invalid. A killed recording is readable up to its last second.";

pub(crate) fn run(
    args: &RecordArgs,
    config: Option<(Source, config::File)>,
    output: &mut Output,
) -> Result<(), Failure> {
    let config = MergedConfig::new(config, &args.feed, None)?;
    let driver = Driver::new(&args.feed.spin)?;
    let simulator = config.start_simulator()?;
    let mut feed = Feed::new(RecordHandler::new(output));
    feed.timer_interval(TICK);
    config.add_to(&mut feed, simulator.as_ref())?;
    let incidents = incidents::record(&mut feed, args.feed.incidents.as_deref())?;
    let recorder = recorder(args, feed.clock().unix_offset())?;
    feed.tap(recorder.clone());
    let handler = feed.handler_mut();
    handler.recorder = Some(recorder.clone());
    // After all other checks, because it truncates the file.
    let logs = [&*args.out, &recorder.recorded().path];
    handler.rows = CsvRows::create(args.feed.books.as_deref(), &logs)?;
    let driven = driver.drive(&mut feed, args.feed.duration, false);
    let (_, handler) = feed.into_parts();
    let had_no_room = handler.had_no_room;
    let ended = handler.end();
    let finished = recorder.finish().map_err(Failure::work);
    ended?;
    summary(&recorder.recorded(), &mut output.out)?;
    incidents::report(incidents.as_ref(), output);
    let recorded = finished?;
    driven?
        .iter()
        .try_for_each(|end| check_end(end, args.feed.no_reconnect))?;
    if recorded.files == 0 {
        return Err(Failure::work("no message arrived: no file was created"));
    }
    if had_no_room {
        return Err(Failure::work(
            "records are missing: there was no room to write them",
        ));
    }
    Ok(())
}

fn recorder(args: &RecordArgs, unix_offset: u64) -> Result<Recorder, Failure> {
    let mut options = RecordOptions::default();
    options.rotation.size = args.rotate_size;
    options.rotation.every = args.rotate_every;
    Recorder::create(&args.out, unix_offset, options).map_err(Failure::work)
}

fn summary(recorded: &Recorded, out: &mut dyn Write) -> io::Result<()> {
    let (frames, bytes, files) = (recorded.frames, recorded.bytes, recorded.files);
    let (path, dropped) = (recorded.path.display(), recorded.dropped);
    writeln!(
        out,
        "{frames} frames, {bytes} bytes in {files} files, the last {path}"
    )?;
    if dropped > 0 {
        writeln!(
            out,
            "{dropped} records are missing: they could not be written in time"
        )?;
    }
    out.flush()
}

/// Reports the progress of the recording while the feed runs, and writes the rows of `--books`.
struct RecordHandler<'a> {
    output: &'a mut Output,
    recorder: Option<Recorder>,
    rows: CsvRows,
    failed: Option<Failure>,
    /// Whether the recorder ever had no room to write.
    had_no_room: bool,
    /// Whether the recorder has no room to write now.
    has_no_room: bool,
}

impl<'a> RecordHandler<'a> {
    fn new(output: &'a mut Output) -> Self {
        Self {
            output,
            recorder: None,
            rows: CsvRows::default(),
            failed: None,
            had_no_room: false,
            has_no_room: false,
        }
    }

    /// Prints a notice.
    fn notice(&mut self, what: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.clear()?;
        // Standard error may be closed.
        let _ = writeln!(self.output.err, "ticklot: {}", Printable(what));
        Ok(())
    }

    /// Erases the status line on a terminal.
    fn clear(&mut self) -> io::Result<()> {
        if self.output.terminal {
            self.output.out.write_all(CLEAR.as_bytes())?;
            self.output.out.flush()?;
        }
        Ok(())
    }

    /// Prints the progress of the recorder. False when nothing more can be recorded.
    fn check_recorder(&mut self) -> io::Result<bool> {
        let Some(recorder) = &self.recorder else {
            return Ok(true);
        };
        let recorded = recorder.recorded();
        if recorded.failed {
            return Ok(false);
        }
        if let Some(error) = recorder.take_error() {
            self.had_no_room = true;
            self.notice(format_args!(
                "{error}; recording continues when there is room"
            ))?;
        } else if self.has_no_room && !recorded.waits {
            let (path, dropped) = (recorded.path.display(), recorded.dropped);
            self.notice(format_args!(
                "recording continues in {path}; {dropped} records are missing"
            ))?;
        }
        self.has_no_room = recorded.waits;
        if self.output.terminal {
            let (frames, bytes, dropped) = (recorded.frames, recorded.bytes, recorded.dropped);
            let (out, path) = (&mut self.output.out, recorded.path.display());
            write!(
                out,
                "{CLEAR}{frames} frames, {bytes} bytes, {dropped} missing, {path}"
            )?;
            out.flush()?;
        }
        Ok(true)
    }

    /// Prints the event if it concerns the recording.
    fn print(&mut self, event: &Event<'_>, books: &Books) -> io::Result<()> {
        match event {
            Event::Protocol { .. }
            | Event::Refused { .. }
            | Event::Unconfirmed { .. }
            | Event::Disconnected {
                retry_in: Some(_), ..
            } => {
                let mut text = String::new();
                // Writing to a string does not fail. One of the two writes nothing.
                let _ = format_event::line(&mut text, event);
                let _ = format_event::notice(&mut text, event, books);
                self.notice(format_args!("{text}"))
            }
            _ => Ok(()),
        }
    }

    fn end(mut self) -> Result<(), Failure> {
        self.failed.take().map_or(Ok(()), Err)?;
        self.clear()?;
        self.rows.flush()
    }
}

impl Handler for RecordHandler<'_> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        let result = match event {
            Event::Book(_) => self.rows.write(&event, books),
            Event::Timer { .. } => match self.check_recorder() {
                Ok(false) => return ControlFlow::Break(()),
                checked => checked.map(drop).map_err(Failure::Output),
            },
            event => self.print(&event, books).map_err(Failure::Output),
        };
        break_on_failure(result, &mut self.failed)
    }
}

impl<V: Venue> OnMessage<V> for RecordHandler<'_> {}
