//! Logs as the source of books: `replay`, `plot` and `bench` read them here.

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use ticklot::bayse::{self, Bayse};
use ticklot::capture::{FrameLog, LogError, Record, Replay, TimeUnit, Times};
use ticklot::jayx::{self, JayX};
use ticklot::kraken::Kraken;
use ticklot::observe::RecordKind;
use ticklot::{BookId, ConnectionId};

use crate::book_args::{BookArgs, KRAKEN_DECIMALS, check_effects};
use crate::decode_paths::DecodePaths;
use crate::failure::Failure;
use crate::format::Printable;
use crate::output::Output;
use crate::venues::{VenueArg, VenueHandler};

/// The options of a log.
#[derive(Clone, Debug, Args)]
pub(crate) struct LogArgs {
    /// The frame log (.jsonl, .gz, .zst)
    pub(crate) log: PathBuf,
    /// The venue, where the log does not say it; where it does, only what is of this venue is read
    #[arg(long, value_enum)]
    pub(crate) venue: Option<VenueArg>,
    /// Read this connection of the log alone
    #[arg(long, alias = "conn", value_name = "N")]
    pub(crate) connection: Option<u32>,
    #[command(flatten)]
    pub(crate) book: BookArgs,
}

/// Opens a log: the records of all its connections, or of the one that the options name.
pub(crate) fn open(args: &LogArgs) -> Result<FrameLog, Failure> {
    check_log(args.venue, &args.book)?;
    let log = FrameLog::open(&args.log)
        .map_err(|error| Failure::work(format_args!("{}: {error}", args.log.display())))?
        .everything();
    Ok(match args.connection {
        Some(connection) => log.of(ConnectionId(connection)),
        None => log,
    })
}

/// Whether a line is of the venue that is asked for, if one is.
pub(crate) fn is_of(record: &Record, asked: Option<VenueArg>) -> bool {
    record.venue.is_empty() || asked.is_none_or(|asked| record.venue == asked.name().0)
}

/// The venue of a line, by its own word or as it is asked for.
pub(crate) fn venue_of(record: &Record, asked: Option<VenueArg>) -> Result<VenueArg, Failure> {
    match record.venue.as_str() {
        "" => asked.ok_or_else(|| {
            Failure::Usage(
                "the log does not say its venue: --venue is needed: jayx, bayse or kraken".to_owned(),
            )
        }),
        name => VenueArg::of_name(name).ok_or_else(|| {
            let (name, line) = (Printable(name), record.line);
            Failure::work(format_args!(
                "log line {line}: there is no venue {name}; --venue plays the lines of one that there is"
            ))
        }),
    }
}

/// The parts of a log that could not be read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogErrors {
    /// Lines of frames.
    pub(crate) lines: u64,
    /// Lines of the log.
    pub(crate) records: u64,
    /// Where the log, or a part of it, ends too early.
    pub(crate) cuts: u64,
    /// Whether the rest of the log cannot be read.
    pub(crate) is_over: bool,
    /// Records that the recorder could not keep.
    pub(crate) dropped: u64,
    pub(crate) warnings: LogWarnings,
}

/// How many records a line says are missing; at least one.
pub(crate) fn dropped(record: &Record) -> u64 {
    let count = std::str::from_utf8(&record.frame).ok();
    count
        .and_then(|count| count.parse().ok())
        .unwrap_or(1)
        .max(1)
}

impl LogErrors {
    pub(crate) fn count(&mut self, error: &LogError) {
        match error.is_cut() {
            true => self.cuts += 1,
            false => self.records += 1,
        }
        self.is_over |= error.is_fatal();
    }

    pub(crate) fn count_dropped(&mut self, record: &Record) {
        if record.kind == RecordKind::Dropped {
            self.dropped = self.dropped.saturating_add(dropped(record));
        }
    }

