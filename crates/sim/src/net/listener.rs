//! The accept loop, and the task of each connection.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::connection::{Connection, Disconnect, SessionEnd, end_and_linger, open_socket, stopped};
use super::fault_injector::{FaultInjector, SlowStream};
use super::http::{self, Page, PollRequest, RequestTarget, rejection_response};
use super::{Counters, Limits};
use crate::fault_config::FaultConfig;
use crate::session::Rejection;

/// The maximum number of connections in addition to [`Limits::max_connections`]: connections before their upgrade, and
/// up to two per polling client.
const HTTP_CONNECTIONS: usize = 2_048;

/// The protocol of a venue, from the HTTP request on.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// The mode or endpoint that a request selects.
    type Route: Send + 'static;

    /// Whether excess messages of the client are dropped. Otherwise the client has to wait.
    const DROPS_MESSAGES: bool = false;

    /// The faults to inject.
    fn faults(&self) -> FaultConfig {
        FaultConfig::default()
    }

    /// Selects the route of an upgrade.
    fn route(&self, target: RequestTarget<'_>) -> Result<Self::Route, Rejection>;

    /// The response to a GET request. `None` if the path has no document.
    fn page(&self, _: RequestTarget<'_>) -> Option<Page> {
        None
    }

    /// Whether a request without an upgrade belongs to a polling client.
    fn is_poll(&self, _: RequestTarget<'_>) -> bool {
        false
    }

    /// Responds to a polling client, possibly after a wait for messages.
    fn poll(&self, _: PollRequest) -> impl Future<Output = Page> + Send {
        ready(Page::plain(String::new()))
    }

    /// Whether an address may upgrade another connection. Called last, for valid requests only.
    fn admit(&self, _: IpAddr) -> Result<(), Rejection> {
        Ok(())
    }

    /// Serves one connection until it ends.
    fn session(
        &self,
        route: Self::Route,
        connection: &mut Connection,
    ) -> impl Future<Output = SessionEnd> + Send;
}

/// The state that all connections of a server share.
struct Shared<P> {
    protocol: P,
    limits: Limits,
    counters: Arc<Counters>,
    /// One permit per WebSocket connection.
    permits: Arc<Semaphore>,
    /// The number of accepted TCP connections, those with rejected upgrades included.
    arrived: AtomicU64,
    stop: watch::Receiver<bool>,
}

