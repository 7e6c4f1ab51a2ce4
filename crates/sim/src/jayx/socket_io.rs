//! The Socket.IO mode: Engine.IO's opening and heartbeat, Socket.IO's namespace and events.

use std::sync::Arc;

use ticklot_book::Nanos;

use super::packet::{self, Packet};
use super::subscriptions::{ClientSubscriptions, RequestError, TOO_SLOW, Update};
use super::{Config, Jayx};
use crate::session::{Close, Outgoing, OutgoingQueue, Session, Timestamps};
use crate::{ids, wire};

/// The largest message that the open packet announces.
const MAX_PAYLOAD: usize = 1_000_000;

/// Engine.IO's heartbeat, from the server's side.
#[derive(Clone, Copy)]
enum Heartbeat {
    /// The next ping is due.
    Ping(Nanos),
    /// A pong must have come.
    Pong(Nanos),
}

/// The session of a Socket.IO client.
pub(super) struct SocketIoSession {
    config: Arc<Config>,
    /// Socket.IO's name for the connection.
    sid: String,
    subscriptions: ClientSubscriptions,
    heartbeat: Heartbeat,
    /// None once the client has joined the default namespace.
    join_before: Option<Nanos>,
    queue: OutgoingQueue,
}

impl SocketIoSession {
    /// The client of the venue's connection of this number, which has just been upgraded.
    pub(super) fn new(venue: &Jayx, number: u64, now: Timestamps) -> Self {
        Self::over(venue, number, now, &[])
    }

    /// The client of a connection that may go on over other transports.
    pub(super) fn over(venue: &Jayx, number: u64, now: Timestamps, upgrades: &[&str]) -> Self {
        let config = Arc::clone(&venue.config);
        // Engine.IO and Socket.IO each have a name for the connection, and they differ.
        let (engine_sid, sid) = (
            ids::sid(config.seed, number),
            ids::sid(!config.seed, number),
        );
        let mut client = Self {
            sid,
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

    /// Whether the connection is closed, as soon as all packets are sent.
    pub(super) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// How many packets wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Gives up a client that does not fetch its packets.
    pub(super) fn give_up(&mut self) {
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
            Err(RequestError::Rejected(why)) => self.refuse(event.id, &why),
            Err(RequestError::Lost) => self.queue.close(TOO_SLOW),
            Ok(updates) => {
                if !event.id.is_empty() {
                    self.queue.text(wire::jayx::ack(event.id, r#"{"ok":true}"#));
                }
                self.send(&updates);
            }
        }
    }

    /// Refuses a request, through its acknowledgement if it asked for one.
    fn refuse(&mut self, id: &str, why: &str) {
        self.queue.text(if id.is_empty() {
            wire::jayx::packet("error", &wire::jayx::message(why))
        } else {
            wire::jayx::ack(id, &wire::jayx::error(why))
        });
    }

    fn send(&mut self, updates: &[Update]) {
        for update in updates {
            self.queue
                .text(wire::jayx::packet(update.event, &update.payload));
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
            Packet::Broken => self.refuse("", "not a packet"),
        }
    }

    fn binary(&mut self, _now: Timestamps) {
        self.queue.close(Close::BINARY);
    }

    fn pong(&mut self, _now: Timestamps) {}

    fn deadline(&self) -> Option<Nanos> {
        let (Heartbeat::Ping(heartbeat) | Heartbeat::Pong(heartbeat)) = self.heartbeat;
        Some(
            self.join_before
                .map_or(heartbeat, |join| join.min(heartbeat)),
        )
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
