//! The bytes that were read and not yet decoded: frames, one behind the other, in one buffer.
//!
//! A buffer is large, so that one read takes all that the socket has, and belongs to a connection only until the socket
//! has nothing more. Then the connections of a thread pass it on: its memory stays in the cache, and a thousand quiet
//! connections need one buffer.

use std::cell::RefCell;
use std::mem;
use std::ops::Range;

use fastwebsockets::unmask;

use super::header::Header;
use crate::Error;

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
pub(super) struct FrameReader {
    /// Empty while the socket has nothing to read.
    bytes: Vec<u8>,
    /// What has been read and not been taken.
    held: Range<usize>,
    /// The payload of the frame that was taken last.
    payload: Range<usize>,
    /// What was held when the buffer was given away.
    rest: Vec<u8>,
}

impl FrameReader {
    /// The head of the next frame, if it is there.
    pub(super) fn head(&self) -> Result<Option<Header>, Error> {
        Header::parse(&self.bytes[self.held.clone()])
    }

    /// Takes the frame of this head, which [`FrameReader::head`] has given, if all of it is there. The payload
    /// is unmasked, and stays until the next read.
    pub(super) fn take(&mut self, head: &Header) -> bool {
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
    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[self.payload.clone()]
    }

    /// As [`FrameReader::payload`].
    pub(super) fn payload_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.payload.clone()]
    }

    /// The free part of the buffer, never empty, for the next read. [`FrameReader::filled`] accepts the bytes.
    pub(super) fn spare_capacity(&mut self) -> &mut [u8] {
        self.make_room();
        let end = self.bytes.len().min(self.held.end + READ_AT_MOST);
        &mut self.bytes[self.held.end..end]
    }

    /// Accepts bytes that were written to the front of [`FrameReader::spare_capacity`].
    pub(super) fn filled(&mut self, bytes: usize) {
        self.held.end = self.bytes.len().min(self.held.end + bytes);
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
    pub(super) fn release_buffer(&mut self) {
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
    use fastwebsockets::OpCode;

    use super::*;

    /// Reads as much of `bytes` as there is room for.
    fn read(input: &mut FrameReader, bytes: &mut &[u8]) -> usize {
        let room = input.spare_capacity();
        let n = room.len().min(bytes.len());
        room[..n].copy_from_slice(&bytes[..n]);
        input.filled(n);
        *bytes = &bytes[n..];
        n
    }

    /// Feeds `bytes` in pieces of `step`, and takes all frames there are.
    fn frames(bytes: &[u8], step: usize) -> Vec<(OpCode, Vec<u8>)> {
        let mut input = FrameReader::default();
        let mut frames = Vec::new();
        for mut piece in bytes.chunks(step) {
            while !piece.is_empty() {
                assert!(read(&mut input, &mut piece) > 0);
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
    fn split_input_yields_same_frames() {
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
    fn masked_payload_is_unmasked_once() {
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
    fn claimed_length_reserves_no_memory() {
        let mut input = FrameReader::default();
        let mut bytes = &[0x82, 127, 0x40, 0, 0, 0, 0, 0, 0, 0][..];
        assert_eq!(read(&mut input, &mut bytes), 10);
        let head = input.head().unwrap().unwrap();
        assert_eq!(head.len, 1 << 62);
        assert!(!input.take(&head));
        let mut bytes = &[0; 100][..];
        assert_eq!(read(&mut input, &mut bytes), 100);
        assert_eq!(input.bytes.len(), READ_AT_MOST);
    }

    #[test]
    fn small_frames_share_one_read() {
        let mut bytes = Vec::new();
        for _ in 0..10_000 {
            bytes.extend([0x81, 3, b'a', b'b', b'c']);
        }
        let mut input = FrameReader::default();
        let (mut rest, mut count) = (&bytes[..], 0);
        while read(&mut input, &mut rest) > 0 {
            while let Some(head) = input.head().unwrap()
                && input.take(&head)
            {
                count += 1;
            }
        }
        assert_eq!((count, input.bytes.len()), (10_000, READ_AT_MOST));
    }
}
