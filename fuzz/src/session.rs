//! A session under random inputs and delays, against a model of its books and rooms.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use serde_json::Value;
use ticklot::bayse::{Bayse, Command, Topic};
use ticklot::driver::NextAction;
use ticklot::jayx::{Envelope, JayX};
use ticklot::venue::subscriptions::SubscriptionState;
use ticklot::venue::{CallOutcome, Venue};
use ticklot::{
    BookId, BookState, Books, ConnectionId, Disconnect, Event, Handler, Level, Lots, Nanos,
    OnMessage, Options, Session, Side, Ticks,
};
use ticklot_frame::Lines;

/// The staleness limit.
const LIMIT: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);

/// `data` is a venue, and the inputs of one session in order.
pub fn session(data: &[u8]) {
    let Ok((wire, steps)) = <(Wire, Vec<Step>)>::arbitrary_take_rest(Unstructured::new(data))
    else {
        return;
    };
    let jayx = |envelope| JayX::new("m0").envelope(envelope).build().unwrap();
    match wire {
        Wire::Bayse => Run::new(Bayse::new(["m0"]).build().unwrap(), wire).live(&steps),
        Wire::SocketIo => Run::new(jayx(Envelope::SocketIo), wire).live(&steps),
        Wire::Plain => Run::new(jayx(Envelope::Plain), wire).live(&steps),
    }
}

/// A venue and its envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Arbitrary)]
enum Wire {
    Bayse,
    SocketIo,
    Plain,
}

#[derive(Debug, Arbitrary)]
enum Step {
    /// Time passes, in milliseconds, and due timers run.
    Pass(u16),
    /// Time passes, in milliseconds, and timers run only at the end.
    Sleep(u16),
    /// The attempt to connect succeeds.
    Open,
    /// The connection or the attempt ends.
    End {
        busy_for: Option<u8>,
    },
    /// A book is received.
    Book {
        outcome: u8,
        side: Vec<(u8, u8)>,
    },
    /// A book with a duplicate price is received.
    BadBook {
        outcome: u8,
    },
    Subscribed(u8),
    Unsubscribed(u8),
    Refused {
        room: Option<u8>,
    },
    TooMany,
    /// Arbitrary bytes are received.
    Raw(Vec<u8>),
    Subscribe(u8),
    Unsubscribe(u8),
    Ping,
}

/// One of six topics. The room names of some are not known in advance.
fn topic(n: u8) -> Topic {
    match n % 6 {
        n @ 0..3 => Topic::order_book(format!("m{n}")),
        3 => Topic::prices("e3"),
        4 => Topic::activity("e4"),
        _ => Topic::user_trades("u5"),
    }
}

/// The room of [`topic`] by the contract.
fn room(n: u8) -> &'static str {
    const ROOMS: [&str; 6] = [
        "orderbook:m0",
        "orderbook:m1",
        "orderbook:m2",
        "prices:e3",
        "activity:e4",
        "user_trades:u5",
    ];
    ROOMS[usize::from(n % 6)]
}

/// A venue under test. Only a venue with rooms accepts commands.
trait TestVenue: Venue + Sized {
    fn command_of(_: &Step) -> Option<Self::Command> {
        None
    }

    fn rooms(&self) -> Vec<(Topic, SubscriptionState)> {
        Vec::new()
    }

    fn unanswered(&self) -> usize {
        0
    }
}

impl TestVenue for Bayse {
    fn command_of(step: &Step) -> Option<Command> {
        match step {
            Step::Subscribe(n) => Some(Command::Subscribe(topic(*n))),
            Step::Unsubscribe(n) => Some(Command::Unsubscribe(topic(*n))),
            Step::Ping => Some(Command::Ping),
            _ => None,
        }
    }

    fn rooms(&self) -> Vec<(Topic, SubscriptionState)> {
        let rooms = self.topics();
        rooms.map(|(topic, state)| (topic.clone(), state)).collect()
    }

    fn unanswered(&self) -> usize {
        Bayse::unanswered(self)
    }
}

impl TestVenue for JayX {}

/// The time and the bids of a book's last message; no bids if it was invalid.
type LastMessage = (Nanos, Option<Vec<Level>>);

