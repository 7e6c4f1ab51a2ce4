//! The protocol of a custom venue on one connection: a state machine without I/O, which receives frames with their times
//! and queues outgoing messages. [`ticklot::Session`] and [`ticklot::Feed`] implement reconnecting, staleness and the
//! state of the book.

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::driver::Outbox;
use ticklot::venue::{
    BookConfig, CallOutcome, Context, ErrorScope, NoCommand, Snapshot, Venue, VenueName,
};
use ticklot::{BookId, Books, ConnectionId, Instrument, Nanos, OnMessage, Scale};

use crate::frame::{self, Decoder, Message};

/// The server sends a heartbeat every 5 s. After two missing ones the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(11);

/// The time without a book after which the subscription is sent again.
const BOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// One connection to the venue, with one book.
#[derive(Debug)]
pub(crate) struct Pipe {
    url: String,
    symbol: String,
    scale: Scale,
    decoder: Decoder,
    book: Option<BookId>,
    /// When the subscription is sent again, unless a book arrives.
    resubscribe_at: Option<Nanos>,
}

impl Pipe {
    /// The book of `symbol` at `url`.
    pub(crate) fn new(url: &str, symbol: &str, scale: Scale) -> Self {
        Self {
            url: url.to_owned(),
            symbol: symbol.to_owned(),
            scale,
            decoder: Decoder::default(),
            book: None,
            resubscribe_at: None,
        }
    }

    fn subscribe(&mut self, now: Nanos, outbox: &mut Outbox) {
        outbox.push(|out| frame::subscribe(out, &self.symbol));
        self.resubscribe_at = Some(now.after(BOOK_TIMEOUT));
    }
}

impl Venue for Pipe {
    type Command = NoCommand;
    type Message<'a> = ();

    fn name(&self) -> VenueName {
        frame::NAME
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn register(&mut self, connection: ConnectionId, books: &mut Books) {
        let instrument = Instrument::of_symbol(frame::NAME, &self.symbol);
        let config = BookConfig::snapshots(self.scale);
        self.book = Some(books.add(connection, &instrument, config));
    }

    fn opened<H: OnMessage<Self> + ?Sized>(&mut self, context: &mut Context<'_, H>) {
        self.subscribe(context.now(), context.outbox());
    }

    fn frame<H: OnMessage<Self> + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        let decoded = self.decoder.decode(frame, self.scale);
        context.decoded();
        let Some(id) = self.book else {
            return CallOutcome::Data;
        };
        let message = match decoded {
            Ok(message) => message,
            Err(error) => {
                // The message may have been a book, so the current one may be outdated.
                return CallOutcome::from(context.unreadable(ErrorScope::Book(id), error, frame));
            }
        };
        context.count_message();
        match message {
            Message::Heartbeat(text) => {
                context.outbox().push(|out| out.extend_from_slice(text));
                CallOutcome::Control
            }
            Message::Refused(message) => {
                CallOutcome::from(context.refused(message, Some(&self.symbol)))
            }
            Message::Book(book) if book.symbol != self.symbol => {
                context.count_unrequested();
                CallOutcome::Data
            }
            Message::Book(book) => {
                let snapshot = Snapshot {
                    bytes: frame,
                    bids: book.bids,
                    asks: book.asks,
                    ..Snapshot::default()
                };
                let flow: ControlFlow<()> = context.apply_snapshot(id, &snapshot, frame::refusal);
                self.resubscribe_at = None;
                CallOutcome::from(flow)
            }
        }
    }

    fn command<H: OnMessage<Self> + ?Sized>(
        &mut self,
        command: NoCommand,
        _context: &mut Context<'_, H>,
    ) -> CallOutcome {
        match command {}
    }

    fn has_message(&self, _now: Nanos) -> bool {
        // All outgoing messages are in the outbox.
        false
    }

    fn deadline(&self) -> Option<Nanos> {
        self.resubscribe_at
    }

    fn timeout<H: OnMessage<Self> + ?Sized>(
        &mut self,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        self.subscribe(context.now(), context.outbox());
        CallOutcome::Data
    }

