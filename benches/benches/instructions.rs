//! Counts the instructions of each stage with callgrind. Counts are repeatable, unlike timings, so CI compares them with
//! `instructions.baseline.json`: see the program `count`.
//!
//! Each benchmark processes 32 messages of a pool. Its buffers have grown before, and its setup is not counted.

// gungraun's macros generate modules with undocumented functions
#![allow(missing_docs, unused_qualifications)]

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use ticklot::bayse::Bayse;
use ticklot::jayx::JayX;
use ticklot::kraken::Kraken;
use ticklot::venue::Venue;
use ticklot::{Books, ConnectionId, Options, Session};
use ticklot_benches::{
    BAYSE_SCALE, Deltas, Flow, FrameFormat, MessageKind, Pool, SEED, Shape, deltas, read_touch,
    snapshots,
};
use ticklot_book::{Book, DeltaBook, Flat, Ladder, Nanos, Scale, Storage};
use ticklot_frame::jayx::Envelope;
use ticklot_frame::kraken::Depth;
use ticklot_frame::{Lines, bayse, jayx, kraken};
use ticklot_sim::market::View;

/// The messages of a benchmark. With eight lines a frame, these are four frames.
const MESSAGES: usize = 32;

/// A decoder after one pass over the messages, and a book with the last of them.
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

fn messages(kind: MessageKind) -> Vec<Vec<u8>> {
    let mut frames = kind.messages(SEED, 1 << 16);
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
                let changes = work.book.apply_snapshot(update.bids, update.asks, Nanos(1));
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
                    let changes = work.book.apply_snapshot(update.bids, update.asks, Nanos(1));
                    assert!(changes.is_ok());
                }
                other => assert!(other.is_ok(), "{other:?}"),
            }
            black_box((work.book.best_bid(), work.book.best_ask()));
        }
    }
}

// Returned values are dropped after the count.
#[library_benchmark]
#[bench::jayx_20(jayx(pool(Shape::single(FrameFormat::JayxSocketIo, 20))))]
#[bench::jayx_100(jayx(pool(Shape::single(FrameFormat::JayxSocketIo, 100))))]
#[bench::jayx_kline(jayx(messages(MessageKind::Kline)))]
#[bench::jayx_positions(jayx(messages(MessageKind::Positions)))]
#[bench::jayx_openorders(jayx(messages(MessageKind::OpenOrders)))]
fn decode_jayx(mut work: Work<jayx::Decoder>) -> Work<jayx::Decoder> {
    for frame in &work.frames {
        assert!(black_box(work.decoder.decode(black_box(frame))).is_ok());
    }
    work
}

#[library_benchmark]
#[bench::bayse_20(bayse(pool(Shape::single(FrameFormat::Bayse, 20))))]
#[bench::bayse_100(bayse(pool(Shape::single(FrameFormat::Bayse, 100))))]
#[bench::bayse_price_update(bayse(messages(MessageKind::PriceUpdate)))]
#[bench::bayse_fill(bayse(messages(MessageKind::Fill)))]
#[bench::bayse_order_updated(bayse(messages(MessageKind::OrderUpdated)))]
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
#[bench::jayx_20(jayx(pool(Shape::single(FrameFormat::JayxSocketIo, 20))))]
fn apply_jayx(mut work: Work<jayx::Decoder>) -> Work<jayx::Decoder> {
    apply_all_jayx(&mut work);
    work
}

#[library_benchmark]
#[bench::bayse_20(bayse(pool(Shape::single(FrameFormat::Bayse, 20))))]
fn apply_bayse(mut work: Work<bayse::Decoder>) -> Work<bayse::Decoder> {
    apply_all_bayse(&mut work);
    work
}

/// A book after one pass over the snapshots.
fn few(levels: usize) -> (Book, Vec<View>) {
    let views = snapshots(levels, Flow::Calm, SEED, MESSAGES);
    let mut book = Book::new(Scale::UNIT);
    replace_all(&mut book, &views);
    (book, views)
}

