//! A session under test.

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::bayse::Bayse;
use ticklot::driver::NextAction;
use ticklot::events::{Source, Trades};
use ticklot::jayx::{Envelope, JayX};
use ticklot::venue::{CallOutcome, Venue};
use ticklot::{Books, ConnectionId, Disconnect, Event, Nanos, OnMessage, Options, Session};

pub(crate) const SECOND: u64 = 1_000_000_000;

/// A session with its books, its time, and everything that its handler was told.
pub(crate) struct Bench<V: Venue> {
    pub(crate) session: Session<V>,
    pub(crate) books: Books,
    pub(crate) now: Nanos,
    told: Vec<String>,
    /// The times of the trades that followed the last book.
    trades: String,
    /// What was sent and not yet looked at, with its moment.
    wire: Vec<(u64, String)>,
    /// Break at the next event.
    pub(crate) tired: bool,
    /// The bytes of the last line that could not be read or is not known.
    pub(crate) odd: String,
}

impl<V: Venue> Bench<V> {
    pub(crate) fn new(venue: V, options: Options) -> Self {
        let mut books = Books::new();
        let session = Session::new(venue, ConnectionId(0), options, &mut books);
        Self {
            session,
            books,
            now: Nanos(SECOND),
            told: Vec::new(),
            wire: Vec::new(),
            trades: String::new(),
            tired: false,
            odd: String::new(),
        }
    }

    pub(crate) fn with<R>(
        &mut self,
        work: impl FnOnce(&mut Session<V>, Nanos, &mut Books, &mut dyn OnMessage<V>) -> R,
    ) -> R {
        let Self {
            session,
            books,
            now,
            told,
            tired,
            trades,
            odd,
            ..
        } = self;
        let mut handler = |event: Event<'_>, books: &Books| {
            match &event {
                Event::Book(_) => trades.clear(),
                Event::Trades(new) => *trades = times(new),
                Event::BadLine { error, bytes, .. } => {
                    assert!(error.offset as usize <= bytes.len(), "{error}");
                    *odd = String::from_utf8_lossy(bytes).into_owned();
                }
                Event::Unknown { bytes, .. } => *odd = String::from_utf8_lossy(bytes).into_owned(),
                _ => {}
            }
            told.push(tell(&event, books));
            if *tired {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        work(session, *now, books, &mut handler)
    }

    pub(crate) fn open(&mut self) {
        assert_eq!(self.session.next(self.now), NextAction::Connect);
        let _ = self.with(|session, now, books, handler| session.opened(now, books, handler));
        assert_eq!(self.session.next(self.now), NextAction::Open);
    }

    pub(crate) fn frame(&mut self, frame: &str) -> CallOutcome {
        self.with(|session, now, books, handler| {
            session.frame(frame.as_bytes(), now, books, handler)
        })
    }

    pub(crate) fn end(&mut self, reason: &Disconnect) -> NextAction {
        let _ = self
            .with(|session, now, books, handler| session.disconnected(now, reason, books, handler));
        self.session.next(self.now)
    }

    /// Lets time pass as a driver does: what is due is sent, and the session is called back as often
    /// as it asks for it.
    pub(crate) fn pass(&mut self, length: u64) -> Option<Disconnect> {
        let until = Nanos(self.now.0 + length);
        let mut looks = 0;
        self.send();
        while let Some(deadline) = self.session.deadline().filter(|d| *d <= until) {
            looks += 1;
            assert!(
                looks < 10_000,
                "{deadline:?} again and again at {:?}",
                self.now
            );
            self.now = deadline.max(self.now);
            let over =
                self.with(|session, now, books, handler| session.timeout(now, books, handler));
            if over.is_some() {
                return over;
            }
            self.send();
        }
        self.now = self.now.max(until);
        None
    }

    /// The messages that are sent while time passes, each with its moment.
    pub(crate) fn send_for(&mut self, length: u64) -> Vec<(u64, String)> {
        assert!(self.pass(length).is_none());
        self.sent_when()
    }

    fn send(&mut self) {
        // A driver that looks before it asks would miss nothing.
        let nothing = !self.session.has_outgoing(self.now);
        let deadline = self.session.deadline();
        while let Some(message) = self.session.outgoing(self.now) {
            assert!(!nothing, "it said that there was nothing to send");
            self.wire
                .push((self.now.0, String::from_utf8(message.to_vec()).unwrap()));
        }
        if nothing {
            let later =
                |new: Option<Nanos>| new.is_none_or(|new| deadline.is_some_and(|it| it <= new));
            assert!(later(self.session.deadline()), "nor an earlier deadline");
        }
    }

    /// What was sent since the last look, with its moment.
    pub(crate) fn sent_when(&mut self) -> Vec<(u64, String)> {
        self.send();
        std::mem::take(&mut self.wire)
    }

    /// What was sent since the last look.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        self.sent_when().into_iter().map(|(_, text)| text).collect()
    }

