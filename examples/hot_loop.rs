//! The loop for those who write benchmarks: the decoder and the book alone, over messages that do not repeat,
//! in one pass after another; no session, no clock inside the loop, no allocation once warm.
//!
//! Pool and passes matter more than they seem: over a few hundred messages a branch predictor learns the
//! text by heart. `benches/` has the same with criterion, beside other crates.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use ticklot_book::{Book, Nanos, Scale};
use ticklot_frame::jayx::{Decoder, Envelope, Message};
use ticklot_sim::{Market, wire};

/// So many messages are about 6 MB of text: more than a processor's caches near the core.
const MESSAGES: usize = 2_000;
const PASSES: usize = 5;

/// Order books of JayX, as its server writes them, each in a Socket.IO packet.
fn pool() -> Vec<Vec<u8>> {
    let mut market = Market::btcusdt(7);
    let frame = |now_ms| {
        market.step(now_ms);
        let payload = wire::jayx::order_book(&market.view());
        wire::jayx::packet("orderbook", &payload).into_bytes()
    };
    let times = (1_700_000_000_000..).step_by(50);
    times.take(MESSAGES).map(frame).collect()
}

/// One pass over the pool; what it gives depends on every book, so that nothing can be left out.
fn pass(frames: &[Vec<u8>], decoder: &mut Decoder, book: &mut Book) -> i64 {
    let mut sum = 0_i64;
    for frame in frames {
        // An error here would be a bug: the pool is made of good messages.
        let Ok(Message::OrderBook(update)) = decoder.decode(black_box(frame)) else {
            continue;
        };
        if book
            .apply_snapshot(update.bids, update.asks, Nanos(1))
            .is_ok()
            && let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask())
        {
            sum = sum.wrapping_add(bid.ticks.0 ^ ask.ticks.0);
        }
    }
    black_box(sum)
}

fn main() -> Result<(), Box<dyn Error>> {
    let frames = pool();
    let bytes: usize = frames.iter().map(Vec::len).sum();
    let mut decoder = Decoder::new(Envelope::SocketIo);
    let mut book = Book::new(Scale::new(2, 6)?);
    // The buffers grow to what the largest message takes; the first pass is not for measuring.
    let expected = pass(&frames, &mut decoder, &mut book);
    let mut best = f64::INFINITY;
    for _ in 0..PASSES {
        let start = Instant::now();
        let sum = pass(&frames, &mut decoder, &mut book);
        let took = start.elapsed().as_secs_f64();
        if sum != expected {
            return Err("the same messages made other books".into());
        }
        best = best.min(took);
    }
    #[allow(clippy::cast_precision_loss)] // far below 2^53
    let (count, bytes) = (frames.len() as f64, bytes as f64);
    println!(
        "{MESSAGES} messages of {:.0} bytes: {:.0} ns each, {:.2} GB/s (best of {PASSES} passes)",
        bytes / count,
        best * 1e9 / count,
        bytes / best / 1e9,
    );
    println!("sum of touches {expected}");
    Ok(())
}