struct Run<V: Venue> {
    session: Session<V>,
    books: Books,
    wire: Wire,
    now: Nanos,
    /// The last message of each book, by name.
    last: BTreeMap<String, LastMessage>,
    joined: BTreeSet<&'static str>,
    desired: BTreeSet<u8>,
    sent: VecDeque<Nanos>,
    handler: StateCheck,
}

impl<V: TestVenue> Run<V> {
    fn new(venue: V, wire: Wire) -> Self {
        let mut options = Options::default();
        options.stale_after = Some(LIMIT);
        let mut books = Books::new();
        let session = Session::new(venue, ConnectionId(0), options, &mut books);
        Self {
            session,
            books,
            wire,
            now: Nanos(0).after(SECOND),
            last: BTreeMap::new(),
            joined: BTreeSet::new(),
            desired: [0].into(),
            sent: VecDeque::new(),
            handler: StateCheck::default(),
        }
    }

    fn live(&mut self, steps: &[Step]) {
        for step in steps {
            self.take(step);
            self.send();
            self.handler.check(&self.books);
            self.check();
        }
    }

    /// Calls the session with its time, its books and its handler.
    fn call<R>(
        &mut self,
        work: impl FnOnce(&mut Session<V>, Nanos, &mut Books, &mut StateCheck) -> R,
    ) -> R {
        work(
            &mut self.session,
            self.now,
            &mut self.books,
            &mut self.handler,
        )
    }

