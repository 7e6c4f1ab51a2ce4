//! The reading half: frames in, whole messages out.

use std::fmt;
use std::future::poll_fn;

use fastwebsockets::OpCode;
use tokio::task::{unconstrained, yield_now};

use crate::Error;
use crate::Instant;
use crate::close;
use crate::input::{Head, Input};
use crate::message::{Incoming, Kind, Message, Read, Role};
use crate::stream::Shared;
use crate::writer::Writer;

/// How many bytes are read in a row before other tasks run.
const TURN_BYTES: usize = 64 << 10;

/// What a read counts at least in that: a peer that writes byte by byte costs a system call each.
const READ_COST: usize = 1 << 10;

/// The reading half of a connection.
///
/// It never writes: pings and closes are handed out, and the owner answers
/// them through the [`Writer`](crate::Writer).
pub struct Reader {
    /// What was read. A frame that stands alone is handed out from where it lies.
    input: Input,
    /// The fragments of one message, put together.
    assembled: Vec<u8>,
    /// The kind of the fragmented message under way.
    open: Option<Kind>,
    limit: usize,
    role: Role,
    end: Option<End>,
    stream: Shared,
    read: Read,
    /// Whether the socket had nothing to read at the last poll.
    is_idle: bool,
    /// When the socket was last read, or [`Reader::mark_idle`] was called.
    seen_at: Instant,
    /// Bytes that were read since the socket had nothing to read, or since other tasks last ran.
    turn: usize,
}

/// How the reading came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The peer's close frame.
    Closed,
    Failed,
}

/// What [`Reader::advance`] found; the payload stays in the reader.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    Message(Kind, Place),
    Ping,
    Pong,
    Close(u16),
}

#[derive(Clone, Copy)]
pub(crate) enum Place {
    Frame,
    Assembled,
}

/// What the bytes at hand come to.
enum Step {
    Event(Event),
    /// A part of a message.
    Fragment,
    /// No whole frame is there.
    More,
}

