//! Bayse Markets' server against a model of it.

pub(super) mod asks;
mod held;
mod log;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde_json::{Value, json};
use ticklot_book::Nanos;
use ticklot_sim::bayse::{Config, Currency, Exchange};
use ticklot_sim::{Rate, Session};

use self::asks::{Ask, Endpoint, OUTCOMES, Room, read};
use self::log::{Log, Witness, hears, witnesses};
use super::steps::Step;
use super::{Clock, Sent, json as parsed, lines, taken, text};

const SECOND: Duration = Duration::from_secs(1);
const TEN: Duration = Duration::from_secs(10);
const BACKLOG: usize = 6;
const MESSAGES: usize = 10;
const UPGRADES: usize = 5;

pub(super) fn run(steps: &[Step]) {
    let mut run = Run::new();
    for step in steps {
        run.take(step);
    }
}

fn config() -> Config {
    Config {
        backlog: BACKLOG,
        upgrades: Rate {
            count: UPGRADES as u32,
            per: TEN,
        },
        ..Config::default()
    }
}

struct Run {
    clock: Clock,
    exchange: Exchange,
    /// The same without the clients: what is told there must be told here.
    alone: Exchange,
    witnesses: [Vec<Witness>; 2],
    log: Log,
    clients: Vec<Client>,
    /// When an address was let in, in the last ten seconds.
    doors: BTreeMap<u8, VecDeque<Nanos>>,
}

struct Client {
    session: Box<dyn Session>,
    endpoint: Endpoint,
    rooms: Vec<Room>,
    /// When its messages of the last second came.
    window: VecDeque<Nanos>,
    ping_at: Nanos,
    pong_before: Nanos,
    step: u64,
    quotes: u64,
    is_closed: bool,
}

