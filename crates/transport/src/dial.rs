//! Opens a byte stream to the host of a URL: DNS, TCP, proxy and TLS.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tracing::debug;

use crate::config::Config;
use crate::connection::Connection;
use crate::error::{Error, Phase};
use crate::message::Role;
use crate::proxy::ProxyRoute;
use crate::stream::Stream;
use crate::upgrade::upgrade;
use crate::url::Target;

/// Opens a WebSocket: TCP, TLS for `wss://`, and the HTTP upgrade.
///
/// The addresses of the host are raced (RFC 8305, Happy Eyeballs): the next attempt starts when one fails, or concurrently
/// after 250 ms. Each step has its own time limit and its own [`Error`] variant. See [`Config::with_proxy`] to connect
/// through a proxy, and [`Config::with_dial`] to connect over the caller's own stream.
///
/// # Cancel safety
///
/// Dropping the call drops the half-open connection.
///
/// # Errors
///
/// Every variant of [`Error`] up to [`Error::Http`].
pub async fn connect(url: &str, config: &Config) -> Result<Connection, Error> {
    let stream = dial(url, config).await?;
    Ok(Connection::new(stream, Role::Client, config))
}

/// Opens a stream and performs the upgrade.
pub(crate) async fn dial(url: &str, config: &Config) -> Result<Stream, Error> {
    let target = Target::parse(url)?;
    let stream = open(&target, config).await?;
    websocket(&target, stream, config).await
}

/// Opens a WebSocket over an existing stream, such as a Unix socket or one in memory.
///
/// The URL is only used for the upgrade request: there is no DNS lookup and no TLS, even for `wss://`.
/// [`Config::connect_timeout`] and [`Config::tls_timeout`] have no effect.
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
    let stream = websocket(&Target::parse(url)?, stream.into(), config).await?;
    Ok(Connection::new(stream, Role::Client, config))
}

/// Performs the upgrade.
async fn websocket(target: &Target, stream: Stream, config: &Config) -> Result<Stream, Error> {
    let stream = upgrade(stream, target, config).await?;
    debug!(peer = %target.peer(), tls = target.tls, "connected");
    Ok(stream)
}

/// Opens a byte stream to the host: through the proxy if there is one, and with TLS if the URL requires it.
pub(crate) async fn open(target: &Target, config: &Config) -> Result<Stream, Error> {
    let proxy = config.proxy().and_then(|proxy| proxy.of(target));
    let stream = match proxy {
        None => reach(target, config).await?,
        Some(proxy) => {
            let tunnel = through(&proxy, target, config).await;
            tunnel.map_err(|source| Error::Proxy {
                proxy: proxy.target.peer(),
                source: Box::new(source),
            })?
        }
    };
    if target.tls {
        wrap(target, stream, config, Phase::Tls).await
    } else {
        Ok(stream)
    }
}

/// Opens a tunnel to `target`.
async fn through(proxy: &ProxyRoute, target: &Target, config: &Config) -> Result<Stream, Error> {
    let mut stream = reach(&proxy.target, config).await?;
    if proxy.target.tls {
        stream = wrap(&proxy.target, stream, config, Phase::Proxy).await?;
    }
    proxy.tunnel(stream, target, config).await
}

async fn limit<T>(
    step: Phase,
    limit: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(Error::Timeout { step }),
    }
}

#[cfg(feature = "tls-no-provider")]
async fn wrap(
    target: &Target,
    stream: Stream,
    config: &Config,
    step: Phase,
) -> Result<Stream, Error> {
    let handshake = crate::tls::handshake(target, stream, config.roots());
    limit(step, config.tls_timeout, handshake).await
}

#[cfg(not(feature = "tls-no-provider"))]
async fn wrap(_: &Target, _: Stream, _: &Config, _: Phase) -> Result<Stream, Error> {
    Err(crate::url::NO_TLS)
}

