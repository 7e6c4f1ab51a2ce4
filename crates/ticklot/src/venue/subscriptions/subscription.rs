//! The state of one topic, and its transitions.

use std::time::Duration;

use std::collections::VecDeque;
use std::sync::Arc;

use ticklot_book::Nanos;

use super::unanswered::Action;
use super::{
    MAX_DOUBLINGS, MAX_UNSUBSCRIBES, Name, RETENTION, SubscriptionState as State, Topic,
    topic_bytes,
};

/// One topic and its state.
#[derive(Clone, Debug)]
pub(super) struct Subscription<T> {
    pub(super) topic: Arc<T>,
    /// The server's name. Only `Names::learn` and `Subscriptions::rename` change it.
    pub(super) name: Name,
    pub(super) state: State,
    /// Whether it is due to be sent. Only while waiting, unsubscribing or renewing.
    pub(super) due: bool,
    /// When the acknowledgement of the latest message is overdue, or the pause is over.
    pub(super) deadline: Nanos,
    /// How often it was sent since the last acknowledgement.
    attempts: u32,
    /// The number of consecutive ends that the server initiated.
    ends: u32,
    /// Whether it must have its own message: one with several topics was refused without naming a topic.
    isolated: bool,
    renewal: Renewal,
    /// Renewing, with a reply to its unsubscription, while others of its group have none.
    pub(super) held: bool,
    /// The sequence number of the latest unsubscription.
    group: u64,
    /// The sequence numbers of the unanswered messages that contain it, ascending, by action.
    unanswered: [VecDeque<u64>; 2],
}

/// The progress of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renewal {
    None,
    /// Until the topic is sent again. Acknowledgements of earlier subscriptions do not end the renewal.
    Requested,
    /// Until the new subscription is acknowledged.
    Resubscribed,
}

/// The reason why a topic is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Work {
    Resubscribe,
    Renew,
    Subscribe,
    Unsubscribe,
}

impl Work {
    /// The lowest value is sent first.
    pub(super) fn priority(self) -> u8 {
        match self {
            Self::Resubscribe => 0,
            Self::Renew => 1,
            Self::Subscribe | Self::Unsubscribe => 2,
        }
    }

    pub(super) fn action(self) -> Action {
        match self {
            Self::Resubscribe | Self::Subscribe => Action::Subscribe,
            Self::Renew | Self::Unsubscribe => Action::Unsubscribe,
        }
    }
}

/// Properties.
impl<T: Topic> Subscription<T> {
    /// Its approximate memory in bytes.
    pub(super) fn bytes(&self) -> usize {
        topic_bytes(&*self.topic, &self.name)
    }

    pub(super) fn new(topic: T, name: Name) -> Self {
        Self {
            topic: Arc::new(topic),
            name,
            state: State::Waiting,
            due: true,
            deadline: Nanos(0),
            attempts: 0,
            ends: 0,
            isolated: false,
            renewal: Renewal::None,
            held: false,
            group: 0,
            unanswered: Default::default(),
        }
    }

    /// The reason why it is due, if it is.
    pub(super) fn work(&self) -> Option<Work> {
        match self.state {
            _ if !self.due => None,
            State::Waiting if self.renewal == Renewal::None => Some(Work::Subscribe),
            State::Waiting => Some(Work::Resubscribe),
            State::Renewing => Some(Work::Renew),
            State::Unsubscribing => Some(Work::Unsubscribe),
            State::Requested | State::Subscribed | State::Refused => None,
        }
    }

    /// Whether it may share a message with others of the same work and batch key.
    pub(super) fn is_batched(&self, work: Work) -> bool {
        let may_share = match work.action() {
            Action::Subscribe => !self.isolated,
            Action::Unsubscribe => self.name == Name::Unused,
        };
        may_share && self.topic.is_batchable()
    }

