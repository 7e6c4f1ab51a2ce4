//! A frame to a message.

#![allow(missing_docs)] // criterion's macros write functions without

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use ticklot_benches::{
    BAYSE_SCALE, FrameFormat, Pool, Shape, log_throughput, mean_bytes, pool_throughput, recorded,
    reordered, spaced,
};
use ticklot_book::Scale;
use ticklot_frame::{Lines, bayse, jayx};

fn pools(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    let shapes = [
        (
            "jayx socket.io, 20",
            Shape::single(FrameFormat::JayxSocketIo, 20),
        ),
        (
            "jayx socket.io, 100",
            Shape::single(FrameFormat::JayxSocketIo, 100),
        ),
        ("jayx bare, 20", Shape::single(FrameFormat::JayxBare, 20)),
        ("jayx bare, 100", Shape::single(FrameFormat::JayxBare, 100)),
        ("bayse, 3", Shape::single(FrameFormat::Bayse, 3)),
        ("bayse, 20", Shape::single(FrameFormat::Bayse, 20)),
        ("bayse, 100", Shape::single(FrameFormat::Bayse, 100)),
        ("bayse, 8 lines of 20", Shape::batch(8, 20)),
    ];
    for (name, shape) in shapes {
        let pool = Pool::new(shape);
        let (frames, throughput) = (pool.frames(), pool_throughput(&pool));
        frames_of(
            &mut group,
            name,
            shape.wire,
            BAYSE_SCALE,
            frames,
            throughput,
        );
    }
    for (name, wire) in [
        ("jayx socket.io, 20, spaced", FrameFormat::JayxSocketIo),
        ("bayse, 20, spaced", FrameFormat::Bayse),
    ] {
        let pool = Pool::new(Shape::single(wire, 20));
        let frames: Vec<Vec<u8>> = pool.frames().iter().map(|it| spaced(it)).collect();
        let throughput = Throughput::Bytes(mean_bytes(&frames));
        frames_of(&mut group, name, wire, BAYSE_SCALE, &frames, throughput);
    }
    for (name, wire) in [
        ("jayx socket.io, 20, any order", FrameFormat::JayxSocketIo),
        ("bayse, 20, any order", FrameFormat::Bayse),
    ] {
        let pool = Pool::new(Shape::single(wire, 20));
        let frames = pool.frames().iter().zip(0..);
        let frames: Vec<_> = frames.map(|(it, seed)| reordered(it, seed, 0)).collect();
        let throughput = Throughput::Bytes(mean_bytes(&frames));
        frames_of(&mut group, name, wire, BAYSE_SCALE, &frames, throughput);
    }
}

fn logs(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode recorded");
    for log in recorded::logs() {
        let scale = recorded::BAYSE_SCALE;
        let throughput = log_throughput(&log);
        frames_of(
            &mut group,
            log.name,
            log.wire,
            scale,
            &log.frames,
            throughput,
        );
    }
}

/// Decodes the frames in a cycle, one an iteration.
fn frames_of(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    wire: FrameFormat,
    scale: Scale,
    frames: &[Vec<u8>],
    throughput: Throughput,
) {
    let mut frames = frames.iter().cycle();
    let mut next = || black_box(frames.next().map_or(&[][..], Vec::as_slice));
    group.throughput(throughput);
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