/// Opens a byte stream to the host, by the user's dial function or by TCP.
async fn reach(target: &Target, config: &Config) -> Result<Stream, Error> {
    let stream = async {
        match config.dial() {
            Some(dial) => dial.call(&target.host, target.port).await,
            None => tcp(target).await?.map(Stream::from),
        }
        .map_err(|source| Error::Connect {
            peer: target.peer(),
            source,
        })
    };
    limit(Phase::Connect, config.connect_timeout, stream).await
}

/// Resolves the host and connects. The outer error is from DNS, the inner one from the connection attempts.
async fn tcp(target: &Target) -> Result<io::Result<TcpStream>, Error> {
    let found = lookup_host((&*target.host, target.port)).await;
    tcp_to(target, found).await
}

/// As [`tcp`], with the result of the lookup.
async fn tcp_to(
    target: &Target,
    found: io::Result<impl Iterator<Item = SocketAddr>>,
) -> Result<io::Result<TcpStream>, Error> {
    let addresses: Vec<SocketAddr> = found
        .map_err(|source| Error::Dns {
            host: target.host.clone(),
            source,
        })?
        .collect();
    let result = race(&addresses, TcpStream::connect).await;
    Ok(result.and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp)))
}

/// The Connection Attempt Delay of RFC 8305, section 5: the next address is then tried concurrently.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to the first address that accepts. The next attempt starts when one fails, or after [`ATTEMPT_DELAY`]; started
/// attempts continue. The address families alternate, beginning with that of the first address (RFC 8305, section 4), so
/// that a family without a route costs one delay.
async fn race<T, F: Future<Output = io::Result<T>>>(
    addresses: &[SocketAddr],
    dial: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let mut waiting = alternating(addresses).into_iter();
    let mut attempts: Vec<Pin<Box<F>>> = Vec::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        match waiting.next() {
            Some(address) => attempts.push(Box::pin(dial(address))),
            None if attempts.is_empty() => return Err(failure),
            None => {}
        }
        let limit = match waiting.len() {
            0 => Duration::MAX,
            _ => ATTEMPT_DELAY,
        };
        match timeout(limit, first_done(&mut attempts)).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => failure = error,
            Err(_) => {}
        }
    }
}

/// The addresses with alternating families, each family in its original order.
fn alternating(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_first = |it: &&SocketAddr| {
        addresses
            .first()
            .is_some_and(|first| first.is_ipv6() == it.is_ipv6())
    };
    let mut first = addresses.iter().filter(is_first).copied();
    let mut second = addresses.iter().filter(|it| !is_first(it)).copied();
    let mut mixed = Vec::with_capacity(addresses.len());
    while mixed.len() < addresses.len() {
        mixed.extend(first.next());
        mixed.extend(second.next());
    }
    mixed
}

