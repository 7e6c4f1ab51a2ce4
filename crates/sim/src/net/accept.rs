//! The accepting loop, and the life of one connection.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::io::{self, Cursor};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fastwebsockets::{Role, after_handshake_split};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, BufWriter};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use super::fault::{Injector, Wire, count};
use super::peer::{End, Ended, Peer, stopped};
use super::read::{Inbox, Sips, read_loop};
use super::upgrade::{self, Page, Poll, Refusal, Target};
use super::{Counters, Limits};
use crate::faults::Faults;

/// How many messages of a client may wait while its session is busy writing.
const INBOX: usize = 16;
/// What a client may still have under way when its connection is closed, in bytes.
const LINGER: u64 = 16 * 1024 * 1024;
/// How many connections may be open on top of [`Limits::max_connections`]: those before their upgrade,
/// and those of clients that poll, two at once each.
const HTTP_CONNECTIONS: usize = 2_048;
const WRITE_BUFFER: usize = 32 * 1024;

/// What one kind of server does with its connections.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// What the request said: which mode, which endpoint.
    type Route: Send + 'static;

    /// Whether messages of the client that the session has no time for are dropped. Otherwise the
    /// client has to wait.
    const DROPS_MESSAGES: bool = false;

    /// What goes wrong on purpose.
    fn faults(&self) -> Faults {
        Faults::default()
    }

    /// Looks at where a client wants to go, before the upgrade.
    fn route(&self, target: Target<'_>) -> Result<Self::Route, Refusal>;

    /// The answer to a request for a document, if the server has one there.
    fn page(&self, _: Target<'_>) -> Option<Page> {
        None
    }

    /// Whether a request without an upgrade is one of a connection that is made of requests.
    fn is_poll(&self, _: Target<'_>) -> bool {
        false
    }

    /// Answers such a request, now or when there is something to say.
    fn poll(&self, _: Poll) -> impl Future<Output = Page> + Send {
        ready(Page::plain(String::new()))
    }

    /// Whether an address may upgrade another connection. Asked last, when nothing else is wrong.
    fn admit(&self, _: IpAddr) -> Result<(), Refusal> {
        Ok(())
    }

    /// Serves one connection to its end.
    fn session(&self, route: Self::Route, peer: &mut Peer) -> impl Future<Output = Ended> + Send;
}

/// What a server's connections share.
pub(crate) struct Shared<P> {
    protocol: P,
    limits: Limits,
    counters: Arc<Counters>,
    /// How many more connections may upgrade.
    room: Arc<Semaphore>,
    /// How many connections came, refused ones among them.
    arrived: AtomicU64,
    stop: watch::Receiver<bool>,
}

/// Accepts until told to stop, then waits for the connections to end. Dropping the future aborts
/// them.
pub(crate) async fn serve<P: Protocol>(
    listener: TcpListener,
    protocol: P,
    limits: Limits,
    counters: Arc<Counters>,
    mut stop: watch::Receiver<bool>,
) {
    let shared = Arc::new(Shared {
        protocol,
        limits,
        counters,
        room: Arc::new(Semaphore::new(
            limits.max_connections.min(Semaphore::MAX_PERMITS),
        )),
        arrived: AtomicU64::new(0),
        stop: stop.clone(),
    });
    let mut connections = JoinSet::new();
    let max_open = limits.max_connections.saturating_add(HTTP_CONNECTIONS);
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            _ = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < max_open => {
                    connections.spawn(connection(Arc::clone(&shared), stream));
                }
                Ok(_) => debug!("too many connections: one is dropped"),
                Err(error) => pause(&error).await,
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Out of file descriptors, most likely: to try again at once would only spin.
async fn pause(error: &io::Error) {
    debug!(%error, "cannot accept");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

async fn connection<P: Protocol>(shared: Arc<Shared<P>>, stream: TcpStream) {
    // A quote that waits for more to come is late.
    let _ = stream.set_nodelay(true);
    let arrived = shared.arrived.fetch_add(1, Relaxed);
    let mut injector = Injector::new(shared.protocol.faults(), arrived);
    let refusal = injector.as_mut().and_then(Injector::refusal);
    let mut stop = shared.stop.clone();
    let patience = Patience::new(shared.limits.upgrade_timeout);
    let upgrade = tokio::select! {
        () = stopped(&mut stop) => return,
        () = patience.ends() => return,
        upgrade = handshake(&shared, stream, refusal, &patience) => upgrade,
    };
    let Some(((route, place), link)) = upgrade else {
        return;
    };
    let number = shared.counters.accept();
    let open = Open(&shared.counters);
    debug!(number, "open");
    let end = talk(&shared, route, link, number, injector).await;
    debug!(number, %end, "ended");
    drop(place);
    drop(open);
}

/// Counts a connection out again, also when its task is aborted.
struct Open<'a>(&'a Counters);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// How long a client may take to its upgrade, or from one poll to the next.
struct Patience {
    limit: Duration,
    /// None while a poll is answered.
    end: Mutex<Option<Instant>>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        let end = Mutex::new(Some(Instant::now() + limit));
        Self { limit, end }
    }

    fn set(&self, end: Option<Instant>) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    /// Answers a poll, however long that takes.
    async fn poll(&self, poll: impl Future<Output = Page>) -> Page {
        self.set(None);
        let page = poll.await;
        self.set(Some(Instant::now() + self.limit));
        page
    }

    /// Waits for the end. Cancel-safe.
    async fn ends(&self) {
        loop {
            let now = Instant::now();
            let end = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
            if end.is_some_and(|end| end <= now) {
                return;
            }
            sleep_until(end.unwrap_or(now + self.limit)).await;
        }
    }
}

