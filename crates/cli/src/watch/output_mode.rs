//! The output modes of `watch`, and the handler that counts for them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::bayse::{self, Bayse};
use ticklot::control::{Clock, ConnectionSummary, ShutdownHandle};
use ticklot::events::Receipt;
use ticklot::jayx::{self, JayX};
use ticklot::kraken::Kraken;
use ticklot::venue::{Venue, VenueName};
use ticklot::{BookId, Books, ConnectionId, Event, Handler, Nanos, OnMessage};

use crate::book_stats::{BookLatency, BookStats};
use crate::csv_rows::CsvRows;
use crate::decode_paths::DecodePaths;
use crate::failure::{Failure, break_on_failure};
use crate::format_event::is_in_unit;

/// An output mode. Its methods are called on the reading task.
pub(crate) trait OutputMode {
    /// The interval of `Event::Timer`.
    const TICK: Duration;
    /// Whether SIGHUP stops the feed.
    const HANGS_UP: bool = false;
    /// The number of histograms per book: one for the summary, and those of the view.
    const HISTOGRAMS: usize = 1;

    /// Called before the feed runs.
    fn begin(&mut self, _: StartInfo) -> Result<(), Failure> {
        Ok(())
    }

    /// Called for each event, after it is counted.
    fn event(&mut self, event: &Event<'_>, context: Context<'_>) -> Result<(), Failure>;

    /// Called for each message of a venue, after it is counted and before the events that it causes.
    fn message(
        &mut self,
        _message: &VenueMessage<'_>,
        _connection: ConnectionId,
        _now: Nanos,
    ) -> Result<(), Failure> {
        Ok(())
    }

    /// Called after the feed has run, also after failures.
    fn end(&mut self, books: &Books, stats: &RunStats, now: Nanos) -> Result<(), Failure>;
}

/// The state of the feed at an event.
pub(crate) struct Context<'a> {
    pub(crate) books: &'a Books,
    pub(crate) stats: &'a mut RunStats,
    pub(crate) now: Nanos,
}

/// A message of a venue with fields that no event has.
pub(crate) enum VenueMessage<'a> {
    JayX(&'a jayx::Message<'a>),
    Bayse(&'a bayse::Message<'a>),
}

/// The properties of a feed before it runs.
pub(crate) struct StartInfo {
    /// The feed's clock.
    pub(crate) clock: Clock,
    /// Stops the feed.
    pub(crate) stopper: ShutdownHandle,
    /// The venue of each connection.
    pub(crate) venues: Vec<VenueName>,
}

/// The counts of a feed.
#[derive(Default)]
pub(crate) struct RunStats {
    /// By book id.
    books: Vec<BookStats>,
    /// The number of histograms per book.
    histograms: usize,
    /// Lines that could not be read.
    pub(crate) bad_lines: u64,
    /// Messages other than order books.
    pub(crate) other_messages: u64,
    /// Order books per decode path, set after the feed has run.
    pub(crate) paths: DecodePaths,
    /// Unconfirmed subscriptions, with the number of requests for each.
    pub(crate) unconfirmed: BTreeMap<(ConnectionId, String), u32>,
}

impl RunStats {
    /// No counts yet, for a mode with `histograms` per book.
    pub(crate) fn new(histograms: usize) -> Self {
        Self {
            histograms,
            ..Self::default()
        }
    }

    /// The counts of a book; none before its first event.
    pub(crate) fn book(&self, id: BookId) -> Option<&BookStats> {
        self.books.get(id.0 as usize)
    }

    /// The counts of a book, which are created at its first event.
    pub(crate) fn book_mut(&mut self, id: BookId, books: &Books, now: Nanos) -> &mut BookStats {
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
                let stats = self.book_mut(update.book, books, now);
                stats.update(update, state, now);
            }
            Event::Trades(trades) if is_in_unit(trades, books) => {
                if let Some(book) = trades.book {
                    self.book_mut(book, books, now).trades(trades.trades);
                }
            }
            Event::Scale { book, .. } => self.book_mut(*book, books, now).last_trade = None,
            Event::BadLine { .. } => self.bad_lines += 1,
            Event::Unconfirmed {
                connection,
                topic,
                attempts,
            } => {
                let key = (*connection, (*topic).to_owned());
                self.unconfirmed.insert(key, *attempts);
            }
            Event::Subscribed { connection, topic }
            | Event::Refused {
                connection,
                topic: Some(topic),
                ..
            } if !self.unconfirmed.is_empty() => {
                self.unconfirmed.remove(&(*connection, (*topic).to_owned()));
            }
            _ => {}
        }
    }
}

/// The handler of `watch`: counts, writes rows, and passes events to an output mode.
pub(crate) struct Watcher<S> {
    mode: S,
    stats: RunStats,
    pub(crate) rows: CsvRows,
    clock: Box<dyn Fn() -> Nanos>,
    failed: Option<Failure>,
}

impl<S: OutputMode> Watcher<S> {
    /// A watcher whose clock is stopped until [`begin`](Self::begin).
    pub(crate) fn new(mode: S) -> Self {
        Self::with_clock(mode, Box::new(|| Nanos(0)))
    }

    /// A watcher with another clock, for tests.
    pub(crate) fn with_clock(mode: S, clock: Box<dyn Fn() -> Nanos>) -> Self {
        Self {
            mode,
            stats: RunStats::new(S::HISTOGRAMS),
            rows: CsvRows::default(),
            clock,
            failed: None,
        }
    }

