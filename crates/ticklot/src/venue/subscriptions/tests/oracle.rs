//! A naive model that searches all topics at each step. After each random operation, both must agree.

use super::*;

/// A topic in the model.
#[derive(Clone, Debug)]
struct Room {
    key: usize,
    topic: Item,
    name: Option<String>,
    state: State,
    due: bool,
    deadline: u64,
    attempts: u32,
    ends: u32,
    isolated: bool,
    /// Whether a renewal is in progress, and whether its subscription was sent.
    renewing: bool,
    resubscribed: bool,
    /// Whether the unsubscription of a renewal has a reply, and the number of that message.
    held: bool,
    group: usize,
}

#[derive(Clone, Debug)]
struct Sent {
    at: u64,
    unsubscribe: bool,
    rooms: Vec<(usize, Item)>,
}

impl Sent {
    fn has(&self, key: usize) -> bool {
        self.rooms.iter().any(|(it, _)| *it == key)
    }
}

#[derive(Debug, Default)]
struct Model {
    rooms: Vec<Room>,
    next_key: usize,
    messages: usize,
    sent: Vec<Sent>,
    orphans: Vec<String>,
    max: usize,
}

const ACK_TIMEOUT: u64 = 5 * SECOND;

impl Room {
    fn awaits(&self) -> bool {
        !self.due
            && matches!(
                self.state,
                State::Requested | State::Unsubscribing | State::Renewing
            )
    }

    /// Whether `deadline` applies.
    fn has_deadline(&self) -> bool {
        self.awaits() || (self.state == State::Waiting && !self.due)
    }

    /// Pauses after an end by the server.
    fn pause(&mut self, now: u64) {
        if now > self.deadline + 16 * ACK_TIMEOUT {
            self.ends = 0;
        }
        self.begin();
        self.due = false;
        self.deadline = now + ACK_TIMEOUT / 4 * (1 << self.ends.min(4));
        self.ends += 1;
    }

    /// Makes it due, without attempts.
    fn begin(&mut self) {
        (self.state, self.due, self.attempts, self.held) = (State::Waiting, true, 0, false);
    }

    fn priority(&self) -> usize {
        match self.state {
            State::Waiting if self.renewing => 0,
            State::Renewing => 1,
            _ => 2,
        }
    }

    fn is_unsubscribe(&self) -> bool {
        self.state != State::Waiting
    }

    fn is_nameless(&self) -> bool {
        self.topic.channel == 'k'
    }

    fn shares_with(&self, other: &Self) -> bool {
        let may_share = |it: &Self| {
            it.topic.is_batchable()
                && if it.is_unsubscribe() {
                    it.is_nameless()
                } else {
                    !it.isolated
                }
        };
        let same =
            self.priority() == other.priority() && self.is_unsubscribe() == other.is_unsubscribe();
        let keys = self.topic.channel == other.topic.channel;
        self.key == other.key || (same && keys && may_share(self) && may_share(other))
    }
}

