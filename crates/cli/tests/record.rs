//! A recording that is killed, as a user has it: a process and a signal that it cannot catch.

#![cfg(unix)] // SIGKILL
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ticklot::capture::FrameLog;
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

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ticklot-killed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Over two seconds, and with a timing: it is about the last second before a kill.
#[test]
fn a_kill_loses_at_most_the_last_second() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = folder();
    for name in ["log.jsonl", "log.jsonl.gz", "log.jsonl.zst"] {
        let path = folder.join(name);
        let out = path.to_str().unwrap();
        let kept = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("ws://{}", listener.local_addr().unwrap());
            let args = [
                "record",
                "--venue=jayx",
                "--envelope=plain",
                "--url",
                &url,
                "--out",
                out,
            ];
            let mut child = program(&args).spawn().unwrap();
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
