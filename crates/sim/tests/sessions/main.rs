//! Property tests of the sessions of both venues on virtual time, with random clients, requests, times and clocks.
//!
//! Each client has two sessions with the same requests at the same times. The `prompt` session is updated at every
//! step, the `late` session only sometimes. The late session must then receive the same events and the last value of
//! each state, or be closed because events were evicted. Control sessions check that clients do not affect each other:
//! they must receive the same bytes as those of a second exchange without other clients.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bayse;
mod jayx;
mod rooms;
mod timers;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use ticklot_book::Nanos;
use ticklot_sim::{Outgoing, Session, Timestamps};

/// The number of steps with fills, or of closed orders, that a venue stores.
const BACKLOG: usize = 2;

#[derive(Clone, Debug, PartialEq)]
enum Line {
    /// A reply, or a packet that concerns the connection.
    Reply(String),
    /// An event, which must not be lost.
    Event(String),
    /// A state that may be skipped: its send order within a step, its key and its value.
    State(u8, String, Value),
    Ping,
    Close(u16),
}

impl Line {
    fn send_order(&self) -> Option<u8> {
        match self {
            Self::Event(_) => Some(0),
            Self::State(order, ..) => Some(*order),
            _ => None,
        }
    }

    /// Whether the line confirms a subscription to either venue.
    fn is_confirmation(&self) -> bool {
        matches!(self, Self::Reply(text)
            if text.starts_with(r#"{"type":"subscribed""#) || text.ends_with(r#"{"ok":true}]"#))
    }
}

/// The effect of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Nothing,
    Rejected,
    Accepted,
    Closed,
}

trait Venue {
    const TARGETS: &[&str];
    /// The number of leading requests that join or subscribe.
    const SUBSCRIPTIONS: usize;
    /// Whether the confirmation of a subscription precedes pending updates.
    const CONFIRMS_FIRST: bool;