/// What has to come next.
enum Expected {
    Line(Value),
    /// One of these texts, as an error.
    Error(Vec<String>),
    Book(&'static str, usize, &'static str),
    Prices(&'static str),
    Asset(&'static str),
    Notice(String),
    Ping,
    Close(u16),
}

impl Run {
    fn new() -> Self {
        let clock = Clock::start();
        let exchange = || Exchange::new(config(), clock.now()).expect("a configuration of use");
        let (mut exchange, mut alone) = (exchange(), exchange());
        let witnesses = [&mut exchange, &mut alone].map(|exchange| witnesses(exchange, clock));
        let mut run = Self {
            clock,
            exchange,
            alone,
            witnesses,
            log: Log::default(),
            clients: Vec::new(),
            doors: BTreeMap::new(),
        };
        run.listen();
        run
    }

    /// Hears the witnesses of both, who must be told the same.
    fn listen(&mut self) {
        let now = self.clock.now();
        let [here, there] = &mut self.witnesses;
        for (here, there) in here.iter_mut().zip(there) {
            let mut heard = Vec::new();
            for witness in [here, there] {
                witness.0.pong(now);
                witness.0.news(now);
                heard.push(taken(&mut *witness.0));
            }
            assert_eq!(heard[0], heard[1], "others changed what is told");
            self.log.note(&heard[0], self.exchange.truth().step());
        }
        let truths = [self.exchange.truth(), self.alone.truth()];
        for outcome in OUTCOMES {
            for currency in [Currency::Usd, Currency::Ngn] {
                let [here, there] = truths.map(|it| it.book(outcome, currency));
                assert!(here.is_some() && here == there, "others moved a market");
            }
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Upgrade { target, from } => self.upgrade(target, *from),
            Step::Pass(ms) => self.clock.pass((*ms).into()),
            Step::Wall(seconds) => self.clock.set_wall(i64::from(*seconds) * 1_000),
            Step::Market => {
                let now = self.clock.now();
                self.exchange.step(now);
                self.alone.step(now);
                self.listen();
            }
            Step::Quote => {
                let now = self.clock.now();
                self.exchange.quote(now);
                self.alone.quote(now);
                self.log.quotes += 1;
                self.listen();
            }
            Step::Get(target) => self.get(target),
            Step::Text { client, text } => self.with(*client, |run, it| run.text(it, text)),
            Step::Binary { client } => self.with(*client, |run, it| {
                it.session.binary(run.clock.now());
                vec![Expected::Close(1003)]
            }),
            Step::Pong { client } => self.with(*client, |run, it| {
                it.session.pong(run.clock.now());
                it.pong_before = run.clock.after(Duration::from_secs(60));
                Vec::new()
            }),
            Step::Timeout { client } => self.with(*client, |run, it| run.timeout(it)),
            Step::News { client } => self.with(*client, |run, it| run.news(it)),
        }
    }

    fn upgrade(&mut self, target: &str, from: u8) {
        let (path, now) = (target.split('?').next(), self.clock.now());
        let ip = IpAddr::from(Ipv4Addr::new(10, 0, 0, from));
        let upgraded = self.exchange.upgrade(target, ip, now);
        let endpoint = Endpoint::ALL.into_iter().find(|it| Some(it.path()) == path);
        let door = self.doors.entry(from).or_default();
        door.retain(|at| now.at.since(*at) < TEN);
        let (session, endpoint) = match (upgraded, endpoint) {
            (Ok(session), Some(endpoint)) if door.len() < UPGRADES => (session, endpoint),
            (Err(refused), None) => return assert_eq!(refused.status, 404),
            (Err(refused), Some(_)) if door.len() >= UPGRADES => {
                assert_eq!(refused.status, 429);
                let wait = TEN - now.at.since(door[0]);
                let seconds = wait.as_nanos().div_ceil(SECOND.as_nanos());
                let seconds = Duration::from_secs(u64::try_from(seconds).expect("ten at most"));
                return assert_eq!(refused.retry_after, Some(seconds));
            }
            (upgraded, _) => panic!("{:?} for {target}", upgraded.err()),
        };
        door.push_back(now.at);
        let mut client = Client {
            session,
            endpoint,
            rooms: Vec::new(),
            window: VecDeque::new(),
            ping_at: self.clock.after(Duration::from_secs(54)),
            pong_before: self.clock.after(Duration::from_secs(60)),
            step: self.exchange.truth().step(),
            quotes: self.log.quotes,
            is_closed: false,
        };
        greeted(&mut *client.session, now.wall_ms);
        if self.clients.len() == 4 {
            self.clients.remove(0);
        }
        self.clients.push(client);
    }

    /// Does something to a client, and holds what it is sent to what is expected.
    fn with(&mut self, which: u8, act: impl FnOnce(&Self, &mut Client) -> Vec<Expected>) {
        if self.clients.is_empty() {
            return;
        }
        let place = usize::from(which) % self.clients.len();
        let mut client = self.clients.remove(place);
        let was_closed = client.is_closed;
        let mut expected = act(self, &mut client);
        if was_closed {
            expected.clear();
        }
        if let Some(last) = expected
            .iter()
            .position(|it| matches!(it, Expected::Close(_)))
        {
            expected.truncate(last + 1);
            client.is_closed = true;
        }
        let outgoing = taken(&mut *client.session);
        let sent = lines(&outgoing, parsed);
        assert_eq!(sent.len(), expected.len(), "{sent:?}");
        for (sent, expected) in sent.iter().zip(&expected) {
            self.hold(sent, expected);
        }
        let deadline = client.ping_at.min(client.pong_before);
        assert_eq!(client.session.deadline(), Some(deadline));
        self.clients.insert(place, client);
    }

    fn text(&self, client: &mut Client, text: &str) -> Vec<Expected> {
        let now = self.clock.now();
        client.session.text(text, now);
        client.window.retain(|at| now.at.since(*at) < SECOND);
        if client.window.len() >= MESSAGES {
            let too_many = "rate limit exceeded: too many messages";
            return vec![Expected::Error(vec![too_many.to_owned()])];
        }
        client.window.push_back(now.at);
        let wall = now.wall_ms;
        match read(text, client.endpoint) {
            Err(texts) => vec![Expected::Error(texts)],
            Ok(Ask::Ping) => vec![Expected::Line(json!({"type": "pong", "timestamp": wall}))],
            Ok(Ask::Unsubscribe(room)) => {
                client.rooms.retain(|it| it.name() != room);
                vec![Expected::Line(told(
                    "unsubscribed",
                    "Unsubscribed from",
                    &room,
                    wall,
                ))]
            }
            Ok(Ask::Subscribe(rooms)) => self.subscribe(client, &rooms, wall),
        }
    }

    /// First what is new, then each room's confirmation, then what each has at once.
    fn subscribe(&self, client: &mut Client, rooms: &[Room], wall: u64) -> Vec<Expected> {
        let mut expected = self.whats_new(client);
        for room in rooms {
            if !client.rooms.contains(room) {
                client.rooms.push(*room);
            }
            let line = told("subscribed", "Subscribed to", &room.name(), wall);
            expected.push(Expected::Line(line));
        }
        for room in rooms {
            match *room {
                Room::Prices(event) => expected.push(Expected::Prices(event)),
                Room::Books(market, currency) => expected.extend(books(market, currency)),
                Room::Asset(symbol) => expected.push(Expected::Asset(symbol)),
                _ => {}
            }
        }
        expected
    }

    fn timeout(&self, client: &mut Client) -> Vec<Expected> {
        let now = self.clock.now();
        client.session.timeout(now);
        if client.pong_before <= now.at {
            return vec![Expected::Close(1008)];
        }
        if client.ping_at <= now.at {
            client.ping_at = self.clock.after(Duration::from_secs(54));
            return vec![Expected::Ping];
        }
        Vec::new()
    }

    fn news(&self, client: &mut Client) -> Vec<Expected> {
        client.session.news(self.clock.now());
        let mut expected = self.whats_new(client);
        if client.quotes < self.log.quotes {
            client.quotes = self.log.quotes;
            expected.extend(client.rooms.iter().filter_map(|room| match room {
                Room::Asset(symbol) => Some(Expected::Asset(symbol)),
                _ => None,
            }));
        }
        expected
    }

    /// What the markets have done since the client was last told: fills, prices, books.
    fn whats_new(&self, client: &mut Client) -> Vec<Expected> {
        let (before, now) = (client.step, self.exchange.truth().step());
        client.step = now;
        let mut expected = Vec::new();
        if before == now {
            return expected;
        }
        let rooms = &client.rooms;
        if rooms.iter().any(|room| room.is_of_fills()) {
            if self.log.is_gone(before) {
                return vec![Expected::Close(1008)];
            }
            let notices = self.log.notices.iter().filter(|(step, ..)| *step > before);
            let heard = notices.filter(|(.., it)| rooms.iter().any(|room| hears(*room, it)));
            expected.extend(heard.map(|(_, line, _)| Expected::Notice(line.clone())));
        }
        for room in rooms {
            if let Room::Prices(event) = room
                && self
                    .log
                    .prices
                    .get(*event)
                    .is_some_and(|step| *step > before)
            {
                expected.push(Expected::Prices(event));
            }
        }
        for room in rooms {
            if let Room::Books(market, currency) = room {
                expected.extend(books(market, currency));
            }
        }
        expected
    }
}

/// A client is greeted, once.
fn greeted(session: &mut dyn Session, wall: u64) {
    let sent = lines(&taken(session), parsed);
    let [Sent::Line(_, greeting)] = sent.as_slice() else {
        panic!("{sent:?}");
    };
    let id = text(greeting, "clientId").expect("an id");
    assert_eq!(id.len(), 36);
    let whole = json!({
        "type": "connected", "status": "connected", "clientId": id,
        "message": "Successfully connected to WebSocket server", "timestamp": wall,
    });
    assert_eq!(*greeting, whole);
}

fn told(kind: &str, words: &str, room: &str, wall: u64) -> Value {
    json!({"type": kind, "room": room, "message": format!("{words}: {room}"), "timestamp": wall})
}

fn books(market: &'static str, currency: &'static str) -> [Expected; 2] {
    [0, 1].map(|outcome| Expected::Book(market, outcome, currency))
}