    pub(crate) fn begin(&mut self, begin: StartInfo) -> Result<(), Failure> {
        let clock = begin.clock;
        self.clock = Box::new(move || clock.now());
        self.mode.begin(begin)
    }

    /// Sets the counts of the decode paths after the feed has run.
    pub(crate) fn count_paths(&mut self, ended: &[ConnectionSummary]) {
        self.stats.paths = DecodePaths::of(ended.iter().map(|end| end.stats));
    }

    /// Ends the output after the feed has run, and returns the first failure.
    pub(crate) fn end(mut self, books: &Books) -> Result<(), Failure> {
        let shown = self.mode.end(books, &self.stats, (self.clock)());
        let written = self.rows.flush();
        self.failed.map_or(Ok(()), Err).and(shown).and(written)
    }

    fn message(&mut self, message: Option<&VenueMessage<'_>>, receipt: Receipt) -> ControlFlow<()> {
        self.stats.other_messages += 1;
        let shown = message.map(|message| {
            let now = (self.clock)();
            self.mode.message(message, receipt.connection, now)
        });
        break_on_failure(shown.unwrap_or(Ok(())), &mut self.failed)
    }
}

impl<S: OutputMode> Handler for Watcher<S> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        let now = (self.clock)();
        let stats = &mut self.stats;
        stats.count(&event, books, now);
        let written = self.rows.write(&event, books);
        let context = Context { books, stats, now };
        let shown = written.and_then(|()| self.mode.event(&event, context));
        break_on_failure(shown, &mut self.failed)
    }
}

impl<S: OutputMode> OnMessage<JayX> for Watcher<S> {
    fn on_message(
        &mut self,
        message: &jayx::Message<'_>,
        receipt: Receipt,
        _: &Books,
    ) -> ControlFlow<()> {
        self.message(Some(&VenueMessage::JayX(message)), receipt)
    }
}

impl<S: OutputMode> OnMessage<Bayse> for Watcher<S> {
    fn on_message(
        &mut self,
        message: &bayse::Message<'_>,
        receipt: Receipt,
        _: &Books,
    ) -> ControlFlow<()> {
        self.message(Some(&VenueMessage::Bayse(message)), receipt)
    }
}

/// The events cover all of Kraken's messages, so the messages are only counted.
impl<S: OutputMode> OnMessage<Kraken> for Watcher<S> {
    fn on_message(
        &mut self,
        _: &<Kraken as Venue>::Message<'_>,
        receipt: Receipt,
        _: &Books,
    ) -> ControlFlow<()> {
        self.message(None, receipt)
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
        // Counts without a message, as after a trade.
        let second = feed.books.ids().nth(1).unwrap();
        feed.stats.book_mut(second, &feed.books, Nanos(0));
        let lines = summary_of(&feed);
        assert!(lines[0].contains("p50 0.0us"), "{lines:?}");
        assert!(lines[1].ends_with("latency p50 - p99 - max -"), "{lines:?}");
    }

    fn summary_of(feed: &Fixture) -> Vec<String> {
        let mut out = Vec::new();
        summary(&mut out, &feed.books, &feed.stats).unwrap();
        let out = String::from_utf8(out).unwrap();
        out.lines().map(str::to_owned).collect()
    }

    #[test]
    fn summary_names_ten_unconfirmed_subscriptions() {
        let mut feed = Fixture::new();
        let connection = ConnectionId(0);
        let rooms: Vec<String> = (10..22).map(|at| format!("room-{at}")).collect();
        for (topic, attempts) in rooms.iter().zip(2..) {
            feed.event(Event::Unconfirmed {
                connection,
                topic,
                attempts,
            });
        }
        let unconfirmed = |feed: &Fixture| {
            let mut lines = summary_of(feed);
            lines.retain(|it| it.contains("confirmed"));
            lines
        };
        let named = |rooms: std::ops::Range<u32>| {
            rooms.map(|at| format!("room-{at} is not confirmed after request {}", at - 8))
        };
        let more = "2 other subscriptions are not confirmed".to_owned();
        let expected: Vec<String> = named(10..20).chain([more]).collect();
        assert_eq!(unconfirmed(&feed), expected);
        // The same topic on another connection is another subscription.
        for connection in [ConnectionId(1), connection] {
            let topic = &rooms[0];
            feed.event(Event::Subscribed { connection, topic });
        }
        let topic = Some(rooms[1].as_str());
        feed.event(Event::Refused {
            connection,
            message: "",
            topic,
        });
        let expected: Vec<String> = named(12..22).collect();
        assert_eq!(unconfirmed(&feed), expected);
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
        let is_measured = |id: &&BookId| feed.stats.book(**id).unwrap().latency(0.5).is_some();
        let measured: Vec<BookId> = ids.iter().filter(is_measured).copied().collect();
        let count = measured.len();
        assert!((4..16).contains(&count), "{count} of {}", ids.len());
        assert_eq!(measured, ids[..count], "the first books");
        let drawn = feed.model.books.iter().filter(|it| it.latency.is_some());
        assert!(drawn.map(|it| it.id).eq(measured), "the view agrees");
        let reserved = feed.books.memory() - books;
        assert!(
            reserved > count * 4 * 10_000 && reserved <= 512 << 10,
            "{reserved}"
        );
        feed.stats = RunStats::new(1);
        assert_eq!(feed.books.memory(), books, "the reservation is released");
    }
}
