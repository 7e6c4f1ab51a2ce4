//! How many instructions each stage takes, counted by callgrind. Counts repeat exactly where timings do not, so
//! they are what the gate holds against `instructions.baseline.json`: see the program `count`.
//!
//! Each benchmark does 32 messages of a pool with buffers that have grown; the setup is not counted.

// gungraun's macros write functions without documentation, in modules of their own
#![allow(missing_docs, unused_qualifications)]

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use ticklot::bayse::Bayse;
use ticklot::jayx::JayX;
use ticklot::{Books, ConnectionId, Options, Session, Venue};
use ticklot_benches::{BAYSE_SCALE, Flow, Other, Pool, SEED, Shape, Wire, read_touch, snapshots};
use ticklot_book::{Book, Nanos, Scale};
use ticklot_frame::jayx::Envelope;
use ticklot_frame::{Lines, bayse, jayx};
use ticklot_sim::market::View;

/// The messages of a benchmark; of a frame of eight lines, the frames are four.
const MESSAGES: usize = 32;

/// A decoder that has seen the messages, and a book that holds the last of them.
struct Work<D> {
    decoder: D,
    book: Book,
    frames: Vec<Vec<u8>>,
}

fn pool(shape: Shape) -> Vec<Vec<u8>> {
    // Large enough for the deepest book.
    let pool = Pool::build(shape, SEED, 1 << 20);
    pool.frames()[..MESSAGES / shape.lines].to_vec()
}

fn other(other: Other) -> Vec<Vec<u8>> {
    let mut frames = other.messages(SEED, 1 << 16);
    frames.truncate(MESSAGES);
    frames
}

fn jayx(frames: Vec<Vec<u8>>) -> Work<jayx::Decoder> {
    let mut work = Work {
        decoder: jayx::Decoder::new(Envelope::SocketIo),
        book: Book::new(Scale::UNIT),
        frames,
    };
    apply_all_jayx(&mut work);
    work
}

fn bayse(frames: Vec<Vec<u8>>) -> Work<bayse::Decoder> {
    let mut work = Work {
        decoder: bayse::Decoder::new(),
        book: Book::new(BAYSE_SCALE),
        frames,
    };
    apply_all_bayse(&mut work);
    work
}

fn apply_all_jayx(work: &mut Work<jayx::Decoder>) {
    for frame in &work.frames {
        match work.decoder.decode(frame) {
            Ok(jayx::Message::OrderBook(update)) => {
                let changes = work.book.replace(update.bids, update.asks, Nanos(1));
                assert!(changes.is_ok());
            }
            other => assert!(other.is_ok(), "{other:?}"),
        }
        black_box((work.book.best_bid(), work.book.best_ask()));
    }
}

fn apply_all_bayse(work: &mut Work<bayse::Decoder>) {
    for frame in &work.frames {
        for line in Lines::new(frame) {
            match work.decoder.decode(line.bytes, &BAYSE_SCALE) {
                Ok(bayse::Message::OrderBook(update)) => {
                    let changes = work.book.replace(update.bids, update.asks, Nanos(1));
                    assert!(changes.is_ok());
                }
                other => assert!(other.is_ok(), "{other:?}"),
            }
            black_box((work.book.best_bid(), work.book.best_ask()));
        }
    }
}

// What is returned is dropped after the count.
#[library_benchmark]
#[bench::jayx_20(jayx(pool(Shape::single(Wire::JayxSocketIo, 20))))]
#[bench::jayx_100(jayx(pool(Shape::single(Wire::JayxSocketIo, 100))))]
#[bench::jayx_kline(jayx(other(Other::Kline)))]
#[bench::jayx_positions(jayx(other(Other::Positions)))]
#[bench::jayx_openorders(jayx(other(Other::OpenOrders)))]
fn decode_jayx(mut work: Work<jayx::Decoder>) -> Work<jayx::Decoder> {
    for frame in &work.frames {
        assert!(black_box(work.decoder.decode(black_box(frame))).is_ok());
    }
    work
}

