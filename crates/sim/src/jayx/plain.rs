//! The plain mode: JSON envelopes from the client, payloads to it.

use std::sync::Arc;

use serde_json::Value;
use ticklot_book::Nanos;

use super::desk::{Desk, TOO_SLOW, Told, Trouble};
use super::{Config, Jayx};
use crate::session::{Close, Outgoing, OutgoingQueue, Session, Timestamps};
use crate::wire;

/// A client that talks plain JSON.
pub(super) struct Client {
    config: Arc<Config>,
    desk: Desk,
    queue: OutgoingQueue,
}

impl Client {
    /// A client of the venue, which has just been upgraded.
    pub(super) fn new(venue: &Jayx) -> Self {
        Self {
            config: Arc::clone(&venue.config),
            desk: Desk::new(&venue.world),
            queue: OutgoingQueue::default(),
        }
    }

    fn tell(&mut self, all: &[Told]) {
        for told in all {
            let text = wire::jayx::plain(self.config.plain, told.event, &told.payload);
            self.queue.text(text);
        }
    }
}

impl Session for Client {
    fn text(&mut self, text: &str, _now: Timestamps) {
        match subscribe(&mut self.desk, text) {
            Ok(told) => self.tell(&told),
            Err(Trouble::Lost) => self.queue.close(TOO_SLOW),
            Err(Trouble::Rejection(why)) => self.queue.text(wire::jayx::error(&why)),
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
        match self.desk.news() {
            Some(told) => self.tell(&told),
            None => self.queue.close(TOO_SLOW),
        }
    }

    fn outgoing(&mut self) -> Option<Outgoing> {
        self.queue.pop()
    }
}

fn subscribe(desk: &mut Desk, text: &str) -> Result<Vec<Told>, Trouble> {
    let refused = |why: &str| Trouble::Rejection(why.to_owned());
    let envelope: Value =
        serde_json::from_str(text).map_err(|_| refused("the message is not valid JSON"))?;
    let event = envelope.get("event").and_then(Value::as_str);
    let event = event.ok_or_else(|| refused("event is required"))?;
    desk.ask(event, &envelope["message"])
}
