//! Everything that happens, one JSON object a line. `docs/json.md` has every field.

mod bayse;
mod jayx;
mod object;

use std::io::{self, BufWriter, Write};
use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use ticklot::{BookId, BookUpdate, Books, ConnectionId, Event, Level, Nanos, Scale, State};
use ticklot::{Source, VenueName};

use self::object::{Change, Last, Line, Object, Of, OfBook, Pair, Shown, Text, Totals};
use super::show::{Begin, Show, Tally};
use crate::Failure;
use crate::view::is_hidden;

/// Lines are handed on at once, unless the last ones were less than this ago: then with the next ones, or
/// with the next tick.
const TOGETHER: Nanos = Nanos::from_millis(1);

/// Writes objects.
pub(crate) struct Json<'a> {
    out: BufWriter<&'a mut Box<dyn Write>>,
    /// What JayX's whole ticks and lots stand for.
    jayx_scale: Scale,
    depth: usize,
    venues: Vec<VenueName>,
    /// The wall clock's time when the feed's was zero.
    origin: SystemTime,
    /// The state of each book that was last told.
    states: Vec<State>,
    flushed: Nanos,
}

impl<'a> Json<'a> {
    pub(crate) fn new(
        out: &'a mut Box<dyn Write>,
        jayx_scale: Scale,
        depth: Option<NonZeroUsize>,
    ) -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 16, out),
            jayx_scale,
            depth: depth.map_or(usize::MAX, NonZeroUsize::get),
            venues: Vec::new(),
            origin: SystemTime::UNIX_EPOCH,
            states: Vec::new(),
            flushed: Nanos(0),
        }
    }

    fn write(&mut self, now: Nanos, what: Object<'_>) -> Result<(), Failure> {
        let time = self.origin + Duration::from_nanos(now.0);
        let time = Text(humantime::format_rfc3339_nanos(time));
        let mut serializer = Serializer::with_formatter(&mut self.out, Plain);
        let written = Line { time, what }.serialize(&mut serializer);
        written.map_err(|error| Failure::Output(error.into()))?;
        Ok(self.out.write_all(b"\n")?)
    }

    fn of(&self, connection: ConnectionId) -> Of {
        let venue = self.venues.get(connection.0 as usize);
        Of {
            connection: connection.0,
            venue: venue.map_or("", |venue| venue.0),
        }
    }

    fn of_book<'b>(&self, books: &'b Books, book: BookId) -> OfBook<'b> {
        OfBook {
            of: self.of(books.connection(book).unwrap_or_default()),
            market: books.market(book),
            book: books.name(book),
        }
    }

    fn book(&mut self, update: &BookUpdate<'_>, books: &Books, now: Nanos) -> Result<(), Failure> {
        let Some(book) = books.untrusted(update.book) else {
            return Ok(());
        };
        let (scale, of) = (book.scale(), self.of_book(books, update.book));
        let levels = |side: &[Level]| -> Vec<Pair> {
            let side = side.iter().take(self.depth);
            side.map(|level| object::pair(scale, level)).collect()
        };
        let changes = update
            .changes
            .iter()
            .map(|change| Change::new(scale, &change));
        let object = Object::Book {
            of,
            epoch: book.epoch().0,
            state: book.state().as_str(),
            frame: update.frame,
            line: update.line,
            latency_ns: now.since(update.received).0,
            sent_ms: update.sent.map(|at| at.0),
            source: match update.source {
                Source::Stream => "stream",
                Source::Request => "request",
            },
            bids: levels(book.bids()),
            asks: levels(book.asks()),
            changes: changes.collect(),
            last: update.last_trade.map(|last| Last::new(scale, &last)),
        };
        self.write(now, object)?;
        for trade in update.trades {
            let object = Object::Trade {
                of,
                price: Text(scale.price(trade.ticks)),
                quantity: Text(scale.quantity(trade.lots)),
                side: trade.side.as_str(),
                created_ms: trade.created.0,
            };
            self.write(now, object)?;
        }
        Ok(())
    }

    /// Tells the state of a book, if it is another one.
    fn state(&mut self, books: &Books, book: BookId, now: Nanos) -> Result<(), Failure> {
        let at = book.0 as usize;
        if self.states.len() <= at {
            self.states.resize(at + 1, State::Empty);
        }
        let (state, was) = (books.state(book), self.states[at]);
        if state == was {
            return Ok(());
        }
        self.states[at] = state;
        let object = Object::State {
            of: self.of_book(books, book),
            state: state.as_str(),
            was: was.as_str(),
        };
        self.write(now, object)
    }

    fn other(&mut self, event: &Event<'_>, now: Nanos) -> Result<(), Failure> {
        let object = match *event {
            Event::Connected { connection, epoch } => Object::Connected {
                of: self.of(connection),
                epoch: epoch.0,
            },
            Event::Disconnected {
                connection,
                reason,
                retry_in,
            } => Object::Disconnected {
                of: self.of(connection),
                reason: Text(Shown(reason)),
                retry_in_ns: retry_in.map(|wait| wait.0),
            },
            Event::Subscribed { connection, room } => Object::Subscribed {
                of: self.of(connection),
                room,
            },
            Event::Unsubscribed { connection, room } => Object::Unsubscribed {
                of: self.of(connection),
                room,
            },
            Event::Refused {
                connection,
                message,
                room,
            } => Object::Refused {
                of: self.of(connection),
                message,
                room,
            },
            Event::RoundTrip { connection, time } => Object::RoundTrip {
                of: self.of(connection),
                took_ns: time.0,
            },
            Event::BadLine {
                connection,
                frame,
                error,
            } => Object::BadLine {
                of: self.of(connection),
                frame,
                line: error.line,
                byte: error.offset,
                error: Text(error.kind),
            },
            Event::Unknown { connection, kind } => Object::Unknown {
                of: self.of(connection),
                kind,
            },
            _ => return Ok(()),
        };
        self.write(now, object)
    }

    fn flush(&mut self, now: Nanos) -> Result<(), Failure> {
        self.flushed = now;
        Ok(self.out.flush()?)
    }
}

