//! Simulates a suspend of the system: the C library's clocks that include suspended time jump, and the monotonic clock
//! does not.
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
#![allow(clippy::unwrap_used)] // helpers fail like tests

mod common;

use std::io::BufRead as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use common::{Folder, Running, accept, listen, program};
use ticklot::capture::FrameLog;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// A library that replaces `clock_gettime`. The file that `CLOCK_FILE` names contains the seconds of the suspend.
const CLOCK: &str = r#"
use std::ffi::{c_int, c_long};
#[repr(C)]
pub struct Timespec { seconds: c_long, nanos: c_long }
// SAFETY: this is the C library's declaration.
unsafe extern "C" { fn syscall(number: c_long, ...) -> c_long; }
#[cfg(target_arch = "x86_64")]
const CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const CLOCK_GETTIME: c_long = 113;
const REALTIME: c_int = 0;
const BOOTTIME: c_int = 7;
// SAFETY: the function has the C library's signature and contract: `time` points to a writable `Timespec`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    // SAFETY: the system call writes one `Timespec` to `time`, which the caller guarantees to be writable, or fails.
    let failed = unsafe { syscall(CLOCK_GETTIME, clock as c_long, time) };
    if failed == 0 && (clock == REALTIME || clock == BOOTTIME) {
        let slept = std::env::var_os("CLOCK_FILE").and_then(|file| std::fs::read_to_string(file).ok());
        let slept: c_long = slept.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        // SAFETY: the call did not fail, so it has written to `time`.
        unsafe { (*time).seconds += slept };
    }
    failed as c_int
}
"#;

/// A clock that the test sets.
struct Clock {
    folder: Folder,
    library: String,
}

impl Clock {
    /// Compiles the library; none without a compiler.
    fn compile(name: &str) -> Option<Self> {
        let folder = Folder::new(name);
        let (source, library) = (folder.write("clock.rs", CLOCK), folder.file("clock.so"));
        let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let options = [
            "--edition=2024",
            "--crate-type=cdylib",
            "-Copt-level=1",
            "-o",
        ];
        let compiled = Command::new(compiler)
            .args(options)
            .args([&library, &source])
            .status();
        if !compiled.ok().is_some_and(|status| status.success()) {
            println!("skipped: rustc cannot compile the clock");
            return None;
        }
        let clock = Self { folder, library };
        clock.sleep(0);
        Some(clock)
    }

    /// Sets the duration of the suspend.
    fn sleep(&self, seconds: u64) {
        let new = self.folder.write("new", &seconds.to_string());
        // Replaced atomically, because the program reads the file continuously.
        std::fs::rename(new, self.folder.file("clock")).unwrap();
    }

    /// Starts the program with this clock, for JayX in plain JSON.
    fn start(&self, args: &[&str], url: &str) -> Running {
        let mut command = program(args);
        command.args(["--venue=jayx", "--envelope=plain", "--url", url]);
        command.env("LD_PRELOAD", &self.library);
        command.env("CLOCK_FILE", self.folder.file("clock"));
        Running::spawn(command.stderr(Stdio::inherit()))
    }
}

/// Sends a book and a ping, and waits for the pong: then the client has read both.
fn have_book_read(stream: &mut WebSocket<TcpStream>) -> tungstenite::Result<()> {
    let book = r#"{"orderBook":{"asks":[{"ticks":11,"lots":5,"count":1}],"bids":[{"ticks":10,"lots":5,"count":1}]}}"#;
    stream.send(Message::text(book))?;
    stream.send(Message::Ping(Default::default()))?;
    while !stream.read()?.is_pong() {}
    Ok(())
}

/// Waits for a line of this type that contains this text, and returns it.
fn line(lines: &Receiver<String>, kind: &str, text: &str) -> String {
    let kind = format!(r#""type":"{kind}""#);
    loop {
        // Far less than the 30 s after which the book is stale by the monotonic clock.
        let line = lines.recv_timeout(Duration::from_secs(15)).unwrap();
        if line.contains(&kind) && line.contains(text) {
            return line;
        }
    }
}

/// The hour in an object's time of day.
fn hour(line: &str) -> u32 {
    let at = line.find(r#""time":""#).unwrap() + 8;
    line[at + 11..at + 13].parse().unwrap()
}

/// Longer than a second: it compiles the clock.
#[test]
fn suspend_makes_books_stale() {
    let Some(clock) = Clock::compile("suspend") else {
        return;
    };
    let (listener, url) = listen();
    // One book, then silence.
    std::thread::spawn(move || {
        let mut stream = accept(&listener);
        have_book_read(&mut stream).unwrap();
        while stream.read().is_ok() {}
    });
    let mut running = clock.start(&["watch", "--json"], &url);
    let (sender, lines) = channel();
    let out = running.out.take().unwrap();
    std::thread::spawn(move || {
        let mut lines = out.lines().map_while(Result::ok);
        lines.all(|line| sender.send(line).is_ok())
    });
    let before = line(&lines, "book", "live");
    clock.sleep(3600);
    let after = line(&lines, "state", "stale");
    assert_eq!(hour(&after), (hour(&before) + 1) % 24, "{before} {after}");
}

/// Longer than a second: it compiles the clock.
#[test]
fn recording_counts_suspended_time() {
    let Some(clock) = Clock::compile("suspended-record") else {
        return;
    };
    let (listener, url) = listen();
    let out = clock.folder.file("log.jsonl");
    let mut recording = clock.start(&["record", "--out", &out], &url);
    let mut stream = accept(&listener);
    have_book_read(&mut stream).unwrap();
    clock.sleep(3600);
    // A client that notices the suspend before this book opens another connection.
    while have_book_read(&mut stream).is_err() {
        assert!(
            recording.child.try_wait().unwrap().is_none(),
            "the recording ended"
        );
        stream = accept(&listener);
    }
    recording.interrupt();
    let log = FrameLog::open(&out).unwrap();
    let times: Vec<u64> = log.map(|record| record.unwrap().recv_ns).collect();
    let slept = Duration::from_nanos(times.last().unwrap() - times[0]);
    assert!(times.len() >= 2 && times.is_sorted(), "{times:?}");
    // The test itself takes some time.
    assert!((3600..3660).contains(&slept.as_secs()), "{slept:?}");
}
