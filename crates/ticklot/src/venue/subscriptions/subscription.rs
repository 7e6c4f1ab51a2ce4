//! The state of one topic, and its transitions.

use std::time::Duration;

use std::collections::VecDeque;
use std::sync::Arc;

use ticklot_book::Nanos;

use super::unanswered::Action;
use super::{MAX_DOUBLINGS, MAX_LEAVES, MEMORY, Name, Stage, Topic, topic_bytes};

#[derive(Clone, Debug)]
pub(super) struct Subscription<T> {
    pub(super) topic: Arc<T>,
    /// The server's name. Only `Names::learn` and `Subscriptions::rename` change it.
    pub(super) name: Name,
    pub(super) stage: Stage,
    /// Whether it waits to be sent. Only when waiting, leaving or renewing.
    pub(super) due: bool,
    /// When the acknowledgement of the latest message is overdue, or the wait is over.
    pub(super) overdue: Nanos,
    /// How often it was sent without an acknowledgement.
    tries: u32,
    /// How often the server ended it by itself.
    ends: u32,
    /// Subscribe to it alone: a message with others was refused because of an unknown one of them.
    alone: bool,
    renewal: Renewal,
    /// Renewing and left, but others of its group are not left yet.
    pub(super) held: bool,
    /// The number of the latest unsubscription.
    group: u64,
    /// The numbers of the unanswered messages that contain it, ascending.
    subscribes: VecDeque<u64>,
    unsubscribes: VecDeque<u64>,
}

/// The progress of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renewal {
    None,
    /// Until the topic is subscribed to again. Acknowledgements of earlier subscriptions do not end it.
    Requested,
    /// Until that subscription is acknowledged.
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
    /// Zero is first.
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
    /// The bytes charged for it.
    pub(super) fn bytes(&self) -> usize {
        topic_bytes(&*self.topic, &self.name)
    }

    pub(super) fn new(topic: T, name: Name) -> Self {
        Self {
            topic: Arc::new(topic),
            name,
            stage: Stage::Waiting,
            due: true,
            overdue: Nanos(0),
            tries: 0,
            ends: 0,
            alone: false,
            renewal: Renewal::None,
            held: false,
            group: 0,
            subscribes: VecDeque::new(),
            unsubscribes: VecDeque::new(),
        }
    }

    /// The reason why it is due, if it is.
    pub(super) fn work(&self) -> Option<Work> {
        match self.stage {
            _ if !self.due => None,
            Stage::Waiting if self.renewal == Renewal::None => Some(Work::Subscribe),
            Stage::Waiting => Some(Work::Resubscribe),
            Stage::Renewing => Some(Work::Renew),
            Stage::Leaving => Some(Work::Unsubscribe),
            Stage::Asked | Stage::Joined | Stage::Refused => None,
        }
    }

    /// Whether it may share a message with others of the same work and batch key.
    pub(super) fn is_batched(&self, work: Work) -> bool {
        let may_share = match work.action() {
            Action::Subscribe => !self.alone,
            Action::Unsubscribe => self.name == Name::Unused,
        };
        may_share && self.topic.is_batchable()
    }

    pub(super) fn awaits_answer(&self) -> bool {
        !self.due && matches!(self.stage, Stage::Asked | Stage::Leaving | Stage::Renewing)
    }

    /// Whether it waits to be subscribed to again, since the server ended it.
    fn is_paused(&self) -> bool {
        self.stage == Stage::Waiting && !self.due
    }

    /// Whether something is to be done at `overdue`.
    pub(super) fn has_deadline(&self) -> bool {
        self.awaits_answer() || self.is_paused()
    }

    /// A subscription that was sent and has no reply: the topic, and how often it was sent.
    pub(super) fn unconfirmed(&self) -> Option<(Arc<T>, u32)> {
        (self.stage == Stage::Asked).then(|| (Arc::clone(&self.topic), self.tries))
    }

    /// The topics with the same number are left together and subscribed to again together.
    pub(super) fn group(&self) -> Option<u64> {
        (self.stage == Stage::Renewing && !self.due).then_some(self.group)
    }

    /// Whether the server may know it and it can be left. One without a known name cannot: should
    /// the server confirm it after all, then it is a stray.
    pub(super) fn must_be_left(&self) -> bool {
        let never_sent = self.stage == Stage::Waiting && self.tries == 0;
        !never_sent && !self.held && self.stage != Stage::Refused && self.name != Name::Unknown
    }

    /// The server's name, if it is known.
    pub(super) fn known(&self) -> Option<&str> {
        match &self.name {
            Name::Known(name) => Some(name),
            Name::Unused | Name::Unknown => None,
        }
    }

    /// The numbers of its unanswered messages of one kind, oldest first.
    pub(super) fn unanswered(&mut self, action: Action) -> &mut VecDeque<u64> {
        match action {
            Action::Subscribe => &mut self.subscribes,
            Action::Unsubscribe => &mut self.unsubscribes,
        }
    }

    /// Whether a message of this kind is unanswered.
    pub(super) fn is_unanswered(&self, action: Action) -> bool {
        let messages = match action {
            Action::Subscribe => &self.subscribes,
            Action::Unsubscribe => &self.unsubscribes,
        };
        !messages.is_empty()
    }

    /// The kind of its oldest unanswered message.
    pub(super) fn oldest_unanswered(&self) -> Option<Action> {
        match (self.subscribes.front(), self.unsubscribes.front()) {
            (Some(subscribe), Some(unsubscribe)) if unsubscribe < subscribe => {
                Some(Action::Unsubscribe)
            }
            (Some(_), _) => Some(Action::Subscribe),
            (None, Some(_)) => Some(Action::Unsubscribe),
            (None, None) => None,
        }
    }

    /// Forgets an unanswered message. It is the oldest or the latest, unless an error named another
    /// topic of it.
    pub(super) fn forget(&mut self, action: Action, seq: u64) {
        let unanswered = self.unanswered(action);
        if let Ok(at) = unanswered.binary_search(&seq) {
            unanswered.remove(at);
        }
    }
}