    fn idle_timeout(&self) -> Option<Duration> {
        Some(SILENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use ticklot::{BookState, Disconnect, Event, Options, Session};

    const BOOK: &[u8] = b"B|BTC-USD|61800.30x2.5|61800.40x3";

    /// A session of the venue, its books, and the events of its handler.
    struct Bench {
        session: Session<Pipe>,
        books: Books,
        events: Vec<String>,
        now: Nanos,
    }

    impl Bench {
        fn open() -> Self {
            let mut books = Books::new();
            let venue = Pipe::new("ws://x", "BTC-USD", Scale::new(2, 3).unwrap());
            let session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
            let mut bench = Self {
                session,
                books,
                events: Vec::new(),
                now: Nanos::from_secs(1),
            };
            let _ = bench.with(|session, now, books, handler| session.opened(now, books, handler));
            bench
        }

        fn with<R>(
            &mut self,
            work: impl FnOnce(&mut Session<Pipe>, Nanos, &mut Books, &mut dyn OnMessage<Pipe>) -> R,
        ) -> R {
            let events = &mut self.events;
            let mut handler = |event: Event<'_>, _: &Books| {
                events.push(format!("{event:?}"));
                ControlFlow::Continue(())
            };
            work(&mut self.session, self.now, &mut self.books, &mut handler)
        }

        fn frame(&mut self, frame: &[u8]) -> CallOutcome {
            self.with(|session, now, books, handler| session.frame(frame, now, books, handler))
        }

        fn sent(&mut self) -> Vec<String> {
            let mut sent = Vec::new();
            while let Some(message) = self.session.outgoing(self.now) {
                sent.push(String::from_utf8_lossy(message).into_owned());
            }
            sent
        }

        fn state(&self) -> BookState {
            self.books.state(BookId(0))
        }
    }

    #[test]
    fn subscription_makes_book_live() {
        let mut bench = Bench::open();
        assert_eq!(bench.sent(), ["S|BTC-USD"]);
        assert_eq!(bench.state(), BookState::Empty);
        assert_eq!(bench.frame(BOOK), CallOutcome::Data);
        let book = bench.books.live(BookId(0)).unwrap();
        assert_eq!(book.spread().map(|spread| spread.0), Some(10));
        assert_eq!(bench.frame(b"H|17"), CallOutcome::Control);
        assert_eq!(bench.sent(), ["H|17"]);
        assert_eq!(bench.session.stats().snapshots, 1);
    }

    #[test]
    fn subscription_without_book_is_repeated() {
        let mut bench = Bench::open();
        let _ = bench.sent();
        let due = bench.session.deadline().unwrap();
        assert_eq!(due, bench.now.after(BOOK_TIMEOUT));
        bench.now = due;
        let over = bench.with(|session, now, books, handler| session.timeout(now, books, handler));
        assert!(over.is_none());
        assert_eq!(bench.sent(), ["S|BTC-USD"]);
    }

    #[test]
    fn bad_message_invalidates_book() {
        let mut bench = Bench::open();
        let _ = bench.frame(BOOK);
        let _ = bench.frame(b"B|BTC-USD|61800.305x2|");
        assert_eq!(bench.state().as_str(), "gap");
        // The book itself rejects a duplicate price.
        let _ = bench.frame(b"B|BTC-USD|1x1,1x2|");
        assert_eq!(bench.state().as_str(), "gap");
        assert_eq!(bench.session.stats().bad_lines, 2);
        let _ = bench.frame(BOOK);
        assert_eq!(bench.state(), BookState::Live);
    }

    #[test]
    fn silence_ends_the_connection() {
        let mut bench = Bench::open();
        let _ = bench.frame(BOOK);
        bench.now = bench.now.after(SILENCE);
        let over = bench.with(|session, now, books, handler| session.timeout(now, books, handler));
        let reason = over.unwrap();
        assert!(matches!(reason, Disconnect::IdleTimeout));
        let _ = bench.with(|session, now, books, handler| {
            session.disconnected(now, &reason, books, handler)
        });
        assert_eq!(bench.state(), BookState::Disconnected);
    }

    #[test]
    fn refusals_change_no_book() {
        let mut bench = Bench::open();
        let _ = bench.frame(b"E|no such symbol");
        let _ = bench.frame(b"B|ETH-USD|1x1|2x1");
        assert_eq!(bench.state(), BookState::Empty);
        assert_eq!(bench.session.stats().unrequested, 1);
        let events = &bench.events;
        let has_refusal = events.iter().any(|it| it.contains("no such symbol"));
        assert!(has_refusal, "{events:?}");
    }
}
