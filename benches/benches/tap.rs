//! The cost of a tap for the reading task: a frame through `Session` without a tap, with a flight recorder, and with a
//! recorder. The recorder has time to write between the measured frames.

#![allow(missing_docs)] // criterion's macros generate undocumented functions

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use ticklot::capture::{FlightOptions, Incidents, RecordOptions, Recorder};
use ticklot::jayx::{Envelope, JayX};
use ticklot::observe::Tap;
use ticklot::{Books, ConnectionId, Nanos, Options, Session};
use ticklot_benches::{FrameFormat, Pool, Shape, read_touch};

/// The number of frames between two pauses: 3 MB of the queue's 32 MiB.
const BATCH: u64 = 1_000;

fn taps(c: &mut Criterion) {
    let pool = Pool::new(Shape::single(FrameFormat::JayxSocketIo, 20));
    let frames = pool.frames();
    let folder = std::env::temp_dir().join(format!("ticklot-tap-{}", std::process::id()));
    measure(c, "none", frames, None, |_| {});
    for kib in [64, 256, 1024] {
        let mut options = FlightOptions::default();
        options.bytes = kib << 10;
        let incidents = expect(Incidents::create(&folder, 0, options));
        let name = format!("ring of {kib} KiB");
        measure(c, &name, frames, Some(Box::new(incidents)), |_| {});
    }
    let file = folder.join("log.jsonl.zst");
    let recorder = expect(Recorder::create(&file, 0, RecordOptions::default()));
    let status = recorder.clone();
    let rest = |frames| {
        let is_behind = || {
            let recorded = status.recorded();
            !recorded.failed && recorded.frames + recorded.dropped < frames
        };
        while is_behind() {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    measure(c, "recorder", frames, Some(Box::new(recorder)), rest);
    let recorded = expect(status.finish());
    assert_eq!(recorded.dropped, 0, "the pauses were too short");
    // A failure leaves the folder to the system's clean-up.
    let _ = std::fs::remove_dir_all(folder);
}

/// The value, or a panic with the error.
fn expect<T, E: std::fmt::Debug>(it: Result<T, E>) -> T {
    match it {
        Ok(it) => it,
        Err(error) => unreachable!("{error:?}"),
    }
}

/// Processes the frames in a cycle. After each batch it calls `rest` with the number of frames so far, unmeasured.
fn measure(
    c: &mut Criterion,
    name: &str,
    frames: &[Vec<u8>],
    tap: Option<Box<dyn Tap>>,
    rest: impl Fn(u64),
) {
    let mut books = Books::new();
    let venue = expect(JayX::new("BTCUSDT").envelope(Envelope::SocketIo).build());
    let mut session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
    tap.into_iter().for_each(|tap| session.tap(tap));
    let opened = session.opened(Nanos(0), &mut books, &mut read_touch);
    assert!(opened.is_continue());
    let mut now = Nanos(0);
    let mut frames = frames.iter().cycle();
    c.bench_function(&format!("tap/{name}"), |b| {
        b.iter_custom(|count| {
            let (mut took, mut left) = (Duration::ZERO, count);
            while left > 0 {
                let batch = left.min(BATCH);
                let start = Instant::now();
                for _ in 0..batch {
                    let frame = frames.next().map_or(&[][..], Vec::as_slice);
                    now = now.after(Duration::from_millis(1));
                    let reply = session.frame(black_box(frame), now, &mut books, &mut read_touch);
                    black_box(reply);
                }
                took += start.elapsed();
                left -= batch;
                rest(session.stats().frames);
            }
            took
        });
    });
    let stats = session.stats();
    // Without frames, the command line selected another benchmark.
    let applied = stats.frames == 0 || stats.snapshots > 0;
    assert!(stats.bad_lines == 0 && applied, "{stats:?}");
}

criterion_group! {
    name = benches;
    // Short, since the recorder's pauses take most of the time.
    config = ticklot_benches::criterion()
        .measurement_time(Duration::from_millis(100))
        .warm_up_time(Duration::from_millis(50))
        .sample_size(10);
    targets = taps
}
criterion_main!(benches);
