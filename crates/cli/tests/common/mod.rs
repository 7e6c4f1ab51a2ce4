//! Runs the program as a process, with servers and folders for it.
#![allow(dead_code, clippy::unwrap_used)] // each test uses a part of it, and helpers fail like tests

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use tokio_tungstenite::tungstenite::{self, WebSocket};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_ticklot");

pub(crate) fn program<S: AsRef<OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program, which must exit with this status. Returns its output, standard error last.
#[track_caller]
pub(crate) fn run_to(status: i32, args: &[&str]) -> String {
    printed(status, &program(args).output().unwrap())
}

/// Checks the exit status of a program. Returns its output, standard error last.
#[track_caller]
pub(crate) fn printed(status: i32, output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&both).into_owned();
    assert_eq!(output.status.code(), Some(status), "{text}");
    text
}

/// Checks that a text contains all parts.
#[track_caller]
pub(crate) fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

/// A running program, which is killed on drop.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// None once a test has taken it.
    pub(crate) out: Option<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(&mut program(args))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let out = child.stdout.take().map(BufReader::new);
        Self { child, out }
    }

    /// Starts `ticklot serve`. Returns it and its URL.
    pub(crate) fn serve(args: &[&str]) -> (Self, String) {
        let mut server = Self::start(&[&["serve"], args].concat());
        let url = server.line();
        assert!(url.starts_with("ws://127.0.0.1:"), "{url}");
        (server, url)
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        let out = self.out.as_mut().unwrap();
        out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Reads lines until one contains `part`. The test harness kills a program that never prints it.
    pub(crate) fn line_with(&mut self, part: &str) -> String {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "the program ended without {part:?}");
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Sends a signal.
    pub(crate) fn kill(&self, signal: &str) {
        kill(signal, &self.child.id().to_string());
    }

    /// Sends a signal, which must end the program with status 0. Returns the rest of the output.
    pub(crate) fn end_by(mut self, signal: &str) -> String {
        self.kill(signal);
        let mut rest = String::new();
        let out = self.out.as_mut().unwrap();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{rest}");
        rest
    }

    /// Sends SIGINT like Ctrl-C, which must end the program with status 0. Returns the rest of the output.
    pub(crate) fn interrupt(self) -> String {
        self.end_by("-INT")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn kill(signal: &str, pid: &str) {
    let status = Command::new("kill").args([signal, pid]).status();
    assert!(status.unwrap().success());
}

/// A temporary folder, which is removed on drop.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("ticklot-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it, for a command line.
    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file in it. Returns the path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let file = self.file(name);
        std::fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A listener, and its URL.
pub(crate) fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Accepts the next WebSocket connection.
pub(crate) fn accept(listener: &TcpListener) -> WebSocket<TcpStream> {
    let (stream, _) = listener.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    tungstenite::accept(stream).unwrap()
}
