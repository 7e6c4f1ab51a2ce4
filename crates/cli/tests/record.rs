//! Tests of recordings as processes: killed, waiting for the venue, and without room on the disk.

#![cfg(unix)] // signals and file size limits
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod common;

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{Folder, PROGRAM, Running, accept, listen, printed, program};
use ticklot::capture::FrameLog;
use ticklot::observe::RecordKind;
use tokio_tungstenite::tungstenite::{Message, WebSocket};

/// The time that frames are sent before the kill: twice the time that may be lost.
const PLAYED: Duration = Duration::from_secs(2);
/// The time before a kill whose frames may be lost.
const LOST: Duration = Duration::from_secs(1);

fn frame(n: u64) -> String {
    format!(r#"{{"orderBook":{{"asks":[],"bids":[{{"ticks":{n},"lots":1}}]}}}}"#)
}

/// Sends a frame and a ping, and waits for the pong: then the client has read the frame.
fn have_read(stream: &mut WebSocket<TcpStream>, number: u64) {
    stream.send(Message::text(frame(number))).unwrap();
    stream.send(Message::Ping(Default::default())).unwrap();
    while !stream.read().unwrap().is_pong() {}
}

/// Sends numbered frames, and kills the client with SIGKILL. Returns the last frame that the client had read a second
/// before.
fn send_until_killed(listener: &TcpListener, child: &mut Child) -> u64 {
    let mut stream = accept(listener);
    let start = Instant::now();
    let mut read = Vec::new();
    for number in 0.. {
        have_read(&mut stream, number);
        read.push((number, Instant::now()));
        if start.elapsed() >= PLAYED {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = Instant::now();
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = read.iter().rev().find(|(_, at)| *at + LOST <= kill);
    kept.unwrap().0
}

fn read(path: &str) -> u64 {
    let mut next = 0;
    for record in FrameLog::open(path).unwrap() {
        match record {
            Ok(record) => {
                assert_eq!(record.frame, frame(next).as_bytes());
                next += 1;
            }
            Err(error) => assert!(error.is_truncated(), "{error}"),
        }
    }
    next
}

fn record_plain(url: &str, out: &str) -> Running {
    let options = ["--venue=jayx", "--envelope=plain", "--url", url];
    Running::start(&[&["record", "--out", out][..], &options].concat())
}

/// Over two seconds per file format, because it measures the last second before a kill.
#[test]
fn kill_loses_under_a_second() {
    let folder = Folder::new("killed");
    for name in ["log.jsonl", "log.jsonl.gz", "log.jsonl.zst"] {
        let out = folder.file(name);
        let (listener, url) = listen();
        let kept = send_until_killed(&listener, &mut record_plain(&url, &out).child);
        assert!(kept > 20, "{name}: too few frames were read");
        let count = read(&out);
        assert!(count > kept, "{name}: {count} frames of at least {kept}");

        let replayed = program(&["replay", &out]).output().unwrap();
        // Only an uncompressed file may look complete.
        let is_whole = replayed.stderr.is_empty() && name == "log.jsonl";
        let text = printed(i32::from(!is_whole), &replayed);
        let summary = format!("{count} frames, {count} messages, 1 books, ");
        assert!(text.starts_with(&summary), "{text}");
        if !is_whole {
            let error = String::from_utf8(replayed.stderr).unwrap();
            assert_eq!(error.lines().count(), 1, "{error}");
            assert!(error.contains(": cut off at line "), "{error}");
        }
    }
}

/// Over a second: after a failed attempt the client waits for up to a second.
#[test]
fn record_retries_the_first_connection() {
    let folder = Folder::new("down");
    let out = folder.file("log.jsonl");
    let (listener, url) = listen();
    let recording = record_plain(&url, &out);
    // Two attempts fail, because the server closes the connections.
    for _ in 0..2 {
        drop(listener.accept().unwrap());
    }
    assert!(!Path::new(&out).exists(), "no file without a message");
    have_read(&mut accept(&listener), 0);
    recording.interrupt();
    assert_eq!(read(&out), 1);
}

/// Runs the program with a file size limit in blocks of 512 bytes.
fn limited(blocks: u32, args: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    command.arg(PROGRAM).args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

/// Some seconds of real time, until the embedded server has sent enough.
#[test]
fn file_size_limit_continues_recording() {
    let folder = Folder::new("limit");
    let out = folder.file("log.jsonl");
    let args = ["record", "--venue=jayx", "--duration=3s", "--out", &out];
    let error = printed(1, &limited(100, &args));
    let notice = ": File too large (os error 27); recording continues when there is room\n";
    assert!(error.contains(notice), "{error}");
    let files = std::fs::read_dir(folder.path()).unwrap();
    let (mut count, mut dropped) = (0, 0);
    for file in files {
        // Each file ends with a complete line.
        for record in FrameLog::open(file.unwrap().path()).unwrap().everything() {
            dropped += u32::from(record.unwrap().kind == RecordKind::Dropped);
        }
        count += 1;
    }
    assert!(
        count > 1 && dropped > 0,
        "{count} files, {dropped} dropped records"
    );
}

/// Some seconds of real time, as above.
#[test]
fn file_size_limit_is_error() {
    let folder = Folder::new("errors");
    let lines = (1..400).map(|n| {
        let frame = frame(n).replace('"', "\\\"");
        format!("{{\"recv_ns\":{n},\"frame\":\"{frame}\"}}\n")
    });
    let log = folder.write("log.jsonl", &lines.collect::<String>());
    let [rows, live, picture] = ["a.csv", "b.csv", "c.png"].map(|name| folder.file(name));
    for args in [
        &["watch", "--venue=jayx", "--duration=30s", "--books", &live][..],
        &["replay", &log, "--venue=jayx", "--books", &rows],
        &["plot", &log, "--venue=jayx", "--out", &picture],
    ] {
        let error = printed(1, &limited(4, args));
        assert!(error.contains("cannot write"), "{args:?}: {error}");
    }
    assert!(
        !Path::new(&picture).exists(),
        "an incomplete picture is removed"
    );
}
