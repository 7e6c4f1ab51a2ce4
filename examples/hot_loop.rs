//! A benchmark loop of only the decoder and the book, in several passes over distinct messages. There is no session, no
//! clock inside the loop, and no allocation once warm.
//!
//! The size of the pool matters: with a few hundred messages, the branch predictor memorizes the text. `benches/` has the
//! same benchmark with criterion, in comparison with other crates.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use ticklot_book::{Book, Nanos, Scale};
use ticklot_frame::jayx::{Decoder, Envelope, Message};
use ticklot_sim::{Market, wire};

/// About 6 MB of text, which is more than the L1 and L2 caches of a core.
const MESSAGES: usize = 2_000;
const PASSES: usize = 5;

/// Order books of JayX in the format of its server, each in a Socket.IO packet.
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

/// One pass over the pool. The result depends on every book, so that the compiler cannot remove work.
fn pass(frames: &[Vec<u8>], decoder: &mut Decoder, book: &mut Book) -> i64 {
    let mut sum = 0_i64;
    for frame in frames {
        // All messages of the pool are valid.
        let Ok(Message::OrderBook(update)) = decoder.decode(black_box(frame)) else {
            continue;
        };
        let applied = book.apply_snapshot(update.bids, update.asks, Nanos(1));
        if applied.is_ok()
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
    // The buffers grow in the first pass, which is not measured.
    let expected = pass(&frames, &mut decoder, &mut book);
    let mut best = f64::INFINITY;
    for _ in 0..PASSES {
        let start = Instant::now();
        let sum = pass(&frames, &mut decoder, &mut book);
        let took = start.elapsed().as_secs_f64();
        if sum != expected {
            return Err("the passes have different results".into());
        }
        best = best.min(took);
    }
    #[allow(clippy::cast_precision_loss)] // far below 2^53
    let (count, bytes) = (frames.len() as f64, bytes as f64);
    let (size, ns, rate) = (bytes / count, best * 1e9 / count, bytes / best / 1e9);
    println!(
        "{MESSAGES} messages of {size:.0} bytes: {ns:.0} ns each, {rate:.2} GB/s (best of {PASSES} passes)"
    );
    println!("sum of touches {expected}");
    Ok(())
}