fn replace_all(book: &mut Book, views: &[View]) {
    for view in views {
        // The changes are computed lazily, so they are iterated over.
        let changes = book.apply_snapshot(&view.bids, &view.asks, Nanos(1));
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

/// A session after one pass over the frames, driven as by `Feed`.
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
#[bench::jayx_20(jayx_driven(pool(Shape::single(FrameFormat::JayxSocketIo, 20))))]
fn session_jayx(mut driven: Driven<JayX>) -> Driven<JayX> {
    drive(&mut driven);
    driven
}

#[library_benchmark]
#[bench::bayse_3(bayse_driven(pool(Shape::single(FrameFormat::Bayse, 3))))]
#[bench::bayse_20(bayse_driven(pool(Shape::single(FrameFormat::Bayse, 20))))]
fn session_bayse(mut driven: Driven<Bayse>) -> Driven<Bayse> {
    drive(&mut driven);
    driven
}

/// A session after one pass over the deltas, reset to their snapshot.
fn kraken_driven(is_ladder: bool) -> Driven<Kraken> {
    let (snapshot, frames) = deltas(SEED, MESSAGES).frames();
    let venue = Kraken::any().scale(Scale::UNIT).depth(Depth::D1000);
    let mut driven = driven(venue.ladder(is_ladder), vec![snapshot]);
    let snapshot = std::mem::replace(&mut driven.frames, frames);
    drive(&mut driven);
    assert_eq!(driven.session.stats().gaps, 0);
    let frames = std::mem::replace(&mut driven.frames, snapshot);
    drive(&mut driven);
    driven.frames = frames;
    driven
}

// Deltas of one level, from the call of the session to the handler's return, with the checksum.
#[library_benchmark]
#[bench::flat(kraken_driven(false))]
#[bench::ladder(kraken_driven(true))]
fn session_kraken(mut driven: Driven<Kraken>) -> Driven<Kraken> {
    drive(&mut driven);
    driven
}

/// A book after one pass over the same deltas, reset to their snapshot.
fn delta_book<S: Storage>() -> (DeltaBook<S>, Deltas) {
    let deltas = deltas(SEED, MESSAGES);
    let mut book = deltas.book::<S>();
    deltas.apply(&mut book, |_| {});
    deltas.reset(&mut book);
    (book, deltas)
}

fn apply_deltas<S: Storage>(book: &mut DeltaBook<S>, deltas: &Deltas) {
    deltas.apply(book, |book| {
        black_box((book.best_bid(), book.best_ask()));
    });
}

#[library_benchmark]
#[bench::flat(delta_book::<Flat>())]
fn delta_apply((mut book, deltas): (DeltaBook<Flat>, Deltas)) -> (DeltaBook<Flat>, Deltas) {
    apply_deltas(&mut book, &deltas);
    (book, deltas)
}

#[library_benchmark]
#[bench::ladder(delta_book::<Ladder>())]
fn delta_apply_ladder(
    (mut book, deltas): (DeltaBook<Ladder>, Deltas),
) -> (DeltaBook<Ladder>, Deltas) {
    apply_deltas(&mut book, &deltas);
    (book, deltas)
}

/// The scale of the frames: 1 and 8 decimals.
fn kraken_scale() -> Scale {
    Scale::new(1, 8).unwrap_or(Scale::UNIT)
}

/// Kraken's updates of two levels, in the venue's format.
fn kraken_frames() -> (kraken::Decoder, Vec<Vec<u8>>) {
    let frame = |n: usize| {
        format!(
            r#"{{"channel":"book","type":"update","data":[{{"symbol":"BTC/USD","bids":[{{"price":618{n:02}.1,"qty":1.0983{n:02}75}}],"asks":[{{"price":619{n:02}.3,"qty":0.00{n:02}0000}}],"checksum":2114181697,"timestamp":"2023-10-06T17:35:55.440295Z"}}]}}"#
        )
    };
    let frames: Vec<Vec<u8>> = (0..MESSAGES).map(|n| frame(n).into_bytes()).collect();
    let mut decoder = kraken::Decoder::new();
    for frame in &frames {
        assert!(decoder.decode(frame, &kraken_scale()).is_ok());
    }
    (decoder, frames)
}

#[library_benchmark]
#[bench::update_2(kraken_frames())]
fn decode_kraken(
    (mut decoder, frames): (kraken::Decoder, Vec<Vec<u8>>),
) -> (kraken::Decoder, Vec<Vec<u8>>) {
    for frame in &frames {
        assert!(black_box(decoder.decode(black_box(frame), &kraken_scale())).is_ok());
    }
    (decoder, frames)
}

library_benchmark_group!(
    name = stages;
    benchmarks =
        decode_jayx, decode_bayse, decode_lines, apply_jayx, apply_bayse, replace, session_jayx,
        session_bayse, session_kraken, delta_apply, delta_apply_ladder, decode_kraken
);

main!(library_benchmark_groups = stages);
