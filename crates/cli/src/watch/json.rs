//! The output mode `--json`: every event as a JSON object, one a line. `docs/json.md` describes the fields.

use std::io::{self, BufWriter, Write};
use std::num::NonZeroUsize;
use std::time::Duration;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use ticklot::records::EventRecord;
use ticklot::venue::VenueName;
use ticklot::{BookId, Books, ConnectionId, Event, Instrument, Nanos, bayse, jayx};

use super::output_mode::{Context, OutputMode, RunStats, StartInfo, VenueMessage};
use crate::failure::Failure;
use crate::format::is_hidden;
use crate::units::utc;

/// Lines are flushed immediately if the last flush was at least this long ago, and otherwise with the next lines or the
/// next tick.
const FLUSH_INTERVAL: Duration = Duration::from_millis(1);

/// Writes objects.
pub(crate) struct Json<'a> {
    out: BufWriter<&'a mut Box<dyn Write>>,
    depth: usize,
    /// The venue of each connection.
    pub(super) venues: Vec<VenueName>,
    /// The zero of the feed's clock in nanoseconds since 1970.
    pub(super) unix_offset: u64,
    flushed: Nanos,
}

/// A line: a record with its time.
#[derive(Serialize)]
struct JsonLine<T> {
    time: String,
    #[serde(flatten)]
    record: T,
}

/// The objects that are not events.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum RunRecord<'a> {
    Start {
        version: &'static str,
        connections: Vec<&'static str>,
    },
    End {
        books: Vec<BookTotals<'a>>,
        other_messages: u64,
        bad_lines: u64,
        fast_path: u64,
        general_path: u64,
        unconfirmed: Vec<Unconfirmed<'a>>,
    },
}

/// A message of a venue.
#[derive(Serialize)]
#[serde(tag = "type", rename = "message")]
struct MessageRecord<'a, T> {
    connection: ConnectionId,
    venue: &'static str,
    kind: &'static str,
    message: &'a T,
}

/// The counts of a book.
#[derive(Serialize)]
struct BookTotals<'a> {
    connection: ConnectionId,
    #[serde(flatten)]
    instrument: Option<Instrument<'a>>,
    messages: u64,
    not_live: u64,
    p50_ns: Option<u64>,
    p99_ns: Option<u64>,
    max_ns: Option<u64>,
}

/// A subscription without a confirmation.
#[derive(Serialize)]
struct Unconfirmed<'a> {
    connection: ConnectionId,
    venue: &'static str,
    room: &'a str,
    attempts: u32,
}

impl<'a> Json<'a> {
    pub(crate) fn new(out: &'a mut Box<dyn Write>, depth: Option<NonZeroUsize>) -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 16, out),
            depth: depth.map_or(usize::MAX, NonZeroUsize::get),
            venues: Vec::new(),
            unix_offset: 0,
            flushed: Nanos(0),
        }
    }

    fn write(&mut self, now: Nanos, record: impl Serialize) -> Result<(), Failure> {
        let time = utc(self.unix_offset.saturating_add(now.0));
        let mut serializer = Serializer::with_formatter(&mut self.out, HiddenEscaped);
        let written = JsonLine { time, record }.serialize(&mut serializer);
        written.map_err(|error| Failure::Output(error.into()))?;
        Ok(self.out.write_all(b"\n")?)
    }

    fn venue(&self, connection: ConnectionId) -> VenueName {
        let venue = self.venues.get(connection.0 as usize);
        venue.copied().unwrap_or(VenueName(""))
    }

    /// Flushes the lines at a tick, or after [`FLUSH_INTERVAL`].
    fn flush_when_due(&mut self, is_tick: bool, now: Nanos) -> Result<(), Failure> {
        if is_tick || now.since(self.flushed) >= FLUSH_INTERVAL {
            self.flush(now)?;
        }
        Ok(())
    }

    fn flush(&mut self, now: Nanos) -> Result<(), Failure> {
        self.flushed = now;
        Ok(self.out.flush()?)
    }

    fn write_message(
        &mut self,
        connection: ConnectionId,
        now: Nanos,
        kind: &'static str,
        message: &impl Serialize,
    ) -> Result<(), Failure> {
        let record = MessageRecord {
            connection,
            venue: self.venue(connection).0,
            kind,
            message,
        };
        self.write(now, record)
    }
}

