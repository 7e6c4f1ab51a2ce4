//! A loop over a blocking or a spinning socket of std, with the transport's buffer size.
//!
//! `raw-…` reads, finds the end of the frame, and calls the handler, which reads the best prices of the first message's book
//! and the clock. It decodes nothing else, so it is the floor of a reader. `raw-…+book` also decodes each message and applies
//! it, with our decoder and our book but no other code of ours. It is the floor of a feed.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::{ControlFlow, Range};

use anyhow::{Context, bail, ensure};
use ticklot_book::{Book, Nanos, Scale};
use ticklot_frame::jayx::{Decoder, Envelope, Message};

use super::measurement::Target;
use super::record::{Record, best_of};
use super::tls::TlsSocket;
use crate::book::Best;

/// The size of a read: that of the transport.
const BUFFER: usize = 64 << 10;

/// A WebSocket upgrade of the first connection. No server here checks that the key is new.
const UPGRADE: &str = "GET /0 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The client's packet that opens the Socket.IO session, as a frame with a mask of zero. Without it, TCP would treat the
/// connection as a transfer in one direction and acknowledge each message in the read call: 1 to 2 µs more than for a client
/// that has sent data.
const OPEN: &[u8] = &[0x81, 0x82, 0, 0, 0, 0, b'4', b'0'];

/// The start of every packet with an order book.
const ORDER_BOOK: &[u8] = b"42[\"orderbook\",";

pub(super) fn blocking(target: &Target, record: Record) -> anyhow::Result<Record> {
    connect(target, record, false, DecodeFirst::default())
}

pub(super) fn spinning(target: &Target, record: Record) -> anyhow::Result<Record> {
    connect(target, record, true, DecodeFirst::default())
}

pub(super) fn blocking_book(target: &Target, record: Record) -> anyhow::Result<Record> {
    connect(target, record, false, DecodeAll::default())
}

pub(super) fn spinning_book(target: &Target, record: Record) -> anyhow::Result<Record> {
    connect(target, record, true, DecodeAll::default())
}

/// The work on a message before the handler.
trait Work {
    /// The best prices; `None` for a packet without an order book.
    fn message(&mut self, payload: &[u8]) -> anyhow::Result<Option<Best>>;
}

/// Decodes each message and applies it.
struct DecodeAll {
    decoder: Decoder,
    book: Book,
}

impl Default for DecodeAll {
    fn default() -> Self {
        Self {
            decoder: Decoder::new(Envelope::SocketIo),
            book: Book::new(Scale::UNIT),
        }
    }
}

impl Work for DecodeAll {
    fn message(&mut self, payload: &[u8]) -> anyhow::Result<Option<Best>> {
        let Message::OrderBook(update) = self.decoder.decode(payload)? else {
            return Ok(None);
        };
        self.book
            .apply_snapshot(update.bids, update.asks, Nanos(1))?;
        let book = self.book.live().context("no live book")?;
        Ok(Some(best_of(book)))
    }
}

/// Decodes the first message only.
#[derive(Default)]
struct DecodeFirst {
    all: DecodeAll,
    is_filled: bool,
}

impl Work for DecodeFirst {
    fn message(&mut self, payload: &[u8]) -> anyhow::Result<Option<Best>> {
        if !payload.starts_with(ORDER_BOOK) {
            return Ok(None);
        }
        if !self.is_filled {
            self.is_filled = true;
            return self.all.message(payload);
        }
        Ok(self.all.book.live().map(best_of))
    }
}

fn connect(
    target: &Target,
    record: Record,
    spins: bool,
    work: impl Work,
) -> anyhow::Result<Record> {
    let mut tcp = TcpStream::connect(target.address)?;
    tcp.set_nodelay(true)?;
    match &target.tls {
        None => {
            let frames = FrameBuffer::upgrade(&mut tcp)?;
            tcp.set_nonblocking(spins)?;
            run(&mut tcp, frames, record, work)
        }
        Some(config) => {
            let mut tls = TlsSocket::connect(config, tcp)?;
            let frames = FrameBuffer::upgrade(&mut tls)?;
            tls.tcp().set_nonblocking(spins)?;
            run(&mut tls, frames, record, work)
        }
    }
}

/// Reads until the record is full.
fn run(
    socket: &mut (impl Read + Write),
    mut frames: FrameBuffer,
    mut record: Record,
    mut work: impl Work,
) -> anyhow::Result<Record> {
    loop {
        while let Some(payload) = frames.next()? {
            let payload = &frames.bytes[payload];
            if payload.starts_with(b"0") {
                socket.write_all(OPEN)?;
                socket.flush()?;
            }
            if let Some(best) = work.message(payload)?
                && record.end(0, best).is_break()
            {
                return Ok(record);
            }
        }
        while frames.fill(socket)?.is_continue() {}
    }
}

