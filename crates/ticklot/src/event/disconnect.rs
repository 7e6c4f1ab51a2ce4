//! The causes of ended connections and failed requests.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// Why an HTTP request, or a request on the connection, failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestFailure {
    /// The server responded with this HTTP status.
    Status {
        /// The status, such as 429.
        status: u16,
        /// The `Retry-After` of the server.
        retry_after: Option<Duration>,
        /// The URL, the status and the start of the body, in one printable line.
        text: String,
    },
    /// No response was received, or it could not be read.
    Transport(String),
    /// The venue refused the request with this text.
    Refused(String),
}

impl fmt::Display for RequestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { text, .. } | Self::Transport(text) | Self::Refused(text) => {
                f.write_str(text)
            }
        }
    }
}

impl StdError for RequestFailure {}

/// Why a connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Disconnect {
    /// The server sent a close frame.
    Closed {
        /// The WebSocket close code; 1005 if the frame has none.
        code: u16,
        /// The text of the close frame; often empty.
        reason: String,
    },
    /// The connection or the attempt to connect failed.
    Failed(Box<dyn StdError + Send + Sync>),
    /// The server refused the connection temporarily: with `Retry-After`, or with status 429 or 503.
    Busy {
        /// The `Retry-After` of the server; zero if there is none.
        retry_after: Duration,
        /// The error from the refused upgrade.
        error: Box<dyn StdError + Send + Sync>,
    },
    /// No attempt can succeed: the URL or a header is invalid.
    Impossible(Box<dyn StdError + Send + Sync>),
    /// Nothing was received for longer than the venue's silence limit.
    IdleTimeout,
    /// The server sent a binary message. Venues send only text.
    Binary,
    /// The protocol session within the connection ended.
    Ended(EndReason),
    /// The user stopped the connection.
    Stopped,
}

/// Why the protocol session within a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The handshake within the connection took too long.
    HandshakeTimeout,
    /// The server did not reply to a ping of the client in time.
    PingTimeout,
    /// The server refused the session, with this text.
    Refused(String),
    /// The server closed the Socket.IO namespace of the subscriptions.
    NamespaceClosed,
    /// The server ended the session.
    SessionClosed,
    /// Another reason, from a venue outside this crate.
    Other(String),
}

impl Disconnect {
    /// Whether the server refused the upgrade with an HTTP status other than 429 and 5xx, so that the same request will
    /// fail again. A custom driver passes [`transport::Error::Refused`](crate::transport::Error::Refused) for it.
    #[cfg(feature = "feed")]
    pub(crate) fn is_wrong_request(&self) -> bool {
        let Self::Failed(error) = self else {
            return false;
        };
        match error.downcast_ref() {
            Some(ticklot_transport::Error::Refused { status, .. }) => {
                *status != 429 && *status < 500
            }
            _ => false,
        }
    }

    /// Without the feature `feed` there is no transport error to check.
    #[cfg(not(feature = "feed"))]
    pub(crate) fn is_wrong_request(&self) -> bool {
        false
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandshakeTimeout => f.write_str("the handshake took too long"),
            Self::PingTimeout => f.write_str("the server did not reply to a ping in time"),
            Self::Refused(text) if text.is_empty() => f.write_str("the server refused the session"),
            Self::Refused(text) => write!(f, "the server refused the session: {text}"),
            Self::NamespaceClosed => f.write_str("the server closed the namespace"),
            Self::SessionClosed => f.write_str("the server ended the session"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { code, reason } if reason.is_empty() => {
                write!(f, "closed by the server with code {code}")
            }
            Self::Closed { code, reason } => {
                write!(f, "closed by the server with code {code}: {reason}")
            }
            Self::Failed(error) | Self::Impossible(error) | Self::Busy { error, .. } => {
                fmt::Display::fmt(error, f)
            }
            Self::IdleTimeout => f.write_str("the server went silent"),
            Self::Binary => f.write_str("the server sent a binary message"),
            Self::Ended(reason) => fmt::Display::fmt(reason, f),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}
