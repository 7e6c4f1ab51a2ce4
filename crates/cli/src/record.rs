//! `ticklot record`: everything that passes, into files.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::capture::{BookRows, Incidents, RecordOptions, Recorded, Recorder, Rotation, Told};
use ticklot::flight::Rules;
use ticklot::{Books, Event, Feed, Handler, OnMessage, Venue};

use crate::args::{FollowArgs, RecordArgs};
use crate::drive::Driver;
use crate::view::Printable;
use crate::{Failure, Output, replay, tell, watch};

/// How often it is looked how far the recorder is.
const TICK: Duration = Duration::from_secs(1);
/// To the start of the line, and it is erased (ECMA-48, EL).
const CLEAR: &str = "\r\x1b[K";

pub(crate) fn run(args: &RecordArgs, output: &mut Output) -> Result<(), Failure> {
    let driver = Driver::new(&args.follow)?;
    let simulator = watch::embedded(&args.follow)?;
    let mut feed = Feed::new(Keeper::new(output));
    feed.tick_every(TICK);
    let follow = FollowArgs {
        persists: true,
        ..args.follow.clone()
    };
    watch::add_venues(&mut feed, &follow, simulator.as_ref())?;
    let incidents = incidents(&mut feed, &args.follow)?;
    let recorder = recorder(args, feed.clock().unix_zero())?;
    feed.tap(recorder.clone());
    let keeper = feed.handler_mut();
    keeper.recorder = Some(recorder.clone());
    // Last of all that can go wrong before the work: it empties the file.
    let rows = args.follow.books.as_deref();
    keeper.rows = rows
        .map(|path| replay::create_rows(path, &[&args.out, &recorder.recorded().path]))
        .transpose()?;
    let driven = driver.drive(&mut feed, args.follow.duration, false);
    let (_, keeper) = feed.into_parts();
    let had_no_room = keeper.had_no_room;
    let kept = keeper.end();
    let finished = recorder.finish().map_err(Failure::work);
    kept?;
    summary(&recorder.recorded(), &mut output.out)?;
    tell_incidents(incidents.as_ref(), output);
    let recorded = finished?;
    let ended = driven?;
    let mut ended = ended.iter();
    ended.try_for_each(|end| watch::verdict(end, args.follow.once))?;
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

/// Lets a file be written for each loss of trust, if that is asked for.
pub(crate) fn incidents<H: Handler>(
    feed: &mut Feed<H>,
    args: &FollowArgs,
) -> Result<Option<Incidents>, Failure> {
    let Some(folder) = &args.incidents else {
        return Ok(None);
    };
    let zero = feed.clock().unix_zero();
    let incidents = Incidents::create(folder, zero, Rules::default()).map_err(Failure::work)?;
    feed.tap(incidents.clone());
    Ok(Some(incidents))
}

/// Says where the incidents are. Waits for the last to be written.
pub(crate) fn tell_incidents(incidents: Option<&Incidents>, output: &mut Output) {
    let Some(incidents) = incidents else { return };
    while let Some(told) = incidents.wait() {
        // Standard error may be closed.
        let _ = match told {
            Told::Written(path) => writeln!(output.err, "ticklot: an incident: {}", path.display()),
            Told::Failed(error) => writeln!(output.err, "ticklot: an incident was lost: {error}"),
            _ => Ok(()),
        };
    }
    let suppressed = incidents.suppressed();
    if suppressed > 0 {
        let _ = writeln!(
            output.err,
            "ticklot: {suppressed} losses of trust more, too soon after another to be written"
        );
    }
}

/// Looks after the recording while the feed runs.
struct Keeper<'a> {
    output: &'a mut Output,
    recorder: Option<Recorder>,
    rows: Option<BookRows<BufWriter<File>>>,
    failed: Option<Failure>,
    /// Whether there was no room for the recording, and whether that is so now.
    had_no_room: bool,
    has_no_room: bool,
}

impl<'a> Keeper<'a> {
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

    /// Something that the user should know of.
    fn notice(&mut self, what: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.clear()?;
        // Standard error may be closed.
        let _ = writeln!(self.output.err, "ticklot: {}", Printable(what));
        Ok(())
    }

    /// On a terminal, takes the line that is written over away.
    fn clear(&mut self) -> io::Result<()> {
        if self.output.terminal {
            self.output.out.write_all(CLEAR.as_bytes())?;
            self.output.out.flush()?;
        }
        Ok(())
    }

    /// False when nothing more can be recorded.
    fn look(&mut self) -> io::Result<bool> {
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
                    rows.write(update, books).map_err(|error| {
                        Failure::work(format_args!("cannot write the books: {error}"))
                    })?;
                }
            }
            Event::Tick { .. } => return Ok(self.look()?),
            Event::Protocol { .. } => {
                let mut text = String::new();
                let _ = tell::line(&mut text, event);
                self.notice(format_args!("{text}"))?;
            }
            Event::Refused { .. }
            | Event::Unconfirmed { .. }
            | Event::Disconnected {
                retry_in: Some(_), ..
            } => {
                let mut text = String::new();
                // Writing to a string does not fail.
                let _ = tell::notice(&mut text, event, books);
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

impl Handler for Keeper<'_> {
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

impl<V: Venue> OnMessage<V> for Keeper<'_> {}
