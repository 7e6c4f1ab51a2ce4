//! Sessions of both venues on virtual time: random clients, requests, moments and clocks.
//!
//! A client is two sessions that receive the same requests at the same moments. The `prompt` session gets
//! every step of the market, the `late` session only some calls of `news`: it must then receive what the
//! prompt session did, with each state only as it is at last, or be closed because a part is gone. A session
//! without requests of its own must receive the same bytes as in a second exchange without these clients.
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

/// How many steps with fills, or closed orders, a venue keeps.
const BACKLOG: usize = 2;

#[derive(Clone, Debug, PartialEq)]
enum Line {
    /// A reply, or a packet of the connection itself.
    Reply(String),
    /// An event that is sent once.
    Event(String),
    /// A state: its rank among the lines of a step, what it is of, and its value.
    State(u8, String, Value),
    Ping,
    Close(u16),
}

impl Line {
    fn rank(&self) -> Option<u8> {
        match self {
            Self::Event(_) => Some(0),
            Self::State(rank, ..) => Some(*rank),
            _ => None,
        }
    }

    /// Whether a line confirms a subscription, in words of either venue.
    fn is_confirmation(&self) -> bool {
        let is = |text: &str| {
            text.starts_with(r#"{"type":"subscribed""#) || text.ends_with(r#"{"ok":true}]"#)
        };
        matches!(self, Self::Reply(text) if is(text))
    }
}

/// What a request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Nothing,
    Refused,
    Accepted,
    Closed,
}

trait Venue {
    const TARGETS: &[&str];
    /// So many of the requests are subscriptions, or what has to come before.
    const SUBSCRIPTIONS: usize;
    /// Whether a subscription is confirmed before what is new, or behind it.
    const CONFIRMS_FIRST: bool;

    fn open() -> Self;
    fn upgrade(&mut self, target: &str, now: Timestamps) -> Box<dyn Session>;
    fn step(&mut self, now: Timestamps);
    /// Requests, right or wrong, of any connection.
    fn requests() -> Vec<String>;
    /// The lines of a frame.
    fn lines(frame: &str) -> Vec<Line>;
    fn is_refusal(reply: &str) -> bool;
    /// Whether a request may come to this.
    fn may_be(outcome: Outcome, target: &str, text: &str) -> bool;
    /// Whether a session that has missed so much is closed; none when it may be.
    fn is_lost(missed: &Missed) -> Option<bool>;
}

/// All that a session has to send.
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

/// A text without the name of its connection, which no other has.
fn anonymous(text: &str, name: Option<&str>) -> Line {
    Line::Reply(name.map_or(text.to_owned(), |name| text.replace(name, "")))
}

/// What a late session has not received.
#[derive(Debug, Default)]
struct Missed {
    /// How many steps there were, and how many of them had events.
    steps: usize,
    busy_steps: usize,
    events: Vec<String>,
    /// By what they are of; books of two currencies are of the same.
    states: BTreeMap<(String, usize), Value>,
}

impl Missed {
    /// Adds the lines of a step, which come by their ranks.
    fn add(&mut self, lines: &[Line]) {
        assert!(lines.is_sorted_by_key(Line::rank), "{lines:?}");
        let (events, mut seen) = (self.events.len(), BTreeMap::new());
        for line in lines {
            match line {
                Line::Event(text) => self.events.push(text.clone()),
                Line::State(_, key, value) => {
                    let number: &mut usize = seen.entry(key.clone()).or_default();
                    self.states.insert((key.clone(), *number), value.clone());
                    *number += 1;
                }
                other => panic!("{other:?} is not new"),
            }
        }
        self.steps += 1;
        self.busy_steps += usize::from(self.events.len() > events);
    }
}

#[derive(Clone, Debug)]
enum Act {
    Upgrade(usize),
    Request(usize, String),
    Binary(usize),
    Pong(usize),
    Timeout(usize),
    News(usize),
    Pass(u64),
    /// Sets the wall clock, by seconds.
    SetWall(i64),
    Step,
}