#[library_benchmark]
#[bench::bayse_20(bayse(pool(Shape::single(Wire::Bayse, 20))))]
#[bench::bayse_100(bayse(pool(Shape::single(Wire::Bayse, 100))))]
#[bench::bayse_price_update(bayse(other(Other::PriceUpdate)))]
#[bench::bayse_fill(bayse(other(Other::Fill)))]
#[bench::bayse_order_updated(bayse(other(Other::OrderUpdated)))]
fn decode_bayse(mut work: Work<bayse::Decoder>) -> Work<bayse::Decoder> {
    for frame in &work.frames {
        assert!(black_box(work.decoder.decode(black_box(frame), &BAYSE_SCALE)).is_ok());
    }
    work
}

#[library_benchmark]
#[bench::bayse_20_frame8(bayse(pool(Shape::batch(8, 20))))]
fn decode_lines(mut work: Work<bayse::Decoder>) -> Work<bayse::Decoder> {
    for frame in &work.frames {
        for line in Lines::new(black_box(frame)) {
            assert!(black_box(work.decoder.decode(line.bytes, &BAYSE_SCALE)).is_ok());
        }
    }
    work
}

#[library_benchmark]
#[bench::jayx_20(jayx(pool(Shape::single(Wire::JayxSocketIo, 20))))]
fn apply_jayx(mut work: Work<jayx::Decoder>) -> Work<jayx::Decoder> {
    apply_all_jayx(&mut work);
    work
}

#[library_benchmark]
#[bench::bayse_20(bayse(pool(Shape::single(Wire::Bayse, 20))))]
fn apply_bayse(mut work: Work<bayse::Decoder>) -> Work<bayse::Decoder> {
    apply_all_bayse(&mut work);
    work
}

/// A book that has seen the snapshots once.
fn few(levels: usize) -> (Book, Vec<View>) {
    let views = snapshots(levels, Flow::Calm, SEED, MESSAGES);
    let mut book = Book::new(Scale::UNIT);
    replace_all(&mut book, &views);
    (book, views)
}

fn replace_all(book: &mut Book, views: &[View]) {
    for view in views {
        // Its changes are found when they are asked for.
        let changes = book.replace(&view.bids, &view.asks, Nanos(1));
        changes.into_iter().flatten().for_each(|change| {
            black_box(change);
        });
    }
}

#[library_benchmark]
#[bench::few_20(few(20))]
#[bench::few_100(few(100))]
fn replace((mut book, views): (Book, Vec<View>)) -> (Book, Vec<View>) {
    replace_all(&mut book, black_box(&views));
    (book, views)
}

/// A session that has seen the frames, as `Feed` drives one.
struct Driven<V> {
    session: Session<V>,
    books: Books,
    frames: Vec<Vec<u8>>,
}

fn driven<V: Venue>(venue: V, frames: Vec<Vec<u8>>) -> Driven<V> {
    let mut books = Books::new();
    let mut session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
    let opened = session.opened(Nanos(0), &mut books, &mut read_touch);
    assert!(opened.is_continue());
    let mut driven = Driven {
        session,
        books,
        frames,
    };
    drive(&mut driven);
    driven
}

fn drive<V: Venue>(driven: &mut Driven<V>) {
    let Driven {
        session,
        books,
        frames,
    } = driven;
    for frame in frames {
        let now = Nanos(1);
        black_box(session.frame(black_box(frame), now, books, &mut read_touch));
        while session.outgoing(now).is_some() {}
    }
}

fn jayx_driven(frames: Vec<Vec<u8>>) -> Driven<JayX> {
    driven(JayX::new("BTCUSDT"), frames)
}

fn bayse_driven(frames: Vec<Vec<u8>>) -> Driven<Bayse> {
    driven(Bayse::any().scale(BAYSE_SCALE), frames)
}

#[library_benchmark]
#[bench::jayx_20(jayx_driven(pool(Shape::single(Wire::JayxSocketIo, 20))))]
fn session_jayx(mut driven: Driven<JayX>) -> Driven<JayX> {
    drive(&mut driven);
    driven
}

#[library_benchmark]
#[bench::bayse_3(bayse_driven(pool(Shape::single(Wire::Bayse, 3))))]
#[bench::bayse_20(bayse_driven(pool(Shape::single(Wire::Bayse, 20))))]
fn session_bayse(mut driven: Driven<Bayse>) -> Driven<Bayse> {
    drive(&mut driven);
    driven
}

library_benchmark_group!(
    name = stages;
    benchmarks =
        decode_jayx, decode_bayse, decode_lines, apply_jayx, apply_bayse, replace, session_jayx,
        session_bayse
);

main!(library_benchmark_groups = stages);