    pub(super) fn awaits_reply(&self) -> bool {
        !self.due
            && matches!(
                self.state,
                State::Requested | State::Unsubscribing | State::Renewing
            )
    }

    /// Whether `deadline` applies: it awaits a reply, or it is paused because the server ended it.
    pub(super) fn has_deadline(&self) -> bool {
        self.awaits_reply() || (self.state == State::Waiting && !self.due)
    }

    /// The topic and the number of attempts, if a subscription has no reply.
    pub(super) fn unconfirmed(&self) -> Option<(Arc<T>, u32)> {
        (self.state == State::Requested).then(|| (Arc::clone(&self.topic), self.attempts))
    }

    /// The renewal group: the topics with the same number are subscribed to again together.
    pub(super) fn group(&self) -> Option<u64> {
        (self.state == State::Renewing && !self.due).then_some(self.group)
    }

    /// Whether the server may know the topic and it can be unsubscribed from. A topic without a known name cannot; a later
    /// confirmation makes it an orphan.
    pub(super) fn needs_unsubscribe(&self) -> bool {
        let never_sent = self.state == State::Waiting && self.attempts == 0;
        !never_sent && !self.held && self.state != State::Refused && self.name != Name::Unknown
    }

    /// The server's name, if it is known.
    pub(super) fn known(&self) -> Option<&str> {
        match &self.name {
            Name::Known(name) => Some(name),
            Name::Unused | Name::Unknown => None,
        }
    }

    /// The numbers of its unanswered messages with this action, oldest first.
    pub(super) fn unanswered(&mut self, action: Action) -> &mut VecDeque<u64> {
        &mut self.unanswered[action as usize]
    }

    /// Whether a message with this action is unanswered.
    pub(super) fn is_unanswered(&self, action: Action) -> bool {
        !self.unanswered[action as usize].is_empty()
    }

    /// The action of its oldest unanswered message.
    pub(super) fn oldest_unanswered(&self) -> Option<Action> {
        let actions = [Action::Subscribe, Action::Unsubscribe].into_iter();
        actions
            .filter(|action| self.is_unanswered(*action))
            .min_by_key(|action| self.unanswered[*action as usize].front().copied())
    }

    /// Removes an unanswered message: the oldest or the latest, unless an error named another of its topics.
    pub(super) fn forget(&mut self, action: Action, seq: u64) {
        let unanswered = self.unanswered(action);
        if let Ok(at) = unanswered.binary_search(&seq) {
            unanswered.remove(at);
        }
    }
}

/// Transitions by the client.
impl<T: Topic> Subscription<T> {
    fn become_due(&mut self, state: State) {
        (self.state, self.due, self.held) = (state, true, false);
    }

    /// Returns false if it is desired already.
    pub(super) fn subscribe(&mut self) -> bool {
        let changes = matches!(self.state, State::Unsubscribing | State::Refused);
        if changes {
            // An unanswered unsubscription does not matter, because the server processes messages in order.
            self.become_due(State::Waiting);
            self.attempts = 0;
        }
        changes
    }

    pub(super) fn unsubscribe(&mut self) {
        self.renewal = Renewal::None;
        if self.state == State::Renewing && !self.due {
            // Its unsubscription was sent already.
            self.state = State::Unsubscribing;
        } else {
            self.become_due(State::Unsubscribing);
            self.attempts = 0;
        }
    }

    /// Returns false if nothing changes.
    pub(super) fn renew(&mut self) -> bool {
        let never_sent = self.state == State::Waiting && self.attempts == 0;
        let is_desired = !matches!(self.state, State::Unsubscribing | State::Refused);
        let can_be_left = self.name != Name::Unknown;
        let changes = is_desired && self.renewal == Renewal::None && (never_sent || can_be_left);
        if changes {
            self.renewal = Renewal::Requested;
        }
        if changes && !never_sent {
            self.become_due(State::Renewing);
            self.attempts = 0;
        }
        changes
    }