fn acts<V: Venue>() -> impl Strategy<Value = Vec<Act>> {
    let which = || 0..3_usize;
    // Whole, cut and spoilt, or anything.
    let requests = V::requests();
    let spoilt = (select(requests.clone()), 0..12_usize, ".{0,2}");
    let text = prop_oneof![
        8 => select(requests),
        2 => spoilt.prop_map(|(text, kept, more)| text.chars().take(kept).chain(more.chars()).collect()),
        1 => ".{0,20}",
    ];
    let act = prop_oneof![
        2 => (0..V::TARGETS.len()).prop_map(Act::Upgrade),
        12 => (which(), text).prop_map(|(which, text)| Act::Request(which, text)),
        1 => which().prop_map(Act::Binary),
        1 => which().prop_map(Act::Pong),
        2 => which().prop_map(Act::Timeout),
        4 => which().prop_map(Act::News),
        3 => select(vec![1, 200, 1_000, 6_000, 20_000, 25_000, 54_000]).prop_map(Act::Pass),
        1 => (-100_000..100_000_i64).prop_map(Act::SetWall),
        8 => Just(Act::Step),
    ];
    vec(act, 1..120)
}

struct Pair {
    target: &'static str,
    late: Box<dyn Session>,
    prompt: Box<dyn Session>,
    missed: Missed,
    is_closed: bool,
}

