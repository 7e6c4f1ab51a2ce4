//! Which rooms are desired, and what the server has said of each.
//!
//! A desired room is in one of three stages, so none is ever forgotten: it waits to be asked for, it
//! was asked for and the answer is due at a known time, or the server has answered. A room that is
//! given up waits to be left until the server confirms that.
//!
//! ```text
//!   want ──▶ Waiting ──asked──▶ Asked ──subscribed──▶ Joined
//!              ▲                  │  └──error──▶ Refused
//!              └── no answer in time, with patience that doubles
//! ```

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use ticklot_book::Nanos;
use ticklot_frame::bayse::{Channel, Currency};

use super::topic::Topic;
use crate::backoff::nanos;

/// The most rooms on one connection.
pub const MAX_ROOMS: usize = 10_000;
/// The most topics in one message: the venue's own limit on market ids.
const MAX_TOGETHER: usize = ticklot_frame::bayse::MAX_MARKETS;

/// How often patience doubles before it stays as it is.
const MAX_DOUBLINGS: u32 = 4;

/// How many times the patience a message is remembered for its answer: as long as patience grows.
const MEMORY: u64 = 1 << MAX_DOUBLINGS;

/// The most messages that are remembered for their answers; beyond it, the oldest is forgotten.
pub(crate) const MAX_UNANSWERED: usize = 1_024;

/// The most rooms that nobody desires and the server confirmed, and that are still to be left.
const MAX_STRAYS: usize = 16;

/// How often a room is asked to be left before it is taken for left.
const MAX_LEAVES: u32 = 3;

/// Where a room stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Desired, and to be asked for as soon as there is a place.
    Waiting,
    /// Asked for; the server has not answered yet.
    Asked,
    /// The server confirmed it.
    Joined,
    /// The server refused it. It is asked for again on the next connection.
    Refused,
    /// No longer desired; the server has not confirmed that yet.
    Leaving,
}

#[derive(Debug)]
struct Room {
    topic: Topic,
    /// Its name at the server, when it is known.
    name: Option<String>,
    stage: Stage,
    /// Whether it is to be sent: asked for, or left.
    due: bool,
    /// When an answer to what was sent is overdue.
    overdue: Nanos,
    /// How often it was sent without an answer.
    tries: u32,
    /// To be asked for alone: a message with others was refused, and it is not known for whose sake.
    alone: bool,
}

/// Something that was sent and not answered yet. It keeps its topics: an error may name one that is
/// desired no more, and is then no other's fault.
#[derive(Debug)]
pub(crate) enum Sent {
    Ask(Vec<(u64, Topic)>),
    Leave(u64),
}

/// What is to be sent next.
#[derive(Debug)]
pub(crate) enum ToSend<'a> {
    /// Ask for these, all of one channel.
    Ask(Vec<&'a Topic>),
    /// Leave the room of this name.
    Leave(&'a str),
}

/// What the server's confirmation was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirmed {
    /// A room that is desired.
    Desired,
    /// One that is not, any more or ever.
    Undesired,
}

/// The rooms of one connection.
#[derive(Debug)]
pub(crate) struct Rooms {
    /// In the order in which they were wanted.
    rooms: BTreeMap<u64, Room>,
    by_topic: HashMap<Topic, u64>,
    next_key: u64,
    /// What was sent and when, oldest first.
    sent: VecDeque<(Nanos, Sent)>,
    /// The names of rooms to be left that are nobody's desire.
    strays: Vec<String>,
    patience: Nanos,
    /// How many rooms are due to be sent: asked for, or left.
    due: usize,
    /// When the first answer is overdue.
    next_overdue: Option<Nanos>,
    currency: Currency,
    #[cfg(feature = "sabotage")]
    ack_not_required: bool,
}

