//! Publishes copies of the feed's state for the full-screen view, without waiting for the drawing thread.

use std::time::Duration;

use ticklot::events::{LastTrade, Trades};
use ticklot::{BookId, BookUpdate, Books, Event, Nanos};

use super::latency::Latency;
use super::latest_value::{Publisher, Reader, channel};
use super::log::{BoundedText, Log, LogLine};
use super::output_mode::{Context, OutputMode, RunStats};
use super::renderer::FRAME;
use super::ui_snapshot::{
    BookSnapshot, LatencySample, MAX_SHOWN_LATENCIES, RecentTrade, RecentTrades, UiSnapshot,
};
use crate::failure::Failure;
use crate::format_event;
use crate::units::nanos;

/// Publishes snapshots. Allocates only for new books and for books that are larger than before.
pub(crate) struct UiPublisher {
    publisher: Publisher<UiSnapshot>,
    /// By book id.
    recent_trades: Vec<RecentTrades>,
    /// The last trade of the previous message, until it is known whether the trades themselves follow.
    last: Option<(BookId, LastTrade, Nanos)>,
    /// The latencies since the last snapshot.
    samples: Vec<LatencySample>,
    unsampled: u64,
    log: Log,
    notice: LogLine,
}

impl UiPublisher {
    /// The publisher, and the reader of its snapshots.
    pub(crate) fn new() -> (Self, Reader<UiSnapshot>) {
        let (publisher, reader) = channel(UiSnapshot::new(), UiSnapshot::new());
        let ui_publisher = Self {
            publisher,
            recent_trades: Vec::new(),
            last: None,
            samples: Vec::with_capacity(MAX_SHOWN_LATENCIES),
            unsampled: 0,
            log: Log::new(),
            notice: LogLine::default(),
        };
        (ui_publisher, reader)
    }

    fn book(&mut self, update: &BookUpdate<'_>, now: Nanos) {
        let ns = nanos(now.since(update.received));
        let book = update.book;
        if self.samples.len() < MAX_SHOWN_LATENCIES {
            self.samples.push(LatencySample { book, ns });
        } else {
            self.unsampled += 1;
        }
        self.last = update.last_trade.map(|last| (book, last, now));
    }

    /// The latest trades of a book.
    fn recent_trades(&mut self, book: BookId) -> &mut RecentTrades {
        let at = book.0 as usize;
        if self.recent_trades.len() <= at {
            self.recent_trades.resize(at + 1, RecentTrades::new());
        }
        &mut self.recent_trades[at]
    }

    /// Adds new trades of a book.
    fn trades(&mut self, book: BookId, trades: &Trades<'_>, now: Nanos) {
        self.last = self.last.filter(|(of, ..)| *of != book);
        let recent_trades = self.recent_trades(book);
        for trade in trades.trades {
            *recent_trades.push_slot() = RecentTrade {
                lots: Some(trade.lots),
                ticks: trade.ticks,
                side: Some(trade.side),
                created: Some(trade.created),
                reported: now,
            };
        }
    }

    /// Adds the last trade of the previous message if no trades followed it and it differs from the newest trade.
    fn add_last_trade(&mut self) {
        let Some((book, last, reported)) = self.last.take() else {
            return;
        };
        let recent_trades = self.recent_trades(book);
        let newest = recent_trades.iter().next();
        let known = newest
            .is_some_and(|it| it.lots.is_some() || (it.ticks, it.side) == (last.ticks, last.side));
        if !known {
            *recent_trades.push_slot() = RecentTrade {
                lots: None,
                ticks: last.ticks,
                side: last.side,
                created: None,
                reported,
            };
        }
    }

    fn other(&mut self, event: &Event<'_>, books: &Books, now: Nanos) {
        if let Event::Scale { book, .. } = event {
            // Earlier trades have another scale.
            self.recent_trades(*book).clear();
        }
        match event {
            Event::Trades(trades) if format_event::is_in_unit(trades, books) => {
                if let Some(book) = trades.book {
                    self.trades(book, trades, now);
                }
            }
            event if format_event::is_notice(event, books) => self.notice_line(event, books, now),
            event if format_event::has_line(event, books) => {
                let line = self.log.push_slot();
                line.write(now, |out| format_event::line(out, event));
            }
            _ => {}
        }
    }

