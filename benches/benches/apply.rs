//! Applies snapshots to a book.
//!
//! The levels are read in order from a pool. After a decoder, they would be in the L1 cache.

#![allow(missing_docs)] // criterion's macros generate undocumented functions

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use ticklot_benches::{Flow, POOL_BYTES, SEED, snapshots, without_a_common_price};
use ticklot_book::{Book, Level, Nanos, Scale};
use ticklot_sim::market::View;

fn apply(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply");
    for levels in [20, 100] {
        let count = POOL_BYTES / (2 * levels * size_of::<Level>());
        let few = snapshots(levels, Flow::Calm, SEED, count);
        let one = few[..1].to_vec();
        let all = without_a_common_price(&few);
        for (name, views) in [("nothing", one), ("few", few), ("all", all)] {
            let name = format!("{levels}, {name} changed");
            println!("apply/{name}: {:.1} changes a snapshot", changes(&views));
            group.throughput(Throughput::ElementsAndBytes {
                elements: 2 * levels as u64,
                bytes: (2 * levels * size_of::<Level>()) as u64,
            });
            book(&mut group, &name, &views);
        }
    }
}

/// The mean number of levels that a snapshot changes, without the first snapshot.
fn changes(views: &[View]) -> f64 {
    let mut book = Book::new(Scale::UNIT);
    let mut counts = views.iter().map(|view| replace(&mut book, view));
    counts.next();
    let counts: Vec<usize> = counts.collect();
    let total = u32::try_from(counts.iter().sum::<usize>()).unwrap_or(u32::MAX);
    f64::from(total) / f64::from(u32::try_from(counts.len().max(1)).unwrap_or(u32::MAX))
}

fn replace(book: &mut Book, view: &View) -> usize {
    match book.apply_snapshot(&view.bids, &view.asks, Nanos(1)) {
        // The changes are computed lazily, so they are iterated over.
        Ok(changes) => black_box(changes.len()),
        Err(error) => unreachable!("{error}"),
    }
}

fn book(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, views: &[View]) {
    let mut views = views.iter().cycle();
    let mut book = Book::new(Scale::UNIT);
    group.bench_function(format!("{name}: Book"), |b| {
        b.iter(|| views.next().map(|view| replace(&mut book, black_box(view))));
    });
}

criterion_group! {
    name = benches;
    config = ticklot_benches::criterion();
    targets = apply
}
criterion_main!(benches);
