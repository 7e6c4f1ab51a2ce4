//! The reasons why connections end and requests fail.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// Why an HTTP request, or a request on the connection, failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestFailure {
    /// The server answered with this HTTP status.
    Status {
        /// The status, such as 429.
        status: u16,
        /// How long to wait at least, when the server said.
        retry_after: Option<Duration>,
        /// The URL, the status and the start of the response's body, in one printable line.
        text: String,
    },
    /// No answer was received, or it could not be read.
    Transport(String),
    /// The venue refused it, in these words.
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
    /// The server closed it, with a proper close.
    Closed {
        /// The WebSocket close code; 1005 when it gave none.
        code: u16,
        /// The server's text; often empty.
        reason: String,
    },
    /// It could not be made, or it broke.
    Failed(Box<dyn StdError + Send + Sync>),
    /// The server refused the connection for now: with `Retry-After`, or with status 429 or 503.
    Busy {
        /// How long to wait at least; zero when the server did not say.
        retry_after: Duration,
        /// The refusal.
        error: Box<dyn StdError + Send + Sync>,
    },
    /// It can never be made: the URL or a header is invalid.
    Impossible(Box<dyn StdError + Send + Sync>),
    /// Nothing was received for longer than the venue's silence limit.
    Silent,
    /// The server sent a binary message; the venues send text.
    Binary,
    /// The session inside the connection ended.
    Ended(EndReason),
    /// The user ended it.
    Stopped,
}

/// Why a session inside a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The handshake inside the connection took too long.
    HandshakeTimeout,
    /// A ping of ours had no answer in time.
    PingTimeout,
    /// The server refused the session, with this text.
    Refused(String),
    /// The server ended the namespace that the subscriptions are in.
    NamespaceClosed,
    /// The server ended the session.
    SessionClosed,
    /// Another reason, of a venue outside this crate.
    Other(String),
}

impl Disconnect {
    /// Whether the server answered the upgrade with an HTTP status that speaks against the request itself: none that
    /// asks for patience (429, 5xx). A driver of the caller's own passes
    /// [`transport::Error::Refused`](crate::transport::Error::Refused) for it.
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

    /// Without the transport no error of it can be recognised.
    #[cfg(not(feature = "feed"))]
    pub(crate) fn is_wrong_request(&self) -> bool {
        false
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandshakeTimeout => f.write_str("the handshake took too long"),
            Self::PingTimeout => f.write_str("the server did not answer a ping in time"),
            Self::Refused(text) if text.is_empty() => f.write_str("the server refused the session"),
            Self::Refused(text) => write!(f, "the server refused the session: {text}"),
            Self::NamespaceClosed => f.write_str("the server ended the namespace"),
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
            Self::Silent => f.write_str("the server went silent"),
            Self::Binary => f.write_str("the server sent a binary message"),
            Self::Ended(reason) => fmt::Display::fmt(reason, f),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}
