//! A server on the caller's tokio runtime.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::net::{self, ConnectionCounts, Counters, FaultCounts, Limits, Protocol};
use crate::playback::{Playback, Recording, Speed};
use crate::venue::Venue;
use crate::{bayse, jayx};

/// The time limit of closing all connections at a shutdown.
const SHUTDOWN: Duration = Duration::from_secs(3);

/// A server that accepts connections on the tokio runtime on which it was created.
///
/// Dropping it aborts its connections without a close frame. [`Server::shutdown`] closes them first.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    counters: Arc<Counters>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    bayse_market: Option<bayse::MarketHandle>,
    jayx_market: Option<jayx::MarketHandle>,
}

impl Server {
    /// Binds the address and starts to serve JayX.
    ///
    /// # Errors
    /// The configuration is invalid, or the address cannot be bound.
    ///
    /// # Cancel safety
    /// Dropping the future starts no server.
    pub async fn jayx(config: jayx::Config) -> io::Result<Self> {
        config.check()?;
        let listener = TcpListener::bind(config.listen).await?;
        let limits = config.limits;
        let (venue, market, driver) = jayx::start(config);
        let mut server = Self::start(listener, venue, limits, driver)?;
        server.jayx_market = Some(market);
        Ok(server)
    }

    /// Binds the address and starts to serve Bayse Markets.
    ///
    /// # Errors
    /// Errors and cancel safety are those of [`Server::jayx`].
    pub async fn bayse(config: bayse::Config) -> io::Result<Self> {
        config.check()?;
        let listener = TcpListener::bind(config.listen).await?;
        let limits = config.limits;
        let (venue, market, driver) = bayse::start(config);
        let mut server = Self::start(listener, venue, limits, driver)?;
        server.bayse_market = Some(market);
        Ok(server)
    }

    /// Binds the address and plays a recording to every connection. See [`Recording`].
    ///
    /// # Errors
    /// The speed is not finite and above zero, or the address cannot be bound.
    ///
    /// # Cancel safety
    /// Dropping the future starts no server.
    pub async fn playback(
        venue: Venue,
        recording: Arc<Recording>,
        speed: Speed,
        listen: SocketAddr,
    ) -> io::Result<Self> {
        Self::play(Playback::new(Some(venue), recording, speed)?, listen).await
    }

    /// Plays a recording of any venue, as [`Server::playback`] does, but without a handshake inside the connection and
    /// ignores the client's messages.
    ///
    /// # Errors
    /// Errors and cancel safety are those of [`Server::playback`].
    pub async fn playback_plain(
        recording: Arc<Recording>,
        speed: Speed,
        listen: SocketAddr,
    ) -> io::Result<Self> {
        Self::play(Playback::new(None, recording, speed)?, listen).await
    }

    async fn play(playback: Playback, listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let limits = Playback::limits();
        Self::start(listener, playback, limits, std::future::pending())
    }

    /// The address on which the server listens, with the port that was bound.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL, without a path: `ws://127.0.0.1:PORT`.
    ///
    /// It replaces `wss://stream.jayxstaging.com:8443` or `wss://socket.bayse.markets`. The client appends the same
    /// path, such as `/socket.io/?EIO=4&transport=websocket` or `/ws/v1/markets`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}", self.addr)
    }

    /// The counters of connections and frames.
    #[must_use]
    pub fn connections(&self) -> ConnectionCounts {
        self.counters.connections()
    }

    /// The counters of injected faults.
    #[must_use]
    pub fn faults(&self) -> FaultCounts {
        self.counters.faults()
    }

    /// The markets of a Bayse Markets server. `None` for JayX and for playback.
    #[must_use]
    pub fn bayse_market(&self) -> Option<bayse::MarketHandle> {
        self.bayse_market.clone()
    }

    /// The markets of a JayX server. `None` for Bayse Markets and for playback.
    #[must_use]
    pub fn jayx_market(&self) -> Option<jayx::MarketHandle> {
        self.jayx_market.clone()
    }

    /// Stops accepting, closes every connection with 1001, and waits at most three seconds for them to end.
    ///
    /// # Cancel safety
    /// Dropping the future aborts the connections that are still open.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let _ = tokio::time::timeout(SHUTDOWN, &mut self.task).await;
    }

    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Serves connections, and runs `market` concurrently, until the server stops.
    fn start<P: Protocol>(
        listener: TcpListener,
        protocol: P,
        limits: Limits,
        market: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        let counters = Arc::new(Counters::default());
        let (stop, stopped) = watch::channel(false);
        let serving = net::serve(listener, protocol, limits, Arc::clone(&counters), stopped);
        let task = tokio::spawn(async move {
            tokio::select! {
                () = serving => {}
                () = market => {}
            }
        });
        Ok(Self {
            addr,
            counters,
            stop,
            task,
            bayse_market: None,
            jayx_market: None,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
