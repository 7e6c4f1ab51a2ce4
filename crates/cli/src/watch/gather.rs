//! The feed's side of the full-screen view: it copies, and never waits for a drawing.

use std::time::Duration;

use ticklot::{BookId, BookUpdate, Books, Event, LastTrade, Nanos, Trades};

use super::latency::Latency;
use super::latest_value::{Publisher, Reader, channel};
use super::log::{Bounded, Line, Log};
use super::pen::FRAME;
use super::shot::{BookShot, MAX_SHOWN_LATENCIES, Print, Prints, Sample, Shot};
use super::show::{Begin, Show, Tally};
use crate::failure::Failure;
use crate::format_event;
use crate::units::nanos;

/// Fills shots. Allocates only when a book is new, or larger than ever.
pub(crate) struct Gather {
    publisher: Publisher<Shot>,
    /// By book.
    prints: Vec<Prints>,
    /// The last trade of the message before, until it is known whether the trades themselves follow.
    last: Option<(BookId, LastTrade, Nanos)>,
    /// Those that came since a shot was last given.
    samples: Vec<Sample>,
    unsampled: u64,
    log: Log,
    notice: Line,
}

impl Gather {
    /// The feed's side, and where the other side takes what it fills.
    pub(crate) fn new() -> (Self, Reader<Shot>) {
        let (publisher, reader) = channel(Shot::new(), Shot::new());
        let gather = Self {
            publisher,
            prints: Vec::new(),
            last: None,
            samples: Vec::with_capacity(MAX_SHOWN_LATENCIES),
            unsampled: 0,
            log: Log::new(),
            notice: Line::new(),
        };
        (gather, reader)
    }

    fn book(&mut self, update: &BookUpdate<'_>, now: Nanos) {
        let ns = nanos(now.since(update.received));
        let book = update.book;
        if self.samples.len() < MAX_SHOWN_LATENCIES {
            self.samples.push(Sample { book, ns });
        } else {
            self.unsampled += 1;
        }
        self.last = update.last_trade.map(|last| (book, last, now));
    }

    /// The latest trades of a book.
    fn prints(&mut self, book: BookId) -> &mut Prints {
        let at = book.0 as usize;
        if self.prints.len() <= at {
            self.prints.resize(at + 1, Prints::new());
        }
        &mut self.prints[at]
    }

    /// New trades of a book.
    fn trades(&mut self, book: BookId, trades: &Trades<'_>, now: Nanos) {
        self.last = self.last.filter(|(of, ..)| *of != book);
        let prints = self.prints(book);
        for trade in trades.trades {
            prints.push(Print {
                lots: Some(trade.lots),
                ticks: trade.ticks,
                side: Some(trade.side),
                created: Some(trade.created),
                told: now,
            });
        }
    }

    /// No trades followed the last one of a message: it stands for them, if it is another one.
    fn print_last(&mut self) {
        let Some((book, last, told)) = self.last.take() else {
            return;
        };
        let prints = self.prints(book);
        let newest = prints.iter().next();
        let known = newest
            .is_some_and(|it| it.lots.is_some() || (it.ticks, it.side) == (last.ticks, last.side));
        if !known {
            prints.push(Print {
                lots: None,
                ticks: last.ticks,
                side: last.side,
                created: None,
                told,
            });
        }
    }

    fn other(&mut self, event: &Event<'_>, books: &Books, now: Nanos) {
        if let Event::Scale { book, .. } = event {
            // Those before are in another unit.
            self.prints(*book).clear();
        }
        match event {
            Event::Trades(trades) if format_event::is_in_unit(trades, books) => {
                if let Some(book) = trades.book {
                    self.trades(book, trades, now);
                }
            }
            event if format_event::is_notice(event, books) => self.notice_line(event, books, now),
            event if format_event::has_line(event, books) => {
                self.log.push(now, |out| format_event::line(out, event));
            }
            _ => {}
        }
    }

    /// What went wrong is the last notice, and a line among the others.
    fn notice_line(&mut self, event: &Event<'_>, books: &Books, now: Nanos) {
        let text = |out: &mut Bounded<'_>| format_event::notice(out, event, books);
        self.notice.write(now, text);
        self.log.push(now, text);
    }

    /// Copies what there is to see. When the other side is taking at this very moment, the next event or
    /// tick does it.
    pub(crate) fn give(&mut self, books: &Books, tally: &Tally, now: Nanos) -> bool {
        let Self {
            publisher,
            prints,
            samples,
            unsampled,
            log,
            notice,
            ..
        } = self;
        publisher.publish(|shot, is_unread| {
            shot.now = now;
            shot.bad_lines = tally.bad_lines;
            shot.told = tally.told;
            shot.log.follow(log);
            shot.notice.copy(notice);
            if !is_unread {
                shot.samples.clear();
            }
            let room = MAX_SHOWN_LATENCIES - shot.samples.len();
            let fit = samples.len().min(room);
            shot.samples.extend_from_slice(&samples[..fit]);
            *unsampled += (samples.len() - fit) as u64;
            samples.clear();
            shot.unsampled = *unsampled;
            copy_books(&mut shot.books, books, tally, prints);
        })
    }
}