/// Transitions by the client.
impl<T: Topic> Subscription<T> {
    fn become_due(&mut self, stage: Stage) {
        (self.stage, self.due, self.held) = (stage, true, false);
    }

    /// Returns false when it is desired already.
    pub(super) fn want(&mut self) -> bool {
        let changes = matches!(self.stage, Stage::Leaving | Stage::Refused);
        if changes {
            // The server processes the messages in order, so it may be leaving still.
            self.become_due(Stage::Waiting);
            self.tries = 0;
        }
        changes
    }

    pub(super) fn leave(&mut self) {
        self.renewal = Renewal::None;
        if self.stage == Stage::Renewing && !self.due {
            // Its unsubscription is sent already.
            self.stage = Stage::Leaving;
        } else {
            self.become_due(Stage::Leaving);
            self.tries = 0;
        }
    }

    /// Returns false when nothing changes.
    pub(super) fn renew(&mut self) -> bool {
        let never_sent = self.stage == Stage::Waiting && self.tries == 0;
        let is_desired = !matches!(self.stage, Stage::Leaving | Stage::Refused);
        let can_be_left = self.name != Name::Unknown;
        let changes = is_desired && self.renewal == Renewal::None && (never_sent || can_be_left);
        if changes {
            self.renewal = Renewal::Requested;
        }
        if changes && !never_sent {
            self.become_due(Stage::Renewing);
            self.tries = 0;
        }
        changes
    }

    /// Returns the stage before.
    pub(super) fn restart(&mut self) -> Stage {
        let before = self.stage;
        self.become_due(Stage::Waiting);
        (self.tries, self.ends, self.alone, self.renewal) = (0, 0, false, Renewal::None);
        self.subscribes.clear();
        self.unsubscribes.clear();
        before
    }

    pub(super) fn sent(&mut self, action: Action, seq: u64, now: Nanos, patience: Duration) {
        if self.stage == Stage::Waiting {
            self.stage = Stage::Asked;
        }
        match action {
            Action::Unsubscribe => self.group = seq,
            Action::Subscribe if self.renewal == Renewal::Requested => {
                self.renewal = Renewal::Resubscribed;
            }
            Action::Subscribe => {}
        }
        let doublings = self.tries.min(MAX_DOUBLINGS);
        self.overdue = now.after(patience.saturating_mul(1 << doublings));
        self.tries = self.tries.saturating_add(1);
        self.due = false;
        self.unanswered(action).push_back(seq);
    }

    /// Subscribes again after the end of a subscription.
    pub(super) fn resubscribe(&mut self) {
        self.become_due(Stage::Waiting);
        self.tries = 0;
    }

    /// Sends the latest message again.
    pub(super) fn repeat(&mut self) {
        if self.awaits_answer() {
            self.due = true;
            if self.stage == Stage::Asked {
                self.stage = Stage::Waiting;
            }
        }
    }

    /// The acknowledgement is overdue, or the wait is over. Returns whether the topic is given up.
    pub(super) fn overdue(&mut self) -> bool {
        match self.stage {
            // The tries count, so the patience doubles.
            Stage::Renewing | Stage::Waiting => self.become_due(Stage::Waiting),
            _ => self.repeat(),
        }
        self.stage == Stage::Leaving && self.tries >= MAX_LEAVES
    }
}

/// Transitions by the server.
impl<T: Topic> Subscription<T> {
    /// Returns whether it is desired.
    pub(super) fn joined(&mut self) -> bool {
        if self.stage != Stage::Leaving && self.renewal != Renewal::Requested {
            (self.stage, self.due, self.tries) = (Stage::Joined, false, 0);
            self.renewal = Renewal::None;
        }
        self.stage != Stage::Leaving
    }

    /// Whether the confirmed end of a subscription ends a desired one.
    pub(super) fn is_ended(&self) -> bool {
        let by_itself = self.stage == Stage::Renewing && self.due;
        self.stage == Stage::Joined || by_itself
    }

    /// The server ended it by itself, and it is desired. It is not subscribed to again at once: a server that
    /// ends each subscription would draw them without end.
    pub(super) fn pause(&mut self, now: Nanos, patience: Duration) {
        if now.since(self.overdue) > patience.saturating_mul(MEMORY) {
            self.ends = 0;
        }
        let doublings = self.ends.min(MAX_DOUBLINGS);
        self.ends = self.ends.saturating_add(1);
        self.resubscribe();
        self.due = false;
        self.overdue = now.after((patience / 4).saturating_mul(1 << doublings));
    }

    /// Its unsubscription has a reply. A renewal continues when all of its group have theirs.
    pub(super) fn unsubscribed(&mut self) {
        if self.group().is_some() {
            (self.held, self.tries) = (true, 0);
        }
    }

    /// Returns whether it is refused. One that is due again is not: the error is late.
    pub(super) fn refuse(&mut self) -> bool {
        let is_asked = self.stage == Stage::Asked;
        if is_asked {
            (self.stage, self.renewal) = (Stage::Refused, Renewal::None);
        }
        is_asked
    }

    /// Its message is refused because of another topic, which may be unknown.
    pub(super) fn ask_again(&mut self, alone: bool) {
        if self.stage == Stage::Asked {
            self.become_due(Stage::Waiting);
            self.alone = alone;
        }
    }
}
