//! Frames in, whole messages out.
//!
//! Heads are read here and not by fastwebsockets, whose read of a frame loses its place when it is
//! dropped. To keep such a read alive takes a boxed future for each frame, which costs more than
//! the frame; and its buffer grows as far as the kernel has bytes: to 16 MiB for messages of 300
//! bytes, when measured. Here a frame that is not whole yet simply stays in the buffer.

use fastwebsockets::OpCode;

use super::close_frame;
use super::frame_reader::FrameReader;
use super::header::Header;
use crate::Error;
use crate::message::{Incoming, Kind, Message, Read, Role};

/// Decodes the frames of one direction of a connection.
pub(crate) struct Decoder {
    /// The received bytes. A frame that is a whole message is returned in place.
    input: FrameReader,
    /// The fragments of one message, put together.
    assembled: Vec<u8>,
    /// The kind of the fragmented message under way.
    open: Option<Kind>,
    limit: usize,
    role: Role,
    end: Option<End>,
}

/// How the reading came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The peer's close frame.
    Closed,
    Failed,
}

/// What [`Decoder::advance`] found; the payload stays in the decoder.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    Message(Kind, PayloadLocation),
    Ping,
    Pong,
    Close(u16),
}

#[derive(Clone, Copy)]
pub(crate) enum PayloadLocation {
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

impl Decoder {
    /// A decoder for the end `role` of a connection. A message of more than `limit` bytes is an error.
    pub(crate) fn new(role: Role, limit: usize) -> Self {
        Self {
            input: FrameReader::default(),
            assembled: Vec::new(),
            open: None,
            limit,
            role,
            end: None,
        }
    }

    /// The free part of the buffer, never empty, for the next read. [`Decoder::filled`] accepts the bytes.
    pub(crate) fn spare_capacity(&mut self) -> &mut [u8] {
        self.input.spare_capacity()
    }

    /// Accepts bytes that were written to the front of [`Decoder::spare_capacity`].
    pub(crate) fn filled(&mut self, bytes: usize) {
        self.input.filled(bytes);
    }

    /// The socket has nothing to read: other connections of the thread may have the buffer.
    pub(crate) fn idle(&mut self) {
        self.input.release_buffer();
    }

    /// The next message or control frame, or none while more must be read. After an error, and after a close frame, each
    /// call is [`Error::Closed`].
    pub(crate) fn advance(&mut self) -> Result<Option<Event>, Error> {
        if self.end.is_some() {
            return Err(Error::Closed);
        }
        loop {
            match self.step() {
                Ok(Step::Event(event)) => return Ok(Some(event)),
                Ok(Step::Fragment) => {}
                Ok(Step::More) => return Ok(None),
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// The reading has failed: nothing follows.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        self.end = Some(End::Failed);
        error
    }

    /// What [`Decoder::advance`] has just found.
    pub(crate) fn incoming(&mut self, event: Event, read: Read) -> Incoming<'_> {
        match event {
            Event::Message(kind, place) => Incoming::Message(self.message(kind, place, read)),
            Event::Ping => Incoming::Ping(self.control()),
            Event::Pong => Incoming::Pong(self.control()),
            Event::Close(code) => Incoming::Close {
                code,
                reason: close_frame::reason(self.control()),
            },
        }
    }

    /// Takes the next frame, if it is complete. An error in its head is reported at once.
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
                let code = close_frame::parse(self.control())?;
                self.end = Some(End::Closed);
                Event::Close(code)
            }
            OpCode::Text => return self.accept(Kind::Text, head.fin),
            OpCode::Binary => return self.accept(Kind::Binary, head.fin),
            OpCode::Continuation => return self.continue_message(head.fin),
        };
        Ok(Step::Event(event))
    }

    /// Whether a frame with this head may come here.
    fn check(&self, head: &Header) -> Result<(), Error> {
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
    pub(crate) fn message(
        &mut self,
        kind: Kind,
        place: PayloadLocation,
        read: Read,
    ) -> Message<'_> {
        Message::new(
            kind,
            match place {
                PayloadLocation::Frame => self.input.payload_mut(),
                PayloadLocation::Assembled => &mut self.assembled,
            },
            read,
        )
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.end
    }

    pub(crate) fn role(&self) -> Role {
        self.role
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
            return Ok(Step::Event(Event::Message(kind, PayloadLocation::Frame)));
        }
        self.assembled.clear();
        self.assembled.extend_from_slice(self.input.payload());
        self.open = Some(kind);
        Ok(Step::Fragment)
    }

    /// A continuation of the message that is open.
    fn continue_message(&mut self, fin: bool) -> Result<Step, Error> {
        self.assembled.extend_from_slice(self.input.payload());
        if !fin {
            return Ok(Step::Fragment);
        }
        let Some(kind) = self.open.take() else {
            return Err(Error::protocol("a continuation of no message"));
        };
        // On the whole: a code point may be cut by a fragment's end, but not by the message's.
        check_text(kind, &self.assembled)?;
        Ok(Step::Event(Event::Message(
            kind,
            PayloadLocation::Assembled,
        )))
    }
}

fn check_text(kind: Kind, payload: &[u8]) -> Result<(), Error> {
    if kind == Kind::Text && simdutf8::basic::from_utf8(payload).is_err() {
        return Err(Error::InvalidUtf8);
    }
    Ok(())
}
