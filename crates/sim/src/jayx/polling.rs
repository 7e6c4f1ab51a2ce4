//! Engine.IO's polling transport: a connection that consists of HTTP requests, and its upgrade to WebSocket.
//!
//! A GET without a session id opens a connection, a GET with one waits for packets, and a POST carries packets of the
//! client. No task runs between the requests. Each request advances the session's time, and each new client removes
//! the clients whose pong is overdue.

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

/// Separates the packets of a body.
const SEPARATOR: char = '\u{1e}';
/// Engine.IO packets.
const CLOSE: &str = "1";
const NOOP: &str = "6";
/// The maximum number of packets in the queue of a client.
const BACKLOG: usize = 1_000;

pub(super) const UNKNOWN_SID: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
const BAD_METHOD: &str = r#"{"code":2,"message":"Bad handshake method"}"#;
const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;
const TOO_MANY: &str = r#"{"code":3,"message":"Too many clients"}"#;

/// The polling clients, by session id.
#[derive(Default)]
pub(crate) struct PollingClients {
    clients: Mutex<HashMap<String, Arc<PollingClient>>>,
    opened: AtomicU64,
}

/// A polling client.
pub(crate) struct PollingClient {
    /// `None` after the upgrade to WebSocket.
    session: Mutex<Option<SocketIoSession>>,
    /// Held by the request that waits for packets.
    waits: tokio::sync::Mutex<()>,
    /// Wakes the waiting request.
    changed: Notify,
    /// Whether the client probes WebSocket. The waiting request then returns.
    is_probing: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn reject(why: &str) -> Page {
    Page::json(StatusCode::BAD_REQUEST, why.to_owned())
}

/// Responds to a request.
pub(super) async fn respond(venue: &Jayx, poll: PollRequest) -> Page {
    let target = RequestTarget {
        path: super::PATH,
        query: &poll.query,
    };
    if !target.has("EIO", "4") {
        return reject(BAD_VERSION);
    }
    let Some(sid) = target.get("sid") else {
        return match poll.method {
            Method::GET => open(venue),
            _ => reject(BAD_METHOD),
        };
    };
    let Some(client) = venue.polling.find(sid) else {
        return reject(UNKNOWN_SID);
    };
    match poll.method {
        Method::GET => client.wait(venue).await,
        Method::POST => client.receive(&poll.body, venue.clock.now()),
        _ => reject(BAD_REQUEST),
    }
}

fn open(venue: &Jayx) -> Page {
    let (now, polling) = (venue.clock.now(), &venue.polling);
    let mut clients = lock(&polling.clients);
    clients.retain(|_, client| client.is_open(now));
    if clients.len() >= venue.config.limits.max_connections {
        return Page::json(StatusCode::SERVICE_UNAVAILABLE, TOO_MANY.to_owned());
    }
    // Polling connections are numbered from the maximum down, WebSocket connections from 1 up.
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

/// Drains the queue. The packets of a closed session end with a close.
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
    /// Whether the client has an open session at `now`.
    fn is_open(&self, now: Timestamps) -> bool {
        lock(&self.session).as_mut().is_some_and(|session| {
            advance_time(session, now);
            !session.is_closed()
        })
    }

    /// Waits for packets. A second concurrent request is rejected.
    async fn wait(&self, venue: &Jayx) -> Page {
        let Ok(_guard) = self.waits.try_lock() else {
            return reject(BAD_REQUEST);
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

    /// Handles packets of the client.
    fn receive(&self, body: &str, now: Timestamps) -> Page {
        if let Some(session) = &mut *lock(&self.session) {
            advance_time(session, now);
            for packet in body.split(SEPARATOR) {
                session.text(packet, now);
                if session.queued() > BACKLOG {
                    session.close_too_slow();
                    break;
                }
            }
        }
        self.changed.notify_one();
        Page::plain("ok".to_owned())
    }

    /// Replies to probes over WebSocket until the client completes the upgrade.
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
    if session.deadline().is_some_and(|at| at <= now.at) {
        session.timeout(now);
    }
}

/// Moves the session of a polling client to WebSocket. If the client does not complete the upgrade, it may continue
/// to poll.
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
