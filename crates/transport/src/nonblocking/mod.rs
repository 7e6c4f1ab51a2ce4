//! A WebSocket that never waits: for a thread that reads in a loop, without a runtime.

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

/// How often one call of [`NonblockingConnection::try_read`] reads the socket for a message that is not complete.
const READS_PER_CALL: u32 = 16;

/// A client's open WebSocket whose calls return at once.
///
/// It reads and writes the socket of its connection without a runtime, and with TLS drives rustls itself. It is made
/// by [`connect_nonblocking`], on a runtime, and then used from any thread. Like a [`Reader`](crate::Reader) it
/// hands out pings and closes, and leaves it to its owner to answer them.
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
/// No call allocates once the buffers have grown to the longest message. With TLS, rustls allocates once for each record.
pub struct NonblockingConnection {
    socket: Socket,
    decoder: Decoder,
    encoder: Encoder,
    arrivals: Arrivals,
    /// When a write could not be completed, unless it was since.
    blocked_since: Option<Instant>,
    write_timeout: Duration,
    close_timeout: Duration,
    closing: Option<Closing>,
    /// Why the close handshake was not completed.
    failure: Option<Error>,
}

/// A connection that is being closed.
#[derive(Clone, Copy, Debug)]
struct Closing {
    state: CloseState,
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CloseState {
    /// Sends the close frame, and waits for the peer's.
    Exchange,
    /// The handshake is done: waits for the server to hang up. The side that does so first keeps the port busy.
    Drain,
    /// Without a handshake: sends what is left.
    Flush,
    /// Waits for the peer's end. A socket that is closed over unread data resets the connection, and the peer would not
    /// learn why.
    HangUp,
    Over,
}

/// Opens a WebSocket as [`connect`](crate::connect) does, for use without a runtime.
///
/// The runtime is needed only for this call, unless the stream is neither TCP nor TLS over TCP. Such a stream (TLS through
/// a proxy with TLS, or a function's stream) stays with the runtime that opened it, which must keep running in another
/// thread. Such a connection is slower, and after a pause of the whole process it may seem idle although bytes wait.
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

    /// What a [`Poller`] watches.
    fn tcp(&mut self) -> Option<&mut TcpStream> {
        self.socket.tcp()
    }

    /// The next message or control frame; none when no complete one is there. Then [`NonblockingConnection::is_idle`]
    /// says whether the socket had nothing to read, or whether others should have their turn first.
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

    /// Reads once; false when the socket has nothing to read.
    fn read_more(&mut self) -> Result<bool, Error> {
        match self.socket.read(self.decoder.spare_capacity()) {
            // Not idle: no poller would report it again.
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

    /// Whether the socket had nothing to read when it was last tried.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.arrivals.is_idle()
    }

    /// Notes that an idle socket had nothing to read at `time`: [`Message::idle_at`](crate::Message::idle_at) of the next
    /// message is not earlier. `time` is a moment before the last [`NonblockingConnection::try_read`], or before the last
    /// [`Poller::poll`] that did not report the connection.
    pub fn mark_idle(&mut self, time: Instant) {
        self.arrivals.mark_idle(time);
    }

    /// Sends a text message, as far as the socket takes it; [`NonblockingConnection::flush`] sends the rest. A caller
    /// that sends more before the rest is sent makes the buffer grow.
    ///
    /// # Errors
    ///
    /// As [`Writer::text`](crate::Writer::text).
    pub fn text(&mut self, payload: &[u8]) -> Result<(), Error> {
        check_text(payload)?;
        self.send(OpCode::Text, payload)
    }

    /// Sends a binary message, as [`NonblockingConnection::text`].
    ///
    /// # Errors
    ///
    /// As [`Writer::binary`](crate::Writer::binary).
    pub fn binary(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send(OpCode::Binary, payload)
    }

    /// Sends a ping, as [`NonblockingConnection::text`].
    ///
    /// # Errors
    ///
    /// As [`Writer::ping`](crate::Writer::ping).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send(OpCode::Ping, payload)
    }

    /// Answers the ping that the last [`NonblockingConnection::try_read`] returned, as [`NonblockingConnection::text`] sends a message.
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

    /// Sends what the socket did not take so far. True when nothing is left.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Timeout`] when something is left for longer than
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

    /// Whether [`NonblockingConnection::flush`] has something to send.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.blocked_since.is_some()
    }

    /// Begins to end the connection, with a close frame where none was sent. [`NonblockingConnection::try_close`] goes
    /// on with it.
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

    /// Goes on with [`NonblockingConnection::close`], as far as it can without waiting. True when the connection has
    /// ended: when the server has hung up, or after [`Config::close_timeout`](crate::Config::close_timeout) and 500 ms
    /// at most. It discards what is still received. False for a connection that nobody closes.
    ///
    /// # Errors
    ///
    /// As [`Connection::close`](crate::Connection::close), once, when the connection has ended.
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
                // Both have one time limit.
                self.closing = Some(Closing { state: next, since });
            }
        }
    }

    fn enter(&mut self, state: CloseState) {
        debug!(?state, "closing");
        let since = Instant::now();
        self.closing = Some(Closing { state, since });
    }

    /// Waits for the peer's close frame. The state that follows, when it is known.
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

    /// Discards what is there. True at the end of the stream.
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