    fn is_open(&self) -> bool {
        self.session.next(self.now) == NextAction::Open
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Pass(ms) => self.pass(Duration::from_millis(u64::from(*ms))),
            Step::Sleep(ms) => {
                self.now = self.now.after(Duration::from_millis(u64::from(*ms)));
                self.time_out();
            }
            Step::Open => self.open(),
            Step::End { busy_for } => self.end(&match busy_for {
                Some(seconds) => Disconnect::Busy {
                    retry_after: Duration::from_secs(u64::from(*seconds)),
                    error: "busy".into(),
                },
                None => Disconnect::Failed("gone".into()),
            }),
            Step::Subscribe(n) | Step::Unsubscribe(n) if self.wire == Wire::Bayse => {
                let is_desired = matches!(step, Step::Subscribe(_));
                if is_desired {
                    self.desired.insert(n % 6);
                } else {
                    self.desired.remove(&(n % 6));
                }
                self.command(step);
            }
            Step::Ping => self.command(step),
            step => self.frame(step),
        }
    }

    /// Advances the time as a feed does: runs due timers, which must not repeat without end.
    fn pass(&mut self, length: Duration) {
        let until = self.now.after(length);
        for _ in 0..2_000 {
            self.send();
            let deadline = self.session.deadline().filter(|_| self.is_open());
            let Some(deadline) = deadline.filter(|deadline| *deadline <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(deadline);
            self.time_out();
        }
        panic!("timers without end");
    }

    fn time_out(&mut self) {
        let is_due = self.session.deadline().is_some_and(|due| due <= self.now);
        if self.is_open() && is_due {
            let end = self.call(|it, now, books, handler| it.timeout(now, books, handler));
            if let Some(reason) = end {
                return self.end(&reason);
            }
            self.send();
            let due = self.session.deadline();
            assert!(due.is_none_or(|due| due > self.now), "a timer in the past");
        }
    }

    fn open(&mut self) {
        if self.session.next(self.now) == NextAction::Connect {
            self.last.clear();
            self.joined.clear();
            self.sent.clear();
            let _ = self.call(|it, now, books, handler| it.opened(now, books, handler));
        }
    }

    fn end(&mut self, reason: &Disconnect) {
        if matches!(
            self.session.next(self.now),
            NextAction::Open | NextAction::Connect
        ) {
            let _ =
                self.call(|it, now, books, handler| it.disconnected(now, reason, books, handler));
        }
    }

    fn command(&mut self, step: &Step) {
        if let Some(command) = V::command_of(step) {
            let _ = self.call(|it, now, books, handler| it.command(command, now, books, handler));
        }
    }

    fn frame(&mut self, step: &Step) {
        let Some(frame) = self.write(step) else {
            return;
        };
        let was_open = self.is_open();
        let before = states(&self.books);
        let reply = self.call(|it, now, books, handler| it.frame(&frame, now, books, handler));
        if !was_open {
            let unchanged = (CallOutcome::Control, before);
            assert_eq!((reply, states(&self.books)), unchanged, "nothing is open");
            return;
        }
        self.expect(step);
        match reply {
            CallOutcome::CloseConnection(why) => self.end(&Disconnect::Ended(why)),
            _ => self.time_out(),
        }
    }

    /// The frame of a step, in the venue's format.
    fn write(&self, step: &Step) -> Option<Vec<u8>> {
        let is_bayse = self.wire == Wire::Bayse;
        let error = |text| format!(r#"{{"type":"error","data":{{"message":"{text}"}}}}"#);
        let text = match step {
            Step::Book { outcome, side } => self.book(*outcome, &bids(side)),
            Step::BadBook { outcome } => {
                let twice = [Level::new(Ticks(7), Lots(1)); 2];
                self.book(*outcome, &twice)
            }
            Step::Subscribed(n) if is_bayse => {
                format!(r#"{{"type":"subscribed","room":"{}"}}"#, room(*n))
            }
            Step::Unsubscribed(n) if is_bayse => {
                format!(r#"{{"type":"unsubscribed","room":"{}"}}"#, room(*n))
            }
            Step::Refused { room: named } if is_bayse => {
                let id = named.map_or("", |n| room(n).split_once(':').unwrap().1);
                error(format!("unknown: {id}"))
            }
            Step::TooMany if is_bayse => error("rate limit exceeded: too many messages".to_owned()),
            Step::Raw(bytes) => return raw(bytes),
            _ => return None,
        };
        Some(text.into_bytes())
    }

    fn book(&self, outcome: u8, bids: &[Level]) -> String {
        let outcome = outcome % 3;
        let levels = |price: fn(&Level) -> String| {
            let levels: Vec<_> = bids.iter().map(price).collect();
            levels.join(",")
        };
        if self.wire == Wire::Bayse {
            let bids = levels(|it| {
                let (ticks, lots) = (it.ticks.0, it.lots.0);
                format!(r#"{{"price":{ticks}e-2,"quantity":{lots}e-6}}"#)
            });
            return format!(
                r#"{{"type":"orderbook_update","data":{{"orderbook":{{"marketId":"m{outcome}","outcomeId":"o{outcome}","bids":[{bids}],"asks":[]}}}}}}"#
            );
        }
        let bids = levels(|it| format!(r#"{{"ticks":{},"lots":{}}}"#, it.ticks.0, it.lots.0));
        let book = format!(r#"{{"orderBook":{{"asks":[],"bids":[{bids}]}},"trades":[]}}"#);
        match self.wire {
            Wire::SocketIo => format!(r#"42["orderbook",{book}]"#),
            _ => book,
        }
    }

    /// Updates the model after a frame on an open connection.
    fn expect(&mut self, step: &Step) {
        let name = |outcome: u8| match self.wire {
            Wire::Bayse => format!("o{}", outcome % 3),
            _ => "m0".to_owned(),
        };
        match step {
            Step::Book { outcome, side } => {
                self.last
                    .insert(name(*outcome), (self.now, Some(bids(side))));
            }
            Step::BadBook { outcome } => {
                self.last.insert(name(*outcome), (self.now, None));
            }
            Step::Subscribed(n) => {
                self.joined.insert(room(*n));
            }
            Step::Raw(bytes) if self.is_unreadable(bytes) => {
                for (_, levels) in self.last.values_mut() {
                    *levels = None;
                }
            }
            _ => {}
        }
    }

    /// Whether a line of the frame is not JSON, and may belong to any book.
    fn is_unreadable(&self, frame: &[u8]) -> bool {
        let is_json = |text: &[u8]| serde_json::from_slice::<Value>(text).is_ok();
        match self.wire {
            Wire::Bayse | Wire::Plain => Lines::new(frame).any(|line| !is_json(line.bytes)),
            // A blank frame is skipped.
            Wire::SocketIo => {
                !frame.trim_ascii().is_empty() && !frame.first().is_some_and(u8::is_ascii_digit)
            }
        }
    }

    fn send(&mut self) {
        while let Some(message) = self.session.outgoing(self.now) {
            if self.wire != Wire::Bayse {
                continue;
            }
            let message: Value = serde_json::from_slice(message).expect("a request is JSON");
            assert!(message["type"].is_string());
            self.sent.push_back(self.now);
            if self.sent.len() > 10 {
                let first = self.sent.pop_front().unwrap();
                assert!(
                    self.now.since(first) >= SECOND,
                    "eleven messages in a second"
                );
            }
        }
    }

    fn check(&self) {
        for id in self.books.ids() {
            let Some(book) = self.books.live(id) else {
                continue;
            };
            let name = self.books.name(id);
            assert!(self.is_open(), "{name} is live without a connection");
            let (at, levels) = self.last.get(name).expect("a live book has had a message");
            let bids: Vec<_> = book.bids().collect();
            assert_eq!(levels.as_ref(), Some(&bids), "{name}");
            let is_fresh = self.now.since(*at) < LIMIT || self.is_late();
            assert!(is_fresh, "{name} is {:?} old", self.now.since(*at));
            if self.wire == Wire::Bayse {
                let n = name.trim_start_matches('o').parse::<u8>().unwrap();
                assert!(self.desired.contains(&n), "{name} is live, but not desired");
            }
        }
        assert!(self.session.queued() <= 64 && self.session.venue().unanswered() <= 1_024);
        if self.wire == Wire::Bayse {
            self.rooms();
        }
    }

    /// Whether a timer of the session is overdue.
    fn is_late(&self) -> bool {
        self.session.deadline().is_some_and(|due| due <= self.now)
    }

    fn rooms(&self) {
        let rooms = self.session.venue().rooms();
        for n in &self.desired {
            let state = rooms.iter().find(|(it, _)| *it == topic(*n));
            let (_, state) = state.expect("a desired room is never lost");
            let is_confirmed =
                *state != SubscriptionState::Subscribed || self.joined.contains(room(*n));
            assert!(
                !self.is_open() || is_confirmed,
                "{} was not confirmed",
                room(*n)
            );
            assert_ne!(
                *state,
                SubscriptionState::Unsubscribing,
                "{} is desired",
                room(*n)
            );
        }
        let kept = rooms
            .iter()
            .filter(|(_, state)| *state != SubscriptionState::Unsubscribing);
        assert_eq!(kept.count(), self.desired.len(), "other rooms are kept");
    }
}

/// A handler that stores the reported state of each book.
#[derive(Default)]
struct StateCheck(BTreeMap<BookId, BookState>);

impl StateCheck {
    /// Checks that each book has the state that was reported last.
    fn check(&self, books: &Books) {
        for id in books.ids() {
            let known = self.0.get(&id).copied().unwrap_or_default();
            assert!(books.state(id).is_same(known), "{known} was reported last");
        }
    }
}

impl Handler for StateCheck {
    /// Checks the order of state events, and that the bids of all live books are sorted.
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        match event {
            Event::State(change) => {
                let known = self.0.insert(change.book, change.new);
                assert!(change.old.is_same(known.unwrap_or_default()));
                assert!(!change.old.is_same(change.new), "no change");
            }
            Event::Book(update) => {
                let known = self.0.get(&update.book).copied().unwrap_or_default();
                let state = books.state(update.book);
                assert!(known.is_same(state), "the state precedes the book");
            }
            _ => {}
        }
        for id in books.ids() {
            if let Some(book) = books.live(id) {
                assert_eq!(book.state(), BookState::Live);
                assert!(
                    book.levels(Side::Bid)
                        .is_sorted_by(|a, b| a.ticks > b.ticks)
                );
            }
        }
        ControlFlow::Continue(())
    }
}

impl<V: Venue> OnMessage<V> for StateCheck {}

fn states(books: &Books) -> Vec<BookState> {
    books.ids().map(|id| books.state(id)).collect()
}

/// Levels with distinct prices and nonzero quantities, best first.
fn bids(side: &[(u8, u8)]) -> Vec<Level> {
    let levels: BTreeMap<u8, u8> = side.iter().copied().collect();
    let level = |(ticks, lots): (&u8, &u8)| {
        Level::new(Ticks(i64::from(*ticks)), Lots(i64::from(*lots) + 1))
    };
    levels.iter().rev().map(level).collect()
}

/// The bytes of a frame; `None` if they may contain a book or a confirmation, which the model would have to know.
fn raw(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let says = ["orderbook", "subscribed", "\\"];
    let is_known = says.iter().any(|word| text.contains(word));
    (!is_known).then(|| bytes.to_vec())
}
