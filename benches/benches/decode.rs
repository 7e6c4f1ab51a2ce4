//! Decodes frames.

#![allow(missing_docs)] // criterion's macros generate undocumented functions

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use ticklot_benches::{
    BAYSE_SCALE, FrameFormat, Pool, Shape, log_throughput, mean_bytes, pool_throughput, recorded,
    reordered, spaced, timed_shapes,
};
use ticklot_book::Scale;
use ticklot_frame::{Lines, bayse, jayx};

fn pools(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    for (name, shape) in timed_shapes() {
        let pool = Pool::new(shape);
        group.throughput(pool_throughput(&pool));
        frames_of(&mut group, name, shape.wire, BAYSE_SCALE, pool.frames());
    }
    /// Rewrites a frame with a seed.
    type Rewrite = fn(&[u8], u64) -> Vec<u8>;
    let others: [(&str, Rewrite); 2] = [
        ("spaced", |frame, _| spaced(frame)),
        ("any order", |frame, seed| reordered(frame, seed, 0)),
    ];
    for (change, changed) in others {
        for (name, wire) in [
            ("jayx socket.io", FrameFormat::JayxSocketIo),
            ("bayse", FrameFormat::Bayse),
        ] {
            let pool = Pool::new(Shape::single(wire, 20));
            let frames = pool.frames().iter().zip(0..);
            let frames: Vec<_> = frames.map(|(it, seed)| changed(it, seed)).collect();
            group.throughput(Throughput::Bytes(mean_bytes(&frames)));
            let name = format!("{name}, 20, {change}");
            frames_of(&mut group, &name, wire, BAYSE_SCALE, &frames);
        }
    }
}

fn logs(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode recorded");
    for log in recorded::logs() {
        group.throughput(log_throughput(&log));
        let scale = recorded::BAYSE_SCALE;
        frames_of(&mut group, log.name, log.wire, scale, &log.frames);
    }
}

/// Decodes the frames in a cycle, one in each iteration.
fn frames_of(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    wire: FrameFormat,
    scale: Scale,
    frames: &[Vec<u8>],
) {
    let mut frames = frames.iter().cycle();
    let mut next = || black_box(frames.next().map_or(&[][..], Vec::as_slice));
    match wire {
        FrameFormat::JayxSocketIo | FrameFormat::JayxBare => {
            let envelope = match wire {
                FrameFormat::JayxSocketIo => jayx::Envelope::SocketIo,
                _ => jayx::Envelope::Plain,
            };
            let mut decoder = jayx::Decoder::new(envelope);
            group.bench_function(name, |b| {
                b.iter(|| assert!(black_box(decoder.decode(next())).is_ok()));
            });
        }
        FrameFormat::Bayse => {
            let mut decoder = bayse::Decoder::new();
            group.bench_function(name, |b| {
                b.iter(|| {
                    for line in Lines::new(next()) {
                        assert!(black_box(decoder.decode(line.bytes, &scale)).is_ok());
                    }
                });
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = ticklot_benches::criterion();
    targets = pools, logs
}
criterion_main!(benches);
