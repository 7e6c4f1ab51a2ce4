//! The output modes of `watch`, and the handler that counts for them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::bayse::{self, Bayse};
use ticklot::capture::BookRows;
use ticklot::control::Clock;
use ticklot::control::{ConnectionSummary, ShutdownHandle};
use ticklot::events::Receipt;
use ticklot::jayx::{self, JayX};
use ticklot::venue::{Venue, VenueName};
use ticklot::{BookId, Books, ConnectionId, Event, Handler, Nanos, OnMessage};

use crate::book_stats::{BookLatency, BookStats};
use crate::csv_rows::cannot_write;
use crate::decode_paths::DecodePaths;
use crate::failure::Failure;
use crate::format_event::is_in_unit;
use ticklot::kraken::Kraken;

/// An output mode, which is called on the reading task.
pub(crate) trait OutputMode {
    /// The interval of `Event::Tick`.
    const TICK: Duration;
    /// Whether it is over when the terminal hangs up.
    const HANGS_UP: bool = false;
    /// How many histograms are kept of a book: the summary's, and those of the view.
    const HISTOGRAMS: usize = 1;

    /// The feed is about to run.
    fn begin(&mut self, begin: StartInfo) -> Result<(), Failure> {
        let _ = begin;
        Ok(())
    }

    /// Something happened; it is counted already.
    fn event(
        &mut self,
        event: &Event<'_>,
        books: &Books,
        stats: &mut RunStats,
        now: Nanos,
    ) -> Result<(), Failure>;

    /// A message of a venue, before the events that it leads to; it is counted already.
    fn message(
        &mut self,
        message: &VenueMessage<'_>,
        connection: ConnectionId,
        now: Nanos,
    ) -> Result<(), Failure> {
        let _ = (message, connection, now);
        Ok(())
    }

    /// The feed has run. Called after failures too.
    fn end(&mut self, books: &Books, stats: &RunStats, now: Nanos) -> Result<(), Failure>;
}

/// A message of a venue, for what the events do not cover.
pub(crate) enum VenueMessage<'a> {
    JayX(&'a jayx::Message<'a>),
    Bayse(&'a bayse::Message<'a>),
}

/// The facts of a feed before it runs.
pub(crate) struct StartInfo {
    /// The feed's clock.
    pub(crate) clock: Clock,
    /// To end it.
    pub(crate) stopper: ShutdownHandle,
    /// The venue of each connection.
    pub(crate) venues: Vec<VenueName>,
}

/// The counts of a feed.
pub(crate) struct RunStats {
    /// By book.
    books: Vec<BookStats>,
    /// How many histograms are kept of a book.
    histograms: usize,
    /// Lines that could not be read.
    pub(crate) bad_lines: u64,
    /// Messages that are no books.
    pub(crate) other_messages: u64,
    /// The paths that order books took, once the feed has run.
    pub(crate) paths: DecodePaths,
    /// Subscriptions without a confirmation, and how often each was requested.
    pub(crate) unconfirmed: BTreeMap<(ConnectionId, String), u32>,
}

impl RunStats {
    /// Nothing yet, where so many histograms are kept of a book.
    pub(crate) fn new(histograms: usize) -> Self {
        Self {
            books: Vec::new(),
            histograms,
            bad_lines: 0,
            other_messages: 0,
            paths: DecodePaths::default(),
            unconfirmed: BTreeMap::new(),
        }
    }

    /// The counts of a book; none before its first message.
    pub(crate) fn panel(&self, at: usize) -> Option<&BookStats> {
        self.books.get(at)
    }

    /// The counts of a book, to be changed.
    pub(crate) fn panel_mut(&mut self, id: BookId, books: &Books, now: Nanos) -> &mut BookStats {
        let at = id.0 as usize;
        while self.books.len() <= at {
            let latency = BookLatency::new(books, self.histograms);
            self.books.push(BookStats::new(now, latency));
        }
        &mut self.books[at]
    }

