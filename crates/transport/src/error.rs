//! What can go wrong, one variant a step.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::close;
use crate::refused_response::RefusedResponse;

/// The instant at which a time limit ends. A limit beyond the clock's range is none.
pub(crate) fn after(limit: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);
    let now = Instant::now();
    now.checked_add(limit).unwrap_or_else(|| now + NEVER)
}

/// A step of a connection's life that has a time limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Looking up the name and opening the TCP connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The TLS handshake with a proxy, and its response to `CONNECT`.
    Proxy,
    /// The HTTP request that turns the connection into a WebSocket.
    Upgrade,
    /// A plain HTTP request, its answer included.
    Request,
    /// Handing a frame to the socket.
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

/// Why a connection could not be made, or why it ended.
///
/// Errors end up in logs, so no variant carries a request header or the value of a query parameter:
/// they can hold credentials. A refusal carries the path of its URL, and the start of the response's
/// body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL cannot be used: for a WebSocket `ws://` or `wss://`, for a request `http://` or
    /// `https://`.
    #[error("not a usable URL: {0}")]
    Url(&'static str),
    /// A value passed in cannot be used, such as a reserved header or close code.
    #[error("unusable argument: {0}")]
    Argument(&'static str),
    /// The host's name could not be resolved.
    #[error("cannot resolve {host}: {source}")]
    Dns {
        /// The name that was looked up.
        host: Box<str>,
        /// The resolver's answer.
        source: io::Error,
    },
    /// None of the host's addresses accepted a TCP connection.
    #[error("cannot connect to {peer}: {source}")]
    Connect {
        /// The URL's `host:port`.
        peer: Box<str>,
        /// The last address's failure.
        source: io::Error,
    },
    /// The TLS handshake failed; a certificate that is not trusted ends here.
    #[error("TLS with {peer} failed: {source}")]
    Tls {
        /// The URL's `host:port`.
        peer: Box<str>,
        /// The TLS library's reason.
        source: io::Error,
    },
    /// A step took longer than its limit in [`Config`](crate::Config).
    #[error("timed out: {}", .step.name())]
    Timeout {
        /// The step that took too long.
        step: Phase,
    },
    /// The authorities of a file cannot be used: see [`Roots::from_pem_file`](crate::Roots::from_pem_file).
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
        /// The failure: a proxy that refuses `CONNECT` is [`Error::Refused`].
        source: Box<Error>,
    },
    /// The server answered with another status than 101 to an upgrade, 200 to a request, and a proxy
    /// with another one than 2xx to `CONNECT`.
    #[error("{response}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// `Retry-After`: seconds, or a date in any of the three forms of RFC 9110 (section 5.6.7),
        /// counted from the response's `Date`, or from the system's clock where it has none. Zero for
        /// a date in the past, and `u64::MAX` seconds for a number beyond: callers bound it.
        retry_after: Option<Duration>,
        /// What the server responded.
        response: Box<RefusedResponse>,
    },
    /// The server answered 101, but not as the handshake demands.
    #[error("not a WebSocket handshake: {0}")]
    Handshake(&'static str),
    /// The answer is not HTTP, or it stopped half way.
    #[error("no usable HTTP answer: {0}")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The peer broke the WebSocket protocol.
    #[error("protocol violation: {what}")]
    Protocol {
        /// The rule that was broken.
        what: &'static str,
        /// The close code that the peer must be told.
        code: u16,
    },
    /// A message, all its fragments together, is longer than the limit.
    #[error("a message is longer than the limit of {limit} bytes")]
    TooLarge {
        /// [`Config::max_message_size`](crate::Config::max_message_size).
        limit: usize,
    },
    /// A text message or a close reason is not UTF-8.
    #[error("a text message or a close reason is not UTF-8")]
    InvalidUtf8,
    /// The peer's side of the connection ended without a close frame (code 1006).
    #[error("the connection was dropped without a close frame")]
    Dropped,
    /// The connection had ended before this call.
    #[error("the connection is closed")]
    Closed,
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Io(#[source] io::Error),
}

impl Error {
    /// The code of the close frame that must be sent for this error, or `None`
    /// where the error calls for none.
    #[must_use]
    pub const fn close_code(&self) -> Option<u16> {
        match self {
            Self::Protocol { code, .. } => Some(*code),
            Self::TooLarge { .. } => Some(close::TOO_LARGE),
            Self::InvalidUtf8 => Some(close::INVALID_PAYLOAD),
            _ => None,
        }
    }

    /// How long to wait at least before another attempt, where the server, or the proxy, is there and
    /// refuses only for now: with `Retry-After`, or without one and with status 429 or 503, which makes it
    /// zero. A redirect is none of these.
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

    /// An error of the open socket. TLS reports a missing goodbye as an
    /// unexpected end of file, which is what TCP reports as an end of file.
    pub(crate) fn from_socket(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Dropped
        } else {
            Self::Io(error)
        }
    }
}
