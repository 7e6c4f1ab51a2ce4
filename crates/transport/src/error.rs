//! The error type: one variant for each step of a connection.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::close;
use crate::refused_response::RefusedResponse;

/// The deadline of a time limit that starts now. A limit beyond the clock's range becomes one year.
pub(crate) fn after(limit: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);
    let now = Instant::now();
    now.checked_add(limit).unwrap_or_else(|| now + NEVER)
}

/// A step of a connection with its own time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// DNS lookup and TCP connect.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The TLS handshake with a proxy, and the proxy's response to `CONNECT`.
    Proxy,
    /// The HTTP upgrade.
    Upgrade,
    /// A plain HTTP request and its response.
    Request,
    /// Writing a frame to the socket.
    Write,
    /// Waiting for the peer's close frame after ours.
    Close,
}

impl Phase {
    const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::Tls => "the TLS handshake",
            Self::Proxy => "the proxy's response",
            Self::Upgrade => "the WebSocket upgrade",
            Self::Request => "the HTTP request",
            Self::Write => "writing a frame",
            Self::Close => "waiting for the peer's close frame",
        }
    }
}

/// The reason why a connection or an HTTP request failed.
///
/// Errors are logged. Request headers and the values of query parameters may contain credentials, so no variant includes
/// them. [`Error::Refused`] contains the path of the URL, and the start of the response's body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is invalid: a WebSocket needs `ws://` or `wss://`, a request `http://` or `https://`.
    #[error("invalid URL: {0}")]
    Url(&'static str),
    /// An argument is invalid, such as a reserved header or close code.
    #[error("unusable argument: {0}")]
    Argument(&'static str),
    /// The host's name could not be resolved.
    #[error("cannot resolve {host}: {source}")]
    Dns {
        /// The name that was looked up.
        host: Box<str>,
        /// The resolver's error.
        source: io::Error,
    },
    /// None of the host's addresses accepted a TCP connection.
    #[error("cannot connect to {peer}: {source}")]
    Connect {
        /// The URL's `host:port`.
        peer: Box<str>,
        /// The error of the last address.
        source: io::Error,
    },
    /// The TLS handshake failed: the certificate is not trusted, for example.
    #[error("TLS with {peer} failed: {source}")]
    Tls {
        /// The URL's `host:port`.
        peer: Box<str>,
        /// The error of the TLS library.
        source: io::Error,
    },
    /// A step took longer than its limit in [`Config`](crate::Config).
    #[error("timed out: {}", .step.name())]
    Timeout {
        /// The step that took too long.
        step: Phase,
    },
    /// A file of root certificates cannot be used: see [`Roots::from_pem_file`](crate::Roots::from_pem_file).
    #[cfg(feature = "tls-no-provider")]
    #[error("cannot use the certificates of {}: {what}", .path.display())]
    Certificates {
        /// The file.
        path: Box<std::path::Path>,
        /// The reason.
        what: Box<str>,
    },
    /// The tunnel through a proxy could not be opened.
    #[error("proxy {proxy}: {source}")]
    Proxy {
        /// The proxy's `host:port`.
        proxy: Box<str>,
        /// The cause: [`Error::Refused`] if the proxy refuses `CONNECT`.
        source: Box<Error>,
    },
    /// The status of the response is not 101 (upgrade), 200 (request) or 2xx (a proxy's response to `CONNECT`).
    #[error("{response}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// `Retry-After`: seconds, or a date in any of the three formats of RFC 9110 (section 5.6.7), relative to the
        /// response's `Date`, or to the system clock without one. Zero for a date in the past, and `u64::MAX` seconds for a
        /// larger number: callers must limit it.
        retry_after: Option<Duration>,
        /// The response.
        response: Box<RefusedResponse>,
    },
    /// The response has status 101 but violates the handshake.
    #[error("not a WebSocket handshake: {0}")]
    Handshake(&'static str),
    /// The response is not valid HTTP, or it is incomplete.
    #[error("invalid HTTP response: {0}")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The peer broke the WebSocket protocol.
    #[error("protocol violation: {what}")]
    Protocol {
        /// The violation.
        what: &'static str,
        /// The close code to send.
        code: u16,
    },
    /// A message, counting all its fragments, exceeds the limit.
    #[error("a message is longer than the limit of {limit} bytes")]
    TooLarge {
        /// [`Config::max_message_size`](crate::Config::max_message_size).
        limit: usize,
    },
    /// A text message or a close reason is not UTF-8.
    #[error("a text message or a close reason is not UTF-8")]
    InvalidUtf8,
    /// The TCP connection ended without a close frame (code 1006).
    #[error("the connection was dropped without a close frame")]
    Dropped,
    /// The connection has ended before this call.
    #[error("the connection is closed")]
    Closed,
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Io(#[source] io::Error),
}

impl Error {
    /// The code of the close frame to send for this error; `None` if none must be sent.
    #[must_use]
    pub const fn close_code(&self) -> Option<u16> {
        match self {
            Self::Protocol { code, .. } => Some(*code),
            Self::TooLarge { .. } => Some(close::TOO_LARGE),
            Self::InvalidUtf8 => Some(close::INVALID_PAYLOAD),
            _ => None,
        }
    }

    /// The minimum wait before another attempt, if the server or the proxy refused only temporarily: the value of
    /// `Retry-After`, or zero for status 429 or 503 without one. `None` for redirects and all other errors.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Proxy { source, .. } => source.retry_after(),
            Self::Refused {
                status: 300..=399, ..
            } => None,
            Self::Refused {
                status: 429 | 503,
                retry_after,
                ..
            } => Some(retry_after.unwrap_or_default()),
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    pub(crate) const fn protocol(what: &'static str) -> Self {
        Self::Protocol {
            what,
            code: close::PROTOCOL,
        }
    }

    /// Converts an error of the open socket. rustls reports a missing `close_notify` as `UnexpectedEof`, where TCP reports an
    /// end of file.
    pub(crate) fn from_socket(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Dropped
        } else {
            Self::Io(error)
        }
    }
}
