//! The reading half: frames in, whole messages out.

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

/// How many bytes are read in a row before other tasks run.
const TURN_BYTES: usize = 64 << 10;

/// What a read counts at least in that: a peer that writes byte by byte costs a system call each.
const READ_COST: usize = 1 << 10;

/// The reading half of a connection.
///
/// It never writes: pings and closes are handed out, and the owner answers
/// them through the [`Writer`](crate::Writer).
pub struct Reader {
    decoder: Decoder,
    stream: Shared,
    arrivals: Arrivals,
    /// Bytes that were read since the socket had nothing to read, or since other tasks last ran.
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
    /// A fragmented message is put together first; control frames between its
    /// fragments come out as they arrive. No allocation once the buffers have
    /// grown to the longest message. After each 64 KiB that are read without a pause
    /// of the peer, other tasks of the runtime run, also within a message.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a frame that was begun is kept in the reader, and the next
    /// call goes on where the dropped one stopped.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`], [`Error::TooLarge`] and [`Error::InvalidUtf8`] where
    /// the peer broke the rules: [`Error::close_code`] says what to close with.
    /// [`Error::Dropped`] and [`Error::Io`] where the socket ended. After any
    /// error, and after the peer's close, [`Error::Closed`].
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

    /// Notes that the socket has nothing to read, if the last [`Reader::read`] waited for it:
    /// [`Message::idle_at`] of the next message is not earlier than now. For an owner that polls at an
    /// interval. Call it only while the runtime's I/O driver runs: after the process was stopped, a read
    /// waits although the kernel has bytes, until that driver has run once.
    pub fn mark_idle(&mut self) {
        self.arrivals.mark_idle(Instant::now());
    }

    /// Reads once, and looks at the clock: the only time for a message, and as near the socket as it
    /// can be.
    async fn read_more(&mut self) -> Result<(), Error> {
        if self.turn >= TURN_BYTES {
            self.turn = 0;
            yield_now().await;
        }
        // Tokio's budget would show a socket as idle that is not; `TURN_BYTES` is in its place.
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

    /// Reads what the stream has, as far as there is room, and tells how much: nothing at its end.
    ///
    /// All that is read is kept in the same turn, so nothing is lost when whoever waits for it goes away.
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

    /// The payload of the control frame that `advance` has just found.
    pub(crate) fn control(&self) -> &[u8] {
        self.decoder.control()
    }

    /// The message that `advance` has just found.
    pub(crate) fn message(&mut self, kind: Kind, place: PayloadLocation) -> Message<'_> {
        self.decoder.message(kind, place, self.arrivals.read())
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
