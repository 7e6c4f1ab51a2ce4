//! Decodes frames into complete messages.
//!
//! It does not use the frame reader of fastwebsockets, which is not cancel safe: keeping a read alive needs a boxed future
//! for each frame, which costs more than the frame itself. Its buffer also grows with the bytes in the kernel: in a
//! measurement, to 16 MiB for messages of 300 bytes. Here, a partial frame stays in the buffer.

use fastwebsockets::OpCode;

use super::close_frame;
use super::frame_reader::FrameReader;
use super::header::Header;
use crate::Error;
use crate::message::{Incoming, Kind, Message, Read, Role};

/// Decodes the frames of one direction of a connection.
pub(crate) struct Decoder {
    /// The received bytes. A message of one frame is returned in place.
    input: FrameReader,
    /// The assembled fragments of a message.
    assembled: Vec<u8>,
    /// The type of the incomplete fragmented message, if any.
    open: Option<Kind>,
    limit: usize,
    role: Role,
    end: Option<End>,
}

/// The end of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By the peer's close frame.
    Closed,
    /// By an error.
    Failed,
}

/// A decoded message or control frame. The payload stays in the decoder.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    Message(Kind, PayloadLocation),
    Ping,
    Pong,
    Close(u16),
}

/// The buffer with the payload of a message.
#[derive(Clone, Copy)]
pub(crate) enum PayloadLocation {
    Frame,
    Assembled,
}

/// The result of decoding one frame.
enum Step {
    Event(Event),
    /// A fragment of an incomplete message.
    Fragment,
    /// The frame is incomplete.
    Incomplete,
}

impl Decoder {
    /// A decoder for the side `role` of a connection. A message of more than `limit` bytes is an error.
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

    /// Call when the socket is empty: releases the buffer for other connections of the thread.
    pub(crate) fn idle(&mut self) {
        self.input.release_buffer();
    }

    /// The next message or control frame; none if more bytes are needed. After an error or a close frame, each call returns
    /// [`Error::Closed`].
    pub(crate) fn advance(&mut self) -> Result<Option<Event>, Error> {
        if self.end.is_some() {
            return Err(Error::Closed);
        }
        loop {
            match self.step() {
                Ok(Step::Event(event)) => return Ok(Some(event)),
                Ok(Step::Fragment) => {}
                Ok(Step::Incomplete) => return Ok(None),
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// Records that reading has failed, and returns the error.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        self.end = Some(End::Failed);
        error
    }

    /// The message or control frame that [`Decoder::advance`] has just returned.
    pub(crate) fn incoming(&mut self, event: Event, read: Read) -> Incoming<'_> {
        match event {
            Event::Message(kind, location) => Incoming::Message(self.message(kind, location, read)),
            Event::Ping => Incoming::Ping(self.control()),
            Event::Pong => Incoming::Pong(self.control()),
            Event::Close(code) => Incoming::Close {
                code,
                reason: close_frame::reason(self.control()),
            },
        }
    }

    /// Decodes the next frame, if it is complete. An invalid header is an error before the frame is complete.
    fn step(&mut self) -> Result<Step, Error> {
        let Some(header) = self.input.header()? else {
            return Ok(Step::Incomplete);
        };
        self.check(&header)?;
        if !self.input.take(&header) {
            return Ok(Step::Incomplete);
        }
        let event = match header.opcode {
            OpCode::Ping => Event::Ping,
            OpCode::Pong => Event::Pong,
            OpCode::Close => {
                let code = close_frame::parse(self.control())?;
                self.end = Some(End::Closed);
                Event::Close(code)
            }
            OpCode::Text => return self.accept(Kind::Text, header.fin),
            OpCode::Binary => return self.accept(Kind::Binary, header.fin),
            OpCode::Continuation => return self.continue_message(header.fin),
        };
        Ok(Step::Event(event))
    }

    /// Checks that a frame with this header is allowed in the current state.
    fn check(&self, header: &Header) -> Result<(), Error> {
        match (self.role, header.is_masked()) {
            (Role::Client, true) => return Err(Error::protocol("a server masked a frame")),
            (Role::Server, false) => {
                return Err(Error::protocol("a client did not mask a frame"));
            }
            _ => {}
        }
        match (header.opcode, self.open) {
            // Not subject to the message limit: the header has limited them to 125 bytes.
            (OpCode::Close | OpCode::Ping | OpCode::Pong, _) => return Ok(()),
            (OpCode::Continuation, None) => {
                return Err(Error::protocol("a continuation frame without a message"));
            }
            (OpCode::Text | OpCode::Binary, Some(_)) => {
                return Err(Error::protocol("a new message inside a fragmented one"));
            }
            _ => {}
        }
        if header.len > self.budget() {
            return Err(Error::TooLarge { limit: self.limit });
        }
        Ok(())
    }

    /// The payload of the control frame that `advance` has just returned.
    pub(crate) fn control(&self) -> &[u8] {
        self.input.payload()
    }

    /// The message that `advance` has just returned.
    pub(crate) fn message(
        &mut self,
        kind: Kind,
        location: PayloadLocation,
        read: Read,
    ) -> Message<'_> {
        Message::new(
            kind,
            match location {
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

    /// The bytes that may be added to the current message.
    fn budget(&self) -> usize {
        match self.open {
            Some(_) => self.limit.saturating_sub(self.assembled.len()),
            None => self.limit,
        }
    }

    /// Processes the first or only frame of a message.
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

    /// Processes a continuation frame.
    fn continue_message(&mut self, fin: bool) -> Result<Step, Error> {
        self.assembled.extend_from_slice(self.input.payload());
        if !fin {
            return Ok(Step::Fragment);
        }
        let Some(kind) = self.open.take() else {
            return Err(Error::protocol("a continuation frame without a message"));
        };
        // On the complete message, because a fragment may end within a code point.
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
