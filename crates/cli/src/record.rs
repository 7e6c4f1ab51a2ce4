//! `ticklot record`: all messages of the connections, into files.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use ticklot::capture::{BookRows, RecordOptions, Recorded, Recorder, Rotation};
use ticklot::venue::Venue;
use ticklot::{Books, Event, Feed, Handler, OnMessage};

use crate::config::{self, MergedConfig, Source};
use crate::csv_rows::{cannot_write, create_rows};
use crate::driver::{Driver, check_end};
use crate::failure::Failure;
use crate::feed_args::FeedArgs;
use crate::format::Printable;
use crate::output::Output;
use crate::parse::duration;
use crate::{format_event, incidents};

/// How often the recorder's progress is read.
const TICK: Duration = Duration::from_secs(1);
/// Moves to the start of the line and erases it (ECMA-48, EL).
const CLEAR: &str = "\r\x1b[K";

/// The options of `record`.
#[derive(Debug, Args)]
#[command(after_help = RECORD_EXAMPLE)]
pub(crate) struct RecordArgs {
    /// The file, packed as its name ends (.jsonl, .jsonl.gz, .jsonl.zst), created at the first message. Where it is
    /// there already, the recording goes into the next numbered one
    #[arg(long, value_name = "FILE.jsonl.zst")]
    out: PathBuf,
    /// Go on in another file when one has this size, such as 100MB; files are numbered then
    #[arg(long, value_name = "SIZE")]
    rotate_size: Option<SizeArg>,
    /// Go on in another file after this time, such as 1h; files are numbered then
    #[arg(long, value_name = "D", value_parser = duration)]
    rotate_every: Option<Duration>,
    #[command(flatten)]
    feed: FeedArgs,
}

const RECORD_EXAMPLE: &str = "\
Examples:
  ticklot record --venue jayx --out btc.jsonl.zst --rotate-every 1h --duration 8h
  ticklot --config ticklot.toml record --out all.jsonl.zst

A venue that is down is tried again until it is there; with --no-reconnect it ends the recording. When the disk is full, \
the file ends, and the recording continues in the next numbered one when there is room.

Exit status: 0, also after Ctrl-C; 1 when a file could not be written, no message came or a connection cannot be kept; \
2 when the arguments are wrong. A recording that is killed can be read up to its last second.";

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SizeArg(u64);

impl FromStr for SizeArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const UNITS: [(&str, u64); 8] = [
            ("KiB", 1 << 10),
            ("MiB", 1 << 20),
            ("GiB", 1 << 30),
            ("KB", 1_000),
            ("kB", 1_000),
            ("MB", 1_000_000),
            ("GB", 1_000_000_000),
            ("B", 1),
        ];
        let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
        let (unit, bytes) = unit.copied().unwrap_or(("", 1));
        let number = text.strip_suffix(unit).map(str::trim_end);
        number
            .and_then(|number| number.parse::<u64>().ok()?.checked_mul(bytes))
            .filter(|bytes| *bytes > 0)
            .map(Self)
            .ok_or("a size is a whole number of bytes above zero, such as 100MB, 64MiB or 1000000")
    }
}

pub(crate) fn run(
    args: &RecordArgs,
    config: Option<(Source, config::File)>,
    output: &mut Output,
) -> Result<(), Failure> {
    let config = MergedConfig::new(config, &args.feed, None)?;
    let driver = Driver::new(&args.feed.spin)?;
    let simulator = config.start_simulator()?;
    let mut feed = Feed::new(RecordHandler::new(output));
    feed.tick_every(TICK);
    config.add_to(&mut feed, simulator.as_ref())?;
    let incidents = incidents::record(&mut feed, args.feed.incidents.as_deref())?;
    let recorder = recorder(args, feed.clock().unix_zero())?;
    feed.tap(recorder.clone());
    let handler = feed.handler_mut();
    handler.recorder = Some(recorder.clone());
    // Last of all that can go wrong before the work: it empties the file.
    let rows = args.feed.books.as_deref();
    handler.rows = rows
        .map(|path| create_rows(path, &[&args.out, &recorder.recorded().path]))
        .transpose()?;
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
        return Err(Failure::work("no message came: there is no file"));
    }
    if had_no_room {
        return Err(Failure::work(
            "records are missing: there was no room to write them",
        ));
    }
    Ok(())
}