impl Rooms {
    /// No rooms. A room that is not answered within `patience` is asked for again.
    pub(crate) fn new(patience: Duration, currency: Currency) -> Self {
        Self {
            rooms: BTreeMap::new(),
            by_topic: HashMap::new(),
            next_key: 0,
            sent: VecDeque::new(),
            strays: Vec::new(),
            patience: nanos(patience),
            due: 0,
            next_overdue: None,
            currency,
            #[cfg(feature = "sabotage")]
            ack_not_required: false,
        }
    }

    /// Takes what was sent for confirmed.
    #[cfg(feature = "sabotage")]
    pub(crate) fn sabotage(&mut self) {
        self.ack_not_required = true;
    }

    /// How many messages were sent that the server has not answered yet.
    pub(crate) fn unanswered(&self) -> usize {
        self.sent.len()
    }

    pub(crate) fn set_currency(&mut self, currency: Currency) {
        self.currency = currency;
        for room in self.rooms.values_mut() {
            room.name = room.topic.room_name(currency);
        }
    }

    pub(crate) fn currency(&self) -> Currency {
        self.currency
    }

    pub(crate) fn set_patience(&mut self, patience: Duration) {
        self.patience = nanos(patience);
    }

    /// Desires a room; false when it is desired already, or when there are too many.
    pub(crate) fn want(&mut self, topic: Topic) -> bool {
        if let Some(room) = self
            .by_topic
            .get(&topic)
            .and_then(|key| self.rooms.get_mut(key))
        {
            if !matches!(room.stage, Stage::Leaving | Stage::Refused) {
                return false;
            }
            // Asked for again: the order of the messages decides at the server.
            (room.stage, room.due, room.tries) = (Stage::Waiting, true, 0);
        } else if self.rooms.len() < MAX_ROOMS {
            let key = self.next_key;
            self.next_key += 1;
            self.by_topic.insert(topic.clone(), key);
            self.rooms.insert(key, Room::new(topic, self.currency));
        } else {
            return false;
        }
        self.recount();
        true
    }

    /// Desires a room no longer; false when it was not desired. `open` says whether the server may
    /// know of it.
    pub(crate) fn unwant(&mut self, topic: &Topic, open: bool) -> bool {
        let Some(&key) = self.by_topic.get(topic) else {
            return false;
        };
        let Some(room) = self.rooms.get_mut(&key) else {
            return false;
        };
        if room.stage == Stage::Leaving {
            return false;
        }
        let never_asked = room.stage == Stage::Waiting && room.tries == 0;
        // A room without a known name cannot be left yet: should the server confirm it after all,
        // its name comes with that.
        if never_asked || room.stage == Stage::Refused || room.name.is_none() || !open {
            self.remove(key);
        } else {
            (room.stage, room.due, room.tries) = (Stage::Leaving, true, 0);
        }
        self.recount();
        true
    }

    /// A new connection: everything desired is to be asked for, and nothing else is known of.
    pub(crate) fn restart(&mut self) {
        self.sent.clear();
        self.strays.clear();
        let left: Vec<u64> = self.keys(|room| room.stage == Stage::Leaving);
        for key in left {
            self.remove(key);
        }
        for room in self.rooms.values_mut() {
            (room.stage, room.due, room.tries, room.alone) = (Stage::Waiting, true, 0, false);
        }
        self.recount();
    }

    /// How many rooms are desired.
    pub(crate) fn desired(&self) -> usize {
        self.rooms
            .values()
            .filter(|room| room.stage != Stage::Leaving)
            .count()
    }

    /// Whether a topic is desired.
    #[cfg(test)]
    fn is_desired(&self, topic: &Topic) -> bool {
        self.stage(topic)
            .is_some_and(|stage| stage != Stage::Leaving)
    }

    /// Where a room stands; none when nothing is known of it.
    #[cfg(test)]
    fn stage(&self, topic: &Topic) -> Option<Stage> {
        let key = self.by_topic.get(topic)?;
        self.rooms.get(key).map(|room| room.stage)
    }

