//! The Socket.IO mode: Engine.IO's opening and heartbeat, Socket.IO's namespace and events.

use tokio::time::{Instant, sleep_until};

use super::desk::{Desk, TOO_SLOW, Told, Trouble};
use super::packet::{self, Packet};
use super::{Config, Jayx};
use crate::net::{Close, End, Ended, Event, Input, Peer};
use crate::{ids, wire};

/// What the open packet says of the largest message.
const MAX_PAYLOAD: usize = 1_000_000;

pub(super) async fn session(venue: &Jayx, peer: &mut Peer) -> Ended {
    let config = &venue.config;
    // Engine.IO and Socket.IO each have a name for the connection, and they differ.
    let (engine_sid, sid) = (
        ids::sid(config.seed, peer.number),
        ids::sid(!config.seed, peer.number),
    );
    let mut session = Session {
        config,
        peer,
        desk: Desk::new(&venue.world),
        beat: Beat::Ping(Instant::now() + config.ping_interval),
        join_before: Some(Instant::now() + config.join_timeout),
        out: String::new(),
    };
    session.open(&engine_sid).await?;
    loop {
        let deadline = session.deadline();
        let wake = tokio::select! {
            event = session.peer.event() => Wake::Event(event),
            () = sleep_until(deadline) => Wake::Deadline,
            news = session.desk.news() => Wake::News(news),
        };
        match wake {
            Wake::Event(event) => session.on_event(event, &sid).await?,
            Wake::Deadline => session.on_deadline(Instant::now()).await?,
            Wake::News(Some(news)) => session.tell(&news).await?,
            Wake::News(None) => return Err(session.peer.close(TOO_SLOW).await),
        }
    }
}

enum Wake {
    Event(Event),
    Deadline,
    /// None when something was lost.
    News(Option<Vec<Told>>),
}

/// Engine.IO's heartbeat, from the server's side.
#[derive(Clone, Copy)]
enum Beat {
    /// The next ping is due.
    Ping(Instant),
    /// A pong must have come.
    Pong(Instant),
}

struct Session<'a> {
    config: &'a Config,
    peer: &'a mut Peer,
    desk: Desk,
    beat: Beat,
    /// None once the client has joined the default namespace.
    join_before: Option<Instant>,
    /// Space for the packet that is being written.
    out: String,
}

impl Session<'_> {
    async fn open(&mut self, sid: &str) -> Result<(), End> {
        let (interval, timeout) = (self.config.ping_interval, self.config.ping_timeout);
        wire::jayx::open(&mut self.out, sid, interval, timeout, MAX_PAYLOAD);
        self.send().await
    }

    fn deadline(&self) -> Instant {
        let (Beat::Ping(beat) | Beat::Pong(beat)) = self.beat;
        self.join_before.map_or(beat, |join| join.min(beat))
    }

    async fn on_deadline(&mut self, now: Instant) -> Result<(), End> {
        if self.join_before.is_some_and(|join| join <= now) {
            return Err(self.peer.close(Close::new(1008, "no join")).await);
        }
        match self.beat {
            Beat::Ping(due) if due <= now => {
                self.beat = Beat::Pong(now + self.config.ping_timeout);
                self.peer.text("2").await
            }
            Beat::Pong(due) if due <= now => {
                Err(self.peer.close(Close::new(1008, "ping timeout")).await)
            }
            _ => Ok(()),
        }
    }

    async fn on_event(&mut self, event: Event, sid: &str) -> Result<(), End> {
        let text = match self.peer.settle(event).await? {
            Some(Input::Text(text)) => text,
            Some(Input::Binary) => return Err(self.peer.close(Close::BINARY).await),
            Some(Input::Pong) | None => return Ok(()),
        };
        match Packet::read(&text) {
            Packet::Close | Packet::Leave => Err(self.peer.close(Close::NORMAL).await),
            Packet::Pong => {
                self.beat = Beat::Ping(Instant::now() + self.config.ping_interval);
                Ok(())
            }
            Packet::Join { namespace } => self.join(namespace, sid).await,
            Packet::Event(_) | Packet::Broken if self.join_before.is_some() => {
                Err(self.peer.close(Close::new(1008, "not joined")).await)
            }
            Packet::Event(event) => self.subscribe(event).await,
            Packet::Other => Ok(()),
            Packet::Broken => self.refuse("", "not a packet").await,
        }
    }

    async fn join(&mut self, namespace: &str, sid: &str) -> Result<(), End> {
        self.out.clear();
        if namespace.is_empty() {
            self.join_before = None;
            wire::jayx::joined(&mut self.out, sid);
        } else {
            wire::jayx::wrong_namespace(&mut self.out, namespace);
        }
        self.send().await
    }

    async fn subscribe(&mut self, event: packet::Event<'_>) -> Result<(), End> {
        match self.desk.ask(&event.name, &event.message) {
            Err(Trouble::Refused(why)) => self.refuse(event.id, &why).await,
            Err(Trouble::Lost) => Err(self.peer.close(TOO_SLOW).await),
            Ok(told) => {
                if !event.id.is_empty() {
                    self.out.clear();
                    wire::jayx::ack(&mut self.out, event.id, r#"{"ok":true}"#);
                    self.send().await?;
                }
                self.tell(&told).await
            }
        }
    }

    /// Refuses a request, through its acknowledgement if it asked for one.
    async fn refuse(&mut self, id: &str, why: &str) -> Result<(), End> {
        let mut payload = String::new();
        self.out.clear();
        if id.is_empty() {
            wire::jayx::message(&mut payload, why);
            wire::jayx::packet(&mut self.out, "error", &payload);
        } else {
            wire::jayx::error(&mut payload, why);
            wire::jayx::ack(&mut self.out, id, &payload);
        }
        self.send().await
    }

    async fn tell(&mut self, all: &[Told]) -> Result<(), End> {
        for told in all {
            self.out.clear();
            wire::jayx::packet(&mut self.out, told.event, &told.payload);
            self.peer.queue(self.out.as_bytes()).await?;
        }
        self.peer.flush().await
    }

    async fn send(&mut self) -> Result<(), End> {
        self.peer.text(&self.out).await
    }
}
