//! Pools of frames that do not repeat.

use criterion::Throughput;
use ticklot_book::Scale;
use ticklot_sim::market::View;
use ticklot_sim::wire;

use crate::market::{Flow, Shown, outcome, spot};

/// The text of a pool, in bytes: far more than a branch predictor remembers, and than a second-level
/// cache holds. A benchmark that decodes one message over and over measures a predictor that knows
/// it by heart.
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

/// How a frame is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
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
    pub wire: Wire,
    /// The levels of each side of each book: at most 100.
    pub levels: usize,
    /// The lines of a frame, each the book of another outcome. JayX sends one.
    pub lines: usize,
}

impl Shape {
    /// Frames of one message.
    #[must_use]
    pub const fn single(wire: Wire, levels: usize) -> Self {
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
            wire: Wire::Bayse,
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
        let mut markets: Vec<Shown> = (seed..)
            .take(shape.lines)
            .map(|seed| Shown::new(pool.config(), seed))
            .collect();
        let mut held = 0;
        while held < bytes.max(1) {
            let frame = pool.frame(&mut markets);
            held += frame.len();
            pool.frames.push(frame);
        }
        pool
    }

    fn config(&self) -> ticklot_sim::MarketConfig {
        match self.shape.wire {
            Wire::Bayse => outcome(self.shape.levels),
            Wire::JayxSocketIo | Wire::JayxBare => spot(self.shape.levels, Flow::Busy),
        }
    }

    /// Writes the next frame, and keeps what it holds.
    fn frame(&mut self, markets: &mut [Shown]) -> Vec<u8> {
        let mut text = String::new();
        for (place, market) in markets.iter_mut().enumerate() {
            if place > 0 {
                text.push('\n');
            }
            let view = market.next();
            match self.shape.wire {
                Wire::JayxSocketIo => {
                    let mut payload = String::new();
                    wire::jayx::order_book(&mut payload, &view);
                    wire::jayx::packet(&mut text, "orderbook", &payload);
                }
                Wire::JayxBare => wire::jayx::order_book(&mut text, &view),
                Wire::Bayse => bayse(&mut text, place, &view, market.now_ms()),
            }
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

    /// A frame's bytes, on average, and its levels.
    #[must_use]
    pub fn throughput(&self) -> Throughput {
        Throughput::ElementsAndBytes {
            elements: (self.shape.levels * 2 * self.shape.lines) as u64,
            bytes: mean_bytes(&self.frames),
        }
    }
}

/// The average length of `frames`.
pub(crate) fn mean_bytes(frames: &[Vec<u8>]) -> u64 {
    let bytes: usize = frames.iter().map(Vec::len).sum();
    (bytes / frames.len().max(1)) as u64
}

/// The name of the outcome in line `place` of a frame, as long as the venue's ids are.
fn outcome_id(place: usize) -> String {
    format!("7c9e6679-7425-40de-944b-{place:012}")
}

fn bayse(out: &mut String, place: usize, view: &View, now_ms: u64) {
    let book = wire::bayse::OrderBook {
        market_id: "550e8400-e29b-41d4-a716-446655440000",
        outcome_id: &outcome_id(place),
        view,
        scale: BAYSE_SCALE,
        book_ms: now_ms,
        sent_ms: now_ms,
    };
    wire::bayse::orderbook_update(out, &book);
}

#[cfg(test)]
mod tests {
    use ticklot_book::{Book, Level, Nanos};
    use ticklot_frame::{Lines, bayse, jayx};

    use super::*;

    const SHAPES: [Shape; 9] = [
        Shape::single(Wire::JayxSocketIo, 20),
        Shape::single(Wire::JayxSocketIo, 100),
        Shape::single(Wire::JayxBare, 20),
        Shape::single(Wire::JayxBare, 100),
        Shape::single(Wire::Bayse, 3),
        Shape::single(Wire::Bayse, 20),
        Shape::single(Wire::Bayse, 100),
        Shape::batch(8, 3),
        Shape::batch(8, 20),
    ];

    fn small(shape: Shape, seed: u64) -> Pool {
        Pool::build(shape, seed, 300_000)
    }

    /// Checks that a book that is given a message holds what was written.
    fn check(book: &mut Book, bids: &[Level], asks: &[Level], view: &View) {
        book.replace(bids, asks, Nanos(0)).unwrap();
        assert!(book.live().is_some());
        assert_eq!(book.bids(), view.bids);
        assert_eq!(book.asks(), view.asks);
    }

    fn without_counts(view: &View) -> View {
        let mut view = view.clone();
        for level in view.bids.iter_mut().chain(&mut view.asks) {
            level.count = 0;
        }
        view
    }

    fn check_jayx(pool: &Pool) {
        let mut decoder = jayx::Decoder::new(jayx::Envelope::Auto);
        let mut book = Book::new(Scale::UNIT);
        for (frame, views) in pool.frames().iter().zip(pool.written()) {
            let [view] = views else { panic!("{views:?}") };
            match decoder.decode(frame).unwrap() {
                jayx::Message::OrderBook(update) => {
                    assert_eq!(update.trades.len(), view.trades.len());
                    check(&mut book, update.bids, update.asks, view);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn check_bayse(pool: &Pool) {
        let mut decoder = bayse::Decoder::new();
        let mut books = vec![Book::new(BAYSE_SCALE); pool.shape().lines];
        for (frame, views) in pool.frames().iter().zip(pool.written()) {
            assert_eq!(Lines::new(frame).count(), views.len());
            for ((place, line), view) in Lines::new(frame).enumerate().zip(views) {
                match decoder.decode(line.bytes, &BAYSE_SCALE).unwrap() {
                    bayse::Message::OrderBook(update) => {
                        assert_eq!(update.outcome_id, outcome_id(place));
                        let view = without_counts(view);
                        check(&mut books[place], update.bids, update.asks, &view);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn every_message_decodes_to_the_book_that_was_written() {
        for shape in SHAPES {
            let pool = small(shape, 1);
            match shape.wire {
                Wire::Bayse => check_bayse(&pool),
                Wire::JayxSocketIo | Wire::JayxBare => check_jayx(&pool),
            }
        }
    }

    #[test]
    fn every_book_has_the_levels_that_were_asked_for() {
        for shape in SHAPES {
            let pool = small(shape, 2);
            assert_eq!(pool.written().count(), pool.frames().len());
            for view in pool.written().flatten() {
                assert_eq!(
                    (view.bids.len(), view.asks.len()),
                    (shape.levels, shape.levels)
                );
            }
        }
    }

    #[test]
    fn a_seed_decides_all_and_no_frame_repeats() {
        for shape in SHAPES {
            let (one, same, other) = (small(shape, 3), small(shape, 3), small(shape, 4));
            assert_eq!(one.frames(), same.frames());
            assert_ne!(one.frames(), other.frames());
            let mut frames = one.frames().to_vec();
            frames.sort_unstable();
            frames.dedup();
            assert_eq!(frames.len(), one.frames().len(), "{shape:?}");
        }
    }
}