impl Model {
    fn room(&mut self, topic: &Item) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|room| room.topic == *topic)
    }

    fn room_of(&mut self, key: usize) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|room| room.key == key)
    }

    fn remove(&mut self, key: usize) {
        self.rooms.retain(|room| room.key != key);
    }

    fn subscribe(&mut self, topic: &Item) -> bool {
        if let Some(room) = self.room(topic) {
            let changes = matches!(room.state, State::Unsubscribing | State::Refused);
            if changes {
                room.begin();
            }
            return changes;
        }
        let name = (!matches!(topic.channel, 'o' | 'k')).then(|| topic.server_name());
        self.rooms.push(Room {
            key: self.next_key,
            topic: topic.clone(),
            name,
            state: State::Waiting,
            due: true,
            deadline: 0,
            attempts: 0,
            ends: 0,
            isolated: false,
            renewing: false,
            resubscribed: false,
            held: false,
            group: 0,
        });
        self.next_key += 1;
        true
    }

    fn unsubscribe(&mut self, topic: &Item, open: bool) -> bool {
        let Some(room) = self.room(topic) else {
            return false;
        };
        if room.state == State::Unsubscribing {
            return false;
        }
        let unsent = room.state == State::Waiting && room.attempts == 0;
        let unnamed = room.name.is_none() && !room.is_nameless();
        let key = room.key;
        if !open || unsent || unnamed || room.held || room.state == State::Refused {
            self.remove(key);
            return true;
        }
        room.renewing = false;
        if room.state == State::Renewing && !room.due {
            room.state = State::Unsubscribing;
        } else {
            room.begin();
            room.state = State::Unsubscribing;
        }
        true
    }

    fn renew(&mut self, topic: &Item) -> bool {
        let Some(room) = self.room(topic) else {
            return false;
        };
        if room.renewing || matches!(room.state, State::Unsubscribing | State::Refused) {
            return false;
        }
        if room.state == State::Waiting && room.attempts == 0 {
            (room.renewing, room.resubscribed) = (true, false);
            return true;
        }
        if room.name.is_none() && !room.is_nameless() {
            return false;
        }
        room.begin();
        (room.state, room.renewing, room.resubscribed) = (State::Renewing, true, false);
        true
    }

    fn restart(&mut self) {
        self.sent.clear();
        self.orphans.clear();
        self.rooms.retain(|room| room.state != State::Unsubscribing);
        for room in &mut self.rooms {
            room.begin();
            (room.ends, room.isolated, room.renewing) = (0, false, false);
        }
    }

    fn send(&mut self, now: u64) -> Option<String> {
        let due = self.rooms.iter().filter(|room| room.due);
        let Some(first) = due.min_by_key(|room| (room.priority(), room.key)).cloned() else {
            return self.orphans.pop().map(|name| format!("unsubscribe {name}"));
        };
        let rooms: Vec<Room> = (self.rooms.iter())
            .filter(|room| room.due && room.shares_with(&first))
            .take(self.max)
            .cloned()
            .collect();
        let is_old = |sent: &Sent| now.saturating_sub(sent.at) > 16 * ACK_TIMEOUT;
        while self.sent.len() >= MAX_UNANSWERED || self.sent.first().is_some_and(is_old) {
            self.sent.remove(0);
        }
        let entry = |room: &Room| (room.key, room.topic.clone());
        self.sent.push(Sent {
            at: now,
            unsubscribe: first.is_unsubscribe(),
            rooms: rooms.iter().map(entry).collect(),
        });
        self.messages += 1;
        let group = self.messages;
        for room in &rooms {
            let room = self.room_of(room.key).unwrap();
            room.group = group;
            if room.state == State::Waiting {
                (room.state, room.resubscribed) = (State::Requested, true);
            }
            room.due = false;
            room.deadline = now + ACK_TIMEOUT * (1 << room.attempts.min(4));
            room.attempts += 1;
        }
        let ids: Vec<&str> = rooms.iter().map(|room| room.topic.id()).collect();
        Some(match (first.is_unsubscribe(), &first.name) {
            (false, _) => ids.join(" "),
            (true, Some(name)) => format!("unsubscribe {name}"),
            (true, None) => format!("unsubscribe {}", ids.join(" ")),
        })
    }

    fn deadline(&self) -> Option<Nanos> {
        let waiting = self.rooms.iter().filter(|room| room.has_deadline());
        waiting.map(|room| Nanos(room.deadline)).min()
    }

    /// The unconfirmed topics with their attempts.
    fn timeout(&mut self, now: u64) -> Vec<(String, u32)> {
        let is_late = |room: &Room| room.has_deadline() && room.deadline <= now;
        let mut unconfirmed: Vec<&Room> = self.rooms.iter().filter(|room| is_late(room)).collect();
        unconfirmed.retain(|room| room.state == State::Requested);
        unconfirmed.sort_by_key(|room| (room.deadline, room.key));
        let unconfirmed = unconfirmed
            .into_iter()
            .map(|room| (room.topic.id.clone(), room.attempts));
        let unconfirmed = unconfirmed.collect();
        self.rooms.retain(|room| {
            !(is_late(room) && room.state == State::Unsubscribing && room.attempts >= 3)
        });
        for room in self.rooms.iter_mut().filter(|room| is_late(room)) {
            (room.due, room.held) = (true, false);
            if room.state != State::Unsubscribing {
                room.state = State::Waiting;
            }
        }
        unconfirmed
    }

    fn find(&self, name: &str) -> Option<Item> {
        let known = |room: &&Room| room.name.as_deref() == Some(name);
        let unknown = |room: &&Room| {
            room.topic.channel == 'o' && room.name.is_none() && room.topic.is_named(name)
        };
        let mut rooms = self.rooms.iter();
        let found = rooms
            .find(known)
            .or_else(|| self.rooms.iter().find(unknown));
        found.map(|room| room.topic.clone())
    }

    /// The number of the oldest message with this topic.
    fn oldest(&self, key: usize, unsubscribe: bool) -> Option<usize> {
        self.sent
            .iter()
            .position(|sent| sent.unsubscribe == unsubscribe && sent.has(key))
    }

    /// Removes a topic from a message.
    fn reply(&mut self, at: usize, key: usize) {
        self.sent[at].rooms.retain(|(it, _)| *it != key);
        self.sent.retain(|sent| !sent.rooms.is_empty());
    }

    /// Subscribes again to complete renewal groups.
    fn release(&mut self) {
        let renewing = |it: &&Room| it.state == State::Renewing && !it.due && !it.held;
        let awaited: Vec<usize> = (self.rooms.iter().filter(renewing))
            .map(|room| room.group)
            .collect();
        for room in &mut self.rooms {
            if room.held && !awaited.contains(&room.group) {
                room.begin();
            }
        }
    }

    fn subscribed(&mut self, topic: &Item) -> Confirmed {
        let Some(key) = self.room(topic).map(|room| room.key) else {
            return Confirmed::Undesired;
        };
        if let Some(at) = self.oldest(key, false) {
            self.reply(at, key);
        }
        let room = self.room(topic).unwrap();
        if room.state == State::Unsubscribing {
            return Confirmed::Undesired;
        }
        if !room.renewing || room.resubscribed {
            (room.state, room.due, room.attempts) = (State::Subscribed, false, 0);
            room.renewing = false;
        }
        Confirmed::Desired
    }

    fn subscribed_name(&mut self, name: &str) -> Confirmed {
        let Some(topic) = self.find(name) else {
            return Confirmed::Undesired;
        };
        if let Some(room) = self.room(&topic) {
            room.name = Some(name.to_owned());
        }
        self.subscribed(&topic)
    }

    fn unsubscribed(&mut self, topic: &Item, refused: bool, now: u64) -> Confirmed {
        let Some(room) = self.room(topic).cloned() else {
            return Confirmed::Undesired;
        };
        let requested = self.oldest(room.key, true);
        if let Some(at) = requested {
            self.reply(at, room.key);
        }
        if room.state == State::Unsubscribing {
            self.remove(room.key);
            return Confirmed::Undesired;
        }
        let it = self.room(topic).unwrap();
        match room.state {
            State::Renewing if !room.due => (it.held, it.attempts) = (true, 0),
            State::Renewing | State::Subscribed if !refused && requested.is_some() => it.begin(),
            State::Renewing | State::Subscribed if !refused => it.pause(now),
            _ => {}
        }
        Confirmed::Desired
    }

    fn unsubscribed_name(&mut self, name: &str, now: u64) -> Confirmed {
        match self.find(name) {
            Some(topic) => self.unsubscribed(&topic, false, now),
            None => Confirmed::Undesired,
        }
    }

    fn refused_topic(&mut self, topic: &Item) -> bool {
        let Some(room) = self.room(topic).cloned() else {
            return false;
        };
        let Some(at) = self.sent.iter().position(|sent| sent.has(room.key)) else {
            return false;
        };
        if self.sent[at].unsubscribe {
            self.unsubscribed(topic, true, 0);
            return false;
        }
        self.reply(at, room.key);
        if room.state == State::Requested {
            self.refuse(room.key);
        }
        room.state == State::Requested
    }

    fn refuse(&mut self, key: usize) {
        let room = self.room_of(key).unwrap();
        (room.state, room.renewing) = (State::Refused, false);
    }

    fn find_rejected(&self, batch: Option<char>, word: &str) -> Option<usize> {
        let mut sent = self.sent.iter();
        let by_id = sent.position(|sent| sent.rooms.iter().any(|(_, topic)| topic.id == word));
        if by_id.is_some() || self.rooms.iter().any(|room| room.topic.id == word) {
            return by_id;
        }
        let is_it = |topic: &Item| batch.is_none_or(|batch| batch == topic.channel);
        let mut sent = self.sent.iter();
        sent.position(|sent| sent.rooms.iter().any(|(_, topic)| is_it(topic)))
    }

    fn refused(&mut self, batch: Option<char>, word: &str) -> Vec<Item> {
        let Some(at) = self.find_rejected(batch, word) else {
            return Vec::new();
        };
        let sent = self.sent.remove(at);
        let named = sent.rooms.iter().any(|(_, topic)| topic.id == word);
        let isolated = sent.rooms.len() == 1;
        let mut refused = Vec::new();
        for (key, topic) in &sent.rooms {
            let is_it = topic.id == word;
            let Some(room) = self.room_of(*key) else {
                continue;
            };
            match (sent.unsubscribe, room.state) {
                (true, State::Unsubscribing | State::Renewing) if named && !is_it => {
                    room.due = true;
                }
                (true, State::Unsubscribing) => self.remove(*key),
                (true, State::Renewing) if !room.due => (room.held, room.attempts) = (true, 0),
                (true, State::Requested) if named && !is_it => {
                    (room.state, room.due) = (State::Waiting, true);
                }
                (false, State::Requested) if is_it || isolated => {
                    self.refuse(*key);
                    refused.push(topic.clone());
                }
                (false, State::Requested) => {
                    (room.state, room.due, room.isolated) = (State::Waiting, true, !named);
                }
                _ => {}
            }
        }
        refused
    }

    fn rate_limited(&mut self) {
        let Some(sent) = self.sent.pop() else { return };
        for (key, _) in &sent.rooms {
            if let Some(room) = self.room_of(*key).filter(|room| room.awaits()) {
                room.due = true;
                if room.state == State::Requested {
                    room.state = State::Waiting;
                }
            }
        }
    }

    fn orphan(&mut self, name: &str) {
        let is_known = self.find(name).is_some() || self.orphans.iter().any(|it| it == name);
        if !is_known && self.orphans.len() < MAX_ORPHANS {
            self.orphans.push(name.to_owned());
        }
    }
}

