//! What passed on a connection, counted and read by the contract.

use std::time::Duration;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;
use ticklot::bayse::Currency;
use ticklot::{Books, Event};
use ticklot_book::Nanos;

use super::super::plan::{BAYSE, Place};
use super::deltas::Received;
use super::{Invariant, Judge, Line};

/// The venue's limit: so many messages in any second.
const MESSAGES: usize = 10;
const SECOND: Duration = Duration::from_secs(1);

/// How long an answer to a ping may take, in a world where sending takes none.
const ANSWER: Duration = Duration::from_millis(100);

/// One open connection.
#[derive(Debug)]
pub(super) struct Wire {
    /// When the server upgraded it.
    pub(super) upgraded: Nanos,
    /// Frames that were longer under way than all that came after them: when they came, and how
    /// long it took.
    slowest: VecDeque<(Nanos, Duration)>,
    /// When the last messages of the client left.
    sent: VecDeque<Nanos>,
    /// When the client last sent anything, or was told that it was too much.
    pub(super) moved: Nanos,
    /// When the client last sent a ping of its own.
    pub(super) pinged: Nanos,
    /// The server's ping that is to be answered.
    owed: Option<Nanos>,
    /// Rooms that the client asked for, and when it last did.
    pub(super) asked: BTreeMap<String, Nanos>,
    /// Rooms that the server confirmed, and has not ended since.
    pub(super) joined: BTreeSet<String>,
    /// Rooms that the server ended after it confirmed them, and when it last did.
    pub(super) ended: BTreeMap<String, Nanos>,
    /// Errors that the server told.
    pub(super) errors: Vec<String>,
    /// What was reported as refused.
    pub(super) reported: BTreeSet<String>,
    /// When the last frame was received.
    pub(super) heard: Nanos,
    /// The messages of the delta venue, by symbol.
    pub(super) received: BTreeMap<String, Received>,
}

impl Wire {
    pub(super) fn new(upgraded: Nanos, now: Nanos) -> Self {
        Self {
            upgraded,
            slowest: VecDeque::new(),
            sent: VecDeque::new(),
            moved: now,
            pinged: now,
            owed: None,
            asked: BTreeMap::new(),
            joined: BTreeSet::new(),
            ended: BTreeMap::new(),
            errors: Vec::new(),
            reported: BTreeSet::new(),
            heard: now,
            received: BTreeMap::new(),
        }
    }

    /// Whether the server told an error that names a room's market, event or user, and the user
    /// was told that it is about this room.
    pub(super) fn is_refused(&self, room: &str) -> bool {
        let id = room.split(':').nth(1).unwrap_or(room);
        let is_named = self.errors.iter().any(|error| error.contains(id));
        is_named && (self.reported.contains(room) || self.reported.contains(id))
    }

    /// The longest that a frame which came since then was under way.
    pub(super) fn transit(&self, since: Nanos) -> Duration {
        let mut late = self.slowest.iter().filter(|(came, _)| *came >= since);
        late.next().map_or(Duration::ZERO, |(_, took)| *took)
    }

    fn took(&mut self, now: Nanos, took: Duration) {
        while self.slowest.back().is_some_and(|(_, other)| *other <= took) {
            self.slowest.pop_back();
        }
        self.slowest.push_back((now, took));
        // Bounded: what is this old is no more asked for.
        const MOST: usize = 4_096;
        if self.slowest.len() > MOST {
            self.slowest.pop_front();
        }
    }
}

impl Judge {
    /// A message of the client's leaves.
    pub(in super::super) fn sent(&mut self, line: usize, message: &[u8], now: Nanos) {
        let is_bayse = self.lines[line].place.host() == BAYSE;
        let Line { place, wire, .. } = &mut self.lines[line];
        let Some(wire) = wire else {
            let actual = format!("connection {line} sends without being open");
            return self.accuse(now, Invariant::Trust, "silence".to_owned(), actual);
        };
        wire.moved = now;
        if !is_bayse {
            if message == b"3" {
                wire.owed = None;
            }
            return;
        }
        wire.sent.push_back(now);
        let first = match wire.sent.len() > MESSAGES {
            true => wire.sent.pop_front(),
            false => None,
        };
        match serde_json::from_slice(message) {
            Ok(message) => wire.read_request(&message, place, now),
            Err(error) => {
                let actual = format!("{error}: {}", String::from_utf8_lossy(message));
                return self.accuse(now, Invariant::Rooms, "a request".to_owned(), actual);
            }
        }
        if let Some(first) = first.filter(|first| now.since(*first) < SECOND) {
            let expected = format!("at most {MESSAGES} messages in 1000 ms");
            let took = now.since(first).as_millis();
            let actual = format!(
                "{} messages in {took} ms on connection {line}",
                MESSAGES + 1
            );
            self.accuse(now, Invariant::Rate, expected, actual);
        }
    }

