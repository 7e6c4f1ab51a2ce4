//! Checks that every desired room is confirmed, requested or refused.

use std::time::Duration;

use ticklot::bayse::{Bayse, Topic};
use ticklot::venue::subscriptions::SubscriptionState;
use ticklot_book::Nanos;

use super::super::plan::ConnectionPlan;
use super::{Invariant, Oracle};

/// The maximum time without an outgoing message while a room is queued: a rate limit error pauses sending for two windows
/// of 1.1 s, and lengthens the windows eightfold.
pub(super) const IDLE: Duration = Duration::from_secs(12);

impl Oracle {
    /// Checks the client's state of each desired room.
    pub(in super::super) fn rooms(&mut self, index: usize, venue: &Bayse, now: Nanos) {
        if let Some((expected, actual)) = self.wrong_state(index, venue, now) {
            self.report(now, Invariant::Rooms, expected, actual);
        }
    }

    /// The first room with a wrong state: the expected and the actual state.
    fn wrong_state(&self, index: usize, venue: &Bayse, now: Nanos) -> Option<(String, String)> {
        let record = &self.connections[index];
        let ConnectionPlan::Bayse { currency, .. } = &record.plan else {
            return None;
        };
        for subscription in &record.subscriptions {
            let room = subscription.room(*currency);
            let topic = subscription.topic();
            let state = venue.topics().find(|(it, _)| **it == topic);
            let Some((_, state)) = state else {
                return Some((format!("{room} is desired"), "it is unknown".to_owned()));
            };
            if let Some(expected) = self.unmet(index, &room, state, now) {
                return Some((
                    expected,
                    format!("{room} is {state:?} on connection {index}"),
                ));
            }
        }
        let is_kept = |topic: &Topic| {
            let mut subscriptions = record.subscriptions.iter();
            subscriptions.any(|subscription| subscription.topic() == *topic)
        };
        let mut all = venue.topics();
        let extra = all
            .find(|(topic, state)| *state != SubscriptionState::Unsubscribing && !is_kept(topic));
        extra.map(|it| ("only desired rooms".to_owned(), format!("{it:?}")))
    }

    /// The condition of a room's state, if it does not hold.
    fn unmet(
        &self,
        index: usize,
        room: &str,
        state: SubscriptionState,
        now: Nanos,
    ) -> Option<String> {
        let traffic = self.connections[index].traffic.as_ref()?;
        let lost = self.lost();
        let limit = self.ack_timeout * 16 + IDLE + lost;
        let is_requested = traffic
            .requested
            .get(room)
            .is_some_and(|at| now.since(*at) <= limit);
        let is_true = match state {
            // A room that is due is sent within `IDLE` of the last message. A room that the server ended is due after a
            // quarter of the acknowledgement timeout, doubled up to four times. So it is sent within four times the timeout
            // and `IDLE` of its end, or of a later message.
            SubscriptionState::Waiting => {
                let wait = 4 * self.ack_timeout;
                let ended = traffic.ended.get(room);
                now.since(traffic.last_sent) <= IDLE + lost
                    || ended.is_some_and(|at| now.since(*at) <= wait + IDLE + lost)
            }
            SubscriptionState::Requested => is_requested,
            SubscriptionState::Subscribed => traffic.confirmed.contains(room),
            SubscriptionState::Refused => traffic.is_refused(room),
            // The simulation does not unsubscribe desired rooms.
            SubscriptionState::Unsubscribing | SubscriptionState::Renewing => false,
        };
        (!is_true).then(|| match state {
            SubscriptionState::Waiting => {
                "a message within 12 s, after the wait of an ended room".to_owned()
            }
            SubscriptionState::Requested => "a recent request".to_owned(),
            SubscriptionState::Subscribed => "a confirmation".to_owned(),
            SubscriptionState::Refused => "an error that names it, and its report".to_owned(),
            SubscriptionState::Unsubscribing | SubscriptionState::Renewing => {
                "a desired room".to_owned()
            }
        })
    }

    /// A desired room of an open connection that is neither confirmed nor refused.
    pub(super) fn unconfirmed(&self, index: usize) -> Option<String> {
        let record = &self.connections[index];
        let ConnectionPlan::Bayse { currency, .. } = &record.plan else {
            return None;
        };
        let traffic = record.traffic.as_ref();
        let rooms = record
            .subscriptions
            .iter()
            .map(|subscription| subscription.room(*currency));
        let mut open = rooms.filter(|room| {
            traffic.is_none_or(|traffic| {
                !traffic.confirmed.contains(room) && !traffic.is_refused(room)
            })
        });
        let room = open.next()?;
        Some(format!(
            "{room} of connection {index} is neither confirmed nor refused"
        ))
    }
}