    /// Returns the previous state.
    pub(super) fn restart(&mut self) -> State {
        let before = self.state;
        self.become_due(State::Waiting);
        (self.attempts, self.ends, self.isolated, self.renewal) = (0, 0, false, Renewal::None);
        self.unanswered.iter_mut().for_each(VecDeque::clear);
        before
    }

    pub(super) fn sent(&mut self, action: Action, seq: u64, now: Nanos, ack_timeout: Duration) {
        if self.state == State::Waiting {
            self.state = State::Requested;
        }
        match action {
            Action::Unsubscribe => self.group = seq,
            Action::Subscribe if self.renewal == Renewal::Requested => {
                self.renewal = Renewal::Resubscribed;
            }
            Action::Subscribe => {}
        }
        let doublings = self.attempts.min(MAX_DOUBLINGS);
        self.deadline = now.after(ack_timeout.saturating_mul(1 << doublings));
        self.attempts = self.attempts.saturating_add(1);
        self.due = false;
        self.unanswered(action).push_back(seq);
    }

    /// Makes it due for a new subscription.
    pub(super) fn resubscribe(&mut self) {
        self.become_due(State::Waiting);
        self.attempts = 0;
    }

    /// Makes the latest message due again.
    pub(super) fn repeat(&mut self) {
        if self.awaits_reply() {
            self.due = true;
            if self.state == State::Requested {
                self.state = State::Waiting;
            }
        }
    }

    /// Handles the deadline. Returns whether the topic must be removed.
    pub(super) fn on_deadline(&mut self) -> bool {
        match self.state {
            // Keeps `attempts`, so the timeout doubles.
            State::Renewing | State::Waiting => self.become_due(State::Waiting),
            _ => self.repeat(),
        }
        self.state == State::Unsubscribing && self.attempts >= MAX_UNSUBSCRIBES
    }
}

/// Transitions by the server.
impl<T: Topic> Subscription<T> {
    /// Returns whether it is desired.
    pub(super) fn on_subscribed(&mut self) -> bool {
        if self.state != State::Unsubscribing && self.renewal != Renewal::Requested {
            (self.state, self.due, self.attempts) = (State::Subscribed, false, 0);
            self.renewal = Renewal::None;
        }
        self.state != State::Unsubscribing
    }

    /// Whether a confirmed end concerns a current subscription.
    pub(super) fn is_ended(&self) -> bool {
        let by_itself = self.state == State::Renewing && self.due;
        self.state == State::Subscribed || by_itself
    }

    /// Pauses a desired topic that the server ended by itself. Without a pause, a server that ends each subscription would
    /// cause an endless loop.
    pub(super) fn pause(&mut self, now: Nanos, ack_timeout: Duration) {
        if now.since(self.deadline) > ack_timeout.saturating_mul(RETENTION) {
            self.ends = 0;
        }
        let doublings = self.ends.min(MAX_DOUBLINGS);
        self.ends = self.ends.saturating_add(1);
        self.resubscribe();
        self.due = false;
        self.deadline = now.after((ack_timeout / 4).saturating_mul(1 << doublings));
    }

    /// Handles the reply to an unsubscription. A renewal continues when all topics of its group have replies.
    pub(super) fn on_unsubscribed(&mut self) {
        if self.group().is_some() {
            (self.held, self.attempts) = (true, 0);
        }
    }

    /// Returns whether it is now refused. If it is due again, the error is late and is ignored.
    pub(super) fn refuse(&mut self) -> bool {
        let is_requested = self.state == State::Requested;
        if is_requested {
            (self.state, self.renewal) = (State::Refused, Renewal::None);
        }
        is_requested
    }

    /// Makes it due again after its message was refused because of another topic.
    pub(super) fn retry(&mut self, isolated: bool) {
        if self.state == State::Requested {
            self.become_due(State::Waiting);
            self.isolated = isolated;
        }
    }
}