    /// The times of the trades that followed the last book.
    pub(crate) fn trades(&self) -> &str {
        &self.trades
    }

    pub(crate) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }
}

fn times(trades: &Trades<'_>) -> String {
    let times = trades.trades.iter().map(|it| it.created.0.to_string());
    times.collect::<Vec<_>>().join(" ")
}

fn tell(event: &Event<'_>, books: &Books) -> String {
    match event {
        Event::Connected { epoch, .. } => format!("connected {}", epoch.0),
        Event::Book(update) => {
            let (frame, line, changes) = (update.frame, update.line, update.changes.len());
            let how = if update.source == Source::Request {
                " by request"
            } else {
                ""
            };
            format!(
                "{} {frame}:{line} {changes} {}{how}",
                books.name(update.book),
                books.state(update.book)
            )
        }
        Event::State(change) => {
            assert_eq!(books.state(change.book), change.new, "as the books have it");
            assert_eq!(books.instrument(change.book), Some(change.instrument));
            let (name, old, new) = (change.instrument.name, change.old, change.new);
            format!(
                "{name}: {} to {} by {}",
                old.as_str(),
                new.as_str(),
                change.cause
            )
        }
        Event::Trades(trades) => format!("trades {}", times(trades)),
        Event::Unconfirmed { room, attempts, .. } => format!("unconfirmed {room} {attempts}"),
        Event::Subscribed { room, .. } => format!("subscribed {room}"),
        Event::Refused { message, room, .. } => match room {
            Some(room) => format!("refused {room}: {message}"),
            None => format!("refused {message}"),
        },
        Event::BadLine { frame, error, .. } => format!("bad {frame}: {error}"),
        Event::Unknown { kind, .. } => format!("unknown {kind}"),
        Event::Disconnected {
            reason, retry_in, ..
        } => {
            format!(
                "{reason}, {}",
                if retry_in.is_some() { "again" } else { "done" }
            )
        }
        Event::RoundTrip { time, .. } => format!("round trip {} ms", time.as_millis()),
        other => format!("{other:?}"),
    }
}

pub(crate) fn jayx(envelope: Envelope) -> Bench<JayX> {
    Bench::new(
        JayX::new("BTCUSDT").envelope(envelope).build().unwrap(),
        options(),
    )
}

pub(crate) fn bayse(markets: &[&str]) -> Bench<Bayse> {
    Bench::new(
        Bayse::new(markets.iter().copied()).build().unwrap(),
        options(),
    )
}

/// The server's close, without a text.
pub(crate) fn closed(code: u16) -> Disconnect {
    let reason = String::new();
    Disconnect::Closed { code, reason }
}

/// No jitter, so that waits are known.
pub(crate) fn options() -> Options {
    let mut options = Options::default();
    options.reconnect.jitter = false;
    options.stale_after = Some(Duration::from_secs(5));
    options
}

pub(crate) const OPEN: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
pub(crate) const PLAIN_BOOK: &str = r#"{"orderBook":{"asks":[{"ticks":11,"lots":1,"count":1}],"bids":[{"ticks":10,"lots":1,"count":1}]},"trades":[]}"#;

pub(crate) fn packet_book(bid: i64, ask: i64) -> String {
    format!(
        r#"42["orderbook",{{"orderBook":{{"asks":[{{"ticks":{ask},"lots":1}}],"bids":[{{"ticks":{bid},"lots":1}}]}}}}]"#
    )
}

pub(crate) fn bayse_book(market: &str, outcome: &str) -> String {
    format!(
        r#"{{"type":"orderbook_update","data":{{"orderbook":{{"marketId":"{market}","outcomeId":"{outcome}","bids":[{{"price":0.6,"quantity":5}}],"asks":[]}}}}}}"#
    )
}