fn copy_books(shots: &mut Vec<BookShot>, books: &Books, tally: &Tally, prints: &[Prints]) {
    let newest = shots.last().map(|shot| shot.id);
    let new = books.ids().filter(|id| newest.is_none_or(|it| it < *id));
    shots.extend(new.filter_map(|id| BookShot::new(books, id)));
    for shot in shots {
        shot.copy(books);
        let at = shot.id.0 as usize;
        if let Some(panel) = tally.panel(at) {
            shot.messages = panel.messages;
            shot.is_measured = panel.is_measured();
            shot.last_trade = panel.last_trade;
        }
        let own = prints.get(at);
        if let Some(own) = own.filter(|it| it.count() != shot.prints.count()) {
            shot.prints = *own;
        }
    }
}

impl Show for Gather {
    const TICK: Duration = FRAME;
    const HISTOGRAMS: usize = 1 + Latency::HISTOGRAMS;

    fn begin(&mut self, _: Begin) -> Result<(), Failure> {
        Ok(())
    }

    fn event(
        &mut self,
        event: &Event<'_>,
        books: &Books,
        tally: &mut Tally,
        now: Nanos,
    ) -> Result<(), Failure> {
        if !matches!(event, Event::Trades(_)) {
            self.print_last();
        }
        match event {
            Event::Book(update) => self.book(update, now),
            other => self.other(other, books, now),
        }
        // A tick brings what came after the last shot was taken, and that the feed is alive.
        if self.publisher.is_read() || matches!(event, Event::Tick { .. }) {
            self.give(books, tally, now);
        }
        Ok(())
    }

    fn end(&mut self, books: &Books, tally: &Tally, _: Nanos) -> Result<(), Failure> {
        let _ = (books, tally);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::fixture::{Fixture, last, trade};
    use crate::watch::shot::MAX_SHOWN_TRADES;
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
            let shot = feed.reader.read()?;
            Some((shot.books[0].messages, shot.books[0].bids[0].lots.0))
        };
        assert_eq!(
            best(&mut feed),
            Some((1, 1)),
            "filled by the first, left by the others"
        );
        assert_eq!(best(&mut feed), None);
        feed.snapshot(id, &[(10, 4)], &[]);
        feed.snapshot(id, &[(10, 5)], &[]);
        feed.tick();
        assert_eq!(best(&mut feed), Some((5, 5)));
    }

    #[test]
    fn each_latency_is_published_once() {
        let (mut feed, id) = feed();
        let mut told = 0;
        for round in 1..=10 {
            for _ in 0..7 {
                feed.wait(1);
                feed.snapshot(id, &[(10, 1)], &[]);
            }
            if round % 3 == 0 {
                feed.tick();
            }
            if round % 2 == 0 {
                told += feed.reader.read().unwrap().samples.len();
            }
        }
        feed.tick();
        told += feed.reader.read().map_or(0, |shot| shot.samples.len());
        assert_eq!(told, 70);
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
        let shot = feed.reader.read().unwrap();
        assert_eq!(shot.samples.len(), MAX_SHOWN_LATENCIES);
        assert_eq!(shot.unsampled, 10);
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
        let shot = feed.reader.read().unwrap();
        let prints: Vec<_> = shot.books[0].prints.iter().collect();
        assert_eq!(prints.len(), MAX_SHOWN_TRADES);
        assert_eq!((prints[0].ticks.0, prints[0].lots), (99, Some(Lots(2))));
        let prints = shot.books[1].prints.iter();
        let prints: Vec<_> = prints.map(|it| (it.ticks.0, it.lots)).collect();
        assert_eq!(prints, [(7, None), (8, None), (7, None)]);
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
        let shot = feed.reader.read().unwrap();
        assert_eq!(shot.notice.text, "b is stale: timeout");
        let lines: Vec<&str> = shot.log.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(lines, ["b is live: alive", "b is stale: timeout"]);
    }

    #[test]
    fn scale_changes_drop_trades() {
        let (mut feed, id) = feed();
        feed.snapshot(id, &[(10, 1)], &[]);
        let update = feed.update(id);
        feed.traded(update, &[trade(7, 2, TradeSide::Buy, 1)]);
        feed.tick();
        assert_eq!(feed.take().books[0].prints.iter().count(), 1);
        let (old, new) = (Scale::UNIT, Scale::new(1, 0).unwrap());
        assert!(feed.book(id).set_scale(new));
        feed.event(Event::Scale { book: id, old, new });
        feed.tick();
        let book = &feed.take().books[0];
        assert_eq!((book.scale, book.last_trade), (new, None));
        assert_eq!(book.prints.iter().count(), 0);
    }

    #[test]
    fn failures_become_notices() {
        let (mut feed, id) = feed();
        feed.wait(7);
        feed.event(Event::Refused {
            connection: ConnectionId(0),
            message: "no",
            room: None,
        });
        feed.book(id).disconnect();
        feed.tick();
        let shot = feed.reader.read().unwrap();
        assert_eq!(shot.notice.text, "the venue refused: no");
        assert_eq!(shot.notice.at, Nanos::from_millis(7));
        assert_eq!(shot.log.count(), 1);
        assert_eq!(shot.books[0].state, BookState::Empty, "it never had a book");
    }
}