    /// Sets the latest notice, and adds it to the log.
    fn notice_line(&mut self, event: &Event<'_>, books: &Books, now: Nanos) {
        let text = |out: &mut BoundedText<'_>| format_event::notice(out, event, books);
        self.notice.write(now, text);
        self.log.push_slot().write(now, text);
    }

    /// Publishes a snapshot. False if the reader holds the lock; then the next event or tick publishes it.
    pub(crate) fn publish(&mut self, books: &Books, stats: &RunStats, now: Nanos) -> bool {
        let Self {
            publisher,
            recent_trades,
            samples,
            unsampled,
            log,
            notice,
            ..
        } = self;
        publisher.publish(|snapshot, is_unread| {
            snapshot.now = now;
            snapshot.bad_lines = stats.bad_lines;
            snapshot.other_messages = stats.other_messages;
            snapshot.log.follow(log);
            snapshot.notice.clone_from(notice);
            if !is_unread {
                snapshot.samples.clear();
            }
            let room = MAX_SHOWN_LATENCIES - snapshot.samples.len();
            let fit = samples.len().min(room);
            snapshot.samples.extend_from_slice(&samples[..fit]);
            *unsampled += (samples.len() - fit) as u64;
            samples.clear();
            snapshot.unsampled = *unsampled;
            copy_books(&mut snapshot.books, books, stats, recent_trades);
        })
    }
}

fn copy_books(
    snapshots: &mut Vec<BookSnapshot>,
    books: &Books,
    stats: &RunStats,
    recent_trades: &[RecentTrades],
) {
    let newest = snapshots.last().map(|snapshot| snapshot.id);
    let new = books.ids().filter(|id| newest.is_none_or(|it| it < *id));
    snapshots.extend(new.filter_map(|id| BookSnapshot::new(books, id)));
    for snapshot in snapshots {
        snapshot.copy(books);
        if let Some(stats) = stats.book(snapshot.id) {
            snapshot.messages = stats.messages;
            snapshot.is_measured = stats.is_measured();
            snapshot.last_trade = stats.last_trade;
        }
        if let Some(trades) = recent_trades.get(snapshot.id.0 as usize) {
            snapshot.recent_trades.follow(trades);
        }
    }
}

impl OutputMode for UiPublisher {
    const TICK: Duration = FRAME;
    const HISTOGRAMS: usize = 1 + Latency::HISTOGRAMS;

    fn event(&mut self, event: &Event<'_>, context: Context<'_>) -> Result<(), Failure> {
        let Context { books, stats, now } = context;
        if !matches!(event, Event::Trades(_)) {
            self.add_last_trade();
        }
        match event {
            Event::Book(update) => self.book(update, now),
            other => self.other(other, books, now),
        }
        // A tick publishes later changes, and shows that the feed is alive.
        if self.publisher.is_read() || matches!(event, Event::Timer { .. }) {
            self.publish(books, stats, now);
        }
        Ok(())
    }

    fn end(&mut self, _: &Books, _: &RunStats, _: Nanos) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::fixture::{Fixture, last, trade};
    use crate::watch::ui_snapshot::MAX_SHOWN_TRADES;
    use ticklot::events::{Cause, StateChange, TradeSide};
    use ticklot::venue::VenueName;
    use ticklot::{BookState, ConnectionId, Instrument, Lots, Scale};

    fn feed() -> (Fixture, BookId) {
        let mut feed = Fixture::new();
        let id = feed.add(0, "m", "b", Scale::UNIT);
        (feed, id)
    }

    #[test]
    fn publishes_when_read_or_ticked() {
        let (mut feed, id) = feed();
        for lots in 1..=3 {
            feed.snapshot(id, &[(10, lots)], &[]);
        }
        let best = |feed: &mut Fixture| {
            let snapshot = feed.reader.read()?;
            Some((snapshot.books[0].messages, snapshot.books[0].bids[0].lots.0))
        };
        // The first event publishes, and the others wait for the reader.
        assert_eq!(best(&mut feed), Some((1, 1)));
        assert_eq!(best(&mut feed), None);
        feed.snapshot(id, &[(10, 4)], &[]);
        feed.snapshot(id, &[(10, 5)], &[]);
        feed.tick();
        assert_eq!(best(&mut feed), Some((5, 5)));
    }