/// Accepts connections until `stop`, then waits for them to end. Dropping the future aborts them.
pub(crate) async fn serve<P: Protocol>(
    listener: TcpListener,
    protocol: P,
    limits: Limits,
    counters: Arc<Counters>,
    mut stop: watch::Receiver<bool>,
) {
    let permits = limits.max_connections.min(Semaphore::MAX_PERMITS);
    let shared = Arc::new(Shared {
        protocol,
        limits,
        counters,
        permits: Arc::new(Semaphore::new(permits)),
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
                    connections.spawn(serve_connection(Arc::clone(&shared), stream));
                }
                Ok(_) => debug!("too many connections, dropping one"),
                Err(error) => pause(&error).await,
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Waits after a failed accept. The usual cause is a lack of file descriptors, and an immediate retry would spin.
async fn pause(error: &io::Error) {
    debug!(%error, "cannot accept");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

async fn serve_connection<P: Protocol>(shared: Arc<Shared<P>>, stream: TcpStream) {
    // Nagle's algorithm would delay quotes.
    let _ = stream.set_nodelay(true);
    let arrived = shared.arrived.fetch_add(1, Relaxed);
    let mut injector = FaultInjector::new(shared.protocol.faults(), arrived);
    let rejection = injector.as_mut().and_then(FaultInjector::rejection);
    let mut stop = shared.stop.clone();
    let timeout = UpgradeTimeout::new(shared.limits.upgrade_timeout);
    let upgrade = tokio::select! {
        () = stopped(&mut stop) => return,
        () = timeout.expired() => return,
        upgrade = handshake(&shared, stream, rejection, &timeout) => upgrade,
    };
    let Some(upgraded) = upgrade else { return };
    let number = shared.counters.accept();
    let open = OpenGuard(&shared.counters);
    debug!(number, "connection opened");
    let end = run_session(&shared, upgraded, number, injector).await;
    debug!(number, %end, "connection ended");
    drop(open);
}

/// Counts a connection as closed when dropped, even if its task is aborted.
struct OpenGuard<'a>(&'a Counters);

impl Drop for OpenGuard<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The time limit of a client until its upgrade, or between two polls.
struct UpgradeTimeout {
    limit: Duration,
    /// `None` during a poll.
    end: Mutex<Option<Instant>>,
}

impl UpgradeTimeout {
    fn new(limit: Duration) -> Self {
        let end = Mutex::new(Some(Instant::now() + limit));
        Self { limit, end }
    }

    fn set(&self, end: Option<Instant>) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    /// Suspends the limit during a poll, and restarts it afterwards.
    async fn suspend(&self, poll: impl Future<Output = Page>) -> Page {
        self.set(None);
        let page = poll.await;
        self.set(Some(Instant::now() + self.limit));
        page
    }

    /// Waits until the limit expires. Cancel-safe.
    async fn expired(&self) {
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

/// A connection after its upgrade.
struct Upgraded<R> {
    route: R,
    _permit: OwnedSemaphorePermit,
    stream: TcpStream,
    /// The bytes that the HTTP reader has read after the request.
    read: Bytes,
}

/// Responds to HTTP requests until one of them is an upgrade. A client without an upgrade receives the last response
/// even if the server has not read the complete request.
async fn handshake<P: Protocol>(
    shared: &Shared<P>,
    stream: TcpStream,
    rejection: Option<Rejection>,
    timeout: &UpgradeTimeout,
) -> Option<Upgraded<P::Route>> {
    let ip = stream.peer_addr().ok()?.ip();
    let (send, mut accepted) = mpsc::channel(1);
    let send = &send;
    let service = service_fn(move |request| {
        Box::pin(async move {
            if let Some(page) = page(&shared.protocol, &request) {
                return Ok::<_, Infallible>(page.response());
            }
            if let Some(rejection) = rejection {
                shared.counters.count_fault(|it| &mut it.rejections);
                return Ok(rejection_response(rejection));
            }
            if is_poll(&shared.protocol, &request) {
                let request = PollRequest::read(request, shared.limits.max_message).await;
                return Ok(match request {
                    Ok(request) => timeout
                        .suspend(shared.protocol.poll(request))
                        .await
                        .response(),
                    Err(rejection) => rejection_response(rejection),
                });
            }
            Ok(match accept(shared, &request, ip) {
                Ok((admitted, response)) => {
                    let _ = send.try_send(admitted);
                    response
                }
                Err(rejection) => rejection_response(rejection),
            })
        })
    });
    let mut http = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let served = poll_fn(|cx| http.poll_without_shutdown(cx)).await;
    let parts = http.into_parts();
    let stream = parts.io.into_inner();
    if let (Ok(()), Ok((route, permit))) = (served, accepted.try_recv()) {
        return Some(Upgraded {
            route,
            _permit: permit,
            stream,
            read: parts.read_buf,
        });
    }
    end_and_linger(stream, shared.limits.close_timeout).await;
    None
}

fn page<P: Protocol>(protocol: &P, request: &Request<Incoming>) -> Option<Page> {
    let is_get = request.method() == Method::GET;
    is_get.then(|| protocol.page(http::target(request)))?
}

fn is_poll<P: Protocol>(protocol: &P, request: &Request<Incoming>) -> bool {
    let wants_upgrade = request.headers().contains_key(header::UPGRADE);
    !wants_upgrade && protocol.is_poll(http::target(request))
}

/// The route of an upgrade, and its permit.
type Admitted<P> = (<P as Protocol>::Route, OwnedSemaphorePermit);

fn accept<P: Protocol>(
    shared: &Shared<P>,
    request: &Request<Incoming>,
    ip: IpAddr,
) -> Result<(Admitted<P>, Response<Full<Bytes>>), Rejection> {
    let route = shared.protocol.route(http::target(request))?;
    let response = http::accept(request)?;
    let permit = Arc::clone(&shared.permits).try_acquire_owned();
    let permit = permit.map_err(|_| Rejection::new(503, "too many connections"))?;
    shared.protocol.admit(ip)?;
    Ok(((route, permit), response))
}

async fn run_session<P: Protocol>(
    shared: &Shared<P>,
    upgraded: Upgraded<P::Route>,
    number: u64,
    injector: Option<FaultInjector>,
) -> Disconnect {
    let stream = SlowStream::new(upgraded.stream, shared.protocol.faults().slow);
    let read = upgraded.read.into();
    let mut connection = Connection {
        socket: open_socket(stream, read, shared.limits.max_message).await,
        received: VecDeque::new(),
        is_read_closed: false,
        drops_messages: P::DROPS_MESSAGES,
        injector,
        stop: shared.stop.clone(),
        counters: Arc::clone(&shared.counters),
        limits: shared.limits,
        number,
    };
    let Err(end) = shared
        .protocol
        .session(upgraded.route, &mut connection)
        .await;
    if let Disconnect::ByServer {
        is_acknowledged: false,
        ..
    } = end
    {
        connection.linger().await;
    }
    end
}
