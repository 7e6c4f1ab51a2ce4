//! The reading half: frames in, whole messages out.

use std::convert::Infallible;
use std::fmt;
use std::future::ready;

use bytes::BytesMut;
use fastwebsockets::{
    Frame, OpCode, Payload, WebSocketError, WebSocketRead, after_handshake_split,
};
use tokio_util::sync::ReusableBoxFuture;

use crate::Error;
use crate::close::{self, MAX_CONTROL};
use crate::message::{Incoming, Kind, Message, Role};
use crate::stream::{Shared, Source};
use crate::writer::Writer;

/// The reading half of a connection.
///
/// It never writes: pings and closes are handed out, and the owner answers
/// them through the [`Writer`](crate::Writer).
pub struct Reader {
    /// The read of the next frame, begun or not. It lives here rather than in
    /// the caller's future because fastwebsockets loses its place in a frame
    /// when a read is dropped; this one cannot be.
    next: ReusableBoxFuture<'static, Step>,
    /// The last frame that stood alone: it shares the frame reader's buffer.
    frame: BytesMut,
    /// The fragments of one message, put together.
    assembled: Vec<u8>,
    /// The kind of the fragmented message under way.
    open: Option<Kind>,
    limit: usize,
    role: Role,
    end: Option<End>,
    stream: Shared,
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

struct RawFrame {
    fin: bool,
    opcode: OpCode,
    masked: bool,
    payload: BytesMut,
}

type Frames = WebSocketRead<Source>;
type Step = (Frames, Result<RawFrame, WebSocketError>);

/// One frame of at most `budget` bytes. Gives the frame reader back with it.
async fn read_frame(mut frames: Frames, budget: usize) -> Step {
    // A control frame may come between two fragments however little is left.
    // fastwebsockets refuses lengths from the maximum on, hence one more.
    frames.set_max_message_size(budget.max(MAX_CONTROL).saturating_add(1));
    // Never called: the answers to pings and closes are ours.
    let mut obligations = |_: Frame<'_>| ready(Ok::<(), Infallible>(()));
    let result = frames
        .read_frame(&mut obligations)
        .await
        .map(RawFrame::from);
    (frames, result)
}

impl From<Frame<'_>> for RawFrame {
    fn from(mut frame: Frame<'_>) -> Self {
        let mut head = [0; 16];
        frame.fmt_head(&mut head);
        Self {
            fin: frame.fin,
            opcode: frame.opcode,
            masked: head[1] & 0x80 != 0,
            payload: match frame.payload {
                Payload::Bytes(bytes) => bytes,
                other => BytesMut::from(&other[..]),
            },
        }
    }
}

impl Reader {
    pub(crate) fn new(stream: Shared, role: Role, limit: usize) -> Self {
        // Always the server's role here: all it does in the reader is to unmask a
        // masked frame. Who may mask is our check, which then comes before any
        // complaint about a text that was still masked.
        let (mut frames, _) = after_handshake_split(
            Source::new(stream.clone()),
            tokio::io::empty(),
            fastwebsockets::Role::Server,
        );
        frames.set_auto_pong(false);
        frames.set_auto_close(false);
        Self {
            next: ReusableBoxFuture::new(read_frame(frames, limit)),
            frame: BytesMut::new(),
            assembled: Vec::new(),
            open: None,
            limit,
            role,
            end: None,
            stream,
        }
    }

