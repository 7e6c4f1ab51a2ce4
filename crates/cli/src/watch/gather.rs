//! The feed's side of the full-screen view: it copies, and never waits for a drawing.

use std::time::Duration;

use ticklot::handover::{Giver, Taker, handover};
use ticklot::{BookUpdate, Books, Event, Nanos};

use super::log::{Bounded, Line, Log};
use super::pen::FRAME;
use super::shot::{BookShot, MAX_SHOWN_LATENCIES, Print, Prints, Sample, Shot};
use super::show::{Begin, Show, Tally};
use crate::{Failure, tell};

/// Fills shots. Allocates only when a book is new, or larger than ever.
pub(crate) struct Gather {
    giver: Giver<Shot>,
    prints: Vec<Prints>,
    /// Those that came since a shot was last given.
    samples: Vec<Sample>,
    unsampled: u64,
    log: Log,
    notice: Line,
}

impl Gather {
    /// The feed's side, and where the other side takes what it fills.
    pub(crate) fn new() -> (Self, Taker<Shot>) {
        let (giver, taker) = handover(Shot::new(), Shot::new());
        let gather = Self {
            giver,
            prints: Vec::new(),
            samples: Vec::with_capacity(MAX_SHOWN_LATENCIES),
            unsampled: 0,
            log: Log::new(),
            notice: Line::new(),
        };
        (gather, taker)
    }

    fn book(&mut self, update: &BookUpdate<'_>, now: Nanos) {
        let ns = now.since(update.received).0;
        let book = update.book;
        if self.samples.len() < MAX_SHOWN_LATENCIES {
            self.samples.push(Sample { book, ns });
        } else {
            self.unsampled += 1;
        }
        let at = book.0 as usize;
        if self.prints.len() <= at {
            self.prints.resize(at + 1, Prints::new());
        }
        print(&mut self.prints[at], update, now);
    }

    fn other(&mut self, event: &Event<'_>, books: &Books, now: Nanos) {
        match event {
            event if tell::is_notice(event) => self.notice_line(event, books, now),
            Event::Bayse { message, .. } => self.log.push(now, |out| tell::bayse(out, message)),
            Event::JayX { message, .. } => self.log.push(now, |out| tell::jayx(out, message)),
            _ => {}
        }
    }

    /// What went wrong is the last notice, and a line among the others.
    fn notice_line(&mut self, event: &Event<'_>, books: &Books, now: Nanos) {
        let text = |out: &mut Bounded<'_>| tell::notice(out, event, books);
        self.notice.write(now, text);
        self.log.push(now, text);
    }

