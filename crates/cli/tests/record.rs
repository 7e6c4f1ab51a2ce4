//! A recording that is killed, that waits for its venue, or that has no room, as a user has it: a process.

#![cfg(unix)] // signals, and limits of the size of files
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod common;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{Folder, PROGRAM, Running, accept, listen, printed, program};
use ticklot::capture::FrameLog;
use ticklot::observe::RecordKind;
use tokio_tungstenite::tungstenite::Message;

/// How long frames are sent before the kill: twice what may be lost, so that most must be there.
const PLAYED: Duration = Duration::from_secs(2);
/// What a kill may lose.
const LOST: Duration = Duration::from_secs(1);

fn frame(n: u64) -> String {
    format!(r#"{{"orderBook":{{"asks":[],"bids":[{{"ticks":{n},"lots":1}}]}}}}"#)
}

/// Sends numbered frames, a ping behind each, and notes when each ping was answered: by then the client
/// has read all before it. Returns the last frame that was answered a second before the kill.
fn send_until_killed(listener: &TcpListener, child: &mut Child) -> u64 {
    let mut stream = accept(listener);
    let start = Instant::now();
    let mut answered = Vec::new();
    for number in 0.. {
        stream.send(Message::text(frame(number))).unwrap();
        stream.send(Message::Ping(Default::default())).unwrap();
        while !stream.read().unwrap().is_pong() {}
        answered.push((number, Instant::now()));
        if start.elapsed() >= PLAYED {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // SIGKILL. What was answered so long before this moment was received before it.
    let kill = Instant::now();
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = answered.iter().rev().find(|(_, at)| *at + LOST <= kill);
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
            Err(error) => assert!(error.is_cut(), "{error}"),
        }
    }
    next
}

fn record_plain(url: &str, out: &str) -> Running {
    let options = ["--venue=jayx", "--envelope=plain", "--url", url];
    Running::start(&[&["record", "--out", out][..], &options].concat())
}

/// Over two seconds, and with a timing: it is about the last second before a kill.
#[test]
fn kill_loses_under_a_second() {
    let folder = Folder::new("killed");
    for name in ["log.jsonl", "log.jsonl.gz", "log.jsonl.zst"] {
        let out = folder.file(name);
        let (listener, url) = listen();
        let kept = send_until_killed(&listener, &mut record_plain(&url, &out).child);
        assert!(kept > 20, "{name}: frames were answered in time to count");
        let there = read(&out);
        assert!(
            there > kept,
            "{name}: {there} frames are there, and {kept} must be"
        );

        let replayed = program(&["replay", &out]).output().unwrap();
        // Only a plain file may look whole.
        let is_whole = replayed.stderr.is_empty() && name == "log.jsonl";
        let text = printed(i32::from(!is_whole), &replayed);
        let summary = format!("{there} frames, {there} messages, 1 books, ");
        assert!(text.starts_with(&summary), "{text}");
        if !is_whole {
            let error = String::from_utf8(replayed.stderr).unwrap();
            assert_eq!(error.lines().count(), 1, "{error}");
            assert!(error.contains(": cut off at line "), "{error}");
        }
    }
}

/// Over a second: an attempt that fails is followed by a pause of up to a second.
#[test]
fn record_retries_the_first_connection() {
    let folder = Folder::new("down");
    let out = folder.file("log.jsonl");
    let (listener, url) = listen();
    let recording = record_plain(&url, &out);
    // Attempts that fail: the server hangs up.
    for _ in 0..2 {
        drop(listener.accept().unwrap());
    }
    assert!(!Path::new(&out).exists(), "no file without a message");
    let mut stream = accept(&listener);
    stream.send(Message::text(frame(0))).unwrap();
    stream.send(Message::Ping(Default::default())).unwrap();
    while !stream.read().unwrap().is_pong() {}
    recording.interrupt();
    assert_eq!(read(&out), 1);
}

/// Runs the program where no file may be larger than so many blocks of 512 bytes.
fn limited(blocks: u32, args: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    command.arg(PROGRAM).args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

/// Some seconds of real time, until what the embedded server sends is as much.
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
        // Each ends with a whole line.
        for record in FrameLog::open(file.unwrap().path()).unwrap().everything() {
            dropped += u32::from(record.unwrap().kind == RecordKind::Dropped);
        }
        count += 1;
    }
    assert!(count > 1 && dropped > 0, "{count} files, {dropped} notes");
}

/// As above.
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
    assert!(!Path::new(&picture).exists(), "half a picture is none");
}