    /// Waits for a message or a control frame.
    ///
    /// A fragmented message is put together first; control frames between its
    /// fragments come out as they arrive. No allocation once the buffers have
    /// grown to the longest message.
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
            Event::Ping => Incoming::Ping(&self.frame),
            Event::Pong => Incoming::Pong(&self.frame),
            Event::Close(code) => Incoming::Close {
                code,
                reason: close::reason(&self.frame),
            },
        })
    }

    pub(crate) async fn advance(&mut self) -> Result<Event, Error> {
        if self.end.is_some() {
            return Err(Error::Closed);
        }
        // Once no frame shares it, the read buffer is used again from its start.
        self.frame = BytesMut::new();
        loop {
            let (frames, result) = (&mut self.next).await;
            let event = result
                .map_err(|error| self.explain(error))
                .and_then(|frame| self.accept(frame));
            match event {
                Ok(Some(Event::Close(code))) => {
                    self.end = Some(End::Closed);
                    return Ok(Event::Close(code));
                }
                Ok(_) => self.next.set(read_frame(frames, self.budget())),
                Err(_) => self.end = Some(End::Failed),
            }
            if let Some(event) = event.transpose() {
                return event;
            }
        }
    }

    /// The payload of the control frame that `advance` has just found.
    pub(crate) fn control(&self) -> &[u8] {
        &self.frame
    }

    /// The message that `advance` has just found.
    pub(crate) fn message(&mut self, kind: Kind, place: Place) -> Message<'_> {
        Message::new(
            kind,
            match place {
                Place::Frame => &mut self.frame,
                Place::Assembled => &mut self.assembled,
            },
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

    fn accept(&mut self, frame: RawFrame) -> Result<Option<Event>, Error> {
        match (self.role, frame.masked) {
            (Role::Client, true) => return Err(Error::protocol("a server masked a frame")),
            (Role::Server, false) => {
                return Err(Error::protocol("a client did not mask a frame"));
            }
            _ => {}
        }
        match frame.opcode {
            OpCode::Close | OpCode::Ping | OpCode::Pong => self.accept_control(frame).map(Some),
            OpCode::Text => self.accept_start(Kind::Text, frame),
            OpCode::Binary => self.accept_start(Kind::Binary, frame),
            OpCode::Continuation => self.accept_continuation(&frame),
        }
    }

    fn accept_control(&mut self, frame: RawFrame) -> Result<Event, Error> {
        if frame.payload.len() > MAX_CONTROL {
            return Err(Error::protocol("a control frame longer than 125 bytes"));
        }
        self.frame = frame.payload;
        match frame.opcode {
            OpCode::Ping => Ok(Event::Ping),
            OpCode::Pong => Ok(Event::Pong),
            _ => close::parse(&self.frame).map(Event::Close),
        }
    }

    fn accept_start(&mut self, kind: Kind, frame: RawFrame) -> Result<Option<Event>, Error> {
        if self.open.is_some() {
            return Err(Error::protocol("a new message inside a fragmented one"));
        }
        self.check_budget(&frame)?;
        if frame.fin {
            self.frame = frame.payload;
            return Ok(Some(Event::Message(kind, Place::Frame)));
        }
        self.assembled.clear();
        self.assembled.extend_from_slice(&frame.payload);
        self.open = Some(kind);
        Ok(None)
    }

    fn accept_continuation(&mut self, frame: &RawFrame) -> Result<Option<Event>, Error> {
        let Some(kind) = self.open else {
            return Err(Error::protocol("a continuation of no message"));
        };
        self.check_budget(frame)?;
        self.assembled.extend_from_slice(&frame.payload);
        if !frame.fin {
            return Ok(None);
        }
        self.open = None;
        // On the whole: a code point may be cut by a fragment's end, but not by the message's.
        if kind == Kind::Text && simdutf8::basic::from_utf8(&self.assembled).is_err() {
            return Err(Error::InvalidUtf8);
        }
        Ok(Some(Event::Message(kind, Place::Assembled)))
    }

    fn check_budget(&self, frame: &RawFrame) -> Result<(), Error> {
        if frame.payload.len() > self.budget() {
            return Err(Error::TooLarge { limit: self.limit });
        }
        Ok(())
    }

    fn explain(&self, error: WebSocketError) -> Error {
        match error {
            WebSocketError::IoError(error) => Error::from_socket(error),
            WebSocketError::UnexpectedEOF => Error::Dropped,
            WebSocketError::FrameTooLarge => Error::TooLarge { limit: self.limit },
            WebSocketError::InvalidUTF8 => Error::InvalidUtf8,
            WebSocketError::ReservedBitsNotZero => Error::protocol("a reserved bit is set"),
            WebSocketError::InvalidValue => Error::protocol("an unknown opcode"),
            WebSocketError::ControlFrameFragmented => Error::protocol("a fragmented control frame"),
            WebSocketError::PingFrameTooLarge => {
                Error::protocol("a control frame longer than 125 bytes")
            }
            _ => Error::protocol("a malformed frame"),
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("role", &self.role)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
