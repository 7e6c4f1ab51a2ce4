//! Counts the cache lines that one message touches. Timings with cold caches are not repeatable, but these counts are, so
//! CI compares them with `footprint.baseline.json`. The program `count` runs this one under valgrind's lackey, and reads
//! the addresses of all accesses.
//!
//! Each row decodes messages until the decoder is warm, then one more between two stores to a mark. The rows run on a
//! second thread, because the alignment of the main thread's stack depends on the environment.

#![allow(missing_docs)]

// The peers' parsers, as the program `peers` calls them.
#[cfg(feature = "peers")]
#[allow(dead_code, unused_imports)]
#[path = "../src/bin/peers/parse/mod.rs"]
mod parse;

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use ticklot_benches::{BAYSE_SCALE, FrameFormat, Pool, SEED, Shape};
use ticklot_book::{Book, Nanos, Scale};
use ticklot_frame::jayx::Envelope;
use ticklot_frame::{DecodePath, bayse, jayx};

/// At least a dozen messages, for templates and buffers. No more, because building them is traced too, which is slow.
const POOL_BYTES: usize = 30_000;

/// The stores to it separate the rows in the trace.
static MARK: AtomicU32 = AtomicU32::new(0);

fn main() {
    assert!(thread::spawn(rows).join().is_ok());
}

fn rows() {
    let jayx = Pool::build(
        Shape::single(FrameFormat::JayxSocketIo, 20),
        SEED,
        POOL_BYTES,
    );
    let bayse = Pool::build(Shape::single(FrameFormat::Bayse, 20), SEED, POOL_BYTES);
    jayx_rows(jayx.frames());
    bayse_rows(bayse.frames());
    #[cfg(feature = "peers")]
    peers(jayx.frames(), bayse.frames());
}

/// Runs `work` with all frames but the last, then measures it with the last one.
fn row<T>(name: &str, frames: &[Vec<u8>], mut work: impl FnMut(&[u8]) -> T) -> Option<T> {
    let (text, warm) = frames.split_last()?;
    for frame in warm {
        work(frame);
    }
    let (mark, start) = (MARK.as_ptr().addr(), text.as_ptr().addr());
    println!("row {name} {mark:x} {start:x} {:x}", text.len());
    MARK.store(1, Ordering::SeqCst);
    let result = work(black_box(text));
    MARK.store(2, Ordering::SeqCst);
    Some(result)
}

/// As [`row`]. The message must take the fast path.
fn our_row(name: &str, frames: &[Vec<u8>], work: impl FnMut(&[u8]) -> Option<DecodePath>) {
    assert_eq!(
        row(name, frames, work),
        Some(Some(DecodePath::Fast)),
        "{name}"
    );
}

fn jayx_rows(frames: &[Vec<u8>]) {
    let mut decoder = jayx::Decoder::new(Envelope::SocketIo);
    our_row("decode/jayx_20", frames, |frame| {
        match black_box(decoder.decode(frame)) {
            Ok(jayx::Message::OrderBook(update)) => Some(update.path),
            _ => None,
        }
    });
    let mut decoder = jayx::Decoder::new(Envelope::SocketIo);
    let mut book = Book::new(Scale::UNIT);
    our_row("apply/jayx_20", frames, |frame| {
        let Ok(jayx::Message::OrderBook(update)) = decoder.decode(frame) else {
            return None;
        };
        book.apply_snapshot(update.bids, update.asks, Nanos(1))
            .ok()?;
        black_box((book.best_bid(), book.best_ask()));
        Some(update.path)
    });
}

fn bayse_rows(frames: &[Vec<u8>]) {
    let mut decoder = bayse::Decoder::new();
    our_row("decode/bayse_20", frames, |frame| {
        match black_box(decoder.decode(frame, &BAYSE_SCALE)) {
            Ok(bayse::Message::OrderBook(update)) => Some(update.path),
            _ => None,
        }
    });
    let mut decoder = bayse::Decoder::new();
    let mut book = Book::new(BAYSE_SCALE);
    our_row("apply/bayse_20", frames, |frame| {
        let Ok(bayse::Message::OrderBook(update)) = decoder.decode(frame, &BAYSE_SCALE) else {
            return None;
        };
        book.apply_snapshot(update.bids, update.asks, Nanos(1))
            .ok()?;
        black_box((book.best_bid(), book.best_ask()));
        Some(update.path)
    });
}

/// Decoding alone. The text is validated as UTF-8, as by our decoders. Packets of JayX are stripped beforehand.
#[cfg(feature = "peers")]
fn peers(jayx: &[Vec<u8>], bayse: &[Vec<u8>]) {
    use parse::serde::{Books, SerdeJson, Sonic};

    fn peer(name: &str, frames: &[Vec<u8>], mut parser: impl parse::ParseBook) {
        let mut lists = parse::Lists::default();
        row(name, frames, |frame| {
            let text = str::from_utf8(frame).unwrap_or_default();
            assert!(black_box(parser.parse(text.into(), &mut lists)).is_ok());
            black_box(&lists);
        });
    }

    let head = br#"42["orderbook","#.len();
    let jayx: Vec<_> = jayx
        .iter()
        .map(|frame| frame[head..frame.len() - 1].to_vec())
        .collect();
    peer("sonic-rs/jayx_20", &jayx, Books::<Sonic>::new(None));
    peer("serde_json/jayx_20", &jayx, Books::<SerdeJson>::new(None));
    let decimals = Some(BAYSE_SCALE);
    peer("sonic-rs/bayse_20", bayse, Books::<Sonic>::new(decimals));
    peer(
        "serde_json/bayse_20",
        bayse,
        Books::<SerdeJson>::new(decimals),
    );
}