impl OutputMode for Json<'_> {
    const TICK: Duration = Duration::from_millis(10);

    fn begin(&mut self, begin: StartInfo) -> Result<(), Failure> {
        let now = begin.clock.now();
        self.unix_offset = begin.clock.unix_offset();
        self.venues = begin.venues;
        let start = RunRecord::Start {
            version: env!("CARGO_PKG_VERSION"),
            connections: self.venues.iter().map(|venue| venue.0).collect(),
        };
        self.write(now, start)?;
        self.flush(now)
    }

    fn event(&mut self, event: &Event<'_>, context: Context<'_>) -> Result<(), Failure> {
        let now = context.now;
        let record = EventRecord::new(event, context.books).handled(now);
        let record = record.depth(self.depth);
        if let Some(connection) = record.connection() {
            self.write(now, record.venue(self.venue(connection)))?;
        }
        self.flush_when_due(matches!(event, Event::Timer { .. }), now)
    }

    fn message(
        &mut self,
        message: &VenueMessage<'_>,
        at: ConnectionId,
        now: Nanos,
    ) -> Result<(), Failure> {
        match message {
            VenueMessage::JayX(message) => match message {
                jayx::Message::Kline(it) => self.write_message(at, now, "kline", it),
                jayx::Message::Positions(it) => self.write_message(at, now, "positions", it),
                jayx::Message::OpenOrders(it) => self.write_message(at, now, "open_orders", it),
                _ => Ok(()),
            },
            VenueMessage::Bayse(message) => match message {
                bayse::Message::PriceUpdate(it) => self.write_message(at, now, "price_update", it),
                bayse::Message::Activity(it) => self.write_message(at, now, "activity", it),
                bayse::Message::AssetPrice(it) => self.write_message(at, now, "asset_price", it),
                bayse::Message::OrderUpdated(it) => {
                    self.write_message(at, now, "order_updated", it)
                }
                _ => Ok(()),
            },
        }?;
        self.flush_when_due(false, now)
    }

    fn end(&mut self, books: &Books, stats: &RunStats, now: Nanos) -> Result<(), Failure> {
        let totals = |id: BookId| {
            let stats = stats.book(id)?;
            Some(BookTotals {
                connection: books.connection(id).unwrap_or_default(),
                instrument: books.instrument(id),
                messages: stats.messages,
                not_live: stats.not_live,
                p50_ns: stats.latency(0.5),
                p99_ns: stats.latency(0.99),
                max_ns: stats.latency(1.0),
            })
        };
        let unconfirmed = stats.unconfirmed.iter();
        let unconfirmed = unconfirmed.map(|((connection, room), attempts)| Unconfirmed {
            connection: *connection,
            venue: self.venue(*connection).0,
            room,
            attempts: *attempts,
        });
        let end = RunRecord::End {
            books: books.ids().filter_map(totals).collect(),
            other_messages: stats.other_messages,
            bad_lines: stats.bad_lines,
            fast_path: stats.paths.fast,
            general_path: stats.paths.general,
            unconfirmed: unconfirmed.collect(),
        };
        self.write(now, end)?;
        self.flush(now)
    }
}

/// A formatter that escapes all hidden characters. JSON requires this only for those below U+0020.
struct HiddenEscaped;

impl Formatter for HiddenEscaped {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_hidden) {
            out.write_all(&rest.as_bytes()[..at])?;
            let mut chars = rest[at..].chars();
            // No hidden character is beyond U+FFFF.
            let c = chars.next().map_or(0, u32::from);
            write!(out, "\\u{c:04x}")?;
            rest = chars.as_str();
        }
        out.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_hidden_characters() {
        let text = "a\u{7f}b\u{9b}31m\u{202e}\n\"é\u{1b}";
        let mut out = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut out, HiddenEscaped);
        text.serialize(&mut serializer).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, r#""a\u007fb\u009b31m\u202e\n\"é\u001b""#);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }
}
