//! The writing half: messages in, frames out.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fastwebsockets::{Frame, OpCode, Payload};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::Error;
use crate::close::{self, MAX_CONTROL};
use crate::error::Step;
use crate::message::Role;
use crate::stream::Shared;

/// The writing half of a connection.
///
/// Every call hands one frame to the socket and flushes it, within
/// [`Config::write_timeout`](crate::Config::write_timeout). No allocation once
/// its buffer has grown to the longest message.
///
/// # Cancel safety
///
/// Cancel safe: a frame is either not begun or it stays in the writer, and the
/// next call sends its rest first. A dropped call does not tell which of the two it was.
pub struct Writer {
    stream: Shared,
    role: Role,
    /// Encoded frames; `out[sent..]` is still to be written.
    out: Vec<u8>,
    sent: usize,
    /// Something was written that the stream may still hold back.
    unflushed: bool,
    timeout: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The close frame is on its way or sent: nothing may follow.
    Closing,
    /// A write failed, or took too long.
    Broken,
}

impl Writer {
    pub(crate) fn new(stream: Shared, role: Role, timeout: Duration) -> Self {
        Self {
            stream,
            role,
            out: Vec::new(),
            sent: 0,
            unflushed: false,
            timeout,
            state: State::Open,
        }
    }

    /// Sends a text message.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if it is not UTF-8, [`Error::Timeout`] and
    /// [`Error::Io`] where the socket fails, [`Error::Closed`] after a failure and
    /// after the close.
    pub async fn text(&mut self, payload: &[u8]) -> Result<(), Error> {
        if simdutf8::basic::from_utf8(payload).is_err() {
            return Err(Error::Argument("a text message that is not UTF-8"));
        }
        self.send(OpCode::Text, payload).await
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// As [`Writer::text`], of which any bytes are accepted.
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

    /// Sends a pong: the answer to a ping carries the ping's payload.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for more than 125 bytes, else as [`Writer::text`].
    pub async fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send(OpCode::Pong, payload).await
    }

    /// Sends a close frame, after which nothing can be sent. Closing twice does nothing.
    ///
    /// With [`NO_STATUS`](close::NO_STATUS) the frame is empty. A reason longer
    /// than 123 bytes is cut between two characters.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a code that [may not be sent](close::is_allowed),
    /// else as [`Writer::text`].
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<(), Error> {
        self.queue_close(code, reason)?;
        self.flush().await
    }

    /// Says goodbye on the TLS and the TCP level. Nothing can be sent afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] and [`Error::Io`].
    pub async fn shutdown(&mut self) -> Result<(), Error> {
        self.state = State::Broken;
        let shutdown = timeout(self.timeout, self.stream.shutdown());
        write_result(shutdown.await)
    }

    async fn send(&mut self, opcode: OpCode, payload: &[u8]) -> Result<(), Error> {
        // Before the new frame, or calls that are dropped one after the other
        // would pile up frames without end.
        self.flush().await?;
        self.queue(opcode, payload)?;
        self.flush().await
    }

    pub(crate) fn queue_pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.queue(OpCode::Pong, payload)
    }

    /// Encodes the close frame unless one was before.
    pub(crate) fn queue_close(&mut self, code: u16, reason: &str) -> Result<(), Error> {
        if self.state == State::Closing {
            return Ok(());
        }
        let mut buffer = [0; MAX_CONTROL];
        let payload = close::write(code, reason, &mut buffer)?;
        self.queue(OpCode::Close, payload)?;
        self.state = State::Closing;
        Ok(())
    }

    fn queue(&mut self, opcode: OpCode, payload: &[u8]) -> Result<(), Error> {
        if self.state != State::Open {
            return Err(Error::Closed);
        }
        let is_control = !matches!(opcode, OpCode::Text | OpCode::Binary);
        if is_control && payload.len() > MAX_CONTROL {
            return Err(Error::Argument("a control frame longer than 125 bytes"));
        }
        encode(self.role, opcode, payload, &mut self.out);
        Ok(())
    }

    /// Sends what a dropped call left behind, if anything.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`], [`Error::Io`], and [`Error::Closed`] after a failure.
    pub async fn flush(&mut self) -> Result<(), Error> {
        if self.state == State::Broken {
            return Err(Error::Closed);
        }
        if self.out.is_empty() && !self.unflushed {
            return Ok(());
        }
        let limit = self.timeout;
        let result = write_result(timeout(limit, poll_fn(|cx| self.poll_flush(cx))).await);
        if result.is_err() {
            self.state = State::Broken;
        }
        result
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            let rest = &self.out[self.sent..];
            let n = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.sent += n;
        }
        self.out.clear();
        self.sent = 0;
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

/// The end of a write that had a time limit.
fn write_result(result: Result<io::Result<()>, tokio::time::error::Elapsed>) -> Result<(), Error> {
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Error::Io(error)),
        Err(_) => Err(Error::Timeout { step: Step::Write }),
    }
}

const fn head_len(role: Role, payload: usize) -> usize {
    let mask = match role {
        Role::Client => 4,
        Role::Server => 0,
    };
    mask + match payload {
        0..126 => 2,
        126..65536 => 4,
        _ => 10,
    }
}

/// Appends a frame: the payload is copied once, and masked where it then lies.
fn encode(role: Role, opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let body = start + head_len(role, payload.len());
    out.resize(body, 0);
    out.extend_from_slice(payload);
    let mut frame = Frame::new(true, opcode, None, Payload::BorrowedMut(&mut out[body..]));
    if role == Role::Client {
        frame.mask();
    }
    let mut head = [0; 16];
    let n = frame.fmt_head(&mut head);
    drop(frame);
    out[start..body].copy_from_slice(&head[..n]);
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("role", &self.role)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_as_long_as_it_was_foretold() {
        for role in [Role::Client, Role::Server] {
            for len in [0, 1, 125, 126, 65535, 65536] {
                let mut out = vec![7];
                encode(role, OpCode::Binary, &vec![1; len], &mut out);
                assert_eq!(out.len(), 1 + head_len(role, len) + len);
                assert_eq!(out[2] & 0x80 != 0, role == Role::Client);
            }
        }
    }
}
