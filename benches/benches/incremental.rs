//! Sets a level and reads the best prices, and reads ten levels of both sides, of a deep book with either storage.
//!
//! The feed is [`ticklot_benches::walk`]: about 1,100 levels a side, changes of single levels, and a price that leaves the
//! window. One iteration is a pass over it; times are per message.

#![allow(missing_docs)] // criterion's macros generate undocumented functions

use std::hint::black_box;

use criterion::BatchSize::PerIteration;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ticklot_benches::{SEED, WalkStep, walk};
use ticklot_book::{Book, BookView, Delta, DeltaBook, Flat, Ids, Ladder, Level, Nanos, Scale};
use ticklot_book::{Sequence, Side, Snapshot, Storage, Ticks};

/// The messages of a pass: more than any cache holds.
const STEPS: usize = 200_000;

fn update(c: &mut Criterion) {
    let (first, steps) = walk(SEED, STEPS);
    let mut group = c.benchmark_group("incremental/update");
    group.throughput(Throughput::Elements(STEPS as u64));
    // Each pass starts with the same book, because a pass moves the price.
    group.bench_function("Book<Ladder>", |b| {
        let book = filled::<Ladder>(&first);
        b.iter_batched_ref(|| book.clone(), |book| set_all(book, &steps), PerIteration);
    });
    group.bench_function("DeltaBook<Ladder>", |b| {
        let book = followed(Book::<Ladder>::with_storage(Scale::UNIT), &first);
        b.iter_batched_ref(
            || book.clone(),
            |book| follow_all(book, &steps),
            PerIteration,
        );
    });
    group.bench_function("Book<Flat>", |b| {
        let book = filled::<Flat>(&first);
        b.iter_batched_ref(|| book.clone(), |book| set_all(book, &steps), PerIteration);
    });
}

fn filled<S: Storage>(first: &[WalkStep]) -> Book<S> {
    let mut book = Book::<S>::with_storage(Scale::UNIT);
    let _ = book.apply_snapshot(&[], &[], Nanos(0));
    set_all(&mut book, first);
    book
}

fn set_all<S: Storage>(book: &mut Book<S>, steps: &[WalkStep]) {
    for step in steps {
        if let Err(error) = book.set(step.side, step.level, Nanos(1)) {
            unreachable!("{error}");
        }
        black_box((book.best_bid(), book.best_ask()));
    }
}

fn followed<S: Storage>(book: Book<S>, first: &[WalkStep]) -> DeltaBook<S> {
    let mut book = DeltaBook::new(book, Sequence::Contiguous);
    let snapshot = Snapshot {
        id: Some(0),
        ..Snapshot::default()
    };
    let _ = book.apply_snapshot(&snapshot, Nanos(0));
    follow_all(&mut book, first);
    book
}

fn follow_all<S: Storage>(book: &mut DeltaBook<S>, steps: &[WalkStep]) {
    let mut id = book.last_id().unwrap_or(0);
    for step in steps {
        id += 1;
        let levels = core::slice::from_ref(&step.level);
        let (bids, asks): (&[Level], &[Level]) = match step.side {
            Side::Bid => (levels, &[]),
            Side::Ask => (&[], levels),
        };
        let delta = Delta {
            bids,
            asks,
            ids: Some(Ids::one(id)),
            checksum: None,
        };
        let outcome = book.apply_delta(&delta, Nanos(1));
        black_box(&outcome);
        let live = book.live();
        black_box(live.map(|book| (book.best_bid(), book.best_ask())));
    }
}

fn read(c: &mut Criterion) {
    let (first, steps) = walk(SEED, STEPS);
    let mut group = c.benchmark_group("incremental/ten levels of both sides");
    let ladder = filled::<Ladder>(&first);
    group.bench_function("Book<Ladder>", |b| b.iter(|| ten(black_box(&ladder))));
    let flat = filled::<Flat>(&first);
    group.bench_function("Book<Flat>", |b| b.iter(|| ten(black_box(&flat))));
    drop(group);
    print_input(&ladder, &steps);
}

fn ten<S: Storage>(book: &Book<S>) -> [[Level; 10]; 2] {
    let mut out = [[Level::default(); 10]; 2];
    for (side, out) in [Side::Bid, Side::Ask].into_iter().zip(&mut out) {
        black_box(book.copy_top(side, out));
    }
    black_box(out)
}

/// Prints a description of the input.
fn print_input(book: &Book<Ladder>, steps: &[WalkStep]) {
    let window = book.storage(Side::Bid).window();
    let beyond = |step: &&WalkStep| step.side == Side::Bid && step.level.ticks < window.1;
    println!(
        "{} messages, {} of them bids beyond the initial window; {} and {} levels; {} bytes",
        steps.len(),
        steps.iter().filter(beyond).count(),
        book.depth_levels(Side::Bid),
        book.depth_levels(Side::Ask),
        book.memory(),
    );
    let spans = [Side::Bid, Side::Ask].map(|side| {
        let ticks = |level: Option<Level>| level.map_or(Ticks(0), |level| level.ticks);
        let storage = book.storage(side);
        (ticks(storage.best()).0, ticks(storage.worst()).0)
    });
    println!("bids and asks from best to worst: {spans:?}");
}

criterion_group! {
    name = benches;
    config = ticklot_benches::criterion();
    targets = update, read
}
criterion_main!(benches);
