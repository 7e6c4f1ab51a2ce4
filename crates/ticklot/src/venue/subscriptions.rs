//! Desired subscriptions of one connection, and the state of each at the server.
//!
//! [`Subscriptions`] does no I/O and writes no message. The venue reports acknowledgements and errors
//! to it; it decides which topics the next message contains, once the rate limit permits one.
//!
//! ```text
//!   subscribe ──▶ Waiting ──sent──▶ Requested ──confirmed──▶ Subscribed
//!                   ▲ ▲                 │  └──error──▶ Refused
//!                   │ └──no reply within the timeout, which doubles
//!                   │
//!                   └──unsubscribed, or no reply── Renewing ◀──renew── Subscribed, Requested
//!
//!   Subscribed ──ended by the server──▶ Waiting, and sent after a pause, which doubles
//!
//!   unsubscribe ──▶ Unsubscribing ──confirmed, refused, or three times without a reply──▶ removed
//! ```
//!
//! A desired topic is never lost: in each state it is due, has a deadline, or has a reply.
//!
//! # Order of messages
//!
//! 1. Subscriptions that complete a renewal.
//! 2. Unsubscriptions that begin a renewal.
//! 3. All other topics, in the order of the calls to [`Subscriptions::subscribe`].
//! 4. Orphans: see [`Subscriptions::unsubscribe_orphan`].
//!
//! All topics of a message have the same action and [batch key](Topic::Batch).
//!
//! # Cost
//!
//! With `n` topics, each call costs `O(log n)` for each topic that it changes. The exceptions:
//!
//! - [`Subscriptions::restart`], [`Subscriptions::rename`] and [`Subscriptions::iter`] visit all topics.
//! - [`Subscriptions::on_refused`] visits unanswered messages, at most 1,024, if the error text contains
//!   no id, and then the topics of one message.
//! - An unknown name is compared with each topic whose [name is unknown](Name::Unknown).
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use ticklot::Nanos;
//! use ticklot::venue::subscriptions::{Name, SubscriptionState, Subscriptions, ToSend, Topic};
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
//!     ToSend::Unsubscribe(_) | ToSend::UnsubscribeByName(_) => unreachable!(),
//! });
//! subscriptions.on_topic_subscribed(&Ticker("BTC/USD"));
//! assert_eq!(subscriptions.state(&Ticker("BTC/USD")), Some(SubscriptionState::Subscribed));
//! assert_eq!(subscriptions.state(&Ticker("ETH/USD")), Some(SubscriptionState::Requested));
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
use self::unanswered::{PendingRequest, Unanswered};

/// How often the timeout doubles before it stays constant.
const MAX_DOUBLINGS: u32 = 4;

/// The number of topics of a message that needs no allocation: the most that a message of Bayse Markets has.
pub(crate) const INLINE: usize = 10;

/// How long an unanswered message is stored, as a multiple of the acknowledgement timeout. Equal to the longest
/// timeout.
const RETENTION: u32 = 1 << MAX_DOUBLINGS;

/// The maximum number of unanswered messages that are kept. The oldest is dropped first.
const MAX_UNANSWERED: usize = 1_024;

/// The maximum number of orphans that wait to be unsubscribed from.
const MAX_ORPHANS: usize = 16;

/// The approximate size of a topic in bytes without its texts: the subscription, and an entry in each index.
const TOPIC_BYTES: usize = 1_024;

/// The maximum number of copies of a topic's texts: its own, one in an index, and one of the venue.
const TEXT_COPIES: usize = 3;

/// How often an unsubscription is sent before the topic is removed without a reply.
const MAX_UNSUBSCRIBES: u32 = 3;

/// A topic to subscribe to.
pub trait Topic: Clone + Eq + Hash + fmt::Debug {
    /// Topics with equal keys may share a message. For example, the channel and its parameters.
    type Batch: Copy + Eq + Hash + fmt::Debug;

    /// The batch key of this topic.
    fn batch(&self) -> Self::Batch;

    /// Whether it may share a message with other topics of its key. Default: true.
    fn is_batchable(&self) -> bool {
        true
    }

    /// The identifier that the server's error texts may contain, such as a symbol.
    fn id(&self) -> &str;

