//! The reading half: frames in, whole messages out.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use fastwebsockets::{Frame, OpCode, Role, WebSocketError, WebSocketRead, after_handshake_split};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;

use super::peer::Event;
use crate::machine::{Close, Received};

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

/// Reads a client's WebSocket frames as the servers of this crate do, from any stream whose upgrade is
/// behind it, and hands on what they say. The last is a [`Received::Close`], a [`Received::Fault`] or
/// [`Received::Lost`].
///
/// `max_message` is the longest message, as in [`Limits`](crate::Limits). A server does nothing else
/// with a client's bytes; this is for whoever wants to see that without a socket.
///
/// # Cancel safety
/// Not cancel safe: a frame that was begun is lost.
pub async fn receive(
    stream: impl AsyncRead + Unpin,
    max_message: usize,
    mut told: impl FnMut(Received),
) {
    let (read, _) = after_handshake_split(Sips(stream), tokio::io::sink(), Role::Server);
    let mut read = Messages::of(read, max_message);
    loop {
        let event = read.next().await;
        let last = event.is_last();
        told(event.received());
        if last {
            return;
        }
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
mod tests {
    use super::*;

    fn frame(fin: bool, opcode: OpCode, payload: &[u8]) -> Frame<'_> {
        Frame::new(fin, opcode, Some([0; 4]), payload.into())
    }

    #[test]
    fn puts_fragments_together_around_control_frames() {
        let mut messages = Parts::new(8);
        assert_eq!(messages.accept(frame(false, OpCode::Text, b"a\xc3")), None);
        let ping = messages.accept(frame(true, OpCode::Ping, b"x"));
        assert_eq!(ping, Some(Event::Ping(b"x".to_vec())));
        let whole = messages.accept(frame(true, OpCode::Continuation, b"\xa9!"));
        assert_eq!(whole, Some(Event::Text("aé!".to_owned())));
    }

    #[test]
    fn refuses_what_breaks_the_rules() {
        let fault = |payload: &[u8], fin, opcode| {
            let mut messages = Parts::new(8);
            messages.accept(frame(fin, opcode, payload))
        };
        let protocol = Some(Event::Fault(Close::PROTOCOL));
        assert_eq!(fault(b"", true, OpCode::Continuation), protocol);
        assert_eq!(fault(&[0; 126], true, OpCode::Pong), protocol);
        assert_eq!(fault(b"\x03", true, OpCode::Close), protocol);
        assert_eq!(
            fault(&1005_u16.to_be_bytes(), true, OpCode::Close),
            protocol
        );
        assert_eq!(
            fault(b"\xff", true, OpCode::Text),
            Some(Event::Fault(Close::NOT_UTF8))
        );
        assert_eq!(
            fault(b"123456789", true, OpCode::Text),
            Some(Event::Fault(Close::TOO_BIG))
        );
        let unmasked = Frame::new(true, OpCode::Text, None, b"{}"[..].into());
        let event = Parts::new(8).accept(unmasked);
        assert_eq!(event, Some(Event::Fault(Close::UNMASKED)));
    }

    #[test]
    fn the_limit_counts_all_fragments() {
        let mut messages = Parts::new(8);
        assert_eq!(messages.accept(frame(false, OpCode::Text, b"12345")), None);
        let event = messages.accept(frame(true, OpCode::Continuation, b"6789"));
        assert_eq!(event, Some(Event::Fault(Close::TOO_BIG)));
    }

    /// Tells how much its reader had room for at most.
    struct Room<S>(S, std::rc::Rc<std::cell::Cell<usize>>);

    impl<S: AsyncRead + Unpin> AsyncRead for Room<S> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.1.set(self.1.get().max(buf.remaining()));
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    #[tokio::test]
    async fn a_flood_of_messages_takes_a_few_reads_of_memory() {
        let mut message = vec![0x82, 0xfe, 0x1f, 0x40, 0, 0, 0, 0];
        message.resize(message.len() + 8_000, b'x');
        let flood = message.repeat(4_000);
        let (room, mut count) = (std::rc::Rc::default(), 0);
        let stream = Room(Sips(&flood[..]), std::rc::Rc::clone(&room));
        let (read, _) = after_handshake_split(stream, tokio::io::sink(), Role::Server);
        let mut read = Messages::of(read, 8_000);
        while read.next().await != Event::Lost {
            count += 1;
        }
        assert_eq!(count, 4_000);
        assert!(room.get() <= 4 * READ_AT_MOST, "{} bytes", room.get());
    }

    #[test]
    fn reads_a_close() {
        let close = |payload: &[u8]| closing(payload);
        assert_eq!(close(b""), Event::Close(None));
        assert_eq!(close(&1000_u16.to_be_bytes()), Event::Close(Some(1000)));
        assert_eq!(close(b"\x0f\xa0bye"), Event::Close(Some(4000)));
        // RFC 6455, section 7.4.1.
        assert_eq!(close(b"\x0f\xa0\xff"), Event::Fault(Close::NOT_UTF8));
    }
}
