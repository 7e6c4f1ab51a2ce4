//! What has been read and not been handed out yet: frames, one behind the other, in one buffer.
//!
//! Heads are read here and not by fastwebsockets, whose read of a frame loses its place when it is
//! dropped. To keep such a read alive takes a boxed future for each frame, which costs more than
//! the frame; and its buffer grows as far as the kernel has bytes: to 16 MiB for messages of 300
//! bytes, when measured. Here a frame that is not whole yet simply stays in the buffer.
//!
//! A buffer is large, so that one read takes all that the socket has, and belongs to a connection only until the socket
//! has nothing more. Then the connections of a thread pass it on: its memory stays in the cache, and a thousand quiet
//! connections need one buffer.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use fastwebsockets::{OpCode, unmask};
use tokio::io::{AsyncRead, ReadBuf};

use crate::Error;
use crate::close::MAX_CONTROL;

/// The most that one read takes from the socket, and how large a buffer is while no frame takes more.
const READ_AT_MOST: usize = 64 << 10;

/// The most of an unfinished frame that is copied out of a buffer, so that others can have it.
const MAX_REST: usize = 16 << 10;

/// How many buffers a thread keeps that no connection needs.
const MAX_SPARE: usize = 4;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// The input of a connection.
///
/// Its buffer is as large as [`READ_AT_MOST`], or up to twice the longest frame that has come, and never
/// larger for what a head only claims.
#[derive(Default)]
pub(crate) struct Input {
    /// Empty while the socket has nothing to read.
    bytes: Vec<u8>,
    /// What has been read and not been taken.
    held: Range<usize>,
    /// The payload of the frame that was taken last.
    payload: Range<usize>,
    /// What was held when the buffer was given away.
    rest: Vec<u8>,
}

/// The head of a frame, RFC 6455 section 5.2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) fin: bool,
    pub(crate) opcode: OpCode,
    mask: Option<[u8; 4]>,
    /// The bytes of the head itself.
    size: usize,
    /// The bytes of the payload; the most there are, when it claims more than memory could hold.
    pub(crate) len: usize,
}

impl Head {
    /// Reads a head, if all of it is there.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let (fin, opcode) = first_byte(*first)?;
        let short = usize::from(second & 0x7f);
        if is_control(opcode) && !fin {
            return Err(Error::protocol("a fragmented control frame"));
        }
        if is_control(opcode) && short > MAX_CONTROL {
            return Err(Error::protocol("a control frame longer than 125 bytes"));
        }
        let Some((len, rest)) = length(short, rest) else {
            return Ok(None);
        };
        let (mask, rest) = match (second & 0x80 != 0, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((mask, rest))) => (Some(*mask), rest),
            (true, None) => return Ok(None),
        };
        Ok(Some(Self {
            fin,
            opcode,
            mask,
            size: bytes.len() - rest.len(),
            len,
        }))
    }

    pub(crate) fn is_masked(&self) -> bool {
        self.mask.is_some()
    }

    /// Head and payload.
    fn whole(&self) -> usize {
        self.size.saturating_add(self.len)
    }
}

fn first_byte(byte: u8) -> Result<(bool, OpCode), Error> {
    if byte & 0x70 != 0 {
        return Err(Error::protocol("a reserved bit is set"));
    }
    let opcode = OpCode::try_from(byte & 0x0f);
    let opcode = opcode.map_err(|_| Error::protocol("an unknown opcode"))?;
    Ok((byte & 0x80 != 0, opcode))
}

fn is_control(opcode: OpCode) -> bool {
    matches!(opcode, OpCode::Close | OpCode::Ping | OpCode::Pong)
}

/// The length of the payload, and what stands behind it.
fn length(short: usize, rest: &[u8]) -> Option<(usize, &[u8])> {
    match short {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            Some((usize::from(u16::from_be_bytes(*len)), rest))
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            let len = u64::from_be_bytes(*len);
            Some((usize::try_from(len).unwrap_or(usize::MAX), rest))
        }
        short => Some((short, rest)),
    }
}

impl Input {
    /// The head of the next frame, if it is there.
    pub(crate) fn head(&self) -> Result<Option<Head>, Error> {
        Head::parse(&self.bytes[self.held.clone()])
    }

    /// Takes the frame of this head, which [`Input::head`] has given, if all of it is there. The payload
    /// is unmasked, and stays until the next read.
    pub(crate) fn take(&mut self, head: &Head) -> bool {
        if self.held.len() < head.whole() {
            return false;
        }
        let start = self.held.start + head.size;
        self.payload = start..start + head.len;
        self.held.start = self.payload.end;
        if let Some(mask) = head.mask {
            unmask(self.payload_mut(), mask);
        }
        true
    }

