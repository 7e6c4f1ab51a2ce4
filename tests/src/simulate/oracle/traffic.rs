//! The traffic of a connection, read according to the venue's contract.

use std::time::Duration;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;
use ticklot::bayse::Currency;
use ticklot::{Books, Event};
use ticklot_book::Nanos;

use super::super::plan::{BAYSE, ConnectionPlan};
use super::deltas::Received;
use super::{ConnectionRecord, Invariant, Oracle};

/// The venue's limit of messages in any second.
const MESSAGES: usize = 10;
const SECOND: Duration = Duration::from_secs(1);

/// The time limit of a pong. Sending takes no time in the simulation.
const PONG_LIMIT: Duration = Duration::from_millis(100);

/// One open connection.
#[derive(Debug)]
pub(super) struct Traffic {
    /// When the server upgraded it.
    pub(super) upgraded: Nanos,
    /// The arrival and the latency of frames that took longer than every later one.
    slowest: VecDeque<(Nanos, Duration)>,
    /// The times of the client's last messages.
    sent: VecDeque<Nanos>,
    /// The time of the client's last message, or of the last rate limit error.
    pub(super) last_sent: Nanos,
    /// The time of the client's last ping.
    pub(super) last_ping: Nanos,
    /// The time of the server's unanswered ping.
    ping_to_answer: Option<Nanos>,
    /// Rooms that the client requested, and the last time.
    pub(super) requested: BTreeMap<String, Nanos>,
    /// Rooms that the server confirmed and has not ended.
    pub(super) confirmed: BTreeSet<String>,
    /// Rooms that the server ended after a confirmation, and the last time.
    pub(super) ended: BTreeMap<String, Nanos>,
    /// Errors that the server sent.
    pub(super) errors: Vec<String>,
    /// Rooms or error texts that the client reported as refused.
    pub(super) reported: BTreeSet<String>,
    /// The time of the last received frame.
    pub(super) last_received: Nanos,
    /// The messages of the delta venue, by symbol.
    pub(super) received: BTreeMap<String, Received>,
}

impl Traffic {
    pub(super) fn new(upgraded: Nanos, now: Nanos) -> Self {
        Self {
            upgraded,
            slowest: VecDeque::new(),
            sent: VecDeque::new(),
            last_sent: now,
            last_ping: now,
            ping_to_answer: None,
            requested: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            ended: BTreeMap::new(),
            errors: Vec::new(),
            reported: BTreeSet::new(),
            last_received: now,
            received: BTreeMap::new(),
        }
    }

    /// Whether the server sent an error that names the room's market, event or user, and the client reported it for this
    /// room.
    pub(super) fn is_refused(&self, room: &str) -> bool {
        let id = room.split(':').nth(1).unwrap_or(room);
        let is_named = self.errors.iter().any(|error| error.contains(id));
        is_named && (self.reported.contains(room) || self.reported.contains(id))
    }

    /// The longest latency of a frame that arrived since a time.
    pub(super) fn transit(&self, since: Nanos) -> Duration {
        let mut late = self.slowest.iter().filter(|(arrived, _)| *arrived >= since);
        late.next().map_or(Duration::ZERO, |(_, took)| *took)
    }

    fn took(&mut self, now: Nanos, took: Duration) {
        while self.slowest.back().is_some_and(|(_, other)| *other <= took) {
            self.slowest.pop_back();
        }
        self.slowest.push_back((now, took));
        // Bounded. Such old entries are not needed.
        const LIMIT: usize = 4_096;
        if self.slowest.len() > LIMIT {
            self.slowest.pop_front();
        }
    }
}

impl Oracle {
    /// The client sends a message.
    pub(in super::super) fn sent(&mut self, index: usize, message: &[u8], now: Nanos) {
        let is_bayse = self.connections[index].plan.host() == BAYSE;
        let ConnectionRecord { plan, traffic, .. } = &mut self.connections[index];
        let Some(traffic) = traffic else {
            let actual = format!("connection {index} sends without being open");
            return self.report(now, Invariant::Validity, "silence".to_owned(), actual);
        };
        traffic.last_sent = now;
        if !is_bayse {
            if message == b"3" {
                traffic.ping_to_answer = None;
            }
            return;
        }
        traffic.sent.push_back(now);
        let first = match traffic.sent.len() > MESSAGES {
            true => traffic.sent.pop_front(),
            false => None,
        };
        match serde_json::from_slice(message) {
            Ok(message) => traffic.read_request(&message, plan, now),
            Err(error) => {
                let actual = format!("{error}: {}", String::from_utf8_lossy(message));
                return self.report(now, Invariant::Rooms, "a request".to_owned(), actual);
            }
        }
        if let Some(first) = first.filter(|first| now.since(*first) < SECOND) {
            let expected = format!("at most {MESSAGES} messages in 1000 ms");
            let took = now.since(first).as_millis();
            let actual = format!(
                "{} messages in {took} ms on connection {index}",
                MESSAGES + 1
            );
            self.report(now, Invariant::Rate, expected, actual);
        }
    }