/// The subscriptions, the model, and the time.
struct Pair {
    all: Subscriptions<Item>,
    model: Model,
    now: u64,
    random: fastrand::Rng,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let max = [1, 2, 3, 10][random.usize(0..4)];
        Self {
            all: empty(max),
            model: Model {
                max,
                ..Model::default()
            },
            now: 0,
            random,
        }
    }

    fn topic(&mut self) -> Item {
        let channel = ['b', 'k', 'k', 'o', 'p'][self.random.usize(0..5)];
        Item::new(channel, self.random.usize(0..6).to_string())
    }

    /// A topic of the oldest unanswered messages, so that replies often match.
    fn requested(&mut self) -> Item {
        let at = self.random.usize(0..3);
        let sent = self.model.sent.get(at).and_then(|sent| sent.rooms.first());
        match sent {
            Some((_, topic)) if self.random.u8(0..4) > 0 => topic.clone(),
            _ => self.topic(),
        }
    }

    fn step(&mut self) {
        let topic = self.topic();
        let requested = self.requested();
        let name = requested.server_name();
        let (all, model) = (&mut self.all, &mut self.model);
        match self.random.u8(0..64) {
            0..8 => assert_eq!(subscribe(all, topic.clone()), model.subscribe(&topic)),
            8..12 => {
                let open = self.random.u8(0..8) > 0;
                assert_eq!(
                    all.unsubscribe(&topic, open),
                    model.unsubscribe(&topic, open)
                );
            }
            12..20 => assert_eq!(all.renew(&topic), model.renew(&topic)),
            20..27 => assert_eq!(
                all.on_topic_subscribed(&requested),
                model.subscribed(&requested)
            ),
            27..31 => {
                let memory = all.memory() + all.name_growth(&name);
                assert_eq!(all.on_subscribed(&name), model.subscribed_name(&name));
                assert_eq!(all.memory(), memory);
            }
            31..38 => assert_eq!(
                all.on_topic_unsubscribed(&requested, Nanos(self.now)),
                model.unsubscribed(&requested, false, self.now)
            ),
            38..40 => assert_eq!(
                all.on_unsubscribed(&name, Nanos(self.now)),
                model.unsubscribed_name(&name, self.now)
            ),
            40..42 => assert_eq!(
                all.on_topic_refused(&requested),
                model.refused_topic(&requested)
            ),
            42..45 => {
                let batch = self.random.bool().then_some(topic.channel);
                let word = self
                    .random
                    .choice([requested.id.as_str(), "no"])
                    .unwrap_or("no");
                assert_eq!(
                    all.on_refused(batch, ["", word]),
                    model.refused(batch, word)
                );
            }
            45..47 => {
                all.on_rate_limited();
                model.rate_limited();
            }
            47 => {
                all.unsubscribe_orphan(&name);
                model.orphan(&name);
            }
            48 if self.random.u8(0..8) == 0 => {
                all.restart();
                model.restart();
            }
            48..52 => {
                self.now += self.random.u64(0..8 * SECOND);
                assert_eq!(timeout(all, Nanos(self.now)), model.timeout(self.now));
            }
            _ => assert_eq!(send(all, self.now), model.send(self.now)),
        }
        self.model.release();
        self.compare();
    }

    fn compare(&self) {
        let (all, model) = (&self.all, &self.model);
        let states: Vec<(&Item, State)> = all.iter().collect();
        let expected: Vec<(&Item, State)> =
            (model.rooms.iter().map(|room| (&room.topic, room.state))).collect();
        assert_eq!(states, expected);
        let is_desired = |room: &&Room| room.state != State::Unsubscribing;
        let desired = model.rooms.iter().filter(is_desired).count();
        assert_eq!(all.desired(), desired);
        let is_due = model.rooms.iter().any(|room| room.due) || !model.orphans.is_empty();
        assert_eq!(all.is_due(), is_due);
        assert_eq!(all.deadline(), model.deadline());
        assert_eq!(all.unacknowledged(), model.sent.len());
        check(all);
    }
}

