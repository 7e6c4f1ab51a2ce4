//! The session of Kraken's tests, and the texts of its events.

use ticklot::events::ResyncStep;
use ticklot::kraken::Kraken;
use ticklot::stores::BookCounts;
use ticklot::venue::{Stats, VenueName};
use ticklot::{BookId, Books, Event, Instrument, Options};

pub(crate) use crate::support::SECOND;
use crate::support::{self, options};
use crate::wire::{self, Sent};

pub(crate) type Bench = support::Bench<Kraken>;

impl Bench {
    pub(crate) fn new(venue: Kraken) -> Self {
        Self::with_options(venue, options())
    }

    /// Records all events except [`Event::Book`].
    pub(crate) fn with_options(venue: Kraken, options: Options) -> Self {
        Self::describing(venue.build().unwrap(), options, |event, books| {
            (!matches!(event, Event::Book(_))).then(|| describe(event, books))
        })
    }

    /// A connection on which the books of these symbols are live.
    pub(crate) fn live(symbols: &[&str]) -> Self {
        let mut bench = Self::new(Kraken::new(symbols.iter().copied()));
        bench.start(symbols);
        bench
    }

    /// A connection that has subscribed to the books of these symbols.
    pub(crate) fn listing(symbols: &[&str]) -> Self {
        let mut bench = Self::new(Kraken::new(symbols.iter().copied()));
        bench.listed(symbols);
        bench
    }

    /// Opens the connection and makes its books live.
    pub(crate) fn start(&mut self, symbols: &[&str]) {
        self.listed(symbols);
        for symbol in symbols {
            self.subscribe(symbol);
        }
        let _ = (self.events(), self.sent());
    }

    /// Opens the connection, up to the subscription to the books.
    pub(crate) fn listed(&mut self, symbols: &[&str]) {
        self.open();
        self.send();
        self.frame(&wire::instrument_subscribed());
        self.frame(&wire::instruments("snapshot", symbols, 1, "online"));
        self.send();
    }

    /// Acknowledges the subscription to a book, and sends its snapshot.
    pub(crate) fn subscribe(&mut self, symbol: &str) {
        self.frame(&wire::subscribed("book", symbol));
        self.frame(&wire::snapshot(symbol));
    }

    /// Requests a snapshot for the user.
    pub(crate) fn resync(&mut self, symbol: &str) {
        let book = self.id(symbol);
        let _ = self.call(|it, now, books, handler| it.resync(book, now, books, handler));
    }

    /// Advances the time, with a heartbeat each second.
    pub(crate) fn beat(&mut self, seconds: u64) {
        for _ in 0..seconds {
            assert!(self.pass(SECOND).is_none());
            self.frame(wire::HEARTBEAT);
        }
        self.send();
    }

    /// Acknowledges the subscription and sends the snapshot. Asserts that the book is live and nothing more is sent.
    pub(crate) fn settle(&mut self, symbol: &str) {
        self.subscribe(symbol);
        assert_eq!(self.state(symbol), "live");
        self.beat(60);
        assert!(self.sent().is_empty());
    }

    /// The requests since the last call, with their times.
    pub(crate) fn requests(&mut self) -> Vec<(u64, Sent)> {
        let sent = self.sent_when().into_iter();
        sent.map(|(at, text)| (at, Sent::read(text.as_bytes())))
            .collect()
    }

    /// The texts of the requests since the last call.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        let sent = self.requests().into_iter();
        sent.map(|(_, request)| request.to_string()).collect()
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

/// The text of an event.
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
        Event::Unconfirmed {
            topic, attempts, ..
        } => format!("unconfirmed {topic} {attempts}"),
        Event::Subscribed { topic, .. } => format!("subscribed {topic}"),
        Event::Unsubscribed { topic, .. } => format!("unsubscribed {topic}"),
        Event::Refused { message, topic, .. } => {
            format!("refused {}: {message}", topic.unwrap_or("-"))
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
