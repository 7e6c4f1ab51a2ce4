//! Both halves together, with the manners of the protocol.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use crate::codec::{End, Event};
use crate::error::{Phase, after};
use crate::message::{Message, Role};
use crate::reader::Reader;
use crate::stream::{Shared, Stream};
use crate::writer::Writer;
use crate::{Config, Error};

/// How long a connection that failed waits for its close frame to arrive. A
/// socket closed over unread data resets the connection, and the peer would
/// not learn why; but whoever reads should not wait long for bad news.
pub(crate) const LINGER: Duration = Duration::from_millis(250);

/// An open WebSocket.
///
/// It answers pings, echoes a close, and closes with the right code when the
/// peer breaks the rules. Dropping it drops the TCP connection without a close
/// frame; [`Connection::close`] ends it properly.
#[derive(Debug)]
pub struct Connection {
    reader: Reader,
    writer: Writer,
    role: Role,
    close_timeout: Duration,
    /// The error that ended the reading, until it has been handed out.
    failure: Option<Error>,
    /// The TCP connection has been shut down.
    over: bool,
}

impl Connection {
    pub(crate) fn new(stream: Stream, role: Role, config: &Config) -> Self {
        let stream = Shared::new(stream);
        let reader = Reader::new(stream.clone(), role, config.max_message_size);
        let writer = Writer::new(stream, role, config.write_timeout);
        Self {
            reader,
            writer,
            role,
            close_timeout: config.close_timeout,
            failure: None,
            over: false,
        }
    }

    /// The server's end of a stream whose HTTP upgrade is done.
    ///
    /// `leftover` is what was read after the request's head: it may hold the
    /// first frames. [`accept_key`](crate::accept_key) helps with the upgrade.
    pub fn accept(stream: impl Into<Stream>, leftover: Bytes, config: &Config) -> Self {
        Self::new(stream.into().with_leftover(leftover), Role::Server, config)
    }

    /// Waits for the next message; `None` after a clean close, by either side.
    ///
    /// Pings are answered and pongs dropped on the way. After the peer's close
    /// frame its code is sent back; a client then waits for the server to hang
    /// up, at most [`Config::close_timeout`]. When the peer broke the protocol,
    /// it is told the code before the error is returned.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost and no frame is cut when the call is dropped.
    ///
    /// # Errors
    ///
    /// As [`Reader::read`], and as [`Writer::pong`] when an answer cannot be sent.
    pub async fn read(&mut self) -> Result<Option<Message<'_>>, Error> {
        while self.reader.end().is_none() {
            self.writer.flush().await?;
            match self.reader.advance().await {
                Ok(Event::Message(kind, place)) => {
                    return Ok(Some(self.reader.message(kind, place)));
                }
                Ok(event) => self.answer(event),
                Err(error) => self.fail(error),
            }
        }
        self.wind_down(after(self.close_timeout)).await;
        match self.failure.take() {
            Some(error) => Err(error),
            None if self.reader.end() == Some(End::Closed) => Ok(None),
            None => Err(Error::Closed),
        }
    }

    /// Sends a text message.
    ///
    /// # Errors
    ///
    /// As [`Writer::text`], and as cancel safe.
    pub async fn text(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.writer.text(payload).await
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// As [`Writer::binary`], and as cancel safe.
    pub async fn binary(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.writer.binary(payload).await
    }

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// As [`Writer::ping`], and as cancel safe.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.writer.ping(payload).await
    }

    /// Closes: sends the close frame, throws away what still comes until the
    /// peer's close frame, and shuts the TCP connection down. All within
    /// [`Config::close_timeout`]. On a connection that has ended it does nothing.
    ///
    /// # Cancel safety
    ///
    /// A dropped call can be repeated, and goes on where it stopped.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a code that may not be sent, [`Error::Timeout`]
    /// where the peer did not answer, [`Error::Dropped`] where it hung up instead,
    /// else as [`Reader::read`]. The connection is shut down in each case but the first.
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<(), Error> {
        if self.over {
            return Ok(());
        }
        // With a broken writer there is still a socket to shut down.
        if let Err(error @ Error::Argument(_)) = self.writer.queue_close(code, reason) {
            return Err(error);
        }
        let deadline = after(self.close_timeout);
        let result = match timeout_at(deadline, self.exchange_close()).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { step: Phase::Close }),
        };
        self.wind_down(deadline).await;
        // A read that was dropped may have left its error behind.
        self.failure.take().map_or(result, Err)
    }

    /// The two halves, which can be used at the same time by one task or by two.
    #[must_use]
    pub fn split(self) -> (Reader, Writer) {
        (self.reader, self.writer)
    }

    /// Puts two halves together again, for instance to [`close`](Connection::close).
    /// Of the configuration only the close timeout is used.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if they are not the halves of one connection.
    pub fn join(reader: Reader, writer: Writer, config: &Config) -> Result<Self, Error> {
        if !reader.is_half_of(&writer) {
            return Err(Error::Argument("the halves of two connections"));
        }
        Ok(Self {
            role: reader.role(),
            reader,
            writer,
            close_timeout: config.close_timeout,
            failure: None,
            over: false,
        })
    }

    /// Queues the answer to a control frame: it is sent before the next read. A
    /// writer that has closed cannot answer, and then nobody waits for it.
    fn answer(&mut self, event: Event) {
        let _ = match event {
            Event::Ping => self.writer.queue_pong(self.reader.control()),
            Event::Close(code) => {
                debug!(code, "peer closed");
                self.writer.queue_close(code, "")
            }
            Event::Message(..) | Event::Pong => Ok(()),
        };
    }

    fn fail(&mut self, error: Error) {
        debug!(%error, "connection failed");
        if let Some(code) = error.close_code() {
            let _ = self.writer.queue_close(code, "");
        }
        self.failure = Some(error);
    }

    async fn exchange_close(&mut self) -> Result<(), Error> {
        self.writer.flush().await?;
        while self.reader.end().is_none() {
            self.reader.advance().await?;
        }
        Ok(())
    }

    /// Sends what is left to send and shuts the socket down, as far as the peer lets us.
    async fn wind_down(&mut self, deadline: Instant) {
        if self.over {
            return;
        }
        let closed = self.reader.end() == Some(End::Closed);
        if closed && self.role == Role::Client {
            // The server hangs up first: the side that does so keeps the port busy.
            let _ = timeout_at(deadline, self.flush_and_drain()).await;
            let _ = timeout(LINGER, self.writer.stream_mut().shutdown()).await;
        } else {
            let deadline = deadline.min(Instant::now() + LINGER);
            let _ = timeout_at(deadline, self.flush_and_hang_up()).await;
        }
        self.over = true;
        debug!(clean = closed, "connection ended");
    }

    async fn flush_and_drain(&mut self) {
        let _ = self.writer.flush().await;
        self.writer.stream_mut().drain().await;
    }

    async fn flush_and_hang_up(&mut self) {
        let _ = self.writer.flush().await;
        let _ = self.writer.stream_mut().shutdown().await;
        self.writer.stream_mut().drain().await;
    }
}