    /// Whether the server's `name` denotes this topic. Only called while the topic's name is
    /// [unknown](Name::Unknown). Default: false.
    fn is_named(&self, name: &str) -> bool {
        let _ = name;
        false
    }
}

/// The server's name for a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// The server uses no names. Messages and acknowledgements identify the topic itself: [`ToSend::Unsubscribe`],
    /// [`Subscriptions::on_topic_subscribed`].
    Unused,
    /// The name is known in advance. An unsubscription contains one such name: [`ToSend::UnsubscribeByName`].
    Known(Arc<str>),
    /// The first confirmation that [`Topic::is_named`] accepts contains the name. Until then, the topic cannot be
    /// unsubscribed from.
    Unknown,
}

impl Name {
    /// A [`Name::Known`].
    #[must_use]
    pub fn known(name: impl Into<Arc<str>>) -> Self {
        Self::Known(name.into())
    }
}

/// The state of a subscription. The [module](self) has a diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionState {
    /// Desired and not sent yet: it waits for its turn, or for the end of a pause.
    Waiting,
    /// Sent, and not acknowledged yet.
    Requested,
    /// The server has confirmed it.
    Subscribed,
    /// The server has refused it. It is sent again on the next connection.
    Refused,
    /// No longer desired, and the server has not confirmed the unsubscription yet.
    Unsubscribing,
    /// Desired. It is unsubscribed from and then subscribed to again, for a new snapshot.
    Renewing,
}

/// A message to send.
#[derive(Debug)]
pub enum ToSend<'a, T> {
    /// Subscribe to these topics, all of one batch key.
    Subscribe(&'a [&'a T]),
    /// Unsubscribe from these topics, all of one batch key and [without names](Name::Unused).
    Unsubscribe(&'a [&'a T]),
    /// Unsubscribe by the server's name.
    UnsubscribeByName(&'a str),
}

/// Whether a confirmed topic is desired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The topic is desired.
    Desired,
    /// The topic is unknown, or no longer desired.
    Undesired,
}

/// The subscriptions of one connection. The [module](self) documents states, order and cost.
#[derive(Debug)]
pub struct Subscriptions<T: Topic> {
    /// By key. Keys ascend in the order of subscription and are never reused.
    all: BTreeMap<u64, Subscription<T>>,
    by_topic: HashMap<Arc<T>, u64>,
    next_key: u64,
    names: Names,
    index: Index<T::Batch>,
    unanswered: Unanswered<T>,
    /// Names of confirmed subscriptions that are not desired, to be unsubscribed from.
    orphans: Vec<String>,
    ack_timeout: Duration,
    max_per_message: usize,
    max_topics: usize,
    /// The approximate memory of the topics.
    bytes: usize,
    touched: Touched,
}

/// # Desired topics
impl<T: Topic> Subscriptions<T> {
    /// No topics. A message contains at most `max_per_message` topics. A topic that is not acknowledged within
    /// `ack_timeout` is sent again; its timeout doubles each time, up to 16 times `ack_timeout`.
    #[must_use]
    pub fn new(ack_timeout: Duration, max_per_message: usize) -> Self {
        Self {
            all: BTreeMap::new(),
            by_topic: HashMap::new(),
            next_key: 0,
            names: Names::default(),
            index: Index::default(),
            unanswered: Unanswered::default(),
            orphans: Vec::new(),
            ack_timeout,
            max_per_message: max_per_message.max(1),
            max_topics: usize::MAX,
            bytes: 0,
            touched: Touched::default(),
        }
    }

    /// Limits the number of topics, including [`SubscriptionState::Unsubscribing`]. Default: no limit.
    #[must_use]
    pub fn max_topics(mut self, max: usize) -> Self {
        self.max_topics = max;
        self
    }

    /// Replaces the acknowledgement timeout for messages from now on.
    pub fn set_ack_timeout(&mut self, ack_timeout: Duration) {
        self.ack_timeout = ack_timeout;
    }

    /// Replaces the server's name of each topic, including names from confirmations.
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

