//! Logs as the source of books, for `replay`, `plot` and `bench`.

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
use crate::failure::{Failure, usage, work};
use crate::format::Printable;
use crate::output::Output;
use crate::venues::{VenueArg, VenueHandler};

/// The options of a log.
#[derive(Clone, Debug, Args)]
pub(crate) struct LogArgs {
    /// The frame log (.jsonl, .gz, .zst)
    pub(crate) log: PathBuf,
    /// The venue of a log that does not name it; of other logs, only records of this venue are read
    #[arg(long, value_enum)]
    pub(crate) venue: Option<VenueArg>,
    /// Read only this connection of the log
    #[arg(long, alias = "conn", value_name = "N")]
    pub(crate) connection: Option<u32>,
    #[command(flatten)]
    pub(crate) book: BookArgs,
}

/// Checks the options and opens the log.
pub(crate) fn open(args: &LogArgs) -> Result<FrameLog, Failure> {
    check_log(args.venue, &args.book)?;
    open_log(&args.log, args.connection)
}

/// Opens a log: all records of all connections, or of one.
pub(crate) fn open_log(path: &Path, connection: Option<u32>) -> Result<FrameLog, Failure> {
    let log = FrameLog::open(path).map_err(|error| work!("{}: {error}", path.display()))?;
    let log = log.everything();
    Ok(match connection {
        Some(connection) => log.of(ConnectionId(connection)),
        None => log,
    })
}

/// Whether a record is of the requested venue. True if none is requested or the record names none.
pub(crate) fn is_of(record: &Record, requested: Option<VenueArg>) -> bool {
    record.venue.is_empty() || requested.is_none_or(|venue| record.venue == venue.name().0)
}