    /// The payload of the frame that was taken last.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.bytes[self.payload.clone()]
    }

    /// As [`Input::payload`].
    pub(crate) fn payload_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.payload.clone()]
    }

    /// Reads what the stream has, as far as there is room, and tells how much: nothing at its end.
    ///
    /// All that is read is kept in the same turn, so nothing is lost when whoever waits for it goes away.
    pub(crate) fn poll_read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.make_room();
        let end = self.bytes.len().min(self.held.end + READ_AT_MOST);
        let mut room = ReadBuf::new(&mut self.bytes[self.held.end..end]);
        let read = Pin::new(stream).poll_read(cx, &mut room);
        let n = room.filled().len();
        if read.is_pending() {
            self.give_away();
        }
        ready!(read)?;
        self.held.end += n;
        Poll::Ready(Ok(n))
    }

    /// Moves what is held to the front, so that it is in one piece however much follows; and makes the
    /// buffer larger when it is full with one frame.
    fn make_room(&mut self) {
        self.payload = 0..0;
        if self.bytes.is_empty() {
            self.take_spare();
        }
        if self.held.start > 0 {
            self.bytes.copy_within(self.held.clone(), 0);
            self.held = 0..self.held.len();
        }
        if self.held.end == self.bytes.len() {
            let larger = self.bytes.len().saturating_mul(2).max(READ_AT_MOST);
            self.bytes.resize(larger, 0);
        }
    }

    fn take_spare(&mut self) {
        self.bytes = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        if !self.rest.is_empty() {
            let len = self.rest.len().max(READ_AT_MOST);
            self.bytes.resize(self.bytes.len().max(len), 0);
            self.bytes[..self.rest.len()].copy_from_slice(&self.rest);
            self.held = 0..self.rest.len();
            self.rest.clear();
        }
    }

    /// Leaves the buffer to the thread's other connections, unless most of a long frame is in it.
    fn give_away(&mut self) {
        if self.held.len() > MAX_REST {
            return;
        }
        self.rest.extend_from_slice(&self.bytes[self.held.clone()]);
        self.held = 0..0;
        let bytes = mem::take(&mut self.bytes);
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < MAX_SPARE {
                spare.push(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in pieces of `step`, and takes all frames there are.
    fn frames(bytes: &[u8], step: usize) -> Vec<(OpCode, Vec<u8>)> {
        let mut input = Input::default();
        let mut frames = Vec::new();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for mut piece in bytes.chunks(step) {
            while !piece.is_empty() {
                assert!(
                    matches!(input.poll_read(&mut piece, &mut cx), Poll::Ready(Ok(n)) if n > 0)
                );
                while let Some(head) = input.head().unwrap()
                    && input.take(&head)
                {
                    frames.push((head.opcode, input.payload().to_vec()));
                }
            }
        }
        frames
    }

    #[test]
    fn frames_are_the_same_however_they_are_cut() {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for len in [0, 1, 125, 126, 700, 65_535, 65_536, 200_000, 3] {
            let payload: Vec<u8> = (0..len)
                .map(|i: usize| (i % 251).try_into().unwrap())
                .collect();
            bytes.push(0x82);
            match len {
                0..126 => bytes.push(len.try_into().unwrap()),
                126..65_536 => {
                    bytes.push(126);
                    bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
                }
                _ => {
                    bytes.push(127);
                    bytes.extend(u64::try_from(len).unwrap().to_be_bytes());
                }
            }
            bytes.extend(&payload);
            expected.push((OpCode::Binary, payload));
        }
        for step in [1, 2, 3, 1_000, READ_AT_MOST, bytes.len()] {
            assert!(frames(&bytes, step) == expected, "pieces of {step}");
        }
    }

    #[test]
    fn a_masked_payload_is_unmasked_once() {
        let masked = [
            0x81,
            0x82,
            1,
            2,
            3,
            4,
            b'h' ^ 1,
            b'i' ^ 2,
            0x81,
            0x80,
            9,
            9,
            9,
            9,
        ];
        for step in 1..masked.len() {
            let expected = [(OpCode::Text, b"hi".to_vec()), (OpCode::Text, Vec::new())];
            assert_eq!(frames(&masked, step), expected);
        }
    }

    #[test]
    fn memory_is_for_what_came_and_not_for_what_is_claimed() {
        let mut input = Input::default();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut bytes = &[0x82, 127, 0x40, 0, 0, 0, 0, 0, 0, 0][..];
        assert!(matches!(
            input.poll_read(&mut bytes, &mut cx),
            Poll::Ready(Ok(10))
        ));
        let head = input.head().unwrap().unwrap();
        assert_eq!(head.len, 1 << 62);
        assert!(!input.take(&head));
        let mut bytes = &[0; 100][..];
        assert!(matches!(
            input.poll_read(&mut bytes, &mut cx),
            Poll::Ready(Ok(100))
        ));
        assert_eq!(input.bytes.len(), READ_AT_MOST);
    }

    #[test]
    fn many_small_frames_take_no_more_than_one_read() {
        let mut bytes = Vec::new();
        for _ in 0..10_000 {
            bytes.extend([0x81, 3, b'a', b'b', b'c']);
        }
        let mut input = Input::default();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let (mut rest, mut count) = (&bytes[..], 0);
        while let Poll::Ready(Ok(1..)) = input.poll_read(&mut rest, &mut cx) {
            while let Some(head) = input.head().unwrap()
                && input.take(&head)
            {
                count += 1;
            }
        }
        assert_eq!((count, input.bytes.len()), (10_000, READ_AT_MOST));
    }
}