/// The bytes that were read but not processed yet.
struct FrameBuffer {
    bytes: Vec<u8>,
    held: Range<usize>,
}

impl FrameBuffer {
    fn new() -> Self {
        Self {
            bytes: vec![0; BUFFER],
            held: 0..0,
        }
    }

    /// Upgrades to WebSocket; frames may follow in the same read.
    fn upgrade(socket: &mut (impl Read + Write)) -> anyhow::Result<Self> {
        socket.write_all(UPGRADE.as_bytes())?;
        socket.flush()?;
        let mut frames = Self::new();
        loop {
            while frames.fill(socket)?.is_continue() {}
            let head = &frames.bytes[..frames.held.end];
            ensure!(
                head.starts_with(b"HTTP/1.1 101 ") || head.len() < 13,
                "no upgrade"
            );
            if let Some(end) = head.windows(4).position(|it| it == b"\r\n\r\n") {
                frames.held.start = end + 4;
                return Ok(frames);
            }
        }
    }

    /// Reads once; continues while the socket has nothing.
    fn fill(&mut self, socket: &mut impl Read) -> anyhow::Result<ControlFlow<()>> {
        if self.held.start > 0 {
            self.bytes.copy_within(self.held.clone(), 0);
            self.held = 0..self.held.len();
        }
        let n = match socket.read(&mut self.bytes[self.held.end..]) {
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Ok(ControlFlow::Continue(()));
            }
            Err(error) => return Err(error.into()),
        };
        ensure!(n > 0, "the end of the connection, or a longer frame");
        self.held.end += n;
        Ok(ControlFlow::Break(()))
    }

    /// Takes the next complete frame; returns the range of its payload.
    fn next(&mut self) -> anyhow::Result<Option<Range<usize>>> {
        let held = &self.bytes[self.held.clone()];
        let (head, len) = match *held {
            [0x81, len @ 0..126, ..] => (2, usize::from(len)),
            [0x81, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
            [] | [0x81] | [0x81, 126, ..] => return Ok(None),
            _ => bail!("not a short, unmasked text frame"),
        };
        if held.len() < head + len {
            return Ok(None);
        }
        let start = self.held.start + head;
        self.held.start = start + len;
        Ok(Some(start..start + len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::server::write_frame;

    /// Returns at most `at_most` bytes for each read, and `WouldBlock` every other time.
    struct SlowReader<'a> {
        bytes: &'a [u8],
        at_most: usize,
        is_empty: bool,
    }

    impl Read for SlowReader<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.is_empty = !self.is_empty;
            if self.is_empty {
                return Err(ErrorKind::WouldBlock.into());
            }
            let len = self.at_most.min(buffer.len());
            (&mut self.bytes).take(len as u64).read(buffer)
        }
    }

    fn frames() -> (Vec<u8>, Vec<String>) {
        let lens = [0, 1, 125, 126, 127, 2_000, 65_000, 65_000, 3];
        let texts = lens
            .iter()
            .enumerate()
            .map(|(n, &len)| n.to_string().repeat(len));
        let (mut bytes, texts): (_, Vec<_>) = (Vec::new(), texts.collect());
        for text in &texts {
            write_frame(text, &mut bytes).unwrap();
        }
        (bytes, texts)
    }

    #[test]
    fn finds_frames_across_reads() {
        let (bytes, texts) = frames();
        for at_most in [1, 2, 3, 5, 127, 4_096, BUFFER] {
            let mut reader = SlowReader {
                bytes: &bytes,
                at_most,
                is_empty: false,
            };
            let mut frames = FrameBuffer::new();
            for text in &texts {
                let payload = loop {
                    match frames.next().unwrap() {
                        Some(payload) => break payload,
                        None => while frames.fill(&mut reader).unwrap().is_continue() {},
                    }
                };
                assert!(frames.bytes[payload] == *text.as_bytes(), "{at_most}");
            }
            assert!(frames.next().unwrap().is_none());
            reader.is_empty = true;
            assert!(frames.fill(&mut reader).is_err());
        }
    }

    #[test]
    fn rejects_other_frames() {
        for head in [
            [0x82, 1, 0, 0],
            [0x81, 0x81, 0, 0],
            [0x81, 127, 0, 0],
            [0x88, 0, 0, 0],
        ] {
            let mut frames = FrameBuffer::new();
            assert!(frames.fill(&mut &head[..]).unwrap().is_break());
            assert!(frames.next().is_err(), "{head:?}");
        }
    }
}
