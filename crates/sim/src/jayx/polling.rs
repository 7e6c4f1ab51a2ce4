//! Engine.IO's polling transport: a connection that is made of HTTP requests, and its upgrade to WebSocket.
//!
//! A GET without a session id opens a connection, a GET with one waits for packets, and a POST brings those of
//! the client. Nothing runs between the requests: each moves the session's time on, and the next client that
//! comes removes those that have not answered a ping in time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::{Method, StatusCode};
use tokio::sync::Notify;

use super::socket_io::SocketIoSession;
use super::{BAD_VERSION, Jayx};
use crate::ids;
use crate::net::{
    Connection, Disconnect, Input, MarketUpdates, Page, PollRequest, RequestTarget,
    sleep_until_deadline,
};
use crate::session::{Close, Outgoing, Session, Timestamps};

/// Between the packets of a body.
const SEPARATOR: char = '\u{1e}';
/// Engine.IO packets.
const CLOSE: &str = "1";
const NOOP: &str = "6";
/// How many packets wait for a client before it is given up.
const BACKLOG: usize = 1_000;

pub(super) const UNKNOWN_SID: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
const BAD_METHOD: &str = r#"{"code":2,"message":"Bad handshake method"}"#;
const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;
const TOO_MANY: &str = r#"{"code":3,"message":"Too many clients"}"#;

/// The clients that poll, by session id.
#[derive(Default)]
pub(crate) struct PollingClients {
    clients: Mutex<HashMap<String, Arc<PollingClient>>>,
    opened: AtomicU64,
}

/// A client that polls.
pub(crate) struct PollingClient {
    /// None once WebSocket has taken over.
    session: Mutex<Option<SocketIoSession>>,
    /// Held by the request that waits for packets.
    waits: tokio::sync::Mutex<()>,
    /// The waiting request has to look again.
    changed: Notify,
    /// Whether the client tries WebSocket: the request that waits returns then.
    is_probing: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refuse(why: &str) -> Page {
    Page::json(StatusCode::BAD_REQUEST, why.to_owned())
}

/// Answers a request.
pub(super) async fn answer(venue: &Jayx, poll: PollRequest) -> Page {
    let target = RequestTarget {
        path: super::PATH,
        query: &poll.query,
    };
    if !target.has("EIO", "4") {
        return refuse(BAD_VERSION);
    }
    let Some(sid) = target.get("sid") else {
        let is_get = poll.method == Method::GET;
        return if is_get {
            open(venue)
        } else {
            refuse(BAD_METHOD)
        };
    };
    let Some(client) = venue.polling.find(sid) else {
        return refuse(UNKNOWN_SID);
    };
    match poll.method {
        Method::GET => client.wait(venue).await,
        Method::POST => client.receive(&poll.body, venue.clock.now()),
        _ => refuse(BAD_REQUEST),
    }
}

fn open(venue: &Jayx) -> Page {
    let (now, polling) = (venue.clock.now(), &venue.polling);
    let mut clients = lock(&polling.clients);
    clients.retain(|_, client| client.is_open(now));
    if clients.len() >= venue.config.limits.max_connections {
        return Page::json(StatusCode::SERVICE_UNAVAILABLE, TOO_MANY.to_owned());
    }
    // Counted down: the connections of WebSocket are counted up.
    let number = !polling.opened.fetch_add(1, Ordering::Relaxed);
    let mut session = SocketIoSession::over(venue, number, now, &["websocket"]);
    let packets = take_packets(&mut session);
    let client = PollingClient {
        session: Mutex::new(Some(session)),
        waits: tokio::sync::Mutex::default(),
        changed: Notify::new(),
        is_probing: AtomicBool::new(false),
    };
    clients.insert(ids::sid(venue.config.seed, number), Arc::new(client));
    Page::plain(packets)
}

/// All packets that wait; those of a session that is closed end with a close.
fn take_packets(session: &mut SocketIoSession) -> String {
    let mut packets = Vec::new();
    while let Some(outgoing) = session.outgoing() {
        if let Outgoing::Text(packet) = outgoing {
            packets.push(packet);
        }
    }
    if session.is_closed() {
        packets.push(CLOSE.to_owned());
    }
    packets.join(SEPARATOR.encode_utf8(&mut [0; 4]))
}

impl PollingClients {
    pub(super) fn find(&self, sid: &str) -> Option<Arc<PollingClient>> {
        lock(&self.clients).get(sid).cloned()
    }
}

impl PollingClient {
    /// Whether the client still has a session here, as of now.
    fn is_open(&self, now: Timestamps) -> bool {
        lock(&self.session).as_mut().is_some_and(|session| {
            advance_time(session, now);
            !session.is_closed()
        })
    }

