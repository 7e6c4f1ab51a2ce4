//! Pools of frames without repetitions, from `ticklot_sim::pool`.

pub use ticklot_sim::pool::{
    BAYSE_SCALE, FrameFormat, POOL_BYTES, Pool, SEED, Shape, reordered, spaced,
};

/// The mean length of `frames`.
#[must_use]
pub fn mean_bytes(frames: &[Vec<u8>]) -> u64 {
    let bytes: usize = frames.iter().map(Vec::len).sum();
    (bytes / frames.len().max(1)) as u64
}

/// The order books of the timings, and their names there.
#[cfg(feature = "criterion")]
#[must_use]
pub fn timed_shapes() -> [(&'static str, Shape); 8] {
    let (socket_io, bare) = (FrameFormat::JayxSocketIo, FrameFormat::JayxBare);
    [
        ("jayx socket.io, 20", Shape::single(socket_io, 20)),
        ("jayx socket.io, 100", Shape::single(socket_io, 100)),
        ("jayx bare, 20", Shape::single(bare, 20)),
        ("jayx bare, 100", Shape::single(bare, 100)),
        ("bayse, 3", Shape::single(FrameFormat::Bayse, 3)),
        ("bayse, 20", Shape::single(FrameFormat::Bayse, 20)),
        ("bayse, 100", Shape::single(FrameFormat::Bayse, 100)),
        ("bayse, 8 lines of 20", Shape::batch(8, 20)),
    ]
}

#[cfg(test)]
mod tests {
    use ticklot_book::{Book, Level, Nanos, Scale};
    use ticklot_frame::{Lines, bayse, jayx};
    use ticklot_sim::market::View;
    use ticklot_sim::pool::outcome_id;

    use super::*;

    const SHAPES: [Shape; 9] = [
        Shape::single(FrameFormat::JayxSocketIo, 20),
        Shape::single(FrameFormat::JayxSocketIo, 100),
        Shape::single(FrameFormat::JayxBare, 20),
        Shape::single(FrameFormat::JayxBare, 100),
        Shape::single(FrameFormat::Bayse, 3),
        Shape::single(FrameFormat::Bayse, 20),
        Shape::single(FrameFormat::Bayse, 100),
        Shape::batch(8, 3),
        Shape::batch(8, 20),
    ];

    fn small(shape: Shape, seed: u64) -> Pool {
        Pool::build(shape, seed, 300_000)
    }

    /// Applies a message to a book, and compares the book with the written levels.
    fn check(book: &mut Book, bids: &[Level], asks: &[Level], view: &View) {
        book.apply_snapshot(bids, asks, Nanos(0)).unwrap();
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
            for ((index, line), view) in Lines::new(frame).enumerate().zip(views) {
                match decoder.decode(line.bytes, &BAYSE_SCALE).unwrap() {
                    bayse::Message::OrderBook(update) => {
                        assert_eq!(update.outcome_id, outcome_id(index));
                        let view = without_counts(view);
                        check(&mut books[index], update.bids, update.asks, &view);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn messages_decode_to_written_books() {
        for shape in SHAPES {
            let pool = small(shape, 1);
            match shape.wire {
                FrameFormat::Bayse => check_bayse(&pool),
                FrameFormat::JayxSocketIo | FrameFormat::JayxBare => check_jayx(&pool),
            }
        }
    }

    #[test]
    fn books_have_requested_levels() {
        for shape in SHAPES {
            let pool = small(shape, 2);
            assert_eq!(pool.written().count(), pool.frames().len());
            for view in pool.written().flatten() {
                assert_eq!([view.bids.len(), view.asks.len()], [shape.levels; 2]);
            }
        }
    }

    #[test]
    fn seeded_frames_never_repeat() {
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