    fn open() -> Self;
    fn upgrade(&mut self, target: &str, now: Timestamps) -> Box<dyn Session>;
    fn step(&mut self, now: Timestamps);
    /// Valid and invalid requests.
    fn requests() -> Vec<String>;
    /// The lines of a frame.
    fn lines(frame: &str) -> Vec<Line>;
    fn is_error(reply: &str) -> bool;
    /// Whether a request may have this effect.
    fn may_be(outcome: Outcome, target: &str, text: &str) -> bool;
    /// Whether a session with these pending updates is closed. `None` if it may be.
    fn is_lost(pending: &Pending) -> Option<bool>;
}

/// Drains the outgoing messages of a session.
fn sent(session: &mut dyn Session) -> Vec<Outgoing> {
    std::iter::from_fn(|| session.outgoing()).collect()
}

fn lines<V: Venue>(session: &mut dyn Session) -> Vec<Line> {
    let mut lines = Vec::new();
    for it in sent(session) {
        assert!(!matches!(lines.last(), Some(Line::Close(_))), "{it:?}");
        match it {
            Outgoing::Text(text) => lines.extend(V::lines(&text)),
            Outgoing::Ping => lines.push(Line::Ping),
            Outgoing::Close(close) => lines.push(Line::Close(close.code())),
        }
    }
    lines
}

/// A reply without its connection id, which differs between sessions.
fn without_id(text: &str, id: Option<&str>) -> Line {
    Line::Reply(id.map_or(text.to_owned(), |id| text.replace(id, "")))
}

/// The updates that a late session has not received.
#[derive(Debug, Default)]
struct Pending {
    /// The number of steps, and of steps with events.
    steps: usize,
    busy_steps: usize,
    events: Vec<String>,
    /// By key, and by index because the books of two currencies have equal keys.
    states: BTreeMap<(String, usize), Value>,
}

impl Pending {
    /// Adds the lines of a step, which must be in send order.
    fn add(&mut self, lines: &[Line]) {
        assert!(lines.is_sorted_by_key(Line::send_order), "{lines:?}");
        let (events, mut seen) = (self.events.len(), BTreeMap::new());
        for line in lines {
            match line {
                Line::Event(text) => self.events.push(text.clone()),
                Line::State(_, key, value) => {
                    let number: &mut usize = seen.entry(key.clone()).or_default();
                    self.states.insert((key.clone(), *number), value.clone());
                    *number += 1;
                }
                other => panic!("{other:?} is not an update"),
            }
        }
        self.steps += 1;
        self.busy_steps += usize::from(self.events.len() > events);
    }
}

#[derive(Clone, Debug)]
enum Action {
    Upgrade(usize),
    Request(usize, String),
    Binary(usize),
    Pong(usize),
    Timeout(usize),
    Update(usize),
    Advance(u64),
    /// Moves the wall clock by seconds.
    SetWall(i64),
    Step,
}

fn actions<V: Venue>() -> impl Strategy<Value = Vec<Action>> {
    let which = || 0..3_usize;
    // Complete requests, modified prefixes, and random text.
    let requests = V::requests();
    let modified = (select(requests.clone()), 0..12_usize, ".{0,2}");
    let text = prop_oneof![
        8 => select(requests),
        2 => modified.prop_map(|(text, length, more)| text.chars().take(length).chain(more.chars()).collect()),
        1 => ".{0,20}",
    ];
    let action = prop_oneof![
        2 => (0..V::TARGETS.len()).prop_map(Action::Upgrade),
        12 => (which(), text).prop_map(|(which, text)| Action::Request(which, text)),
        1 => which().prop_map(Action::Binary),
        1 => which().prop_map(Action::Pong),
        2 => which().prop_map(Action::Timeout),
        4 => which().prop_map(Action::Update),
        3 => select(vec![1, 200, 1_000, 6_000, 20_000, 25_000, 54_000]).prop_map(Action::Advance),
        1 => (-100_000..100_000_i64).prop_map(Action::SetWall),
        8 => Just(Action::Step),
    ];
    vec(action, 1..120)
}

/// The two sessions of a client.
struct Pair {
    target: &'static str,
    late: Box<dyn Session>,
    prompt: Box<dyn Session>,
    pending: Pending,
    is_closed: bool,
}

fn run<V: Venue>(actions: &[Action]) {
    let mut now = Timestamps {
        at: Nanos(0),
        wall_ms: 1_771_324_800_000,
    };
    let mut exchanges = [V::open(), V::open()];
    let mut controls = exchanges.each_mut().map(|exchange| {
        let control = |target: &&str| {
            let mut session = exchange.upgrade(target, now);
            for request in V::requests().iter().take(V::SUBSCRIPTIONS) {
                session.text(request, now);
            }
            session
        };
        V::TARGETS.iter().map(control).collect::<Vec<_>>()
    });
    let mut pairs: Vec<Pair> = Vec::new();
    for action in actions {
        match action {
            Action::Upgrade(target) => {
                let target = V::TARGETS[*target];
                let sessions = [(); 2].map(|()| exchanges[0].upgrade(target, now));
                pairs.truncate(2);
                pairs.push(Pair::new::<V>(target, sessions));
            }
            Action::Advance(ms) => {
                now.at = now.at.after(Duration::from_millis(*ms));
                now.wall_ms += ms;
            }
            Action::SetWall(seconds) => {
                now.wall_ms = now.wall_ms.saturating_add_signed(seconds * 1_000);
            }
            Action::Step => {
                exchanges.iter_mut().for_each(|exchange| exchange.step(now));
                let [here, there] = controls.each_mut().map(|sessions| {
                    let messages = sessions.iter_mut().map(|session| {
                        session.market_changed(now);
                        sent(&mut **session)
                    });
                    messages.collect::<Vec<_>>()
                });
                assert_eq!(here, there, "a client affected others");
                pairs.iter_mut().for_each(|pair| pair.step::<V>(now));
            }
            Action::Request(which, _)
            | Action::Binary(which)
            | Action::Pong(which)
            | Action::Timeout(which)
            | Action::Update(which) => {
                if let Some(pair) = pairs.get_mut(*which) {
                    pair.apply::<V>(action, now);
                }
            }
        }
        for pair in pairs.extract_if(.., |pair| pair.is_closed) {
            pair.check_silence(now);
        }
    }
}

impl Pair {
    fn new<V: Venue>(target: &'static str, mut sessions: [Box<dyn Session>; 2]) -> Self {
        let greetings = sessions.each_mut().map(|it| lines::<V>(&mut **it));
        assert_eq!(greetings[0], greetings[1]);
        let [late, prompt] = sessions;
        Self {
            target,
            late,
            prompt,
            pending: Pending::default(),
            is_closed: false,
        }
    }

    fn step<V: Venue>(&mut self, now: Timestamps) {
        self.prompt.market_changed(now);
        self.pending.add(&lines::<V>(&mut *self.prompt));
    }

    fn apply<V: Venue>(&mut self, action: &Action, now: Timestamps) {
        match action {
            Action::Request(_, text) => self.request::<V>(text, now),
            Action::Update(_) => {
                self.update::<V>(now);
                self.late.market_changed(now);
                assert_eq!(sent(&mut *self.late), [], "repeated updates");
            }
            Action::Binary(_) => {
                assert_eq!(self.both::<V>(|it| it.binary(now)), [Line::Close(1003)]);
                self.is_closed = true;
            }
            Action::Timeout(_) => {
                let is_due = self.late.deadline().is_some_and(|due| due <= now.at);
                let sent = self.both::<V>(|it| it.timeout(now));
                self.is_closed = sent == [Line::Close(1008)];
                let is_ping = sent == [Line::Ping] || sent == [Line::Reply("2".to_owned())];
                assert!(if is_due {
                    is_ping || self.is_closed
                } else {
                    sent.is_empty()
                });
                let is_later = self.late.deadline().is_none_or(|due| due > now.at);
                assert!(is_later || self.is_closed, "the timer is still due");
            }
            _ => assert_eq!(self.both::<V>(|it| it.pong(now)), []),
        }
        assert_eq!(self.late.deadline(), self.prompt.deadline());
    }

