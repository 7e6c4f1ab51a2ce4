//! The plain mode: JSON envelopes from the client, and payloads to it.

use std::sync::Arc;

use serde_json::Value;
use ticklot_book::Nanos;

use super::subscriptions::{ClientSubscriptions, RequestError, TOO_SLOW, Update};
use super::{Config, Jayx};
use crate::session::{Close, Outgoing, OutgoingQueue, Session, Timestamps};
use crate::wire;

/// The session of a client in plain mode.
pub(super) struct PlainSession {
    config: Arc<Config>,
    subscriptions: ClientSubscriptions,
    queue: OutgoingQueue,
}

impl PlainSession {
    /// The session of a client, after its upgrade.
    pub(super) fn new(venue: &Jayx) -> Self {
        Self {
            config: Arc::clone(&venue.config),
            subscriptions: ClientSubscriptions::new(&venue.state),
            queue: OutgoingQueue::default(),
        }
    }

    fn send(&mut self, updates: &[Update]) {
        for update in updates {
            let text = wire::jayx::plain(self.config.plain, update.event, &update.payload);
            self.queue.text(text);
        }
    }
}

impl Session for PlainSession {
    fn text(&mut self, text: &str, _now: Timestamps) {
        match subscribe(&mut self.subscriptions, text) {
            Ok(updates) => self.send(&updates),
            Err(RequestError::Lost) => self.queue.close(TOO_SLOW),
            Err(RequestError::Rejected(why)) => self.queue.text(wire::jayx::error(&why)),
        }
    }

    fn binary(&mut self, _now: Timestamps) {
        self.queue.close(Close::BINARY);
    }

    fn pong(&mut self, _now: Timestamps) {}

    fn deadline(&self) -> Option<Nanos> {
        None
    }

    fn timeout(&mut self, _now: Timestamps) {}

    fn market_changed(&mut self, _now: Timestamps) {
        match self.subscriptions.updates() {
            Some(updates) => self.send(&updates),
            None => self.queue.close(TOO_SLOW),
        }
    }

    fn outgoing(&mut self) -> Option<Outgoing> {
        self.queue.pop()
    }
}

fn subscribe(
    subscriptions: &mut ClientSubscriptions,
    text: &str,
) -> Result<Vec<Update>, RequestError> {
    let refused = |why: &str| RequestError::Rejected(why.to_owned());
    let envelope: Value =
        serde_json::from_str(text).map_err(|_| refused("the message is not valid JSON"))?;
    let event = envelope.get("event").and_then(Value::as_str);
    let event = event.ok_or_else(|| refused("event is required"))?;
    subscriptions.subscribe(event, &envelope["message"])
}