    #[test]
    fn each_latency_is_published_once() {
        let (mut feed, id) = feed();
        let mut published = 0;
        for round in 1..=10 {
            for _ in 0..7 {
                feed.wait(1);
                feed.snapshot(id, &[(10, 1)], &[]);
            }
            if round % 3 == 0 {
                feed.tick();
            }
            if round % 2 == 0 {
                published += feed.reader.read().unwrap().samples.len();
            }
        }
        feed.tick();
        published += feed.reader.read().map_or(0, |it| it.samples.len());
        assert_eq!(published, 70);
    }

    #[test]
    fn excess_latencies_are_counted() {
        let (mut feed, id) = feed();
        let many = MAX_SHOWN_LATENCIES + 10;
        for _ in 0..many {
            feed.event(Event::Book(feed.update(id)));
        }
        feed.tick();
        feed.tick();
        let snapshot = feed.reader.read().unwrap();
        assert_eq!(snapshot.samples.len(), MAX_SHOWN_LATENCIES);
        assert_eq!(snapshot.unsampled, 10);
    }

    #[test]
    fn keeps_trades_or_last_prices() {
        let (mut feed, id) = feed();
        let trades: Vec<_> = (0..100).map(|n| trade(n, 2, TradeSide::Buy, n)).collect();
        for chunk in trades.chunks(9) {
            let update = BookUpdate {
                last_trade: last(chunk[chunk.len() - 1].ticks.0, TradeSide::Buy),
                ..feed.update(id)
            };
            feed.traded(update, chunk);
        }
        let other = feed.add(0, "m", "c", Scale::UNIT);
        for ticks in [7, 7, 8, 8, 7] {
            let update = BookUpdate {
                last_trade: last(ticks, TradeSide::Sell),
                ..feed.update(other)
            };
            feed.event(Event::Book(update));
        }
        feed.tick();
        let snapshot = feed.reader.read().unwrap();
        let shown = |book: usize| -> Vec<(i64, Option<Lots>)> {
            let trades = snapshot.books[book].recent_trades.iter();
            trades.map(|it| (it.ticks.0, it.lots)).collect()
        };
        assert_eq!(shown(0).len(), MAX_SHOWN_TRADES);
        assert_eq!(shown(0)[0], (99, Some(Lots(2))));
        assert_eq!(shown(1), [(7, None), (8, None), (7, None)]);
    }

    #[test]
    fn state_changes_reach_the_log() {
        let (mut feed, id) = feed();
        feed.snapshot(id, &[(10, 1)], &[]);
        let change = |old, new, cause| {
            Event::State(StateChange {
                book: id,
                instrument: Instrument::of_symbol(VenueName("test"), "b"),
                old,
                new,
                cause,
            })
        };
        feed.event(change(BookState::Live, BookState::Stale, Cause::Timeout));
        feed.event(change(BookState::Stale, BookState::Live, Cause::Alive));
        feed.tick();
        let snapshot = feed.reader.read().unwrap();
        assert_eq!(snapshot.notice.text, "b is stale: timeout");
        let lines: Vec<&str> = snapshot.log.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(lines, ["b is live: alive", "b is stale: timeout"]);
    }

    #[test]
    fn scale_changes_drop_trades() {
        let (mut feed, id) = feed();
        feed.snapshot(id, &[(10, 1)], &[]);
        let update = feed.update(id);
        feed.traded(update, &[trade(7, 2, TradeSide::Buy, 1)]);
        feed.tick();
        assert_eq!(feed.take().books[0].recent_trades.iter().count(), 1);
        let (old, new) = (Scale::UNIT, Scale::new(1, 0).unwrap());
        assert!(feed.book(id).set_scale(new));
        feed.event(Event::Scale { book: id, old, new });
        feed.tick();
        let book = &feed.take().books[0];
        assert_eq!((book.scale, book.last_trade), (new, None));
        assert_eq!(book.recent_trades.iter().count(), 0);
    }

    #[test]
    fn failures_become_notices() {
        let (mut feed, id) = feed();
        feed.wait(7);
        feed.event(Event::Refused {
            connection: ConnectionId(0),
            message: "no",
            topic: None,
        });
        feed.book(id).disconnect();
        feed.tick();
        let snapshot = feed.reader.read().unwrap();
        assert_eq!(snapshot.notice.text, "the venue refused: no");
        assert_eq!(snapshot.notice.at, Nanos::from_millis(7));
        assert_eq!(snapshot.log.count(), 1);
        // The disconnected book never had a snapshot.
        assert_eq!(snapshot.books[0].state, BookState::Empty);
    }
}