    /// Calls both sessions, which must send the same lines, and returns these.
    fn both<V: Venue>(&mut self, call: impl Fn(&mut dyn Session)) -> Vec<Line> {
        let [late, prompt] = [&mut self.late, &mut self.prompt].map(|session| {
            call(&mut **session);
            lines::<V>(&mut **session)
        });
        assert_eq!(late, prompt);
        late
    }

    fn update<V: Venue>(&mut self, now: Timestamps) {
        self.late.market_changed(now);
        let updates = lines::<V>(&mut *self.late);
        self.check_updates::<V>(&updates);
    }

    /// Compares the updates of the late session with the pending ones.
    fn check_updates<V: Venue>(&mut self, updates: &[Line]) {
        let mut pending = std::mem::take(&mut self.pending);
        self.is_closed = *updates == [Line::Close(1008)];
        let is_lost = V::is_lost(&pending);
        assert!(is_lost.is_none_or(|it| it == self.is_closed), "{pending:?}");
        if self.is_closed {
            return;
        }
        let mut received = Pending::default();
        received.add(updates);
        // Old candles may be evicted.
        let is_candle = |key: &(String, usize)| key.0.starts_with("kline");
        let candles = |it: &Pending| it.states.keys().filter(|key| is_candle(key)).count();
        assert!(candles(&received) >= candles(&pending).min(BACKLOG));
        let is_required =
            |key: &(String, usize)| !is_candle(key) || received.states.contains_key(key);
        pending.states.retain(|key, _| is_required(key));
        assert_eq!(received.events, pending.events);
        assert_eq!(received.states, pending.states);
    }

    fn request<V: Venue>(&mut self, text: &str, now: Timestamps) {
        // Unsubscribing discards pending updates, and asset prices are not updated by steps.
        if text.contains("unsubscribe") || text.contains("asset_prices") {
            self.update::<V>(now);
            if self.is_closed {
                return;
            }
        }
        self.prompt.text(text, now);
        self.late.text(text, now);
        let [reply, late] = [&mut self.prompt, &mut self.late].map(|it| lines::<V>(&mut **it));
        let head = reply
            .iter()
            .take_while(|it| it.send_order().is_none())
            .count();
        let outcome = match &reply[..] {
            [] => Outcome::Nothing,
            [Line::Close(1000 | 1008)] => Outcome::Closed,
            [Line::Reply(text)] if V::is_error(text) => Outcome::Rejected,
            // One line, or the confirmation of each room followed by the initial states.
            [Line::Reply(_)] => Outcome::Accepted,
            _ if reply[..head].iter().all(Line::is_confirmation)
                && reply[head..].iter().all(|it| it.send_order().is_some()) =>
            {
                Outcome::Accepted
            }
            _ => panic!("{text}: {reply:?}"),
        };
        assert!(V::may_be(outcome, self.target, text), "{text}: {reply:?}");
        let is_subscription = head < reply.len() || reply.iter().any(Line::is_confirmation);
        if outcome == Outcome::Closed || !is_subscription || self.pending.steps == 0 {
            self.is_closed |= outcome == Outcome::Closed;
            return assert_eq!(late, reply);
        }
        if late == [Line::Close(1008)] {
            return self.check_updates::<V>(&late);
        }
        // Pending updates precede the initial states of the subscription.
        let head = if V::CONFIRMS_FIRST { head } else { 0 };
        let tail = late.len().checked_sub(reply.len() - head).expect("a reply");
        assert_eq!(late[..head], reply[..head]);
        assert_eq!(late[tail..], reply[head..]);
        self.check_updates::<V>(&late[head..tail]);
    }

    /// A closed session sends nothing.
    fn check_silence(mut self, now: Timestamps) {
        self.late.text("x", now);
        self.late.market_changed(now);
        assert_eq!(sent(&mut *self.late), []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn bayse_sessions_keep_invariants(actions in actions::<ticklot_sim::bayse::Exchange>()) {
        run::<ticklot_sim::bayse::Exchange>(&actions);
    }

    #[test]
    fn jayx_sessions_keep_invariants(actions in actions::<ticklot_sim::jayx::Exchange>()) {
        run::<ticklot_sim::jayx::Exchange>(&actions);
    }
}
