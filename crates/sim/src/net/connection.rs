//! The WebSocket connection of one client.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::fault_injector::{Fault, FaultInjector, SlowStream};
use super::{Counters, Limits};
use crate::session::Close;

/// The maximum number of received messages that are queued while the session writes or is frozen.
const READ_AHEAD: usize = 64;
/// The size of one read. The buffer is allocated with the connection, and grows to the longest message.
pub(super) const READ_BUFFER: usize = 16 * 1024;
/// Frames are buffered up to this size before they are written to the socket.
const WRITE_BUFFER: usize = 32 * 1024;
/// The limit on the write buffer: the longest frame, or the unsent pongs to a client that does not read.
const WRITE_LIMIT: usize = 65 * 1024 * 1024;
/// The maximum number of bytes that are read and discarded after a close.
const LINGER: u64 = 16 * 1024 * 1024;

/// A message of the client, or the reason for the end of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Text(Utf8Bytes),
    Binary,
    /// A ping. The pong is in the write buffer.
    Ping,
    Pong,
    /// A close by the client. The reply is in the write buffer.
    Close,
    /// A protocol violation by the client, and the close to send.
    Violation(Close),
    /// The connection is lost.
    Lost,
    /// The server shuts down.
    Shutdown,
}

impl Event {
    /// Whether no event of the client follows.
    fn is_last(&self) -> bool {
        matches!(self, Self::Close | Self::Violation(_) | Self::Lost)
    }
}

impl From<Message> for Event {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text),
            Message::Binary(_) | Message::Frame(_) => Self::Binary,
            Message::Ping(_) => Self::Ping,
            Message::Pong(_) => Self::Pong,
            Message::Close(_) => Self::Close,
        }
    }
}

impl From<Error> for Event {
    fn from(error: Error) -> Self {
        match error {
            Error::Utf8(_) => Self::Violation(Close::NOT_UTF8),
            Error::Capacity(_) => Self::Violation(Close::TOO_BIG),
            Error::Protocol(ProtocolError::UnmaskedFrameFromClient) => {
                Self::Violation(Close::UNMASKED)
            }
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Lost,
            Error::Protocol(_) => Self::Violation(Close::PROTOCOL),
            _ => Self::Lost,
        }
    }
}

/// A message for the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Text(Utf8Bytes),
    Binary,
    Pong,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Disconnect {
    #[error("closed by the client")]
    ByClient,
    #[error("closed with {}: {}", close.code, close.reason)]
    ByServer {
        close: Close,
        /// Whether the client has replied to the close.
        is_acknowledged: bool,
    },
    #[error("connection lost")]
    Lost,
    #[error("write timeout")]
    Slow,
    #[error("disconnected by fault injection")]
    Injected,
    #[error(transparent)]
    Write(Box<Error>),
    #[error(transparent)]
    Socket(#[from] io::Error),
}

/// The result of a session, which runs until its connection ends.
pub(crate) type SessionEnd = Result<Infallible, Disconnect>;

type Socket = WebSocketStream<SlowStream>;

/// A WebSocket connection with its limits and faults.
///
/// Only [`Connection::event`] is cancel-safe. The other futures must run to completion.
pub(crate) struct Connection {
    pub(super) socket: Socket,
    /// Events that were read while the session wrote or was frozen.
    pub(super) received: VecDeque<Event>,
    /// Whether the last event of the client was read.
    pub(super) is_read_closed: bool,
    /// Whether messages beyond [`READ_AHEAD`] are dropped. Otherwise the client has to wait.
    pub(super) drops_messages: bool,
    /// `None` without faults.
    pub(super) injector: Option<FaultInjector>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) counters: Arc<Counters>,
    pub(super) limits: Limits,
    /// The number of the connection on its server, from 1.
    pub(crate) number: u64,
}

