//! The reading half of a connection.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::{unconstrained, yield_now};

use crate::codec::{Decoder, End, Event, PayloadLocation};
use crate::message::{Arrivals, Incoming, Kind, Message, Role};
use crate::stream::Shared;
use crate::writer::Writer;
use crate::{Error, Instant};

/// The maximum number of consecutive bytes before the task yields to others.
const TURN_BYTES: usize = 64 << 10;

/// The minimum number of bytes that a read counts as: a peer that writes single bytes causes a system call for each.
const READ_COST: usize = 1 << 10;

/// The reading half of a connection.
///
/// It never writes: it returns pings and closes, and the owner replies with the [`Writer`](crate::Writer). For a feed, the
/// owner is the driver: `crates/ticklot/src/feed/driver.rs`, or `spin.rs` if it spins.
pub struct Reader {
    decoder: Decoder,
    stream: Shared,
    arrivals: Arrivals,
    /// The bytes that were read since the socket was empty or the task yielded.
    turn: usize,
}

impl Reader {
    pub(crate) fn new(stream: Shared, role: Role, limit: usize) -> Self {
        Self {
            decoder: Decoder::new(role, limit),
            stream,
            arrivals: Arrivals::new(),
            turn: 0,
        }
    }

    /// Waits for a message or a control frame.
    ///
    /// The fragments of a message are assembled first. Control frames between them are returned as they arrive. Does
    /// not allocate once the buffers have grown to the longest message. Yields to other tasks after each 64 KiB that
    /// are read without a pause of the peer, also within a message.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a partial frame stays in the reader, and the next call continues with it.
    ///
    /// # Errors
    ///
    /// - [`Error::Protocol`], [`Error::TooLarge`] and [`Error::InvalidUtf8`] if the peer violated the protocol: close
    ///   with [`Error::close_code`].
    /// - [`Error::Dropped`] and [`Error::Io`] if the socket ended.
    /// - [`Error::Closed`] after any error, and after the peer's close.
    pub async fn read(&mut self) -> Result<Incoming<'_>, Error> {
        let event = self.advance().await?;
        Ok(self.decoder.incoming(event, self.arrivals.read()))
    }

    pub(crate) async fn advance(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.decoder.advance()? {
                return Ok(event);
            }
            if let Err(error) = self.read_more().await {
                return Err(self.decoder.fail(error));
            }
        }
    }

    /// Records that the socket has nothing to read, if the last [`Reader::read`] was pending: [`Message::idle_at`] of
    /// the next message is then not earlier than now. For an owner that polls at an interval. Call it only after the
    /// runtime's I/O driver has run: after the process was stopped, a read is pending until then, although the kernel
    /// has bytes.
    pub fn mark_idle(&mut self) {
        self.arrivals.mark_idle(Instant::now());
    }

    /// Reads the socket once, and then the clock. That is the only reading for a message, as close to the socket as
    /// possible.
    async fn read_more(&mut self) -> Result<(), Error> {
        if self.turn >= TURN_BYTES {
            self.turn = 0;
            yield_now().await;
        }
        // Without `unconstrained`, a socket would seem idle when tokio's budget is used up. `TURN_BYTES` replaces the
        // budget.
        let read = unconstrained(poll_fn(|cx| self.poll_read(cx))).await;
        self.arrivals.has_read();
        match read {
            Ok(0) => Err(Error::Dropped),
            Ok(bytes) => {
                self.turn += bytes.max(READ_COST);
                Ok(())
            }
            Err(error) => Err(Error::from_socket(error)),
        }
    }

    /// Reads into the spare capacity and returns the number of bytes: 0 at the end of the stream.
    ///
    /// Cancel safe: the decoder accepts the bytes within the same poll.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(self.decoder.spare_capacity());
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut room);
        let bytes = room.filled().len();
        if read.is_pending() {
            self.decoder.idle();
            self.arrivals.set_idle();
            self.turn = 0;
        }
        ready!(read)?;
        self.decoder.filled(bytes);
        Poll::Ready(Ok(bytes))
    }

    /// The payload of the control frame that `advance` has just returned.
    pub(crate) fn control(&self) -> &[u8] {
        self.decoder.control()
    }

    /// The message that `advance` has just returned.
    pub(crate) fn message(&mut self, kind: Kind, location: PayloadLocation) -> Message<'_> {
        self.decoder.message(kind, location, self.arrivals.read())
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.decoder.end()
    }

    pub(crate) fn role(&self) -> Role {
        self.decoder.role()
    }

    pub(crate) fn is_half_of(&self, writer: &Writer) -> bool {
        self.stream.same_as(writer.stream())
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("role", &self.decoder.role())
            .field("end", &self.decoder.end())
            .finish_non_exhaustive()
    }
}
