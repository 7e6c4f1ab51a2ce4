//! A session under test, with its books, its time and a handler that records.

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::driver::NextAction;
use ticklot::events::ResyncStep;
use ticklot::kraken::{Command, Kraken};
use ticklot::stores::BookCounts;
use ticklot::venue::{Stats, VenueName};
use ticklot::{
    BookId, Books, ConnectionId, Disconnect, Event, Handler, Instrument, Nanos, OnMessage, Options,
    Session,
};

use crate::wire::{self, Sent};

pub(crate) const SECOND: u64 = 1_000_000_000;

pub(crate) struct Bench {
    session: Session<Kraken>,
    pub(crate) books: Books,
    pub(crate) now: Nanos,
    recorder: Recorder,
    /// Sent messages, and when.
    wire: Vec<(u64, Sent)>,
}

impl Bench {
    pub(crate) fn new(venue: Kraken) -> Self {
        Self::with_options(venue, options())
    }

    pub(crate) fn with_options(venue: Kraken, options: Options) -> Self {
        let mut books = Books::new();
        let session = Session::new(venue.build().unwrap(), ConnectionId(0), options, &mut books);
        Self {
            session,
            books,
            now: Nanos(SECOND),
            recorder: Recorder::default(),
            wire: Vec::new(),
        }
    }

    /// A connection on which the books of these symbols are live.
    pub(crate) fn live(symbols: &[&str]) -> Self {
        let mut bench = Self::new(Kraken::new(symbols.iter().copied()));
        bench.start(symbols);
        bench
    }

    /// Opens the connection and brings its books to life.
    pub(crate) fn start(&mut self, symbols: &[&str]) {
        self.listed(symbols);
        for symbol in symbols {
            self.frame(&wire::subscribed("book", symbol));
            self.frame(&wire::snapshot(symbol));
        }
        let _ = (self.events(), self.sent());
    }

    /// Opens the connection up to the subscription to the books.
    pub(crate) fn listed(&mut self, symbols: &[&str]) {
        self.open();
        self.send();
        self.frame(&wire::instrument_subscribed());
        self.frame(&wire::instruments("snapshot", symbols, 1, "online"));
        self.send();
    }

    pub(crate) fn open(&mut self) {
        assert_eq!(self.session.next(self.now), NextAction::Connect);
        let _ = self
            .session
            .opened(self.now, &mut self.books, &mut self.recorder);
    }

    pub(crate) fn frame(&mut self, frame: &str) {
        let _ = self.session.frame(
            frame.as_bytes(),
            self.now,
            &mut self.books,
            &mut self.recorder,
        );
    }

    pub(crate) fn command(&mut self, command: Command) {
        let _ = self
            .session
            .command(command, self.now, &mut self.books, &mut self.recorder);
    }

    /// The user requests a snapshot.
    pub(crate) fn resync(&mut self, symbol: &str) {
        let book = self.id(symbol);
        let _ = self
            .session
            .resync(book, self.now, &mut self.books, &mut self.recorder);
    }

    /// The connection breaks, and the time of the next attempt comes.
    pub(crate) fn disconnect(&mut self) {
        let _ = self.session.disconnected(
            self.now,
            &Disconnect::Silent,
            &mut self.books,
            &mut self.recorder,
        );
        if let NextAction::WaitUntil(until) = self.session.next(self.now) {
            self.now = until;
        }
    }

    /// Lets nanoseconds pass as a driver does. Returns why the connection ends, if it does.
    pub(crate) fn pass(&mut self, length: u64) -> Option<Disconnect> {
        let until = Nanos(self.now.0 + length);
        self.send();
        while let Some(deadline) = self.session.deadline().filter(|it| *it <= until) {
            self.now = deadline.max(self.now);
            let end = self
                .session
                .timeout(self.now, &mut self.books, &mut self.recorder);
            if end.is_some() {
                return end;
            }
            self.send();
        }
        self.now = until;
        None
    }

    /// Lets time pass with a heartbeat each second.
    pub(crate) fn beat(&mut self, seconds: u64) {
        for _ in 0..seconds {
            assert!(self.pass(SECOND).is_none());
            self.frame(wire::HEARTBEAT);
        }
        self.send();
    }

