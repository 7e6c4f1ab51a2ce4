//! Records the delta venue's messages to the client, which it reads without the client's code.

use serde_json::Value;
use ticklot::BookId;
use ticklot_book::{Level, Lots, Nanos, Ticks};

use super::super::host::Host;
use super::super::plan::{ConnectionPlan, DELTA};
use super::history::Book;
use super::{Invariant, Oracle};

/// The messages about a symbol that the client received on one connection.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// The highest id of all messages.
    highest: u64,
    /// The same before the current call to the session. A live book contains everything up to it.
    applied: u64,
    /// The id of the last altered message, until a later snapshot. A gap book may contain its levels, even if it was buffered
    /// until an earlier snapshot.
    altered: Option<u64>,
    /// The id of the snapshot in the current call. Until the end of the call, the handler may see the gap.
    snapshot: Option<u64>,
}

impl Oracle {
    /// Records the times of the server's update ids.
    pub(super) fn record_numbers(&mut self, host: &Host, now: Nanos) {
        host.numbers(|symbol, number| {
            let numbered = self.numbered.entry(symbol).or_default();
            numbered.entry(number).or_insert(now);
        });
    }

    pub(super) fn is_delta(&self, index: usize) -> bool {
        self.connections[index].plan.host() == DELTA
    }

    /// A message of the delta server reaches the client, on the connection or as a response.
    pub(super) fn delta_received(&mut self, index: usize, frame: &[u8], now: Nanos) {
        let message = Message::read(frame);
        let is_genuine = message.as_ref().is_none_or(|it| self.is_genuine(it));
        let Some(traffic) = &mut self.connections[index].traffic else {
            return;
        };
        traffic.last_received = now;
        let Some(message) = message else { return };
        let received = traffic.received.entry(message.symbol.clone()).or_default();
        if !is_genuine {
            received.altered = received.altered.max(Some(message.number));
        } else if message.is_snapshot {
            received.snapshot = Some(message.number);
        }
        if self.numbered_at(&message.symbol, message.number).is_none() {
            return;
        }
        let traffic = self.connections[index].traffic.as_mut();
        if let Some(received) =
            traffic.and_then(|traffic| traffic.received.get_mut(&message.symbol))
        {
            received.highest = received.highest.max(message.number);
        }
    }

    /// The client has processed all received messages.
    pub(super) fn deltas_applied(&mut self) {
        let open = self
            .connections
            .iter_mut()
            .filter_map(|index| index.traffic.as_mut());
        let received = open.flat_map(|traffic| traffic.received.values_mut());
        received.for_each(|received| {
            received.applied = received.highest;
            if let Some(number) = received.snapshot.take() {
                received.altered = received.altered.filter(|it| *it > number);
            }
        });
    }

    /// The time of an update id of the server.
    fn numbered_at(&self, symbol: &str, number: u64) -> Option<Nanos> {
        self.numbered.get(symbol)?.get(&number).copied()
    }

    /// Whether the levels of a message equal those of the server's book at its id.
    fn is_genuine(&self, message: &Message) -> bool {
        let at = self.numbered_at(&message.symbol, message.number);
        let timeline = self.history.get(&Book::new(DELTA, &message.symbol, 0));
        let Some(sides) = at.and_then(|at| timeline?.at(at)) else {
            return false;
        };
        let is_in = |side: &Vec<Level>, level: &Level| match level.lots {
            Lots(0) => side.iter().all(|it| it.ticks != level.ticks),
            _ => side.contains(level),
        };
        let mut both = sides.iter().zip(&message.sides);
        both.all(|(side, levels)| levels.iter().all(|level| is_in(side, level)))
    }

    /// The time since which the server must have had the levels of a book: that of the last message that the client received.
    /// `None` for a gap after an altered message, which may have any levels.
    pub(super) fn delta_since(&self, index: usize, name: &str, is_gap: bool) -> Option<Nanos> {
        let traffic = self.connections[index].traffic.as_ref()?;
        let received = traffic.received.get(name);
        if is_gap {
            let is_altered = received.is_some_and(|it| it.altered.is_some());
            return (!is_altered).then_some(traffic.upgraded);
        }
        let at = received.and_then(|it| self.numbered_at(name, it.applied));
        Some(at.unwrap_or(traffic.upgraded))
    }

    /// Checks that the connection of a live book received a frame within the staleness limit.
    pub(super) fn check_delta_liveness(&mut self, index: usize, id: BookId, now: Nanos) {
        let earliest = self.clock.earliest(now, self.limit);
        let received = self.connections[index]
            .traffic
            .as_ref()
            .map(|traffic| traffic.last_received);
        if received.is_some_and(|received| received < earliest) {
            let expected = format!("a frame since {} ns", earliest.0);
            let actual = format!("book {id} is live, the last frame was at {received:?}");
            self.report(now, Invariant::Staleness, expected, actual);
        }
    }

    /// Checks that with delta faults only, every gap was repaired without a new connection.
    pub(in super::super) fn check_connections(&mut self, now: Nanos) {
        let is_new = |index: &&super::ConnectionRecord| {
            matches!(index.plan, ConnectionPlan::Delta) && index.epochs > 1
        };
        if let Some(index) = self.connections.iter().find(is_new) {
            let actual = format!("{} connections to the delta venue", index.epochs);
            let expected = "gaps repaired on the first connection".to_owned();
            self.report(now, Invariant::Recovery, expected, actual);
        }
    }
}

/// A delta or a snapshot.
struct Message {
    symbol: String,
    number: u64,
    is_snapshot: bool,
    sides: [Vec<Level>; 2],
}

impl Message {
    fn read(frame: &[u8]) -> Option<Self> {
        let message: Value = serde_json::from_slice(frame).ok()?;
        let (is_snapshot, number, names) = match message["e"].as_str()? {
            "snapshot" => (true, &message["lastUpdateId"], ["bids", "asks"]),
            "depthUpdate" => (false, &message["u"], ["b", "a"]),
            _ => return None,
        };
        let [bids, asks] = names.map(|name| levels(&message[name]));
        Some(Self {
            symbol: message["s"].as_str()?.to_owned(),
            number: number.as_u64()?,
            is_snapshot,
            sides: [bids?, asks?],
        })
    }
}

fn levels(side: &Value) -> Option<Vec<Level>> {
    let number = |value: &Value| value.as_str()?.parse::<i64>().ok();
    let level = |level: &Value| {
        let (ticks, lots) = (number(&level[0])?, number(&level[1])?);
        Some(Level::new(Ticks(ticks), Lots(lots)))
    };
    side.as_array()?.iter().map(level).collect()
}
