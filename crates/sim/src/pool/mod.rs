//! Pools of frames that do not repeat, to measure readers with.
//!
//! Decoding one message over and over measures a branch predictor that knows it by heart.

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

/// The text of a pool, in bytes: far more than a branch predictor remembers, and than a second-level
/// cache holds.
pub const POOL_BYTES: usize = 6 << 20;

/// The seed of every benchmark's pool.
pub const SEED: u64 = 20_260_217;

/// The scale of the pools of Bayse Markets: prices in tenths of a cent, quantities in hundredths.
///
/// # Panics
/// Never: the scale is checked when the crate is built.
pub const BAYSE_SCALE: Scale = match Scale::new(3, 2) {
    Ok(scale) => scale,
    Err(_) => Scale::UNIT,
};

/// A frame with the spaces of Python's `json.dumps`, of texts without commas and colons in their strings.
#[must_use]
pub fn spaced(frame: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(frame);
    let text = text.replace(",\"", ", \"").replace("\":", "\": ");
    text.replace("},{", "}, {").into_bytes()
}

/// How a frame is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFormat {
    /// JayX in a Socket.IO packet.
    JayxSocketIo,
    /// JayX, the bare payload.
    JayxBare,
    /// Bayse Markets.
    Bayse,
}

/// What the frames of a pool are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How they are written.
    pub wire: FrameFormat,
    /// The levels of each side of each book: at most 100.
    pub levels: usize,
    /// The lines of a frame, each the book of another outcome. JayX sends one.
    pub lines: usize,
}

impl Shape {
    /// Frames of one message.
    #[must_use]
    pub const fn single(wire: FrameFormat, levels: usize) -> Self {
        Self {
            wire,
            levels,
            lines: 1,
        }
    }

    /// Frames of Bayse Markets of so many lines.
    #[must_use]
    pub const fn batch(lines: usize, levels: usize) -> Self {
        Self {
            wire: FrameFormat::Bayse,
            levels,
            lines,
        }
    }
}

/// Frames of order books in the order in which a venue would send them, and the books that were
/// written.
///
/// A seed decides all of it. No message repeats the one before it of the same book. To be read in
/// a cycle: the step from the last frame to the first is a large one, and all are right.
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

    /// A pool of the least number of frames, one at least, that hold `bytes` bytes together.
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
        let mut held = 0;
        while held < bytes.max(1) {
            let frame = pool.frame(&mut markets);
            held += frame.len();
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

    /// Writes the next frame, and keeps what it holds.
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

    /// What the frames are like.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The frames, in order.
    #[must_use]
    pub fn frames(&self) -> &[Vec<u8>] {
        &self.frames
    }

    /// The books of each frame, in the order of its lines. Bayse Markets does not tell the number of
    /// orders at a level; they are here all the same.
    pub fn written(&self) -> impl Iterator<Item = &[View]> {
        self.written.chunks(self.shape.lines)
    }
}

/// The name of the outcome in line `index` of a frame, as long as the venue's ids are.
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
