//! Limits, headers and trust of a connection.

use std::io;
use std::time::Duration;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::Error;
use crate::dial_fn::Dial;
use crate::proxy::Proxy;
use crate::stream::Stream;
#[cfg(feature = "tls-no-provider")]
use crate::tls::Roots;

/// How to connect, and what to put up with.
///
/// ```
/// use std::time::Duration;
/// use ticklot_transport::Config;
///
/// let mut config = Config::default().with_header("authorization", "Bearer secret")?;
/// config.connect_timeout = Duration::from_secs(3);
/// assert!(!format!("{config:?}").contains("secret"));
/// # Ok::<(), ticklot_transport::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Name lookup and TCP together, over all addresses; of the host, or of its proxy. Default: 5 s.
    pub connect_timeout: Duration,
    /// The TLS handshake. Default: 5 s.
    pub tls_timeout: Duration,
    /// The HTTP upgrade, from the request to the end of the response's head; for a request of
    /// [`HttpClient`](crate::HttpClient), to the end of the body. As long again for the tunnel through
    /// a proxy. Default: 5 s.
    pub upgrade_timeout: Duration,
    /// One frame's way into the socket. Default: 5 s.
    pub write_timeout: Duration,
    /// The peer's part of the close handshake. Default: 2 s.
    pub close_timeout: Duration,
    /// The longest message in bytes, all its fragments together, and the longest body of an HTTP
    /// response. Default: 2 MiB; the longest recorded message of a venue has 0.5 MiB.
    pub max_message_size: usize,
    #[cfg(feature = "tls-no-provider")]
    roots: Roots,
    headers: HeaderMap,
    proxy: Option<Proxy>,
    dial: Option<Dial>,
}

impl Default for Config {
    fn default() -> Self {
        const PATIENCE: Duration = Duration::from_secs(5);
        Self {
            connect_timeout: PATIENCE,
            tls_timeout: PATIENCE,
            upgrade_timeout: PATIENCE,
            write_timeout: PATIENCE,
            close_timeout: Duration::from_secs(2),
            max_message_size: 2 << 20,
            #[cfg(feature = "tls-no-provider")]
            roots: Roots::default(),
            headers: HeaderMap::new(),
            proxy: None,
            dial: None,
        }
    }
}

/// Headers of the handshake itself. Extensions are never offered: frames
/// are handed out as they came, and compression would need a copy.
const RESERVED: [HeaderName; 8] = [
    header::HOST,
    header::UPGRADE,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
];

impl Config {
    /// Adds a header to the upgrade request and to HTTP requests. Its value never shows in `Debug`.
    /// A `User-Agent` replaces the default one, which is `ticklot/` and the version.
    ///
    /// With `Sec-WebSocket-Protocol` sub-protocols are asked for; without it, a
    /// server that chooses one is refused.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] where name or value cannot stand in a header, and for
    /// the headers that the handshake sets itself.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::Argument("a header name with forbidden characters"))?;
        if RESERVED.contains(&name) {
            return Err(Error::Argument("a header that the handshake sets itself"));
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| Error::Argument("a header value with forbidden characters"))?;
        value.set_sensitive(true);
        self.headers
            .try_append(name, value)
            .map_err(|_| Error::Argument("too many headers"))?;
        Ok(self)
    }

    /// Chooses whom `wss://` connections trust.
    #[cfg(feature = "tls-no-provider")]
    #[must_use]
    pub fn with_roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// Connects through a proxy: TCP and, where it asks for it, TLS to the proxy, then a tunnel to the host.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Connects by a function instead of by TCP: over SOCKS, from a source address, or to a fixed address. It gets
    /// the host, a name or an IP address without brackets, and the port: those of the URL, or of the
    /// proxy where there is one. TLS and HTTP follow on its stream.
    ///
    /// [`Config::connect_timeout`] applies: the future is dropped when it is late. An error of it is
    /// [`Error::Connect`]. A [`TcpStream`](tokio::net::TcpStream) should be given with `Stream::from`, with `TCP_NODELAY` set.
    ///
    /// ```
    /// use ticklot_transport::{Config, Stream};
    /// use tokio::net::{TcpSocket, lookup_host};
    ///
    /// let config = Config::default().with_dial(|host, port| async move {
    ///     let mut addresses = lookup_host((host, port)).await?;
    ///     let address = addresses.find(|it| it.is_ipv4()).ok_or(std::io::ErrorKind::NotFound)?;
    ///     let socket = TcpSocket::new_v4()?;
    ///     socket.bind("192.0.2.7:0".parse().map_err(std::io::Error::other)?)?;
    ///     let tcp = socket.connect(address).await?;
    ///     tcp.set_nodelay(true)?;
    ///     Ok(Stream::from(tcp))
    /// });
    /// ```
    #[must_use]
    pub fn with_dial<F, R>(mut self, dial: F) -> Self
    where
        F: Fn(String, u16) -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<Stream>> + Send + 'static,
    {
        self.dial = Some(Dial::new(dial));
        self
    }

    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    pub(crate) fn dial(&self) -> Option<&Dial> {
        self.dial.as_ref()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    #[cfg(feature = "tls-no-provider")]
    pub(crate) fn roots(&self) -> &Roots {
        &self.roots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_custom_headers_are_refused() {
        for name in [
            "Host",
            "Sec-WebSocket-Extensions",
            "connection",
            "bad name",
            "",
        ] {
            let result = Config::default().with_header(name, "x");
            assert!(matches!(result, Err(Error::Argument(_))), "{name}");
        }
        assert!(Config::default().with_header("x", "a\r\nb: c").is_err());
    }

    #[test]
    fn debug_shows_header_names_only() {
        let config = Config::default().with_header("x-api-key", "hush").unwrap();
        let shown = format!("{config:?}");
        assert!(
            shown.contains("x-api-key") && !shown.contains("hush"),
            "{shown}"
        );
    }
}