impl Connection {
    /// The next event. Cancel-safe.
    pub(crate) async fn event(&mut self) -> Event {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stopped(&mut stop) => Event::Shutdown,
            event = poll_fn(|cx| self.poll_event(cx)) => event,
        }
    }

    /// The next event, if it is available without waiting.
    pub(crate) fn try_event(&mut self) -> Option<Event> {
        if *self.stop.borrow() {
            return Some(Event::Shutdown);
        }
        poll_fn(|cx| self.poll_event(cx)).now_or_never()
    }

    /// Handles pings and the end of the connection. Returns the messages for the session.
    pub(crate) async fn handle(&mut self, event: Event) -> Result<Option<Input>, Disconnect> {
        match event {
            Event::Text(text) => Ok(Some(Input::Text(text))),
            Event::Binary => Ok(Some(Input::Binary)),
            Event::Pong => Ok(Some(Input::Pong)),
            Event::Ping => self.flush().await.map(|()| None),
            Event::Close => Err(self.flush().await.err().unwrap_or(Disconnect::ByClient)),
            Event::Violation(close) => Err(self.close(close).await),
            Event::Shutdown => Err(self.close(Close::AWAY).await),
            Event::Lost => Err(Disconnect::Lost),
        }
    }

    /// Sends a text frame.
    pub(crate) async fn send(&mut self, text: String) -> Result<(), Disconnect> {
        self.queue(text.into()).await?;
        self.flush().await
    }

    /// Buffers a text frame. It may be sent only at the next [`Connection::flush`].
    pub(crate) async fn queue(&mut self, text: Bytes) -> Result<(), Disconnect> {
        self.inject_fault(&text).await?;
        self.write(Message::Frame(text_frame(text))).await?;
        self.counters.count_frame();
        Ok(())
    }

    /// Writes the buffered frames.
    pub(crate) async fn flush(&mut self) -> Result<(), Disconnect> {
        self.poll_write(SinkExt::poll_flush_unpin).await
    }

    /// Sends a ping frame.
    pub(crate) async fn ping(&mut self) -> Result<(), Disconnect> {
        self.write(Message::Ping(Bytes::new())).await?;
        self.flush().await
    }

    /// Closes the connection, and waits for the client's reply within the time limit.
    pub(crate) async fn close(&mut self, close: Close) -> Disconnect {
        let frame = CloseFrame {
            code: close.code.into(),
            reason: Utf8Bytes::from_static(close.reason),
        };
        let sent = async {
            self.write(Message::Close(Some(frame))).await?;
            self.flush().await
        };
        if let Err(end) = sent.await {
            return end;
        }
        let limit = self.limits.close_timeout;
        let last = async {
            loop {
                let event = poll_fn(|cx| self.poll_event(cx)).await;
                if event.is_last() {
                    return event;
                }
            }
        };
        let last = timeout(limit, last).await;
        Disconnect::ByServer {
            close,
            is_acknowledged: last == Ok(Event::Close),
        }
    }

    /// Ends the stream after the last frame.
    pub(super) async fn linger(self) {
        end_and_linger(self.socket.into_inner(), self.limits.close_timeout).await;
    }

    async fn write(&mut self, message: Message) -> Result<(), Disconnect> {
        let mut message = Some(message);
        self.poll_write(|socket, cx| {
            ready!(socket.poll_ready_unpin(cx))?;
            let message = message.take();
            Poll::Ready(message.map_or(Ok(()), |it| socket.start_send_unpin(it)))
        })
        .await
    }

    /// Waits for a write within the time limit. Reads meanwhile, so that two writing sides do not deadlock.
    async fn poll_write(
        &mut self,
        mut write: impl FnMut(&mut Socket, &mut Context<'_>) -> Poll<Result<(), Error>>,
    ) -> Result<(), Disconnect> {
        let limit = self.limits.write_timeout;
        let mut write = poll_fn(|cx| {
            let written = write(&mut self.socket, cx);
            if written.is_pending() {
                self.read_ahead(cx);
            }
            written
        });
        // Most writes complete immediately and need no timer.
        let written = match (&mut write).now_or_never() {
            Some(written) => Ok(written),
            None => timeout(limit, write).await,
        };
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) if self.received.back() == Some(&Event::Close) => Err(Disconnect::ByClient),
            Ok(Err(error)) => Err(Disconnect::Write(error.into())),
            Err(_) => Err(Disconnect::Slow),
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        match self.received.pop_front() {
            Some(event) => Poll::Ready(event),
            None => self.poll_read(cx),
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if self.is_read_closed {
            return Poll::Ready(Event::Lost);
        }
        let event = match ready!(self.socket.poll_next_unpin(cx)) {
            Some(Ok(message)) => message.into(),
            Some(Err(error)) => error.into(),
            None => Event::Lost,
        };
        self.is_read_closed = event.is_last();
        Poll::Ready(event)
    }

    /// Reads while a write is pending. The last event is never dropped.
    fn read_ahead(&mut self, cx: &mut Context<'_>) {
        while !self.is_read_closed && (self.received.len() < READ_AHEAD || self.drops_messages) {
            let Poll::Ready(event) = self.poll_read(cx) else {
                return;
            };
            if self.received.len() < READ_AHEAD || event.is_last() {
                self.received.push_back(event);
            }
        }
    }

    /// Injects the fault of a message, if any.
    async fn inject_fault(&mut self, text: &Bytes) -> Result<(), Disconnect> {
        let Some(injector) = &mut self.injector else {
            return Ok(());
        };
        match injector.next_fault() {
            None => Ok(()),
            Some(Fault::Drop) => self.disconnect().await,
            Some(Fault::Cut) => self.cut(text).await,
            Some(Fault::Freeze(duration)) => self.freeze(duration).await,
            Some(Fault::Hang(duration)) => self.hang(duration).await,
            Some(Fault::Garbage) => {
                let garbage = injector.garbage(text);
                self.counters.count_fault(|it| &mut it.garbage);
                self.write(Message::Frame(text_frame(garbage.into()))).await
            }
        }
    }

    /// Ends the connection without a close.
    async fn disconnect(&mut self) -> Result<(), Disconnect> {
        self.flush().await?;
        self.counters.count_fault(|it| &mut it.drops);
        Err(Disconnect::Injected)
    }

    /// Writes a part of a frame directly to the stream, and ends the connection.
    async fn cut(&mut self, text: &Bytes) -> Result<(), Disconnect> {
        self.flush().await?;
        let frame = text_frame(text.clone());
        let mut bytes = Vec::with_capacity(frame.len());
        frame
            .format(&mut bytes)
            .map_err(|it| Disconnect::Write(it.into()))?;
        if let Some(injector) = &mut self.injector {
            bytes.truncate(injector.cut_length(bytes.len()));
        }
        self.counters.count_fault(|it| &mut it.cuts);
        let written = self.socket.get_mut().write_all(&bytes);
        let written = timeout(self.limits.write_timeout, written).await;
        written.map_err(|_| Disconnect::Slow)??;
        Err(Disconnect::Injected)
    }

    /// Only replies to pings for `duration`. Other messages are queued.
    async fn freeze(&mut self, duration: Duration) -> Result<(), Disconnect> {
        self.flush().await?;
        self.counters.count_fault(|it| &mut it.freezes);
        let end = Instant::now() + duration;
        let mut stop = self.stop.clone();
        loop {
            let is_full = self.received.len() >= READ_AHEAD;
            let event = tokio::select! {
                () = sleep_until(end) => return Ok(()),
                () = stopped(&mut stop) => return Ok(()),
                event = poll_fn(|cx| self.poll_read(cx)), if !is_full => event,
            };
            match event {
                Event::Ping => self.flush().await?,
                event if event.is_last() => return Err(Disconnect::Lost),
                event => self.received.push_back(event),
            }
        }
    }

    /// Neither reads nor writes for `duration`.
    async fn hang(&mut self, duration: Duration) -> Result<(), Disconnect> {
        self.flush().await?;
        self.counters.count_fault(|it| &mut it.hangs);
        tokio::select! {
            () = sleep(duration) => {}
            () = stopped(&mut self.stop) => {}
        }
        Ok(())
    }
}

/// The WebSocket of an upgraded stream. `read` contains the bytes that were received after the request.
pub(super) async fn open_socket<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    read: Vec<u8>,
    max_message: usize,
) -> WebSocketStream<S> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(WRITE_LIMIT)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message));
    WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await
}

/// A text frame. Unlike a text message, its payload need not be UTF-8: a recorded one may be invalid.
fn text_frame(text: Bytes) -> Frame {
    Frame::message(text, OpCode::Data(Data::Text), true)
}

/// Waits until the server shuts down or is dropped. Cancel-safe.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Ends the outgoing stream, then reads and discards the client's bytes. Closing a socket with unread bytes resets
/// the connection, so that the client may lose the last response or the close.
pub(super) async fn end_and_linger(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    limit: Duration,
) {
    let linger = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER), &mut tokio::io::sink()).await
    };
    let _ = timeout(limit, linger).await;
}