    /// Reports the errors on standard error, if there are any.
    pub(crate) fn report(self, log: &Path, output: &mut Output) {
        let mut what = Vec::new();
        match self.lines + self.records {
            0 => {}
            1 => what.push("1 line cannot be read".to_owned()),
            n => what.push(format!("{n} lines cannot be read")),
        }
        match self.cuts {
            0 => {}
            1 => what.push("it is cut off in 1 place".to_owned()),
            n => what.push(format!("it is cut off in {n} places")),
        }
        if self.is_over && self.cuts == 0 {
            what.push("nothing behind can be read".to_owned());
        }
        if self.dropped > 0 {
            what.push(format!("{} records are missing", self.dropped));
        }
        // Standard error may be closed; the results are complete.
        if !what.is_empty() {
            let (log, what) = (log.display(), what.join(", "));
            let _ = writeln!(
                output.err,
                "ticklot: {log}: {what}; `ticklot replay` lists them"
            );
        }
        self.warnings.report(log, output);
    }
}

/// Suspect properties of a log of which every line can be read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogWarnings {
    times: Times,
    unverified: u64,
}

impl LogWarnings {
    /// Those of a log, as far as it was read.
    pub(crate) fn of(log: &FrameLog) -> Self {
        Self {
            times: log.times(),
            unverified: log.unverified(),
        }
    }

    /// Reports them on standard error.
    pub(crate) fn report(self, log: &Path, output: &mut Output) {
        let log = log.display();
        if self.unverified > 0 {
            let _ = writeln!(
                output.err,
                "ticklot: {log}: its Zstandard data has no checksum: damage to it may not be detected"
            );
        }
        report_times(&log, self.times, output);
    }
}

/// Reports implausible times of a log on standard error.
fn report_times(log: &impl Display, times: Times, output: &mut Output) {
    let unit = match times.unit {
        TimeUnit::Nanoseconds => None,
        TimeUnit::Microseconds => Some("microseconds"),
        TimeUnit::Milliseconds => Some("milliseconds"),
    };
    if let Some(unit) = unit {
        let factor = times.unit.nanoseconds();
        let _ = writeln!(
            output.err,
            "ticklot: {log}: recv_ns seems to be in {unit}, and is read as nanoseconds: multiply it by {factor}"
        );
    }
    if times.outliers > 0 {
        let _ = writeln!(
            output.err,
            "ticklot: {log}: {} times (recv_ns) are far later than the lines around them, and are not used",
            times.outliers
        );
    }
}

/// The books of a log, each connection of it through a session of its venue.
pub(crate) struct LogReplay<'a, H> {
    venue: Option<VenueArg>,
    book: &'a BookArgs,
    pub(crate) replay: Replay<H>,
    /// The venue of each connection that is played.
    venues: Vec<(ConnectionId, VenueArg)>,
    /// Whether a line was wanted.
    is_there: bool,
    /// The venue of a line that was not wanted.
    other: Option<String>,
}

impl<'a, H: VenueHandler> LogReplay<'a, H> {
    /// No connections yet. Invalid options of a book are errors before anything is read.
    pub(crate) fn new(venue: Option<VenueArg>, book: &'a BookArgs) -> Result<Self, Failure> {
        check_values(book)?;
        Ok(Self {
            venue,
            book,
            replay: Replay::new(),
            venues: Vec::new(),
            is_there: false,
            other: None,
        })
    }

    /// Whether a line is to be played at all.
    pub(crate) fn is_wanted(&mut self, record: &Record) -> bool {
        let is_wanted = is_of(record, self.venue);
        self.is_there |= is_wanted && record.kind != RecordKind::Dropped;
        if !is_wanted && self.other.is_none() {
            self.other = Some(record.venue.clone());
        }
        is_wanted
    }

    /// Sees to it that the line's connection has a session; true when it is new.
    pub(crate) fn admit(&mut self, record: &Record) -> Result<bool, Failure> {
        let connection = record.connection.unwrap_or_default();
        if self.replay.knows(record) {
            let (was, is) = (self.venue_on(connection), VenueArg::of_name(&record.venue));
            // Concatenated logs: later lines would be read as the other venue's.
            return match (was, is) {
                (Some(was), Some(is)) if was != is => Err(Failure::work(format_args!(
                    "connection {connection} is of {} at first and then of {}: read one of them with --venue",
                    was.name(),
                    is.name()
                ))),
                _ => Ok(false),
            };
        }
        let venue = venue_of(record, self.venue)?;
        let added = match venue {
            VenueArg::Jayx => self.replay.add(record, jayx(self.book)?),
            VenueArg::Bayse => self.replay.add(record, bayse(self.book)?),
            VenueArg::Kraken => self
                .replay
                .add(record, Kraken::any().build().map_err(Failure::usage)?),
        };
        added.map_err(Failure::work)?;
        self.venues.push((connection, venue));
        Ok(true)
    }

