//! A suspend of the system, as the program sees it: the C library's clocks that count suspended time jump,
//! the monotonic one does not.
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
#![allow(clippy::unwrap_used)] // a helper of a test fails like a test

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ticklot::capture::FrameLog;
use ticklot_transport::accept_key;

/// Replaces `clock_gettime`: the file that `CLOCK_FILE` names says how many seconds the system slept.
const CLOCK: &str = r#"
use std::ffi::{c_int, c_long};
#[repr(C)]
pub struct Timespec { seconds: c_long, nanos: c_long }
unsafe extern "C" { fn syscall(number: c_long, ...) -> c_long; }
#[cfg(target_arch = "x86_64")]
const CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const CLOCK_GETTIME: c_long = 113;
const REALTIME: c_int = 0;
const BOOTTIME: c_int = 7;
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    let failed = unsafe { syscall(CLOCK_GETTIME, clock as c_long, time) };
    if failed == 0 && (clock == REALTIME || clock == BOOTTIME) {
        let slept = std::env::var_os("CLOCK_FILE").and_then(|file| std::fs::read_to_string(file).ok());
        let slept: c_long = slept.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        unsafe { (*time).seconds += slept };
    }
    failed as c_int
}
"#;

/// A folder of this test; removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("ticklot-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Says how long the system slept.
    fn sleep(&self, seconds: u64) {
        let new = self.0.join("new");
        std::fs::write(&new, seconds.to_string()).unwrap();
        // In one step: the program reads it all the time.
        std::fs::rename(new, self.0.join("clock")).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Compiles the clock; none where there is no compiler.
fn compile(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("clock.rs"), folder.join("clock.so"));
    std::fs::write(&source, CLOCK).unwrap();
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let compiled = Command::new(compiler)
        .args([
            "--edition=2024",
            "--crate-type=cdylib",
            "-Copt-level=1",
            "-o",
        ])
        .args([&library, &source])
        .status();
    compiled.ok()?.success().then_some(library)
}

/// Where a server listens, and its URL.
fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// The next connection, and its upgrade.
fn accept(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let key = accept_key(key.unwrap());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {key}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).unwrap();
    stream
}

fn send_book(stream: &mut TcpStream) -> io::Result<()> {
    let book = br#"{"orderBook":{"asks":[{"ticks":11,"lots":5,"count":1}],"bids":[{"ticks":10,"lots":5,"count":1}]}}"#;
    let head = [0x81, u8::try_from(book.len()).unwrap()];
    stream.write_all(&[&head, book.as_slice()].concat())
}

/// A server that sends one book and then nothing. Its URL.
fn serve() -> String {
    let (listener, url) = listen();
    std::thread::spawn(move || {
        let mut stream = accept(&listener);
        send_book(&mut stream).unwrap();
        while stream.read(&mut [0; 256]).is_ok_and(|n| n > 0) {}
    });
    url
}

/// Sends a book and a ping, and waits for the pong: by then the client has read both.
fn have_book_read(stream: &mut TcpStream) -> io::Result<()> {
    send_book(stream)?;
    stream.write_all(&[0x89, 0])?;
    loop {
        // Short ones, and masked.
        let mut head = [0; 6];
        stream.read_exact(&mut head)?;
        stream.read_exact(&mut vec![0; usize::from(head[1] & 0x7f)])?;
        match head[0] {
            0x8a => return Ok(()),
            0x88 => return Err(io::ErrorKind::ConnectionAborted.into()),
            _ => {}
        }
    }
}

/// The program, ended when dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a line of this type that has this text, and returns it.
fn line(lines: &Receiver<String>, kind: &str, text: &str) -> String {
    let kind = format!(r#""type":"{kind}""#);
    loop {
        // Far below the 30 s after which the book is stale by the monotonic clock.
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
    let folder = Folder::new("suspend");
    let Some(library) = compile(&folder.0) else {
        println!("skipped: rustc cannot compile the clock");
        return;
    };
    folder.sleep(0);
    let mut program = Command::new(env!("CARGO_BIN_EXE_ticklot"))
        .args(["watch", "--venue=jayx", "--envelope=plain", "--json"])
        .args(["--url", &serve()])
        .env("LD_PRELOAD", library)
        .env("CLOCK_FILE", folder.0.join("clock"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(program.stdout.take().unwrap());
    let _program = Program(program);
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let mut lines = stdout.lines().map_while(Result::ok);
        lines.all(|line| sender.send(line).is_ok())
    });
    let before = line(&lines, "book", "live");
    folder.sleep(3600);
    let after = line(&lines, "state", "stale");
    assert_eq!(hour(&after), (hour(&before) + 1) % 24, "{before} {after}");
}

/// Longer than a second: it compiles the clock.
#[test]
fn recording_counts_suspended_time() {
    let folder = Folder::new("suspended-record");
    let Some(library) = compile(&folder.0) else {
        println!("skipped: rustc cannot compile the clock");
        return;
    };
    folder.sleep(0);
    let (listener, url) = listen();
    let out = folder.0.join("log.jsonl");
    let program = Command::new(env!("CARGO_BIN_EXE_ticklot"))
        .args(["record", "--venue=jayx", "--envelope=plain", "--url", &url])
        .arg("--out")
        .arg(&out)
        .env("LD_PRELOAD", library)
        .env("CLOCK_FILE", folder.0.join("clock"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut program = Program(program);
    let mut stream = accept(&listener);
    have_book_read(&mut stream).unwrap();
    folder.sleep(3600);
    // A client that notices the hour before this book does without the connection, and opens another.
    while have_book_read(&mut stream).is_err() {
        assert!(program.0.try_wait().unwrap().is_none(), "it goes on");
        stream = accept(&listener);
    }
    let pid = program.0.id().to_string();
    let mut interrupt = Command::new("kill");
    assert!(interrupt.args(["-INT", &pid]).status().unwrap().success());
    assert!(program.0.wait().unwrap().success());
    let log = FrameLog::open(&out).unwrap();
    let times: Vec<u64> = log.map(|record| record.unwrap().recv_ns).collect();
    let slept = Duration::from_nanos(times.last().unwrap() - times[0]);
    assert!(times.len() >= 2 && times.is_sorted(), "{times:?}");
    // Besides, the test itself takes time.
    let hour = Duration::from_secs(3600);
    assert!(
        slept >= hour && slept < hour + Duration::from_secs(60),
        "{slept:?}"
    );
}
