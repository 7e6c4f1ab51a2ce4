//! An HTTP/1.1 connection for consecutive requests, without a task that drives it.
//!
//! hyper splits a client connection into a sender and a future that performs the I/O, which programs usually spawn. Here,
//! [`HttpConnection::fetch`] polls that future during a request, and [`HttpConnection::is_idle`] polls it once to detect
//! that the server has closed the connection.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, Phase};
use crate::http_exchange::{add_headers, builder, check_head, http};
use crate::refusal::{read_excerpt, refused};
use crate::stream::Stream;
use crate::url::Target;

/// An HTTP connection with at most one request in flight.
pub(crate) struct HttpConnection {
    sender: http1::SendRequest<String>,
    driver: Driver,
    /// Whether any byte has arrived since the start of the last request.
    has_response: Arc<AtomicBool>,
    pub(crate) target: Target,
}

impl HttpConnection {
    pub(crate) async fn new(stream: Stream, target: &Target) -> Result<Self, Error> {
        let has_response = Arc::new(AtomicBool::new(false));
        let watched = Watched {
            stream,
            has_response: Arc::clone(&has_response),
        };
        let (sender, connection) = builder()
            .handshake(TokioIo::new(watched))
            .await
            .map_err(http)?;
        Ok(Self {
            sender,
            driver: Driver(Some(Box::new(connection))),
            has_response,
            target: target.clone(),
        })
    }

    /// Sends a request for `target` and reads the whole body of a response with status 200, of at most `limit`
    /// bytes.
    pub(crate) async fn fetch(
        &mut self,
        target: &Target,
        extra: &HeaderMap,
        limit: usize,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        let late = |_| Error::Timeout {
            step: Phase::Request,
        };
        self.has_response.store(false, Ordering::Relaxed);
        let response = self.sender.send_request(request(target, extra));
        let response = async { response.await.map_err(http) };
        let response = timeout_at(deadline, self.driver.drive(response));
        let response = response.await.map_err(late)??;
        check_head(&response)?;
        let (head, body) = response.into_parts();
        if head.status == StatusCode::OK {
            let body = timeout_at(deadline, self.driver.drive(read(body, limit)));
            return body.await.map_err(late)?;
        }
        let mut excerpt = Vec::new();
        let read = async {
            read_excerpt(body, &mut excerpt).await;
            Ok(())
        };
        // The refusal is valid even if the connection fails.
        let _ = self.driver.drive(read).await;
        Err(refused(target.shown(), &head, &excerpt))
    }

    /// Whether a request failed because the connection ended before the first byte of a response.
    pub(crate) fn is_unanswered<T>(&self, result: &Result<T, Error>) -> bool {
        matches!(result, Err(Error::Http(_))) && !self.has_response.load(Ordering::Relaxed)
    }

    /// Whether the connection is open and accepts a request, as far as is known without waiting.
    pub(crate) fn is_idle(&mut self) -> bool {
        // No waker, because nothing waits for the result.
        let mut cx = Context::from_waker(Waker::noop());
        self.driver.poll(&mut cx).is_pending() && self.sender.is_ready()
    }
}

type Connection = http1::Connection<TokioIo<Watched>, String>;

/// hyper's I/O future, until it ends. Boxed, because idle connections are moved.
struct Driver(Option<Box<Connection>>);

impl Driver {
    /// Completes `exchange` while performing its I/O.
    async fn drive<T>(
        &mut self,
        exchange: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut exchange = pin!(exchange);
        poll_fn(|cx| {
            let io = self.poll(cx);
            // A complete response is valid even if the connection has failed.
            if let Poll::Ready(result) = exchange.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            match io {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Pending,
            }
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(connection) = &mut self.0 else {
            return Poll::Ready(Ok(()));
        };
        let ended = ready!(Pin::new(connection).poll(cx));
        self.0 = None;
        Poll::Ready(ended.map_err(http))
    }
}

/// A stream that records the arrival of bytes.
struct Watched {
    stream: Stream,
    has_response: Arc<AtomicBool>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.has_response.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A GET request for `target` with additional headers.
fn request(target: &Target, extra: &HeaderMap) -> Request<String> {
    // hyper needs a body type. An empty string sends neither body nor length.
    let mut request = Request::new(String::new());
    *request.uri_mut() = target.resource.clone();
    let headers = request.headers_mut();
    headers.insert(header::HOST, target.authority.clone());
    add_headers(headers, extra);
    request
}

/// Reads a body of at most `limit` bytes.
async fn read(body: Incoming, limit: usize) -> Result<Vec<u8>, Error> {
    // A too large Content-Length is refused before the body arrives.
    if usize::try_from(body.size_hint().lower()).map_or(true, |length| length > limit) {
        return Err(Error::TooLarge { limit });
    }
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        // Trailers are ignored.
        let Ok(data) = frame.map_err(http)?.into_data() else {
            continue;
        };
        if data.len() > limit - bytes.len() {
            return Err(Error::TooLarge { limit });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}
