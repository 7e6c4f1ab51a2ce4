//! The writing half of a connection.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fastwebsockets::OpCode;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::Error;
use crate::codec::{Encoder, check_text};
use crate::error::Phase;
use crate::message::Role;
use crate::stream::Shared;

/// The writing half of a connection.
///
/// Each call writes one frame to the socket and flushes it, within
/// [`Config::write_timeout`](crate::Config::write_timeout). Does not allocate once its buffer has grown to the longest
/// message.
///
/// # Cancel safety
///
/// Cancel safe: if the call is dropped, the frame was either not started, or its rest stays in the writer and the next
/// call sends it first. The caller cannot distinguish these cases.
pub struct Writer {
    stream: Shared,
    encoder: Encoder,
    /// The stream may still buffer written bytes.
    unflushed: bool,
    timeout: Duration,
}

impl Writer {
    pub(crate) fn new(stream: Shared, role: Role, timeout: Duration) -> Self {
        Self {
            stream,
            encoder: Encoder::new(role),
            unflushed: false,
            timeout,
        }
    }

    /// Sends a text message.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if it is not UTF-8, [`Error::Timeout`] and [`Error::Io`] if the write fails, and
    /// [`Error::Closed`] after a failure or a close.
    pub async fn text(&mut self, payload: &[u8]) -> Result<(), Error> {
        check_text(payload)?;
        self.send(OpCode::Text, payload).await
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// As [`Writer::text`], except that any bytes are accepted.
    pub async fn binary(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send(OpCode::Binary, payload).await
    }

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for more than 125 bytes, else as [`Writer::text`].
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send(OpCode::Ping, payload).await
    }

    /// Sends a pong. The reply to a ping carries the payload of the ping.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for more than 125 bytes, else as [`Writer::text`].
    pub async fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send(OpCode::Pong, payload).await
    }

    /// Sends a close frame, after which nothing can be sent. A second call does nothing.
    ///
    /// With [`NO_STATUS`](crate::close::NO_STATUS), the frame has no payload. A reason of more than 123 bytes is truncated at
    /// a character boundary.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a code that [may not be sent](crate::close::is_allowed),
    /// else as [`Writer::text`].
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<(), Error> {
        self.encoder.queue_close(code, reason)?;
        self.flush().await
    }

    /// Ends the TLS session and the TCP stream for writing. Nothing can be sent afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] and [`Error::Io`].
    pub async fn shutdown(&mut self) -> Result<(), Error> {
        self.encoder.abort();
        let shutdown = timeout(self.timeout, self.stream.shutdown());
        write_result(shutdown.await)
    }

    async fn send(&mut self, opcode: OpCode, payload: &[u8]) -> Result<(), Error> {
        // Before the new frame: otherwise repeatedly dropped calls would grow the buffer without limit.
        self.flush().await?;
        self.encoder.queue(opcode, payload)?;
        self.flush().await
    }

    pub(crate) fn queue_close(&mut self, code: u16, reason: &str) -> Result<(), Error> {
        self.encoder.queue_close(code, reason)
    }

    pub(crate) fn queue_pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.encoder.queue(OpCode::Pong, payload)
    }

    /// Sends the rest of a dropped call, if any.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`], [`Error::Io`], and [`Error::Closed`] after a failure.
    pub async fn flush(&mut self) -> Result<(), Error> {
        if self.encoder.is_broken() {
            return Err(Error::Closed);
        }
        if self.encoder.pending().is_empty() && !self.unflushed {
            return Ok(());
        }
        let limit = self.timeout;
        let result = write_result(timeout(limit, poll_fn(|cx| self.poll_flush(cx))).await);
        if result.is_err() {
            self.encoder.abort();
        }
        result
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.encoder.pending().is_empty() {
            let rest = self.encoder.pending();
            let n = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.encoder.written(n);
        }
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    pub(crate) fn stream(&self) -> &Shared {
        &self.stream
    }

    pub(crate) fn stream_mut(&mut self) -> &mut Shared {
        &mut self.stream
    }
}

/// The result of a write with a time limit.
fn write_result(result: Result<io::Result<()>, tokio::time::error::Elapsed>) -> Result<(), Error> {
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Error::Io(error)),
        Err(_) => Err(Error::Timeout { step: Phase::Write }),
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("encoder", &self.encoder)
            .finish_non_exhaustive()
    }
}
