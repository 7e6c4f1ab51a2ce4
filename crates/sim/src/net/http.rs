//! HTTP requests before an upgrade, and their responses.
//!
//! The server accepts no WebSocket extension.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use crate::session::Rejection;

/// The path and the query of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestTarget<'a> {
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
}

impl<'a> RequestTarget<'a> {
    /// Splits the target of a request line.
    pub(crate) fn parse(target: &'a str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self { path, query }
    }

    /// Whether the query has a parameter with this name and value.
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.values(name).any(|it| it == value)
    }

    /// The value of the first parameter with this name.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.values(name).next()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let pairs = self.query.split('&').filter_map(|it| it.split_once('='));
        pairs.filter_map(move |(key, value)| (key == name).then_some(value))
    }
}

/// The response to a rejected upgrade.
pub(super) fn rejection_response(rejection: Rejection) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(rejection.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = Response::new(Full::from(rejection.body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::UPGRADE_REQUIRED {
        let version = header::SEC_WEBSOCKET_VERSION;
        headers.insert(version, HeaderValue::from_static("13"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    if let Some(wait) = rejection.retry_after {
        headers.insert(header::RETRY_AFTER, wait.as_secs().into());
    }
    response
}

/// A request of a polling client.
#[derive(Clone, Debug)]
pub(crate) struct PollRequest {
    pub(crate) method: Method,
    pub(crate) query: String,
    pub(crate) body: String,
}

impl PollRequest {
    /// Reads a request with a body of at most `max_body` bytes.
    pub(super) async fn read(
        request: Request<Incoming>,
        max_body: usize,
    ) -> Result<Self, Rejection> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, max_body).collect().await;
        let body = body.map_err(|_| Rejection::new(413, "message too big"))?;
        let body = String::from_utf8(body.to_bytes().into());
        Ok(Self {
            method: head.method,
            query: head.uri.query().unwrap_or("").to_owned(),
            body: body.map_err(|_| Rejection::new(400, "text must be UTF-8"))?,
        })
    }
}

/// The response to a request that is not an upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    content_type: &'static str,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn json(status: StatusCode, text: String) -> Self {
        Self {
            status,
            content_type: "application/json",
            text,
        }
    }

    pub(crate) fn plain(text: String) -> Self {
        Self {
            status: StatusCode::OK,
            content_type: "text/plain; charset=UTF-8",
            text,
        }
    }

    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.text));
        *response.status_mut() = self.status;
        let kind = HeaderValue::from_static(self.content_type);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

pub(super) fn target(request: &Request<Incoming>) -> RequestTarget<'_> {
    RequestTarget {
        path: request.uri().path(),
        query: request.uri().query().unwrap_or(""),
    }
}

/// Validates the opening handshake by RFC 6455, section 4.2.1, and returns the response.
pub(super) fn accept(request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, Rejection> {
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY);
    let is_valid = key.is_none_or(|key| is_key(key.as_bytes()));
    match create_response_with_body(request, Full::default) {
        Ok(response) if is_valid => Ok(response),
        Ok(_) | Err(Error::Protocol(ProtocolError::MissingSecWebSocketKey)) => Err(Rejection::new(
            400,
            "Sec-WebSocket-Key is missing or invalid",
        )),
        Err(_) => {
            let why = "a WebSocket upgrade, version 13, is required";
            Err(Rejection::new(426, why))
        }
    }
}

/// Whether `key` is the base64 text of sixteen bytes: 22 digits and two `=`.
fn is_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let digits = key.strip_suffix(b"==");
    digits.is_some_and(|digits| digits.len() == 22 && digits.iter().all(is_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_key_length() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(!is_key(b"short") && !is_key(b"dGhlIHNhbXBsZSBub25jZQ="));
    }

    #[test]
    fn query_matches_whole_pairs() {
        let target = RequestTarget::parse("/socket.io/?EIO=4&transport=websocket&t=x");
        assert!(target.has("EIO", "4") && target.has("transport", "websocket"));
        assert!(!target.has("EIO", "3") && !target.has("IO", "4"));
    }
}
