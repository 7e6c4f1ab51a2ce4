//! The whole path inside the process: a frame through `Session` until the handler has read the best prices.

#![allow(missing_docs)] // criterion's macros generate undocumented functions

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use ticklot::bayse::Bayse;
use ticklot::jayx::JayX;
use ticklot::venue::Venue;
use ticklot::{Books, ConnectionId, Nanos, Options, Scale, Session};
use ticklot_benches::{
    BAYSE_SCALE, FrameFormat, Pool, log_throughput, pool_throughput, read_touch, recorded,
    timed_shapes,
};
use ticklot_frame::jayx::Envelope;

fn pools(c: &mut Criterion) {
    let mut group = c.benchmark_group("whole");
    for (name, shape) in timed_shapes() {
        let pool = Pool::new(shape);
        group.throughput(pool_throughput(&pool));
        frames_of(&mut group, name, shape.wire, BAYSE_SCALE, pool.frames());
    }
}

fn logs(c: &mut Criterion) {
    let mut group = c.benchmark_group("whole recorded");
    for log in recorded::logs() {
        group.throughput(log_throughput(&log));
        let scale = recorded::BAYSE_SCALE;
        frames_of(&mut group, log.name, log.wire, scale, &log.frames);
    }
}

fn frames_of(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    wire: FrameFormat,
    scale: Scale,
    frames: &[Vec<u8>],
) {
    let jayx = |envelope| JayX::new("BTCUSDT").envelope(envelope);
    match wire {
        FrameFormat::JayxSocketIo => session(group, name, jayx(Envelope::SocketIo), frames),
        FrameFormat::JayxBare => session(group, name, jayx(Envelope::Plain), frames),
        FrameFormat::Bayse => session(group, name, Bayse::any().scale(scale), frames),
    }
}

/// Processes the frames in a cycle, one in each iteration.
fn session(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    venue: impl Venue,
    frames: &[Vec<u8>],
) {
    let mut books = Books::new();
    let mut session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
    let opened = session.opened(Nanos(0), &mut books, &mut read_touch);
    assert!(opened.is_continue());
    while session.outgoing(Nanos(0)).is_some() {}

    let mut now = Nanos(0);
    let mut frames = frames.iter().cycle();
    group.bench_function(name, |b| {
        b.iter(|| {
            let frame = frames.next().map_or(&[][..], Vec::as_slice);
            now = now.after(Duration::from_millis(1));
            session.frame(black_box(frame), now, &mut books, &mut read_touch)
        });
    });
    let stats = session.stats();
    assert!(stats.bad_lines == 0, "{name}: {stats:?}");
    assert!(
        stats.snapshots > 0 || stats.frames < 10,
        "{name}: {stats:?}"
    );
}

criterion_group! {
    name = benches;
    config = ticklot_benches::criterion();
    targets = pools, logs
}
criterion_main!(benches);