    /// A frame that the server made at `born` reaches the client.
    pub(in super::super) fn came(&mut self, line: usize, frame: &[u8], born: Nanos, now: Nanos) {
        let is_bayse = self.lines[line].place.host() == BAYSE;
        let Some(wire) = &mut self.lines[line].wire else {
            return;
        };
        wire.took(now, now.since(born));
        if self.is_delta(line) {
            return self.delta_came(line, frame, now);
        }
        let Some(wire) = &mut self.lines[line].wire else {
            return;
        };
        if !is_bayse {
            if frame == b"2" {
                wire.owed = Some(now);
            }
            return;
        }
        for line in frame.split(|byte| *byte == b'\n') {
            let kinds: [&[u8]; 3] = [
                br#"{"type":"subscribed""#,
                br#"{"type":"unsubscribed""#,
                br#"{"type":"error""#,
            ];
            if kinds.iter().any(|kind| line.starts_with(kind))
                && let Ok(message) = serde_json::from_slice(line)
            {
                wire.read_answer(&message, now);
            }
        }
    }

    /// An event is delivered to the user.
    pub(in super::super) fn event(&mut self, event: &Event<'_>, books: &Books, now: Nanos) {
        self.delivered(event, books, now);
        if let Event::Refused {
            connection,
            message,
            room,
        } = event
            && let Some(wire) = &mut self.lines[super::line_of(*connection)].wire
        {
            wire.reported.insert(room.unwrap_or(message).to_owned());
        }
    }

    /// Whether pings are answered, and sent.
    pub(super) fn pings(&mut self, line: usize, now: Nanos) {
        let lost = self.lost();
        let Some(wire) = &self.lines[line].wire else {
            return;
        };
        if let Some(owed) = wire.owed
            && now.since(owed) > ANSWER
        {
            let actual = format!("none since {} ns on connection {line}", owed.0);
            self.accuse(now, Invariant::Pings, "a pong".to_owned(), actual);
        } else if let Some(every) = self.ping_every.filter(|_| self.is_bayse(line)) {
            // A complaint pauses for two windows, and stretches them eightfold.
            let most = every + super::rooms::IDLE + lost;
            let silent = now.since(wire.pinged);
            if silent > most {
                let expected = format!("a ping every {} ms", every.as_millis());
                let actual = format!("none for {} ms on {line}", silent.as_millis());
                self.accuse(now, Invariant::Pings, expected, actual);
            }
        }
    }

    pub(super) fn is_bayse(&self, line: usize) -> bool {
        self.lines[line].place.host() == BAYSE
    }
}

impl Wire {
    /// A request of the client's, by the contract.
    fn read_request(&mut self, message: &Value, place: &Place, now: Nanos) {
        if message["type"] == "ping" {
            self.pinged = now;
        }
        if let Place::Bayse { currency, .. } = place {
            let rooms = asked_rooms(message, *currency);
            self.asked.extend(rooms.into_iter().map(|room| (room, now)));
        }
    }

    /// An answer of the server's.
    fn read_answer(&mut self, message: &Value, now: Nanos) {
        let room = message["room"].as_str().unwrap_or_default();
        match message["type"].as_str() {
            Some("subscribed") => {
                self.joined.insert(room.to_owned());
            }
            // One that is not confirmed has no end: a repeated message begins no further wait.
            Some("unsubscribed") if self.joined.remove(room) => {
                self.ended.insert(room.to_owned(), now);
            }
            Some("error") => {
                let text = message["data"]["message"].as_str().unwrap_or_default();
                if text == "rate limit exceeded: too many messages" {
                    self.moved = now;
                } else {
                    self.errors.push(text.to_owned());
                }
            }
            _ => {}
        }
    }
}

/// The rooms that a message of the client's subscribes to.
pub(in super::super) fn asked_rooms(message: &Value, currency: Currency) -> Vec<String> {
    if message["type"] != "subscribe" {
        return Vec::new();
    }
    let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    let suffix = if currency == Currency::Ngn {
        ":NGN"
    } else {
        ""
    };
    match message["channel"].as_str() {
        Some("orderbook") => {
            let ids = message["marketIds"].as_array().cloned().unwrap_or_default();
            let ids = ids.iter().filter_map(Value::as_str);
            ids.map(|id| format!("orderbook:{id}{suffix}")).collect()
        }
        Some("prices") => vec![format!("prices:{}", text("eventId"))],
        Some("activity") if message.get("marketId").is_none() => {
            vec![format!("activity:{}", text("eventId"))]
        }
        Some("activity") => {
            vec![format!("activity:{}:{}", text("eventId"), text("marketId"))]
        }
        Some("user_trades") => vec![format!("user_trades:{}", text("userId"))],
        _ => Vec::new(),
    }
}
