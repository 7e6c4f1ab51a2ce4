//! A log without a connection: the one way of `replay`, `plot` and `bench` from its lines to its books.

use std::io::Write;
use std::path::Path;

use ticklot::bayse::{self, Bayse};
use ticklot::capture::{FrameLog, LogError, Record, Replay};
use ticklot::jayx::{self, JayX};
use ticklot::{BookId, ConnectionId};
use ticklot_frame::jayx::Envelope;

use crate::args::{BookArgs, LogArgs, VenueArg};
use crate::follow::{VenueHandler, any_of};
use crate::kraken;
use crate::replay::built;
use crate::view::Printable;
use crate::{Failure, Output};

/// Opens a log, for what passed over all its connections or over the one that is asked for.
pub(crate) fn open(args: &LogArgs) -> Result<FrameLog, Failure> {
    let log = FrameLog::open(&args.log)
        .map_err(|error| Failure::work(format_args!("{}: {error}", args.log.display())))?
        .everything();
    Ok(match args.conn {
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

/// What of a log could not be read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Lines of frames.
    pub(crate) lines: u64,
    /// Lines of the log.
    pub(crate) records: u64,
    /// Whether the log ends before its end.
    pub(crate) is_cut: bool,
}

impl Faults {
    pub(crate) fn count(&mut self, error: &LogError) {
        self.records += 1;
        self.is_cut |= error.is_fatal();
    }

    /// Says it on standard error, if there is something to say.
    pub(crate) fn tell(self, log: &Path, output: &mut Output) {
        let Self {
            lines,
            records,
            is_cut,
        } = self;
        if lines + records == 0 {
            return;
        }
        let cut = if is_cut { ", and it is cut short" } else { "" };
        let what = match lines + records {
            1 => "1 line".to_owned(),
            n => format!("{n} lines"),
        };
        let log = log.display();
        // Standard error may be closed; what was asked for is there.
        let _ = writeln!(
            output.err,
            "ticklot: {log}: {what} cannot be read{cut}; `ticklot replay` tells which"
        );
    }
}

/// The books of a log, each connection of it through a session of its venue.
pub(crate) struct Offline<'a, H> {
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

impl<'a, H: VenueHandler> Offline<'a, H> {
    /// No connections yet. What the book's options cannot be is told before anything is read.
    pub(crate) fn new(venue: Option<VenueArg>, book: &'a BookArgs) -> Result<Self, Failure> {
        check(venue, book)?;
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
        self.is_there |= is_wanted;
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
            // Logs that were put together: what follows would be read as the other venue's.
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
            VenueArg::Kraken => self.replay.add(record, kraken::of_log()?),
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

    /// Whether no line was wanted of all that were read.
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_there
    }

    /// A venue or a connection that is asked for, and of which nothing is there, is a mistake.
    pub(crate) fn check(&self, args: &LogArgs) -> Result<(), Failure> {
        if self.is_there {
            return Ok(());
        }
        let log = args.log.display();
        match (args.conn, args.venue, &self.other) {
            (Some(connection), Some(asked), Some(other)) => Err(Failure::work(format_args!(
                "{log}: nothing of {} passed over connection {connection}, but of {}: leave --venue or --conn out",
                asked.name(),
                Printable(other)
            ))),
            (_, Some(asked), Some(other)) => Err(Failure::work(format_args!(
                "{log}: nothing of {} is there, but of {}: leave --venue out",
                asked.name(),
                Printable(other)
            ))),
            (Some(connection), ..) => Err(Failure::work(format_args!(
                "{log}: nothing passed over a connection {connection}: leave --conn out to read all of them"
            ))),
            _ => Ok(()),
        }
    }
}

/// Whether the book's options fit the venue, as far as it is known.
fn check(venue: Option<VenueArg>, book: &BookArgs) -> Result<(), Failure> {
    match venue {
        Some(VenueArg::Kraken) => kraken::check_log(book),
        Some(VenueArg::Jayx | VenueArg::Bayse) | None => {
            jayx(book)?;
            bayse(book).map(drop)
        }
    }
}

/// The JayX of a log.
fn jayx(args: &BookArgs) -> Result<JayX, Failure> {
    let envelope = args.envelope.map_or(Envelope::Auto, Envelope::from);
    let venue = JayX::new(args.jayx_symbol()?)
        .envelope(envelope)
        .scale(args.scale(jayx::BTCUSDT)?);
    built(venue.build())
}

/// The Bayse Markets of a log, whatever books it has.
fn bayse(args: &BookArgs) -> Result<Bayse, Failure> {
    built(any_of(args).scale(args.scale(bayse::CENTS)?).build())
}
