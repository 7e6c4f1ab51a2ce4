//! Recorded order flow produces exactly the recorded truth, with and without a socket.

use std::sync::Arc;

use ticklot_sim::{RecordedFrame, Recording, Simulator, Speed, Venue};
use ticklot_tests::data::{LOGS, Log, assert_same_rows, columns};
use ticklot_tests::program::{TempFile, ticklot};

const COLUMNS: [&str; 12] = [
    "frame", "line", "book", "bid", "bid_lots", "ask", "ask_lots", "bids", "asks", "crc32",
    "scope", "market",
];

/// The rows equal the truth. The recorded truth is older than the last two columns, `scope` and `market`, and has neither.
fn assert_is_truth(rows: &str, log: Log) {
    let header = rows.lines().next().unwrap_or_default();
    assert!(header.split(',').eq(COLUMNS), "{rows:.200}");
    let rows = columns(rows, |name| !matches!(name, "scope" | "market"));
    assert_same_rows(&rows, &log.truth(), log.name);
}

fn replay(log: Log) {
    let Some(path) = log.path("replay") else {
        return;
    };
    let rows = TempFile::new("replay.csv");
    let mut args = vec!["replay".to_owned(), path.display().to_string()];
    args.extend(log.options());
    args.push(format!("--books={}", rows.path()));
    let ran = ticklot(&args);
    ran.assert_ok();
    let frames = format!("{} frames, ", log.frames);
    assert!(ran.out.starts_with(&frames), "{}", ran.out);
    ran.assert_out(" 0 errors, ");
    assert_is_truth(&rows.text(), log);
    assert_eq!(rows.text().lines().count() as u64, log.books + 1);
}

/// How `ticklot watch` drives its feed.
#[derive(Clone, Copy)]
enum Driver {
    Runtime,
    Spinning,
}

/// As with `ticklot serve --log LOG --speed max` and `ticklot watch --url ... --no-reconnect`.
fn through_a_socket(log: Log, driver: Driver) {
    let Some(frames) = log.frames("through_a_socket") else {
        return;
    };
    let frames = frames.into_iter();
    let frames = frames.map(|(recv_ns, frame)| RecordedFrame { recv_ns, frame });
    let frames = frames.collect();
    let recording = Arc::new(Recording { frames });
    let venue = match log.envelope {
        "" => Venue::Bayse,
        _ => Venue::Jayx,
    };
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = Simulator::playback(venue, recording, Speed::Max, listen).unwrap();
    let rows = TempFile::new("watch.csv");
    let mut args = vec!["watch".to_owned(), "--no-reconnect".to_owned()];
    if venue == Venue::Bayse {
        args.push("--accept-any".to_owned());
    }
    args.extend(log.options());
    args.push(format!("--url={}", server.url(venue).unwrap()));
    args.push(format!("--books={}", rows.path()));
    if let Driver::Spinning = driver {
        args.extend(["--spin", "--keep-warm=50us"].map(str::to_owned));
    }
    let ran = ticklot(&args);
    ran.assert_ok();
    assert_is_truth(&rows.text(), log);
}

#[test]
fn replay_jayx_in_packets() {
    replay(LOGS[0]);
}

#[test]
fn replay_jayx_bare() {
    replay(LOGS[1]);
}

#[test]
fn replays_recorded_bayse_books() {
    replay(LOGS[2]);
}

// Each takes over a second in a debug build: thousands of frames through two event loops.

#[test]
fn socket_jayx_packets() {
    through_a_socket(LOGS[0], Driver::Runtime);
}

#[test]
fn through_a_socket_jayx_bare() {
    through_a_socket(LOGS[1], Driver::Runtime);
}

#[test]
fn through_a_socket_bayse() {
    through_a_socket(LOGS[2], Driver::Runtime);
}

#[test]
fn spinning_socket_jayx_packets() {
    through_a_socket(LOGS[0], Driver::Spinning);
}

#[test]
fn spinning_socket_jayx_plain() {
    through_a_socket(LOGS[1], Driver::Spinning);
}

#[test]
fn through_a_socket_bayse_spinning() {
    through_a_socket(LOGS[2], Driver::Spinning);
}
