//! An HTTP request after which its stream is no longer HTTP: an upgrade, or a proxy's tunnel.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, Phase};
use crate::refusal::{read_excerpt, refused};
use crate::stream::Stream;

/// The longest head of a response, in bytes.
pub(crate) const MAX_HEAD: usize = 64 << 10;

/// The maximum number of header fields of a response.
pub(crate) const MAX_HEADERS: usize = 512;

/// The `User-Agent` of requests whose configuration has none.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("ticklot/", env!("CARGO_PKG_VERSION")));

/// A builder for hyper's connections, with the limits.
pub(crate) fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    builder
}

pub(crate) fn http(error: hyper::Error) -> Error {
    if error.is_parse_too_large() {
        return head_too_large();
    }
    Error::Http(Box::new(error))
}

fn head_too_large() -> Error {
    let kib = MAX_HEAD >> 10;
    let reason = format!("its head is longer than {kib} KiB or {MAX_HEADERS} header fields");
    Error::Http(reason.into())
}

/// Refuses a head of more than [`MAX_HEAD`] bytes. hyper checks the limit before each read, so it may exceed it by one
/// read.
pub(crate) fn check_head<B>(response: &Response<B>) -> Result<(), Error> {
    // Including the separators of each line: `NAME: VALUE\r\n`.
    let line = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    let length: usize = response.headers().iter().map(line).sum();
    match length > MAX_HEAD {
        true => Err(head_too_large()),
        false => Ok(()),
    }
}

/// Adds the configured headers, and a default `User-Agent` if they have none.
pub(crate) fn add_headers(headers: &mut HeaderMap, extra: &HeaderMap) {
    if !extra.contains_key(header::USER_AGENT) {
        headers.insert(header::USER_AGENT, USER_AGENT);
    }
    for (name, value) in extra {
        headers.append(name, value.clone());
    }
}

/// A request whose success ends HTTP on its stream.
pub(crate) struct Exchange {
    pub(crate) request: Request<String>,
    /// Whether a status means success. Any other is a refusal.
    pub(crate) is_switch: fn(StatusCode) -> bool,
    /// The requested URL, for errors.
    pub(crate) url: String,
    /// The step of the time limit, for errors.
    pub(crate) step: Phase,
}

impl Exchange {
    /// Sends the request, and drives the connection in the same task until the head of the response is complete.
    /// Returns the stream, and the bytes that were read after the head.
    pub(crate) async fn run(
        self,
        stream: Stream,
        deadline: Instant,
    ) -> Result<(Response<hyper::body::Incoming>, Stream, Bytes), Error> {
        let late = |_| Error::Timeout { step: self.step };
        let (mut sender, connection) = builder()
            .handshake(TokioIo::new(stream))
            .await
            .map_err(http)?;
        let mut connection = pin!(connection.without_shutdown());
        let mut parts = None;
        let response = drive(
            sender.send_request(self.request),
            connection.as_mut(),
            &mut parts,
        );
        let response = timeout_at(deadline, response).await.map_err(late)?;
        let response = response.map_err(http)?;
        check_head(&response)?;
        if !(self.is_switch)(response.status()) {
            // The refusal and its `Retry-After` are valid even if the connection fails afterwards.
            let (head, body) = response.into_parts();
            let mut excerpt = Vec::new();
            drive(read_excerpt(body, &mut excerpt), connection, &mut parts).await;
            return Err(refused(self.url, &head, &excerpt));
        }
        let parts = match parts {
            Some(parts) => parts,
            None => timeout_at(deadline, connection).await.map_err(late)?,
        };
        let parts = parts.map_err(http)?;
        Ok((response, parts.io.into_inner(), parts.read_buf))
    }
}

/// Completes `work` while polling its connection, until that ends.
async fn drive<T, D: Future>(
    work: impl Future<Output = T>,
    mut connection: Pin<&mut D>,
    ended: &mut Option<D::Output>,
) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if ended.is_some() {
            return Poll::Pending;
        }
        if let Poll::Ready(end) = connection.as_mut().poll(cx) {
            *ended = Some(end);
        }
        // The connection may just have delivered the awaited response.
        work.as_mut().poll(cx)
    })
    .await
}
