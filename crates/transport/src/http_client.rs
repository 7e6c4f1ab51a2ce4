//! An HTTP client with a pool of idle connections.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;

use crate::config::Config;
use crate::dial::open;
use crate::error::{Error, after};
use crate::http_connection::HttpConnection;
use crate::url::Target;

/// The maximum number of idle connections of an origin.
const MAX_IDLE: usize = 4;

/// How long a connection may stay idle.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A client for HTTP/1.1 GET requests that keeps its connections open between requests.
///
/// Clones share one pool of idle connections. A client starts no task and needs no particular
/// runtime flavor: each call drives its own connection, and idle connections are not read.
///
/// ```no_run
/// use ticklot_transport::{Config, Error, HttpClient};
///
/// # async fn run() -> Result<(), Error> {
/// let client = HttpClient::new(Config::default());
/// let first = client.get("https://venue.example/books?market=1").await?;
/// // Reuses the TCP connection and its TLS session.
/// let second = client.get("https://venue.example/books?market=2").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Limits
///
/// At most 4 idle connections are kept per origin (scheme, host and port). The next request of any clone closes
/// connections that were idle for 60 s. The number of concurrent requests is not limited.
#[derive(Clone)]
pub struct HttpClient {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    /// Ordered by `since`. The lock is never held across an await.
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: HttpConnection,
    since: Instant,
}

impl HttpClient {
    /// Creates a client without connections. Its requests use the timeouts, headers and roots of
    /// `config`.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            shared: Arc::new(Shared {
                config,
                idle: Mutex::default(),
            }),
        }
    }

    /// Sends a GET request for an `http://` or `https://` URL and returns the body of the response.
    ///
    /// The request takes an idle connection of the same origin, or opens a new one. The connection becomes idle again
    /// after the response, unless the server closes it. A request that fails on an idle connection before the first
    /// byte of the response arrives is repeated once, on a new connection. The server may have closed the idle one in
    /// the meantime, and GET is idempotent (RFC 9110, section 9.2.2). Redirects are not followed.
    ///
    /// Calls can run concurrently, each on its own connection. A call allocates the request, the head of the response
    /// and the body.
    ///
    /// # Limits
    ///
    /// The response must be complete within [`Config::upgrade_timeout`] of the request, once a connection is available.
    /// A repeated request has the same time limit. The body is limited to [`Config::max_message_size`] bytes and the
    /// head to 512 header fields and about 64 KiB, in steps of hyper's buffer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection of this request. The idle connections and the
    /// other requests are unaffected.
    ///
    /// # Errors
    ///
    /// - [`Error::Url`] for an invalid URL.
    /// - [`Error::Dns`], [`Error::Connect`], [`Error::Tls`] and [`Error::Timeout`] as
    ///   [`connect`](crate::connect), with [`Phase::Request`](crate::Phase::Request) for a late response;
    ///   [`Error::Proxy`] likewise.
    /// - [`Error::Refused`] for any status but 200, after up to 250 ms for the start of the body.
    /// - [`Error::TooLarge`] for a body over the limit.
    /// - [`Error::Http`] for a malformed response, or one that ends early.
    pub async fn get(&self, url: &str) -> Result<Vec<u8>, Error> {
        let target = Target::parse_http(url)?;
        if let Some(mut reused) = self.shared.take_idle(&target) {
            let result = self.shared.fetch(&mut reused, &target).await;
            if !reused.is_unanswered(&result) {
                return self.shared.finish(reused, result);
            }
            debug!(peer = %target.peer(), "an idle connection was closed: repeating the request");
        }
        let mut fresh = self.shared.connect(&target).await?;
        let result = self.shared.fetch(&mut fresh, &target).await;
        self.shared.finish(fresh, result)
    }
}

impl Shared {
    async fn connect(&self, target: &Target) -> Result<HttpConnection, Error> {
        let stream = open(target, &self.config).await?;
        HttpConnection::new(stream, target).await
    }

    async fn fetch(
        &self,
        connection: &mut HttpConnection,
        target: &Target,
    ) -> Result<Vec<u8>, Error> {
        let (config, deadline) = (&self.config, after(self.config.upgrade_timeout));
        connection
            .fetch(target, config.headers(), config.max_message_size, deadline)
            .await
    }

    /// Keeps the connection if the response is complete and the connection is still usable.
    fn finish(
        &self,
        mut connection: HttpConnection,
        result: Result<Vec<u8>, Error>,
    ) -> Result<Vec<u8>, Error> {
        let answered = matches!(result, Ok(_) | Err(Error::Refused { .. }));
        if answered && connection.is_idle() {
            self.put_idle(connection);
        }
        result
    }

    /// The most recently used idle connection to the origin of `target` that is still open.
    fn take_idle(&self, target: &Target) -> Option<HttpConnection> {
        loop {
            let mut connection = self.pop_idle(target)?;
            if connection.is_idle() {
                return Some(connection);
            }
        }
    }

    fn pop_idle(&self, target: &Target) -> Option<HttpConnection> {
        let now = Instant::now();
        let mut idle = self.idle();
        idle.retain(|it| now.saturating_duration_since(it.since) < IDLE_TIMEOUT);
        let newest = idle
            .iter()
            .rposition(|it| it.connection.target.same_origin(target))?;
        Some(idle.remove(newest).connection)
    }

    /// Adds a connection, and removes the oldest of its origin if there are too many.
    fn put_idle(&self, connection: HttpConnection) {
        let mut idle = self.idle();
        let mut same =
            (0..idle.len()).filter(|&i| idle[i].connection.target.same_origin(&connection.target));
        let oldest = same.next();
        if let Some(oldest) = oldest.filter(|_| 1 + same.count() >= MAX_IDLE) {
            idle.remove(oldest);
        }
        idle.push(Idle {
            connection,
            since: Instant::now(),
        });
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("config", &self.shared.config)
            .field("idle", &self.shared.idle().len())
            .finish()
    }
}