    /// The subscription is acknowledged and the snapshot arrives: the book is live, and nothing more is
    /// sent.
    pub(crate) fn settle(&mut self, symbol: &str) {
        self.frame(&wire::subscribed("book", symbol));
        self.frame(&wire::snapshot(symbol));
        assert_eq!(self.state(symbol), "live");
        self.beat(60);
        assert!(self.sent().is_empty());
    }

    fn send(&mut self) {
        while let Some(message) = self.session.outgoing(self.now) {
            self.wire.push((self.now.0, Sent::read(message)));
        }
    }

    /// The messages since the last call, and when each was sent.
    pub(crate) fn sent_when(&mut self) -> Vec<(u64, Sent)> {
        self.send();
        std::mem::take(&mut self.wire)
    }

    /// The messages since the last call.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        let sent = self.sent_when();
        sent.iter()
            .map(|(_, message)| message.to_string())
            .collect()
    }

    /// The events since the last call.
    pub(crate) fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.recorder.0)
    }

    pub(crate) fn id(&self, symbol: &str) -> BookId {
        let instrument = Instrument::of_symbol(VenueName::KRAKEN, symbol);
        self.books.find(&instrument).unwrap()
    }

    pub(crate) fn state(&self, symbol: &str) -> &'static str {
        self.books.state(self.id(symbol)).as_str()
    }

    pub(crate) fn counts(&self, symbol: &str) -> BookCounts {
        self.books.counts(self.id(symbol))
    }

    pub(crate) fn stats(&self) -> Stats {
        self.session.stats()
    }
}

/// Every event but [`Event::Book`].
#[derive(Debug, Default)]
struct Recorder(Vec<String>);

impl Handler for Recorder {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        if !matches!(event, Event::Book(_)) {
            self.0.push(describe(&event, books));
        }
        ControlFlow::Continue(())
    }
}

impl OnMessage<Kraken> for Recorder {}

/// No jitter in reconnects; books are stale before the silence limit of the venue.
pub(crate) fn options() -> Options {
    let mut options = Options::default();
    options.reconnect.jitter = false;
    options.stale_after = Some(Duration::from_secs(5));
    options
}

/// One line for an event.
pub(crate) fn describe(event: &Event<'_>, books: &Books) -> String {
    match event {
        Event::State(it) => format!("{} {} {}", it.instrument.name, it.new, it.cause),
        Event::Resync(it) => {
            let step = match it.step {
                ResyncStep::Requested => "requested".to_owned(),
                ResyncStep::TimedOut => "timed out".to_owned(),
                ResyncStep::Failed { error, .. } => format!("failed: {error}"),
                _ => "unsupported".to_owned(),
            };
            format!("{} resync {} {step}", books.name(it.book), it.attempt)
        }
        Event::Scale { book, new, .. } => {
            let (price, qty) = (new.price_decimals(), new.quantity_decimals());
            format!("{} scale {price} {qty}", books.name(*book))
        }
        Event::Status(it) => {
            let name = it.instrument.map_or("venue", |it| it.name);
            format!("{name} status {}", it.status.as_str())
        }
        Event::Trades(it) => {
            let trades = it.trades.iter().map(|trade| trade.ticks.0.to_string());
            let trades: Vec<String> = trades.collect();
            format!("{} trades {}", it.instrument.name, trades.join(" "))
        }
        Event::Unconfirmed { room, attempts, .. } => format!("unconfirmed {room} {attempts}"),
        Event::Subscribed { room, .. } => format!("subscribed {room}"),
        Event::Unsubscribed { room, .. } => format!("unsubscribed {room}"),
        Event::Refused { message, room, .. } => {
            format!("refused {}: {message}", room.unwrap_or("-"))
        }
        Event::RoundTrip { time, .. } => format!("round trip {time:?}"),
        Event::BadLine { .. } => "bad line".to_owned(),
        Event::Unknown { kind, .. } => format!("unknown {kind}"),
        Event::Welcome { client_id, .. } => format!("welcome {}", client_id.unwrap_or("-")),
        Event::Connected { epoch, .. } => format!("connected {}", epoch.0),
        Event::Disconnected { .. } => "disconnected".to_owned(),
        other => format!("{other:?}"),
    }
}
