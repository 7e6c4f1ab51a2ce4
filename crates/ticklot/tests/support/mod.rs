//! A session in virtual time: no socket, no clock, no waiting.

#![allow(dead_code)] // each test binary uses a part

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::driver::NextAction;
use ticklot::venue::{CallOutcome, Venue};
use ticklot::{
    Books, ConnectionId, Disconnect, Event, Handler, Nanos, OnMessage, Options, Session,
};

pub(crate) const SECOND: u64 = 1_000_000_000;

/// The text of an event; none for an event that the test binary does not record.
pub(crate) type Describe = fn(&Event<'_>, &Books) -> Option<String>;

/// A session with its books, its time, and a handler that records.
pub(crate) struct Bench<V: Venue> {
    pub(crate) session: Session<V>,
    pub(crate) books: Books,
    pub(crate) now: Nanos,
    pub(crate) recorder: Recorder,
    /// The sent messages, with their times.
    wire: Vec<(u64, String)>,
}

/// A handler that records the texts of events.
pub(crate) struct Recorder {
    describe: Describe,
    events: Vec<String>,
    /// Break at the next event.
    pub(crate) breaks: bool,
    /// The times of the trades that followed the last book.
    pub(crate) trades: String,
    /// The bytes of the last bad or unknown line.
    pub(crate) bad_bytes: String,
}

impl Handler for Recorder {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        match &event {
            Event::Book(_) => self.trades.clear(),
            Event::Trades(new) => {
                let times = new.trades.iter().map(|it| it.created.0.to_string());
                self.trades = times.collect::<Vec<_>>().join(" ");
            }
            Event::BadLine { error, bytes, .. } => {
                assert!(error.offset as usize <= bytes.len(), "{error}");
                self.bad_bytes = String::from_utf8_lossy(bytes).into_owned();
            }
            Event::Unknown { bytes, .. } => {
                self.bad_bytes = String::from_utf8_lossy(bytes).into_owned();
            }
            _ => {}
        }
        self.events.extend((self.describe)(&event, books));
        match self.breaks {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

impl<V: Venue> OnMessage<V> for Recorder {}

impl<V: Venue> Bench<V> {
    pub(crate) fn describing(venue: V, options: Options, describe: Describe) -> Self {
        let mut books = Books::new();
        let session = Session::new(venue, ConnectionId(0), options, &mut books);
        Self {
            session,
            books,
            now: Nanos(SECOND),
            recorder: Recorder {
                describe,
                events: Vec::new(),
                breaks: false,
                trades: String::new(),
                bad_bytes: String::new(),
            },
            wire: Vec::new(),
        }
    }

    /// Calls the session with its time, its books and its handler.
    pub(crate) fn call<R>(
        &mut self,
        work: impl FnOnce(&mut Session<V>, Nanos, &mut Books, &mut Recorder) -> R,
    ) -> R {
        work(
            &mut self.session,
            self.now,
            &mut self.books,
            &mut self.recorder,
        )
    }

    pub(crate) fn open(&mut self) {
        assert_eq!(self.session.next(self.now), NextAction::Connect);
        let _ = self.call(Session::opened);
        assert_eq!(self.session.next(self.now), NextAction::Open);
    }

    /// Opens the connection, and drops its first events and messages.
    pub(crate) fn opened(mut self) -> Self {
        self.open();
        let _ = (self.sent_when(), self.events());
        self
    }

    pub(crate) fn frame(&mut self, frame: &str) -> CallOutcome {
        self.call(|it, now, books, handler| it.frame(frame.as_bytes(), now, books, handler))
    }

    pub(crate) fn command(&mut self, command: V::Command) {
        let _ = self.call(|it, now, books, handler| it.command(command, now, books, handler));
    }

    /// Ends the connection or the attempt.
    pub(crate) fn end(&mut self, reason: &Disconnect) -> NextAction {
        let _ = self.call(|it, now, books, handler| it.disconnected(now, reason, books, handler));
        self.session.next(self.now)
    }

    /// As [`Bench::end`], and advances the time to the next attempt. Returns the wait.
    pub(crate) fn wait_after(&mut self, reason: &Disconnect) -> Duration {
        match self.end(reason) {
            NextAction::WaitUntil(until) => {
                let wait = until.since(self.now);
                self.now = until;
                wait
            }
            next => panic!("{next:?} after {reason}"),
        }
    }

    /// Advances the time by `length` ns as a driver does: it sends due messages and calls the session at its deadlines.
    /// Returns the reason if the connection ends.
    pub(crate) fn pass(&mut self, length: u64) -> Option<Disconnect> {
        let until = Nanos(self.now.0 + length);
        let mut calls = 0;
        self.send();
        while let Some(deadline) = self.session.deadline().filter(|it| *it <= until) {
            calls += 1;
            let now = self.now;
            assert!(calls < 10_000, "{deadline:?} repeats at {now:?}");
            self.now = deadline.max(now);
            let end = self.call(Session::timeout);
            if end.is_some() {
                return end;
            }
            self.send();
        }
        self.now = self.now.max(until);
        None
    }

    /// Takes the messages that can be sent now.
    pub(crate) fn send(&mut self) {
        // A driver polls for messages only if `has_outgoing`, or at a deadline.
        let is_empty = !self.session.has_outgoing(self.now);
        let deadline = self.session.deadline();
        while let Some(message) = self.session.outgoing(self.now) {
            assert!(!is_empty, "a message that was not announced");
            let message = String::from_utf8(message.to_vec()).unwrap();
            self.wire.push((self.now.0, message));
        }
        if is_empty {
            let new = self.session.deadline();
            let is_later = new.is_none_or(|new| deadline.is_some_and(|it| it <= new));
            assert!(is_later, "an earlier deadline that was not announced");
        }
    }

    /// The messages since the last call, with their times.
    pub(crate) fn sent_when(&mut self) -> Vec<(u64, String)> {
        self.send();
        std::mem::take(&mut self.wire)
    }

    /// The events since the last call.
    pub(crate) fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.recorder.events)
    }
}

/// Reconnects without jitter, so that waits are exact. Books become stale after five seconds.
pub(crate) fn options() -> Options {
    let mut options = Options::default();
    options.reconnect.jitter = false;
    options.stale_after = Some(Duration::from_secs(5));
    options
}