    /// Copies what there is to see. When the other side is taking at this very moment, the next event or
    /// tick does it.
    pub(crate) fn give(&mut self, books: &Books, tally: &Tally, now: Nanos) -> bool {
        let Self {
            giver,
            prints,
            samples,
            unsampled,
            log,
            notice,
        } = self;
        giver.give(|shot, untaken| {
            shot.now = now;
            shot.bad_lines = tally.bad_lines;
            shot.told = tally.told;
            shot.log.follow(log);
            shot.notice.copy(notice);
            if !untaken {
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

/// What is new of a book's trades: the trades themselves, or that the last one is another.
fn print(prints: &mut Prints, update: &BookUpdate<'_>, now: Nanos) {
    for trade in update.trades {
        prints.push(Print {
            lots: Some(trade.lots),
            ticks: trade.ticks,
            side: Some(trade.side),
            created: Some(trade.created),
            told: now,
        });
    }
    let Some(last) = update.last_trade else {
        return;
    };
    let newest = prints.iter().next();
    let known = newest
        .is_some_and(|it| it.lots.is_some() || (it.ticks, it.side) == (last.ticks, last.side));
    if !known {
        prints.push(Print {
            lots: None,
            ticks: last.ticks,
            side: last.side,
            created: None,
            told: now,
        });
    }
}

fn copy_books(shots: &mut Vec<BookShot>, books: &Books, tally: &Tally, prints: &[Prints]) {
    for id in books.ids() {
        let at = id.0 as usize;
        if shots.len() <= at {
            shots.extend(BookShot::new(books, id));
        }
        let Some(shot) = shots.get_mut(at) else {
            return;
        };
        shot.copy(books, id);
        if let Some(panel) = tally.panel(at) {
            shot.messages = panel.messages;
            shot.last_trade = panel.last_trade;
        }
        if let Some(own) = prints
            .get(at)
            .filter(|it| it.count() != shot.prints.count())
        {
            shot.prints = *own;
        }
    }
}

impl Show for Gather {
    const TICK: Duration = FRAME;

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
        match event {
            Event::Book(update) => self.book(update, now),
            other => self.other(other, books, now),
        }
        // A tick brings what came after the last shot was taken, and that the feed is alive.
        if self.giver.is_taken() || matches!(event, Event::Tick { .. }) {
            self.give(books, tally, now);
        }
        Ok(())
    }

    fn end(&mut self, books: &Books, tally: &Tally) -> Result<(), Failure> {
        let _ = (books, tally);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::fixture::{Fixture, last, trade};
    use crate::watch::shot::MAX_SHOWN_TRADES;
    use ticklot::{ConnectionId, Lots, Scale, State, TradeSide};

    fn feed() -> (Fixture, ticklot::BookId) {
        let mut feed = Fixture::new();
        let id = feed.add(0, "m", "b", Scale::UNIT);
        (feed, id)
    }

    #[test]
    fn a_shot_is_filled_when_the_last_one_was_taken_and_by_a_tick() {
        let (mut feed, id) = feed();
        for lots in 1..=3 {
            feed.snapshot(id, &[(10, lots)], &[]);
        }
        let best = |feed: &mut Fixture| {
            let shot = feed.taker.take()?;
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
    fn no_latency_is_told_twice_and_none_is_lost_below_the_limit() {
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
                told += feed.taker.take().unwrap().samples.len();
            }
        }
        feed.tick();
        told += feed.taker.take().map_or(0, |shot| shot.samples.len());
        assert_eq!(told, 70);
    }

    #[test]
    fn latencies_beyond_the_limit_are_counted() {
        let (mut feed, id) = feed();
        let many = MAX_SHOWN_LATENCIES + 10;
        for _ in 0..many {
            feed.event(Event::Book(feed.update(id)));
        }
        feed.tick();
        feed.tick();
        let shot = feed.taker.take().unwrap();
        assert_eq!(shot.samples.len(), MAX_SHOWN_LATENCIES);
        assert_eq!(shot.unsampled, 10);
    }

    #[test]
    fn trades_are_kept_and_where_there_are_none_the_last_price() {
        let (mut feed, id) = feed();
        let trades: Vec<_> = (0..100).map(|n| trade(n, 2, TradeSide::Buy, n)).collect();
        for chunk in trades.chunks(9) {
            let update = BookUpdate {
                trades: chunk,
                last_trade: last(chunk[chunk.len() - 1].ticks.0, TradeSide::Buy),
                ..feed.update(id)
            };
            feed.event(Event::Book(update));
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
        let shot = feed.taker.take().unwrap();
        let prints: Vec<_> = shot.books[0].prints.iter().collect();
        assert_eq!(prints.len(), MAX_SHOWN_TRADES);
        assert_eq!((prints[0].ticks.0, prints[0].lots), (99, Some(Lots(2))));
        let prints = shot.books[1].prints.iter();
        let prints: Vec<_> = prints.map(|it| (it.ticks.0, it.lots)).collect();
        assert_eq!(prints, [(7, None), (8, None), (7, None)]);
    }

    #[test]
    fn what_went_wrong_is_told() {
        let (mut feed, id) = feed();
        feed.wait(7);
        feed.event(Event::Refused {
            connection: ConnectionId(0),
            message: "no",
            room: None,
        });
        feed.book(id).disconnect();
        feed.tick();
        let shot = feed.taker.take().unwrap();
        assert_eq!(shot.notice.text, "the venue refused: no");
        assert_eq!(shot.notice.at, Nanos::from_millis(7));
        assert_eq!(shot.log.count(), 1);
        assert_eq!(shot.books[0].state, State::Empty, "it never had a book");
    }
}