fn recorder(args: &RecordArgs, unix_zero: u64) -> Result<Recorder, Failure> {
    let mut options = RecordOptions::default();
    options.rotation = Rotation::default();
    options.rotation.size = args.rotate_size.map(|size| size.0);
    options.rotation.every = args.rotate_every;
    Recorder::create(&args.out, unix_zero, options).map_err(Failure::work)
}

fn summary(recorded: &Recorded, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} frames, {} bytes in {} files, the last {}",
        recorded.frames,
        recorded.bytes,
        recorded.files,
        recorded.path.display()
    )?;
    if recorded.dropped > 0 {
        let dropped = recorded.dropped;
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
    rows: Option<BookRows<BufWriter<File>>>,
    failed: Option<Failure>,
    /// Whether there was no room for the recording, and whether that is so now.
    had_no_room: bool,
    has_no_room: bool,
}

impl<'a> RecordHandler<'a> {
    fn new(output: &'a mut Output) -> Self {
        Self {
            output,
            recorder: None,
            rows: None,
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

    /// On a terminal, erases the status line.
    fn clear(&mut self) -> io::Result<()> {
        if self.output.terminal {
            self.output.out.write_all(CLEAR.as_bytes())?;
            self.output.out.flush()?;
        }
        Ok(())
    }

    /// False when nothing more can be recorded.
    fn check_recorder(&mut self) -> io::Result<bool> {
        let Some(recorder) = &self.recorder else {
            return Ok(true);
        };
        let recorded = recorder.recorded();
        if recorded.failed {
            return Ok(false);
        }
        let error = recorder.take_error();
        if let Some(error) = error {
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
            let out = &mut self.output.out;
            write!(
                out,
                "{CLEAR}{} frames, {} bytes, {} missing, {}",
                recorded.frames,
                recorded.bytes,
                recorded.dropped,
                recorded.path.display()
            )?;
            out.flush()?;
        }
        Ok(true)
    }

    fn on_event(&mut self, event: &Event<'_>, books: &Books) -> Result<bool, Failure> {
        match event {
            Event::Book(update) => {
                if let Some(rows) = &mut self.rows {
                    rows.write(update, books)
                        .map_err(|error| cannot_write(&error))?;
                }
            }
            Event::Tick { .. } => return Ok(self.check_recorder()?),
            Event::Protocol { .. }
            | Event::Refused { .. }
            | Event::Unconfirmed { .. }
            | Event::Disconnected {
                retry_in: Some(_), ..
            } => {
                let mut text = String::new();
                // Writing to a string does not fail. One of both has a text.
                let _ = format_event::line(&mut text, event);
                let _ = format_event::notice(&mut text, event, books);
                self.notice(format_args!("{text}"))?;
            }
            _ => {}
        }
        Ok(true)
    }

    fn end(mut self) -> Result<(), Failure> {
        if let Some(failure) = self.failed.take() {
            return Err(failure);
        }
        self.clear()?;
        if let Some(rows) = &mut self.rows {
            rows.flush()?;
        }
        Ok(())
    }
}

impl Handler for RecordHandler<'_> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        match Self::on_event(self, &event, books) {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
            Err(failure) => {
                self.failed = Some(failure);
                ControlFlow::Break(())
            }
        }
    }
}

impl<V: Venue> OnMessage<V> for RecordHandler<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_file_sizes() {
        for (text, bytes) in [
            ("100MB", 100_000_000),
            ("64MiB", 64 << 20),
            ("2 KiB", 2048),
            ("7", 7),
            ("1B", 1),
            ("1GB", 1_000_000_000),
        ] {
            assert_eq!(text.parse(), Ok(SizeArg(bytes)), "{text}");
        }
        for wrong in [
            "",
            "MB",
            "0",
            "0MB",
            "-1",
            "1.5MB",
            "1TB",
            "1e3",
            "99999999999GB",
        ] {
            assert!(wrong.parse::<SizeArg>().is_err(), "{wrong}");
        }
    }
}
