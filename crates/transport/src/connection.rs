//! A WebSocket that handles control frames itself.

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

/// How long a failed connection drains its socket. Closing a socket with unread data would reset the connection, and
/// the peer might not receive the close frame. The time is short because it delays the error.
pub(crate) const LINGER: Duration = Duration::from_millis(250);

/// An open WebSocket.
///
/// It replies to pings, echoes a close frame, and closes with the code of RFC 6455 after a protocol violation. Dropping it
/// drops the TCP connection without a close frame; [`Connection::close`] performs the close handshake.
#[derive(Debug)]
pub struct Connection {
    reader: Reader,
    writer: Writer,
    close_timeout: Duration,
    /// The error that ended reading, until it is returned.
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
            close_timeout: config.close_timeout,
            failure: None,
            over: false,
        }
    }

    /// The server's side of a stream, after the HTTP upgrade.
    ///
    /// `leftover` contains the bytes that were read after the head of the request, which may be the first frames. For the
    /// upgrade itself, see [`accept_key`](crate::accept_key).
    pub fn accept(stream: impl Into<Stream>, leftover: Bytes, config: &Config) -> Self {
        Self::new(stream.into().with_leftover(leftover), Role::Server, config)
    }

    /// Waits for the next message; `None` after a clean close by either side.
    ///
    /// It replies to pings, drops pongs, and echoes the code of the peer's close frame. A client then waits for the server
    /// to close the TCP connection, at most [`Config::close_timeout`]. After a protocol violation, it sends a close frame
    /// with the code before it returns the error.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost and no frame is truncated when the call is dropped.
    ///
    /// # Errors
    ///
    /// As [`Reader::read`], and as [`Writer::pong`] if a reply cannot be sent.
    pub async fn read(&mut self) -> Result<Option<Message<'_>>, Error> {
        while self.reader.end().is_none() {
            self.writer.flush().await?;
            match self.reader.advance().await {
                Ok(Event::Message(kind, location)) => {
                    return Ok(Some(self.reader.message(kind, location)));
                }
                Ok(event) => self.reply(event),
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
    /// As [`Writer::text`], with the same cancel safety.
    pub async fn text(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.writer.text(payload).await
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// As [`Writer::binary`], with the same cancel safety.
    pub async fn binary(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.writer.binary(payload).await
    }

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// As [`Writer::ping`], with the same cancel safety.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.writer.ping(payload).await
    }

    /// Sends a close frame, discards incoming messages until the peer's close frame, and shuts the TCP connection down, all
    /// within [`Config::close_timeout`]. Does nothing on a connection that has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a repeated call continues where a dropped one stopped.
    ///
    /// # Errors
    ///
    /// - [`Error::Argument`] for a code that [may not be sent](crate::close::is_allowed); the connection stays open.
    /// - [`Error::Timeout`] if the peer sends no close frame in time, and [`Error::Dropped`] if it ends the TCP connection
    ///   instead.
    /// - All others as [`Reader::read`].
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<(), Error> {
        if self.over {
            return Ok(());
        }
        // Even with a broken writer, the socket must be shut down.
        if let Err(error @ Error::Argument(_)) = self.writer.queue_close(code, reason) {
            return Err(error);
        }
        let deadline = after(self.close_timeout);
        let result = match timeout_at(deadline, self.exchange_close()).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { step: Phase::Close }),
        };
        self.wind_down(deadline).await;
        // A dropped read may have left an error.
        self.failure.take().map_or(result, Err)
    }

    /// Splits the connection into two halves, which one task or two can use concurrently.
    ///
    /// The halves do not reply to control frames. The owner replies to each [`Incoming::Ping`](crate::Incoming::Ping)
    /// with [`Writer::pong`], and to [`Incoming::Close`](crate::Incoming::Close) with [`Writer::close`].
    #[must_use]
    pub fn split(self) -> (Reader, Writer) {
        (self.reader, self.writer)
    }

    /// Joins two halves, for instance to [`close`](Connection::close) the connection. Of `config`, only
    /// [`Config::close_timeout`] is used.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if the halves are of different connections.
    pub fn join(reader: Reader, writer: Writer, config: &Config) -> Result<Self, Error> {
        if !reader.is_half_of(&writer) {
            return Err(Error::Argument("halves of different connections"));
        }
        Ok(Self {
            reader,
            writer,
            close_timeout: config.close_timeout,
            failure: None,
            over: false,
        })
    }

    /// Queues the reply to a control frame. The next read sends it first. After our close frame no reply can be sent, and
    /// none is needed.
    fn reply(&mut self, event: Event) {
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

    /// Flushes the writer and shuts the socket down, as far as possible before the deadline.
    async fn wind_down(&mut self, deadline: Instant) {
        if self.over {
            return;
        }
        let closed = self.reader.end() == Some(End::Closed);
        if closed && self.reader.role() == Role::Client {
            // The server should close first, because the side that closes first keeps the port in TIME_WAIT.
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