impl Show for Json<'_> {
    const TICK: Duration = Duration::from_millis(10);

    fn begin(&mut self, begin: Begin) -> Result<(), Failure> {
        let now = begin.clock.now();
        self.origin = SystemTime::now() - Duration::from_nanos(now.0);
        self.venues = begin.venues;
        let object = Object::Start {
            version: env!("CARGO_PKG_VERSION"),
            connections: self.venues.iter().map(|venue| venue.0).collect(),
        };
        self.write(now, object)?;
        self.flush(now)
    }

    fn event(
        &mut self,
        event: &Event<'_>,
        books: &Books,
        _: &mut Tally,
        now: Nanos,
    ) -> Result<(), Failure> {
        // What a book has become is told before what made it so. A bad line does not say whose it is.
        match event {
            Event::Book(BookUpdate { book, .. }) | Event::Stale { book } => {
                self.state(books, *book, now)?;
            }
            Event::Bayse { .. } | Event::JayX { .. } => {}
            _ => books
                .ids()
                .try_for_each(|book| self.state(books, book, now))?,
        }
        match event {
            Event::Book(update) => self.book(update, books, now)?,
            Event::Bayse {
                connection,
                message,
                ..
            } => {
                let object = bayse::object(self.of(*connection), message);
                object.map_or(Ok(()), |object| self.write(now, object))?;
            }
            Event::JayX {
                connection,
                message,
                ..
            } => {
                let of = self.of(*connection);
                for object in jayx::objects(of, message, self.jayx_scale) {
                    self.write(now, object)?;
                }
            }
            other => self.other(other, now)?,
        }
        let is_tick = matches!(event, Event::Tick { .. });
        if is_tick || now.since(self.flushed) >= TOGETHER {
            self.flush(now)?;
        }
        Ok(())
    }

    fn end(&mut self, books: &Books, tally: &Tally) -> Result<(), Failure> {
        let totals = books.ids().filter_map(|id| {
            let panel = tally.panel(id.0 as usize)?;
            Some(Totals {
                of: self.of_book(books, id),
                messages: panel.messages,
                not_live: panel.not_live,
                p50_ns: panel.latency.value_at_quantile(0.5),
                p99_ns: panel.latency.value_at_quantile(0.99),
                max_ns: panel.latency.max(),
            })
        });
        let object = Object::End {
            books: totals.collect(),
            other_messages: tally.told,
            bad_lines: tally.bad_lines,
        };
        let now = SystemTime::now().duration_since(self.origin);
        let now = now.map_or(0, |it| u64::try_from(it.as_nanos()).unwrap_or(u64::MAX));
        self.write(Nanos(now), object)?;
        self.flush(Nanos(now))
    }
}

/// What would not show is escaped: JSON asks for that only below U+0020.
struct Plain;

impl Formatter for Plain {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_hidden) {
            out.write_all(&rest.as_bytes()[..at])?;
            let mut chars = rest[at..].chars();
            // None of them is beyond U+FFFF.
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
    fn what_would_not_show_is_escaped() {
        let text = "a\u{7f}b\u{9b}31m\u{202e}\n\"é\u{1b}";
        let mut out = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut out, Plain);
        text.serialize(&mut serializer).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, r#""a\u007fb\u009b31m\u202e\n\"é\u001b""#);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }
}
