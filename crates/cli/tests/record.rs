//! A recording that is killed, that waits for its venue, or that has no room, as a user has it: a process.

#![cfg(unix)] // signals, and limits of the size of files
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use ticklot::capture::FrameLog;
use ticklot::observe::RecordKind;
use ticklot_transport::{Config, Connection, Incoming, Reader, Writer, accept_key};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// How long frames are sent before the kill: twice what may be lost, so that most must be there.
const PLAYED: Duration = Duration::from_secs(2);
/// What a kill may lose.
const LOST: Duration = Duration::from_secs(1);

fn frame(n: u64) -> String {
    format!(r#"{{"orderBook":{{"asks":[],"bids":[{{"ticks":{n},"lots":1}}]}}}}"#)
}

/// The client's connection and its upgrade.
async fn accept(listener: &TcpListener) -> (Reader, Writer) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("sec-websocket-key: "))
        .unwrap();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept_key(key)
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    Connection::accept(stream, Default::default(), &Config::default()).split()
}

/// Sends numbered frames, a ping behind each, and notes when each ping was answered: by then the client
/// has read all before it. Returns the last frame that was answered a second before the kill.
async fn send_until_killed(listener: &TcpListener, child: &mut Child) -> u64 {
    let (mut reader, mut writer) = accept(listener).await;
    let mut interval = tokio::time::interval(Duration::from_millis(5));
    let start = Instant::now();
    let mut answered = Vec::new();
    let mut sent = 0;
    loop {
        tokio::select! {
            incoming = reader.read() => {
                let Incoming::Pong(payload) = incoming.unwrap() else { continue };
                let number = u64::from_le_bytes(payload.try_into().unwrap());
                answered.push((number, Instant::now()));
                if start.elapsed() >= PLAYED {
                    break;
                }
            }
            _ = interval.tick() => {
                writer.text(frame(sent).as_bytes()).await.unwrap();
                writer.ping(&u64::to_le_bytes(sent)).await.unwrap();
                sent += 1;
            }
        }
    }
    // SIGKILL. What was answered so long before this moment was received before it.
    let kill = Instant::now();
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = answered.iter().rev().find(|(_, at)| *at + LOST <= kill);
    kept.unwrap().0
}

fn read(path: &Path) -> u64 {
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

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticklot"));
    command.args(args).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn record_plain(url: &str, out: &Path) -> Command {
    let args = ["record", "--venue=jayx", "--envelope=plain", "--url", url];
    let mut command = program(&args);
    command.arg("--out").arg(out);
    command
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ticklot-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Over two seconds, and with a timing: it is about the last second before a kill.
#[test]
fn kill_loses_under_a_second() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = folder("killed");
    for name in ["log.jsonl", "log.jsonl.gz", "log.jsonl.zst"] {
        let path = folder.join(name);
        let out = path.to_str().unwrap();
        let kept = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("ws://{}", listener.local_addr().unwrap());
            let mut child = record_plain(&url, &path).spawn().unwrap();
            send_until_killed(&listener, &mut child).await
        });
        assert!(kept > 20, "{name}: frames were answered in time to count");
        let there = read(&path);
        assert!(
            there > kept,
            "{name}: {there} frames are there, and {kept} must be"
        );

        let replayed = program(&["replay", out]).output().unwrap();
        let (told, error) = (
            String::from_utf8(replayed.stdout).unwrap(),
            String::from_utf8(replayed.stderr).unwrap(),
        );
        assert!(
            told.starts_with(&format!("{there} frames, {there} messages, 1 books, ")),
            "{told}"
        );
        if error.is_empty() {
            // Only a plain file may look whole.
            assert_eq!((name, replayed.status.code()), ("log.jsonl", Some(0)));
        } else {
            assert_eq!(
                (error.lines().count(), replayed.status.code()),
                (1, Some(1))
            );
            assert!(error.contains(": cut off at line "), "{error}");
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Over a second: an attempt that fails is followed by a pause of up to a second.
#[test]
fn record_retries_the_first_connection() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = folder("down");
    let path = folder.join("log.jsonl");
    let mut child = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let mut child = record_plain(&url, &path).spawn().unwrap();
        // Attempts that fail: the server hangs up.
        for _ in 0..2 {
            drop(listener.accept().await.unwrap());
        }
        assert!(!path.exists(), "no file without a message");
        let (mut reader, mut writer) = accept(&listener).await;
        writer.text(frame(0).as_bytes()).await.unwrap();
        writer.ping(b"read").await.unwrap();
        while !matches!(reader.read().await.unwrap(), Incoming::Pong(_)) {}
        let pid = child.id().to_string();
        let mut interrupt = Command::new("kill");
        assert!(interrupt.args(["-INT", &pid]).status().unwrap().success());
        child.wait().unwrap();
        child
    });
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(read(&path), 1);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Runs the program where no file may be larger than so many blocks of 512 bytes.
fn limited(blocks: u32, args: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    command.arg(env!("CARGO_BIN_EXE_ticklot")).args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

/// Some seconds of real time, until what the embedded server sends is as much.
#[test]
fn file_size_limit_continues_recording() {
    let folder = folder("limit");
    let out = folder.join("log.jsonl");
    let args = [
        "record",
        "--venue=jayx",
        "--duration=3s",
        "--out",
        out.to_str().unwrap(),
    ];
    let ran = limited(100, &args);
    let error = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{error}");
    let notice = ": File too large (os error 27); recording continues when there is room\n";
    assert!(error.contains(notice), "{error}");
    let files = std::fs::read_dir(&folder).unwrap();
    let (mut count, mut dropped) = (0, 0);
    for file in files {
        // Each ends with a whole line.
        for record in FrameLog::open(file.unwrap().path()).unwrap().everything() {
            dropped += u32::from(record.unwrap().kind == RecordKind::Dropped);
        }
        count += 1;
    }
    assert!(count > 1 && dropped > 0, "{count} files, {dropped} notes");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// As above.
#[test]
fn file_size_limit_is_error() {
    let folder = folder("errors");
    let log = folder.join("log.jsonl");
    let lines = (1..400).map(|n| {
        let frame = frame(n).replace('"', "\\\"");
        format!("{{\"recv_ns\":{n},\"frame\":\"{frame}\"}}\n")
    });
    std::fs::write(&log, lines.collect::<String>()).unwrap();
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (log, rows, live, picture) = (
        file("log.jsonl"),
        file("a.csv"),
        file("b.csv"),
        file("c.png"),
    );
    for args in [
        &["watch", "--venue=jayx", "--duration=30s", "--books", &live][..],
        &["replay", &log, "--venue=jayx", "--books", &rows],
        &["plot", &log, "--venue=jayx", "--out", &picture],
    ] {
        let ran = limited(4, args);
        let error = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(1), "{args:?}: {error}");
        assert!(error.contains("cannot write"), "{args:?}: {error}");
    }
    assert!(!Path::new(&picture).exists(), "half a picture is none");
    std::fs::remove_dir_all(&folder).unwrap();
}
