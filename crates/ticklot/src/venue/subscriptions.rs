//! Desired subscriptions of one connection, and the stage of each at the server.
//!
//! [`Subscriptions`] does no I/O and writes no message. The venue reports acknowledgements and errors
//! to it; it decides which topics the next message carries, once the rate limit permits one.
//!
//! ```text
//!   want ──▶ Waiting ──sent──▶ Asked ──confirmed──▶ Joined
//!              ▲ ▲               │  └──error──▶ Refused
//!              │ └─no reply within the patience, which doubles
//!              │
//!              └──left, or no reply── Renewing ◀──renew── Joined, Asked
//!
//!   Joined ──ended by the server──▶ Waiting, and not sent before a wait, which doubles
//!
//!   unwant ──▶ Leaving ──left, refused, or three times without a reply──▶ forgotten
//! ```
//!
//! Each desired topic is in one of these stages, so none is ever lost: it waits for its turn, its
//! acknowledgement or its wait has a deadline, or the server has replied.
//!
//! # Order of messages
//!
//! 1. Subscriptions that complete a renewal.
//! 2. Unsubscriptions that begin a renewal.
//! 3. All other topics, in the order of the calls to [`Subscriptions::subscribe`].
//! 4. Stray subscriptions: see [`Subscriptions::unsubscribe_orphan`].
//!
//! A message carries one kind of work for topics of one [batch key](Topic::Batch).
//!
//! # Cost
//!
//! With `n` topics, each call costs `O(log n)` for each topic that it changes. The exceptions:
//!
//! - [`Subscriptions::restart`], [`Subscriptions::rename`] and [`Subscriptions::iter`] visit all topics.
//! - [`Subscriptions::on_refused`] visits unanswered messages, at most 1,024, when the error text contains
//!   no id, and then the topics of one message.
//! - A name that no topic is known by is compared with the topics of [unknown name](Name::Unknown).
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use ticklot::Nanos;
//! use ticklot::venue::subscriptions::{Name, Stage, Subscriptions, ToSend, Topic};
//!
//! #[derive(Clone, Debug, PartialEq, Eq, Hash)]
//! struct Ticker(&'static str);
//!
//! impl Topic for Ticker {
//!     type Batch = ();
//!     fn batch(&self) {}
//!     fn id(&self) -> &str {
//!         self.0
//!     }
//! }
//!
//! let mut subscriptions = Subscriptions::new(Duration::from_secs(5), 100);
//! subscriptions.subscribe(Ticker("BTC/USD"), Name::Unused);
//! subscriptions.subscribe(Ticker("ETH/USD"), Name::Unused);
//! subscriptions.send_next(Nanos(0), |message| match message {
//!     ToSend::Subscribe(topics) => assert_eq!(topics.len(), 2),
//!     ToSend::Unsubscribe(_) | ToSend::Leave(_) => unreachable!(),
//! });
//! subscriptions.on_topic_subscribed(&Ticker("BTC/USD"));
//! assert_eq!(subscriptions.stage(&Ticker("BTC/USD")), Some(Stage::Joined));
//! assert_eq!(subscriptions.stage(&Ticker("ETH/USD")), Some(Stage::Asked));
//! assert_eq!(subscriptions.deadline(), Some(Nanos(5_000_000_000)));
//! ```

mod index;
mod names;
mod subscription;
mod unanswered;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::Hash;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use smallvec::{SmallVec, smallvec};
use ticklot_book::Nanos;

use self::index::{Index, Keys};
use self::names::Names;
use self::subscription::Subscription;
pub use self::unanswered::Action;
use self::unanswered::{Message, Unanswered};

/// How often the patience doubles before it stays constant.
const MAX_DOUBLINGS: u32 = 4;

/// The topics of a message that need no allocation: as many as a message of Bayse Markets has.
pub(crate) const INLINE: usize = 10;

/// How long a message is remembered, in multiples of the patience: as long as the patience grows.
const MEMORY: u32 = 1 << MAX_DOUBLINGS;

/// The most unanswered messages that are remembered. The oldest is forgotten first.
const MAX_UNANSWERED: usize = 1_024;