    /// All desired topics and where they stand.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Topic, Stage)> {
        self.rooms.values().map(|room| (&room.topic, room.stage))
    }

    /// Whether [`Rooms::send_next`] has something.
    pub(crate) fn is_due(&self) -> bool {
        self.due > 0
    }

    /// Gives what is to be sent next to `send`, and takes it for sent; false when nothing is due. Up
    /// to ten rooms of one channel go in one message, in the order in which they were wanted.
    pub(crate) fn send_next(&mut self, now: Nanos, send: impl FnOnce(&ToSend<'_>)) -> bool {
        // The common case on the hot path.
        if self.due == 0 {
            return false;
        }
        let Some((&first, room)) = self.rooms.iter().find(|(_, room)| room.due) else {
            return self.leave_stray(send);
        };
        if room.stage == Stage::Leaving {
            send(&ToSend::Leave(room.name.as_deref().unwrap_or_default()));
            self.remember(now, Sent::Leave(first));
            self.wait_for_answer(first, now);
        } else {
            let keys = self.together(first);
            let topics = keys
                .iter()
                .filter_map(|key| self.rooms.get(key))
                .map(|room| &room.topic);
            send(&ToSend::Ask(topics.collect()));
            for key in &keys {
                self.wait_for_answer(*key, now);
            }
            let asked = |key| Some((key, self.rooms.get(&key)?.topic.clone()));
            let asked = keys.into_iter().filter_map(asked).collect();
            self.remember(now, Sent::Ask(asked));
        }
        self.recount();
        true
    }

    /// Leaves a room that nobody desires. What the server says to it is of no interest.
    fn leave_stray(&mut self, send: impl FnOnce(&ToSend<'_>)) -> bool {
        let stray = self.strays.pop();
        if let Some(name) = &stray {
            send(&ToSend::Leave(name));
        }
        self.recount();
        stray.is_some()
    }

    /// The server confirmed a room that is not desired: it is left, once there is a place. However
    /// often it is confirmed until then, it is left once; beyond [`MAX_STRAYS`] rooms it is not left,
    /// and what comes of it is dropped.
    pub(crate) fn stray(&mut self, name: &str) {
        let is_known = self.find(name).is_some() || self.strays.iter().any(|it| it == name);
        if !is_known && self.strays.len() < MAX_STRAYS {
            self.strays.push(name.to_owned());
            self.recount();
        }
    }

    /// Keeps what was sent for its answer, and forgets what has had none for too long.
    fn remember(&mut self, now: Nanos, sent: Sent) {
        let memory = Nanos(self.patience.0.saturating_mul(MEMORY));
        let is_old = |(at, _): &(Nanos, Sent)| now.since(*at) > memory;
        while self.sent.len() >= MAX_UNANSWERED || self.sent.front().is_some_and(is_old) {
            self.sent.pop_front();
        }
        self.sent.push_back((now, sent));
    }

    /// The rooms that are asked for in one message with `first`.
    fn together(&self, first: u64) -> Vec<u64> {
        let Some(room) = self.rooms.get(&first) else {
            return Vec::new();
        };
        let channel = room.topic.channel();
        if room.alone || !room.topic.is_coalesced() {
            return vec![first];
        }
        let alike = |room: &Room| {
            room.due
                && room.stage == Stage::Waiting
                && !room.alone
                && room.topic.channel() == channel
        };
        let rooms = self.rooms.range(first..).filter(|(_, room)| alike(room));
        rooms.map(|(key, _)| *key).take(MAX_TOGETHER).collect()
    }

    fn wait_for_answer(&mut self, key: u64, now: Nanos) {
        let patience = self.patience;
        if let Some(room) = self.rooms.get_mut(&key) {
            if room.stage == Stage::Waiting {
                room.stage = Stage::Asked;
            }
            room.due = false;
            let doubled = patience
                .0
                .saturating_mul(1 << room.tries.min(MAX_DOUBLINGS));
            room.overdue = now.after(Nanos(doubled));
            room.tries = room.tries.saturating_add(1);
            #[cfg(feature = "sabotage")]
            if self.ack_not_required && room.stage == Stage::Asked {
                room.stage = Stage::Joined;
            }
        }
    }

    /// The server confirmed a subscription.
    pub(crate) fn joined(&mut self, name: &str) -> Confirmed {
        let Some(key) = self.find(name) else {
            return Confirmed::Undesired;
        };
        self.answered(key, false);
        let Some(room) = self.rooms.get_mut(&key) else {
            return Confirmed::Undesired;
        };
        room.name = Some(name.to_owned());
        if room.stage == Stage::Leaving {
            return Confirmed::Undesired;
        }
        (room.stage, room.due, room.tries) = (Stage::Joined, false, 0);
        self.recount();
        Confirmed::Desired
    }

    /// The server confirmed the end of a subscription.
    pub(crate) fn left(&mut self, name: &str) -> Confirmed {
        let Some(key) = self.find(name) else {
            return Confirmed::Undesired;
        };
        self.answered(key, true);
        let confirmed = match self.rooms.get_mut(&key) {
            Some(room) if room.stage == Stage::Leaving => {
                self.remove(key);
                Confirmed::Undesired
            }
            // It is desired and the server has let it go: unless it was just asked for, ask.
            Some(room) if room.stage == Stage::Joined => {
                (room.stage, room.due) = (Stage::Waiting, true);
                Confirmed::Desired
            }
            _ => Confirmed::Desired,
        };
        self.recount();
        confirmed
    }

    /// The room that the server calls so.
    fn find(&self, name: &str) -> Option<u64> {
        let is_it = |room: &Room| match &room.name {
            Some(known) => known == name,
            None => room.topic.is_room(name, self.currency),
        };
        self.rooms
            .iter()
            .find(|(_, room)| is_it(room))
            .map(|(key, _)| *key)
    }

    /// The server refused something: `channel` is what it was about, if the text tells; `named` whether
    /// the text names a topic. Returns the topics that are refused for good.
    ///
    /// Matched is the oldest unanswered message that fits. Of a message with several rooms none of
    /// which is named, each is asked for again alone: a server may refuse all for the sake of one.
    pub(crate) fn refused(
        &mut self,
        channel: Option<Channel>,
        named: impl Fn(&Topic) -> bool,
    ) -> Vec<Topic> {
        let Some(place) = self.guilty(channel, &named) else {
            return Vec::new();
        };
        let asked = match self.sent.remove(place) {
            None => return Vec::new(),
            Some((_, Sent::Ask(asked))) => asked,
            Some((_, Sent::Leave(key))) => {
                // Left or not, unless it is desired again: what still comes of it is dropped.
                if self
                    .rooms
                    .get(&key)
                    .is_some_and(|room| room.stage == Stage::Leaving)
                {
                    self.remove(key);
                }
                self.recount();
                return Vec::new();
            }
        };
        let any_named = asked.iter().any(|(_, topic)| named(topic));
        let several = asked.len() > 1;
        let mut refused = Vec::new();
        for (key, _) in asked {
            let Some(room) = self.rooms.get_mut(&key) else {
                continue;
            };
            if room.stage != Stage::Asked {
                continue;
            }
            if several && !(any_named && named(&room.topic)) {
                (room.stage, room.due, room.alone) = (Stage::Waiting, true, !any_named);
            } else {
                (room.stage, room.due) = (Stage::Refused, false);
                refused.push(room.topic.clone());
            }
        }
        self.recount();
        refused
    }

    /// Which unanswered message an error is about: one with a topic that it names, else one of its
    /// channel, else, when it tells neither, the oldest.
    fn guilty(&self, channel: Option<Channel>, named: &impl Fn(&Topic) -> bool) -> Option<usize> {
        let by_name = self.first_sent(named);
        if by_name.is_some() || self.rooms.values().any(|room| named(&room.topic)) {
            // One that is named and was not asked for is at least no other's fault.
            return by_name;
        }
        match channel {
            Some(channel) => self.first_sent(&|topic: &Topic| topic.channel() == channel),
            None => (!self.sent.is_empty()).then_some(0),
        }
    }

    /// The oldest unanswered message with such a topic.
    fn first_sent(&self, is_it: &impl Fn(&Topic) -> bool) -> Option<usize> {
        self.sent.iter().position(|(_, sent)| match sent {
            Sent::Ask(asked) => asked.iter().any(|(_, topic)| is_it(topic)),
            Sent::Leave(key) => self.rooms.get(key).is_some_and(|room| is_it(&room.topic)),
        })
    }

    /// The server took something for too much: what was sent last is sent again.
    pub(crate) fn too_much(&mut self) {
        if let Some((_, sent)) = self.sent.pop_back() {
            let keys = match sent {
                Sent::Ask(asked) => asked.into_iter().map(|(key, _)| key).collect(),
                Sent::Leave(key) => vec![key],
            };
            self.send_again(&keys);
            self.recount();
        }
    }

    /// When [`Rooms::timeout`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Nanos> {
        self.next_overdue
    }

    /// What was not answered in time is sent again.
    pub(crate) fn timeout(&mut self, now: Nanos) {
        let late: Vec<u64> = self.keys(|room| room.awaits_answer() && room.overdue <= now);
        self.send_again(&late);
        // What was sent is remembered all the same: its answer may be late, not lost.
        for key in late {
            let given_up = |room: &Room| room.stage == Stage::Leaving && room.tries >= MAX_LEAVES;
            if self.rooms.get(&key).is_some_and(given_up) {
                self.remove(key);
            }
        }
        self.recount();
    }

    fn send_again(&mut self, keys: &[u64]) {
        for key in keys {
            if let Some(room) = self.rooms.get_mut(key).filter(|room| room.awaits_answer()) {
                room.due = true;
                if room.stage == Stage::Asked {
                    room.stage = Stage::Waiting;
                }
            }
        }
    }

    fn keys(&self, which: impl Fn(&Room) -> bool) -> Vec<u64> {
        self.rooms
            .iter()
            .filter(|(_, room)| which(room))
            .map(|(key, _)| *key)
            .collect()
    }

    /// Strikes a room from the oldest unanswered message that it is in.
    fn answered(&mut self, key: u64, leaving: bool) {
        let place = self.sent.iter().position(|(_, sent)| match sent {
            Sent::Ask(asked) => !leaving && asked.iter().any(|(asked, _)| *asked == key),
            Sent::Leave(left) => leaving && *left == key,
        });
        let Some(place) = place else { return };
        let empty = match &mut self.sent[place].1 {
            Sent::Ask(asked) => {
                asked.retain(|(asked, _)| *asked != key);
                asked.is_empty()
            }
            Sent::Leave(_) => true,
        };
        if empty {
            self.sent.remove(place);
        }
    }

    fn remove(&mut self, key: u64) {
        if let Some(room) = self.rooms.remove(&key) {
            self.by_topic.remove(&room.topic);
        }
    }

    /// Counts again what the hot path asks for.
    fn recount(&mut self) {
        let due = self.rooms.values().filter(|room| room.due).count();
        self.due = due + self.strays.len();
        let waiting = self.rooms.values().filter(|room| room.awaits_answer());
        self.next_overdue = waiting.map(|room| room.overdue).min();
    }
}

impl Room {
    fn new(topic: Topic, currency: Currency) -> Self {
        Self {
            name: topic.room_name(currency),
            topic,
            stage: Stage::Waiting,
            due: true,
            overdue: Nanos(0),
            tries: 0,
            alone: false,
        }
    }

    fn awaits_answer(&self) -> bool {
        !self.due && matches!(self.stage, Stage::Asked | Stage::Leaving)
    }
}

#[cfg(test)]
mod tests;
