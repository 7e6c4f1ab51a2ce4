//! A non-blocking WebSocket, for a thread that reads in a loop without a runtime.

mod poller;
mod socket;

use std::fmt;
use std::io;
use std::time::Duration;

use fastwebsockets::OpCode;
use mio::net::TcpStream;
use tracing::debug;

pub use self::poller::Poller;

use self::socket::Socket;
use crate::codec::{Decoder, Encoder, End, Event, check_text};
use crate::connection::LINGER;
use crate::dial;
use crate::error::Phase;
use crate::message::{Arrivals, Incoming, Role};
use crate::stream::Stream;
use crate::{Config, Error, Instant};

/// The maximum number of socket reads of one call of [`NonblockingConnection::try_read`] for one message.
const READS_PER_CALL: u32 = 16;

/// An open client WebSocket whose calls never block.
///
/// It reads and writes its socket without a runtime, and drives rustls itself. Open it with [`connect_nonblocking`] on
/// a runtime, and then use it from any thread. Like a [`Reader`](crate::Reader), it returns pings and closes, and the
/// owner must reply to them.
///
/// ```no_run
/// use ticklot_transport::{Config, Error, Incoming, connect_nonblocking};
///
/// # fn run() -> Result<(), Error> {
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Io)?;
/// let config = Config::default();
/// let connect = connect_nonblocking("wss://stream.example/ws", &config);
/// let mut connection = runtime.block_on(connect)?;
/// loop {
///     match connection.try_read()? {
///         Some(Incoming::Message(message)) => println!("{} bytes", message.payload.len()),
///         Some(Incoming::Ping(_)) => connection.pong()?,
///         Some(Incoming::Close { code, .. }) => {
///             connection.close(code, "")?;
///             while !connection.try_close()? {}
///             return Ok(());
///         }
///         Some(_) => {}
///         None => std::hint::spin_loop(),
///     }
/// }
/// # }
/// ```
///
/// Dropping it drops the TCP connection without a close frame.
///
/// # Memory
///
/// Calls do not allocate once the buffers have grown to the longest message. With TLS, rustls allocates once for each
/// record.
pub struct NonblockingConnection {
    socket: Socket,
    decoder: Decoder,
    encoder: Encoder,
    arrivals: Arrivals,
    /// Since when a write is incomplete.
    blocked_since: Option<Instant>,
    write_timeout: Duration,
    close_timeout: Duration,
    closing: Option<Closing>,
    /// The reason why the close handshake failed.
    failure: Option<Error>,
}

/// The progress of closing.
#[derive(Clone, Copy, Debug)]
struct Closing {
    state: CloseState,
    since: Instant,
}

/// The state of the close handshake and of the end of the TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CloseState {
    /// Sends the close frame and waits for the peer's.
    Exchange,
    /// After the handshake: waits for the server to end the TCP connection. The side that closes first keeps the port
    /// in `TIME_WAIT`.
    Drain,
    /// After a failed handshake: flushes the writer.
    Flush,
    /// Drains the socket until the peer ends the connection: closing a socket with unread data resets the connection,
    /// and the peer might not receive the close frame.
    HangUp,
    /// The connection has ended.
    Over,
}

/// Opens a WebSocket as [`connect`](crate::connect) does, for use without a runtime.
///
/// The runtime is needed only for this call, unless the stream is neither TCP nor TLS over TCP. Such a stream (TLS
/// within a proxy's TLS, or another stream of a dial function) needs the runtime that opened it, running on another
/// thread. Such a connection is slower. After a pause of the whole process, it may seem idle although bytes are
/// available.
///
/// # Cancel safety
///
/// Dropping the call drops the half-open connection.
///
/// # Errors
///
/// As [`connect`](crate::connect).
pub async fn connect_nonblocking(
    url: &str,
    config: &Config,
) -> Result<NonblockingConnection, Error> {
    NonblockingConnection::new(dial::dial(url, config).await?, config)
}

impl NonblockingConnection {
    fn new(stream: Stream, config: &Config) -> Result<Self, Error> {
        let (socket, leftover) = Socket::of(stream).map_err(Error::Io)?;
        let mut decoder = Decoder::new(Role::Client, config.max_message_size);
        let mut rest = &leftover[..];
        while !rest.is_empty() {
            let room = decoder.spare_capacity();
            let n = room.len().min(rest.len());
            room[..n].copy_from_slice(&rest[..n]);
            decoder.filled(n);
            rest = &rest[n..];
        }
        Ok(Self {
            socket,
            decoder,
            encoder: Encoder::new(Role::Client),
            arrivals: Arrivals::new(),
            blocked_since: None,
            write_timeout: config.write_timeout,
            close_timeout: config.close_timeout,
            closing: None,
            failure: None,
        })
    }

