//! From an HTTP request to a WebSocket, or to a plain answer.
//!
//! No extension is ever offered or accepted: frames go as they are.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use sha1::{Digest, Sha1};

use crate::machine::Refused;

/// RFC 6455, section 1.3: appended to the client's key before it is hashed.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Where a client wants to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
}

impl<'a> Target<'a> {
    /// The target of a request line.
    pub(crate) fn of(target: &'a str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self { path, query }
    }

    /// Whether the query has this parameter with this value.
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.values(name).any(|it| it == value)
    }

    /// The value of the first parameter of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.values(name).next()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let pairs = self.query.split('&').filter_map(|it| it.split_once('='));
        pairs.filter_map(move |(key, value)| (key == name).then_some(value))
    }
}

/// A request that is answered without an upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) body: &'static str,
    retry_after: Option<Duration>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            status: refusal.status.as_u16(),
            retry_after: refusal
                .retry_after
                .map(|wait| Duration::from_secs(whole_seconds(wait))),
        }
    }
}

impl Refusal {
    pub(crate) const fn new(status: StatusCode, body: &'static str) -> Self {
        Self {
            status,
            body,
            retry_after: None,
        }
    }

    /// For a client that may come back after so long.
    pub(crate) const fn too_many(body: &'static str, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, body)
        }
    }

    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body));
        *response.status_mut() = self.status;
        if self.status == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            let version = header::SEC_WEBSOCKET_VERSION;
            headers.insert(version, HeaderValue::from_static("13"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        if let Some(wait) = self.retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, whole_seconds(wait).into());
        }
        response
    }
}

/// The header counts in seconds: the next whole one, so that who waits so long has waited enough.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// A request of a client that polls: its method, its query and its body.
#[derive(Clone, Debug)]
pub(crate) struct Poll {
    pub(crate) method: Method,
    pub(crate) query: String,
    pub(crate) body: String,
}

/// A document, for a request that wants no WebSocket.
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

pub(super) fn target(request: &Request<Incoming>) -> Target<'_> {
    Target {
        path: request.uri().path(),
        query: request.uri().query().unwrap_or(""),
    }
}

/// Checks the opening handshake of RFC 6455, section 4.2.1, and makes the answer to it.
pub(super) fn accept(request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, Refusal> {
    let headers = request.headers();
    let asked = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && has_token(headers, header::CONNECTION, "upgrade")
        && has_token(headers, header::UPGRADE, "websocket");
    let version = headers.get(header::SEC_WEBSOCKET_VERSION);
    if !asked || version.is_none_or(|version| version != "13") {
        let why = "a WebSocket upgrade, version 13, is required";
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, why));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let key = key.map(HeaderValue::as_bytes).filter(|key| is_key(key));
    let accept = key.and_then(|key| HeaderValue::try_from(accept_key(key)).ok());
    let Some(accept) = accept else {
        let why = "Sec-WebSocket-Key is missing or wrong";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, why));
    };
    Ok(switching(accept))
}

fn switching(accept: HeaderValue) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// A key is sixteen bytes in base64.
fn is_key(key: &[u8]) -> bool {
    STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

fn accept_key(key: &[u8]) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    STANDARD.encode(digest)
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_key_is_that_of_the_standard() {
        let key = b"dGhlIHNhbXBsZSBub25jZQ==";
        assert!(is_key(key));
        assert_eq!(accept_key(key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!is_key(b"short"));
    }

    #[test]
    fn a_query_is_read_by_whole_pairs() {
        let target = Target {
            path: "/socket.io/",
            query: "EIO=4&transport=websocket&t=x",
        };
        assert!(target.has("EIO", "4") && target.has("transport", "websocket"));
        assert!(!target.has("EIO", "3") && !target.has("IO", "4"));
    }
}
