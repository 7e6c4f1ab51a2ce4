//! The reading half: frames in, whole messages out.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use fastwebsockets::{Frame, OpCode, WebSocketError, WebSocketRead};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;

use super::peer::Event;
use crate::machine::Close;

/// The most that is read at once. The frame reader's buffer may double when a read has filled it, and a
/// read fills it as far as the kernel has bytes: under a flood of messages of 8,000 bytes it came to 264 KiB,
/// when measured, and comes to 57 KiB like this.
const READ_AT_MOST: usize = 16 * 1024;

/// A stream of which no call reads more than [`READ_AT_MOST`] bytes.
pub(super) struct Sips<S>(pub(super) S);

impl<S: AsyncRead + Unpin> AsyncRead for Sips<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = buf.remaining().min(READ_AT_MOST);
        let mut sip = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut sip))?;
        let read = sip.filled().len();
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

/// Reads until the client has closed, broken a rule or gone, and hands everything on.
///
/// This future owns the reading of its connection and is polled to its end: a frame that was
/// begun is never dropped half read.
pub(super) async fn read_loop<S: AsyncRead + Unpin>(
    read: WebSocketRead<S>,
    max_message: usize,
    inbox: Inbox,
) {
    let mut read = Messages::of(read, max_message);
    loop {
        let event = read.next().await;
        let last = event.is_last();
        if !inbox.put(event).await || last {
            return;
        }
    }
}

/// The way to the session.
pub(super) struct Inbox {
    events: mpsc::Sender<Event>,
    drops: bool,
}

impl Inbox {
    pub(super) fn new(events: mpsc::Sender<Event>, drops: bool) -> Self {
        Self { events, drops }
    }

    /// Hands an event on; false when nobody takes any more. A full inbox drops it or waits, but
    /// the last event is never dropped.
    async fn put(&self, event: Event) -> bool {
        if self.drops && !event.is_last() {
            let sent = self.events.try_send(event);
            return !matches!(sent, Err(mpsc::error::TrySendError::Closed(_)));
        }
        self.events.send(event).await.is_ok()
    }
}

/// The frame reader asks for frames to be sent only when it answers on its own; it does not.
async fn no_obligation(_: Frame<'_>) -> Result<(), std::convert::Infallible> {
    Ok(())
}

fn fault(error: &WebSocketError) -> Event {
    match error {
        WebSocketError::UnexpectedEOF | WebSocketError::IoError(_) => Event::Lost,
        WebSocketError::InvalidUTF8 => Event::Fault(Close::NOT_UTF8),
        WebSocketError::FrameTooLarge => Event::Fault(Close::TOO_BIG),
        _ => Event::Fault(Close::PROTOCOL),
    }
}

/// The frames of a client, and the messages that they make.
struct Messages<S> {
    read: WebSocketRead<S>,
    parts: Parts,
}

impl<S: AsyncRead + Unpin> Messages<S> {
    fn of(mut read: WebSocketRead<S>, max_message: usize) -> Self {
        read.set_auto_close(false);
        read.set_auto_pong(false);
        // The limit of the frame reader is exclusive.
        read.set_max_message_size(max_message.saturating_add(1));
        let parts = Parts::new(max_message);
        Self { read, parts }
    }

    /// Not cancel-safe.
    async fn next(&mut self) -> Event {
        loop {
            let event = match self.read.read_frame(&mut no_obligation).await {
                Ok(frame) => self.parts.accept(frame),
                Err(error) => Some(fault(&error)),
            };
            if let Some(event) = event {
                return event;
            }
        }
    }
}

/// Puts fragments together, within the limit, and checks what the frame reader does not.
struct Parts {
    max: usize,
    /// The opcode of the message that is being put together.
    open: Option<OpCode>,
    parts: Vec<u8>,
}

impl Parts {
    fn new(max: usize) -> Self {
        Self {
            max,
            open: None,
            parts: Vec::new(),
        }
    }

    /// The event that a frame makes, if it makes one.
    fn accept(&mut self, mut frame: Frame<'_>) -> Option<Event> {
        if !is_masked(&mut frame) {
            return Some(Event::Fault(Close::UNMASKED));
        }
        let is_control = matches!(frame.opcode, OpCode::Ping | OpCode::Pong | OpCode::Close);
        if is_control && frame.payload.len() > 125 {
            return Some(Event::Fault(Close::PROTOCOL));
        }
        match frame.opcode {
            OpCode::Ping => Some(Event::Ping(frame.payload.into())),
            OpCode::Pong => Some(Event::Pong),
            OpCode::Close => Some(closing(&frame.payload)),
            opcode => self.data(opcode, frame.fin, &frame.payload),
        }
    }

    fn data(&mut self, opcode: OpCode, fin: bool, payload: &[u8]) -> Option<Event> {
        let is_first = opcode != OpCode::Continuation;
        if is_first == self.open.is_some() {
            return Some(Event::Fault(Close::PROTOCOL));
        }
        if self.parts.len() + payload.len() > self.max {
            return Some(Event::Fault(Close::TOO_BIG));
        }
        self.parts.extend_from_slice(payload);
        let opcode = *self.open.get_or_insert(opcode);
        if !fin {
            return None;
        }
        self.open = None;
        Some(whole(opcode, std::mem::take(&mut self.parts)))
    }
}

fn whole(opcode: OpCode, bytes: Vec<u8>) -> Event {
    if opcode == OpCode::Binary {
        return Event::Binary;
    }
    String::from_utf8(bytes).map_or(Event::Fault(Close::NOT_UTF8), Event::Text)
}

/// The frame reader does not say whether a frame was masked, but writes its header back as it
/// was.
fn is_masked(frame: &mut Frame<'_>) -> bool {
    let mut head = [0; 16];
    frame.fmt_head(&mut head);
    head[1] & 0x80 != 0
}

/// A close frame: its code and reason are optional, and must be well-formed.
fn closing(payload: &[u8]) -> Event {
    let Some((code, reason)) = payload.split_first_chunk() else {
        let is_well_formed = payload.is_empty();
        return if is_well_formed {
            Event::Close(None)
        } else {
            Event::Fault(Close::PROTOCOL)
        };
    };
    let code = u16::from_be_bytes(*code);
    let is_code = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    if !is_code {
        Event::Fault(Close::PROTOCOL)
    } else if std::str::from_utf8(reason).is_err() {
        Event::Fault(Close::NOT_UTF8)
    } else {
        Event::Close(Some(code))
    }
}

#[cfg(test)]
mod tests;