    /// The venue that a book is of.
    pub(crate) fn venue(&self, id: BookId) -> Option<VenueArg> {
        self.venue_on(self.replay.books().connection(id)?)
    }

    fn venue_on(&self, connection: ConnectionId) -> Option<VenueArg> {
        let mut all = self.venues.iter();
        all.find_map(|(of, venue)| (*of == connection).then_some(*venue))
    }

    /// How many lines of frames could not be read.
    pub(crate) fn bad_lines(&self) -> u64 {
        self.replay.stats().map(|(_, stats)| stats.bad_lines).sum()
    }

    /// The paths that the order books took.
    pub(crate) fn paths(&self) -> DecodePaths {
        DecodePaths::of(self.replay.stats().map(|(_, stats)| stats))
    }

    /// A log without records is an error, and so is a venue or a connection that is asked for and of which nothing is
    /// there.
    pub(crate) fn check(&self, args: &LogArgs) -> Result<(), Failure> {
        if self.is_there {
            return Ok(());
        }
        let log = args.log.display();
        match (args.connection, args.venue, &self.other) {
            (Some(connection), Some(asked), Some(other)) => Err(Failure::work(format_args!(
                "{log}: nothing of {} passed over connection {connection}, but of {}: leave --venue or --connection out",
                asked.name(),
                Printable(other)
            ))),
            (_, Some(asked), Some(other)) => Err(Failure::work(format_args!(
                "{log}: nothing of {} is there, but of {}: leave --venue out",
                asked.name(),
                Printable(other)
            ))),
            (Some(connection), ..) => Err(Failure::work(format_args!(
                "{log}: nothing passed over a connection {connection}: leave --connection out to read all of them"
            ))),
            _ => Err(Failure::work(format_args!(
                "{log}: there is no record in it"
            ))),
        }
    }
}

/// Checks the values of the book's options.
fn check_values(book: &BookArgs) -> Result<(), Failure> {
    jayx(book)?;
    bayse(book).map(drop)
}

/// Refuses the options of a book that have no effect on a log, as far as its venue is known.
fn check_log(venue: Option<VenueArg>, book: &BookArgs) -> Result<(), Failure> {
    let of = |venues: &[VenueArg]| venue.is_none_or(|venue| venues.contains(&venue));
    let decimals = of(&[VenueArg::Jayx, VenueArg::Bayse]);
    check_effects(&[
        (
            book.envelope.is_some(),
            of(&[VenueArg::Jayx]),
            "--envelope is for JayX",
        ),
        (
            !book.symbol.is_empty(),
            of(&[VenueArg::Jayx]),
            "--symbol is for a log of JayX: all books of another venue are read",
        ),
        (book.has_decimals(), decimals, KRAKEN_DECIMALS),
        (
            book.currency.is_some(),
            of(&[VenueArg::Bayse]),
            "--currency is for Bayse",
        ),
    ])
}

/// The JayX of a log.
fn jayx(args: &BookArgs) -> Result<JayX, Failure> {
    let venue = JayX::new(args.jayx_symbol()?)
        .envelope(args.envelope())
        .scale(args.scale(jayx::BTCUSDT)?);
    venue.build().map_err(Failure::usage)
}

/// The Bayse Markets of a log, with all of its books.
fn bayse(args: &BookArgs) -> Result<Bayse, Failure> {
    let any = Bayse::any().scale(args.scale(bayse::CENTS)?);
    let venue = match args.currency {
        Some(currency) => any.currency(currency.into()),
        None => any,
    };
    venue.build().map_err(Failure::usage)
}