    pub(crate) fn count(&mut self, event: &Event<'_>, books: &Books, now: Nanos) {
        match event {
            Event::Book(update) => {
                let state = books.state(update.book);
                let panel = self.panel_mut(update.book, books, now);
                panel.update(update, state, now);
            }
            Event::Trades(trades) if is_in_unit(trades, books) => {
                if let Some(book) = trades.book {
                    self.panel_mut(book, books, now).trades(trades.trades);
                }
            }
            Event::Scale { book, .. } => self.panel_mut(*book, books, now).last_trade = None,
            Event::BadLine { .. } => self.bad_lines += 1,
            Event::Unconfirmed {
                connection,
                room,
                attempts,
            } => {
                let key = (*connection, (*room).to_owned());
                self.unconfirmed.insert(key, *attempts);
            }
            Event::Subscribed { connection, room }
            | Event::Refused {
                connection,
                room: Some(room),
                ..
            } if !self.unconfirmed.is_empty() => {
                self.unconfirmed.remove(&(*connection, (*room).to_owned()));
            }
            _ => {}
        }
    }
}

/// Counts, writes rows, and has a feed shown.
pub(crate) struct Watcher<S> {
    show: S,
    stats: RunStats,
    rows: Option<BookRows<BufWriter<File>>>,
    clock: Box<dyn Fn() -> Nanos>,
    failed: Option<Failure>,
}

impl<S: OutputMode> Watcher<S> {
    pub(crate) fn new(show: S) -> Result<Self, Failure> {
        Ok(Self {
            show,
            stats: RunStats::new(S::HISTOGRAMS),
            rows: None,
            clock: Box::new(|| Nanos(0)),
            failed: None,
        })
    }

    /// A watcher with another clock, for tests.
    pub(crate) fn with_clock(show: S, clock: Box<dyn Fn() -> Nanos>) -> Result<Self, Failure> {
        let mut watcher = Self::new(show)?;
        watcher.clock = clock;
        Ok(watcher)
    }

    pub(crate) fn begin(&mut self, begin: StartInfo) -> Result<(), Failure> {
        let clock = begin.clock;
        self.clock = Box::new(move || clock.now());
        self.show.begin(begin)
    }

    /// Has a row written for each order-book message from now on.
    pub(crate) fn write_rows(&mut self, rows: BookRows<BufWriter<File>>) {
        self.rows = Some(rows);
    }

    /// The feed has run: counts the paths that its order books took.
    pub(crate) fn count_paths(&mut self, ended: &[ConnectionSummary]) {
        self.stats.paths = DecodePaths::of(ended.iter().map(|end| end.stats));
    }

    /// The feed has run: what failed, if anything did.
    pub(crate) fn end(mut self, books: &Books) -> Result<(), Failure> {
        let shown = self.show.end(books, &self.stats, (self.clock)());
        let written = self.rows.as_mut().map_or(Ok(()), BookRows::flush);
        self.failed.map_or(Ok(()), Err)?;
        shown?;
        written.map_err(|error| cannot_write(&error))
    }

    fn message(
        &mut self,
        message: Option<VenueMessage<'_>>,
        receipt: Receipt,
    ) -> Result<(), Failure> {
        self.stats.other_messages += 1;
        match message {
            Some(message) => {
                let now = (self.clock)();
                self.show.message(&message, receipt.connection, now)
            }
            None => Ok(()),
        }
    }

    /// Ends the feed when something failed.
    fn flow(&mut self, worked: Result<(), Failure>) -> ControlFlow<()> {
        match worked {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                self.failed = Some(failure);
                ControlFlow::Break(())
            }
        }
    }

    fn work(&mut self, event: &Event<'_>, books: &Books) -> Result<(), Failure> {
        let now = (self.clock)();
        self.stats.count(event, books, now);
        if let (Event::Book(update), Some(rows)) = (event, &mut self.rows) {
            let written = rows.write(update, books);
            written.map_err(|error| cannot_write(&error))?;
        }
        self.show.event(event, books, &mut self.stats, now)
    }
}

impl<S: OutputMode> Handler for Watcher<S> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        let worked = self.work(&event, books);
        self.flow(worked)
    }
}

impl<S: OutputMode> OnMessage<JayX> for Watcher<S> {
    fn on_message(
        &mut self,
        message: &jayx::Message<'_>,
        receipt: Receipt,
        _: &Books,
    ) -> ControlFlow<()> {
        let worked = self.message(Some(VenueMessage::JayX(message)), receipt);
        self.flow(worked)
    }
}

impl<S: OutputMode> OnMessage<Bayse> for Watcher<S> {
    fn on_message(
        &mut self,
        message: &bayse::Message<'_>,
        receipt: Receipt,
        _: &Books,
    ) -> ControlFlow<()> {
        let worked = self.message(Some(VenueMessage::Bayse(message)), receipt);
        self.flow(worked)
    }
}

