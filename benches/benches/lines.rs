//! Splits frames of eight lines.

#![allow(missing_docs)] // criterion's macros generate undocumented functions

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ticklot_benches::{Pool, Shape, pool_throughput};
use ticklot_frame::Lines;

fn lines(c: &mut Criterion) {
    let mut group = c.benchmark_group("lines");
    for levels in [3, 20] {
        let pool = Pool::new(Shape::batch(8, levels));
        let mut frames = pool.frames().iter().cycle();
        group.throughput(pool_throughput(&pool));
        group.bench_function(format!("8 lines of {levels} levels"), |b| {
            b.iter(|| {
                let frame = frames.next().map_or(&[][..], Vec::as_slice);
                Lines::new(black_box(frame))
                    .map(|line| black_box(line).bytes.len())
                    .sum::<usize>()
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = ticklot_benches::criterion();
    targets = lines
}
criterion_main!(benches);
