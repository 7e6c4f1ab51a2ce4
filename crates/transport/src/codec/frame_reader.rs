//! The input buffer of a connection.
//!
//! A buffer is large, so that one read returns all that the socket has. A connection has a buffer only until its socket
//! is empty. The connections of a thread share buffers: the memory stays in the cache, and a thousand quiet connections
//! need one buffer.

use std::cell::RefCell;
use std::mem;
use std::ops::Range;

use fastwebsockets::unmask;

use super::header::Header;
use crate::Error;

/// The maximum number of bytes per read, and the initial size of a buffer.
const MAX_READ: usize = 64 << 10;

/// The maximum number of bytes of a partial frame that are copied out of a buffer to release it.
const MAX_REST: usize = 16 << 10;

/// The maximum number of unused buffers that a thread keeps.
const MAX_SPARE: usize = 4;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// The input of a connection.
///
/// Its buffer has [`MAX_READ`] bytes, or up to twice the longest received frame. The length in a header alone does not
/// grow it.
#[derive(Default)]
pub(super) struct FrameReader {
    /// Empty while the socket is empty.
    bytes: Vec<u8>,
    /// The bytes that were read but not taken yet.
    unread: Range<usize>,
    /// The payload of the frame that was taken last.
    payload: Range<usize>,
    /// The unread bytes at the time when the buffer was released.
    rest: Vec<u8>,
}

impl FrameReader {
    /// The header of the next frame, if it is complete.
    pub(super) fn header(&self) -> Result<Option<Header>, Error> {
        Header::parse(&self.bytes[self.unread.clone()])
    }

    /// Takes the frame of this header, which [`FrameReader::header`] has returned, if it is complete. The payload is
    /// unmasked and stays until the next read.
    pub(super) fn take(&mut self, header: &Header) -> bool {
        if self.unread.len() < header.frame_len() {
            return false;
        }
        let start = self.unread.start + header.size;
        self.payload = start..start + header.len;
        self.unread.start = self.payload.end;
        if let Some(mask) = header.mask {
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
        let end = self.bytes.len().min(self.unread.end + MAX_READ);
        &mut self.bytes[self.unread.end..end]
    }

    /// Accepts bytes that were written to the front of [`FrameReader::spare_capacity`].
    pub(super) fn filled(&mut self, bytes: usize) {
        self.unread.end = self.bytes.len().min(self.unread.end + bytes);
    }

    /// Moves the unread bytes to the front, so that a frame stays contiguous. Grows a buffer that is full.
    fn make_room(&mut self) {
        self.payload = 0..0;
        if self.bytes.is_empty() {
            self.take_spare();
        }
        if self.unread.start > 0 {
            self.bytes.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        if self.unread.end == self.bytes.len() {
            let larger = self.bytes.len().saturating_mul(2).max(MAX_READ);
            self.bytes.resize(larger, 0);
        }
    }

    fn take_spare(&mut self) {
        self.bytes = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        if !self.rest.is_empty() {
            let len = self.rest.len().max(MAX_READ);
            self.bytes.resize(self.bytes.len().max(len), 0);
            self.bytes[..self.rest.len()].copy_from_slice(&self.rest);
            self.unread = 0..self.rest.len();
            self.rest.clear();
        }
    }

    /// Releases the buffer for other connections of the thread, unless it contains much of a long frame.
    pub(super) fn release_buffer(&mut self) {
        if self.unread.len() > MAX_REST {
            return;
        }
        self.rest
            .extend_from_slice(&self.bytes[self.unread.clone()]);
        self.unread = 0..0;
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

    /// Reads as many bytes as there is room for.
    fn read(input: &mut FrameReader, bytes: &mut &[u8]) -> usize {
        let room = input.spare_capacity();
        let n = room.len().min(bytes.len());
        room[..n].copy_from_slice(&bytes[..n]);
        input.filled(n);
        *bytes = &bytes[n..];
        n
    }

    /// Passes `bytes` in pieces of `step`, and returns all frames.
    fn frames(bytes: &[u8], step: usize) -> Vec<(OpCode, Vec<u8>)> {
        let mut input = FrameReader::default();
        let mut frames = Vec::new();
        for mut piece in bytes.chunks(step) {
            while !piece.is_empty() {
                assert!(read(&mut input, &mut piece) > 0);
                while let Some(header) = input.header().unwrap()
                    && input.take(&header)
                {
                    frames.push((header.opcode, input.payload().to_vec()));
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
        for step in [1, 2, 3, 1_000, MAX_READ, bytes.len()] {
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
        let header = input.header().unwrap().unwrap();
        assert_eq!(header.len, 1 << 62);
        assert!(!input.take(&header));
        let mut bytes = &[0; 100][..];
        assert_eq!(read(&mut input, &mut bytes), 100);
        assert_eq!(input.bytes.len(), MAX_READ);
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
            while let Some(header) = input.header().unwrap()
                && input.take(&header)
            {
                count += 1;
            }
        }
        assert_eq!((count, input.bytes.len()), (10_000, MAX_READ));
    }
}
