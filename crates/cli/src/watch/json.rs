//! Everything that happens, one JSON object a line. `docs/json.md` has every field.

mod bayse;
mod jayx;
mod object;

use std::io::{self, BufWriter, Write};
use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use ticklot::events::{Resync, ResyncStep, Source, StateChange, StatusUpdate, Trades, UpdateKind};
use ticklot::venue::VenueName;
use ticklot::{BookId, BookUpdate, Books, ConnectionId, Event, Instrument, Nanos, Scale, Side};

use self::object::{
    Change, Last, Line, Object, Of, OfBook, Pair, Shown, Text, Totals, Unconfirmed,
};
use super::show::{Begin, Message, Show, Tally};
use crate::failure::Failure;
use crate::format::is_hidden;
use crate::units::nanos;

/// Lines are handed on at once, unless the last ones were less than this ago: then with the next ones, or
/// with the next tick.
const TOGETHER: Duration = Duration::from_millis(1);

/// Writes objects.
pub(crate) struct Json<'a> {
    out: BufWriter<&'a mut Box<dyn Write>>,
    /// What JayX's whole ticks and lots stand for.
    jayx_scale: Scale,
    depth: usize,
    venues: Vec<VenueName>,
    /// The feed's zero in nanoseconds since 1970: all times are counted from it, by the feed's clock.
    unix_zero: u64,
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
            unix_zero: 0,
            flushed: Nanos(0),
        }
    }

    fn write(&mut self, now: Nanos, what: Object<'_>) -> Result<(), Failure> {
        let since_1970 = Duration::from_nanos(self.unix_zero.saturating_add(now.0));
        let time = SystemTime::UNIX_EPOCH + since_1970;
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

    fn unconfirmed<'b>(
        &self,
        connection: ConnectionId,
        room: &'b str,
        attempts: u32,
    ) -> Unconfirmed<'b> {
        Unconfirmed {
            of: self.of(connection),
            room,
            attempts,
        }
    }

    fn of_instrument<'b>(
        &self,
        connection: ConnectionId,
        instrument: &Instrument<'b>,
    ) -> OfBook<'b> {
        OfBook {
            of: self.of(connection),
            scope: instrument.scope,
            market: instrument.market,
            book: instrument.name,
        }
    }

    fn of_book<'b>(&self, books: &'b Books, book: BookId) -> OfBook<'b> {
        let nothing = Instrument::of_symbol(VenueName(""), "");
        self.of_instrument(
            books.connection(book).unwrap_or_default(),
            &books.instrument(book).unwrap_or(nothing),
        )
    }

    fn book(&mut self, update: &BookUpdate<'_>, books: &Books, now: Nanos) -> Result<(), Failure> {
        let Some(book) = books.last_known(update.book) else {
            return Ok(());
        };
        let (scale, of) = (book.scale(), self.of_book(books, update.book));
        let levels = |side| -> Vec<Pair> {
            let side = book.levels(side).take(self.depth);
            side.map(|level| object::pair(scale, &level)).collect()
        };
        let changes = update
            .changes
            .iter()
            .map(|change| Change::new(scale, &change));
        let object = Object::Book {
            of,
            update: match update.kind {
                UpdateKind::Snapshot => "snapshot",
                UpdateKind::Delta => "delta",
            },
            epoch: book.epoch().0,
            state: book.state().as_str(),
            frame: update.frame,
            line: update.line,
            latency_ns: nanos(now.since(update.received)),
            sent_ms: update.sent.map(|at| at.0),
            source: match update.source {
                Source::Stream => "stream",
                Source::Request => "request",
            },
            bids: levels(Side::Bid),
            asks: levels(Side::Ask),
            changes: changes.collect(),
            last: update.last_trade.map(|last| Last::new(scale, &last)),
        };
        self.write(now, object)
    }

    /// New trades. The fills of Bayse Markets are `fill` objects instead, which have more members.
    fn trades(&mut self, trades: &Trades<'_>, now: Nanos) -> Result<(), Failure> {
        if trades.instrument.venue == VenueName::BAYSE {
            return Ok(());
        }
        let of = self.of_instrument(trades.connection, &trades.instrument);
        let scale = trades.scale;
        for trade in trades.trades {
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

    fn state(
        &mut self,
        change: &StateChange<'_>,
        books: &Books,
        now: Nanos,
    ) -> Result<(), Failure> {
        let connection = books.connection(change.book).unwrap_or_default();
        let object = Object::State {
            of: self.of_instrument(connection, &change.instrument),
            old: change.old.as_str(),
            new: change.new.as_str(),
            cause: change.cause.as_str(),
        };
        self.write(now, object)
    }

    fn resync(&mut self, resync: &Resync<'_>, books: &Books, now: Nanos) -> Result<(), Failure> {
        let (step, error, retry_in) = match resync.step {
            ResyncStep::Requested => ("requested", None, None),
            ResyncStep::TimedOut => ("timed_out", None, None),
            ResyncStep::Failed { error, retry_in } => ("failed", Some(error), Some(retry_in)),
            ResyncStep::Unsupported => ("unsupported", None, None),
            _ => return Ok(()),
        };
        let object = Object::Resync {
            of: self.of_book(books, resync.book),
            attempt: resync.attempt,
            step,
            error: error.map(Text),
            retry_in_ns: retry_in.map(nanos),
        };
        self.write(now, object)
    }

    fn status(&mut self, update: &StatusUpdate<'_>, now: Nanos) -> Result<(), Failure> {
        let instrument = update.instrument;
        let object = Object::Status {
            of: self.of(update.connection),
            scope: instrument.and_then(|it| it.scope),
            market: instrument.map(|it| it.market),
            book: instrument.map(|it| it.name),
            status: update.status.as_str(),
            text: update.text,
        };
        self.write(now, object)
    }

    fn scale(
        &mut self,
        book: BookId,
        (old, new): (Scale, Scale),
        books: &Books,
        now: Nanos,
    ) -> Result<(), Failure> {
        let object = Object::Scale {
            of: self.of_book(books, book),
            old_price_decimals: old.price_decimals(),
            old_quantity_decimals: old.quantity_decimals(),
            price_decimals: new.price_decimals(),
            quantity_decimals: new.quantity_decimals(),
        };
        self.write(now, object)
    }

    /// Flushes the lines, unless more may follow at once.
    fn flush_when_due(&mut self, is_tick: bool, now: Nanos) -> Result<(), Failure> {
        if is_tick || now.since(self.flushed) >= TOGETHER {
            self.flush(now)?;
        }
        Ok(())
    }

    fn other(&mut self, event: &Event<'_>, now: Nanos) -> Result<(), Failure> {
        let object = match *event {
            Event::Connected { connection, epoch } => Object::Connected {
                of: self.of(connection),
                epoch: epoch.0,
            },
            Event::Welcome {
                connection,
                client_id,
                message,
            } => Object::Welcome {
                of: self.of(connection),
                client_id,
                message,
            },
            Event::Disconnected {
                connection,
                reason,
                retry_in,
            } => Object::Disconnected {
                of: self.of(connection),
                reason: Text(Shown(reason)),
                retry_in_ns: retry_in.map(nanos),
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
            Event::Protocol {
                connection,
                protocol,
            } => Object::Protocol {
                of: self.of(connection),
                protocol,
            },
            Event::Unconfirmed {
                connection,
                room,
                attempts,
            } => Object::Unconfirmed(self.unconfirmed(connection, room, attempts)),
            Event::RoundTrip { connection, time } => Object::RoundTrip {
                of: self.of(connection),
                took_ns: nanos(time),
            },
            Event::BadLine {
                connection,
                frame,
                error,
                ..
            } => Object::BadLine {
                of: self.of(connection),
                frame,
                line: error.line,
                byte: error.offset,
                error: Text(error.kind),
            },
            Event::Unknown {
                connection, kind, ..
            } => Object::Unknown {
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
        self.unix_zero = begin.clock.unix_zero();
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
        match event {
            Event::Book(update) => self.book(update, books, now)?,
            Event::Trades(trades) => self.trades(trades, now)?,
            Event::State(change) => self.state(change, books, now)?,
            Event::Resync(resync) => self.resync(resync, books, now)?,
            Event::Status(status) => self.status(status, now)?,
            Event::Scale { book, old, new } => self.scale(*book, (*old, *new), books, now)?,
            other => self.other(other, now)?,
        }
        self.flush_when_due(matches!(event, Event::Tick { .. }), now)
    }

    fn message(
        &mut self,
        message: &Message<'_>,
        connection: ConnectionId,
        now: Nanos,
    ) -> Result<(), Failure> {
        let of = self.of(connection);
        match message {
            Message::Bayse(message) => {
                if let Some(object) = bayse::object(of, message) {
                    self.write(now, object)?;
                }
            }
            Message::JayX(message) => {
                for object in jayx::objects(of, message, self.jayx_scale) {
                    self.write(now, object)?;
                }
            }
        }
        self.flush_when_due(false, now)
    }

    fn end(&mut self, books: &Books, tally: &Tally, now: Nanos) -> Result<(), Failure> {
        let totals = books.ids().filter_map(|id| {
            let panel = tally.panel(id.0 as usize)?;
            Some(Totals {
                of: self.of_book(books, id),
                messages: panel.messages,
                not_live: panel.not_live,
                p50_ns: panel.latency(0.5),
                p99_ns: panel.latency(0.99),
                max_ns: panel.latency(1.0),
            })
        });
        let unconfirmed = tally.unconfirmed.iter();
        let unconfirmed = unconfirmed
            .map(|((connection, room), attempts)| self.unconfirmed(*connection, room, *attempts));
        let object = Object::End {
            books: totals.collect(),
            other_messages: tally.told,
            bad_lines: tally.bad_lines,
            fast_path: tally.paths.fast,
            general_path: tally.paths.general,
            unconfirmed: unconfirmed.collect(),
        };
        self.write(now, object)?;
        self.flush(now)
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
    use std::io::Read;

    use ticklot::jayx::{ApiKey, Envelope, JayX, Topic};
    use ticklot::{Options, Session};

    use super::*;
    use crate::output::Output;
    use crate::watch::lines::Lines;
    use crate::watch::show::Watcher;

    const SYMBOL: &str = "BTCUSDT";

    /// Hands messages of JayX on as a session does.
    fn follow(messages: &[&str], scale: Scale, watcher: &mut Watcher<impl Show>) {
        let venue = JayX::new(SYMBOL)
            .envelope(Envelope::Plain)
            .scale(scale)
            .key(ApiKey::new("key"))
            .follow(Topic::kline(SYMBOL, "60"))
            .follow(Topic::Positions)
            .follow(Topic::open_orders(SYMBOL));
        let (venue, mut books) = (venue.build().unwrap(), Books::default());
        let mut session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
        assert!(session.opened(Nanos(1), &mut books, watcher).is_continue());
        for message in messages {
            let _ = session.frame(message.as_bytes(), Nanos(2), &mut books, watcher);
        }
    }

    #[test]
    fn text_and_json_print_the_same_decimals() {
        let messages = [
            r#"{"add":null,"modify":{"_id":"a","created":1716131580,"o":6678147,"h":6690062,"l":6674783,"c":7,"v":241690,"m":1716131619,"symbol":"BTCUSDT"}}"#,
            r#"{"spot":[{"asset":"BTC","balance":"0.0009980","available":"1e-3"}]}"#,
            r#"{"cancel":[],"modify":[{"id":117805625,"type":"LIMIT","state":"NEW","side":"BUY","resd":1000000,"exec":1500,"cost":93,"lastLots":null,"lastTicks":null,"created":1716135452487,"modified":1716135452487,"symbol":"BTCUSDT","price":"1000.50","quantity":"1000"}]}"#,
        ];
        let scale = Scale::new(2, 6).unwrap();

        let (reader, writer) = io::pipe().unwrap();
        let mut out: Box<dyn Write> = Box::new(writer);
        let mut watcher = Watcher::new(Json::new(&mut out, scale, None)).unwrap();
        follow(&messages, scale, &mut watcher);
        watcher.end(&Books::default()).unwrap();
        drop(out);
        let objects = serde_json::Deserializer::from_reader(reader).into_iter();
        let objects: Vec<serde_json::Value> = objects.map(Result::unwrap).collect();
        let object = |kind| objects.iter().find(|it| it["type"] == kind).unwrap();

        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = Output {
            out: Box::new(writer),
            err: Box::new(io::sink()),
            terminal: false,
        };
        follow(
            &messages,
            scale,
            &mut Watcher::new(Lines::new(&mut output)).unwrap(),
        );
        drop(output);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let text: Vec<&str> = text.lines().collect();

        let candle = object("candle");
        let price = |name: &str| candle[name].as_str().unwrap();
        assert_eq!(
            (price("open"), price("close"), price("volume")),
            ("66781.47", "0.07", "0.241690")
        );
        assert_eq!(
            text[0],
            format!(
                "candle BTCUSDT 60 1716131580 open {} high {} low {} close {} volume {}",
                price("open"),
                price("high"),
                price("low"),
                price("close"),
                price("volume")
            )
        );
        let balance = &object("balances")["balances"][0];
        let decimal = |name: &str| balance[name].as_str().unwrap();
        assert_eq!(
            text[1],
            format!(
                "balance BTC {} available {}",
                decimal("balance"),
                decimal("available")
            )
        );
        let order = &object("open_orders")["modify"][0];
        let decimal = |name: &str| order[name].as_str().unwrap();
        let raw = |name: &str| order[name].as_i64().unwrap();
        assert_eq!((raw("reserved"), raw("cost")), (1_000_000, 93), "as sent");
        assert_eq!(
            text[2],
            format!(
                "order 117805625 BTCUSDT BUY NEW {} x {} filled {} reserved {} cost {}",
                decimal("price"),
                decimal("quantity"),
                decimal("executed"),
                raw("reserved"),
                raw("cost")
            )
        );
    }

    #[test]
    fn the_end_has_the_time_of_the_feed() {
        let (reader, writer) = io::pipe().unwrap();
        let mut out: Box<dyn Write> = Box::new(writer);
        let mut json = Json::new(&mut out, Scale::UNIT, None);
        json.unix_zero = 1_700_000_000_000_000_000;
        let watcher = Watcher::with_clock(json, Box::new(|| Nanos(5_000_000_007))).unwrap();
        watcher.end(&Books::default()).unwrap();
        drop(out);
        let end: serde_json::Value = serde_json::from_reader(reader).unwrap();
        assert_eq!(end["time"], "2023-11-14T22:13:25.000000007Z");
        assert_eq!(end["type"], "end");
    }

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