    /// Makes a topic desired. Returns false if it is desired already and not refused, or if there are too many topics.
    pub fn subscribe(&mut self, topic: T, name: Name) -> bool {
        if let Some(&key) = self.by_topic.get(&topic) {
            return self.update(key, Subscription::subscribe).unwrap_or(false);
        }
        if self.all.len() >= self.max_topics {
            return false;
        }
        self.insert(Subscription::new(topic, name));
        true
    }

    /// Makes a topic no longer desired. Returns false if it was not. `open` is whether there is a connection, so that
    /// the server may know the topic.
    pub fn unsubscribe(&mut self, topic: &T, open: bool) -> bool {
        let Some((key, subscription)) = self.get(topic) else {
            return false;
        };
        if subscription.state == SubscriptionState::Unsubscribing {
            return false;
        }
        if open && subscription.needs_unsubscribe() {
            self.update(key, Subscription::unsubscribe);
        } else {
            self.remove(key);
        }
        true
    }

    /// Requests a new snapshot of a topic: unsubscribes and subscribes again, before all other waiting topics.
    ///
    /// Renewals of one batch key share messages. The topics of one unsubscription are subscribed to again together,
    /// once all are acknowledged, so that the second message is as full as the first. A missing acknowledgement delays
    /// them by at most the timeout.
    ///
    /// A topic that was not sent yet only moves to the front.
    ///
    /// Returns false if nothing changes: the topic is not desired, it is refused, its name is still unknown, or a
    /// renewal is in progress.
    pub fn renew(&mut self, topic: &T) -> bool {
        let Some((key, _)) = self.get(topic) else {
            return false;
        };
        self.update(key, Subscription::renew).unwrap_or(false)
    }

    /// Call when a connection opens: all desired topics are sent again.
    pub fn restart(&mut self) {
        self.unanswered.clear();
        self.orphans.clear();
        let keys: Vec<u64> = self.all.keys().copied().collect();
        for key in keys {
            if self.update(key, Subscription::restart) == Some(SubscriptionState::Unsubscribing) {
                self.remove(key);
            }
        }
    }

    /// The number of desired topics.
    #[must_use]
    pub fn desired(&self) -> usize {
        self.all.len() - self.index.unsubscribing()
    }

    /// The approximate memory of all topics in bytes, for [`Venue::memory`](crate::venue::Venue::memory).
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes
    }

    /// The bytes that [`Subscriptions::subscribe`] would add to [`Subscriptions::memory`], for
    /// [`Context::has_room_for`](crate::venue::Context::has_room_for).
    #[must_use]
    pub fn growth(&self, topic: &T, name: &Name) -> usize {
        match self.by_topic.contains_key(topic) {
            true => 0,
            false => topic_bytes(topic, name),
        }
    }

    /// The bytes that [`Subscriptions::on_subscribed`] would add to [`Subscriptions::memory`] for an unknown name.
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
        self.state(topic)
            .is_some_and(|state| state != SubscriptionState::Unsubscribing)
    }

    /// The state of a topic; none if it is unknown.
    #[must_use]
    pub fn state(&self, topic: &T) -> Option<SubscriptionState> {
        self.get(topic).map(|(_, subscription)| subscription.state)
    }

    /// All topics and their states, in the order of subscription.
    pub fn iter(&self) -> impl Iterator<Item = (&T, SubscriptionState)> {
        self.all.values().map(|it| (&*it.topic, it.state))
    }
}

/// # Messages and deadlines
impl<T: Topic> Subscriptions<T> {
    /// Whether [`Subscriptions::send_next`] has a message.
    #[must_use]
    pub fn is_due(&self) -> bool {
        !self.index.is_idle() || !self.orphans.is_empty()
    }