    /// Waits for packets. One request at a time may.
    async fn wait(&self, venue: &Jayx) -> Page {
        let Ok(_alone) = self.waits.try_lock() else {
            return refuse(BAD_REQUEST);
        };
        let mut steps = venue.state.steps();
        loop {
            let deadline = {
                let mut session = lock(&self.session);
                let Some(session) = &mut *session else {
                    return Page::plain(NOOP.to_owned());
                };
                let now = venue.clock.now();
                advance_time(session, now);
                session.market_changed(now);
                let packets = take_packets(session);
                if !packets.is_empty() {
                    return Page::plain(packets);
                }
                if self.is_probing.load(Ordering::SeqCst) {
                    return Page::plain(NOOP.to_owned());
                }
                session.deadline()
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = steps.next_update() => {}
                () = sleep_until_deadline(venue.clock, deadline) => {}
            }
        }
    }

    /// Takes the packets of a client.
    fn receive(&self, body: &str, now: Timestamps) -> Page {
        if let Some(session) = &mut *lock(&self.session) {
            advance_time(session, now);
            for packet in body.split(SEPARATOR) {
                session.text(packet, now);
                if session.waiting() > BACKLOG {
                    session.give_up();
                    break;
                }
            }
        }
        self.changed.notify_one();
        Page::plain("ok".to_owned())
    }

    /// Tries WebSocket, until the client is sure of it.
    async fn probe(&self, venue: &Jayx, connection: &mut Connection) -> Result<(), Disconnect> {
        let limit = venue.clock.now().at.after(venue.config.join_timeout);
        loop {
            let event = tokio::select! {
                event = connection.event() => event,
                () = sleep_until_deadline(venue.clock, Some(limit)) => {
                    return Err(connection.close(Close::new(1008, "no upgrade")).await);
                }
            };
            match connection.handle(event).await? {
                Some(Input::Text(packet)) if packet == "2probe" => {
                    self.is_probing.store(true, Ordering::SeqCst);
                    self.changed.notify_one();
                    connection.send("3probe".to_owned()).await?;
                }
                Some(Input::Text(packet)) if packet == "5" => return Ok(()),
                Some(Input::Pong) | None => {}
                Some(_) => return Err(connection.close(Close::new(1008, "not an upgrade")).await),
            }
        }
    }
}

/// Calls the session's timeout if it is due.
fn advance_time(session: &mut SocketIoSession, now: Timestamps) {
    if session
        .deadline()
        .is_some_and(|deadline| deadline <= now.at)
    {
        session.timeout(now);
    }
}

/// Takes over the session of a client that polls. If the client does not complete the upgrade, it polls on.
pub(super) async fn upgrade(
    venue: &Jayx,
    client: &PollingClient,
    connection: &mut Connection,
) -> Result<SocketIoSession, Disconnect> {
    let probed = client.probe(venue, connection).await;
    client.is_probing.store(false, Ordering::SeqCst);
    probed?;
    let session = lock(&client.session).take();
    client.changed.notify_one();
    match session {
        Some(session) => Ok(session),
        None => Err(connection.close(Close::new(1008, "upgraded already")).await),
    }
}