    /// A frame that the server created at `born` reaches the client.
    pub(in super::super) fn received(
        &mut self,
        index: usize,
        frame: &[u8],
        born: Nanos,
        now: Nanos,
    ) {
        let is_bayse = self.connections[index].plan.host() == BAYSE;
        let Some(traffic) = &mut self.connections[index].traffic else {
            return;
        };
        traffic.took(now, now.since(born));
        if self.is_delta(index) {
            return self.delta_received(index, frame, now);
        }
        let Some(traffic) = &mut self.connections[index].traffic else {
            return;
        };
        if !is_bayse {
            if frame == b"2" {
                traffic.ping_to_answer = Some(now);
            }
            return;
        }
        for text in frame.split(|byte| *byte == b'\n') {
            let kinds: [&[u8]; 3] = [
                br#"{"type":"subscribed""#,
                br#"{"type":"unsubscribed""#,
                br#"{"type":"error""#,
            ];
            if kinds.iter().any(|kind| text.starts_with(kind))
                && let Ok(message) = serde_json::from_slice(text)
            {
                traffic.read_answer(&message, now);
            }
        }
    }

    /// An event is delivered to the user.
    pub(in super::super) fn event(&mut self, event: &Event<'_>, books: &Books, now: Nanos) {
        self.delivered(event, books, now);
        if let Event::Refused {
            connection,
            message,
            topic: room,
        } = event
            && let Some(traffic) = &mut self.connections[super::index_of(*connection)].traffic
        {
            traffic.reported.insert(room.unwrap_or(message).to_owned());
        }
    }

    /// Checks that pings are sent and have replies.
    pub(super) fn pings(&mut self, index: usize, now: Nanos) {
        let lost = self.lost();
        let Some(traffic) = &self.connections[index].traffic else {
            return;
        };
        if let Some(ping_to_answer) = traffic.ping_to_answer
            && now.since(ping_to_answer) > PONG_LIMIT
        {
            let actual = format!("none since {} ns on connection {index}", ping_to_answer.0);
            self.report(now, Invariant::Pings, "a pong".to_owned(), actual);
        } else if let Some(every) = self.ping_every.filter(|_| self.is_bayse(index)) {
            // A rate limit error pauses for two windows, and lengthens them eightfold.
            let most = every + super::rooms::IDLE + lost;
            let silent = now.since(traffic.last_ping);
            if silent > most {
                let expected = format!("a ping every {} ms", every.as_millis());
                let actual = format!("none for {} ms on {index}", silent.as_millis());
                self.report(now, Invariant::Pings, expected, actual);
            }
        }
    }

    pub(super) fn is_bayse(&self, index: usize) -> bool {
        self.connections[index].plan.host() == BAYSE
    }
}

impl Traffic {
    /// Records a request of the client.
    fn read_request(&mut self, message: &Value, plan: &ConnectionPlan, now: Nanos) {
        if message["type"] == "ping" {
            self.last_ping = now;
        }
        if let ConnectionPlan::Bayse { currency, .. } = plan {
            let rooms = requested_rooms(message, *currency);
            self.requested
                .extend(rooms.into_iter().map(|room| (room, now)));
        }
    }

    /// Records a reply of the server.
    fn read_answer(&mut self, message: &Value, now: Nanos) {
        let room = message["room"].as_str().unwrap_or_default();
        match message["type"].as_str() {
            Some("subscribed") => {
                self.confirmed.insert(room.to_owned());
            }
            // Only a confirmed room has an end: a repeated message does not start another wait.
            Some("unsubscribed") if self.confirmed.remove(room) => {
                self.ended.insert(room.to_owned(), now);
            }
            Some("error") => {
                let text = message["data"]["message"].as_str().unwrap_or_default();
                if text == "rate limit exceeded: too many messages" {
                    self.last_sent = now;
                } else {
                    self.errors.push(text.to_owned());
                }
            }
            _ => {}
        }
    }
}

/// The rooms that a message of the client subscribes to.
pub(in super::super) fn requested_rooms(message: &Value, currency: Currency) -> Vec<String> {
    if message["type"] != "subscribe" {
        return Vec::new();
    }
    let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    let suffix = match currency {
        Currency::Ngn => ":NGN",
        _ => "",
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