    /// Passes the next message to `send`, and assumes that it is sent. Returns false if there is none.
    pub fn send_next(&mut self, now: Nanos, send: impl FnOnce(ToSend<'_, T>)) -> bool {
        // The common case on the hot path.
        if self.index.is_idle() && self.orphans.is_empty() {
            return false;
        }
        let Some((action, keys)) = self.next_message() else {
            return self.send_orphan(send);
        };
        let subscriptions = || keys.iter().filter_map(|key| self.all.get(key));
        let topics: SmallVec<[&T; INLINE]> = subscriptions().map(|it| &*it.topic).collect();
        match (action, subscriptions().next().and_then(Subscription::known)) {
            (Action::Subscribe, _) => send(ToSend::Subscribe(&topics)),
            (Action::Unsubscribe, Some(name)) => send(ToSend::UnsubscribeByName(name)),
            (Action::Unsubscribe, None) => send(ToSend::Unsubscribe(&topics)),
        }
        drop(topics);
        self.sent(now, action, &keys);
        true
    }

    /// When [`Subscriptions::timeout`] must be called.
    #[must_use]
    pub fn deadline(&self) -> Option<Nanos> {
        self.index.deadline()
    }

    /// Makes each topic due again whose acknowledgement is overdue, or whose pause after an end by the server is over.
    ///
    /// Unanswered messages are kept, because an acknowledgement may only be late. `unconfirmed` is called with each
    /// desired topic whose acknowledgement is overdue, and with the number of attempts so far, for
    /// [`Context::unconfirmed`](crate::venue::Context::unconfirmed). If it breaks, the next call continues.
    pub fn timeout(
        &mut self,
        now: Nanos,
        mut unconfirmed: impl FnMut(&T, u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        while let Some(key) = self.index.overdue(now) {
            let late = self.all.get(&key).and_then(Subscription::unconfirmed);
            if self.update(key, Subscription::on_deadline) == Some(true) {
                self.remove(key);
            }
            if let Some((topic, attempts)) = late {
                unconfirmed(&topic, attempts)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether a message with this topic and action is unanswered.
    #[must_use]
    pub fn awaits_reply(&self, topic: &T, action: Action) -> bool {
        self.get(topic)
            .is_some_and(|(_, subscription)| subscription.is_unanswered(action))
    }

    /// The number of unanswered messages. At most 1,024 are kept.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.unanswered.len()
    }
}

/// # Replies of the server
impl<T: Topic> Subscriptions<T> {
    /// Call when the server confirmed the subscription with this name.
    pub fn on_subscribed(&mut self, name: &str) -> Confirmed {
        let Some(key) = self.find(name) else {
            return Confirmed::Undesired;
        };
        if let Some(subscription) = self.all.get_mut(&key) {
            self.bytes -= subscription.bytes();
            self.names.learn(key, &mut subscription.name, name);
            self.bytes += subscription.bytes();
        }
        self.subscribed_key(key)
    }

    /// Call when the server confirmed the subscription to this topic.
    pub fn on_topic_subscribed(&mut self, topic: &T) -> Confirmed {
        match self.get(topic) {
            Some((key, _)) => self.subscribed_key(key),
            None => Confirmed::Undesired,
        }
    }

    /// Call when the server confirmed the end of the subscription with this name.
    ///
    /// If the server ended a desired subscription by itself, the topic is sent again after a pause of a quarter of the
    /// acknowledgement timeout. The pause doubles each time, up to four times the timeout. It is reset after a
    /// subscription that lasted for 16 times the timeout.
    pub fn on_unsubscribed(&mut self, name: &str, now: Nanos) -> Confirmed {
        match self.find(name) {
            Some(key) => self.unsubscribed_key(key, now),
            None => Confirmed::Undesired,
        }
    }

    /// As [`Subscriptions::on_unsubscribed`], by topic.
    pub fn on_topic_unsubscribed(&mut self, topic: &T, now: Nanos) -> Confirmed {
        match self.get(topic) {
            Some((key, _)) => self.unsubscribed_key(key, now),
            None => Confirmed::Undesired,
        }
    }

    /// Call when the server sent an error that does not identify the refused message. `words` are the words of the
    /// error text, one of which may be the [id](Topic::id) of a topic. `batch` is the batch key of the refused topics,
    /// if it is known. Returns the topics that are now refused.
    ///
    /// The error applies to the first of these that exists:
    ///
    /// 1. the oldest unanswered message with a topic whose id is one of `words`;
    /// 2. no message, if one of `words` is the id of a topic without an unanswered message;
    /// 3. the oldest unanswered message with the key `batch`, or without a key the oldest of all.
    ///
    /// If the message has several topics and none of their ids is in `words`, each topic is sent again in a separate
    /// message. The reason: a server may refuse a whole message for one invalid topic.
    ///
    /// The search costs two look-ups for each word. Without an id, the search for the key visits the unanswered
    /// messages up to the match, at most 1,024.
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

    /// Call when the server refused this topic of the oldest unanswered message that contains it. Returns whether the
    /// topic is now refused. A refused unsubscription counts as confirmed.
    pub fn on_topic_refused(&mut self, topic: &T) -> bool {
        let subscription = self.get(topic).map(|(_, subscription)| subscription);
        let action = subscription.and_then(Subscription::oldest_unanswered);
        action.is_some_and(|action| self.on_request_refused(topic, action))
    }

    /// As [`Subscriptions::on_topic_refused`], for the oldest unanswered message with this action. Does nothing without
    /// one.
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

    /// Call when the server's rate limit dropped this topic of the oldest unanswered message with this action. The
    /// topic is sent again.
    pub fn on_topic_rate_limited(&mut self, topic: &T, action: Action) {
        if let Some((key, _)) = self.get(topic) {
            self.remove_unacknowledged(key, action);
            self.update(key, Subscription::repeat);
        }
    }

    /// Call when the server's rate limit dropped the latest message. Its topics are sent again.
    pub fn on_rate_limited(&mut self) {
        let Some(message) = self.unanswered.last().and_then(|seq| self.take(seq)) else {
            return;
        };
        for &key in message.topics.keys() {
            self.update(key, Subscription::repeat);
        }
    }

    /// Call when the server confirmed a subscription that is not desired, an orphan. It is unsubscribed from by its
    /// name when no other topic is due. Repeated names are ignored, and so are new ones while 16 names wait.
    pub fn unsubscribe_orphan(&mut self, name: &str) {
        let is_known = self.find(name).is_some() || self.orphans.iter().any(|it| it == name);
        if !is_known && self.orphans.len() < MAX_ORPHANS {
            self.orphans.push(name.to_owned());
        }
    }
}

/// Processing of replies.
impl<T: Topic> Subscriptions<T> {
    fn subscribed_key(&mut self, key: u64) -> Confirmed {
        self.remove_unacknowledged(key, Action::Subscribe);
        match self.update(key, Subscription::on_subscribed) {
            Some(true) => Confirmed::Desired,
            _ => Confirmed::Undesired,
        }
    }

    fn unsubscribed_key(&mut self, key: u64, now: Nanos) -> Confirmed {
        let subscription = self.all.get(&key);
        let is_requested = subscription.is_some_and(|it| it.is_unanswered(Action::Unsubscribe));
        if self.unsubscribed(key) {
            return Confirmed::Undesired;
        }
        let ack_timeout = self.ack_timeout;
        self.update(key, |it| {
            if it.is_ended() && is_requested {
                it.resubscribe();
            } else if it.is_ended() {
                it.pause(now, ack_timeout);
            }
        });
        Confirmed::Desired
    }

    /// Handles the reply to an unsubscription. Returns whether the topic is removed.
    fn unsubscribed(&mut self, key: u64) -> bool {
        self.remove_unacknowledged(key, Action::Unsubscribe);
        self.on_ended(key)
    }

    /// Handles the end of a subscription at the server. Returns whether the topic is removed.
    fn on_ended(&mut self, key: u64) -> bool {
        let is_unsubscribing = |it: &Subscription<T>| it.state == SubscriptionState::Unsubscribing;
        let is_removed = self.all.get(&key).is_none_or(is_unsubscribing);
        if is_removed {
            self.remove(key);
        } else {
            self.update(key, Subscription::on_unsubscribed);
        }
        is_removed
    }

    fn subscribe_refused(&mut self, message: &PendingRequest<T>, words: &HashSet<&str>) -> Vec<T> {
        let is_named = |topic: &T| words.contains(topic.id());
        let any_named = message.topics.values().any(|topic| is_named(topic));
        let several = message.topics.len() > 1;
        let mut refused = Vec::new();
        for (&key, topic) in &message.topics {
            if several && !(any_named && is_named(topic)) {
                self.update(key, |it| it.retry(!any_named));
            } else if self.update(key, Subscription::refuse) == Some(true) {
                refused.push(T::clone(topic));
            }
        }
        refused
    }

    fn unsubscribe_refused(&mut self, message: &PendingRequest<T>, words: &HashSet<&str>) {
        let is_named = |topic: &T| words.contains(topic.id());
        let any_named = message.topics.values().any(|topic| is_named(topic));
        for (&key, topic) in &message.topics {
            if any_named && !is_named(topic) {
                self.update(key, Subscription::repeat);
            } else {
                self.on_ended(key);
            }
        }
    }

    /// The unanswered message that an error applies to.
    fn find_rejected(&self, batch: Option<T::Batch>, words: &HashSet<&str>) -> Option<u64> {
        let by_word = words.iter().map(|word| self.unanswered.first_with(word));
        let by_id = by_word.flatten().min();
        if by_id.is_some() || words.iter().any(|word| self.names.ids.contains(word)) {
            return by_id;
        }
        match batch {
            Some(batch) => self.unanswered.first_of(batch),
            None => self.unanswered.first(),
        }
    }

    /// Removes a topic from the oldest unanswered message with this action that contains it.
    fn remove_unacknowledged(&mut self, key: u64, action: Action) {
        let subscription = self.all.get_mut(&key);
        let seq = subscription.and_then(|it| it.unanswered(action).pop_front());
        if let Some(seq) = seq {
            self.unanswered.remove_topic(seq, key);
        }
    }

    /// Removes an unanswered message.
    fn take(&mut self, seq: u64) -> Option<PendingRequest<T>> {
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

/// Composition of messages.
impl<T: Topic> Subscriptions<T> {
    /// The action and the topics (at least one) of the next message.
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
        let retention = self.ack_timeout.saturating_mul(RETENTION);
        while let Some(seq) = self.unanswered.excess(now, retention) {
            self.take(seq);
        }
        let topic = |&key| Some((key, Arc::clone(&self.all.get(&key)?.topic)));
        let topics = keys.iter().filter_map(topic).collect();
        let seq = self.unanswered.push(now, action, topics);
        let ack_timeout = self.ack_timeout;
        for &key in keys {
            self.update(key, |it| it.sent(action, seq, now, ack_timeout));
        }
    }

    /// Unsubscribes from an orphan. Its acknowledgement does not matter.
    fn send_orphan(&mut self, send: impl FnOnce(ToSend<'_, T>)) -> bool {
        let orphan = self.orphans.pop();
        if let Some(name) = &orphan {
            send(ToSend::UnsubscribeByName(name));
        }
        orphan.is_some()
    }
}

/// Storage.
impl<T: Topic> Subscriptions<T> {
    fn get(&self, topic: &T) -> Option<(u64, &Subscription<T>)> {
        let key = *self.by_topic.get(topic)?;
        Some((key, self.all.get(&key)?))
    }

    /// The topic with this name.
    fn find(&self, name: &str) -> Option<u64> {
        self.names.get(name).or_else(|| {
            self.names.unknown().find(|key| {
                self.touched.add(1);
                self.all.get(key).is_some_and(|it| it.topic.is_named(name))
            })
        })
    }

    /// Changes a subscription, and releases its renewal group if that is complete.
    fn update<R>(&mut self, key: u64, change: impl FnOnce(&mut Subscription<T>) -> R) -> Option<R> {
        let group = self.all.get(&key)?.group();
        let result = self.update_one(key, change)?;
        self.release(group);
        Some(result)
    }

    /// Changes a subscription and updates the index.
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

    /// Subscribes again to a renewal group, if all its unsubscriptions have replies.
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
        self.names.ids.add(subscription.topic.id());
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
        self.names.ids.remove(subscription.topic.id());
        self.by_topic.remove(&subscription.topic);
        self.release(subscription.group());
    }
}

/// The approximate memory of a topic with this name, in bytes.
fn topic_bytes<T: Topic>(topic: &T, name: &Name) -> usize {
    let name = match name {
        Name::Known(name) => name.len(),
        Name::Unused | Name::Unknown => 0,
    };
    TOPIC_BYTES + TEXT_COPIES * (topic.id().len() + name)
}

/// Counts the visited topics, for tests of the cost.
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