fn run<V: Venue>(acts: &[Act]) {
    let mut now = Timestamps {
        at: Nanos(0),
        wall_ms: 1_771_324_800_000,
    };
    let mut exchanges = [V::open(), V::open()];
    let mut witnesses = exchanges.each_mut().map(|exchange| {
        let witness = |target: &&str| {
            let mut session = exchange.upgrade(target, now);
            let requests = V::requests();
            requests
                .iter()
                .take(V::SUBSCRIPTIONS)
                .for_each(|text| session.text(text, now));
            session
        };
        V::TARGETS.iter().map(witness).collect::<Vec<_>>()
    });
    let mut pairs: Vec<Pair> = Vec::new();
    for act in acts {
        match act {
            Act::Upgrade(target) => {
                let target = V::TARGETS[*target];
                let sessions = [(); 2].map(|()| exchanges[0].upgrade(target, now));
                pairs.truncate(2);
                pairs.push(Pair::new::<V>(target, sessions));
            }
            Act::Pass(ms) => {
                now.at = now.at.after(Duration::from_millis(*ms));
                now.wall_ms += ms;
            }
            Act::SetWall(seconds) => {
                now.wall_ms = now.wall_ms.saturating_add_signed(seconds * 1_000);
            }
            Act::Step => {
                exchanges.iter_mut().for_each(|exchange| exchange.step(now));
                let [here, there] = witnesses.each_mut().map(|sessions| {
                    sessions
                        .iter_mut()
                        .for_each(|session| session.market_changed(now));
                    sessions
                        .iter_mut()
                        .map(|it| sent(&mut **it))
                        .collect::<Vec<_>>()
                });
                assert_eq!(here, there, "a client changed what others receive");
                pairs.iter_mut().for_each(|pair| pair.step::<V>(now));
            }
            Act::Request(which, _)
            | Act::Binary(which)
            | Act::Pong(which)
            | Act::Timeout(which)
            | Act::News(which) => {
                if let Some(pair) = pairs.get_mut(*which) {
                    pair.act::<V>(act, now);
                }
            }
        }
        pairs.retain_mut(|pair| !pair.is_closed || pair.is_silent(now));
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
            missed: Missed::default(),
            is_closed: false,
        }
    }

    fn step<V: Venue>(&mut self, now: Timestamps) {
        self.prompt.market_changed(now);
        self.missed.add(&lines::<V>(&mut *self.prompt));
    }

    fn act<V: Venue>(&mut self, act: &Act, now: Timestamps) {
        match act {
            Act::Request(_, text) => self.request::<V>(text, now),
            Act::News(_) => {
                self.news::<V>(now);
                self.late.market_changed(now);
                assert_eq!(sent(&mut *self.late), [], "a second time");
            }
            Act::Binary(_) => {
                assert_eq!(self.both::<V>(|it| it.binary(now)), [Line::Close(1003)]);
                self.is_closed = true;
            }
            Act::Timeout(_) => {
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
                assert!(is_later || self.is_closed, "a timer that stays due");
            }
            _ => assert_eq!(self.both::<V>(|it| it.pong(now)), []),
        }
        assert_eq!(self.late.deadline(), self.prompt.deadline());
    }

    /// Does something to both sessions, which must send the same; returns that.
    fn both<V: Venue>(&mut self, act: impl Fn(&mut dyn Session)) -> Vec<Line> {
        let [late, prompt] = [&mut self.late, &mut self.prompt].map(|session| {
            act(&mut **session);
            lines::<V>(&mut **session)
        });
        assert_eq!(late, prompt);
        late
    }

    fn news<V: Venue>(&mut self, now: Timestamps) {
        self.late.market_changed(now);
        let new = lines::<V>(&mut *self.late);
        self.caught_up::<V>(&new);
    }

    fn caught_up<V: Venue>(&mut self, new: &[Line]) {
        let mut missed = std::mem::take(&mut self.missed);
        self.is_closed = *new == [Line::Close(1008)];
        let is_lost = V::is_lost(&missed);
        assert!(is_lost.is_none_or(|it| it == self.is_closed), "{missed:?}");
        if self.is_closed {
            return;
        }
        let mut received = Missed::default();
        received.add(new);
        // Of candles the last ones are kept.
        let is_candle = |key: &(String, usize)| key.0.starts_with("kline");
        let [kept, all] =
            [&received, &missed].map(|it| it.states.keys().filter(|key| is_candle(key)).count());
        assert!(kept >= all.min(BACKLOG));
        missed
            .states
            .retain(|key, _| !is_candle(key) || received.states.contains_key(key));
        assert_eq!(received.events, missed.events);
        assert_eq!(received.states, missed.states);
    }

    fn request<V: Venue>(&mut self, text: &str, now: Timestamps) {
        // A client that leaves a room gets nothing more of it; and assets are no part of a step.
        if text.contains("unsubscribe") || text.contains("asset_prices") {
            self.news::<V>(now);
            if self.is_closed {
                return;
            }
        }
        self.prompt.text(text, now);
        self.late.text(text, now);
        let [reply, late] = [&mut self.prompt, &mut self.late].map(|it| lines::<V>(&mut **it));
        let head = reply.iter().take_while(|it| it.rank().is_none()).count();
        let outcome = match &reply[..] {
            [] => Outcome::Nothing,
            [Line::Close(1000 | 1008)] => Outcome::Closed,
            [Line::Reply(text)] if V::is_refusal(text) => Outcome::Refused,
            // One line, or a confirmation for each room and then their states.
            [Line::Reply(_)] => Outcome::Accepted,
            _ if reply[..head].iter().all(Line::is_confirmation)
                && reply[head..].iter().all(|it| it.rank().is_some()) =>
            {
                Outcome::Accepted
            }
            _ => panic!("{text}: {reply:?}"),
        };
        assert!(V::may_be(outcome, self.target, text), "{text}: {reply:?}");
        let is_subscription = head < reply.len() || reply.iter().any(Line::is_confirmation);
        if outcome == Outcome::Closed || !is_subscription || self.missed.steps == 0 {
            self.is_closed |= outcome == Outcome::Closed;
            return assert_eq!(late, reply);
        }
        if late == [Line::Close(1008)] {
            return self.caught_up::<V>(&late);
        }
        // What is new comes before the states of the subscription.
        let head = if V::CONFIRMS_FIRST { head } else { 0 };
        let tail = late
            .len()
            .checked_sub(reply.len() - head)
            .expect("the reply");
        assert_eq!(
            (&late[..head], &late[tail..]),
            (&reply[..head], &reply[head..])
        );
        self.caught_up::<V>(&late[head..tail]);
    }

    /// After a close, nothing is sent any more. False: the pair is over.
    fn is_silent(&mut self, now: Timestamps) -> bool {
        self.late.text("x", now);
        self.late.market_changed(now);
        assert_eq!(sent(&mut *self.late), []);
        false
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn bayse_sessions_keep_invariants(acts in acts::<ticklot_sim::bayse::Exchange>()) {
        run::<ticklot_sim::bayse::Exchange>(&acts);
    }

    #[test]
    fn jayx_sessions_keep_invariants(acts in acts::<ticklot_sim::jayx::Exchange>()) {
        run::<ticklot_sim::jayx::Exchange>(&acts);
    }
}
