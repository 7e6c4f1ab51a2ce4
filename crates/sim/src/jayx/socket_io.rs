//! The Socket.IO mode: the handshake and heartbeat of Engine.IO, the namespace and events of Socket.IO.

use std::sync::Arc;

use ticklot_book::Nanos;

use super::packet::{self, Packet};
use super::subscriptions::{ClientSubscriptions, RequestError, TOO_SLOW, Update};
use super::{Config, Jayx};
use crate::session::{Close, Outgoing, OutgoingQueue, Session, Timestamps};
use crate::{ids, wire};

/// The largest message that the open packet announces.
const MAX_PAYLOAD: usize = 1_000_000;

/// The state of the server's Engine.IO heartbeat.
#[derive(Clone, Copy)]
enum Heartbeat {
    /// When to send the next ping.
    Ping(Nanos),
    /// When the pong is overdue.
    Pong(Nanos),
}

/// The session of a Socket.IO client.
pub(super) struct SocketIoSession {
    config: Arc<Config>,
    /// The Socket.IO session id.
    sid: String,
    subscriptions: ClientSubscriptions,
    heartbeat: Heartbeat,
    /// `None` after the client has joined the default namespace.
    join_before: Option<Nanos>,
    queue: OutgoingQueue,
}

impl SocketIoSession {
    /// The session of connection `number`, after its upgrade.
    pub(super) fn new(venue: &Jayx, number: u64, now: Timestamps) -> Self {
        Self::over(venue, number, now, &[])
    }

    /// The session of a connection that may upgrade to other transports.
    pub(super) fn over(venue: &Jayx, number: u64, now: Timestamps, upgrades: &[&str]) -> Self {
        let config = Arc::clone(&venue.config);
        // The session ids of Engine.IO and Socket.IO differ.
        let engine_sid = ids::sid(config.seed, number);
        let mut client = Self {
            sid: ids::sid(!config.seed, number),
            subscriptions: ClientSubscriptions::new(&venue.state),
            heartbeat: Heartbeat::Ping(now.at.after(config.ping_interval)),
            join_before: Some(now.at.after(config.join_timeout)),
            queue: OutgoingQueue::default(),
            config,
        };
        let pings = [client.config.ping_interval, client.config.ping_timeout];
        let open = wire::jayx::open(&engine_sid, upgrades, pings, MAX_PAYLOAD);
        client.queue.text(open);
        client
    }

    /// Whether the queue ends with a close.
    pub(super) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// The number of queued packets.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Closes the connection of a client that does not fetch its packets.
    pub(super) fn close_too_slow(&mut self) {
        self.queue.close(TOO_SLOW);
    }

    fn join(&mut self, namespace: &str) {
        if namespace.is_empty() {
            self.join_before = None;
            self.queue.text(wire::jayx::joined(&self.sid));
        } else {
            self.queue.text(wire::jayx::wrong_namespace(namespace));
        }
    }

    fn subscribe(&mut self, event: &packet::Event<'_>) {
        match self.subscriptions.subscribe(&event.name, &event.message) {
            Err(RequestError::Rejected(why)) => self.reject(event.id, &why),
            Err(RequestError::Lost) => self.queue.close(TOO_SLOW),
            Ok(updates) => {
                if !event.id.is_empty() {
                    self.queue.text(wire::jayx::ack(event.id, r#"{"ok":true}"#));
                }
                self.send(&updates);
            }
        }
    }

    /// Rejects a request, with an acknowledgement if the client requested one.
    fn reject(&mut self, id: &str, why: &str) {
        self.queue.text(if id.is_empty() {
            wire::jayx::packet("error", &wire::jayx::message(why))
        } else {
            wire::jayx::ack(id, &wire::jayx::error(why))
        });
    }

    fn send(&mut self, updates: &[Update]) {
        for update in updates {
            let packet = wire::jayx::packet(update.event, &update.payload);
            self.queue.text(packet);
        }
    }
}

impl Session for SocketIoSession {
    fn text(&mut self, text: &str, now: Timestamps) {
        match Packet::read(text) {
            Packet::Close | Packet::Leave => self.queue.close(Close::NORMAL),
            Packet::Pong => {
                self.heartbeat = Heartbeat::Ping(now.at.after(self.config.ping_interval));
            }
            Packet::Join { namespace } => self.join(namespace),
            Packet::Event(_) | Packet::Broken if self.join_before.is_some() => {
                self.queue.close(Close::new(1008, "not joined"));
            }
            Packet::Event(event) => self.subscribe(&event),
            Packet::Other => {}
            Packet::Broken => self.reject("", "not a packet"),
        }
    }

    fn binary(&mut self, _now: Timestamps) {
        self.queue.close(Close::BINARY);
    }

    fn pong(&mut self, _now: Timestamps) {}

    fn deadline(&self) -> Option<Nanos> {
        let (Heartbeat::Ping(heartbeat) | Heartbeat::Pong(heartbeat)) = self.heartbeat;
        Some(self.join_before.map_or(heartbeat, |it| it.min(heartbeat)))
    }

    fn timeout(&mut self, now: Timestamps) {
        if self.join_before.is_some_and(|join| join <= now.at) {
            return self.queue.close(Close::new(1008, "no join"));
        }
        match self.heartbeat {
            Heartbeat::Ping(due) if due <= now.at => {
                self.heartbeat = Heartbeat::Pong(now.at.after(self.config.ping_timeout));
                self.queue.text("2".to_owned());
            }
            Heartbeat::Pong(due) if due <= now.at => {
                self.queue.close(Close::new(1008, "ping timeout"));
            }
            _ => {}
        }
    }

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