/// The most stray subscriptions that wait to be left.
const MAX_STRAYS: usize = 16;

/// About what a topic takes in bytes besides its texts: itself, and an entry of each index.
const TOPIC_BYTES: usize = 1_024;

/// How many copies of its texts there may be: its own, one of an index, and a venue's.
const TEXT_COPIES: usize = 3;

/// How often an unsubscription is sent before the topic is taken for left.
const MAX_LEAVES: u32 = 3;

/// Something to subscribe to.
pub trait Topic: Clone + Eq + Hash + fmt::Debug {
    /// Topics with equal keys may share a message: the channel, say, with its parameters.
    type Batch: Copy + Eq + Hash + fmt::Debug;

    /// The key of this topic.
    fn batch(&self) -> Self::Batch;

    /// Whether it may share a message with other topics of its key. By default it may.
    fn is_batchable(&self) -> bool {
        true
    }

    /// The identifier that an error text of the server may contain, such as a symbol.
    fn id(&self) -> &str;

    /// Whether the server's `name` means this topic. Only called for a topic whose name is
    /// [unknown](Name::Unknown). By default it does not.
    fn is_named(&self, name: &str) -> bool {
        let _ = name;
        false
    }
}

/// The server's name for a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// There is none. Messages and acknowledgements carry the topic: [`ToSend::Unsubscribe`],
    /// [`Subscriptions::on_topic_subscribed`].
    Unused,
    /// Known in advance. The subscription is left by this name, one in a message: [`ToSend::Leave`].
    Known(Arc<str>),
    /// The first confirmation that [`Topic::is_named`] accepts contains it. Until then the
    /// subscription cannot be left.
    Unknown,
}

impl Name {
    /// A name that is known in advance.
    #[must_use]
    pub fn known(name: impl Into<Arc<str>>) -> Self {
        Self::Known(name.into())
    }
}

/// The stage of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Desired, and not sent yet.
    Waiting,
    /// Sent, and not acknowledged yet.
    Asked,
    /// The server confirmed it.
    Joined,
    /// The server refused it. It is sent again on the next connection.
    Refused,
    /// No longer desired, and the server has not confirmed the end yet.
    Leaving,
    /// Desired. It is left first and then subscribed to again, for a fresh snapshot.
    Renewing,
}

/// The next message.
#[derive(Debug)]
pub enum ToSend<'a, T> {
    /// Subscribes to these topics, all of one batch key.
    Subscribe(&'a [&'a T]),
    /// Unsubscribes from these topics, all of one batch key and [without names](Name::Unused).
    Unsubscribe(&'a [&'a T]),
    /// Unsubscribes by the server's name.
    Leave(&'a str),
}

/// Whether a confirmation was about a desired topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The topic is desired.
    Desired,
    /// The topic is unknown, or no longer desired.
    Undesired,
}

/// The subscriptions of one connection. See the [module](self) for stages, order and cost.
#[derive(Debug)]
pub struct Subscriptions<T: Topic> {
    /// By key. Keys ascend in the order in which the topics were wanted, and are never reused.
    all: BTreeMap<u64, Subscription<T>>,
    by_topic: HashMap<Arc<T>, u64>,
    next_key: u64,
    names: Names,
    index: Index<T::Batch>,
    unanswered: Unanswered<T>,
    /// Names of confirmed subscriptions that are not desired and not left yet.
    strays: Vec<String>,
    patience: Duration,
    max_per_message: usize,
    max_topics: usize,
    /// What the topics hold.
    bytes: usize,
    touched: Touched,
}

/// # Desired topics
impl<T: Topic> Subscriptions<T> {
    /// No topics. A message carries at most `max_per_message` of them. A topic that is not
    /// acknowledged within `patience` is sent again; each time the patience doubles, up to 16 times
    /// its length.
    #[must_use]
    pub fn new(patience: Duration, max_per_message: usize) -> Self {
        Self {
            all: BTreeMap::new(),
            by_topic: HashMap::new(),
            next_key: 0,
            names: Names::default(),
            index: Index::default(),
            unanswered: Unanswered::default(),
            strays: Vec::new(),
            patience,
            max_per_message: max_per_message.max(1),
            max_topics: usize::MAX,
            bytes: 0,
            touched: Touched::default(),
        }
    }