/// Waits for the first attempt that completes, and removes it.
async fn first_done<F: Future>(attempts: &mut Vec<Pin<Box<F>>>) -> F::Output {
    poll_fn(|cx| {
        for at in 0..attempts.len() {
            if let Poll::Ready(done) = attempts[at].as_mut().poll(cx) {
                drop(attempts.swap_remove(at));
                return Poll::Ready(done);
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tokio::time::{Instant, sleep};

    #[tokio::test]
    async fn nagle_is_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let target = Target::parse(&url).unwrap();
        let tcp = tcp(&target).await.unwrap().unwrap();
        assert!(tcp.nodelay().unwrap());
    }

    #[tokio::test]
    async fn next_address_after_refusal() {
        let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = [dead.local_addr().unwrap(), live.local_addr().unwrap()];
        drop(dead);
        let tcp = race(&addresses, TcpStream::connect).await;
        assert_eq!(tcp.unwrap().peer_addr().unwrap(), addresses[1]);
    }

    /// A listener whose backlog is full, so that it ignores further connections, and the connections in it.
    #[cfg(target_os = "linux")]
    async fn silent() -> (TcpListener, Vec<TcpStream>) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        let limit = Duration::from_millis(100);
        while let Ok(queued) = timeout(limit, TcpStream::connect(address)).await {
            queue.push(queued.unwrap());
        }
        (listener, queue)
    }

    /// Uses the real clock: tokio's virtual clock would advance while a real socket connects.
    #[cfg(target_os = "linux")] // other systems refuse connections beyond the backlog
    #[tokio::test]
    async fn silent_address_delays_connection() {
        let (silent, _queue) = silent().await;
        let live = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let [silent, live] = [&silent, &live].map(|it| it.local_addr().unwrap());
        let target = Target::parse("ws://two.invalid/").unwrap();
        let began = Instant::now();
        let tcp = tcp_to(&target, Ok([silent, live].into_iter()));
        // The silent address alone would fail after minutes. The exact delay is tested below.
        let tcp = timeout(10 * ATTEMPT_DELAY, tcp).await.unwrap();
        assert_eq!(tcp.unwrap().unwrap().peer_addr().unwrap(), live);
        let took = began.elapsed();
        assert!(took >= ATTEMPT_DELAY, "{took:?}: the first was not silent");
    }

    #[tokio::test]
    async fn name_without_addresses_fails() {
        let result = race(&[], TcpStream::connect).await;
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    fn addresses(of: &[&str]) -> Vec<SocketAddr> {
        of.iter().map(|it| it.parse().unwrap()).collect()
    }

    /// The behaviour of an address, with its delay in milliseconds.
    enum Does {
        Connects(u64),
        Fails(u64),
        Nothing,
    }

    /// The index of the winning address, if any, and the virtual time in milliseconds.
    async fn race_of(all: &[Does]) -> (Option<usize>, u128) {
        let list: Vec<SocketAddr> = (0..all.len())
            .map(|at| SocketAddr::from(([192, 0, 2, 1], u16::try_from(at).unwrap())))
            .collect();
        let began = Instant::now();
        let dial = |address: SocketAddr| async move {
            let (after, works) = match all[usize::from(address.port())] {
                Does::Connects(after) => (after, true),
                Does::Fails(after) => (after, false),
                Does::Nothing => (u64::MAX / 1_000_000, false),
            };
            sleep(Duration::from_millis(after)).await;
            match works {
                true => Ok(usize::from(address.port())),
                false => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        };
        let won = timeout(Duration::from_secs(60), race(&list, dial)).await;
        (won.ok().and_then(Result::ok), began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn dead_address_costs_one_delay() {
        use Does::{Connects, Fails, Nothing};
        assert_eq!(race_of(&[Nothing, Connects(10)]).await, (Some(1), 260));
        assert_eq!(
            race_of(&[Nothing, Nothing, Connects(10)]).await,
            (Some(2), 510)
        );
        // A slow attempt continues.
        assert_eq!(race_of(&[Connects(300), Nothing]).await, (Some(0), 300));
        assert_eq!(
            race_of(&[Connects(300), Connects(10)]).await,
            (Some(1), 260)
        );
        // A failure starts the next attempt immediately. After the last attempt has started, earlier ones continue.
        assert_eq!(
            race_of(&[Fails(5), Fails(5), Connects(5)]).await,
            (Some(2), 15)
        );
        assert_eq!(race_of(&[Connects(400), Fails(5)]).await, (Some(0), 400));
        assert_eq!(race_of(&[Fails(5), Fails(5)]).await, (None, 10));
        assert_eq!(race_of(&[Nothing]).await, (None, 60_000));
    }

    #[test]
    fn address_families_alternate() {
        let all = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let want = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(alternating(&all), want);
        let all = addresses(&["1.1.1.1:1", "2.2.2.2:1", "[::1]:1"]);
        let want = addresses(&["1.1.1.1:1", "[::1]:1", "2.2.2.2:1"]);
        assert_eq!(alternating(&all), want);
    }
}
