//! The HTTP upgrade to a WebSocket (RFC 6455, section 4).

use std::hash::{BuildHasher, Hasher, RandomState};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode, Version};
use sha1::{Digest, Sha1};

use crate::config::Config;
use crate::error::{Error, Phase, after};
use crate::http_exchange::{Exchange, add_headers};
use crate::stream::Stream;
use crate::url::Target;

/// The `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
///
/// ```
/// let accept = ticklot_transport::accept_key("dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept_key(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64_STANDARD.encode(hash.finalize())
}

/// Requests the upgrade and checks the response. Frames that were read with the response stay at the front of the stream.
pub(crate) async fn upgrade(
    stream: Stream,
    target: &Target,
    config: &Config,
) -> Result<Stream, Error> {
    let (key, headers) = (new_key(), config.headers());
    let exchange = Exchange {
        request: request(target, headers, &key)?,
        is_switch: |status| status == StatusCode::SWITCHING_PROTOCOLS,
        url: target.shown(),
        step: Phase::Upgrade,
    };
    let deadline = after(config.upgrade_timeout);
    let (response, stream, leftover) = exchange.run(stream, deadline).await?;
    check_response(&response, headers, &accept_key(&key))?;
    Ok(stream.with_leftover(leftover))
}

/// A random key. It protects against caches that replay an old response, not against attackers, so the randomness of the
/// standard library's hash maps suffices.
fn new_key() -> String {
    let random = || RandomState::new().build_hasher().finish().to_ne_bytes();
    BASE64_STANDARD.encode([random(), random()].concat())
}

fn request(target: &Target, extra: &HeaderMap, key: &str) -> Result<Request<String>, Error> {
    let key = HeaderValue::from_str(key).map_err(|_| Error::Argument("a key that is not text"))?;
    // hyper needs a body type. An empty string sends neither body nor length.
    let mut request = Request::new(String::new());
    *request.uri_mut() = target.resource.clone();
    let headers = request.headers_mut();
    headers.insert(header::HOST, target.authority.clone());
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_KEY, key);
    headers.insert(
        header::SEC_WEBSOCKET_VERSION,
        HeaderValue::from_static("13"),
    );
    add_headers(headers, extra);
    Ok(request)
}

fn check_response<B>(
    response: &Response<B>,
    requested: &HeaderMap,
    accept: &str,
) -> Result<(), Error> {
    let headers = response.headers();
    let violation = |what| Err(Error::Handshake(what));
    if response.version() != Version::HTTP_11 {
        return violation("the response is not HTTP/1.1");
    }
    if !has_token(headers, &header::UPGRADE, "websocket") {
        return violation("the response does not upgrade to websocket");
    }
    // A list, such as `keep-alive, Upgrade`.
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return violation("the Connection header does not contain upgrade");
    }
    if only(headers, &header::SEC_WEBSOCKET_ACCEPT) != Some(accept.as_bytes()) {
        return violation("Sec-WebSocket-Accept does not match the key");
    }
    if tokens(headers, &header::SEC_WEBSOCKET_EXTENSIONS)
        .next()
        .is_some()
    {
        return violation("an extension that was not requested");
    }
    check_protocol(headers, requested)
}

fn check_protocol(headers: &HeaderMap, requested: &HeaderMap) -> Result<(), Error> {
    let name = &header::SEC_WEBSOCKET_PROTOCOL;
    let mut selected = tokens(headers, name);
    match (selected.next(), selected.next()) {
        (None, _) => Ok(()),
        (Some(one), None) if tokens(requested, name).any(|it| it == one) => Ok(()),
        _ => Err(Error::Handshake("a subprotocol that was not requested")),
    }
}

/// The value of a header that occurs exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values
        .next()
        .is_none()
        .then(|| value.as_bytes().trim_ascii())
}

/// The elements of a list header, over all its lines.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&b| b == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

fn has_token(headers: &HeaderMap, name: &HeaderName, want: &str) -> bool {
    tokens(headers, name).any(|token| token.eq_ignore_ascii_case(want.as_bytes()))
}