    /// The socket for a [`Poller`].
    fn tcp(&mut self) -> Option<&mut TcpStream> {
        self.socket.tcp()
    }

    /// The next message or control frame; none if there is no complete one. [`NonblockingConnection::is_idle`] is then
    /// true if the socket is empty, and false if the call has reached its limit of reads.
    ///
    /// # Errors
    ///
    /// As [`Reader::read`](crate::Reader::read).
    pub fn try_read(&mut self) -> Result<Option<Incoming<'_>>, Error> {
        let event = self.advance()?;
        Ok(event.map(|event| self.decoder.incoming(event, self.arrivals.read())))
    }

    fn advance(&mut self) -> Result<Option<Event>, Error> {
        for _ in 0..READS_PER_CALL {
            if let Some(event) = self.decoder.advance()? {
                return Ok(Some(event));
            }
            match self.read_more() {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => return Err(self.decoder.fail(error)),
            }
        }
        self.decoder.advance()
    }

    /// Reads the socket once. Returns false if it is empty.
    fn read_more(&mut self) -> Result<bool, Error> {
        match self.socket.read(self.decoder.spare_capacity()) {
            // Not idle: a poller would not report it again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) if would_block(&error) => {
                self.decoder.idle();
                self.arrivals.set_idle();
                Ok(false)
            }
            Ok(0) => Err(Error::Dropped),
            Ok(bytes) => {
                self.arrivals.has_read();
                self.decoder.filled(bytes);
                Ok(true)
            }
            Err(error) => Err(Error::from_socket(error)),
        }
    }

    /// Whether the socket was empty at the last read.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.arrivals.is_idle()
    }

    /// Records that an idle socket was still empty at `time`: [`Message::idle_at`](crate::Message::idle_at) of the next
    /// message is then not earlier. `time` must be before the last [`NonblockingConnection::try_read`], or before the
    /// last [`Poller::poll`] that did not report the connection.
    pub fn mark_idle(&mut self, time: Instant) {
        self.arrivals.mark_idle(time);
    }

    /// Sends a text message, as far as the socket accepts it. [`NonblockingConnection::flush`] sends the rest. Sending
    /// more messages before that grows the buffer.
    ///
    /// # Errors
    ///
    /// As [`Writer::text`](crate::Writer::text).
    pub fn text(&mut self, payload: &[u8]) -> Result<(), Error> {
        check_text(payload)?;
        self.send(OpCode::Text, payload)
    }

    /// Sends a binary message. Otherwise as [`NonblockingConnection::text`].
    ///
    /// # Errors
    ///
    /// As [`Writer::binary`](crate::Writer::binary).
    pub fn binary(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send(OpCode::Binary, payload)
    }

    /// Sends a ping. Otherwise as [`NonblockingConnection::text`].
    ///
    /// # Errors
    ///
    /// As [`Writer::ping`](crate::Writer::ping).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send(OpCode::Ping, payload)
    }

    /// Sends a pong for the ping that the last [`NonblockingConnection::try_read`] returned. Otherwise as
    /// [`NonblockingConnection::text`].
    ///
    /// # Errors
    ///
    /// As [`Writer::pong`](crate::Writer::pong).
    pub fn pong(&mut self) -> Result<(), Error> {
        self.encoder.queue(OpCode::Pong, self.decoder.control())?;
        self.flush().map(drop)
    }

    fn send(&mut self, opcode: OpCode, payload: &[u8]) -> Result<(), Error> {
        self.encoder.queue(opcode, payload)?;
        self.flush().map(drop)
    }

    /// Sends pending bytes. Returns true if none are left.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Timeout`] if bytes are pending for longer than
    /// [`Config::write_timeout`](crate::Config::write_timeout), and [`Error::Closed`] after either.
    pub fn flush(&mut self) -> Result<bool, Error> {
        if self.encoder.is_broken() {
            return Err(Error::Closed);
        }
        let result = match self.write_pending() {
            Ok(()) => {
                self.blocked_since = None;
                return Ok(true);
            }
            Err(error) if would_block(&error) => {
                let now = Instant::now();
                let since = *self.blocked_since.get_or_insert(now);
                match now.saturating_duration_since(since) < self.write_timeout {
                    true => return Ok(false),
                    false => Error::Timeout { step: Phase::Write },
                }
            }
            Err(error) => Error::Io(error),
        };
        self.encoder.abort();
        Err(result)
    }

    fn write_pending(&mut self) -> io::Result<()> {
        while !self.encoder.pending().is_empty() {
            let written = self.socket.write(self.encoder.pending())?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.encoder.written(written);
        }
        self.socket.flush()
    }

    /// Whether there are bytes for [`NonblockingConnection::flush`].
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.blocked_since.is_some()
    }

    /// Starts to close the connection: queues a close frame, unless one was sent. [`NonblockingConnection::try_close`]
    /// continues.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a code that [may not be sent](crate::close::is_allowed).
    pub fn close(&mut self, code: u16, reason: &str) -> Result<(), Error> {
        if let Err(error @ Error::Argument(_)) = self.encoder.queue_close(code, reason) {
            return Err(error);
        }
        if self.closing.is_some() {
            return Ok(());
        }
        self.enter(match self.decoder.end() {
            None => CloseState::Exchange,
            Some(End::Closed) => CloseState::Drain,
            Some(End::Failed) => CloseState::Flush,
        });
        Ok(())
    }

    /// Continues [`NonblockingConnection::close`] without blocking, and discards incoming messages. Returns true when
    /// the connection has ended: when the server has ended the TCP connection, or at most 500 ms after
    /// [`Config::close_timeout`](crate::Config::close_timeout). Returns false before a call of `close`.
    ///
    /// # Errors
    ///
    /// As [`Connection::close`](crate::Connection::close). An error is returned once, when the connection has ended.
    pub fn try_close(&mut self) -> Result<bool, Error> {
        loop {
            let Some(Closing { state, since }) = self.closing else {
                return Ok(false);
            };
            let passed = Instant::now().saturating_duration_since(since);
            let next = match state {
                CloseState::Exchange => self.exchange(passed),
                CloseState::Drain => {
                    let _ = self.flush();
                    (self.drain() || passed >= self.close_timeout).then_some(CloseState::Over)
                }
                CloseState::Flush => {
                    let is_flushed = !matches!(self.flush(), Ok(false)) || passed >= LINGER;
                    is_flushed.then(|| {
                        let _ = self.socket.shutdown();
                        CloseState::HangUp
                    })
                }
                CloseState::HangUp => {
                    (self.drain() || passed >= LINGER).then_some(CloseState::Over)
                }
                CloseState::Over => return self.failure.take().map_or(Ok(true), Err),
            };
            let Some(next) = next else { return Ok(false) };
            if next == CloseState::Over && state == CloseState::Drain {
                let _ = self.socket.shutdown();
            }
            self.enter(next);
            if next == CloseState::Drain {
                // Both states share a time limit.
                self.closing = Some(Closing { state: next, since });
            }
        }
    }

    fn enter(&mut self, state: CloseState) {
        debug!(?state, "closing");
        let since = Instant::now();
        self.closing = Some(Closing { state, since });
    }

    /// Continues [`CloseState::Exchange`]. Returns the next state, if it has ended.
    fn exchange(&mut self, passed: Duration) -> Option<CloseState> {
        match self.await_close() {
            Ok(true) => return Some(CloseState::Drain),
            Ok(false) if passed < self.close_timeout => return None,
            Ok(false) => self.failure = Some(Error::Timeout { step: Phase::Close }),
            Err(error) => self.failure = Some(error),
        }
        Some(CloseState::Flush)
    }

    fn await_close(&mut self) -> Result<bool, Error> {
        self.flush()?;
        for _ in 0..READS_PER_CALL {
            if self.decoder.end() == Some(End::Closed) {
                return Ok(true);
            }
            if self.advance()?.is_none() {
                break;
            }
        }
        Ok(self.decoder.end() == Some(End::Closed))
    }

    /// Discards available bytes. Returns true at the end of the stream.
    fn drain(&mut self) -> bool {
        let mut waste = [0; 1024];
        for _ in 0..READS_PER_CALL {
            match self.socket.read(&mut waste) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return !would_block(&error),
            }
        }
        false
    }
}

fn would_block(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

impl fmt::Debug for NonblockingConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonblockingConnection")
            .field("end", &self.decoder.end())
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}