#[test]
fn agrees_with_a_naive_model() {
    for seed in 0..200 {
        let mut pair = Pair::new(seed);
        for _ in 0..400 {
            pair.step();
        }
    }
}

/// Without errors and losses, all desired topics are confirmed after a few rounds.
#[test]
fn ordered_replies_satisfy_all() {
    for seed in 0..100 {
        let mut pair = Pair::new(seed);
        let mut replies = std::collections::VecDeque::new();
        for step in 0..400 {
            let topic = pair.topic();
            let all = &mut pair.all;
            match pair.random.u8(0..8) {
                0 if step < 300 => drop(subscribe(all, topic)),
                1 if step < 300 => drop(all.unsubscribe(&topic, true)),
                2 if step < 300 => drop(all.renew(&topic)),
                3 | 4 => {
                    let next: Option<(bool, Vec<Item>)> = replies.pop_front();
                    if let Some((is_subscribe, topics)) = next {
                        reply(all, is_subscribe, &topics);
                    }
                }
                _ => drop(all.send_next(Nanos(0), |message| {
                    replies.push_back(match message {
                        ToSend::Subscribe(topics) => (true, owned(topics)),
                        ToSend::Unsubscribe(topics) => (false, owned(topics)),
                        ToSend::UnsubscribeByName(name) => {
                            let (channel, id) = name.split_once(':').unwrap();
                            (false, vec![Item::new(channel.chars().next().unwrap(), id)])
                        }
                    });
                })),
            }
            check(&pair.all);
        }
        let mut states = pair.all.iter();
        assert!(
            states.all(|(_, state)| state == State::Subscribed),
            "{seed}"
        );
        let mut all = pair.all.all.values();
        assert!(all.all(|it| it.oldest_unanswered().is_none()), "{seed}");
    }
}

fn owned(topics: &[&Item]) -> Vec<Item> {
    topics.iter().copied().cloned().collect()
}

fn reply(all: &mut Subscriptions<Item>, is_subscribe: bool, topics: &[Item]) {
    for topic in topics {
        let name = topic.server_name();
        match (is_subscribe, topic.channel) {
            (true, 'k') => drop(all.on_topic_subscribed(topic)),
            (true, _) => {
                if all.on_subscribed(&name) == Confirmed::Undesired {
                    all.unsubscribe_orphan(&name);
                }
            }
            (false, 'k') => drop(all.on_topic_unsubscribed(topic, Nanos(0))),
            (false, _) => drop(all.on_unsubscribed(&name, Nanos(0))),
        }
    }
}
