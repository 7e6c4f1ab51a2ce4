//! Servers on a dedicated thread.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::net::{ConnectionCounts, Counters, FaultCounts};
use crate::playback::{Recording, Speed};
use crate::server::Server;
use crate::venue::Venue;
use crate::{bayse, jayx};

/// Servers on a dedicated thread with its own tokio runtime, so that they use no time of the client's thread.
///
/// The caller needs no runtime. Dropping the simulator aborts every connection and waits for the thread, which takes
/// milliseconds. [`Simulator::shutdown`] closes the connections first.
#[derive(Debug)]
pub struct Simulator {
    running: Vec<Running>,
    stop: Option<oneshot::Sender<Shutdown>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// The address, counters and markets of a server on the thread.
#[derive(Debug)]
struct Running {
    venue: Venue,
    addr: SocketAddr,
    counters: Arc<Counters>,
    bayse_market: Option<bayse::MarketHandle>,
    jayx_market: Option<jayx::MarketHandle>,
}

/// Requests a close of every connection. If the channel closes without it, the connections are aborted.
#[derive(Debug)]
struct Shutdown;

impl Simulator {
    /// Serves both venues.
    ///
    /// # Errors
    /// A configuration is invalid, an address cannot be bound, or the thread cannot be started.
    pub fn spawn(jayx: jayx::Config, bayse: bayse::Config) -> io::Result<Self> {
        Self::start(async move {
            Ok(vec![
                (Venue::Jayx, Server::jayx(jayx).await?),
                (Venue::Bayse, Server::bayse(bayse).await?),
            ])
        })
    }

    /// Plays a recording to every connection, as [`Server::playback`] does.
    ///
    /// # Errors
    /// The speed is not finite and above zero, the address cannot be bound, or the thread cannot be started.
    pub fn playback(
        venue: Venue,
        recording: Arc<Recording>,
        speed: Speed,
        listen: SocketAddr,
    ) -> io::Result<Self> {
        Self::start(async move {
            let server = Server::playback(venue, recording, speed, listen).await?;
            Ok(vec![(venue, server)])
        })
    }

    /// The base URL of a venue's server, as [`Server::url`]. `None` if the venue is not served.
    #[must_use]
    pub fn url(&self, venue: Venue) -> Option<String> {
        self.running(venue).map(|it| format!("ws://{}", it.addr))
    }

    /// The address of a venue's server. `None` if the venue is not served.
    #[must_use]
    pub fn addr(&self, venue: Venue) -> Option<SocketAddr> {
        self.running(venue).map(|it| it.addr)
    }

    /// The counters of a venue's server. All zero if the venue is not served.
    #[must_use]
    pub fn connections(&self, venue: Venue) -> ConnectionCounts {
        let counts = self.running(venue).map(|it| it.counters.connections());
        counts.unwrap_or_default()
    }

    /// The counters of injected faults of a venue's server. All zero if the venue is not served.
    #[must_use]
    pub fn faults(&self, venue: Venue) -> FaultCounts {
        let counts = self.running(venue).map(|it| it.counters.faults());
        counts.unwrap_or_default()
    }

    /// The markets of the Bayse Markets server, as [`Server::bayse_market`]. `None` for playback.
    #[must_use]
    pub fn bayse_market(&self) -> Option<bayse::MarketHandle> {
        self.running(Venue::Bayse)?.bayse_market.clone()
    }

    /// The markets of the JayX server, as [`Server::jayx_market`]. `None` for playback.
    #[must_use]
    pub fn jayx_market(&self) -> Option<jayx::MarketHandle> {
        self.running(Venue::Jayx)?.jayx_market.clone()
    }

    /// Closes every connection with 1001 and stops. Blocks for at most three seconds, until the clients have replied.
    /// A client on the calling thread cannot reply during the call.
    pub fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(Shutdown);
        }
    }

    fn running(&self, venue: Venue) -> Option<&Running> {
        self.running.iter().find(|it| it.venue == venue)
    }

    fn start(
        servers: impl Future<Output = io::Result<Vec<(Venue, Server)>>> + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("ticklot-sim".to_owned())
            .spawn(move || runtime.block_on(run(servers, ready, stopped)))?;
        let gone = |_| io::Error::other("the simulator's thread has panicked");
        Ok(Self {
            running: started.recv().map_err(gone)??,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn run(
    servers: impl Future<Output = io::Result<Vec<(Venue, Server)>>>,
    ready: std::sync::mpsc::SyncSender<io::Result<Vec<Running>>>,
    stopped: oneshot::Receiver<Shutdown>,
) {
    let servers = match servers.await {
        Ok(servers) => servers,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let running = servers.iter().map(|(venue, server)| Running {
        venue: *venue,
        addr: server.addr(),
        counters: server.counters(),
        bayse_market: server.bayse_market(),
        jayx_market: server.jayx_market(),
    });
    let _ = ready.send(Ok(running.collect()));
    if stopped.await.is_ok() {
        let shutdowns = servers.into_iter().map(|(_, server)| server.shutdown());
        shutdowns.collect::<JoinSet<()>>().join_all().await;
    }
}
