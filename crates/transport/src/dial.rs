//! Name, TCP and TLS: from a URL to a byte stream.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tracing::debug;

use crate::config::Config;
use crate::connection::Connection;
use crate::error::{Error, Step, after};
use crate::message::Role;
use crate::stream::Stream;
use crate::upgrade::upgrade;
use crate::url::Target;

/// Opens a WebSocket: TCP, TLS for `wss://`, and the HTTP upgrade.
///
/// All addresses of the host are tried in turn. Each step has its own time
/// limit and its own [`Error`] variant.
///
/// # Cancel safety
///
/// Dropping the call drops the half-open connection.
///
/// # Errors
///
/// Every variant of [`Error`] up to [`Error::Http`].
pub async fn connect(url: &str, config: &Config) -> Result<Connection, Error> {
    let target = Target::parse(url)?;
    let stream = open(&target, config).await?;
    websocket(&target, stream, config).await
}

/// Opens a WebSocket over a stream that is there already: through a proxy, over a Unix socket, or in
/// memory.
///
/// Of the URL the request is made, and nothing else: no name is looked up, and no TLS is added, not
/// for `wss://` either. [`Config::connect_timeout`] and [`Config::tls_timeout`] mean nothing here.
///
/// ```
/// use ticklot_transport::{Config, Error, Stream, connect_over};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (ours, theirs) = tokio::io::duplex(1024);
/// drop(theirs);
/// let connection = connect_over("ws://in.memory/", Stream::new(ours), &Config::default()).await;
/// assert!(matches!(connection, Err(Error::Http(_))));
/// # }
/// ```
///
/// # Cancel safety
///
/// Dropping the call drops the stream.
///
/// # Errors
///
/// [`Error::Url`], and [`Error::Timeout`], [`Error::Refused`], [`Error::Handshake`] and
/// [`Error::Http`] of the upgrade.
pub async fn connect_over(
    url: &str,
    stream: impl Into<Stream>,
    config: &Config,
) -> Result<Connection, Error> {
    websocket(&Target::parse(url)?, stream.into(), config).await
}

/// The upgrade of a stream.
async fn websocket(target: &Target, stream: Stream, config: &Config) -> Result<Connection, Error> {
    let upgrade = upgrade(stream, target, config.headers());
    let stream = limit(Step::Upgrade, config.upgrade_timeout, upgrade).await?;
    debug!(peer = %target.peer(), tls = target.tls, "connected");
    Ok(Connection::new(stream, Role::Client, config))
}

/// TCP, and TLS where the URL asks for it.
pub(crate) async fn open(target: &Target, config: &Config) -> Result<Stream, Error> {
    let tcp = limit(
        Step::Connect,
        config.connect_timeout,
        tcp(target, config.connect_timeout),
    )
    .await?;
    if target.tls {
        wrap(target, tcp, config).await
    } else {
        Ok(tcp.into())
    }
}

pub(crate) async fn limit<T>(
    step: Step,
    limit: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(Error::Timeout { step }),
    }
}

#[cfg(feature = "tls-no-provider")]
async fn wrap(target: &Target, tcp: TcpStream, config: &Config) -> Result<Stream, Error> {
    let handshake = crate::tls::handshake(target, tcp, config.roots());
    limit(Step::Tls, config.tls_timeout, handshake).await
}

#[cfg(not(feature = "tls-no-provider"))]
async fn wrap(_: &Target, _: TcpStream, _: &Config) -> Result<Stream, Error> {
    Err(Error::Url("it asks for TLS, which this build leaves out"))
}

async fn tcp(target: &Target, patience: Duration) -> Result<TcpStream, Error> {
    let deadline = after(patience);
    let addresses: Vec<SocketAddr> = lookup_host((&*target.host, target.port))
        .await
        .map_err(|source| Error::Dns {
            host: target.host.clone(),
            source,
        })?
        .collect();
    let result = first_of(&addresses, deadline).await;
    let connected = result.and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp));
    connected.map_err(|source| Error::Connect {
        peer: target.peer(),
        source,
    })
}

/// The first address that answers. An address that stays silent gets its share
/// of the time that is left, so that it does not use up the others'.
async fn first_of(addresses: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (done, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - done).unwrap_or(u32::MAX);
        let attempt = TcpStream::connect(address);
        if left == 1 {
            // The limit around all of it has the right name for running out of time here.
            return attempt.await;
        }
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        match timeout(share, attempt).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => failure = error,
            Err(elapsed) => failure = elapsed.into(),
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn nagle_is_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let target = Target::parse(&url).unwrap();
        let tcp = tcp(&target, Duration::from_secs(5)).await.unwrap();
        assert!(tcp.nodelay().unwrap());
    }

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_refuses() {
        let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = [dead.local_addr().unwrap(), live.local_addr().unwrap()];
        drop(dead);
        let tcp = first_of(&addresses, after(Duration::from_secs(5))).await;
        assert_eq!(tcp.unwrap().peer_addr().unwrap(), addresses[1]);
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_an_error() {
        let result = first_of(&[], after(Duration::MAX)).await;
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