/// Where an upgraded connection goes, and its place among those that may be open.
type Admitted<P> = (<P as Protocol>::Route, OwnedSemaphorePermit);

/// A connection after its upgrade.
struct Link {
    /// What the HTTP reader had read already, then the socket.
    read: tokio::io::Chain<Cursor<Bytes>, OwnedReadHalf>,
    write: OwnedWriteHalf,
}

/// Answers HTTP requests until one of them is the upgrade. If none is, the client gets the last answer
/// even if the server did not read the whole request.
async fn handshake<P: Protocol>(
    shared: &Shared<P>,
    stream: TcpStream,
    refusal: Option<Refusal>,
    patience: &Patience,
) -> Option<(Admitted<P>, Link)> {
    let ip = stream.peer_addr().ok()?.ip();
    let (send, mut upgraded) = mpsc::channel(1);
    let send = &send;
    let service = service_fn(move |request| {
        Box::pin(async move {
            if let Some(page) = page(&shared.protocol, &request) {
                return Ok::<_, Infallible>(page.response());
            }
            if let Some(refusal) = refusal {
                count(&shared.counters, |it| &it.refusals);
                return Ok(refusal.response());
            }
            if is_poll(&shared.protocol, &request) {
                let page = match poll(request, shared.limits.max_message).await {
                    Ok(poll) => patience.poll(shared.protocol.poll(poll)).await,
                    Err(refusal) => return Ok(refusal.response()),
                };
                return Ok(page.response());
            }
            let response = match answer(shared, &request, ip) {
                Ok((admitted, response)) => {
                    let _ = send.try_send(admitted);
                    response
                }
                Err(refusal) => refusal.response(),
            };
            Ok(response)
        })
    });
    let mut http = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let served = poll_fn(|cx| http.poll_without_shutdown(cx)).await;
    let parts = http.into_parts();
    // Split without a lock.
    let (mut read, write) = parts.io.into_inner().into_split();
    if let (Ok(()), Ok(admitted)) = (served, upgraded.try_recv()) {
        let read = Cursor::new(parts.read_buf).chain(read);
        return Some((admitted, Link { read, write }));
    }
    end_and_linger(write, &mut read, shared.limits.close_timeout).await;
    None
}

fn page<P: Protocol>(protocol: &P, request: &Request<Incoming>) -> Option<Page> {
    let is_get = request.method() == Method::GET;
    is_get.then(|| protocol.page(upgrade::target(request)))?
}

fn is_poll<P: Protocol>(protocol: &P, request: &Request<Incoming>) -> bool {
    let wants_upgrade = request.headers().contains_key(header::UPGRADE);
    !wants_upgrade && protocol.is_poll(upgrade::target(request))
}

/// Reads a poll to its end.
async fn poll(request: Request<Incoming>, max_body: usize) -> Result<Poll, Refusal> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, max_body).collect().await;
    let too_large = |_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "message too big");
    let body = body.map_err(too_large)?.to_bytes();
    let not_text = |_| Refusal::new(StatusCode::BAD_REQUEST, "text must be UTF-8");
    Ok(Poll {
        method: head.method,
        query: head.uri.query().unwrap_or("").to_owned(),
        body: String::from_utf8(body.into()).map_err(not_text)?,
    })
}

fn answer<P: Protocol>(
    shared: &Shared<P>,
    request: &Request<Incoming>,
    ip: IpAddr,
) -> Result<(Admitted<P>, Response<Full<Bytes>>), Refusal> {
    let route = shared.protocol.route(upgrade::target(request))?;
    let response = upgrade::accept(request)?;
    let full = |_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many connections");
    let place = Arc::clone(&shared.room).try_acquire_owned().map_err(full)?;
    shared.protocol.admit(ip)?;
    Ok(((route, place), response))
}

/// Runs the session and the reading side by side.
async fn talk<P: Protocol>(
    shared: &Shared<P>,
    route: P::Route,
    mut link: Link,
    number: u64,
    injector: Option<Injector>,
) -> End {
    let (wire, left) = Wire::new(link.write, shared.protocol.faults().slow);
    let write = BufWriter::with_capacity(WRITE_BUFFER, wire);
    let (read, mut write) = after_handshake_split(Sips(&mut link.read), write, Role::Server);
    write.set_writev(false);
    let (send, events) = mpsc::channel(INBOX);
    let mut peer = Peer {
        events,
        held: VecDeque::new(),
        write,
        left,
        injector,
        stop: shared.stop.clone(),
        counters: Arc::clone(&shared.counters),
        limits: shared.limits,
        number,
    };
    let end = {
        let inbox = Inbox::new(send, P::DROPS_MESSAGES);
        let reading = read_loop(read, shared.limits.max_message, inbox);
        let session = shared.protocol.session(route, &mut peer);
        tokio::pin!(reading, session);
        let Err(end) = tokio::select! {
            ended = &mut session => ended,
            // The session hears of it as its last event.
            () = &mut reading => session.await,
        };
        end
    };
    if let End::ByServer {
        answered: false, ..
    } = end
    {
        end_and_linger(peer, &mut link.read, shared.limits.close_timeout).await;
    }
    end
}

/// Drops the writing half, which sends the end of the stream, then reads and drops what the client still
/// sends. A socket that is closed with unread bytes is reset, and a reset can cost the client the
/// last answer, or the close.
async fn end_and_linger<W>(write: W, read: &mut (impl AsyncRead + Unpin), limit: Duration) {
    drop(write);
    let mut rest = read.take(LINGER);
    let mut nowhere = tokio::io::sink();
    let _ = timeout(limit, tokio::io::copy(&mut rest, &mut nowhere)).await;
}