    /// Limits the number of topics, those that are being left included. Default: no limit.
    #[must_use]
    pub fn max_topics(mut self, max: usize) -> Self {
        self.max_topics = max;
        self
    }

    /// Replaces the patience, for messages from now on.
    pub fn set_ack_timeout(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Replaces the server's name of each topic. Names that confirmations contained are forgotten.
    pub fn rename(&mut self, mut name: impl FnMut(&T) -> Name) {
        for (&key, subscription) in &mut self.all {
            self.touched.add(1);
            self.index.remove(key, subscription);
            self.names.remove(key, &subscription.name);
            self.bytes -= subscription.bytes();
            subscription.name = name(&subscription.topic);
            self.bytes += subscription.bytes();
            self.names.insert(key, &subscription.name);
            self.index.insert(key, subscription);
        }
    }

    /// Desires a topic. Returns false when it is desired already and not refused, or when there are
    /// too many.
    pub fn subscribe(&mut self, topic: T, name: Name) -> bool {
        if let Some(&key) = self.by_topic.get(&topic) {
            return self.update(key, Subscription::want).unwrap_or(false);
        }
        if self.all.len() >= self.max_topics {
            return false;
        }
        self.insert(Subscription::new(topic, name));
        true
    }

    /// Desires a topic no longer. Returns false when it was not desired. `open` is whether there is
    /// a connection, so that the server may know the topic.
    pub fn unsubscribe(&mut self, topic: &T, open: bool) -> bool {
        let Some((key, subscription)) = self.get(topic) else {
            return false;
        };
        if subscription.stage == Stage::Leaving {
            return false;
        }
        if open && subscription.must_be_left() {
            self.update(key, Subscription::leave);
        } else {
            self.remove(key);
        }
        true
    }

    /// Requests a fresh snapshot of a topic: leaves it and subscribes to it again, before all other
    /// waiting topics. Renewals of one batch key share messages. Topics that are left together are
    /// subscribed to again together, once all are acknowledged, so that the second message is as full
    /// as the first. An acknowledgement that is missing delays them by no more than the patience.
    ///
    /// A topic that the server does not know yet is only moved to the front.
    ///
    /// Returns false when nothing changes: the topic is not desired, it is refused, it cannot be
    /// left since its name is still unknown, or a renewal is under way already.
    pub fn renew(&mut self, topic: &T) -> bool {
        let Some((key, _)) = self.get(topic) else {
            return false;
        };
        self.update(key, Subscription::renew).unwrap_or(false)
    }

    /// Begins a new connection, on which all desired topics are sent again.
    pub fn restart(&mut self) {
        self.unanswered.clear();
        self.strays.clear();
        let keys: Vec<u64> = self.all.keys().copied().collect();
        for key in keys {
            if self.update(key, Subscription::restart) == Some(Stage::Leaving) {
                self.remove(key);
            }
        }
    }

    /// The number of desired topics.
    #[must_use]
    pub fn desired(&self) -> usize {
        self.all.len() - self.index.leaving()
    }

    /// About how many bytes the topics hold, those that are being left included: for
    /// [`Venue::memory`](crate::venue::Venue::memory).
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes
    }

    /// What [`Subscriptions::subscribe`] would add to [`Subscriptions::memory`]: for
    /// [`Context::has_room_for`](crate::venue::Context::has_room_for).
    #[must_use]
    pub fn growth(&self, topic: &T, name: &Name) -> usize {
        match self.by_topic.contains_key(topic) {
            true => 0,
            false => topic_bytes(topic, name),
        }
    }

    /// What [`Subscriptions::on_subscribed`] would add to it: the name, when it was unknown.
    #[must_use]
    pub fn name_growth(&self, name: &str) -> usize {
        match self.names.get(name).is_none() && self.find(name).is_some() {
            true => TEXT_COPIES * name.len(),
            false => 0,
        }
    }

    /// Whether a topic is desired.
    #[must_use]
    pub fn is_desired(&self, topic: &T) -> bool {
        self.stage(topic)
            .is_some_and(|stage| stage != Stage::Leaving)
    }