impl Reader {
    pub(crate) fn new(stream: Shared, role: Role, limit: usize) -> Self {
        let now = Instant::now();
        Self {
            input: Input::default(),
            assembled: Vec::new(),
            open: None,
            limit,
            role,
            end: None,
            stream,
            read: Read {
                at: now,
                idle_at: now,
            },
            is_idle: false,
            seen_at: now,
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
        Ok(match self.advance().await? {
            Event::Message(kind, place) => Incoming::Message(self.message(kind, place)),
            Event::Ping => Incoming::Ping(self.control()),
            Event::Pong => Incoming::Pong(self.control()),
            Event::Close(code) => Incoming::Close {
                code,
                reason: close::reason(self.control()),
            },
        })
    }

    pub(crate) async fn advance(&mut self) -> Result<Event, Error> {
        if self.end.is_some() {
            return Err(Error::Closed);
        }
        loop {
            let more = match self.step() {
                Ok(Step::Event(event)) => return Ok(event),
                Ok(Step::Fragment) => continue,
                Ok(Step::More) => self.read_more().await,
                Err(error) => Err(error),
            };
            if let Err(error) = more {
                self.end = Some(End::Failed);
                return Err(error);
            }
        }
    }

    /// Notes that the socket has nothing to read, if the last [`Reader::read`] waited for it:
    /// [`Message::idle_at`] of the next message is not earlier than now. For an owner that polls at an
    /// interval. Call it only while the runtime's I/O driver runs: after the process was stopped, a read
    /// waits although the kernel has bytes, until that driver has run once.
    pub fn mark_idle(&mut self) {
        if self.is_idle {
            self.seen_at = Instant::now();
        }
    }

    /// Reads once, and looks at the clock: the only time for a message, and as near the socket as it
    /// can be.
    async fn read_more(&mut self) -> Result<(), Error> {
        if self.turn >= TURN_BYTES {
            self.turn = 0;
            yield_now().await;
        }
        let Self {
            input,
            stream,
            is_idle,
            turn,
            ..
        } = self;
        // Tokio's budget would show a socket as idle that is not; `TURN_BYTES` is in its place.
        let read = unconstrained(poll_fn(|cx| {
            let read = input.poll_read(stream, cx);
            if read.is_pending() {
                *is_idle = true;
                *turn = 0;
            }
            read
        }))
        .await;
        self.read.at = Instant::now();
        if self.is_idle {
            self.read.idle_at = self.seen_at;
            self.is_idle = false;
        }
        self.seen_at = self.read.at;
        match read {
            Ok(0) => Err(Error::Dropped),
            Ok(bytes) => {
                self.turn += bytes.max(READ_COST);
                Ok(())
            }
            Err(error) => Err(Error::from_socket(error)),
        }
    }

    /// Takes the next frame, if all of it is there. What is wrong with its head is told at once.
    fn step(&mut self) -> Result<Step, Error> {
        let Some(head) = self.input.head()? else {
            return Ok(Step::More);
        };
        self.check(&head)?;
        if !self.input.take(&head) {
            return Ok(Step::More);
        }
        let event = match head.opcode {
            OpCode::Ping => Event::Ping,
            OpCode::Pong => Event::Pong,
            OpCode::Close => {
                let code = close::parse(self.control())?;
                self.end = Some(End::Closed);
                Event::Close(code)
            }
            OpCode::Text => return self.accept(Kind::Text, head.fin),
            OpCode::Binary => return self.accept(Kind::Binary, head.fin),
            OpCode::Continuation => return self.go_on(head.fin),
        };
        Ok(Step::Event(event))
    }

    /// Whether a frame with this head may come here.
    fn check(&self, head: &Head) -> Result<(), Error> {
        match (self.role, head.is_masked()) {
            (Role::Client, true) => return Err(Error::protocol("a server masked a frame")),
            (Role::Server, false) => {
                return Err(Error::protocol("a client did not mask a frame"));
            }
            _ => {}
        }
        match (head.opcode, self.open) {
            // However little of a message is left, these fit: their head has been held to 125 bytes.
            (OpCode::Close | OpCode::Ping | OpCode::Pong, _) => return Ok(()),
            (OpCode::Continuation, None) => {
                return Err(Error::protocol("a continuation of no message"));
            }
            (OpCode::Text | OpCode::Binary, Some(_)) => {
                return Err(Error::protocol("a new message inside a fragmented one"));
            }
            _ => {}
        }
        if head.len > self.budget() {
            return Err(Error::TooLarge { limit: self.limit });
        }
        Ok(())
    }

    /// The payload of the control frame that `advance` has just found.
    pub(crate) fn control(&self) -> &[u8] {
        self.input.payload()
    }

    /// The message that `advance` has just found.
    pub(crate) fn message(&mut self, kind: Kind, place: Place) -> Message<'_> {
        Message::new(
            kind,
            match place {
                Place::Frame => self.input.payload_mut(),
                Place::Assembled => &mut self.assembled,
            },
            self.read,
        )
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.end
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn is_half_of(&self, writer: &Writer) -> bool {
        self.stream.same_as(writer.stream())
    }

    /// What the message under way may still add.
    fn budget(&self) -> usize {
        match self.open {
            Some(_) => self.limit.saturating_sub(self.assembled.len()),
            None => self.limit,
        }
    }

    /// The first frame of a message, or all of it.
    fn accept(&mut self, kind: Kind, fin: bool) -> Result<Step, Error> {
        if fin {
            check_text(kind, self.input.payload())?;
            return Ok(Step::Event(Event::Message(kind, Place::Frame)));
        }
        self.assembled.clear();
        self.assembled.extend_from_slice(self.input.payload());
        self.open = Some(kind);
        Ok(Step::Fragment)
    }

    /// A continuation of the message that is open.
    fn go_on(&mut self, fin: bool) -> Result<Step, Error> {
        self.assembled.extend_from_slice(self.input.payload());
        if !fin {
            return Ok(Step::Fragment);
        }
        let Some(kind) = self.open.take() else {
            return Err(Error::protocol("a continuation of no message"));
        };
        // On the whole: a code point may be cut by a fragment's end, but not by the message's.
        check_text(kind, &self.assembled)?;
        Ok(Step::Event(Event::Message(kind, Place::Assembled)))
    }
}

fn check_text(kind: Kind, payload: &[u8]) -> Result<(), Error> {
    if kind == Kind::Text && simdutf8::basic::from_utf8(payload).is_err() {
        return Err(Error::InvalidUtf8);
    }
    Ok(())
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("role", &self.role)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
