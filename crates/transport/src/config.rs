//! The configuration of a connection: time limits, headers, TLS roots, proxy and dial function.

use std::io;
use std::time::Duration;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::Error;
use crate::dial_fn::Dial;
use crate::proxy::Proxy;
use crate::stream::Stream;
#[cfg(feature = "tls-no-provider")]
use crate::tls::Roots;

/// How to connect, and the limits of a connection.
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
    /// The time limit of DNS lookup and TCP connect together, over all addresses of the host or its proxy. Default: 5 s.
    pub connect_timeout: Duration,
    /// The time limit of the TLS handshake. Default: 5 s.
    pub tls_timeout: Duration,
    /// The time limit of the HTTP upgrade, from the request to the end of the response's head; for a request of
    /// [`HttpClient`](crate::HttpClient), to the end of the body. It applies separately to the tunnel through a proxy.
    /// Default: 5 s.
    pub upgrade_timeout: Duration,
    /// The time limit of writing one frame to the socket. Default: 5 s.
    pub write_timeout: Duration,
    /// The time limit of waiting for the peer in the close handshake. Default: 2 s.
    pub close_timeout: Duration,
    /// The longest message in bytes, counting all its fragments, and the longest body of an HTTP response. Default: 2 MiB;
    /// the longest recorded message of a venue has 0.5 MiB.
    pub max_message_size: usize,
    #[cfg(feature = "tls-no-provider")]
    roots: Roots,
    headers: HeaderMap,
    proxy: Option<Proxy>,
    dial: Option<Dial>,
}

impl Default for Config {
    fn default() -> Self {
        const TIMEOUT: Duration = Duration::from_secs(5);
        Self {
            connect_timeout: TIMEOUT,
            tls_timeout: TIMEOUT,
            upgrade_timeout: TIMEOUT,
            write_timeout: TIMEOUT,
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

/// The headers that the handshake sets itself. Extensions are never offered: messages are returned in place, and
/// decompression would need a copy.
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
    /// Adds a header to the upgrade request and to HTTP requests. `Debug` hides its value. A `User-Agent` replaces the default
    /// one, which is `ticklot/` and the version.
    ///
    /// `Sec-WebSocket-Protocol` requests subprotocols. A server that selects an unrequested one is refused.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for an invalid name or value, and for the headers that the handshake sets itself.
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

    /// Sets the certificate authorities that TLS connections trust.
    #[cfg(feature = "tls-no-provider")]
    #[must_use]
    pub fn with_roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// Connects through a tunnel of an HTTP proxy. The connection to the proxy itself uses TLS if its URL is `https://`.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Replaces DNS and TCP by a function that connects: through SOCKS, from a source address, or to a fixed address,
    /// for example. Its arguments are the host (a name, or an IP address without brackets) and the port of the URL, or
    /// of the proxy if there is one. TLS and HTTP run over its stream.
    ///
    /// [`Config::connect_timeout`] applies: the future is dropped after it. Its error becomes [`Error::Connect`]. Convert a
    /// [`TcpStream`](tokio::net::TcpStream) with `Stream::from`, and set `TCP_NODELAY` on it.
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
