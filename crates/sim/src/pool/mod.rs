//! Pools of distinct frames, for benchmarks of decoders.
//!
//! A benchmark that decodes the same message repeatedly trains the branch predictor on that message.

mod market;
mod reorder;

use ticklot_book::Scale;

pub use self::market::{Flow, SnapshotStream, spot};
pub use self::reorder::reordered;

use self::market::outcome;
use crate::MarketConfig;
use crate::market::View;
use crate::wire;
use crate::wire::bayse::{Message, OrderBook};

/// The size of a pool in bytes: larger than a second-level cache, and more than a branch predictor can learn.
pub const POOL_BYTES: usize = 6 << 20;

/// The seed of every benchmark's pool.
pub const SEED: u64 = 20_260_217;

/// The scale of the pools of Bayse Markets: prices in tenths of a cent, quantities in hundredths.
pub const BAYSE_SCALE: Scale = match Scale::new(3, 2) {
    Ok(scale) => scale,
    Err(_) => Scale::UNIT,
};

/// Adds the spaces of Python's `json.dumps` to a frame. Its strings must not contain commas or colons.
#[must_use]
pub fn spaced(frame: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(frame);
    let text = text.replace(",\"", ", \"").replace("\":", "\": ");
    text.replace("},{", "}, {").into_bytes()
}

/// The venue and envelope of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFormat {
    /// JayX in a Socket.IO packet.
    JayxSocketIo,
    /// JayX, the bare payload.
    JayxBare,
    /// Bayse Markets.
    Bayse,
}

/// The format and size of the frames of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The format of each frame.
    pub wire: FrameFormat,
    /// The levels of each side of each book, at most 100.
    pub levels: usize,
    /// The lines per frame, each with the book of a different outcome. 1 for JayX.
    pub lines: usize,
}

impl Shape {
    /// Frames with one message.
    #[must_use]
    pub const fn single(wire: FrameFormat, levels: usize) -> Self {
        Self {
            wire,
            levels,
            lines: 1,
        }
    }

    /// Bayse Markets frames with `lines` messages.
    #[must_use]
    pub const fn batch(lines: usize, levels: usize) -> Self {
        Self {
            wire: FrameFormat::Bayse,
            levels,
            lines,
        }
    }
}

/// Frames of order books in the order in which a venue would send them, and the books themselves.
///
/// The seed determines the pool. Consecutive messages of a book differ. A benchmark may cycle through the pool: all
/// frames are valid snapshots, and only the change from the last frame to the first is larger than usual.
#[derive(Clone, Debug)]
pub struct Pool {
    shape: Shape,
    frames: Vec<Vec<u8>>,
    written: Vec<View>,
}

impl Pool {
    /// The pool of the benchmarks: [`POOL_BYTES`] from [`SEED`].
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self::build(shape, SEED, POOL_BYTES)
    }

    /// The smallest pool with at least one frame and at least `bytes` bytes in total.
    #[must_use]
    pub fn build(shape: Shape, seed: u64, bytes: usize) -> Self {
        let mut pool = Self {
            shape,
            frames: Vec::new(),
            written: Vec::new(),
        };
        let mut markets: Vec<SnapshotStream> = (seed..)
            .take(shape.lines)
            .map(|seed| SnapshotStream::new(pool.config(), seed))
            .collect();
        let mut size = 0;
        while size < bytes.max(1) {
            let frame = pool.frame(&mut markets);
            size += frame.len();
            pool.frames.push(frame);
        }
        pool
    }

    fn config(&self) -> MarketConfig {
        match self.shape.wire {
            FrameFormat::Bayse => outcome(self.shape.levels),
            FrameFormat::JayxSocketIo | FrameFormat::JayxBare => {
                spot(self.shape.levels, Flow::Busy)
            }
        }
    }

    /// Writes the next frame, and stores its books.
    fn frame(&mut self, markets: &mut [SnapshotStream]) -> Vec<u8> {
        let mut text = String::new();
        for (index, market) in markets.iter_mut().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            let view = market.next();
            let line = match self.shape.wire {
                FrameFormat::JayxSocketIo => {
                    let payload = wire::jayx::order_book(&view);
                    wire::jayx::packet("orderbook", &payload)
                }
                FrameFormat::JayxBare => wire::jayx::order_book(&view),
                FrameFormat::Bayse => bayse(index, &view, market.now_ms()),
            };
            text.push_str(&line);
            self.written.push(view);
        }
        text.into_bytes()
    }

    /// The format and size of the frames.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The frames, in order.
    #[must_use]
    pub fn frames(&self) -> &[Vec<u8>] {
        &self.frames
    }

    /// The books of each frame, in the order of its lines. They contain order counts, which Bayse Markets does not
    /// send.
    pub fn written(&self) -> impl Iterator<Item = &[View]> {
        self.written.chunks(self.shape.lines)
    }
}

/// The outcome id in line `index` of a frame, of the same length as the venue's ids.
#[must_use]
pub fn outcome_id(index: usize) -> String {
    format!("7c9e6679-7425-40de-944b-{index:012}")
}

fn bayse(index: usize, view: &View, now_ms: u64) -> String {
    let ids = ["550e8400-e29b-41d4-a716-446655440000", &outcome_id(index)];
    let book = OrderBook::new(ids, view, BAYSE_SCALE, now_ms);
    Message::order_book(book, now_ms).to_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_determines_pool() {
        for wire in [
            FrameFormat::JayxSocketIo,
            FrameFormat::JayxBare,
            FrameFormat::Bayse,
        ] {
            let build = |seed| Pool::build(Shape::single(wire, 20), seed, 50_000);
            let (pool, same, other) = (build(1), build(1), build(2));
            assert_eq!(pool.frames(), same.frames());
            assert_ne!(pool.frames(), other.frames());
            assert!(pool.frames().iter().map(Vec::len).sum::<usize>() >= 50_000);
            let mut written = pool.written().flatten();
            assert!(written.all(|view| view.bids.len() == 20 && view.asks.len() == 20));
        }
    }
}