/// The events cover all of its messages: they are counted alone.
impl<S: OutputMode> OnMessage<Kraken> for Watcher<S> {
    fn on_message(
        &mut self,
        _: &<Kraken as Venue>::Message<'_>,
        receipt: Receipt,
        _: &Books,
    ) -> ControlFlow<()> {
        let worked = self.message(None, receipt);
        self.flow(worked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::fixture::Fixture;
    use crate::watch::lines::summary;
    use ticklot::Scale;

    #[test]
    fn missing_latency_is_a_dash() {
        let mut feed = Fixture::new();
        for name in ["measured", "quiet"] {
            feed.add(0, "m", name, Scale::UNIT);
        }
        let first = feed.books.ids().next().unwrap();
        feed.snapshot(first, &[(10, 1)], &[]);
        // Counts without a message, as a trade makes them.
        let second = feed.books.ids().nth(1).unwrap();
        feed.stats.panel_mut(second, &feed.books, Nanos(0));
        let mut out = Vec::new();
        summary(&mut out, &feed.books, &feed.stats).unwrap();
        let out = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines[0].contains("p50 0.0us"), "{out}");
        assert!(lines[1].ends_with("latency p50 - p99 - max -"), "{out}");
    }

    #[test]
    fn summary_names_ten_unconfirmed_subscriptions() {
        let mut feed = Fixture::new();
        let connection = ConnectionId(0);
        let rooms: Vec<String> = (10..22).map(|at| format!("room-{at}")).collect();
        for (room, attempts) in rooms.iter().zip(2..) {
            feed.event(Event::Unconfirmed {
                connection,
                room,
                attempts,
            });
        }
        let told = |feed: &Fixture| {
            let mut out = Vec::new();
            summary(&mut out, &feed.books, &feed.stats).unwrap();
            let out = String::from_utf8(out).unwrap();
            let lines = out.lines().filter(|it| it.contains("confirmed"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let named = |rooms: std::ops::Range<u32>| {
            rooms.map(|at| format!("room-{at} is not confirmed after request {}", at - 8))
        };
        let more = "2 other subscriptions are not confirmed".to_owned();
        let expected: Vec<String> = named(10..20).chain([more]).collect();
        assert_eq!(told(&feed), expected);
        // The same room of another connection is another subscription.
        for connection in [ConnectionId(1), connection] {
            let room = &rooms[0];
            feed.event(Event::Subscribed { connection, room });
        }
        let room = Some(rooms[1].as_str());
        feed.event(Event::Refused {
            connection,
            message: "",
            room,
        });
        let expected: Vec<String> = named(12..22).collect();
        assert_eq!(told(&feed), expected);
    }

    #[test]
    fn histograms_respect_memory_budget() {
        let mut feed = Fixture::new();
        let mut options = ticklot::Options::default();
        options.max_memory = 2 << 20;
        let venue = JayX::new("first").build().unwrap();
        let _session = ticklot::Session::new(venue, ConnectionId(0), options, &mut feed.books);
        for at in 0..20 {
            feed.add(0, "m", &at.to_string(), Scale::UNIT);
        }
        let ids: Vec<_> = feed.books.ids().collect();
        let books = feed.books.memory();
        for id in &ids {
            feed.snapshot(*id, &[(10, 1)], &[]);
        }
        feed.tick();
        feed.take();
        let panel = |id: &BookId| feed.stats.panel(id.0 as usize).unwrap();
        let has_figure = |id: &&BookId| panel(id).latency(0.5).is_some();
        let measured: Vec<BookId> = ids.iter().filter(has_figure).copied().collect();
        let count = measured.len();
        assert!((4..16).contains(&count), "{count} of {}", ids.len());
        assert_eq!(measured, ids[..count], "the first ones");
        let drawn = feed.model.books.iter().filter(|it| it.latency.is_some());
        assert!(drawn.map(|it| it.id).eq(measured), "the view agrees");
        let reserved = feed.books.memory() - books;
        assert!(
            reserved > count * 4 * 10_000 && reserved <= 512 << 10,
            "{reserved}"
        );
        feed.stats = RunStats::new(1);
        assert_eq!(feed.books.memory(), books, "given back");
    }
}