/// The venue that a record names, or else the requested one.
pub(crate) fn venue_of(record: &Record, requested: Option<VenueArg>) -> Result<VenueArg, Failure> {
    match record.venue.as_str() {
        "" => requested.ok_or_else(|| {
            usage!("the log does not name its venue: --venue is needed (jayx, bayse or kraken)")
        }),
        name => VenueArg::of_name(name).ok_or_else(|| {
            let (name, line) = (Printable(name), record.line);
            work!("log line {line}: unknown venue {name}; use --venue to select a known one")
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
    /// Truncations of the log or of a part of it.
    pub(crate) cuts: u64,
    /// Whether the rest of the log cannot be read.
    pub(crate) is_over: bool,
    /// Records that the recorder could not write.
    pub(crate) dropped: u64,
    pub(crate) warnings: LogWarnings,
}

/// The number of missing records that a `dropped` line states; at least one.
pub(crate) fn dropped(record: &Record) -> u64 {
    let text = std::str::from_utf8(&record.frame).unwrap_or_default();
    text.parse().unwrap_or(1).max(1)
}

impl LogErrors {
    pub(crate) fn count(&mut self, error: &LogError) {
        match error.is_truncated() {
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
            what.push("the rest cannot be read".to_owned());
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

/// Suspect properties of a log whose lines can all be read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogWarnings {
    times: Times,
    unverified: u64,
}

impl LogWarnings {
    /// The warnings about a log, as far as it was read.
    pub(crate) fn of(log: &FrameLog) -> Self {
        Self {
            times: log.times(),
            unverified: log.unverified(),
        }
    }

    /// Reports the warnings on standard error.
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

/// The books of a log. Each connection is replayed through a session of its venue.
pub(crate) struct LogReplay<'a, H> {
    venue: Option<VenueArg>,
    book: &'a BookArgs,
    pub(crate) replay: Replay<H>,
    /// The venue of each replayed connection.
    venues: Vec<(ConnectionId, VenueArg)>,
    /// Whether a record was of the requested venue.
    has_records: bool,
    /// The venue of a record that was not.
    other: Option<String>,
}

impl<'a, H: VenueHandler> LogReplay<'a, H> {
    /// No connections yet. Fails if an option of a book is invalid, before the log is read.
    pub(crate) fn new(venue: Option<VenueArg>, book: &'a BookArgs) -> Result<Self, Failure> {
        check_values(book)?;
        Ok(Self {
            venue,
            book,
            replay: Replay::new(),
            venues: Vec::new(),
            has_records: false,
            other: None,
        })
    }

    /// Whether a record is of the requested venue and is to be replayed.
    pub(crate) fn is_wanted(&mut self, record: &Record) -> bool {
        let is_wanted = is_of(record, self.venue);
        self.has_records |= is_wanted && record.kind != RecordKind::Dropped;
        if !is_wanted && self.other.is_none() {
            self.other = Some(record.venue.clone());
        }
        is_wanted
    }

    /// Adds a session for the record's connection unless it has one; returns whether it was added.
    pub(crate) fn admit(&mut self, record: &Record) -> Result<bool, Failure> {
        let connection = record.connection.unwrap_or_default();
        if self.replay.knows(record) {
            let (was, is) = (self.venue_on(connection), VenueArg::of_name(&record.venue));
            // Concatenated logs may reuse a connection's number for another venue.
            return match (was.map(VenueArg::name), is.map(VenueArg::name)) {
                (Some(was), Some(is)) if was != is => Err(work!(
                    "connection {connection} has records of {was} and then of {is}: select one with --venue"
                )),
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

    /// The venue of a book.
    pub(crate) fn venue(&self, id: BookId) -> Option<VenueArg> {
        self.venue_on(self.replay.books().connection(id)?)
    }

    fn venue_on(&self, connection: ConnectionId) -> Option<VenueArg> {
        let mut all = self.venues.iter();
        all.find_map(|(of, venue)| (*of == connection).then_some(*venue))
    }

    /// The number of lines of frames that could not be read.
    pub(crate) fn bad_lines(&self) -> u64 {
        self.replay.stats().map(|(_, stats)| stats.bad_lines).sum()
    }

    /// How many order books were decoded on each path.
    pub(crate) fn paths(&self) -> DecodePaths {
        DecodePaths::of(self.replay.stats().map(|(_, stats)| stats))
    }

    /// Fails if the log has no records of the requested venue and connection.
    pub(crate) fn check(&self, args: &LogArgs) -> Result<(), Failure> {
        if self.has_records {
            return Ok(());
        }
        let log = args.log.display();
        let other = self.other.as_ref().map(Printable);
        Err(
            match (args.connection, args.venue.map(VenueArg::name), other) {
                (Some(connection), Some(venue), Some(other)) => work!(
                    "{log}: connection {connection} has no records of {venue}, only of {other}: omit --venue or --connection"
                ),
                (_, Some(venue), Some(other)) => {
                    work!("{log}: the log has no records of {venue}, only of {other}: omit --venue")
                }
                (Some(connection), ..) => work!(
                    "{log}: the log has no records of connection {connection}: omit --connection to read all of them"
                ),
                _ => work!("{log}: the log has no records"),
            },
        )
    }
}

/// Checks the values of the book's options.
fn check_values(book: &BookArgs) -> Result<(), Failure> {
    jayx(book)?;
    bayse(book).map(drop)
}

/// Rejects the options of a book that have no effect on a log, as far as its venue is known.
fn check_log(venue: Option<VenueArg>, book: &BookArgs) -> Result<(), Failure> {
    let is = |of| venue.is_none_or(|venue| venue == of);
    let (jayx, bayse) = (is(VenueArg::Jayx), is(VenueArg::Bayse));
    const SYMBOL: &str =
        "--symbol applies only to a log of JayX: all books of other venues are read";
    check_effects(&[
        (
            book.envelope.is_some(),
            jayx,
            "--envelope applies only to JayX",
        ),
        (!book.symbol.is_empty(), jayx, SYMBOL),
        (book.has_decimals(), jayx || bayse, KRAKEN_DECIMALS),
        (
            book.currency.is_some(),
            bayse,
            "--currency applies only to Bayse",
        ),
    ])
}

/// JayX as the venue of a log.
fn jayx(args: &BookArgs) -> Result<JayX, Failure> {
    let venue = JayX::new(args.jayx_symbol()?)
        .envelope(args.envelope())
        .scale(args.scale(jayx::BTCUSDT)?);
    venue.build().map_err(Failure::usage)
}

/// Bayse Markets as the venue of a log, with all books.
fn bayse(args: &BookArgs) -> Result<Bayse, Failure> {
    let any = Bayse::any().scale(args.scale(bayse::CENTS)?);
    let venue = match args.currency {
        Some(currency) => any.currency(currency.into()),
        None => any,
    };
    venue.build().map_err(Failure::usage)
}
