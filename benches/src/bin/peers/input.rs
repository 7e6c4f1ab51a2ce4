//! The inputs of the cases: pools and recorded logs as text.

use std::ops::Deref;
use std::str;

use anyhow::Context;
use ticklot_benches::recorded::{self, Log};
use ticklot_benches::{BAYSE_SCALE, FrameFormat, MessageKind, Pool, Shape};
use ticklot_book::Scale;
use ticklot_frame::{DecodeBackend, Lines, jayx};

use crate::measure::{Case, Clock, Named};
use crate::parse::{Text, simdjson};
use crate::plan::{Plan, SLICES};

/// JayX's event of order books.
const ORDER_BOOK: &str = "orderbook";

/// Frames of one kind of message.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) frames: Vec<Frame>,
    /// The number of messages in a frame. Each is a line.
    pub(crate) lines: usize,
    pub(crate) wire: FrameFormat,
    /// The event of the frames, if they are Socket.IO packets.
    pub(crate) event: &'static str,
    pub(crate) scale: Scale,
    /// The backend of our decoder.
    pub(crate) backend: DecodeBackend,
}

impl Input {
    /// The order books of a pool.
    pub(crate) fn pool(name: &str, shape: Shape, plan: &Plan) -> anyhow::Result<Self> {
        let pool = Pool::build(shape, ticklot_benches::SEED, plan.pool_bytes);
        let frames = pool.frames().iter().map(|frame| Frame::new(frame));
        Ok(Self {
            name: name.to_owned(),
            frames: frames.collect::<anyhow::Result<_>>()?,
            lines: shape.lines,
            wire: shape.wire,
            event: ORDER_BOOK,
            scale: BAYSE_SCALE,
            backend: plan.backend,
        })
    }

    /// Messages other than order books.
    pub(crate) fn messages(name: &str, kind: MessageKind, plan: &Plan) -> anyhow::Result<Self> {
        let messages = kind.messages(ticklot_benches::SEED, plan.pool_bytes);
        let frames = messages.iter().map(|message| Frame::new(message));
        Ok(Self {
            name: name.to_owned(),
            frames: frames.collect::<anyhow::Result<_>>()?,
            lines: 1,
            wire: match kind.event() {
                Some(_) => FrameFormat::JayxSocketIo,
                None => FrameFormat::Bayse,
            },
            event: kind.event().unwrap_or_default(),
            scale: BAYSE_SCALE,
            backend: plan.backend,
        })
    }

    /// The order books of a log, one in each frame.
    pub(crate) fn log(log: &Log, plan: &Plan) -> anyhow::Result<Self> {
        let (name, mark) = match log.name {
            "jayx-btcusdt-top20" => ("jayx-recorded-20", "\"orderBook\""),
            "jayx-btcusdt-top100" => ("jayx-recorded-100", "\"orderBook\""),
            _ => ("bayse-recorded-150", "\"orderbook_update\""),
        };
        let mut frames = Vec::new();
        for frame in &log.frames {
            for line in Lines::new(frame) {
                let line = Frame::new(line.bytes)?;
                if line.contains(mark) {
                    frames.push(line);
                }
            }
        }
        Ok(Self {
            name: name.to_owned(),
            frames,
            lines: 1,
            wire: log.wire,
            event: ORDER_BOOK,
            scale: recorded::BAYSE_SCALE,
            backend: plan.backend,
        })
    }

    /// Our JayX decoder for these frames.
    pub(crate) fn jayx_decoder(&self, backend: DecodeBackend) -> jayx::Decoder {
        let envelope = match self.wire {
            FrameFormat::JayxSocketIo => jayx::Envelope::SocketIo,
            FrameFormat::JayxBare | FrameFormat::Bayse => jayx::Envelope::Plain,
        };
        jayx::Decoder::with_backend(envelope, backend)
    }

    /// The envelope of the JSON in each frame.
    pub(crate) fn envelope(&self) -> Envelope {
        match self.wire {
            FrameFormat::JayxSocketIo => Envelope {
                head: format!("42[\"{}\",", self.event),
                tail: "]",
            },
            FrameFormat::JayxBare | FrameFormat::Bayse => Envelope::default(),
        }
    }

    /// The scale of the decimals in the messages of Bayse Markets. JayX sends integers.
    pub(crate) fn decimals(&self) -> Option<Scale> {
        (self.wire == FrameFormat::Bayse).then_some(self.scale)
    }

    /// A case of these frames.
    pub(crate) fn case<'p>(&self, table: &'static str, contenders: Vec<Named<'p>>) -> Case<'p> {
        Case {
            table,
            name: self.name.clone(),
            frames: self.frames.len(),
            messages_per_frame: self.lines,
            bytes: self.message_bytes(),
            slices: SLICES,
            clock: Clock::Thread,
            contenders,
        }
    }

    /// The mean size of a message.
    pub(crate) fn message_bytes(&self) -> u64 {
        let bytes: usize = self.frames.iter().map(|frame| frame.len()).sum();
        (bytes / (self.frames.len() * self.lines).max(1)) as u64
    }

    /// Calls `each` with the number and the text of every line of a frame.
    pub(crate) fn each_line<'a>(
        &'a self,
        frame: usize,
        mut each: impl FnMut(usize, &'a str) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let frame = &*self.frames[frame];
        if self.lines == 1 {
            return each(0, frame);
        }
        for (number, line) in Lines::new(frame.as_bytes()).enumerate() {
            each(number, &frame[line.offset..line.offset + line.bytes.len()])?;
        }
        Ok(())
    }
}

/// The bytes before and after the JSON of a packet. Comparing them is the cheapest way to read a packet of Socket.IO.
#[derive(Clone, Debug, Default)]
pub(crate) struct Envelope {
    head: String,
    tail: &'static str,
}

impl Envelope {
    /// The JSON of a frame.
    pub(crate) fn strip<'a>(&self, frame: &'a str) -> anyhow::Result<&'a str> {
        let rest = frame.strip_prefix(self.head.as_str());
        rest.and_then(|rest| rest.strip_suffix(self.tail))
            .context("another packet")
    }
}

/// A frame in a buffer with padding, for parsers that read past the end. A connection's buffer could provide the same.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    buffer: String,
    len: usize,
}

impl Frame {
    fn new(bytes: &[u8]) -> anyhow::Result<Self> {
        // Without spare capacity, so that the frames are adjacent in memory. With gaps between them, the processor does not
        // prefetch the next one.
        let mut buffer = String::with_capacity(bytes.len() + simdjson::PADDING);
        buffer.push_str(str::from_utf8(bytes)?);
        buffer.extend([' '; simdjson::PADDING]);
        let len = bytes.len();
        Ok(Self { buffer, len })
    }

    /// A part of this frame, with the rest of the buffer.
    pub(crate) fn text<'a>(&'a self, part: &str) -> Text<'a> {
        let start = part.as_ptr().addr() - self.buffer.as_ptr().addr();
        Text::new(&self.buffer[start..], part.len())
    }
}

impl Deref for Frame {
    type Target = str;

    fn deref(&self) -> &str {
        &self.buffer[..self.len]
    }
}