    /// The stage of a topic; none when it is neither desired nor being left.
    #[must_use]
    pub fn stage(&self, topic: &T) -> Option<Stage> {
        self.get(topic).map(|(_, subscription)| subscription.stage)
    }

    /// All topics that are desired or being left, in the order in which they were wanted.
    pub fn iter(&self) -> impl Iterator<Item = (&T, Stage)> {
        self.all.values().map(|it| (&*it.topic, it.stage))
    }
}

/// # Messages and deadlines
impl<T: Topic> Subscriptions<T> {
    /// Whether [`Subscriptions::send_next`] has a message.
    #[must_use]
    pub fn is_due(&self) -> bool {
        !self.index.is_idle() || !self.strays.is_empty()
    }

    /// Passes the next message to `send`, and takes it for sent. Returns false when there is none.
    pub fn send_next(&mut self, now: Nanos, send: impl FnOnce(ToSend<'_, T>)) -> bool {
        // The common case on the hot path.
        if self.index.is_idle() && self.strays.is_empty() {
            return false;
        }
        let Some((action, keys)) = self.next_message() else {
            return self.send_orphan(send);
        };
        let subscriptions = || keys.iter().filter_map(|key| self.all.get(key));
        let topics: SmallVec<[&T; INLINE]> = subscriptions().map(|it| &*it.topic).collect();
        match (action, subscriptions().next().and_then(Subscription::known)) {
            (Action::Subscribe, _) => send(ToSend::Subscribe(&topics)),
            (Action::Unsubscribe, Some(name)) => send(ToSend::Leave(name)),
            (Action::Unsubscribe, None) => send(ToSend::Unsubscribe(&topics)),
        }
        drop(topics);
        self.sent(now, action, &keys);
        true
    }

    /// When [`Subscriptions::timeout`] is to be called.
    #[must_use]
    pub fn deadline(&self) -> Option<Nanos> {
        self.index.deadline()
    }

    /// Sends again each topic whose acknowledgement is overdue. Its messages are remembered all the
    /// same: an acknowledgement may be late, not lost. `unconfirmed` is called with each desired topic of
    /// them, and with the number of its requests: for [`Context::unconfirmed`](crate::venue::Context::unconfirmed).
    /// When it breaks, the others wait for the next call.
    ///
    /// Subscribes again to each topic that the server ended by itself, when its wait is over.
    pub fn timeout(
        &mut self,
        now: Nanos,
        mut unconfirmed: impl FnMut(&T, u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        while let Some(key) = self.index.overdue(now) {
            let late = self.all.get(&key).and_then(Subscription::unconfirmed);
            if self.update(key, Subscription::overdue) == Some(true) {
                self.remove(key);
            }
            if let Some((topic, attempts)) = late {
                unconfirmed(&topic, attempts)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether a message of this kind about a topic has no reply yet.
    #[must_use]
    pub fn awaits_reply(&self, topic: &T, action: Action) -> bool {
        self.get(topic)
            .is_some_and(|(_, subscription)| subscription.is_unanswered(action))
    }

    /// The number of messages without an acknowledgement: at most 1,024 are remembered.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.unanswered.len()
    }
}

/// # Replies of the server
impl<T: Topic> Subscriptions<T> {
    /// The server confirmed the subscription of this name.
    pub fn on_subscribed(&mut self, name: &str) -> Confirmed {
        let Some(key) = self.find(name) else {
            return Confirmed::Undesired;
        };
        if let Some(subscription) = self.all.get_mut(&key) {
            self.bytes -= subscription.bytes();
            self.names.learn(key, &mut subscription.name, name);
            self.bytes += subscription.bytes();
        }
        self.joined_key(key)
    }

    /// The server confirmed the subscription to this topic.
    pub fn on_topic_subscribed(&mut self, topic: &T) -> Confirmed {
        match self.get(topic) {
            Some((key, _)) => self.joined_key(key),
            None => Confirmed::Undesired,
        }
    }

    /// The server confirmed the end of the subscription of this name. A desired topic that the
    /// server ended by itself is subscribed to again after a quarter of the patience. The wait doubles when that
    /// happens again, up to four times the patience; it starts again after a subscription that lasted for 16
    /// times the patience.
    pub fn on_unsubscribed(&mut self, name: &str, now: Nanos) -> Confirmed {
        match self.find(name) {
            Some(key) => self.left_key(key, now),
            None => Confirmed::Undesired,
        }
    }

    /// The server confirmed the end of the subscription to this topic: as [`Subscriptions::on_unsubscribed`].
    pub fn on_topic_unsubscribed(&mut self, topic: &T, now: Nanos) -> Confirmed {
        match self.get(topic) {
            Some((key, _)) => self.left_key(key, now),
            None => Confirmed::Undesired,
        }
    }

    /// The server refused something and did not name the message. `words` are the words of the error
    /// text: one of them may be the [id](Topic::id) of a topic. `batch` is the key that the text is
    /// about, if it is known. Returns the topics that are now refused.
    ///
    /// The error belongs to the oldest unanswered message with a topic whose id is a word, else to
    /// the oldest of the key, else, without a key, to the oldest. If a word is the id of a topic
    /// without an unanswered message, then it belongs to none.
    ///
    /// If a message has several topics and no word is an id of theirs, then each is sent again alone:
    /// a server may refuse all because of one.
    ///
    /// The search costs two look-ups for each word. Without an id among the words, the search for
    /// the key visits the unanswered messages, at most 1,024, up to the match.
    pub fn on_refused<'a>(
        &mut self,
        batch: Option<T::Batch>,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Vec<T> {
        let words: HashSet<&str> = words.into_iter().collect();
        let message = self
            .find_rejected(batch, &words)
            .and_then(|seq| self.take(seq));
        match message {
            Some(message) if message.action == Action::Subscribe => {
                self.subscribe_refused(&message, &words)
            }
            Some(message) => {
                self.unsubscribe_refused(&message, &words);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// The server refused the oldest unanswered message about this topic, as far as it concerns this
    /// topic. Returns whether the topic is now refused. A refused unsubscription counts as left.
    pub fn on_topic_refused(&mut self, topic: &T) -> bool {
        let subscription = self.get(topic).map(|(_, subscription)| subscription);
        let action = subscription.and_then(Subscription::oldest_unanswered);
        action.is_some_and(|action| self.on_request_refused(topic, action))
    }

    /// As [`Subscriptions::on_topic_refused`], of the oldest unanswered message of this kind. Without one,
    /// nothing changes.
    pub fn on_request_refused(&mut self, topic: &T, action: Action) -> bool {
        let Some((key, subscription)) = self.get(topic) else {
            return false;
        };
        if !subscription.is_unanswered(action) {
            return false;
        }
        match action {
            Action::Subscribe => {
                self.remove_unacknowledged(key, action);
                self.update(key, Subscription::refuse).unwrap_or(false)
            }
            Action::Unsubscribe => {
                self.unsubscribed(key);
                false
            }
        }
    }

    /// The server dropped the oldest unanswered message of this kind because of its rate limit, as far as
    /// it concerns this topic: it is sent again.
    pub fn on_topic_rate_limited(&mut self, topic: &T, action: Action) {
        if let Some((key, _)) = self.get(topic) {
            self.remove_unacknowledged(key, action);
            self.update(key, Subscription::repeat);
        }
    }

    /// The server dropped the latest message because of its rate limit: its topics are sent again.
    pub fn on_rate_limited(&mut self) {
        let Some(message) = self.unanswered.last().and_then(|seq| self.take(seq)) else {
            return;
        };
        for &key in message.topics.keys() {
            self.update(key, Subscription::repeat);
        }
    }

    /// The server confirmed a subscription that is not desired: it is left by its name, once no
    /// desired topic is due. A repeated name is left once. At most 16 names wait; further ones are
    /// ignored.
    pub fn unsubscribe_orphan(&mut self, name: &str) {
        let is_known = self.find(name).is_some() || self.strays.iter().any(|it| it == name);
        if !is_known && self.strays.len() < MAX_STRAYS {
            self.strays.push(name.to_owned());
        }
    }
}

/// Replies in detail.
impl<T: Topic> Subscriptions<T> {
    fn joined_key(&mut self, key: u64) -> Confirmed {
        self.remove_unacknowledged(key, Action::Subscribe);
        match self.update(key, Subscription::joined) {
            Some(true) => Confirmed::Desired,
            _ => Confirmed::Undesired,
        }
    }

    fn left_key(&mut self, key: u64, now: Nanos) -> Confirmed {
        let subscription = self.all.get(&key);
        let is_requested = subscription.is_some_and(|it| it.is_unanswered(Action::Unsubscribe));
        if self.unsubscribed(key) {
            return Confirmed::Undesired;
        }
        let patience = self.patience;
        self.update(key, |it| {
            if it.is_ended() && is_requested {
                it.resubscribe();
            } else if it.is_ended() {
                it.pause(now, patience);
            }
        });
        Confirmed::Desired
    }

    /// An unsubscription of this topic has its reply. Returns whether the topic is forgotten.
    fn unsubscribed(&mut self, key: u64) -> bool {
        self.remove_unacknowledged(key, Action::Unsubscribe);
        self.no_longer_known(key)
    }

    /// The server does not know this topic. Returns whether it is forgotten.
    fn no_longer_known(&mut self, key: u64) -> bool {
        let is_leaving = |it: &Subscription<T>| it.stage == Stage::Leaving;
        let is_forgotten = self.all.get(&key).is_none_or(is_leaving);
        if is_forgotten {
            self.remove(key);
        } else {
            self.update(key, Subscription::unsubscribed);
        }
        is_forgotten
    }

    fn subscribe_refused(&mut self, message: &Message<T>, words: &HashSet<&str>) -> Vec<T> {
        let is_named = |topic: &T| words.contains(topic.id());
        let any_named = message.topics.values().any(|topic| is_named(topic));
        let several = message.topics.len() > 1;
        let mut refused = Vec::new();
        for (&key, topic) in &message.topics {
            if several && !(any_named && is_named(topic)) {
                self.update(key, |it| it.ask_again(!any_named));
            } else if self.update(key, Subscription::refuse) == Some(true) {
                refused.push(T::clone(topic));
            }
        }
        refused
    }

    fn unsubscribe_refused(&mut self, message: &Message<T>, words: &HashSet<&str>) {
        let is_named = |topic: &T| words.contains(topic.id());
        let any_named = message.topics.values().any(|topic| is_named(topic));
        for (&key, topic) in &message.topics {
            if any_named && !is_named(topic) {
                self.update(key, Subscription::repeat);
            } else {
                self.no_longer_known(key);
            }
        }
    }

    /// The unanswered message that an error is about.
    fn find_rejected(&self, batch: Option<T::Batch>, words: &HashSet<&str>) -> Option<u64> {
        let by_word = words.iter().map(|word| self.unanswered.first_with(word));
        let by_id = by_word.flatten().min();
        if by_id.is_some() || words.iter().any(|word| self.names.has_id(word)) {
            return by_id;
        }
        match batch {
            Some(batch) => self.unanswered.first_of(batch),
            None => self.unanswered.first(),
        }
    }

    /// Strikes a topic from the oldest unanswered message of this kind that contains it.
    fn remove_unacknowledged(&mut self, key: u64, action: Action) {
        let subscription = self.all.get_mut(&key);
        let seq = subscription.and_then(|it| it.unanswered(action).pop_front());
        if let Some(seq) = seq {
            self.unanswered.strike(seq, key);
        }
    }

    /// Removes an unanswered message.
    fn take(&mut self, seq: u64) -> Option<Message<T>> {
        let message = self.unanswered.remove(seq)?;
        for key in message.topics.keys() {
            self.touched.add(1);
            if let Some(subscription) = self.all.get_mut(key) {
                subscription.forget(message.action, seq);
            }
        }
        Some(message)
    }
}

/// Messages in detail.
impl<T: Topic> Subscriptions<T> {
    /// The next message's action and topics, at least one.
    fn next_message(&self) -> Option<(Action, Keys)> {
        let first = self.index.first()?;
        let subscription = self.all.get(&first)?;
        let work = subscription.work()?;
        let keys = if subscription.is_batched(work) {
            let batch = subscription.topic.batch();
            self.index.batch(work, batch, self.max_per_message)
        } else {
            smallvec![first]
        };
        Some((work.action(), keys))
    }

    fn sent(&mut self, now: Nanos, action: Action, keys: &[u64]) {
        let memory = self.patience.saturating_mul(MEMORY);
        while let Some(seq) = self.unanswered.excess(now, memory) {
            self.take(seq);
        }
        let topic = |&key| Some((key, Arc::clone(&self.all.get(&key)?.topic)));
        let topics = keys.iter().filter_map(topic).collect();
        let seq = self.unanswered.push(now, action, topics);
        let patience = self.patience;
        for &key in keys {
            self.update(key, |it| it.sent(action, seq, now, patience));
        }
    }

    /// Leaves a stray subscription. The acknowledgement does not matter.
    fn send_orphan(&mut self, send: impl FnOnce(ToSend<'_, T>)) -> bool {
        let stray = self.strays.pop();
        if let Some(name) = &stray {
            send(ToSend::Leave(name));
        }
        stray.is_some()
    }
}

/// Storage.
impl<T: Topic> Subscriptions<T> {
    fn get(&self, topic: &T) -> Option<(u64, &Subscription<T>)> {
        let key = *self.by_topic.get(topic)?;
        Some((key, self.all.get(&key)?))
    }

    /// The topic that the server calls so.
    fn find(&self, name: &str) -> Option<u64> {
        self.names.get(name).or_else(|| {
            self.names.unknown().find(|key| {
                self.touched.add(1);
                self.all.get(key).is_some_and(|it| it.topic.is_named(name))
            })
        })
    }

    /// Changes a subscription, and those that waited for it.
    fn update<R>(&mut self, key: u64, change: impl FnOnce(&mut Subscription<T>) -> R) -> Option<R> {
        let group = self.all.get(&key)?.group();
        let result = self.update_one(key, change)?;
        self.release(group);
        Some(result)
    }

    /// Changes a subscription and keeps the index up to date.
    fn update_one<R>(
        &mut self,
        key: u64,
        change: impl FnOnce(&mut Subscription<T>) -> R,
    ) -> Option<R> {
        let subscription = self.all.get_mut(&key)?;
        self.touched.add(1);
        self.index.remove(key, subscription);
        let result = change(subscription);
        self.index.insert(key, subscription);
        Some(result)
    }

    /// Subscribes again to a group of which all topics are left.
    fn release(&mut self, group: Option<u64>) {
        while let Some(key) = group.and_then(|group| self.index.released(group)) {
            self.update_one(key, Subscription::resubscribe);
        }
    }

    fn insert(&mut self, subscription: Subscription<T>) {
        let key = self.next_key;
        self.next_key += 1;
        self.touched.add(1);
        self.bytes += subscription.bytes();
        self.by_topic.insert(Arc::clone(&subscription.topic), key);
        self.names.insert(key, &subscription.name);
        self.names.insert_id(subscription.topic.id());
        self.index.insert(key, &subscription);
        self.all.insert(key, subscription);
    }

    fn remove(&mut self, key: u64) {
        let Some(subscription) = self.all.remove(&key) else {
            return;
        };
        self.touched.add(1);
        self.bytes -= subscription.bytes();
        self.index.remove(key, &subscription);
        self.names.remove(key, &subscription.name);
        self.names.remove_id(subscription.topic.id());
        self.by_topic.remove(&subscription.topic);
        self.release(subscription.group());
    }
}

/// What a topic of this name holds, in bytes.
fn topic_bytes<T: Topic>(topic: &T, name: &Name) -> usize {
    let name = match name {
        Name::Known(name) => name.len(),
        Name::Unused | Name::Unknown => 0,
    };
    TOPIC_BYTES + TEXT_COPIES * (topic.id().len() + name)
}

/// Counts the topics that calls visit, for tests of the cost.
#[derive(Debug, Default)]
struct Touched(#[cfg(test)] std::cell::Cell<u64>);

impl Touched {
    fn add(&self, n: u64) {
        #[cfg(test)]
        self.0.set(self.0.get() + n);
        let _ = n;
    }
}

#[cfg(test)]
mod tests;
